//! A bounded cache of results.

use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;

use super::diagram::Node;

/// A hash table of results by key. A new entry replaces the one in its slot. The table grows with
/// use, up to a bound.
#[derive(Debug)]
pub struct Cache<K> {
    slots: Vec<Option<(K, Node)>>,
    /// The number of results added since it last grew.
    news: usize,
}

/// The bounds of the number of slots, as powers of two.
const FIRST: u32 = 12;
const MOST: u32 = 22;

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Cache { slots: Vec::new(), news: 0 }
    }
}

impl<K: Copy + Eq + Hash> Cache<K> {
    fn slot(&self, key: K) -> usize {
        (FxBuildHasher.hash_one(key) >> 32) as usize & (self.slots.len() - 1)
    }

    /// The result for this key, if it is still cached.
    pub fn get(&self, key: K) -> Option<Node> {
        if self.slots.is_empty() {
            return None;
        }
        let (known, result) = self.slots[self.slot(key)]?;
        (known == key).then_some(result)
    }

    /// Adds a result.
    pub fn put(&mut self, key: K, result: Node) {
        if self.news >= self.slots.len() && self.slots.len() < 1 << MOST {
            self.grow();
        }
        self.news += 1;
        let slot = self.slot(key);
        self.slots[slot] = Some((key, result));
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 4).clamp(1 << FIRST, 1 << MOST);
        let old = std::mem::replace(&mut self.slots, vec![None; size]);
        self.news = 0;
        for (key, result) in old.into_iter().flatten() {
            let slot = self.slot(key);
            self.slots[slot] = Some((key, result));
        }
    }

    /// Removes all results for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(K, Node) -> bool) {
        for slot in &mut self.slots {
            if slot.is_some_and(|(key, result)| !keep(key, result)) {
                *slot = None;
            }
        }
    }
}
