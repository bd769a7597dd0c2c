//! Steps that the explicit back end finds, against the simple search; with actors that change
//! places, too.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::engine::explicit::{Explored, Until, explore, explore_up_to};
use crate::model::engine::observe::{Judged, Monitor, Observer, Scope};
use crate::model::engine::replay::Replay;
use crate::model::engine::run::Run;
use crate::model::engine::symmetry::Symmetry;
use crate::model::engine::universe::Universe;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::toys::{
    MESSAGES, STATES, SWAP, Simple, Toy, simple_search, simple_steps, toys, toys_alike,
};
use super::{Wanted, universe};

/// Scope for steps before which some facts are there, and in which an actor comes to show some
/// facts, and ceases to show others.
#[derive(Clone, Debug)]
pub(crate) struct WantedStep {
    pub(crate) there: BTreeSet<usize>,
    pub(crate) comes: BTreeSet<usize>,
    pub(crate) goes: BTreeSet<usize>,
}

type Facts = BTreeSet<usize>;

impl WantedStep {
    /// What it sees of some actors of the simple search.
    pub(crate) fn sees(actors: &[Simple]) -> Facts {
        let nothing = BTreeSet::new;
        let (judges, shown, hidden) = (nothing(), nothing(), nothing());
        Wanted { judges, shown, hidden, looks_at: Scope::States }.sees(actors)
    }

    /// Whether it is a step of the simple search which it looks for. One that changes nothing that
    /// is seen never is.
    pub(crate) fn matches(&self, all: &Facts, before: &Facts, after: &Facts) -> bool {
        before != after && self.judge_step(all, before, after).is_found()
    }
}

impl Observer<Toy> for WantedStep {
    type Fact = usize;

    fn core(&self, _: usize, state: Option<&usize>, saved: Option<&usize>) -> Vec<usize> {
        Wanted::facts(state, saved)
    }

    fn message(&self, _: usize, message: &usize) -> Vec<usize> {
        vec![20 + message]
    }

    fn looks_at(&self) -> Scope {
        Scope::Steps
    }

    fn judge(&self, _: &Facts) -> Judged {
        unreachable!("it looks at steps")
    }

    fn judge_step(&self, all: &Facts, before: &Facts, after: &Facts) -> Judged {
        assert!(before.is_subset(all) && before != after);
        let found = self.there.is_subset(all)
            && self.comes.is_subset(&(after - before))
            && self.goes.is_subset(&(before - after));
        match found {
            true => Judged::Found(()),
            false if self.there.is_disjoint(all) => Judged::Nothing,
            false => Judged::Clear,
        }
    }
}

pub(crate) fn wanted_step() -> impl Strategy<Value = WantedStep> {
    let fact = || prop_oneof![0..STATES, 10..10 + STATES, 20..20 + MESSAGES];
    let some = |most| proptest::collection::btree_set(fact(), 0..=most);
    let gone = proptest::collection::btree_set(0..STATES, 0..2);
    (some(3), some(2), gone).prop_map(|(there, comes, goes)| WantedStep { there, comes, goes })
}

/// All steps of the simple search, with where they lead from: its distance from the start, and
/// what all and the actor showed, and the actor shows then.
fn all_steps(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    simple: &BTreeMap<Vec<Simple>, usize>,
    mut each: impl FnMut(usize, &[Simple], usize, &Simple),
) {
    for (state, depth) in simple {
        for (actor, _, after) in simple_steps(toys, state, |actor| crashes[actor].min(total)) {
            let others = state.iter().map(|s| s.crashes).sum::<u8>() - state[actor].crashes;
            if others + after.crashes <= total && after != state[actor] {
                each(*depth, state, actor, &after);
            }
        }
    }
}

