//! Everything that leaders, acceptors and clients say to one another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ballot::{Ballot, LeaderId};
use super::command::{ClientId, Command, Decree, Instance, RequestId};
use super::sessions::Done;

/// An acceptor's vote: in this instance, under this ballot, for this decree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// Where in the history.
    pub instance: Instance,
    /// Under which ballot it was cast.
    pub ballot: Ballot,
    /// For what.
    pub decree: Decree,
}

/// Why a leader will not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The payload has more than [`MAX_COMMAND`](super::limits::MAX_COMMAND) bytes.
    TooLarge,
    /// Too many commands are waiting already; worth trying again.
    Overloaded,
    /// The client has too many requests unanswered, or counts wrongly.
    WindowExceeded,
    /// The client was not heard of for longer than it is remembered. Whether this request was done
    /// before is not known any more. It will not be done from now on, if the client's lease
    /// started where it says; under a new name it can be.
    Expired,
    /// The answer to this request is not remembered any more: the client itself has said that it has
    /// it, or it, or a later request of the same client, was applied a whole lease ago. It may have
    /// been done, and will not be done from now on.
    Forgotten,
    /// Every instance that the history may have is taken, by something else.
    HistoryFull,
}

impl Refusal {
    /// Whether asking for the same again is of no use: no leader takes the request, or takes it any
    /// more.
    pub fn is_final(self) -> bool {
        match self {
            Refusal::TooLarge | Refusal::HistoryFull | Refusal::Expired | Refusal::Forgotten => {
                true
            }
            Refusal::Overloaded | Refusal::WindowExceeded => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::TooLarge => "the command is too large",
            Refusal::Overloaded => "too many commands are waiting; try again",
            Refusal::WindowExceeded => "the client has too many requests unanswered",
            Refusal::Expired => "the client's session has expired",
            Refusal::Forgotten => "what became of the request is not remembered any more",
            Refusal::HistoryFull => "the history is full",
        })
    }
}

