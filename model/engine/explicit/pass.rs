//! One pass over some states: what every thread does on its own.

use std::collections::BTreeSet;

use super::super::observe::{FactsId, Lookup, NO_FACTS};
use super::images::Images;
use super::situations::{Gap, SituationId, Situations};
use super::store::{Batches, Store};
use super::word::{Layout, Word};

/// What is counted of some states.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) with_images: u64,
}

impl Counts {
    pub(super) fn and(self, other: Self) -> Self {
        let with_images = self.with_images + other.with_images;
        Counts { steps: self.steps + other.steps, with_images }
    }
}

/// What one pass over some states came to.
pub(super) struct Pass<W> {
    /// Room for a state, so that it need not be made for each.
    pub(super) state: Vec<SituationId>,
    pub(super) counts: Counts,
    pub(super) gaps: BTreeSet<Gap>,
    /// States whose successors are not all known.
    pub(super) again: Vec<W>,
    /// For each observer, the lowest state in which it finds something.
    pub(super) found: Vec<Option<W>>,
    /// Facts that were not put together before.
    pub(super) unions: BTreeSet<(usize, FactsId, FactsId)>,
}

/// All that a thread needs to expand states.
pub(super) struct Reader<'s, W> {
    pub(super) situations: &'s Situations,
    pub(super) facts: &'s [Vec<Vec<FactsId>>],
    pub(super) layout: &'s Layout,
    pub(super) images: &'s Images,
    pub(super) store: &'s Store<W>,
    pub(super) budget: u8,
}

impl<W: Word> Reader<'_, W> {
    pub(super) fn expand(
        &self,
        word: W,
        watches: &[Lookup<'_>],
        pass: &mut Pass<W>,
        batches: &mut Batches<W>,
    ) {
        let mut state = std::mem::take(&mut pass.state);
        self.layout.unpack(word, &mut state);
        let mut complete = self.look(word, &state, watches, pass);
        let left = self.situations.crashes_left(&state, self.budget).unwrap_or_default();
        // Nobody crashes in most systems, and this is asked of every step.
        let within =
            |actor, now, next| self.budget == 0 || self.situations.within(left, actor, now, next);
        let mut steps = 0;
        self.situations.successors(&state, |actor, list| match list {
            Err(gap) => {
                complete = false;
                pass.gaps.insert(gap);
            }
            Ok(next) => {
                let now = state[actor];
                for id in next.iter().filter(|id| within(actor, now, **id)) {
                    steps += 1;
                    let next = self.layout.replace(word, actor, now, *id);
                    self.store.add(self.images.lowest(self.layout, next).0, batches);
                }
            }
        });
        if complete {
            let images = self.images.lowest(self.layout, word).1;
            pass.counts = pass.counts.and(Counts { steps, with_images: images });
        } else {
            pass.again.push(word);
        }
        pass.state = state;
    }

    /// Whether all facts of the state could be put together.
    fn look(
        &self,
        word: W,
        state: &[SituationId],
        watches: &[Lookup<'_>],
        pass: &mut Pass<W>,
    ) -> bool {
        let mut all_complete = true;
        for (number, (watch, facts)) in watches.iter().zip(self.facts).enumerate() {
            let (mut all, mut complete, mut found) = (NO_FACTS, true, false);
            for (actor, id) in state.iter().enumerate() {
                let more = facts[actor][*id as usize];
                if watch.one_at_a_time {
                    found |= watch.finds(more);
                    continue;
                }
                match watch.union(all, more) {
                    Some(union) => all = union,
                    None => {
                        pass.unions.insert((number, all, more));
                        complete = false;
                        break;
                    }
                }
            }
            found |= complete && !watch.one_at_a_time && watch.finds(all);
            if found {
                let found = &mut pass.found[number];
                *found = Some(found.map_or(word, |other| other.min(word)));
            }
            all_complete &= complete;
        }
        all_complete
    }
}

impl<W: Word> Pass<W> {
    pub(super) fn new(watches: usize) -> Self {
        Pass {
            state: Vec::new(),
            counts: Counts::default(),
            gaps: BTreeSet::new(),
            again: Vec::new(),
            found: vec![None; watches],
            unions: BTreeSet::new(),
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.counts = self.counts.and(other.counts);
        self.gaps.extend(other.gaps);
        self.again.extend(other.again);
        self.unions.extend(other.unions);
        for (one, two) in self.found.iter_mut().zip(other.found) {
            *one = match (*one, two) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
        self
    }
}
