//! States as machine words: a bit field for each actor's local configuration. Exact, so there are
//! no collisions.

use std::hash::Hash;

use super::situations::{SituationId, State};

/// A machine word.
pub trait Word: Copy + Ord + Hash + Send + Sync + std::fmt::Debug {
    /// The number of usable bits: one less than the width, so that no state equals [`Word::NONE`].
    const BITS: u32;
    /// A word that is no state.
    const NONE: Self;
    /// The word with all bits zero.
    const ZERO: Self;
    /// The word with `value` XORed in at `shift`.
    fn flip(self, shift: u32, value: SituationId) -> Self;
    /// The `width` bits from `shift` on.
    fn get(self, shift: u32, width: u32) -> SituationId;
    /// A hash with well mixed bits.
    fn mix(self) -> u64;
}

/// An odd multiplier that spreads its multiples well (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(word: u64) -> u64 {
    let once = word.wrapping_mul(SPREAD);
    (once ^ (once >> 32)).wrapping_mul(SPREAD)
}

impl Word for u64 {
    const BITS: u32 = 63;
    const NONE: u64 = u64::MAX;
    const ZERO: u64 = 0;

    fn flip(self, shift: u32, value: SituationId) -> u64 {
        self ^ (u64::from(value) << shift)
    }

    fn get(self, shift: u32, width: u32) -> SituationId {
        ((self >> shift) & ((1 << width) - 1)) as SituationId
    }

    fn mix(self) -> u64 {
        mix(self)
    }
}

impl Word for u128 {
    const BITS: u32 = 127;
    const NONE: u128 = u128::MAX;
    const ZERO: u128 = 0;

    fn flip(self, shift: u32, value: SituationId) -> u128 {
        self ^ (u128::from(value) << shift)
    }

    fn get(self, shift: u32, width: u32) -> SituationId {
        ((self >> shift) & ((1 << width) - 1)) as SituationId
    }

    fn mix(self) -> u64 {
        mix(mix(self as u64) ^ (self >> 64) as u64)
    }
}

/// The layout of a word: a bit field for each actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// For each actor, the shift and the width of its field.
    fields: Vec<(u32, u32)>,
}

impl Layout {
    /// A layout with room for at least twice as many local configurations of each actor.
    pub fn new(situations: impl Iterator<Item = usize>) -> Self {
        let mut shift = 0;
        let field = |count: usize| {
            let width = usize::BITS - count.leading_zeros() + 1;
            shift += width;
            (shift - width, width)
        };
        Layout { fields: situations.map(field).collect() }
    }

    /// The number of bits of a state.
    pub fn bits(&self) -> u32 {
        self.fields.last().map_or(0, |(shift, width)| shift + width)
    }

    /// True if the fields have room for so many local configurations of each actor.
    pub fn holds(&self, situations: impl Iterator<Item = usize>) -> bool {
        self.fields.iter().zip(situations).all(|((_, width), count)| count <= 1 << width)
    }

    /// Packs a state into a word.
    pub fn pack<W: Word>(&self, state: &[SituationId]) -> W {
        let fields = self.fields.iter().zip(state);
        fields.fold(W::ZERO, |word, ((shift, _), id)| word.flip(*shift, *id))
    }

    /// Unpacks a word into `state`.
    pub fn unpack<W: Word>(&self, word: W, state: &mut Vec<SituationId>) {
        state.clear();
        state.extend(self.fields.iter().map(|(shift, width)| word.get(*shift, *width)));
    }

    /// Unpacks a word into a new state.
    pub fn state<W: Word>(&self, word: W) -> State {
        self.fields.iter().map(|(shift, width)| word.get(*shift, *width)).collect()
    }

    /// The word with another local configuration of one actor.
    pub fn replace<W: Word>(&self, word: W, actor: usize, old: SituationId, new: SituationId) -> W {
        word.flip(self.fields[actor].0, old ^ new)
    }
}
