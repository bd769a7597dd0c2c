//! Linearizability of the answers that clients get ("Linearizability: a correctness condition for
//! concurrent objects", Herlihy and Wing 1990), by Stateright's tester.

use std::collections::{BTreeMap, BTreeSet};

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::engine::observe::Judged;
use super::facts::{Fact, Facts};
use crate::paxos::{Members, RequestId};

/// The sequential specification: a log that appends each command once. A reply tells how many
/// commands came before.
#[derive(Clone, Debug, Default)]
struct Log(u64);

impl SequentialSpec for Log {
    type Op = RequestId;
    type Ret = u64;

    fn invoke(&mut self, _: &RequestId) -> u64 {
        self.0 += 1;
        self.0 - 1
    }
}

/// Remembers the requests that were answered before others were made.
///
/// A request counts as answered once a leader has sent the reply. The client may receive it at
/// once, so an order of events is possible if and only if the one with an immediate delivery is.
pub(super) fn what_came_first(_: &Members, before: &Facts, after: &Facts) -> Vec<Fact> {
    let answered = || before.iter().filter_map(|fact| answer(fact).map(|(id, _)| id));
    let made = |fact: &Fact| match fact {
        Fact::Requested(id) if !before.contains(fact) => Some(*id),
        _ => None,
    };
    let pairs = after.iter().filter_map(made).flat_map(|new| answered().map(move |old| (old, new)));
    pairs.map(|(old, new)| Fact::Precedes(old, new)).collect()
}

/// Finds answers that no order of the commands explains.
pub(super) fn no_order_explains(_: &Members, facts: &Facts) -> Judged<String> {
    if facts.iter().filter_map(answer).next().is_none() {
        return Judged::Nothing;
    }
    let mut ways: Vec<BTreeMap<RequestId, u64>> = vec![BTreeMap::new()];
    for (id, position) in facts.iter().filter_map(answer) {
        // If a request has two answers, either is tried.
        let either = ways.iter().filter(|way| way.contains_key(&id)).cloned();
        let mut more: Vec<_> = either.collect();
        for way in &mut more {
            way.insert(id, position);
        }
        for way in &mut ways {
            way.entry(id).or_insert(position);
        }
        ways.extend(more);
    }
    let each = ways.into_iter();
    each.map(|way| (!explained(facts, &way)).then(|| in_words(facts, &way))).collect()
}

fn answer(fact: &Fact) -> Option<(RequestId, u64)> {
    match fact {
        Fact::Answered(id, done) => Some((*id, done.position)),
        _ => None,
    }
}

/// True if the tester accepts the requests and answers, in an order of events that agrees with the
/// precedence remembered. There is one: whatever precedes a request precedes all later ones too.
fn explained(facts: &Facts, answers: &BTreeMap<RequestId, u64>) -> bool {
    let mut earlier: BTreeMap<RequestId, BTreeSet<RequestId>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Submitted(command) => drop(earlier.entry(command.id).or_default()),
            Fact::Requested(id) => drop(earlier.entry(*id).or_default()),
            Fact::Precedes(old, new) => drop(earlier.entry(*new).or_default().insert(*old)),
            _ => {}
        }
    }
    let mut requests: Vec<_> = earlier.into_iter().collect();
    requests.sort_by_key(|(_, earlier)| earlier.len());
    let mut tester = LinearizabilityTester::new(Log::default());
    let mut waiting = answers.clone();
    let mut valid = true;
    for (id, earlier) in requests {
        for old in earlier {
            if let Some(position) = waiting.remove(&old) {
                valid &= tester.on_return(old, position).is_ok();
            }
        }
        valid &= tester.on_invoke(id, id).is_ok();
    }
    for (id, position) in waiting {
        valid &= tester.on_return(id, position).is_ok();
    }
    valid && tester.is_consistent()
}

fn in_words(facts: &Facts, answers: &BTreeMap<RequestId, u64>) -> String {
    let answered = |(id, position): (&RequestId, &u64)| format!("{id} after {position} others");
    let answers: Vec<String> = answers.iter().map(answered).collect();
    let first = |fact: &Fact| match fact {
        Fact::Precedes(old, new) => Some(format!(", {old} before {new} was asked for")),
        _ => None,
    };
    let first: String = facts.iter().filter_map(first).collect();
    format!("no order explains the answers: {}{first}", answers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::{Answer, ClientId, Done, Instance, Quorums};

    fn id(client: u64) -> RequestId {
        RequestId { client: ClientId::original(client.into()), sequence: 0 }
    }

    fn members() -> Members {
        Members::new(vec![0.into()], vec![1.into()], Quorums::Majority).unwrap()
    }

    fn done(position: u64) -> Done {
        Done { instance: Instance(position), position, answer: Answer::TooLong(0) }
    }

    /// True if no order explains these answers of four clients, where some requests precede others.
    fn found(answers: &[(u64, u64)], first: &[(u64, u64)]) -> bool {
        let requested = (0..4).map(|client| Fact::Requested(id(client)));
        let answered = answers.iter().map(|(c, position)| Fact::Answered(id(*c), done(*position)));
        let precedes = first.iter().map(|(old, new)| Fact::Precedes(id(*old), id(*new)));
        let facts: Facts = requested.chain(answered).chain(precedes).collect();
        no_order_explains(&members(), &facts).is_found()
    }

    #[test]
    fn what_an_order_explains_is_right() {
        assert!(!found(&[], &[]));
        assert!(!found(&[(0, 0), (1, 1), (2, 2)], &[]));
        assert!(!found(&[(0, 2), (1, 0), (2, 1)], &[]), "all at once: in any order");
        assert!(!found(&[(0, 0), (1, 1)], &[(0, 1)]));
        assert!(!found(&[(0, 1)], &[]), "one without an answer may have come before");
        assert!(!found(&[(0, 0), (0, 1)], &[]), "either answer alone");
    }

    #[test]
    fn what_no_order_explains_is_found() {
        assert!(found(&[(0, 0), (1, 0)], &[]), "two in one place");
        assert!(found(&[(0, 1), (1, 0)], &[(0, 1)]), "against the order in which clients asked");
        assert!(found(&[(0, 4)], &[]), "after more than there are");
        assert!(found(&[(0, 1), (1, 2)], &[(0, 1), (0, 2), (1, 2), (0, 3), (1, 3)]));
        assert!(found(&[(0, 0), (0, 1), (1, 1)], &[]), "one of two answers is wrong");
    }

    #[test]
    fn what_was_answered_before_a_request_was_made_is_remembered() {
        let before: Facts =
            [Fact::Requested(id(0)), Fact::Requested(id(1)), Fact::Answered(id(0), done(0))].into();
        let after: Facts = before.iter().cloned().chain([Fact::Requested(id(2))]).collect();
        let members = members();
        assert_eq!(what_came_first(&members, &before, &after), [Fact::Precedes(id(0), id(2))]);
        assert_eq!(what_came_first(&members, &after, &after), []);
    }
}
