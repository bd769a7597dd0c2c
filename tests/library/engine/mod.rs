//! The checking engine on random little actors, against a search that is too simple to be wrong.

mod alone;
mod bridge;
mod fair;
mod odd;
mod steps;
mod toys;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::engine::explicit::{Until, explore};
use crate::model::engine::faults::{DiskModel, Faults};
use crate::model::engine::observe::{Judged, Monitor, Observer, Scope};
use crate::model::engine::replay::Replay;
use crate::model::engine::symbolic::Symbolic;
use crate::model::engine::universe::Universe;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use toys::{MESSAGES, STATES, Simple, Toy, simple_search, simple_steps, toys};

/// Scope for states, or actors, that show all of some facts and none of others. It judges those only
/// that show any of some more facts, or of those that it looks for.
#[derive(Clone, Debug)]
struct Wanted {
    judges: BTreeSet<usize>,
    shown: BTreeSet<usize>,
    hidden: BTreeSet<usize>,
    looks_at: Scope,
}

impl Wanted {
    fn facts(state: Option<&usize>, saved: Option<&usize>) -> Vec<usize> {
        state.copied().into_iter().chain(saved.map(|saved| 10 + saved)).collect()
    }

    fn judges(&self, facts: &BTreeSet<usize>) -> Judged {
        if self.shown.is_subset(facts) && self.hidden.is_disjoint(facts) {
            Judged::Found(())
        } else if self.judges.is_disjoint(facts) {
            Judged::Nothing
        } else {
            Judged::Clear
        }
    }

    /// What it sees of a state of the simple search.
    fn sees(&self, state: &[Simple]) -> BTreeSet<usize> {
        let facts = |simple: &Simple| {
            let sent = simple.sent.iter().map(|(_, message)| 20 + message);
            let seen = Self::facts(simple.state.as_ref(), simple.saved.as_ref()).into_iter();
            seen.chain(sent).collect::<Vec<_>>()
        };
        state.iter().flat_map(facts).collect()
    }

    /// The facts that it judges in a state of the simple search, together or of one actor each.
    fn shown_by(&self, state: &[Simple]) -> Vec<BTreeSet<usize>> {
        let together = if self.looks_at == Scope::EachActor { 1 } else { state.len() };
        state.chunks(together).map(|actors| self.sees(actors)).collect()
    }

    /// Whether what it looks for is in a state of the simple search.
    fn looks(&self, state: &[Simple]) -> bool {
        self.shown_by(state).iter().any(|facts| self.judges(facts).is_found())
    }

    /// Of these states, those in which there is something to judge; and the different facts of which
    /// the same is true.
    fn looked<'s>(&self, states: impl Iterator<Item = &'s Vec<Simple>>) -> (u64, u64) {
        let (mut count, mut different) = (0, BTreeSet::new());
        for state in states {
            let mut shown = self.shown_by(state);
            shown.retain(|facts| self.judges(facts).is_something());
            count += u64::from(!shown.is_empty());
            different.extend(shown);
        }
        (count, different.len() as u64)
    }
}

impl Observer<Toy> for Wanted {
    type Fact = usize;

    fn core(&self, _: usize, state: Option<&usize>, saved: Option<&usize>) -> Vec<usize> {
        Self::facts(state, saved)
    }

    fn message(&self, _: usize, message: &usize) -> Vec<usize> {
        vec![20 + message]
    }

    fn looks_at(&self) -> Scope {
        self.looks_at
    }

