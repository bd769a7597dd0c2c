//! Large histories of a simulated store, as clients would see it.

use crate::lab::linear::{LinearizabilityError, Operation, check};
use crate::machine::kv::{Bytes, KvCommand, KvReply, KvStore};
use crate::paxos::StateMachine;

const BUDGET: u64 = 1_000_000;

/// What a simulated test is like.
struct Test {
    operations: usize,
    keys: usize,
    clients: u64,
    /// How many in a thousand have an unknown outcome.
    unknown: u64,
    /// How many values there are to write; without bound if none.
    values: Option<u64>,
}

fn bytes(number: u64) -> Bytes {
    number.to_be_bytes().into()
}

/// What is done when, and by whom.
struct Deed {
    done: Option<u64>,
    start: u64,
    end: Option<u64>,
    client: u64,
}

fn deeds(test: &Test, random: &mut fastrand::Rng) -> Vec<Deed> {
    let mut free = vec![0; test.clients as usize];
    let mut deeds = Vec::new();
    for number in 0..test.operations {
        let client = number as u64 % test.clients;
        let start = free[client as usize] + random.u64(1..20);
        let end = start + random.u64(1..100);
        let known = random.u64(0..1000) >= test.unknown;
        let done = match known {
            true => Some(random.u64(start..=end)),
            // Half of those that nobody hears of are never done; others late.
            false => random.bool().then(|| start + random.u64(0..1000)),
        };
        free[client as usize] = if known { end } else { start + 300 };
        deeds.push(Deed { done, start, end: known.then_some(end), client });
    }
    deeds.sort_by_key(|deed| deed.done);
    deeds
}

fn history(test: &Test, seed: u64) -> Vec<Operation> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stores = vec![(KvStore::default(), None); test.keys];
    let mut history = Vec::new();
    for (number, deed) in (0..).zip(deeds(test, &mut random)) {
        let at = random.usize(0..test.keys);
        let (store, current) = &mut stores[at];
        let key = bytes(at as u64);
        let value = bytes(test.values.map_or(number, |values| random.u64(0..values)));
        let command = match random.u8(0..10) {
            0..4 => KvCommand::Get { key },
            4..7 => KvCommand::Put { key, value },
            7 => KvCommand::Delete { key },
            _ => {
                let guess = Some(bytes(random.u64(0..4)));
                let expected = if random.bool() { Option::clone(current) } else { guess };
                KvCommand::CompareAndSet { key, expected, value }
            }
        };
        let reply = deed.done.map(|_| {
            let reply = KvReply::decode(&store.apply(&command.encode().unwrap())).unwrap();
            *current = match (&command, &reply) {
                (_, KvReply::Value(is) | KvReply::Differs(is)) => is.clone(),
                (KvCommand::Delete { .. }, _) => None,
                (KvCommand::Put { value, .. }, _) => Some(value.clone()),
                (KvCommand::CompareAndSet { value, .. }, _) => Some(value.clone()),
                (KvCommand::Get { .. } | KvCommand::List { .. }, _) => {
                    unreachable!("no read replaces")
                }
            };
            reply
        });
        let Deed { start, client, .. } = deed;
        history.push(Operation { client, command, start, outcome: deed.end.zip(reply) });
    }
    history
}

const LARGE: Test = Test { operations: 100_000, keys: 5, clients: 8, unknown: 10, values: None };

#[test]
fn what_happened_on_one_store_is_linearizable() {
    for test in [
        LARGE,
        Test { keys: 1, ..LARGE },
        Test { values: Some(4), ..LARGE },
        Test { operations: 20_000, clients: 30, unknown: 30, ..LARGE },
        Test { operations: 20_000, clients: 30, unknown: 30, values: Some(20), ..LARGE },
    ] {
        let history = history(&test, 1);
        let checked = check(&history, BUDGET).unwrap_or_else(|doubt| panic!("{doubt}"));
        assert_eq!((checked.operations, checked.keys), (history.len() as u64, test.keys as u64));
    }
}

/// Puts another value into the reply of a get, and expects that get to fit nowhere.
fn fails_with(history: &mut [Operation], place: usize, value: Option<Bytes>) {
    let right = history[place].outcome.clone();
    history[place].outcome = right.as_ref().map(|(end, _)| (*end, KvReply::Value(value)));
    let found = check(history, BUDGET);
    let misfit =
        matches!(&found, Err(LinearizabilityError::Violation(it)) if it.misfit == history[place]);
    assert!(misfit, "{:?} {found:?}", history[place]);
    history[place].outcome = right;
}

fn is_answered_get(operation: &Operation) -> bool {
    matches!(operation.command, KvCommand::Get { .. }) && operation.outcome.is_some()
}

#[test]
fn one_wrong_value_among_many_operations_is_found() {
    for values in [None, Some(4)] {
        let mut history = history(&Test { operations: 20_000, values, ..LARGE }, 2);
        for from in [0, 1000, 12_345, 19_900] {
            let get = (from..history.len()).find(|place| is_answered_get(&history[*place]));
            fails_with(&mut history, get.unwrap(), Some(b"never written".into()));
        }
    }
}

#[test]
fn one_stale_value_among_many_operations_is_found() {
    let mut history = history(&Test { operations: 20_000, ..LARGE }, 3);
    for from in (0..19_000).step_by(1000) {
        // A put whose predecessor's value is gone for good, since no value is written twice.
        let place = (from..history.len()).find(|place| {
            let replaced = matches!(history[*place].outcome, Some((_, KvReply::Replaced(Some(_)))));
            replaced && matches!(history[*place].command, KvCommand::Put { .. })
        });
        let put = &history[place.unwrap()];
        let (KvCommand::Put { key, .. }, Some((end, KvReply::Replaced(gone)))) =
            (put.command.clone(), put.outcome.clone())
        else {
            panic!("{put:?}");
        };
        let get = history.iter().position(|later| {
            is_answered_get(later)
                && later.start > end
                && later.command == KvCommand::Get { key: key.clone() }
        });
        fails_with(&mut history, get.unwrap(), gone);
    }
}
