//! Random walks, for systems that are too large to exhaust. They can find a fault, but never show
//! that there is none.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::explicit::situations::{SituationId, Start, State};
use super::observe::{FactsId, Monitor, Remember};
use super::run::{Run, RunStep};
use super::steps::Steps;
use super::universe::{Stimulus, Universe, UniverseError};

/// The walks to take. Walk `k` does not depend on the others, so machines can share the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walks {
    /// The seed of all walks.
    pub seed: u64,
    /// The number of walks.
    pub walks: u64,
    /// The most steps of each walk.
    pub steps: usize,
    /// The part to take, from 0, and the number of parts: the walks whose numbers leave this
    /// remainder.
    pub part: (u64, u64),
}

/// The result of one part of the walks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swarmed {
    /// The number of walks taken.
    pub walks: u64,
    /// The number of steps of all walks together.
    pub steps: u64,
    /// The number of walks that ended because nothing more could happen.
    pub ended: u64,
    /// Fingerprints of the distinct local configurations, which do not depend on the order of
    /// discovery.
    pub situations: BTreeSet<u64>,
    /// For each observer, the first walk in which it finds something, with the run to that state.
    pub found: Vec<Option<(u64, Run)>>,
}

/// Takes one part of the walks.
pub fn swarm<A: Actor, O: Remember<A>>(
    universe: &mut Universe<A>,
    watches: &mut [Monitor<A, O>],
    walks: Walks,
    mut progress: impl FnMut(u64),
) -> Result<Swarmed, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let mut steps = Steps::new(universe.actors().len());
    let starts = steps.starts(universe);
    let found = vec![None; watches.len()];
    let swarmed = Swarmed { found, ..Swarmed::default() };
    let visited = BTreeSet::new();
    let mut walker = Walker { universe, watches, starts, steps, visited, swarmed };
    let (part, parts) = walks.part;
    for walk in (0..walks.walks).filter(|walk| walk % parts.max(1) == part) {
        walker.walk(walk, walks);
        walker.universe.healthy()?;
        progress(walker.swarmed.steps);
    }
    walker.fingerprint();
    Ok(walker.swarmed)
}

/// The reciprocal of the share of crashes among steps, where other steps are possible. Without it,
/// all crashes would come in the first few steps.
const CRASH_ONE_IN: u32 = 32;

struct Walker<'u, A: Actor, O: Remember<A>> {
    universe: &'u mut Universe<A>,
    watches: &'u mut [Monitor<A, O>],
    starts: Vec<Start>,
    steps: Steps,
    /// The local configurations visited, with their actors.
    visited: BTreeSet<(usize, SituationId)>,
    swarmed: Swarmed,
}

/// A walk in progress.
struct Walk<F> {
    number: u64,
    state: State,
    run: Run,
    /// For each observer, the facts of the last state, and those remembered.
    memories: Vec<(Option<FactsId>, BTreeSet<F>)>,
}

impl<A: Actor, O: Remember<A>> Walker<'_, A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    fn walk(&mut self, number: u64, Walks { seed, steps, .. }: Walks) {
        let mut random = fastrand::Rng::with_seed(FxBuildHasher.hash_one((seed, number)));
        let Some((state, starts)) = self.start(&mut random) else { return };
        let memories = self.watches.iter().map(|_| (None, BTreeSet::new())).collect();
        let run = Run { starts, steps: Vec::new() };
        let mut walk = Walk { number, state, run, memories };
        self.swarmed.walks += 1;
        self.look(&mut walk);
        for _ in 0..steps {
            let mut next = self.steps.next(self.universe, &walk.state);
            // Sorted by content: numbers depend on the walks before.
            next.sort_by_cached_key(|(RunStep { actor, stimulus, cut }, _)| {
                (*actor, self.universe.fingerprint(*actor, *stimulus), *cut)
            });
            let is_crash = |(step, _): &(RunStep, SituationId)| {
                step.cut.is_some() || step.stimulus == Stimulus::Crash
            };
            let (crashes, others): (Vec<_>, Vec<_>) = next.into_iter().partition(is_crash);
            let crash = others.is_empty() || random.u32(..CRASH_ONE_IN) == 0;
            let among = if crash && !crashes.is_empty() { crashes } else { others };
            let Some((step, after)) = random.choice(among) else {
                self.swarmed.ended += 1;
                break;
            };
            self.swarmed.steps += 1;
            walk.state[step.actor] = after;
            walk.run.steps.push(step);
            self.look(&mut walk);
        }
    }

    /// Chooses an initial state. In at least half of the walks, no actor crashes while it starts.
    fn start(&self, random: &mut fastrand::Rng) -> Option<Start> {
        let whole = |(_, cuts): &&Start| cuts.iter().all(Option::is_none);
        let start = self.starts.iter().find(whole).filter(|_| random.bool());
        start.or_else(|| random.choice(&self.starts)).cloned()
    }

    fn look(&mut self, walk: &mut Walk<O::Fact>) {
        self.visited.extend(walk.state.iter().copied().enumerate());
        let state = self.steps.in_full(&walk.state);
        for (number, watch) in self.watches.iter_mut().enumerate() {
            let (before, memory) = &mut walk.memories[number];
            if watch.observer().remembers() {
                let now = watch.facts(self.universe, &state);
                memory.extend(watch.news(*before, now, memory));
                *before = Some(now);
            }
            let found = &mut self.swarmed.found[number];
            if found.is_none() && watch.finds_with(self.universe, &state, memory) {
                *found = Some((walk.number, walk.run.clone()));
            }
        }
    }

    /// Adds the fingerprints of the local configurations visited.
    fn fingerprint(&mut self) {
        for (actor, id) in &self.visited {
            let situation = self.steps.situations().get(*actor, *id);
            self.swarmed.situations.insert(situation.fingerprint(self.universe, *actor));
        }
    }
}
