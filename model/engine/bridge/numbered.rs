//! Properties by number: Stateright takes plain function pointers, which carry no data.

use stateright::{Expectation, Model, Property};

/// A model that identifies its properties by number.
pub trait Numbered: Model {
    /// True if the condition of a property holds in a state, in Stateright's terms: an `always`
    /// property is not violated, or a `sometimes` property is met.
    fn holds(&self, number: usize, state: &Self::State) -> bool;
}

type Condition<M> = fn(&M, &<M as Model>::State) -> bool;

fn condition<M: Numbered, const N: usize>(model: &M, state: &M::State) -> bool {
    model.holds(N, state)
}

macro_rules! conditions {
    ($($number:literal)*) => {
        /// The most properties of a model.
        pub const MOST_PROPERTIES: usize = [$($number),*].len();

        fn conditions<M: Numbered>() -> [Condition<M>; MOST_PROPERTIES] {
            [$(condition::<M, $number>),*]
        }
    };
}

conditions!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);

/// The properties of a model: the first [`MOST_PROPERTIES`] of those given.
pub fn properties<M: Numbered>(
    held: impl Iterator<Item = (Expectation, &'static str)>,
) -> Vec<Property<M>> {
    let with = |((expectation, name), condition)| Property { expectation, name, condition };
    held.zip(conditions::<M>()).map(with).collect()
}
