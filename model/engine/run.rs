//! A run: a sequence of steps, each with its actor and its stimulus.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::universe::{CoreId, SetId, Stimulus, Universe, UniverseError};

/// The local configuration of one actor: its core, and the messages that it ever sent to each
/// addressee.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalConfiguration {
    /// The actor without the messages that it sent.
    pub core: CoreId,
    /// The messages that it sent, by addressee.
    pub sent: Box<[SetId]>,
}

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// The acting actor.
    pub actor: usize,
    /// The stimulus.
    pub stimulus: Stimulus,
    /// The number of the step's commands after which the actor crashed, if it did.
    pub cut: Option<usize>,
}

/// A run, from the start of all actors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// For each actor, the number of commands of its start after which it crashed, if it did.
    pub starts: Vec<Option<usize>>,
    /// The steps, in order.
    pub steps: Vec<RunStep>,
}

impl LocalConfiguration {
    /// The successor with this core, and with these messages sent in addition.
    pub fn follow<A: Actor>(&self, universe: &mut Universe<A>, core: CoreId, more: SetId) -> Self
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let mut sent = self.sent.clone();
        for (to, more) in universe.by_addressee(more) {
            sent[to] = universe.union(sent[to], more);
        }
        LocalConfiguration { core, sent }
    }

    /// A hash that does not depend on the numbering of this universe.
    pub fn fingerprint<A: Actor>(&self, universe: &Universe<A>, actor: usize) -> u64
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let (state, storage) = universe.view(actor, self.core);
        let timers = universe.timers(actor, self.core).map(|timer| FxBuildHasher.hash_one(timer));
        let timers: BTreeSet<u64> = timers.collect();
        let crashes = universe.crashes(actor, self.core);
        let sent = self.sent.iter().flat_map(|set| universe.members(*set));
        let sent = sent.map(|message| FxBuildHasher.hash_one(universe.message(*message)));
        let sent: BTreeSet<u64> = sent.collect();
        let replaced = universe.replaced(actor, self.core);
        FxBuildHasher.hash_one((actor, state, timers, storage, replaced, crashes, sent))
    }
}

/// The local configurations in which an actor may begin, each with the number of commands of its
/// start after which it has crashed, if it has.
pub fn starts<A: Actor>(
    universe: &mut Universe<A>,
    actor: usize,
) -> Vec<(LocalConfiguration, Option<usize>)>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let outcomes = universe.starts(actor).to_vec();
    let nothing = LocalConfiguration { core: 0, sent: vec![0; universe.actors().len()].into() };
    let each = |(place, outcome): (usize, &super::universe::Outcome)| {
        (nothing.follow(universe, outcome.core, outcome.sent), cut(place, outcomes.len()))
    };
    outcomes.iter().enumerate().map(each).collect()
}

/// The step by which this actor gets to `after`; none if there is no such step.
pub fn step_between<A: Actor>(
    universe: &mut Universe<A>,
    before: &[LocalConfiguration],
    actor: usize,
    after: &LocalConfiguration,
) -> Option<RunStep>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let now = &before[actor];
    let offered = before.iter().flat_map(|other| universe.members(other.sent[actor]));
    let heard = offered.copied().map(Stimulus::Hear);
    let own = universe.own_stimuli(actor, now.core).into_iter();
    let stimuli: Vec<Stimulus> = own.chain(heard).collect();
    stimuli.into_iter().find_map(|stimulus| {
        let outcomes = universe.outcomes(actor, now.core, stimulus);
        let place = outcomes
            .iter()
            .position(|outcome| now.follow(universe, outcome.core, outcome.sent) == *after)?;
        Some(RunStep { actor, stimulus, cut: cut(place, outcomes.len()) })
    })
}

/// The number of commands after which the actor crashes in this outcome of a step. The last outcome
/// is the whole step, without a crash.
pub(super) fn cut(outcome: usize, outcomes: usize) -> Option<usize> {
    (outcome + 1 < outcomes).then_some(outcome + 1)
}

/// For each actor, the number of commands of its start after which it crashed to be as in this
/// initial state.
pub(super) fn cuts_of_start<A: Actor>(
    universe: &mut Universe<A>,
    state: &[LocalConfiguration],
) -> Result<Vec<Option<usize>>, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let cut = |(actor, situation): (usize, &LocalConfiguration)| {
        let starts = starts(universe, actor).into_iter();
        let mut same = starts.filter(|(start, _)| start == situation);
        same.next().map(|(_, cut)| cut).ok_or(UniverseError::LostRun)
    };
    state.iter().enumerate().map(cut).collect()
}

/// The run through these states.
pub(super) fn run_through<A: Actor>(
    universe: &mut Universe<A>,
    states: &[Vec<LocalConfiguration>],
) -> Result<Run, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let start = states.first().ok_or(UniverseError::LostRun)?;
    let starts = cuts_of_start(universe, start)?;
    let step = |pair: &[Vec<LocalConfiguration>]| {
        let moved = (0..pair[0].len()).find(|actor| pair[0][*actor] != pair[1][*actor]);
        let step = moved.and_then(|actor| step_between(universe, &pair[0], actor, &pair[1][actor]));
        step.ok_or(UniverseError::LostRun)
    };
    let steps = states.windows(2).map(step).collect::<Result<_, _>>()?;
    Ok(Run { starts, steps })
}
