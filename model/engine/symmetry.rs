//! Symmetry: permutations of actors that change nothing but names.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use stateright::actor::Actor;

use super::run::LocalConfiguration;
use super::universe::{CoreId, SetId, Universe};

/// The action of permutations on states, storages and messages. `places` gives the place that each
/// actor goes to, by number.
///
/// Neither properties nor steps may depend on the names of permuted actors: the step of an actor in
/// a permuted state must be the permuted step, and so must every part of a step that a crash may
/// leave.
pub trait Symmetry<A: Actor> {
    /// All permutations: a group, the identity first.
    fn group(&self) -> Vec<Vec<usize>>;

    /// The image of a local state: the actors named in it are renamed.
    fn state(&self, state: &A::State, places: &[usize]) -> A::State;

    /// The image of a storage: the actors named in it are renamed.
    fn storage(&self, storage: &A::Storage, places: &[usize]) -> A::Storage;

    /// The image of a message: the actors named in it are renamed.
    fn message(&self, message: &A::Msg, places: &[usize]) -> A::Msg;
}

/// A permutation, with the images computed so far.
struct Element {
    places: Vec<usize>,
    cores: FxHashMap<(usize, CoreId), CoreId>,
    sets: FxHashMap<SetId, SetId>,
}

/// A group of permutations.
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

    /// The number of permutations.
    pub(super) fn order(&self) -> usize {
        self.elements.len()
    }

    /// The place that an actor goes to.
    pub(super) fn place(&self, element: usize, actor: usize) -> usize {
        self.elements[element].places[actor]
    }

    /// The image of an actor's local configuration, in its new place.
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
