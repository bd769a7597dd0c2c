//! A judge of linearizability: could a single store have given clients these replies, one operation at a
//! time, each at some moment between its question and its answer?
//!
//! Linearizability (Herlihy and Wing, "Linearizability", 1990) is local: a history is linearizable if its
//! part upon each key is. For each key this is the search of Wing and Gong ("Testing and verifying concurrent
//! objects", 1993) with the memo of Lowe ("Testing for linearizability", 2017): extend an order by an
//! operation that no other has to precede; backtrack if there is none; never continue twice from the same set
//! of operations and the same value.
//!
//! The search is cheap because the store's replies say much. Four rules narrow it, and none changes its
//! outcome:
//!
//! - Every answered operation names the one value that it found. One that changes nothing is put into the
//!   order as soon as possible: moving it forward disturbs no other.
//! - Of two answered operations with the same effect that can be next, the one that ended first goes first.
//!   The other can take its place later.
//! - A write of unknown outcome (an indeterminate write) is placed only where the next operation needs its
//!   value. Elsewhere the order is as good without it. A get of unknown outcome is never placed.
//! - Indeterminate writes with the same effect that started before the current moment are interchangeable, so
//!   only their number counts. Of two orders that are otherwise equal, the one that has used more of them can
//!   do nothing that the other cannot.
//!
//! The operations in an order are all that started before some moment, except those that are still open then.
//! So the open ones identify the set, and there are at most as many of them as clients.

mod key;
mod report;
mod search;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::machine::kv::{Bytes, KvCommand, KvReply};
use key::Key;
use search::{Failure, Search};

/// One operation of a client: the question and the answer.
///
/// An operation that is known never to be done is not part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The client, for display only: a client may have several operations at a time.
    pub client: u64,
    /// The command asked for.
    pub command: KvCommand,
    /// The time of the question, in nanoseconds since the test began.
    pub start: u64,
    /// The time of the answer, in nanoseconds since the test began, and the reply. `None` if the outcome is
    /// unknown: the operation may have been done at any time after the start, or never be.
    ///
    /// An operation that ends at the very nanosecond at which another starts is taken to overlap
    /// it.
    pub outcome: Option<(u64, KvReply)>,
}

/// The extent of a check that found no violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The number of operations.
    pub operations: u64,
    /// The number of keys.
    pub keys: u64,
    /// The number of steps of the search, of all keys together.
    pub steps: u64,
}

/// The reason why a history is not known to be linearizable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinearizabilityError {
    /// The history is not linearizable.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// The search was given up before it was decided.
    #[error(
        "undecided: the search for an order of the operations upon \"{}\" was given up after \
         {budget} steps", .key.escape_ascii()
    )]
    Undecided {
        /// The first key for which no order was found in time.
        key: Bytes,
        /// The number of steps allowed for this key.
        budget: u64,
    },
    /// The operation at this index ends before it starts, so this is no history.
    #[error("operation {0} of the history ends before it starts")]
    Backwards(usize),
    /// The operation at this index lists keys. A list concerns many keys, and the search treats each key
    /// alone.
    #[error("operation {0} of the history is a list of keys, which is not judged")]
    ManyKeys(usize),
}

/// A reply that no single store could have given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Violation {
    /// The key concerned.
    pub key: Bytes,
    /// The first operation, by the time of its end, that cannot be ordered. All that ended before it can be;
    /// with it, there is no order, whichever of the open operations are used.
    pub misfit: Operation,
    /// The longest order found. `None` if the reply is never right for this command, whatever the content of
    /// the key.
    pub closest: Option<Closest>,
}

/// An order of some operations upon a key that cannot be extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closest {
    /// The number of operations in the order.
    pub ordered: usize,
    /// The number of all operations upon this key, those of unknown outcome included.
    pub all: usize,
    /// The last operations of the order, at most [`LAST`].
    pub last: Vec<Operation>,
    /// The value after them; `None` if there is none.
    pub value: Option<Bytes>,
    /// The answered operations that overlap the end of the misfit and are not in the order either.
    pub open: Vec<Operation>,
}

/// The most operations of an order that are shown.
pub const LAST: usize = 6;

/// Checks that a history is linearizable, with all keys without a value at its beginning.
///
/// The operations may come in any order. The search takes at most `budget` steps per key; a step is one
/// attempt to extend an order by one operation. A violation of one key is found even if another key is left
/// undecided.
pub fn check(history: &[Operation], budget: u64) -> Result<Checked, LinearizabilityError> {
    let ends_early = |operation: &Operation| {
        operation.outcome.as_ref().is_some_and(|(end, _)| *end < operation.start)
    };
    if let Some(place) = history.iter().position(ends_early) {
        return Err(LinearizabilityError::Backwards(place));
    }
    let mut keys: BTreeMap<&Bytes, Vec<&Operation>> = BTreeMap::new();
    for (place, operation) in history.iter().enumerate() {
        let key = key(&operation.command).ok_or(LinearizabilityError::ManyKeys(place))?;
        keys.entry(key).or_default().push(operation);
    }
    let mut checked = Checked::default();
    let mut undecided = None;
    for (key, operations) in keys {
        checked.operations += operations.len() as u64;
        checked.keys += 1;
        let numbered = Key::new(key, operations).map_err(LinearizabilityError::Violation)?;
        match Search::new(&numbered).run(budget) {
            Ok(steps) => checked.steps += steps,
            Err(Failure::Violation(violation)) => {
                return Err(LinearizabilityError::Violation(violation));
            }
            Err(Failure::Budget) => {
                undecided.get_or_insert_with(|| LinearizabilityError::Undecided {
                    key: key.clone(),
                    budget,
                });
            }
        }
    }
    undecided.map_or(Ok(checked), Err)
}

/// The key of a command that concerns one key.
fn key(command: &KvCommand) -> Option<&Bytes> {
    match command {
        KvCommand::Get { key }
        | KvCommand::Put { key, .. }
        | KvCommand::Delete { key }
        | KvCommand::CompareAndSet { key, .. } => Some(key),
        KvCommand::List { .. } => None,
    }
}
