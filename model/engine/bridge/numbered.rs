//! Properties by number: Stateright takes plain functions, which cannot know what they look for.

use stateright::{Expectation, Model, Property};

/// A model that knows its properties by their numbers.
pub trait Numbered: Model {
    /// Whether the condition of a property holds in a state, in Stateright's terms: what is always
    /// to hold does, or an example is found.
    fn holds(&self, number: usize, state: &Self::State) -> bool;
}

type Condition<M> = fn(&M, &<M as Model>::State) -> bool;

fn condition<M: Numbered, const N: usize>(model: &M, state: &M::State) -> bool {
    model.holds(N, state)
}

macro_rules! conditions {
    ($($number:literal)*) => {
        /// There are no more properties than this.
        pub const MOST_PROPERTIES: usize = [$($number),*].len();

        fn conditions<M: Numbered>() -> [Condition<M>; MOST_PROPERTIES] {
            [$(condition::<M, $number>),*]
        }
    };
}

conditions!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);

/// The properties of a model, the first [`MOST_PROPERTIES`] of them.
pub fn properties<M: Numbered>(
    held: impl Iterator<Item = (Expectation, &'static str)>,
) -> Vec<Property<M>> {
    let with = |((expectation, name), condition)| Property { expectation, name, condition };
    held.zip(conditions::<M>()).map(with).collect()
}
