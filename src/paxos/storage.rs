//! The durable state of a node, as records.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ballot::Ballot;
use super::message::Vote;

/// One durable fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A leader is about to use this round. It never campaigns in this round or a lower one again.
    Round(u32),
    /// An acceptor no longer votes under any ballot below this one.
    Promised(Ballot),
    /// An acceptor has cast this vote. It replaces an earlier vote in the same instance, and promises its
    /// ballot.
    Voted(Vote),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Round(round) => write!(f, "round {round}"),
            Record::Promised(ballot) => write!(f, "promised {ballot}"),
            Record::Voted(Vote { instance, ballot, decree }) => {
                write!(f, "voted in {instance} under {ballot} for {decree}")
            }
        }
    }
}

/// Records in the order in which they became true. After a crash, a node restores its state by reading the
/// concatenation of all saves from the front.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Storage(pub Vec<Record>);

/// The part of the durable state that a node hands out at each save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// The records that the step added; the storage appends them. The cost does not grow with the history.
    Changes,
    /// All records, in one canonical form; the storage replaces its contents. For the model checker, which
    /// keeps the last save only, and compares states.
    Everything,
    /// Nothing: memory only. Such a node must not restart after a crash.
    Nothing,
}
