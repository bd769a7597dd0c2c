//! Whether what clients of the key-value store were told could have happened on a single store, one
//! operation at a time, each at some moment between its question and its answer.
//!
//! That is linearizability (Herlihy and Wing, "Linearizability", 1990), and it is local: a history
//! is linearizable if it is so for every key by itself. For each key this is the search of Wing and
//! Gong ("Testing and verifying concurrent objects", 1993) with the memo of Lowe ("Testing for
//! linearizability", 2017): extend an order by an operation that no other has to precede; go back
//! where that is impossible; never go on twice from the same operations done and the same value.
//!
//! The store makes it cheap, since its replies say much. Four things narrow the search, and none of
//! them changes its outcome:
//!
//! - Every answered operation names the one value that it found. One that changes nothing is put
//!   into the order as soon as it can be: moved forward to there, it disturbs nobody.
//! - Of two answered operations that can be next and do the same, the one that ended first goes
//!   first. The other can take its place later.
//! - A write of unknown outcome goes only where the next operation needs the value it leaves.
//!   Elsewhere the order is as good without it. A get of unknown outcome goes nowhere.
//! - Writes of unknown outcome that do the same, and were asked for before now, are one like the
//!   other: it is enough to count them. An order that has used up more of them than another, and is
//!   otherwise equal, can do nothing that the other cannot.
//!
//! The operations done are all that started before some moment, but for those that are still open
//! then. So the open ones tell which they are, and there are no more of them than clients.

mod key;
mod report;
mod search;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::machine::kv::{Bytes, KvCommand, KvReply};
use key::Key;
use search::{Failure, Search};

/// What one client asked, and what it was told.
///
/// An operation that is known not to have been done, and never to be done, has no place in a
/// history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked. Only for people to read: a client may have several operations at a time.
    pub client: u64,
    /// For what.
    pub command: KvCommand,
    /// When it asked: nanoseconds since the test began.
    pub start: u64,
    /// When it was told, in nanoseconds since the test began, and what. None if nobody knows: it
    /// may have been done at any time after the start, or may never be.
    ///
    /// An operation that ends at the very nanosecond at which another starts is taken to overlap
    /// it.
    pub outcome: Option<(u64, KvReply)>,
}

/// What was found linearizable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many operations.
    pub operations: u64,
    /// Upon how many keys.
    pub keys: u64,
    /// How many steps the search took, of all keys together.
    pub steps: u64,
}

/// Why a history is not known to be linearizable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinearizabilityError {
    /// It is not linearizable.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// It may or may not be: the search was given up.
    #[error(
        "undecided: the search for an order of the operations upon \"{}\" was given up after \
         {budget} steps", .key.escape_ascii()
    )]
    Undecided {
        /// The first key for which no order was found in time.
        key: Bytes,
        /// How many steps the search was allowed for this key.
        budget: u64,
    },
    /// It is no history: this operation, by its place in it from 0, ends before it starts.
    #[error("operation {0} of the history ends before it starts")]
    Backwards(usize),
    /// It has a list of keys, at this place from 0. A list is about many keys, and the search is about one
    /// at a time.
    #[error("operation {0} of the history is a list of keys, which is not judged")]
    ManyKeys(usize),
}

/// A reply that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Violation {
    /// Upon which key.
    pub key: Bytes,
    /// The first operation, by the time of its end, that fits nowhere. What ended before it can be
    /// ordered; with it, nothing can, whichever of the operations still open are made use of.
    pub misfit: Operation,
    /// The order that came closest. None if the command is never answered so, whatever the store
    /// holds.
    pub closest: Option<Closest>,
}

/// An order of some operations upon a key that cannot be made longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closest {
    /// How many operations it has.
    pub ordered: usize,
    /// How many there are upon this key, those of unknown outcome included.
    pub all: usize,
    /// The last of those in the order; [`LAST`] at most.
    pub last: Vec<Operation>,
    /// The value after them; none if there is none.
    pub value: Option<Bytes>,
    /// The answered operations that overlap the end of the misfit and are not in the order either.
    pub open: Vec<Operation>,
}

/// How many operations of an order are shown.
pub const LAST: usize = 6;

/// Says whether a history is linearizable, if all keys have no value at its beginning.
///
/// The operations may come in any order. For each key, no more than `budget` steps are made; a step
/// is one attempt to make an order longer by one operation. A violation of one key is found even if
/// another is left undecided.
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

/// The key of a command, if it is about one.
fn key(command: &KvCommand) -> Option<&Bytes> {
    match command {
        KvCommand::Get { key }
        | KvCommand::Put { key, .. }
        | KvCommand::Delete { key }
        | KvCommand::CompareAndSet { key, .. } => Some(key),
        KvCommand::List { .. } => None,
    }
}
