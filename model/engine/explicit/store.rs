//! Which states were seen: exact, in several parts, so that threads seldom meet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::word::Word;

/// How many parts there are, as a power of two.
const PARTS: u32 = 7;

/// How many states a thread gathers for one part before it hands them over.
const BATCH: usize = 256;

/// All states that were seen.
pub(super) struct Store<W> {
    parts: Vec<Mutex<Part<W>>>,
}

/// Some of the states, in an open hash table.
struct Part<W> {
    slots: Vec<W>,
    count: usize,
    /// Those that came since the last layer was taken.
    fresh: Vec<W>,
}

/// States on their way into a store.
pub(super) struct Batches<W> {
    parts: Vec<Vec<W>>,
}

impl<W: Word> Store<W> {
    /// No state was seen.
    pub(super) fn new() -> Self {
        let part = || Part { slots: Vec::new(), count: 0, fresh: Vec::new() };
        Store { parts: (0..1 << PARTS).map(|_| Mutex::new(part())).collect() }
    }

    fn part(&self, number: usize) -> MutexGuard<'_, Part<W>> {
        self.parts[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a state, sooner or later.
    pub(super) fn add(&self, word: W, batches: &mut Batches<W>) {
        let number = (word.mix() >> (64 - PARTS)) as usize;
        let batch = &mut batches.parts[number];
        batch.push(word);
        if batch.len() >= BATCH {
            self.hand_over(number, batch);
        }
    }

    fn hand_over(&self, number: usize, batch: &mut Vec<W>) {
        let mut part = self.part(number);
        batch.drain(..).for_each(|word| part.add(word));
    }

    /// Takes all that are on their way.
    pub(super) fn flush(&self, batches: &mut Batches<W>) {
        for (number, batch) in batches.parts.iter_mut().enumerate() {
            self.hand_over(number, batch);
        }
    }

    /// The states that are new since this was last asked.
    pub(super) fn take_fresh(&self) -> Vec<Vec<W>> {
        let take = |number| {
            let mut fresh = std::mem::take(&mut self.part(number).fresh);
            fresh.shrink_to_fit();
            fresh
        };
        (0..self.parts.len()).map(take).filter(|fresh: &Vec<W>| !fresh.is_empty()).collect()
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        (0..self.parts.len()).map(|number| self.part(number).count).sum()
    }
}

impl<W> Batches<W> {
    /// Nothing is on its way.
    pub(super) fn new() -> Self {
        Batches { parts: (0..1 << PARTS).map(|_| Vec::with_capacity(BATCH)).collect() }
    }
}

impl<W: Word> Part<W> {
    fn add(&mut self, word: W) {
        if self.count * 8 >= self.slots.len() * 7 {
            self.grow();
        }
        if self.insert(word) {
            self.count += 1;
            self.fresh.push(word);
        }
    }

    fn insert(&mut self, word: W) -> bool {
        let mut slot = (((word.mix() & 0xffff_ffff) * self.slots.len() as u64) >> 32) as usize;
        loop {
            let there = self.slots[slot];
            if there == W::NONE {
                self.slots[slot] = word;
                return true;
            }
            if there == word {
                return false;
            }
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        }
    }

    /// Half as many slots again.
    fn grow(&mut self) {
        let size = (self.slots.len() * 3 / 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![W::NONE; size]);
        for word in old.into_iter().filter(|word| *word != W::NONE) {
            self.insert(word);
        }
    }
}
