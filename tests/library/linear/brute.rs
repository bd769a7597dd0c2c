//! Small random histories, judged by trying all orders on the store itself.

use crate::lab::linear::{Closest, LinearizabilityError, Operation, check};
use crate::machine::kv::{Bytes, KvCommand, KvReply, KvStore};
use crate::paxos::StateMachine;
use proptest::prelude::*;

use super::{delete, get, put, swap};

const BUDGET: u64 = 100_000;
const SLOTS: [&str; 3] = ["", "a", "b"];

/// Bytes that an operation is made from.
type Seed = [u8; 9];

fn pick<const N: usize>(byte: u8, from: [&'static str; N]) -> &'static str {
    from[usize::from(byte) % N]
}

fn key(command: &KvCommand) -> &Bytes {
    match command {
        KvCommand::Get { key }
        | KvCommand::Put { key, .. }
        | KvCommand::Delete { key }
        | KvCommand::CompareAndSet { key, .. } => key,
        KvCommand::List { .. } => unreachable!("no list is made up here"),
    }
}

fn perform(store: &mut KvStore, command: &KvCommand) -> KvReply {
    KvReply::decode(&store.apply(&command.encode().unwrap())).unwrap()
}

/// Operations done in the order of some moments near their intervals. So most histories are nearly
/// right; some replies are made up.
fn history(seeds: &[Seed], keys: [&'static str; 2]) -> Vec<Operation> {
    let mut order: Vec<&Seed> = seeds.iter().collect();
    order.sort_by_key(|seed| seed[3] % 16);
    let mut store = KvStore::default();
    let operations = order.into_iter().zip(1..).map(|(seed, client)| {
        let [kind, at, value, moment, early, late, fate, made_up, other] = *seed;
        let (key, value) = (pick(at, keys), pick(value, ["a", "b"]));
        let command = match kind % 6 {
            0 | 1 => get(key),
            2 => delete(key),
            3 => swap(key, pick(other, SLOTS), value),
            _ => put(key, value),
        };
        // One in eight is placed beside its moment: perhaps in vain.
        let moment = u64::from(moment % 16) + 4;
        let start = if early % 8 == 7 { moment + 1 } else { moment - u64::from(early % 4) };
        let end = start + u64::from(late % 6);
        let outcome = match fate % 8 {
            0 | 1 => None,
            2 => Some(perform(&mut store, &command)).and(None),
            3 | 4 if made_up % 4 < 3 => {
                let slot = super::slot(pick(other, SLOTS));
                Some(match kind % 6 {
                    0 | 1 => KvReply::Value(slot),
                    3 if made_up % 2 == 0 => KvReply::Differs(slot),
                    _ => KvReply::Replaced(slot),
                })
            }
            _ => Some(perform(&mut store, &command)),
        };
        Operation { client, command, start, outcome: outcome.map(|reply| (end, reply)) }
    });
    operations.collect()
}

/// Whether the operations not yet done can be done from here in some order: all that have ended by
/// `until`, and any of the others.
fn can_go_on(store: &KvStore, left: &[&Operation], until: u64) -> bool {
    let end = |operation: &Operation| operation.outcome.as_ref().map_or(u64::MAX, |told| told.0);
    let unknown = |operation: &&&Operation| operation.outcome.is_none();
    if left.iter().all(|operation| unknown(&operation) || end(operation) > until) {
        return true;
    }
    (0..left.len()).any(|place| {
        let next = left[place];
        let mut after = KvStore::restore(&store.snapshot()).unwrap();
        let reply = perform(&mut after, &next.command);
        let rest = [&left[..place], &left[place + 1..]].concat();
        rest.iter().all(|other| end(other) >= next.start)
            && next.outcome.as_ref().is_none_or(|told| told.1 == reply)
            && can_go_on(&after, &rest, until)
    })
}

/// Expects the order that came closest to be one, if all of it is shown.
fn replays(closest: &Closest, key: &Bytes) {
    if closest.ordered == closest.last.len() {
        let mut store = KvStore::default();
        for operation in &closest.last {
            let reply = perform(&mut store, &operation.command);
            assert!(operation.outcome.as_ref().is_none_or(|told| told.1 == reply), "{closest:?}");
        }
        let value = perform(&mut store, &KvCommand::Get { key: key.clone() });
        assert_eq!(value, KvReply::Value(closest.value.clone()), "{closest:?}");
    }
}

/// Compares the verdicts; says whether the history is linearizable.
fn agree(history: &[Operation]) -> bool {
    let store = KvStore::default();
    let all: Vec<&Operation> = history.iter().collect();
    let possible = can_go_on(&store, &all, u64::MAX - 1);
    match check(history, BUDGET) {
        Ok(_) => assert!(possible, "{history:#?}"),
        Err(LinearizabilityError::Violation(violation)) => {
            assert!(!possible, "{violation} {history:#?}");
            // The misfit is the first by its end that fits nowhere.
            let of_key = |operation: &&Operation| *key(&operation.command) == violation.key;
            let upon: Vec<&Operation> = history.iter().filter(of_key).collect();
            let end = violation.misfit.outcome.as_ref().unwrap().0;
            assert!(!can_go_on(&store, &upon, end), "{violation} {history:#?}");
            if let Some(closest) = &violation.closest {
                assert!(closest.ordered + 1 + closest.open.len() <= upon.len(), "{violation}");
                replays(closest, &violation.key);
            }
            let before = violation.closest.is_none() || end == 0;
            assert!(before || can_go_on(&store, &upon, end - 1), "{violation} {history:#?}");
        }
        Err(doubt) => panic!("{doubt} {history:#?}"),
    }
    possible
}

/// How many of the histories made from these numbers are linearizable.
fn good_ones(cases: u64, operations: usize, keys: [&'static str; 2], unsure: bool) -> u64 {
    let good = (0..cases).filter(|number| {
        let mut random = fastrand::Rng::with_seed(*number);
        let mut seeds = vec![Seed::default(); random.usize(2..=operations)];
        for seed in &mut seeds {
            random.fill(seed);
            // Many lost writes, far apart from what is answered.
            if unsure && random.u8(0..3) == 0 {
                (seed[0], seed[6]) = (seed[0] % 4 + 2, 0);
            }
        }
        agree(&history(&seeds, keys))
    });
    good.count() as u64
}

#[test]
fn brute_force_agrees_and_both_verdicts_are_common() {
    for (keys, unsure) in [(["k", "l"], false), (["k", "k"], false), (["k", "k"], true)] {
        let cases = 6000;
        let good = good_ones(cases, if unsure { 7 } else { 6 }, keys, unsure);
        assert!((cases / 5..=cases * 4 / 5).contains(&good), "{good} of {cases} are good");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn brute_force_agrees(seeds in proptest::collection::vec(any::<Seed>(), 0..7)) {
        agree(&history(&seeds, ["k", "l"]));
    }
}
