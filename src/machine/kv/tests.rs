//! Laws of the key-value store.

use proptest::prelude::*;

use super::*;

/// A strategy for commands with keys and values made of these bytes. Many keys coincide, and some
/// values are long.
pub(crate) fn commands(
    byte: impl Strategy<Value = u8> + Clone + 'static,
) -> impl Strategy<Value = KvCommand> {
    let long = (0..MAX_ENTRY / 2 - 9, byte.clone()).prop_map(|(length, byte)| vec![byte; length]);
    let few = proptest::collection::vec(byte, 0..2);
    let any = prop_oneof![20 => few, 1 => long].boxed();
    let bytes = move || any.clone();
    prop_oneof![
        bytes().prop_map(|key| KvCommand::Get { key }),
        (bytes(), bytes()).prop_map(|(key, value)| KvCommand::Put { key, value }),
        bytes().prop_map(|key| KvCommand::Delete { key }),
        (bytes(), proptest::option::of(bytes()), bytes()).prop_map(|(key, expected, value)| {
            KvCommand::CompareAndSet { key, expected, value }
        }),
        (bytes(), proptest::option::of(bytes()), 0u64..4)
            .prop_map(|(prefix, after, limit)| KvCommand::List { prefix, after, limit }),
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
    let swap = |expected| KvCommand::CompareAndSet { key: key(), expected, value: b"2".to_vec() };
    assert_eq!(ask(&mut store, &swap(None)), KvReply::Differs(value("1")));
    assert_eq!(ask(&mut store, &swap(value("1"))), KvReply::Replaced(value("1")));
    assert_eq!(ask(&mut store, &KvCommand::Delete { key: key() }), KvReply::Replaced(value("2")));
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

/// Copies of an encoding, each with one byte replaced by a claimed length, at every place.
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
        KvCommand::List { prefix: key.clone(), after: None, limit: 9 },
        KvCommand::List { prefix: key.clone(), after: Some(value.clone()), limit: u64::MAX },
    ]
}

/// A regression: ten bytes, a get with a key said to be longer than any memory, ended every leader.
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
            assert_eq!(KvCommand::decode_owned(&bytes).is_some(), understood, "{bytes:?}");
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
        KvReply::Keys { keys: vec![ByteBuf::from("a"), ByteBuf::from("bc")], more: true },
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
            let [get, put, delete, swap, ..] = &*of_sizes(key, value) else { unreachable!() };
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

    /// A store restored from a snapshot behaves as the original, and equal stores have equal
    /// snapshots, whatever commands led to them.
    #[test]
    fn a_snapshot_is_the_whole_state(
        before in proptest::collection::vec(commands(0u8..3), 0..20),
        after in proptest::collection::vec(commands(0u8..3), 0..20),
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

    /// Pages of any size list every key with the prefix once, in order, and every page fits a
    /// reply.
    #[test]
    fn pages_join_into_the_whole_list(
        keys in proptest::collection::btree_set(
            proptest::collection::vec(0u8..3, 0..4).prop_flat_map(|key| {
                prop_oneof![Just(key.clone()), Just([key, vec![1; MAX_ENTRY / 3]].concat())]
            }),
            0..20,
        ),
        prefix in proptest::collection::vec(0u8..3, 0..2),
        limit in prop_oneof![1u64..5, Just(u64::MAX)],
    ) {
        let mut store = KvStore::default();
        for key in &keys {
            ask(&mut store, &KvCommand::Put { key: key.clone(), value: Vec::new() });
        }
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let command = KvCommand::List { prefix: prefix.clone(), after, limit };
            let reply = store.apply(&command.encode().unwrap());
            prop_assert!(reply.len() <= MAX_REPLY);
            let Some(KvReply::Keys { keys, more }) = KvReply::decode(&reply) else {
                unreachable!()
            };
            prop_assert!(keys.len() as u64 <= limit && (!more || !keys.is_empty()));
            after = keys.last().map(|key| key[prefix.len()..].to_vec());
            listed.extend(keys.into_iter().map(ByteBuf::into_vec));
            if !more {
                break;
            }
        }
        let expected: Vec<Bytes> =
            keys.into_iter().filter(|key| key.starts_with(&prefix)).collect();
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut store = KvStore::default();
        prop_assert!(KvReply::decode(&store.apply(&bytes)).is_some());
        let _: Result<_, _> = KvStore::restore(&bytes);
    }
}