/// One message. The names are the papers': see the table in [`crate::paxos`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Client to leader: put this command into the history.
    Request(Command),
    /// Leader to client: the command was chosen, and applied.
    Reply {
        /// Which request.
        id: RequestId,
        /// Where, and what came of it.
        done: Done,
    },
    /// Leader to client: not the primary; `primary` may be.
    Redirect {
        /// Which request.
        id: RequestId,
        /// Who is thought to be the primary.
        primary: Option<LeaderId>,
    },
    /// Leader to client: this leader does not take the request.
    Refused {
        /// Which request.
        id: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// Phase 1a, for all instances from `from` on.
    Prepare {
        /// The leader's new ballot.
        ballot: Ballot,
        /// The first instance asked about.
        from: Instance,
        /// The most pages of votes in the answer.
        pages: u32,
    },
    /// Phase 1b: no vote below `ballot` any more; one page of the votes that were cast from `from` on.
    Promise {
        /// The ballot promised to.
        ballot: Ballot,
        /// Where this page of votes starts.
        from: Instance,
        /// The votes of this page, by instance.
        votes: Vec<Vote>,
        /// Where the next page starts; none when this is the last of all.
        next: Option<Instance>,
        /// Where the last of the pages ends that answer the same question, so that the next one can be
        /// asked before they have all come; none if that is the last of all.
        end: Option<Instance>,
    },
    /// Phase 2a: vote for this decree.
    Accept {
        /// The primary's ballot.
        ballot: Ballot,
        /// Where in the history.
        instance: Instance,
        /// The proposed decree.
        decree: Decree,
    },
    /// Phase 2b: the sender has voted, which every leader learns from.
    Accepted(Vote),
    /// A `Prepare` or `Accept` under `ballot` was refused because of a higher promise.
    Nack {
        /// The ballot refused.
        ballot: Ballot,
        /// What the acceptor has promised instead.
        promised: Ballot,
    },
    /// Candidate to the other leaders: asking the acceptors, and hearing from them.
    Candidacy {
        /// The candidate's ballot.
        ballot: Ballot,
    },
    /// Primary to the other leaders and to the acceptors: alive. Acceptors pass it on to the other
    /// leaders, which may be cut off from the primary.
    Heartbeat {
        /// The primary's ballot.
        ballot: Ballot,
        /// The first instance that the primary does not know to be chosen.
        chosen: Instance,
    },
    /// Leader to leader: tell me what was chosen in these instances. Acceptor to primary: let me vote in
    /// them.
    CatchUp {
        /// The first one missing.
        from: Instance,
        /// One past the last one asked for.
        until: Instance,
    },
    /// Leader to leader: what was chosen from `first` on, one page of it.
    Chosen {
        /// The instance of the first decree.
        first: Instance,
        /// Chosen decrees of consecutive instances.
        decrees: Vec<Decree>,
        /// One past the last one asked for, so that the next page can be.
        until: Instance,
    },
    /// Client to leader: give me a name under which requests are taken.
    Open {
        /// The client's own number.
        number: u128,
    },
    /// Primary to client: requests under this name are taken, from now on for a lease.
    Opened(ClientId),
    /// Leader to client: it cannot tell where a lease would start; `primary` may.
    NotOpened {
        /// The client's own number.
        number: u128,
        /// The leader that is thought to be primary.
        primary: Option<LeaderId>,
    },
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Request(command) => write!(f, "Request {command}"),
            Message::Reply { id, done: Done { instance, position, answer } } => {
                write!(f, "Reply {id} done at {instance} after {position}, with {answer}")
            }
            Message::Redirect { id, primary: Some(leader) } => {
                write!(f, "Redirect {id} to {leader}")
            }
            Message::Redirect { id, primary: None } => write!(f, "Redirect {id} to nobody known"),
            Message::Refused { id, reason } => write!(f, "Refused {id}: {reason}"),
            Message::Prepare { ballot, from, .. } => write!(f, "Prepare {ballot} from {from}"),
            Message::Promise { ballot, votes, next, .. } => {
                write!(f, "Promise {ballot}")?;
                write_votes(f, votes)?;
                next.map_or(Ok(()), |next| write!(f, ", more from {next}"))
            }
            Message::Accept { ballot, instance, decree } => {
                write!(f, "Accept {ballot} at {instance}: {decree}")
            }
            Message::Accepted(Vote { ballot, instance, decree }) => {
                write!(f, "Accepted {ballot} at {instance}: {decree}")
            }
            Message::Nack { ballot, promised } => write!(f, "Nack {ballot}, promised {promised}"),
            Message::Candidacy { ballot } => write!(f, "Candidacy {ballot}"),
            Message::Heartbeat { ballot, chosen } => {
                write!(f, "Heartbeat {ballot}, chosen below {chosen}")
            }
            Message::CatchUp { from, until } => write!(f, "CatchUp {from}..{until}"),
            Message::Chosen { first, decrees, .. } => write!(f, "Chosen from {first}: {decrees:?}"),
            Message::Open { number } => write!(f, "Open {}", of(number)),
            Message::Opened(client) => write!(f, "Opened {client} from {}", client.lease_start),
            Message::NotOpened { number, primary: Some(leader) } => {
                write!(f, "NotOpened {}, but by {leader}", of(number))
            }
            Message::NotOpened { number, primary: None } => {
                write!(f, "NotOpened {}, by nobody known", of(number))
            }
        }
    }
}

/// The client of this number.
fn of(number: &u128) -> ClientId {
    ClientId::original(*number)
}

fn write_votes(f: &mut fmt::Formatter<'_>, votes: &[Vote]) -> fmt::Result {
    if votes.is_empty() {
        return f.write_str(", no votes");
    }
    votes.iter().try_for_each(|v| write!(f, ", voted {} at {}: {}", v.ballot, v.instance, v.decree))
}
