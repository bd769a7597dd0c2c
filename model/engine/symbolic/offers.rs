//! The messages sent in the states of a set: in some of them, and in all of them.
//!
//! Most messages were sent in none of the states in which an actor has a given core, and many in
//! all of them. Then there is nothing to filter.

use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::super::diagram::{Live, Node};
use super::super::universe::MessageId;
use super::Symbolic;

/// A pair of bits for each message: sent in some state, and sent in every state.
type Bits = Box<[(u64, u64)]>;

/// The part of a set in which a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Nowhere,
    Somewhere,
    Everywhere,
}

/// The messages sent in the states of sets, as far as they were noted.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// The distinct bits: there are far more nodes.
    different: IndexSet<Bits, FxBuildHasher>,
    /// For each node, the place of its bits.
    of: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl Offers {
    fn number(&self, states: Node) -> Option<usize> {
        let number = self.of.get(states as usize).copied().filter(|number| *number != UNKNOWN);
        number.map(|number| number as usize)
    }

    fn bits(&self, states: Node) -> &[(u64, u64)] {
        self.number(states).map_or(&[], |number| &self.different[number])
    }

    /// The part of a set in which a message was sent. The set must have been noted.
    pub(super) fn of(&self, states: Node, message: MessageId) -> Offered {
        let (word, bit) = place(message);
        match self.bits(states).get(word) {
            Some((_, each)) if each & bit != 0 => Offered::Everywhere,
            Some((some, _)) if some & bit != 0 => Offered::Somewhere,
            _ => Offered::Nowhere,
        }
    }

    fn note(&mut self, states: Node, bits: &[(u64, u64)]) {
        let number = self.different.get_index_of(bits);
        let number = number.unwrap_or_else(|| self.different.insert_full(bits.into()).0);
        let place = states as usize;
        if self.of.len() <= place {
            self.of.resize(place + 1, UNKNOWN);
        }
        self.of[place] = number as u32;
    }

    /// Forgets the nodes that are not in use.
    pub(super) fn retain(&mut self, live: &Live) {
        let gone = |(node, _): &(Node, &mut u32)| !live.has(*node);
        (0..).zip(&mut self.of).filter(gone).for_each(|(_, number)| *number = UNKNOWN);
    }
}

fn place(message: MessageId) -> (usize, u64) {
    (message as usize / 64, 1 << (message % 64))
}

/// Adds a message that was sent in all states.
fn add(bits: &mut Vec<(u64, u64)>, message: MessageId) {
    let (word, bit) = place(message);
    if bits.len() <= word {
        bits.resize(word + 1, (0, 0));
    }
    bits[word].0 |= bit;
    bits[word].1 |= bit;
}

/// Adds the bits of further states.
fn join(bits: &mut Vec<(u64, u64)>, other: &[(u64, u64)]) {
    if bits.len() < other.len() {
        bits.resize(other.len(), (0, 0));
    }
    for (word, (some, each)) in bits.iter_mut().enumerate() {
        let other = other.get(word).copied().unwrap_or_default();
        (*some, *each) = (*some | other.0, *each & other.1);
    }
}

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// Notes the messages sent in a set, and in all nodes below it.
    pub(super) fn note_offers(&mut self, states: Node) {
        if self.offers.number(states).is_some() {
            return;
        }
        let outbox = self.diagram.variable(states).addressee().is_some();
        let (mut all, mut one) = (None, Vec::new());
        for place in 0..self.diagram.edges(states).len() {
            let (value, child) = self.diagram.edges(states)[place];
            self.note_offers(child);
            one.clear();
            one.extend_from_slice(self.offers.bits(child));
            if outbox {
                self.universe.members(value).iter().for_each(|message| add(&mut one, *message));
            }
            match &mut all {
                None => all = Some(one.clone()),
                Some(all) => join(all, &one),
            }
        }
        self.offers.note(states, &all.unwrap_or_default());
    }
}
