//! The engine's states as Stateright's own checker sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::engine::bridge::{Bridge, Words};
use crate::model::engine::observe::{Monitor, Remember, Scope};
use crate::model::engine::replay::Replay;
use crate::model::engine::swarm::{Walks, swarm};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stateright::{Checker, Expectation, Model};

use super::toys::{Simple, Toy, simple_search, simple_steps, toys};
use super::{Wanted, universe, wanted};

struct Plain;

impl Words<Toy> for Plain {}

/// What it sees of local states, it remembers as another fact.
const SEEN: usize = 100;

/// A fact that nobody sees.
const NEVER: usize = 1000;

impl Remember<Toy> for Wanted {
    fn remembers(&self) -> bool {
        true
    }

    fn remember(&self, before: &BTreeSet<usize>, after: &BTreeSet<usize>) -> Vec<usize> {
        after.difference(before).filter(|fact| **fact < 10).map(|fact| fact + SEEN).collect()
    }
}

/// How far each state is from the start, with what is remembered of the way to it.
fn with_memory(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    starts: Vec<Vec<Simple>>,
) -> BTreeMap<(Vec<Simple>, BTreeSet<usize>), usize> {
    let seen = |state: &Vec<Simple>| -> BTreeSet<usize> {
        state.iter().filter_map(|simple| simple.state).map(|state| state + SEEN).collect()
    };
    let mut layer: Vec<_> = starts.into_iter().map(|state| (seen(&state), state)).collect();
    let mut depths = BTreeMap::new();
    for depth in 0.. {
        let mut next = Vec::new();
        for (memory, state) in layer {
            if depths.contains_key(&(state.clone(), memory.clone())) {
                continue;
            }
            for (actor, _, after) in simple_steps(toys, &state, |a| crashes[a].min(total)) {
                let mut to = state.clone();
                to[actor] = after;
                if to.iter().map(|s| s.crashes).sum::<u8>() <= total {
                    next.push((&memory | &seen(&to), to));
                }
            }
            depths.insert((state, memory), depth);
        }
        if next.is_empty() {
            return depths;
        }
        layer = next;
    }
    depths
}

/// Stateright visits the states of a simple search that remembers, and finds what is looked for in
/// states and memories after as many steps, by runs that the actors really have.
#[test]
fn stateright_agrees_with_a_simple_search() {
    let config = Config { cases: 150, max_global_rejects: 100_000, ..Config::default() };
    let config = Config { failure_persistence: None, ..config };
    let cases = (toys(), wanted(), SEEN..SEEN + 3);
    let outcome = TestRunner::new(config).run(&cases, |((toys, crashes, total), wanted, seen)| {
        let simple = simple_search(&toys, &crashes, total);
        prop_assume!(simple.len() < 2_000);
        let starts = simple.iter().filter(|(_, depth)| **depth == 0);
        let starts = starts.map(|(state, _)| state.clone()).collect();
        let all = with_memory(&toys, &crashes, total, starts);
        let mut wanted = Wanted { looks_at: Scope::States, ..wanted };
        wanted.shown.insert(seen);
        let nearest = all
            .iter()
            .filter(|((state, memory), _)| {
                wanted.judges(&(&wanted.sees(state) | memory)).is_found()
            })
            .map(|(_, depth)| *depth)
            .min();
        // What is looked for is not there from the start, and memories tell states apart.
        prop_assume!(nearest != Some(0) && all.len() > simple.len());

        let bridge = |expectation, wanted| {
            let bridge = Bridge::new(universe(&toys, &crashes, total), Arc::new(Plain));
            bridge.hold_to(expectation, "wanted", Monitor::new(wanted)).unwrap();
            bridge
        };
        // Stateright stops once it has found everything, so it is given something to look for.
        let never = Wanted { shown: [NEVER].into(), ..wanted.clone() };
        let held = bridge(Expectation::Always, never.clone());
        let memory = held.clone().checker().spawn_bfs().join();
        prop_assert_eq!(memory.unique_state_count(), all.len());
        memory.assert_properties();
        let judged = |state: &Vec<Simple>, memory| never.judges(&(&never.sees(state) | memory));
        let judged = all.keys().filter(|(state, memory)| judged(state, memory).is_something());
        let judged = judged.count() as u64;
        let twice = held.init_states().len() - all.values().filter(|depth| **depth == 0).count();
        prop_assert!((judged..=judged + twice as u64).contains(&held.looked("wanted")));

        let bridge = bridge(Expectation::Sometimes, wanted);
        let found = bridge.clone().checker().spawn_bfs().join().discovery("wanted");
        prop_assert!(bridge.healthy().is_ok());
        prop_assert_eq!(found.clone().map(|path| path.into_actions().len()), nearest);
        if let Some(path) = found {
            let run = bridge.run(path.clone()).unwrap();
            let again = bridge.path(&run).unwrap();
            prop_assert!(path == again);
            let replayed = bridge.with_universe(|u| Replay::new(u, &run, |_, _, _| ()).is_ok());
            prop_assert!(replayed);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// What a walk remembers is found, and what it has not seen is not.
#[test]
fn walks_remember() {
    for (seen, found) in [(SEEN, true), (SEEN + 2, false)] {
        let (judges, shown, hidden) = ([].into(), [1, seen].into(), [].into());
        let wanted = Wanted { judges, shown, hidden, looks_at: Scope::States };
        let walks = Walks { seed: 1, walks: 3, steps: 5, part: (0, 1) };
        let toys = [Toy::stepping(1), Toy::idle(1), Toy::idle(1)];
        let mut universe = universe(&toys, &[0, 0, 0], 0);
        let swarmed = swarm(&mut universe, &mut [Monitor::new(wanted)], walks, |_| {}).unwrap();
        assert_eq!(swarmed.found[0].is_some(), found, "{seen}");
    }
}
