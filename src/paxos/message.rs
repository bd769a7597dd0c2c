//! The messages between leaders, acceptors and clients.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ballot::{Ballot, LeaderId};
use super::command::{ClientId, Command, Decree, Instance, RequestId};
use super::sessions::Done;

/// An acceptor's vote for a decree, in one instance and under one ballot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// The instance voted in.
    pub instance: Instance,
    /// The ballot under which the vote was cast.
    pub ballot: Ballot,
    /// The decree voted for.
    pub decree: Decree,
}

/// The reason why a leader refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The payload has more than 32 KiB.
    TooLarge,
    /// Too many commands are waiting already; it is worth trying again.
    Overloaded,
    /// The client has too many requests unanswered, or its sequence does not fit.
    WindowExceeded,
    /// The client's session has expired, or cannot be opened any more. It is not known any more if the
    /// request was done before. It will not be done from now on, provided that the client's lease starts at
    /// the instance its name says; under a new name it can be.
    Expired,
    /// The answer to this request is forgotten: the client has acknowledged it, or it or a later request of
    /// the same client was applied a whole lease ago. It may have been done, and will not be done from now
    /// on.
    Forgotten,
    /// The history has reached its maximum number of instances, without this request.
    HistoryFull,
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

/// A message of the protocol. The table in [`crate::paxos`] maps the names to those of the papers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Client to leader: a command to be applied.
    Request(Command),
    /// Leader to client: the command was chosen and applied.
    Reply {
        /// The request answered.
        id: RequestId,
        /// The instance and the result.
        done: Done,
    },
    /// Leader to client: this leader is not the primary.
    Redirect {
        /// The request redirected.
        id: RequestId,
        /// The presumed primary, if any.
        primary: Option<LeaderId>,
    },
    /// Leader to client: this leader refuses the request.
    Refused {
        /// The request refused.
        id: RequestId,
        /// The reason.
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
    /// Phase 1b: the sender votes under no ballot below `ballot` any more. Carries one page of the votes that
    /// it has cast from `from` on.
    Promise {
        /// The ballot promised.
        ballot: Ballot,
        /// The first instance of this page.
        from: Instance,
        /// The votes of this page, by instance.
        votes: Vec<Vote>,
        /// The first instance of the next page; `None` if no vote lies beyond this page.
        next: Option<Instance>,
        /// The end of the last page that answers the same question, so that the next question can be asked
        /// before all its pages have come; `None` if no vote lies beyond.
        end: Option<Instance>,
    },
    /// Phase 2a: a request to vote for this decree.
    Accept {
        /// The primary's ballot.
        ballot: Ballot,
        /// The instance of the proposal.
        instance: Instance,
        /// The proposed decree.
        decree: Decree,
    },
    /// Phase 2b: the sender has voted. Every leader learns from it.
    Accepted(Vote),
    /// A `Prepare` or `Accept` under `ballot` was refused because of a higher promise.
    Nack {
        /// The ballot refused.
        ballot: Ballot,
        /// The higher ballot that the acceptor has promised.
        promised: Ballot,
    },
    /// Candidate to the other leaders: its campaign has begun, or progresses.
    Candidacy {
        /// The candidate's ballot.
        ballot: Ballot,
    },
    /// Primary to the other leaders and to the acceptors: it is alive. Acceptors pass it on to the other
    /// leaders, which may be cut off from the primary.
    Heartbeat {
        /// The primary's ballot.
        ballot: Ballot,
        /// The first instance that the primary does not know to be chosen.
        chosen: Instance,
    },
    /// Leader to leader: a request for the decrees chosen in these instances. Acceptor to primary: a request
    /// to be asked to vote in them.
    CatchUp {
        /// The first instance that is missing.
        from: Instance,
        /// One past the last instance asked for.
        until: Instance,
    },
    /// Leader to leader: one page of the decrees chosen from `first` on.
    Chosen {
        /// The instance of the first decree.
        first: Instance,
        /// The chosen decrees of consecutive instances.
        decrees: Vec<Decree>,
        /// One past the last instance asked for, so that the next page can be requested.
        until: Instance,
    },
    /// Client to leader: a request for a name, under which requests are taken.
    Open {
        /// The number that the client has drawn.
        number: u128,
    },
    /// Primary to client: the name, whose lease starts now.
    Opened(ClientId),
    /// Leader to client: this leader does not know where a lease would start.
    NotOpened {
        /// The number that the client has drawn.
        number: u128,
        /// The presumed primary, if any.
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

/// The client of this number, for display.
fn of(number: &u128) -> ClientId {
    ClientId::original(*number)
}

fn write_votes(f: &mut fmt::Formatter<'_>, votes: &[Vote]) -> fmt::Result {
    if votes.is_empty() {
        return f.write_str(", no votes");
    }
    votes.iter().try_for_each(|v| write!(f, ", voted {} at {}: {}", v.ballot, v.instance, v.decree))
}
