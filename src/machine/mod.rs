//! State machines that come with the crate. A user's own implements
//! [`StateMachine`](crate::paxos::StateMachine) just as well.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`kv`] | a key-value store |
//! | [`ledger`] | the list of all commands |

pub mod kv;
pub mod ledger;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
    /// One of it, as it is before the first command.
    pub fn start(self) -> AnyStateMachine {
        match self {
            Machine::Kv => AnyStateMachine::new(kv::KvStore::default()),
            Machine::Ledger => AnyStateMachine::new(ledger::Ledger::default()),
        }
    }
}

/// Plain data as bytes. It cannot fail: there is nothing in it that bincode cannot write.
fn encode(value: &impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap_or_default()
}

/// Bytes as plain data, all of them.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RestoreError> {
    let decoded = bincode::serde::decode_from_slice(bytes, bincode::config::standard());
    match decoded.map_err(|error| RestoreError::new(error.to_string()))? {
        (value, used) if used == bytes.len() => Ok(value),
        (_, used) => Err(RestoreError::new(format!("{} bytes too many", bytes.len() - used))),
    }
}
