//! State machines that come with the crate. Users implement
//! [`StateMachine`](crate::paxos::StateMachine) for their own.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`kv`] | a key-value store |
//! | [`ledger`] | the list of all commands |

pub mod kv;
pub mod ledger;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::paxos::{AnyStateMachine, RestoreError};

/// A state machine that comes with the crate, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// The key-value store.
    #[default]
    Kv,
    /// The list of all commands.
    Ledger,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Machine::Kv => "kv",
            Machine::Ledger => "ledger",
        })
    }
}

impl Machine {
    /// A new instance, in the state before the first command.
    pub fn start(self) -> AnyStateMachine {
        match self {
            Machine::Kv => AnyStateMachine::new(kv::KvStore::default()),
            Machine::Ledger => AnyStateMachine::new(ledger::Ledger::default()),
        }
    }
}

/// Encodes plain data. It cannot fail: the data has nothing that the codec cannot write.
fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    codec::to_vec(value, usize::MAX).unwrap_or_default()
}

/// Decodes the data of a snapshot.
fn restore<'de, T: Deserialize<'de>>(snapshot: &'de [u8]) -> Result<T, RestoreError> {
    codec::decode(snapshot, usize::MAX).map_err(|error| RestoreError::new(error.to_string()))
}
