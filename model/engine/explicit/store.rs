//! The set of states seen: exact, and split into parts, so that threads seldom contend for a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::word::Word;

/// The number of parts, as a power of two.
const PARTS: u32 = 7;

/// The number of states that a thread gathers for one part before it adds them.
const BATCH: usize = 256;

/// The set of states seen.
pub(super) struct Store<W> {
    parts: Vec<Mutex<Part<W>>>,
}

/// One part of the set, as an open-addressing hash table.
struct Part<W> {
    slots: Vec<W>,
    count: usize,
    /// The states added since the last layer was taken.
    fresh: Vec<W>,
}

/// States gathered by one thread, not yet added to the store.
pub(super) struct Batches<W> {
    parts: Vec<Vec<W>>,
}

impl<W: Word> Store<W> {
    /// An empty store.
    pub(super) fn new() -> Self {
        let part = || Part { slots: Vec::new(), count: 0, fresh: Vec::new() };
        Store { parts: (0..1 << PARTS).map(|_| Mutex::new(part())).collect() }
    }

    fn part(&self, number: usize) -> MutexGuard<'_, Part<W>> {
        self.parts[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a state, possibly only at the next flush.
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

    /// Adds all states gathered so far.
    pub(super) fn flush(&self, batches: &mut Batches<W>) {
        for (number, batch) in batches.parts.iter_mut().enumerate() {
            self.hand_over(number, batch);
        }
    }

    /// The states that are new since the last call.
    pub(super) fn take_fresh(&self) -> Vec<Vec<W>> {
        let take = |number| {
            let mut fresh = std::mem::take(&mut self.part(number).fresh);
            fresh.shrink_to_fit();
            fresh
        };
        (0..self.parts.len()).map(take).filter(|fresh: &Vec<W>| !fresh.is_empty()).collect()
    }

    /// The number of states.
    pub(super) fn len(&self) -> usize {
        (0..self.parts.len()).map(|number| self.part(number).count).sum()
    }
}

impl<W> Batches<W> {
    /// Empty batches.
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

    /// Grows by half.
    fn grow(&mut self) {
        let size = (self.slots.len() * 3 / 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![W::NONE; size]);
        for word in old.into_iter().filter(|word| *word != W::NONE) {
            self.insert(word);
        }
    }
}
