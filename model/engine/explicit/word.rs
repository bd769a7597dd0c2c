//! States as machine words: some bits for each actor's situation. Exact, so nothing can collide.

use std::hash::Hash;

use super::situations::{SituationId, State};

/// A machine word.
pub trait Word: Copy + Ord + Hash + Send + Sync + std::fmt::Debug {
    /// How many bits may be used; one is left over, so that no state is [`Word::NONE`].
    const BITS: u32;
    /// No state.
    const NONE: Self;
    /// Nothing but zeros.
    const ZERO: Self;
    /// With the bits of `value` turned over, from `shift` on.
    fn flip(self, shift: u32, value: SituationId) -> Self;
    /// The lowest `width` bits from `shift` on.
    fn get(self, shift: u32, width: u32) -> SituationId;
    /// Well mixed bits.
    fn mix(self) -> u64;
}

/// An odd number whose multiples are well spread (Knuth, TAOCP 3, 6.4).
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

/// Which bits are whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where each actor's bits start, and how many they are.
    fields: Vec<(u32, u32)>,
}

impl Layout {
    /// Room for so many situations of each actor, and as many again.
    pub fn new(situations: impl Iterator<Item = usize>) -> Self {
        let mut shift = 0;
        let field = |count: usize| {
            let width = usize::BITS - count.leading_zeros() + 1;
            shift += width;
            (shift - width, width)
        };
        Layout { fields: situations.map(field).collect() }
    }

    /// How many bits a state takes.
    pub fn bits(&self) -> u32 {
        self.fields.last().map_or(0, |(shift, width)| shift + width)
    }

    /// Whether there is room for so many situations of each actor.
    pub fn holds(&self, situations: impl Iterator<Item = usize>) -> bool {
        self.fields.iter().zip(situations).all(|((_, width), count)| count <= 1 << width)
    }

    /// A state as a word.
    pub fn pack<W: Word>(&self, state: &[SituationId]) -> W {
        let fields = self.fields.iter().zip(state);
        fields.fold(W::ZERO, |word, ((shift, _), id)| word.flip(*shift, *id))
    }

    /// A word as a state.
    pub fn unpack<W: Word>(&self, word: W, state: &mut Vec<SituationId>) {
        state.clear();
        state.extend(self.fields.iter().map(|(shift, width)| word.get(*shift, *width)));
    }

    /// A word as a state of its own.
    pub fn state<W: Word>(&self, word: W) -> State {
        self.fields.iter().map(|(shift, width)| word.get(*shift, *width)).collect()
    }

    /// The word with another situation of one actor.
    pub fn replace<W: Word>(&self, word: W, actor: usize, old: SituationId, new: SituationId) -> W {
        word.flip(self.fields[actor].0, old ^ new)
    }
}
