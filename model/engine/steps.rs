//! The steps of a universe one by one, each with its stimulus, for searches that need it.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use stateright::actor::Actor;

use super::explicit::situations::{SituationId, Situations, Start};
use super::run::{LocalConfiguration, RunStep, cut};
use super::universe::{Stimulus, Universe};

/// The local configurations of all actors, with the outcomes of each stimulus.
pub struct Steps {
    situations: Situations,
    outcomes: FxHashMap<(usize, SituationId, Stimulus), Box<[SituationId]>>,
}

impl Steps {
    /// Tables without any local configuration.
    pub fn new(actors: usize) -> Self {
        Steps { situations: Situations::new(actors), outcomes: FxHashMap::default() }
    }

    /// The local configurations met so far.
    pub fn situations(&self) -> &Situations {
        &self.situations
    }

    /// All initial states within the crash budget.
    pub fn starts<A: Actor>(&mut self, universe: &mut Universe<A>) -> Vec<Start>
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        self.situations.starts(universe)
    }

    /// The steps possible in this state, each with the new local configuration of its actor. A step
    /// that changes nothing is left out.
    pub fn next<A: Actor>(
        &mut self,
        universe: &mut Universe<A>,
        state: &[SituationId],
    ) -> Vec<(RunStep, SituationId)>
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let mut steps = Vec::new();
        let left = self.situations.crashes_left(state, universe.crash_budget()).unwrap_or_default();
        for (actor, id) in state.iter().copied().enumerate() {
            for stimulus in self.stimuli(universe, state, actor) {
                let outcomes = self.outcomes(universe, actor, id, stimulus).to_vec();
                for (place, after) in outcomes.iter().copied().enumerate() {
                    if after != id && self.situations.within(left, actor, id, after) {
                        let cut = cut(place, outcomes.len());
                        steps.push((RunStep { actor, stimulus, cut }, after));
                    }
                }
            }
        }
        steps
    }

    fn stimuli<A: Actor>(
        &self,
        universe: &Universe<A>,
        state: &[SituationId],
        actor: usize,
    ) -> Vec<Stimulus>
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let core = self.situations.get(actor, state[actor]).core;
        let mut stimuli = universe.own_stimuli(actor, core);
        for (sender, id) in state.iter().enumerate() {
            let sent = self.situations.get(sender, *id).sent[actor];
            stimuli.extend(universe.members(sent).iter().copied().map(Stimulus::Hear));
        }
        stimuli
    }

    fn outcomes<A: Actor>(
        &mut self,
        universe: &mut Universe<A>,
        actor: usize,
        id: SituationId,
        what: Stimulus,
    ) -> &[SituationId]
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        if !self.outcomes.contains_key(&(actor, id, what)) {
            let now = self.situations.get(actor, id).clone();
            let mut after = Vec::new();
            for outcome in universe.outcomes(actor, now.core, what) {
                let then = now.follow(universe, outcome.core, outcome.sent);
                after.push(self.situations.number(universe, actor, then));
            }
            self.outcomes.insert((actor, id, what), after.into());
        }
        self.outcomes.get(&(actor, id, what)).map_or(&[], |after| after)
    }

    /// The local configurations of a state.
    pub fn in_full(&self, state: &[SituationId]) -> Vec<&LocalConfiguration> {
        state.iter().enumerate().map(|(actor, id)| self.situations.get(actor, *id)).collect()
    }
}
