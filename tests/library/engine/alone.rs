//! One actor alone on diagrams: its situations and its steps, against the simple search.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::engine::observe::Monitor;
use crate::model::engine::run::LocalConfiguration;
use crate::model::engine::symbolic::Symbolic;
use crate::model::engine::universe::{Event, Stimulus, Universe};
use proptest::prelude::*;

use super::steps::{WantedStep, of_many, wanted_step};
use super::toys::{Simple, Toy, What, simple_heard, simple_search, simple_steps_alone, toys};
use super::{universe, wanted};

/// A situation as the simple search knows it.
fn simple_of(universe: &Universe<Toy>, actor: usize, situation: &LocalConfiguration) -> Simple {
    let (state, saved) = universe.view(actor, situation.core);
    let sets = situation.sent.iter().enumerate();
    let sent = sets.flat_map(|(to, set)| {
        universe.members(*set).iter().map(move |message| (to, *universe.message(*message).2))
    });
    Simple {
        state: state.copied(),
        timer: universe.timers(actor, situation.core).count() > 0,
        saved: saved.copied(),
        crashes: universe.crashes(actor, situation.core),
        sent: sent.collect(),
    }
}

/// What happens to an actor, as the simple search says it.
fn what_of(universe: &Universe<Toy>, actor: usize, stimulus: Stimulus) -> What {
    match universe.describe(actor, stimulus) {
        Event::Recover => What::Recover,
        Event::Crash => What::Crash,
        Event::Fire(()) => What::Fire,
        Event::Hear(from, message) => What::Hear(from.into(), message),
    }
}

/// The actor is in exactly those situations in which it is in some state: of all states, and of
/// those in which something is found.
#[test]
fn situations_are_those_of_the_states_of_a_set() {
    let cases = (toys(), wanted());
    let [many, few] = of_many(300, cases, |((toys, crashes, total), wanted)| {
        let simple = simple_search(&toys, &crashes, total);
        prop_assume!(simple.len() < 10_000);
        let mut fewer = false;
        for order in [vec![0, 1, 2], vec![2, 0, 1]] {
            let mut drawn = universe(&toys, &crashes, total);
            let mut symbolic = Symbolic::with_order(&mut drawn, order);
            let reach = symbolic.reach().unwrap();
            let goal = symbolic.select(reach, &mut Monitor::new(wanted.clone()));
            let lists = [reach, goal].map(|set| [0, 1, 2].map(|a| symbolic.situations(set, a)));
            let [all, met] = &lists;
            fewer |= (0..3).any(|actor| !met[actor].is_empty() && met[actor] != all[actor]);
            for actor in 0..3 {
                let project = |looks: &dyn Fn(&[Simple]) -> bool| -> BTreeSet<Simple> {
                    let states = simple.keys().filter(|state| looks(state));
                    states.map(|state| state[actor].clone()).collect()
                };
                let projected = [project(&|_| true), project(&|state| wanted.looks(state))];
                for (list, projected) in lists.iter().zip(projected) {
                    let list = list[actor].iter();
                    let list: Vec<_> = list.map(|s| simple_of(&drawn, actor, s)).collect();
                    prop_assert_eq!(list.len(), projected.len());
                    prop_assert_eq!(BTreeSet::from_iter(list), projected);
                }
            }
        }
        Ok(fewer)
    });
    assert!(many > 15 && few > 15, "some, but not all, in {many} cases; not so in {few}");
}

/// For each situation of an actor, what may become of it if it hears what was sent to it in some
/// state in which it is in that situation.
fn all_alone(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    simple: &BTreeMap<Vec<Simple>, usize>,
    actor: usize,
) -> Vec<(Simple, What, Simple)> {
    let mut situations: BTreeMap<&Simple, BTreeSet<_>> = BTreeMap::new();
    for state in simple.keys() {
        situations.entry(&state[actor]).or_default().extend(simple_heard(state, actor));
    }
    let steps = |(now, heard): (&Simple, BTreeSet<_>)| {
        let may_crash = now.crashes < crashes[actor].min(total);
        let heard: Vec<_> = heard.into_iter().collect();
        let steps = simple_steps_alone(&toys[actor], now, &heard, may_crash).into_iter();
        steps.map(|(what, after)| (now.clone(), what, after)).collect::<Vec<_>>()
    };
    situations.into_iter().flat_map(steps).collect()
}

/// A step of an actor alone is found if there is one from a situation in which it can be, with a
/// message that was ever sent; and what was drawn stays as it was.
#[test]
fn steps_alone_are_found_as_by_a_simple_search() {
    let cases = (toys(), wanted_step());
    let [found, missed] = of_many(300, cases, |((toys, crashes, total), wanted)| {
        let simple = simple_search(&toys, &crashes, total);
        prop_assume!(simple.len() < 10_000);
        let mut any = false;
        for order in [vec![0, 1, 2], vec![2, 0, 1]] {
            let mut drawn = universe(&toys, &crashes, total);
            let mut symbolic = Symbolic::with_order(&mut drawn, order);
            let reach = symbolic.reach().unwrap();
            let before = [0, 1, 2].map(|actor| symbolic.situations(reach, actor));
            let mut alone = Vec::new();
            for actor in 0..3 {
                let mut watch = Monitor::new(wanted.clone());
                alone.push(symbolic.finds_alone(reach, actor, &mut watch).unwrap());
            }
            // Steps that nobody takes have met what is in no state.
            prop_assert_eq!(before, [0, 1, 2].map(|actor| symbolic.situations(reach, actor)));
            prop_assert!(symbolic.reach().unwrap() == reach);
            for (actor, alone) in alone.into_iter().enumerate() {
                let steps = all_alone(&toys, &crashes, total, &simple, actor);
                let sees = |simple: &Simple| WantedStep::sees(std::slice::from_ref(simple));
                let facts = |now: &Simple, after: &Simple| (sees(now), sees(after));
                let judged = steps.iter().map(|(now, _, after)| facts(now, after));
                let judged = judged.filter(|(now, after)| now != after).count() as u64;
                let matches = |now: &Simple, after: &Simple| {
                    let (now, after) = facts(now, after);
                    wanted.matches(&now, &now, &after)
                };
                let Some((situation, stimulus)) = alone.found else {
                    prop_assert!(!steps.iter().any(|(now, _, after)| matches(now, after)));
                    prop_assert_eq!(alone.judged, judged);
                    continue;
                };
                any = true;
                prop_assert!((1..=judged).contains(&alone.judged));
                let situation = simple_of(&drawn, actor, &situation);
                // A step that is cut short is a crash to the simple search.
                let what = what_of(&drawn, actor, stimulus);
                let same = |(now, other, _): &&(Simple, What, Simple)| {
                    *now == situation && (*other == what || *other == What::Crash)
                };
                prop_assert!(steps.iter().filter(same).any(|(now, _, after)| matches(now, after)));
            }
        }
        Ok(any)
    });
    assert!(found > 15 && missed > 15, "{found} found, {missed} not");
}
