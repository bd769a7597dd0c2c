//! Shortest runs: backwards layer by layer, then forwards again if states were permuted.

use std::hash::Hash;

use stateright::actor::Actor;

use super::super::observe::Observer;
use super::super::run::{LocalConfiguration, Run, run_through};
use super::super::universe::UniverseError;
use super::Search;
use super::pass::Place;
use super::situations::{SituationId, State};
use super::word::Word;

impl<A: Actor, O: Observer<A>, W: Word> Search<'_, A, O, W>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// A shortest run into a state of the layer at this depth, and through a step from it if one is
    /// given. Under symmetry, it may end in an image of these.
    pub(super) fn run_to(
        &mut self,
        depth: usize,
        (found, edge): Place<State>,
    ) -> Result<Run, UniverseError> {
        let mut words: Vec<W> = vec![self.layout.pack(&found)];
        for layer in self.layers[..depth].iter().rev() {
            let target = words[words.len() - 1];
            let leads = |word: &&W| self.leads_to(**word, target);
            let before = layer.iter().flatten().filter(leads).min().copied();
            words.push(before.ok_or(UniverseError::LostRun)?);
        }
        words.reverse();
        let states: Vec<State> = words.into_iter().map(|word| self.layout.state(word)).collect();
        let mut states = match self.group {
            Some(_) => self.walk_again(&states)?,
            None => states,
        };
        if let Some((actor, id)) = edge {
            let mut next = found.clone();
            next[actor] = id;
            let end = states.last().ok_or(UniverseError::LostRun)?;
            let next = self.images.along(&found, end, &next).ok_or(UniverseError::LostRun)?;
            states.push(next);
        }
        let in_full = |state: &State| {
            let each = |(actor, id): (usize, &SituationId)| self.situations.get(actor, *id).clone();
            state.iter().enumerate().map(each).collect()
        };
        let states: Vec<Vec<LocalConfiguration>> = states.iter().map(in_full).collect();
        run_through(self.universe, &states)
    }

    /// The states of one run whose images are given: each is a successor of the one before, without
    /// a permutation between them.
    fn walk_again(&mut self, images: &[State]) -> Result<Vec<State>, UniverseError> {
        let mut states: Vec<State> = images.first().cloned().into_iter().collect();
        for target in images.iter().skip(1) {
            let Some(now) = states.last().cloned() else { break };
            let target = self.images.lowest_state(target);
            let successors = self.situations.successors_of(self.universe, &now);
            self.note_images();
            let after = |(actor, id): (usize, SituationId)| {
                let mut next = now.clone();
                next[actor] = id;
                next
            };
            let mut all = successors.into_iter().map(after);
            let next = all.find(|next| self.images.lowest_state(next) == target);
            states.push(next.ok_or(UniverseError::LostRun)?);
        }
        Ok(states)
    }

    fn leads_to(&self, from: W, target: W) -> bool {
        let state = self.layout.state(from);
        let mut leads = false;
        self.situations.successors(&state, |actor, list| {
            let into = |id: &SituationId| {
                let next = self.layout.replace(from, actor, state[actor], *id);
                self.images.lowest(&self.layout, next).0
            };
            leads |= list.unwrap_or_default().iter().any(|id| into(id) == target);
        });
        leads
    }
}
