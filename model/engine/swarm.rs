//! Random walks, for what cannot be exhausted. They show that something can go wrong, and never
//! that nothing can.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::explicit::situations::{SituationId, Situations};
use super::observe::{Observer, Watch};
use super::run::{Run, Situation, run_through};
use super::universe::{Universe, UniverseError};

/// Which walks are taken. Walk `k` is the same whoever takes it, so that many machines can share
/// the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walks {
    /// The seed of all walks.
    pub seed: u64,
    /// How many there are.
    pub walks: u64,
    /// How many steps each takes, at most.
    pub steps: usize,
    /// Of so many parts, this one, from 0: the walks whose numbers leave this remainder.
    pub part: (u64, u64),
}

/// What was seen of a part of the walks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swarmed {
    /// How many walks were taken.
    pub walks: u64,
    /// How many steps they took together.
    pub steps: u64,
    /// How many walks ended because nothing more could happen.
    pub ended: u64,
    /// The different situations that actors were in, as fingerprints that do not depend on who met
    /// them first.
    pub situations: BTreeSet<u64>,
    /// For each observer, the first walk in which it finds something, and its run up to there.
    pub found: Vec<Option<(u64, Run)>>,
}

/// Takes a part of the walks.
pub fn swarm<A: Actor, O: Observer<A>>(
    universe: &mut Universe<A>,
    watches: &mut [Watch<A, O>],
    walks: Walks,
    mut progress: impl FnMut(u64),
) -> Result<Swarmed, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let situations = Situations::new(universe.actors().len());
    let found = vec![None; watches.len()];
    let swarmed = Swarmed { found, ..Swarmed::default() };
    let visited = BTreeSet::new();
    let mut walker = Walker { universe, watches, situations, visited, swarmed };
    let (part, parts) = walks.part;
    for walk in (0..walks.walks).filter(|walk| walk % parts.max(1) == part) {
        walker.walk(walk, walks)?;
        walker.universe.healthy()?;
        progress(walker.swarmed.steps);
    }
    walker.fingerprint();
    Ok(walker.swarmed)
}

type State = Vec<SituationId>;

struct Walker<'u, A: Actor, O: Observer<A>> {
    universe: &'u mut Universe<A>,
    watches: &'u mut [Watch<A, O>],
    situations: Situations,
    /// The situations that were walked through, with their actors.
    visited: BTreeSet<(usize, SituationId)>,
    swarmed: Swarmed,
}

impl<A: Actor, O: Observer<A>> Walker<'_, A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    fn walk(&mut self, walk: u64, Walks { seed, steps, .. }: Walks) -> Result<(), UniverseError> {
        let mut random = fastrand::Rng::with_seed(FxBuildHasher.hash_one((seed, walk)));
        let mut states = vec![self.start(&mut random)];
        self.swarmed.walks += 1;
        self.look(walk, &states)?;
        for _ in 0..steps {
            let now = &states[states.len() - 1];
            let next = self.successors(now);
            let Some(next) = random.choice(next) else {
                self.swarmed.ended += 1;
                break;
            };
            self.swarmed.steps += 1;
            states.push(next);
            self.look(walk, &states)?;
        }
        Ok(())
    }

    fn start(&mut self, random: &mut fastrand::Rng) -> State {
        let budget = self.universe.crash_budget();
        let mut state = State::new();
        for actor in 0..self.universe.actors().len() {
            let starts = self.situations.starts(self.universe, actor);
            let left = self.situations.crashes_left(&state, budget).unwrap_or_default();
            let allowed =
                starts.into_iter().filter(|id| self.situations.crashes(actor, *id) <= left);
            state.extend(random.choice(allowed.collect::<Vec<_>>()));
        }
        state
    }

    fn successors(&mut self, state: &State) -> Vec<State> {
        let budget = self.universe.crash_budget();
        let left = self.situations.crashes_left(state, budget).unwrap_or_default();
        let successors = self.situations.successors_of(self.universe, state).into_iter();
        let within = |(actor, id): &(usize, SituationId)| {
            self.situations.within(left, *actor, state[*actor], *id)
        };
        let after = |(actor, id): (usize, SituationId)| {
            let mut after = state.clone();
            after[actor] = id;
            after
        };
        successors.filter(within).map(after).collect()
    }

    fn look(&mut self, walk: u64, states: &[State]) -> Result<(), UniverseError> {
        let Some(state) = states.last() else { return Ok(()) };
        self.visited.extend(state.iter().copied().enumerate());
        for number in 0..self.watches.len() {
            if self.swarmed.found[number].is_none() && self.finds(number, state) {
                let in_full = |state: &State| {
                    let each = |(actor, id): (usize, &SituationId)| {
                        self.situations.get(actor, *id).clone()
                    };
                    state.iter().enumerate().map(each).collect()
                };
                let states: Vec<Vec<Situation>> = states.iter().map(in_full).collect();
                let run = run_through(self.universe, &states)?;
                self.swarmed.found[number] = Some((walk, run));
            }
        }
        Ok(())
    }

    fn finds(&mut self, number: usize, state: &State) -> bool {
        let situation = |(actor, id): (usize, &SituationId)| self.situations.get(actor, *id);
        let situations: Vec<&Situation> = state.iter().enumerate().map(situation).collect();
        self.watches[number].finds_in(self.universe, &situations)
    }

    fn fingerprint(&mut self) {
        for (actor, id) in &self.visited {
            let situation = self.situations.get(*actor, *id);
            self.swarmed.situations.insert(situation.fingerprint(self.universe, *actor));
        }
    }
}
