//! The judge of histories: small ones that anyone can judge, random ones that brute force judges
//! too, and large ones of a simulated store.

mod brute;
mod cases;
mod large;

use crate::lab::linear::Operation;
use crate::machine::kv::{Bytes, KvCommand, KvReply};

/// A value, or a key. Nothing, if it is empty.
fn slot(text: &str) -> Option<Bytes> {
    (!text.is_empty()).then(|| text.into())
}

fn get(key: &str) -> KvCommand {
    KvCommand::Get { key: key.into() }
}

fn put(key: &str, value: &str) -> KvCommand {
    KvCommand::Put { key: key.into(), value: value.into() }
}

fn delete(key: &str) -> KvCommand {
    KvCommand::Delete { key: key.into() }
}

fn swap(key: &str, expected: &str, value: &str) -> KvCommand {
    KvCommand::CompareAndSet { key: key.into(), expected: slot(expected), value: value.into() }
}

fn is(text: &str) -> KvReply {
    KvReply::Value(slot(text))
}

fn was(text: &str) -> KvReply {
    KvReply::Replaced(slot(text))
}

fn differs(text: &str) -> KvReply {
    KvReply::Differs(slot(text))
}

/// Asked, and told, at these times.
fn told(start: u64, end: u64, command: KvCommand, reply: KvReply) -> Operation {
    Operation { client: start, command, start, outcome: Some((end, reply)) }
}

/// Asked at this time, and told nothing.
fn lost(start: u64, command: KvCommand) -> Operation {
    Operation { client: start, command, start, outcome: None }
}
