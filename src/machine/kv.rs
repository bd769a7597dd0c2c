//! A key-value store.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use thiserror::Error;

use super::{encode, restore};
use crate::codec::{self, LENGTH};
use crate::paxos::limits::{MAX_COMMAND, MAX_REPLY};
use crate::paxos::{RestoreError, StateMachine};

/// Keys and values are any bytes.
pub type Bytes = Vec<u8>;

/// A command to the store. Keys and values are owned, or borrowed from the command's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "B: serde_bytes::Serialize",
    deserialize = "B: serde_bytes::Deserialize<'de>"
))]
pub enum KvCommand<B = Bytes> {
    /// Reads the value of a key.
    Get {
        /// The key to read.
        #[serde(with = "serde_bytes")]
        key: B,
    },
    /// Sets the value of a key.
    Put {
        /// The key to write.
        #[serde(with = "serde_bytes")]
        key: B,
        /// The new value.
        #[serde(with = "serde_bytes")]
        value: B,
    },
    /// Removes a key.
    Delete {
        /// The key to remove.
        #[serde(with = "serde_bytes")]
        key: B,
    },
    /// Sets the value of a key if its current value is the expected one.
    CompareAndSet {
        /// The key to write.
        #[serde(with = "serde_bytes")]
        key: B,
        /// The expected current value; none if the key must be absent.
        #[serde(with = "serde_bytes")]
        expected: Option<B>,
        /// The new value.
        #[serde(with = "serde_bytes")]
        value: B,
    },
    /// Lists the keys with a prefix, in the order of their bytes, a page at a time.
    List {
        /// The prefix of the keys to list.
        #[serde(with = "serde_bytes")]
        prefix: B,
        /// The last key of the page before, without the prefix; none for the first page.
        #[serde(with = "serde_bytes")]
        after: Option<B>,
        /// The most keys of the page. It may have fewer, so that it fits a reply.
        limit: u64,
    },
}

/// A reply of the store to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvReply {
    /// The value of the key; none if it is absent. The reply to a get.
    Value(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// The command was applied; this was the value before.
    Replaced(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// Nothing was changed: this is the current value, and not the expected one.
    Differs(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// The bytes were no command of this store.
    NoCommand,
    /// A page of keys. The answer to a list.
    Keys {
        /// The keys, in the order of their bytes.
        keys: Vec<ByteBuf>,
        /// True if there are more after the last one.
        more: bool,
    },
}

/// The error of a command that is too long to send.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a command of {0} bytes is too long: keys and values together may have up to {MAX_ENTRY}")]
pub struct TooLong(pub usize);

/// The most bytes that the key and the values of a command may have together, so that the command
/// can be sent and a value can be read again.
pub const MAX_ENTRY: usize = if MAX_COMMAND < MAX_REPLY { MAX_COMMAND } else { MAX_REPLY } - 64;

impl KvCommand {
    /// Encodes the command; an error if it is longer than can be sent.
    pub fn encode(&self) -> Result<Bytes, TooLong> {
        let bytes = encode(self);
        if bytes.len() > MAX_ENTRY + 64 { Err(TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// The command in these bytes, copied; `None` if they are not for this store.
    pub fn decode_owned(command: &[u8]) -> Option<Self> {
        codec::decode(command, MAX_COMMAND).ok()
    }
}

impl<'a> KvCommand<&'a [u8]> {
    /// Decodes a command; none if the bytes are not one of this store.
    pub fn decode(command: &'a [u8]) -> Option<Self> {
        codec::decode(command, MAX_COMMAND).ok()
    }
}

impl<B: AsRef<[u8]>> fmt::Display for KvCommand<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn text(bytes: &impl AsRef<[u8]>) -> std::slice::EscapeAscii<'_> {
            bytes.as_ref().escape_ascii()
        }
        match self {
            KvCommand::Get { key } => write!(f, "get {}", text(key)),
            KvCommand::Put { key, value } => write!(f, "put {} {}", text(key), text(value)),
            KvCommand::Delete { key } => write!(f, "delete {}", text(key)),
            KvCommand::CompareAndSet { key, expected, value } => {
                write!(f, "cas {} {}", text(key), text(value))?;
                match expected {
                    Some(expected) => write!(f, " --expect {}", text(expected)),
                    None => Ok(()),
                }
            }
            KvCommand::List { prefix, after, limit } => {
                write!(f, "list {} --limit {limit}", text(prefix))?;
                match after {
                    Some(after) => write!(f, " --after {}{}", text(prefix), text(after)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl KvReply {
    /// Encodes the reply.
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// Decodes a reply; none if the bytes are not one of this store.
    pub fn decode(reply: &[u8]) -> Option<Self> {
        codec::decode(reply, MAX_REPLY).ok()
    }
}

/// A map from keys to values. Each entry came in one command, so each value fits a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvStore(BTreeMap<ByteBuf, ByteBuf>);

impl KvStore {
    fn perform(&mut self, command: KvCommand<&[u8]>) -> KvReply {
        match command {
            KvCommand::Get { key } => KvReply::Value(self.get(key).map(Bytes::from)),
            KvCommand::Put { key, value } => KvReply::Replaced(self.put(key, value)),
            KvCommand::Delete { key } => KvReply::Replaced(self.delete(key)),
            KvCommand::CompareAndSet { key, expected, value } => {
                if self.get(key) != expected {
                    return KvReply::Differs(self.get(key).map(Bytes::from));
                }
                KvReply::Replaced(self.put(key, value))
            }
            KvCommand::List { prefix, after, limit } => self.list(prefix, after, limit),
        }
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: u64) -> KvReply {
        let from = [prefix, after.unwrap_or_default()].concat();
        let from = serde_bytes::Bytes::new(&from);
        let start = if after.is_some() { Bound::Excluded(from) } else { Bound::Included(from) };
        let later = self.0.range::<serde_bytes::Bytes, _>((start, Bound::Unbounded));
        let (mut keys, mut room) = (Vec::new(), MAX_ENTRY);
        for (key, _) in later.take_while(|(key, _)| key.starts_with(prefix)) {
            // The first key always fits, so that a client that lists page by page always advances.
            if keys.len() as u64 >= limit || (!keys.is_empty() && room < key.len() + LENGTH) {
                return KvReply::Keys { keys, more: true };
            }
            room = room.saturating_sub(key.len() + LENGTH);
            keys.push(key.clone());
        }
        KvReply::Keys { keys, more: false }
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(serde_bytes::Bytes::new(key)).map(|value| value.as_slice())
    }

    fn delete(&mut self, key: &[u8]) -> Option<Bytes> {
        self.0.remove(serde_bytes::Bytes::new(key)).map(ByteBuf::into_vec)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Option<Bytes> {
        self.0.insert(ByteBuf::from(key), ByteBuf::from(value)).map(ByteBuf::into_vec)
    }
}

impl StateMachine for KvStore {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        let command = KvCommand::decode(command);
        encode(&command.map_or(KvReply::NoCommand, |command| self.perform(command)))
    }

    fn snapshot(&self) -> Vec<u8> {
        encode(&self.0)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        restore(snapshot).map(KvStore)
    }
}

#[cfg(test)]
pub(crate) use tests::commands;

#[cfg(test)]
mod tests;
