//! Fair runs of random little actors, against another way to find out whether there is one: the
//! greatest set of states out of which each thing that must happen can happen, or can become
//! impossible, without leaving the set ("Modalities for model checking": Emerson and Lei 1987).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::engine::liveness::fairness;
use crate::model::engine::observe::Monitor;
use crate::model::engine::replay::Replay;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::toys::{Simple, Toy, What, simple_start, simple_steps, toys};
use super::{universe, wanted};

type State = Vec<Simple>;

/// What happens to whom.
type Action = (usize, What);

/// All states on the way to the goal, and what leads on from each.
fn graph(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    goal: impl Fn(&State) -> bool,
) -> BTreeMap<State, Vec<(Action, State)>> {
    let within = |state: &State| state.iter().map(|s| s.crashes).sum::<u8>() <= total;
    let mut graph = BTreeMap::new();
    let mut open = vec![simple_start(toys)];
    while let Some(state) = open.pop() {
        if goal(&state) || graph.contains_key(&state) {
            continue;
        }
        let mut edges = Vec::new();
        for (actor, what, after) in simple_steps(toys, &state, |a| crashes[a].min(total)) {
            let mut to = state.clone();
            to[actor] = after;
            if to != state && within(&to) {
                edges.push(((actor, what), to));
            }
        }
        open.extend(edges.iter().map(|(_, to)| to.clone()));
        graph.insert(state, edges);
    }
    graph
}

fn fair_run_misses_goal(start: &State, graph: &BTreeMap<State, Vec<(Action, State)>>) -> bool {
    let fair = |(_, what): &Action| *what != What::Crash;
    let actions: BTreeSet<Action> =
        graph.values().flatten().map(|(action, _)| *action).filter(fair).collect();
    let mut stays: BTreeSet<&State> = graph.keys().collect();
    loop {
        let before = stays.len();
        for action in &actions {
            let done = |state: &&State| {
                let mut edges = graph[*state].iter();
                let impossible = graph[*state].iter().all(|(other, _)| other != action);
                impossible || edges.any(|(other, to)| other == action && stays.contains(to))
            };
            let mut good: BTreeSet<&State> = stays.iter().copied().filter(done).collect();
            loop {
                let leads = |state: &&State| graph[*state].iter().any(|(_, to)| good.contains(to));
                let more: Vec<&State> = stays.difference(&good).copied().filter(leads).collect();
                if more.is_empty() {
                    break;
                }
                good.extend(more);
            }
            stays = good;
        }
        if stays.len() == before {
            return stays.contains(start);
        }
    }
}

#[test]
fn fair_runs_are_found_as_by_a_fixpoint() {
    let config = Config { cases: 200, max_global_rejects: 100_000, ..Config::default() };
    let config = Config { failure_persistence: None, ..config };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&(toys(), wanted()), |((toys, crashes, total), wanted)| {
        let graph = graph(&toys, &crashes, total, |state| wanted.looks(state));
        prop_assume!(graph.len() < 600);
        // The goal is not met at the start, and can be reached.
        let ways = graph.values().flatten().filter(|(_, to)| !graph.contains_key(to));
        prop_assume!(!graph.is_empty() && ways.count() > 0);
        let mut universe = universe(&toys, &crashes, total);
        let fairness = fairness(&mut universe, &mut Monitor::new(wanted.clone()), |_| {}).unwrap();
        let start = simple_start(&toys);
        prop_assert_eq!(fairness.lasso.is_some(), fair_run_misses_goal(&start, &graph));
        if let Some(lasso) = fairness.lasso {
            prop_assert!(Replay::new(&universe, &lasso.stem, |_, _, _| ()).is_ok());
        }
        Ok(())
    });
    outcome.unwrap();
}
