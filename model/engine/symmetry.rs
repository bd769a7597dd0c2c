//! Actors that may change places without a difference to anything but their names.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use stateright::actor::Actor;

use super::run::LocalConfiguration;
use super::universe::{CoreId, SetId, Universe};

/// How states, storages and messages read once actors have changed places. `places` says where
/// each actor goes, by number.
///
/// What is looked for must not depend on the names of actors that change places, and neither may
/// steps: what an actor does once others have changed places is what it did before, with them
/// changed, and so is every part of a step that a crash may leave.
pub trait Symmetry<A: Actor> {
    /// All ways to change places: a group, the identity first.
    fn group(&self) -> Vec<Vec<usize>>;

    /// A local state, where it names actors.
    fn state(&self, state: &A::State, places: &[usize]) -> A::State;

    /// What is stored, where it names actors.
    fn storage(&self, storage: &A::Storage, places: &[usize]) -> A::Storage;

    /// A message, where it names actors.
    fn message(&self, message: &A::Msg, places: &[usize]) -> A::Msg;
}

/// One way to change places, and what is known of it.
struct Element {
    places: Vec<usize>,
    cores: FxHashMap<(usize, CoreId), CoreId>,
    sets: FxHashMap<SetId, SetId>,
}

/// A group of ways to change places.
pub(super) struct Group<'s, A: Actor> {
    symmetry: &'s dyn Symmetry<A>,
    elements: Vec<Element>,
}

impl<'s, A: Actor> Group<'s, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    pub(super) fn new(symmetry: &'s dyn Symmetry<A>) -> Self {
        let element =
            |places| Element { places, cores: FxHashMap::default(), sets: FxHashMap::default() };
        Group { symmetry, elements: symmetry.group().into_iter().map(element).collect() }
    }

    /// How many ways there are.
    pub(super) fn order(&self) -> usize {
        self.elements.len()
    }

    /// Where an actor goes.
    pub(super) fn place(&self, element: usize, actor: usize) -> usize {
        self.elements[element].places[actor]
    }

    /// What a situation of an actor becomes, in its new place.
    pub(super) fn image(
        &mut self,
        universe: &mut Universe<A>,
        element: usize,
        actor: usize,
        situation: &LocalConfiguration,
    ) -> LocalConfiguration {
        let Element { places, cores, sets } = &mut self.elements[element];
        let symmetry = self.symmetry;
        let core = *cores
            .entry((actor, situation.core))
            .or_insert_with(|| universe.core_image(actor, situation.core, places, symmetry));
        let mut sent = situation.sent.clone();
        for (to, set) in situation.sent.iter().enumerate() {
            let image = sets.entry(*set);
            sent[places[to]] = *image.or_insert_with(|| universe.set_image(*set, places, symmetry));
        }
        LocalConfiguration { core, sent }
    }
}
