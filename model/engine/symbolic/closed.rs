//! The check that a set is closed: no step leads out of it.

use std::hash::Hash;

use rustc_hash::FxHashSet;
use stateright::actor::Actor;

use super::super::diagram::{EMPTY, END, Node};
use super::super::universe::UniverseError;
use super::{EnvironmentId, Symbolic};

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// True if the set contains all initial states, and with each state all its successors, so that
    /// every reachable state is in it. This computes each step once more, independently of the
    /// search that produced the set.
    pub fn is_closed(&mut self, states: Node) -> Result<bool, UniverseError> {
        let (start, nothing) = (self.start(), self.nothing());
        let begins = self.diagram.minus(start, states) == EMPTY;
        let before = self.kept.len();
        self.kept.push(states);
        let closed = begins && self.stays(states, nothing, &mut FxHashSet::default());
        self.kept.truncate(before);
        self.universe.healthy()?;
        Ok(closed)
    }

    /// True for a part of the set if no step of these blocks, and no delivery to them, leads out of
    /// it.
    fn stays(
        &mut self,
        states: Node,
        env: EnvironmentId,
        known: &mut FxHashSet<(Node, EnvironmentId)>,
    ) -> bool {
        if states == EMPTY || states == END || !known.insert((states, env)) {
            return true;
        }
        self.collect_garbage();
        let top = self.diagram.variable(states);
        let actor = self.order[usize::from(top.block())];
        for (value, child) in self.diagram.edges(states).to_vec() {
            let below = if top.addressee().is_some() {
                self.below_outbox(env, top, value)
            } else {
                for (outcome, from) in self.moves(actor, value, child, env) {
                    let after = self.note(from, outcome.sent);
                    let into = self.diagram.child(states, top, outcome.core);
                    if self.diagram.minus(after, into) != EMPTY {
                        return false;
                    }
                }
                let crashes = self.universe.crashes(actor, value);
                self.below_core(env, top.block(), crashes)
            };
            if !self.stays(child, below, known) {
                return false;
            }
        }
        true
    }
}
