//! The images of cores and messages under permutations of actors.

use std::hash::Hash;

use stateright::actor::Actor;

use super::super::symmetry::Symmetry;
use super::{CoreId, LocalState, MOST_TIMERS, SetId, Universe};

impl<A: Actor> Universe<A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// The image of an actor's core.
    pub(in super::super) fn core_image(
        &mut self,
        actor: usize,
        core: CoreId,
        places: &[usize],
        symmetry: &dyn Symmetry<A>,
    ) -> CoreId {
        let place = places[actor];
        let core = self.tables[actor].cores[core as usize].clone();
        let [from, to] = [actor, place];
        let state = core.state.map(|state| {
            let image = symmetry.state(&self.tables[from].states[state as usize], places);
            self.tables[to].states.insert_full(image).0 as u32
        });
        let mut stored = |storage: u32| {
            let image = symmetry.storage(&self.tables[from].storages[storage as usize], places);
            self.tables[to].storages.insert_full(image).0 as u32
        };
        let storage = core.storage.map(&mut stored);
        let replaced = core.replaced.map(|replaced| replaced.map(&mut stored));
        let mut timers = 0;
        for timer in (0..MOST_TIMERS as u32).filter(|timer| core.timers & (1 << timer) != 0) {
            let same = self.tables[from].timers[timer as usize].clone();
            timers |= self.timer(to, same).map_or(0, |timer| 1 << timer);
        }
        let image = LocalState { state, timers, storage, replaced, crashes: core.crashes };
        self.number(to, image).unwrap_or_default()
    }

    /// The image of a set of messages.
    pub(in super::super) fn set_image(
        &mut self,
        set: SetId,
        places: &[usize],
        symmetry: &dyn Symmetry<A>,
    ) -> SetId {
        let mut images = Vec::new();
        for message in self.members(set).to_vec() {
            let (from, to, text) = self.message(message);
            let (from, to, text) = (places[from], places[to], symmetry.message(text, places));
            images.push(self.send(from, to, text));
        }
        self.set(images)
    }
}