/// The length of a shortest run that ends with a step that is looked for.
fn shortest(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    simple: &BTreeMap<Vec<Simple>, usize>,
    wanted: &WantedStep,
) -> Option<usize> {
    let mut nearest = None::<usize>;
    all_steps(toys, crashes, total, simple, |depth, state, actor, after| {
        let before = WantedStep::sees(&state[actor..=actor]);
        let after = WantedStep::sees(std::slice::from_ref(after));
        if wanted.matches(&WantedStep::sees(state), &before, &after) {
            nearest = Some(nearest.map_or(depth + 1, |other| other.min(depth + 1)));
        }
    });
    nearest
}

/// Whether the actors really run so, and the last step, and no other, is one that is looked for.
fn ends_with_it(universe: &Universe<Toy>, run: &Run, wanted: &WantedStep) -> bool {
    let mut seen: Vec<Vec<Facts>> = Vec::new();
    let replayed = Replay::new(universe, run, |replay, _, _| {
        let actors = replay.actors.iter().enumerate();
        let shows = actors.map(|(number, actor)| {
            let core = Wanted::facts(actor.state.as_ref(), actor.storage());
            let sent = replay.sent.iter().filter(|(from, ..)| *from == number);
            core.into_iter().chain(sent.map(|(.., message)| 20 + message)).collect()
        });
        seen.push(shows.collect());
    });
    let steps = run.steps.iter().zip(seen.windows(2));
    let found: Vec<bool> = steps
        .map(|(step, seen)| {
            let all = seen[0].iter().flatten().copied().collect();
            wanted.matches(&all, &seen[0][step.actor], &seen[1][step.actor])
        })
        .collect();
    let (last, others) = found.split_last().unwrap();
    replayed.is_ok() && *last && !others.contains(&true)
}

/// Runs over many random cases, and says of how many `each` said true, and of how many false.
pub(crate) fn of_many<T: std::fmt::Debug>(
    cases: u32,
    strategy: impl Strategy<Value = T>,
    each: impl Fn(T) -> Result<bool, TestCaseError>,
) -> [u32; 2] {
    let config = Config { cases, max_global_rejects: 100_000, ..Config::default() };
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..config });
    let counts = RefCell::new([0; 2]);
    let outcome = runner.run(&strategy, |case| {
        let said = each(case)?;
        counts.borrow_mut()[usize::from(!said)] += 1;
        Ok(())
    });
    outcome.unwrap();
    counts.into_inner()
}

/// A step is found if the simple search has one, by a shortest run, which the actors really have
/// and which ends with it. What shows nothing new is no step that is judged.
#[test]
fn steps_are_found_as_by_a_simple_search() {
    let [found, missed] =
        of_many(400, (toys(), wanted_step()), |((toys, crashes, total), wanted)| {
            let simple = simple_search(&toys, &crashes, total);
            prop_assume!(simple.len() < 10_000);
            let nearest = shortest(&toys, &crashes, total, &simple, &wanted);

            let mut visited = universe(&toys, &crashes, total);
            let mut watches = [Monitor::new(wanted.clone())];
            let explored = explore(&mut visited, &mut watches, Until::Exhausted, |_| {}).unwrap();
            prop_assert_eq!(explored.states, simple.len());
            let run = explored.found[0].as_ref();
            prop_assert_eq!(run.map(|run| run.steps.len()), nearest);
            prop_assert!(run.is_none_or(|run| ends_with_it(&visited, run, &wanted)));

            // Some steps come of more than one message, and may be counted more than once.
            let steps = |counts: &dyn Fn(&Facts, &Facts, &Facts) -> bool| {
                let (mut once, mut more) = (BTreeSet::new(), 0);
                all_steps(&toys, &crashes, total, &simple, |_, state, actor, after| {
                    let [all, before, then] =
                        [state, &state[actor..=actor], std::slice::from_ref(after)]
                            .map(WantedStep::sees);
                    if before != then && counts(&all, &before, &then) {
                        once.insert((state.to_vec(), actor, after.clone()));
                        more += 1;
                    }
                });
                once.len() as u64..=more
            };
            prop_assert!(steps(&|_, _, _| true).contains(&explored.judged));
            prop_assert!(explored.judged <= explored.steps);
            let something =
                steps(&|all, before, after| wanted.judge_step(all, before, after).is_something());
            prop_assert!(something.contains(&watches[0].looked()));
            prop_assert!(explored.exhausted);

            // It stops with the first layer from which such a step leads, and finds the same.
            let mut again = universe(&toys, &crashes, total);
            let mut watches = [Monitor::new(wanted)];
            let early = explore(&mut again, &mut watches, Until::Found, |_| {}).unwrap();
            prop_assert_eq!(&early.found[0], &explored.found[0]);
            prop_assert!(nearest.is_none_or(|nearest| early.depth == nearest - 1));
            prop_assert_eq!(early.exhausted, nearest.is_none());
            Ok(nearest.is_some())
        });
    assert!(found > 15 && missed > 15, "{found} found, {missed} not");
}

