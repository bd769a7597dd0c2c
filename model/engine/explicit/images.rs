//! The images of states under permutations of actors, and the representative of each orbit.

use std::hash::Hash;

use stateright::actor::Actor;

use super::super::symmetry::Group;
use super::super::universe::Universe;
use super::situations::{SituationId, Situations, State};
use super::word::{Layout, Word};

/// A permutation of actors: the place that each actor goes to, and the images of its local
/// configurations there.
struct Way {
    places: Vec<usize>,
    images: Vec<Vec<SituationId>>,
}

/// All permutations of the group except the identity.
pub(super) struct Images(Vec<Way>);

impl Images {
    pub(super) fn new<A: Actor>(group: Option<&Group<'_, A>>, actors: usize) -> Self
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let Some(group) = group else { return Images(Vec::new()) };
        let way = |element| {
            let places = (0..actors).map(|actor| group.place(element, actor)).collect();
            Way { places, images: vec![Vec::new(); actors] }
        };
        Images((1..group.order()).map(way).collect())
    }

    /// Computes the images of all local configurations, and the images of those.
    pub(super) fn complete<A: Actor>(
        &mut self,
        universe: &mut Universe<A>,
        situations: &mut Situations,
        group: &mut Group<'_, A>,
    ) where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        loop {
            let mut new = false;
            for (element, way) in (1..).zip(&mut self.0) {
                for (actor, images) in way.images.iter_mut().enumerate() {
                    for id in images.len()..situations.len(actor) {
                        let situation = situations.get(actor, id as SituationId).clone();
                        let image = group.image(universe, element, actor, &situation);
                        images.push(situations.number(universe, way.places[actor], image));
                        new = true;
                    }
                }
            }
            if !new {
                return;
            }
        }
    }

    /// The lowest image of a state, and the number of distinct images (the size of its orbit).
    pub(super) fn lowest<W: Word>(&self, layout: &Layout, word: W) -> (W, u64) {
        if self.0.is_empty() {
            return (word, 1);
        }
        let state = layout.state(word);
        let (mut lowest, mut same) = (word, 1);
        let mut image = state.clone();
        for way in &self.0 {
            way.apply(&state, &mut image);
            let other: W = layout.pack(&image);
            lowest = lowest.min(other);
            same += u64::from(other == word);
        }
        // Each image comes from equally many permutations (orbit-stabiliser theorem).
        (lowest, (self.0.len() as u64 + 1) / same)
    }

    /// The lowest image of an unpacked state. Its order differs from that of packed words.
    pub(super) fn lowest_state(&self, state: &[SituationId]) -> Vec<SituationId> {
        let mut lowest = state.to_vec();
        let mut image = state.to_vec();
        for way in &self.0 {
            way.apply(state, &mut image);
            if image < lowest {
                lowest.clone_from(&image);
            }
        }
        lowest
    }

    /// The image of `state` under the permutation that maps `from` to `to`; none if there is no
    /// such permutation.
    pub(super) fn along(&self, from: &State, to: &State, state: &State) -> Option<State> {
        if from == to {
            return Some(state.clone());
        }
        let mut image = from.clone();
        let way = self.0.iter().find(|way| {
            way.apply(from, &mut image);
            image == *to
        })?;
        way.apply(state, &mut image);
        Some(image)
    }
}

impl Way {
    fn apply(&self, state: &[SituationId], image: &mut [SituationId]) {
        for (actor, id) in state.iter().enumerate() {
            image[self.places[actor]] = self.images[actor][*id as usize];
        }
    }
}
