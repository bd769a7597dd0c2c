//! What must survive a crash, as records.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ballot::Ballot;
use super::message::Vote;

/// One durable fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A leader uses this round from now on, and no lower or equal one ever again.
    Round(u32),
    /// An acceptor votes under no ballot below this one any more.
    Promised(Ballot),
    /// An acceptor has cast this vote; it replaces an earlier one in the same instance, and
    /// promises its ballot.
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

/// Records in the order in which they became true. What a node knows after a crash is what the
/// concatenation of all it ever saved says, read from the front.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Storage(pub Vec<Record>);

/// What a node hands out to be saved at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// Only what the step changed; whoever saves appends it. The cost does not grow with the
    /// history.
    Changes,
    /// Everything, in one canonical form; whoever saves replaces what was there. The model checker
    /// needs this: it keeps the last save only, and compares states.
    Everything,
    /// Nothing: memory only. A node that has run so must not come back after a crash.
    Nothing,
}