/// The last two may change places.
struct Alike;

impl Symmetry<Toy> for Alike {
    fn group(&self) -> Vec<Vec<usize>> {
        vec![vec![0, 1, 2], SWAP.to_vec()]
    }

    fn state(&self, state: &usize, _: &[usize]) -> usize {
        *state
    }

    fn storage(&self, storage: &usize, _: &[usize]) -> usize {
        *storage
    }

    fn message(&self, message: &usize, _: &[usize]) -> usize {
        *message
    }
}

/// The same steps are found where of states that become one another only one is visited.
#[test]
fn steps_are_found_where_actors_may_change_places() {
    let fewer = Cell::new(0);
    let [found, missed] =
        of_many(300, (toys_alike(), wanted_step()), |((toys, crashes, total), wanted)| {
            let simple = simple_search(&toys, &crashes, total);
            prop_assume!(simple.len() < 10_000);
            let nearest = shortest(&toys, &crashes, total, &simple, &wanted);
            let mut visited = universe(&toys, &crashes, total);
            let mut watches = [Monitor::new(wanted.clone())];
            let (until, alike) = (Until::Exhausted, Some(&Alike as &dyn Symmetry<Toy>));
            let explored = explore_up_to(&mut visited, &mut watches, alike, until, |_| {}).unwrap();
            prop_assert_eq!(explored.with_images, simple.len() as u64);
            fewer.set(fewer.get() + usize::from(explored.states < simple.len()));
            let run = explored.found[0].as_ref();
            prop_assert_eq!(run.map(|run| run.steps.len()), nearest);
            prop_assert!(run.is_none_or(|run| ends_with_it(&visited, run, &wanted)));
            Ok(nearest.is_some())
        });
    let fewer = fewer.get();
    assert!(found > 15 && missed > 15 && fewer > 15, "{found} found, {missed} not; {fewer} fewer");
}

fn explored(toys: &[Toy], wanted: &[WantedStep]) -> Explored {
    let mut watches: Vec<_> = wanted.iter().cloned().map(Monitor::new).collect();
    let mut universe = universe(toys, &[0, 0, 0], 0);
    explore(&mut universe, &mut watches, Until::Exhausted, |_| {}).unwrap()
}

/// Whoever looks for any step at all finds none where nothing new is shown, and each looks for its
/// own.
#[test]
fn stutters_are_not_judged() {
    let any = WantedStep { there: [].into(), comes: [].into(), goes: [].into() };
    let into_two = WantedStep { comes: [2].into(), ..any.clone() };
    // The timer is reset, which is a step, but nobody sees it.
    let unseen = [Toy::stepping(0), Toy::idle(0), Toy::idle(0)];
    let nothing = explored(&unseen, &[any.clone(), into_two.clone()]);
    assert_eq!((nothing.steps, nothing.judged, nothing.found), (1, 0, vec![None, None]));
    let seen = [Toy::stepping(1), Toy::idle(0), Toy::idle(0)];
    let one = explored(&seen, &[into_two, any]);
    assert_eq!((one.steps, one.judged), (1, 1));
    assert_eq!(one.found[0], None);
    assert_eq!(one.found[1].as_ref().map(|run| run.steps.len()), Some(1));
    // Nobody who looks at steps is there to judge any.
    assert_eq!(explored(&seen, &[]).judged, 0);
}
