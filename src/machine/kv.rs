//! A key-value store.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use thiserror::Error;

use super::{encode, restore};
use crate::codec;
use crate::paxos::limits::{MAX_COMMAND, MAX_REPLY};
use crate::paxos::{RestoreError, StateMachine};

/// Keys and values are any bytes.
pub type Bytes = Vec<u8>;

/// What a client may ask for. Keys and values are owned, or borrowed from the command's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "B: serde_bytes::Serialize",
    deserialize = "B: serde_bytes::Deserialize<'de>"
))]
pub enum KvCommand<B = Bytes> {
    /// What is there?
    Get {
        /// Where.
        #[serde(with = "serde_bytes")]
        key: B,
    },
    /// Put this there.
    Put {
        /// Where.
        #[serde(with = "serde_bytes")]
        key: B,
        /// What.
        #[serde(with = "serde_bytes")]
        value: B,
    },
    /// Take away what is there.
    Delete {
        /// Where.
        #[serde(with = "serde_bytes")]
        key: B,
    },
    /// Put this there, if that is there now.
    CompareAndSet {
        /// Where.
        #[serde(with = "serde_bytes")]
        key: B,
        /// What must be there; nothing, if none.
        #[serde(with = "serde_bytes")]
        expected: Option<B>,
        /// What to put there.
        #[serde(with = "serde_bytes")]
        value: B,
    },
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvReply {
    /// What is there; none if nothing is. The answer to a get.
    Value(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// It was done; this was there before.
    Replaced(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// Nothing was changed, since this is there, and not what was expected.
    Differs(#[serde(with = "serde_bytes")] Option<Bytes>),
    /// This was no command.
    NoCommand,
}

/// Why a command cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a command of {0} bytes is too long: keys and values together may have up to {MAX_ENTRY}")]
pub struct TooLong(pub usize);

/// The most bytes that a key and the values of a command may have together, so that the command
/// can be sent, and a value can be read again.
pub const MAX_ENTRY: usize = if MAX_COMMAND < MAX_REPLY { MAX_COMMAND } else { MAX_REPLY } - 64;

impl KvCommand {
    /// The bytes to send.
    pub fn encode(&self) -> Result<Bytes, TooLong> {
        let bytes = encode(self);
        if bytes.len() > MAX_ENTRY + 64 { Err(TooLong(bytes.len())) } else { Ok(bytes) }
    }
}

impl<'a> KvCommand<&'a [u8]> {
    /// What the bytes of a command say; none if they are not for this store.
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
        }
    }
}

impl KvReply {
    /// What the bytes of a reply say; none if they are not of this store.
    pub fn decode(reply: &[u8]) -> Option<Self> {
        codec::decode(reply, MAX_REPLY).ok()
    }
}

/// Keys with their values. All of them fit a command, and so a value fits a reply.
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
        }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn commands() -> impl Strategy<Value = KvCommand> {
        // Few keys, so that they meet; and values of any length.
        let long =
            (0..MAX_ENTRY / 2 - 9, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
        let few = proptest::collection::vec(0u8..3, 0..2);
        let any = prop_oneof![20 => few, 1 => long];
        let bytes = move || any.clone();
        prop_oneof![
            bytes().prop_map(|key| KvCommand::Get { key }),
            (bytes(), bytes()).prop_map(|(key, value)| KvCommand::Put { key, value }),
            bytes().prop_map(|key| KvCommand::Delete { key }),
            (bytes(), proptest::option::of(bytes()), bytes()).prop_map(|(key, expected, value)| {
                KvCommand::CompareAndSet { key, expected, value }
            }),
        ]
    }

    fn ask(store: &mut KvStore, command: &KvCommand) -> KvReply {
        KvReply::decode(&store.apply(&command.encode().unwrap())).unwrap()
    }

    #[test]
    fn the_four_commands() {
        let mut store = KvStore::default();
        let key = || b"k".to_vec();
        let value = |text: &str| Some(text.as_bytes().to_vec());
        let put = KvCommand::Put { key: key(), value: b"1".to_vec() };
        assert_eq!(ask(&mut store, &put), KvReply::Replaced(None));
        assert_eq!(ask(&mut store, &KvCommand::Get { key: key() }), KvReply::Value(value("1")));
        let swap =
            |expected| KvCommand::CompareAndSet { key: key(), expected, value: b"2".to_vec() };
        assert_eq!(ask(&mut store, &swap(None)), KvReply::Differs(value("1")));
        assert_eq!(ask(&mut store, &swap(value("1"))), KvReply::Replaced(value("1")));
        assert_eq!(
            ask(&mut store, &KvCommand::Delete { key: key() }),
            KvReply::Replaced(value("2"))
        );
        assert_eq!(ask(&mut store, &KvCommand::Get { key: key() }), KvReply::Value(None));
    }

    #[test]
    fn the_longest_entry_can_be_put_and_read_again() {
        let mut store = KvStore::default();
        let value = vec![255; MAX_ENTRY];
        let put = KvCommand::Put { key: Vec::new(), value: value.clone() };
        assert!(put.encode().unwrap().len() <= MAX_COMMAND);
        assert_eq!(ask(&mut store, &put), KvReply::Replaced(None));
        let got = store.apply(&KvCommand::Get { key: Vec::new() }.encode().unwrap());
        assert!(got.len() <= MAX_REPLY);
        assert_eq!(KvReply::decode(&got), Some(KvReply::Value(Some(value))));
        let longer = KvCommand::Put { key: Vec::new(), value: vec![0; MAX_ENTRY + 64] };
        assert!(longer.encode().is_err());
    }

    /// An encoding, with each of its bytes in turn replaced by a claimed length: of every field of it,
    /// and of what is none.
    fn claims(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        (0..bytes.len()).flat_map(move |at| {
            let (before, after) = (&bytes[..at], &bytes[at + 1..]);
            let near = [0, after.len().saturating_sub(1), after.len(), after.len() + 1];
            let far = [1 << 16, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX];
            let all = near.map(|near| near as u64).into_iter().chain(far);
            all.map(move |claimed| [before, &encode(&claimed), after].concat())
        })
    }

    /// Every kind of command, with keys and values of these sizes.
    fn of_sizes(key: usize, value: usize) -> Vec<KvCommand> {
        let (key, value) = (vec![1; key], vec![2; value]);
        let swap = |expected| {
            let (key, value) = (key.clone(), value.clone());
            KvCommand::CompareAndSet { key, expected, value }
        };
        vec![
            KvCommand::Get { key: key.clone() },
            KvCommand::Put { key: key.clone(), value: value.clone() },
            KvCommand::Delete { key: key.clone() },
            swap(None),
            swap(Some(value.clone())),
        ]
    }

    /// Ten bytes ended every leader: a get whose key is said to be longer than any memory.
    #[test]
    fn a_length_that_is_not_true_is_no_command() {
        let mut store = KvStore::default();
        let no_command = encode(&KvReply::NoCommand);
        let poison = [&[0, 0xfd][..], &[0xff; 8]].concat();
        assert_eq!(store.apply(&poison), no_command);
        for command in of_sizes(3, 5).into_iter().chain(of_sizes(0, 300)) {
            let bytes = command.encode().unwrap();
            for bytes in claims(&bytes) {
                let reply = store.apply(&bytes);
                let understood = KvCommand::decode(&bytes).is_some();
                assert_eq!(reply == no_command, !understood, "{bytes:?}");
            }
        }
        assert!(store.0.iter().all(|(key, value)| key.len() + value.len() < 1000));
    }

    #[test]
    fn a_length_that_is_not_true_is_no_reply_and_no_snapshot() {
        let value = Some(vec![7; 5]);
        let replies = [
            KvReply::Value(value.clone()),
            KvReply::Replaced(value.clone()),
            KvReply::Differs(value),
            KvReply::NoCommand,
        ];
        for reply in replies {
            for bytes in claims(&encode(&reply)) {
                let read = KvReply::decode(&bytes);
                assert!(read.is_none_or(|read| encode(&read).len() <= bytes.len()));
            }
        }
        let mut store = KvStore::default();
        of_sizes(3, 5).iter().take(2).for_each(|command| drop(ask(&mut store, command)));
        for bytes in claims(&store.snapshot()) {
            let read = KvStore::restore(&bytes);
            assert!(read.is_err() || read.unwrap().snapshot().len() <= bytes.len());
        }
    }

    /// Keys and values at, just below and just above what a command has room for.
    #[test]
    fn whatever_can_be_put_can_be_read_again() {
        for key in [0, 1, 250, 251, MAX_ENTRY / 2] {
            for less in [0, 1, 2, 250] {
                let value = MAX_ENTRY - key - less;
                let mut store = KvStore::default();
                let [get, put, delete, swap, _] = &*of_sizes(key, value) else { unreachable!() };
                let there = Some(vec![2; value]);
                assert_eq!(ask(&mut store, put), KvReply::Replaced(None));
                assert_eq!(ask(&mut store, get), KvReply::Value(there.clone()));
                assert_eq!(ask(&mut store, swap), KvReply::Differs(there.clone()));
                assert_eq!(KvStore::restore(&store.snapshot()).as_ref(), Ok(&store));
                assert_eq!(ask(&mut store, delete), KvReply::Replaced(there));
            }
        }
        for more in 1..100 {
            let put = KvCommand::Put { key: Vec::new(), value: vec![0; MAX_ENTRY + more] };
            match put.encode() {
                Ok(bytes) => assert!(bytes.len() <= MAX_COMMAND),
                Err(TooLong(bytes)) => assert!(bytes > MAX_COMMAND),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Taken up from a snapshot, a store goes on as before; and equal stores have equal
        /// snapshots, whatever led to them.
        #[test]
        fn a_snapshot_is_the_whole_state(
            before in proptest::collection::vec(commands(), 0..20),
            after in proptest::collection::vec(commands(), 0..20),
        ) {
            let mut store = KvStore::default();
            before.iter().for_each(|command| drop(ask(&mut store, command)));
            let mut restored = KvStore::restore(&store.snapshot()).unwrap();
            for command in &after {
                prop_assert_eq!(ask(&mut store, command), ask(&mut restored, command));
            }
            prop_assert_eq!(store.snapshot(), restored.snapshot());
            prop_assert_eq!(&store, &restored);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut store = KvStore::default();
            prop_assert!(KvReply::decode(&store.apply(&bytes)).is_some());
            let _: Result<_, _> = KvStore::restore(&bytes);
        }
    }
}