    fn judge(&self, facts: &BTreeSet<usize>) -> Judged {
        self.judges(facts)
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let fact = || prop_oneof![0..STATES, 10..10 + STATES, 20..20 + MESSAGES];
    let some = || proptest::collection::btree_set(fact(), 0..3);
    let looks_at = prop_oneof![Just(Scope::States), Just(Scope::EachActor)];
    (some(), some(), some(), looks_at).prop_map(|(judges, shown, hidden, looks_at)| Wanted {
        judges,
        shown,
        hidden,
        looks_at,
    })
}

fn universe(toys: &[Toy], crashes: &[u8], total: u8) -> Universe<Toy> {
    let faults = Faults { crashes: crashes.to_vec(), total, machine: DiskModel::Sound };
    Universe::new(toys.to_vec(), faults).unwrap()
}

/// Both back ends reach exactly the states of the simple search, and find each kind of state after
/// as many steps, by runs that the actors really have. They know when they have reached all, and say
/// of how much they judged something.
#[test]
fn back_ends_agree_with_a_simple_search() {
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(toys(), wanted()), |((toys, crashes, total), wanted)| {
        let simple = simple_search(&toys, &crashes, total);
        prop_assume!(simple.len() < 20_000);
        let looks = |state: &Vec<Simple>| wanted.looks(state);
        let nearest =
            simple.iter().filter(|(state, _)| looks(state)).map(|(_, depth)| *depth).min();

        let mut visited = universe(&toys, &crashes, total);
        let mut watches = [Monitor::new(wanted.clone())];
        let explored = explore(&mut visited, &mut watches, Until::Exhausted, |_| {}).unwrap();
        prop_assert_eq!(explored.states, simple.len());
        prop_assert_eq!(explored.depth, *simple.values().max().unwrap());
        prop_assert!(explored.exhausted);
        let (judged, different) = wanted.looked(simple.keys());
        prop_assert_eq!(watches[0].looked(), judged);
        let run = explored.found[0].clone();
        prop_assert_eq!(run.as_ref().map(|run| run.steps.len()), nearest);
        if let Some(run) = run {
            let replayed = Replay::new(&visited, &run, |_, _, _| ());
            prop_assert!(replayed.is_ok());
        }

        for order in [vec![0, 1, 2], vec![2, 0, 1]] {
            let mut drawn = universe(&toys, &crashes, total);
            let mut symbolic = Symbolic::with_order(&mut drawn, order);
            let reach = symbolic.reach().unwrap();
            prop_assert_eq!(symbolic.count(reach), simple.len().into());
            let mut watch = Monitor::new(wanted.clone());
            prop_assert_eq!(symbolic.finds(reach, &mut watch), nearest.is_some());
            prop_assert_eq!(watch.looked(), different);
            prop_assert!(symbolic.is_closed(reach).unwrap());
            let goal = symbolic.select(reach, &mut watch);
            // With anything less, some start is missing or some step leads out.
            prop_assert_eq!(symbolic.is_closed(goal).unwrap(), goal == reach);
            prop_assert_eq!(
                symbolic.count(goal),
                simple.keys().filter(|s| looks(s)).count().into()
            );
            let run = symbolic.shortest(&mut watch, &mut |_| {}).unwrap();
            prop_assert_eq!(run.as_ref().map(|run| run.steps.len()), nearest);
            let stuck = symbolic.stuck(reach, goal).unwrap();
            let stuck = symbolic.count(stuck);
            if let Some(run) = run {
                let replayed = Replay::new(&drawn, &run, |_, _, _| ());
                prop_assert!(replayed.is_ok());
            }
            prop_assert_eq!(stuck, stuck_states(&toys, &crashes, total, &simple, looks).into());
        }
        Ok(())
    });
    outcome.unwrap();
}

/// How many states there are from which no state that is looked for can be reached.
fn stuck_states(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    all: &BTreeMap<Vec<Simple>, usize>,
    looks: impl Fn(&Vec<Simple>) -> bool,
) -> usize {
    let mut before = BTreeMap::<Vec<Simple>, Vec<&Vec<Simple>>>::new();
    for state in all.keys() {
        for (actor, _, after) in simple_steps(toys, state, |actor| crashes[actor].min(total)) {
            let mut to = state.clone();
            to[actor] = after;
            before.entry(to).or_default().push(state);
        }
    }
    let mut good: BTreeSet<&Vec<Simple>> = all.keys().filter(|state| looks(state)).collect();
    let mut open: Vec<&Vec<Simple>> = good.iter().copied().collect();
    while let Some(state) = open.pop() {
        for from in before.get(state).into_iter().flatten() {
            if good.insert(from) {
                open.push(from);
            }
        }
    }
    all.len() - good.len()
}
