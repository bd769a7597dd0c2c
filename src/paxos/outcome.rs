//! Outcomes: what a client is told of its requests.

use thiserror::Error;

use super::message::Refusal;
use super::sessions::Done;

/// The end of a request, as far as its client can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The command was applied, once, and this came of it.
    Done(Done),
    /// The command was not applied, and never will be.
    Rejected(Rejected),
    /// The command was applied once at most, or may yet be.
    Unknown(Unknown),
}

/// The reason why a command will never be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Rejected {
    /// No leader takes so large a command.
    #[error("the command is too large")]
    TooLarge,
    /// Every instance that the history may have is taken, by something else.
    #[error("the history is full")]
    HistoryFull,
    /// Given up before it was sent: no leader has answered.
    #[error("no leader has answered, so nobody has taken it on; are the members up?")]
    Unreachable,
    /// Given up before it was sent: leaders have answered, and none of them opens sessions.
    #[error(
        "nobody is primary, so nobody has taken it on; synod status says who is up: more than half of the \
         acceptors must be"
    )]
    NoPrimary,
    /// Given up before it was sent: too many earlier requests of the same client are unanswered.
    #[error("earlier requests were not answered, so it was not sent")]
    NoRoom,
}

/// The reason why an outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Unknown {
    /// Given up after it was sent.
    #[error("nobody has answered in time: it may have been done, or may yet be")]
    Silence,
    /// The leaders have forgotten the client, or its answer: see
    /// [`Limits::lease`](super::Limits::lease).
    #[error(
        "the cluster does not remember it any more: it may have been done, and will not be done from \
         now on"
    )]
    Forgotten,
}

/// What a client makes of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request has ended.
    Settled(Outcome),
    /// The same is asked again later.
    Later,
    /// It waits for another lease, to be sent under another name. Right only of a request that was
    /// never applied.
    Anew,
}

impl Refusal {
    /// What becomes of a request that is refused so.
    ///
    /// A session that has expired may have been open when the request came the first time, and the
    /// network may repeat what was sent once; so nothing but `Unknown` is right then.
    pub(super) fn verdict(self) -> Verdict {
        Verdict::Settled(match self {
            Refusal::TooLarge => Outcome::Rejected(Rejected::TooLarge),
            Refusal::HistoryFull => Outcome::Rejected(Rejected::HistoryFull),
            Refusal::Expired | Refusal::Forgotten => Outcome::Unknown(Unknown::Forgotten),
            Refusal::Overloaded | Refusal::WindowExceeded => return Verdict::Later,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is told that nobody knows any more stops asking; what is refused for now is asked again.
    #[test]
    fn a_refusal_ends_a_request_unless_it_is_for_now() {
        let outcome = |refusal: Refusal| match refusal.verdict() {
            Verdict::Settled(outcome) => Some(outcome),
            Verdict::Later | Verdict::Anew => None,
        };
        let forgotten = Some(Outcome::Unknown(Unknown::Forgotten));
        for (refusal, expected) in [
            (Refusal::TooLarge, Some(Outcome::Rejected(Rejected::TooLarge))),
            (Refusal::HistoryFull, Some(Outcome::Rejected(Rejected::HistoryFull))),
            (Refusal::Expired, forgotten.clone()),
            (Refusal::Forgotten, forgotten),
            (Refusal::Overloaded, None),
            (Refusal::WindowExceeded, None),
        ] {
            assert_eq!(outcome(refusal), expected, "{refusal}");
        }
    }
}
