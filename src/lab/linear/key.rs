//! The operations upon one key, with values as numbers.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{Operation, Violation};
use crate::machine::kv::{Bytes, KvCommand, KvReply};

/// The content of a key: a value, or nothing.
pub(super) type Slot<'h> = Option<&'h Bytes>;

/// The number of a slot among those that occur upon a key.
pub(super) type Value = usize;

/// An answered operation, with the values that it found and left.
pub(super) struct Known<'h> {
    /// The index among the answered operations of its key, by start.
    pub(super) place: usize,
    pub(super) end: u64,
    pub(super) found: Value,
    pub(super) left: Value,
    pub(super) operation: &'h Operation,
}

/// Writes of unknown outcome with the same effect (indeterminate writes).
pub(super) struct Lost<'h> {
    /// The index among the kinds of indeterminate writes.
    pub(super) place: usize,
    /// The value without which they have no effect, if any.
    pub(super) needs: Option<Value>,
    pub(super) leaves: Value,
    /// Sorted by start.
    pub(super) operations: Vec<&'h Operation>,
}

/// All operations upon one key.
pub(super) struct Key<'h> {
    pub(super) key: &'h Bytes,
    pub(super) slots: IndexSet<Slot<'h>, FxBuildHasher>,
    /// Sorted by start.
    pub(super) known: Vec<Known<'h>>,
    /// Keyed by the value left.
    pub(super) lost: FxHashMap<Value, Vec<Lost<'h>>>,
    /// The number of all operations.
    pub(super) all: usize,
}

/// The content that the operation must have found and left to be answered so; `None` if no content allows
/// this reply.
fn effect<'h>(command: &'h KvCommand, reply: &'h KvReply) -> Option<(Slot<'h>, Slot<'h>)> {
    match (command, reply) {
        (KvCommand::Get { .. }, KvReply::Value(is)) => Some((is.as_ref(), is.as_ref())),
        (KvCommand::Put { value, .. }, KvReply::Replaced(was)) => Some((was.as_ref(), Some(value))),
        (KvCommand::Delete { .. }, KvReply::Replaced(was)) => Some((was.as_ref(), None)),
        (KvCommand::CompareAndSet { expected, value, .. }, KvReply::Replaced(was)) => {
            (was == expected).then_some((was.as_ref(), Some(value)))
        }
        (KvCommand::CompareAndSet { expected, .. }, KvReply::Differs(is)) => {
            (is != expected).then_some((is.as_ref(), is.as_ref()))
        }
        _ => None,
    }
}

/// The content that an operation of unknown outcome needs, if any, to have an effect, and the content that it
/// leaves then; `None` if it never has an effect.
fn chance(command: &KvCommand) -> Option<(Option<Slot<'_>>, Slot<'_>)> {
    match command {
        KvCommand::Get { .. } | KvCommand::List { .. } => None,
        KvCommand::Put { value, .. } => Some((None, Some(value))),
        KvCommand::Delete { .. } => Some((None, None)),
        KvCommand::CompareAndSet { expected, value, .. } => {
            let needs = expected.as_ref();
            (needs != Some(value)).then_some((Some(needs), Some(value)))
        }
    }
}

impl<'h> Key<'h> {
    pub(super) fn new(
        key: &'h Bytes,
        mut operations: Vec<&'h Operation>,
    ) -> Result<Self, Box<Violation>> {
        operations.sort_by_key(|operation| operation.start);
        let all = operations.len();
        let mut slots = IndexSet::default();
        slots.insert(None);
        let mut number = |slot| slots.insert_full(slot).0;
        let mut known = Vec::new();
        let mut kinds: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for operation in operations {
            let command = &operation.command;
            let Some((end, reply)) = &operation.outcome else {
                if let Some((needs, leaves)) = chance(command) {
                    let kind = (needs.map(&mut number), number(leaves));
                    kinds.entry(kind).or_default().push(operation);
                }
                continue;
            };
            let Some((found, left)) = effect(command, reply) else {
                let (key, misfit) = (key.clone(), operation.clone());
                return Err(Box::new(Violation { key, misfit, closest: None }));
            };
            let (place, found, left) = (known.len(), number(found), number(left));
            known.push(Known { place, end: *end, found, left, operation });
        }
        let mut lost: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for (place, ((needs, leaves), operations)) in kinds.into_iter().enumerate() {
            lost.entry(leaves).or_default().push(Lost { place, needs, leaves, operations });
        }
        Ok(Key { key, slots, known, lost, all })
    }
}
