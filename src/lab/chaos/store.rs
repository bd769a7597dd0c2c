//! The workload of `synod chaos`: clients put, get, delete and compare-and-set a few keys.

use super::verdict::{Exchange, Told};
use super::workload::Workload;
use crate::lab::linear::{Operation, check};
use crate::machine::kv::{Bytes, KvCommand, KvReply, KvStore};
use crate::paxos::{Answer, AnyStateMachine, Done};

/// The most steps of the search for an order, for each key.
const BUDGET: u64 = 100_000_000;

/// Load on a key-value store. What its clients were told is judged by a search for an order that explains
/// it, which does not look at the log.
#[derive(Clone, Debug)]
pub struct StoreWorkload {
    keys: u64,
    /// The value that this client has seen last, to compare with.
    seen: Option<Bytes>,
}

impl StoreWorkload {
    /// Load on so many keys.
    pub fn new(keys: u64) -> Self {
        StoreWorkload { keys, seen: None }
    }
}

impl Workload for StoreWorkload {
    fn machine(&self) -> AnyStateMachine {
        AnyStateMachine::new(KvStore::default())
    }

    /// Every value that is ever written is another, so that no answer fits by chance.
    fn command(&mut self, client: u64, number: u64, random: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
        let key = format!("key-{}", random(self.keys)).into_bytes();
        let value = format!("{client}-{number}").into_bytes();
        let command = match random(10) {
            0..4 => KvCommand::Put { key, value },
            4..8 => KvCommand::Get { key },
            8 => KvCommand::Delete { key },
            _ => KvCommand::CompareAndSet { key, expected: self.seen.clone(), value },
        };
        // A command of this size can always be sent.
        command.encode().unwrap_or_default()
    }

    fn on_answer(&mut self, answer: &Answer) {
        if let Some(KvReply::Value(value) | KvReply::Differs(value)) = reply(answer) {
            self.seen = value;
        }
    }

    fn is_unique(&self, command: &[u8]) -> bool {
        let command = KvCommand::decode(command);
        matches!(command, Some(KvCommand::Put { .. } | KvCommand::CompareAndSet { .. }))
    }

    fn judge(&self, exchanges: &[Exchange]) -> Option<String> {
        let operations: Vec<Operation> = exchanges.iter().filter_map(operation).collect();
        check(&operations, BUDGET).err().map(|error| error.to_string())
    }
}

fn reply(answer: &Answer) -> Option<KvReply> {
    match answer {
        Answer::Reply(bytes) => KvReply::decode(bytes),
        _ => None,
    }
}

/// The operation of an exchange, if it may have changed or shown what is there. One without a reply is
/// judged as one whose outcome is not known: only its place is.
fn operation(exchange: &Exchange) -> Option<Operation> {
    let Exchange { client, asked, answered, .. } = *exchange;
    let outcome = match &exchange.told {
        Told::Done(Done { answer: Answer::Panicked, .. }) | Told::Rejected => return None,
        Told::Done(done) => reply(&done.answer).map(|reply| (answered, reply)),
        Told::Unknown => None,
    };
    let command = KvCommand::decode_owned(&exchange.command)?;
    Some(Operation { client, command, start: asked, outcome })
}
