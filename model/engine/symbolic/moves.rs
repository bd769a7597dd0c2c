//! One step, of one actor or of any, forwards and backwards.

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use stateright::actor::Actor;

use super::super::diagram::{EMPTY, END, Node, Variable};
use super::super::universe::{CoreId, MessageId, Outcome, SetId};
use super::offers::Offered;
use super::{EnvironmentId, Symbolic};

/// Messages by outbox, from the top down.
type Notes = Vec<(Variable, SetId)>;

/// Cached results of going backwards.
pub(super) type Known = FxHashMap<(Node, Node, u32), Node>;

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// The outcomes of an actor with this core while the variables below it are in `states`, each
    /// with the subset of `states` in which it is possible. The messages it sends are not noted
    /// yet.
    pub(super) fn moves(
        &mut self,
        actor: usize,
        core: CoreId,
        states: Node,
        env: EnvironmentId,
    ) -> Vec<(Outcome, Node)> {
        let from_above = self.environments[env as usize].sent[actor];
        let alone = self.universe.alone(actor, core).iter();
        let mut moves: Vec<(Outcome, Node)> = alone.map(|outcome| (*outcome, states)).collect();
        for place in 0..self.universe.members(from_above).len() {
            let message = self.universe.members(from_above)[place];
            let outcomes = self.universe.hear(core, message).iter();
            moves.extend(outcomes.map(|outcome| (*outcome, states)));
        }
        self.note_offers(states);
        for place in 0..self.universe.inbox(actor).len() {
            let message = self.universe.inbox(actor)[place];
            let (from, to, _) = self.universe.message(message);
            if self.block[from] < self.block[to] || self.universe.ignores(actor, core, message) {
                continue;
            }
            let offered = self.filter_noted(states, message);
            if offered != EMPTY {
                let outcomes = self.universe.hear(core, message).iter();
                moves.extend(outcomes.map(|outcome| (*outcome, offered)));
            }
        }
        if self.universe.crash_budget() > 0 {
            self.keep_to_budget(actor, core, env, &mut moves);
        }
        moves
    }

    /// Removes outcomes that take more crashes than are left.
    fn keep_to_budget(
        &mut self,
        actor: usize,
        core: CoreId,
        env: EnvironmentId,
        moves: &mut Vec<(Outcome, Node)>,
    ) {
        let budget = self.environments[env as usize].budget;
        let before = self.universe.crashes(actor, core);
        moves.retain(|(outcome, _)| self.universe.crashes(actor, outcome.core) <= budget);
        for (outcome, states) in moves {
            let after = self.universe.crashes(actor, outcome.core);
            if after > before {
                *states = self.trim(*states, budget - after);
            }
        }
    }

    /// The states in which this message was sent.
    pub(super) fn filter(&mut self, states: Node, message: MessageId) -> Node {
        self.note_offers(states);
        self.filter_noted(states, message)
    }

    /// The states in which this message was sent, if offers are noted for them already.
    fn filter_noted(&mut self, states: Node, message: MessageId) -> Node {
        match self.offers.of(states, message) {
            Offered::Nowhere => return EMPTY,
            Offered::Everywhere => return states,
            Offered::Somewhere => {}
        }
        if let Some(known) = self.filtered.get((states, message)) {
            return known;
        }
        let (from, to, _) = self.universe.message(message);
        let outbox = Variable::outbox(self.block[from], to);
        let variable = self.diagram.variable(states);
        let mut edges = self.diagram.edges(states).to_vec();
        if variable == outbox {
            edges.retain(|(sent, _)| self.universe.members(*sent).binary_search(&message).is_ok());
        } else {
            edges.iter_mut().for_each(|(_, child)| *child = self.filter_noted(*child, message));
        }
        let filtered = self.diagram.node(variable, edges);
        self.filtered.put((states, message), filtered);
        filtered
    }

    /// Messages of one actor, by outbox.
    fn notes(&mut self, sent: SetId) -> Notes {
        let Some(first) = self.universe.members(sent).first() else { return Notes::new() };
        let block = self.block[self.universe.message(*first).0];
        let parts = self.universe.by_addressee(sent).into_iter();
        parts.map(|(to, sent)| (Variable::outbox(block, to), sent)).collect()
    }

    /// The states with these messages of one actor added to its outboxes.
    pub(super) fn note(&mut self, mut states: Node, sent: SetId) -> Node {
        for (outbox, sent) in self.notes(sent) {
            states = self.note_in(states, outbox, sent);
        }
        states
    }

    /// The states with messages added to one outbox. The cache key has no outbox, since the set of
    /// messages determines it.
    fn note_in(&mut self, states: Node, outbox: Variable, sent: SetId) -> Node {
        if states == EMPTY {
            return EMPTY;
        }
        if let Some(known) = self.noted.get((states, sent)) {
            return known;
        }
        let variable = self.diagram.variable(states).min(outbox);
        let edges = self.diagram.edges_at(states, variable).to_vec();
        let mut after = BTreeMap::<u32, Vec<Node>>::new();
        for (value, child) in edges {
            if variable == outbox {
                after.entry(self.universe.union(value, sent)).or_default().push(child);
            } else {
                after.entry(value).or_default().push(self.note_in(child, outbox, sent));
            }
        }
        let all = |(value, sets)| (value, self.diagram.union_all(sets));
        let edges = after.into_iter().map(all).collect();
        let noted = self.diagram.node(variable, edges);
        self.noted.put((states, sent), noted);
        noted
    }

    /// The states with at most so many crashes.
    pub(super) fn trim(&mut self, states: Node, budget: u8) -> Node {
        if states == EMPTY || states == END || self.universe.crash_budget() == 0 {
            return states;
        }
        if let Some(known) = self.trimmed.get((states, budget)) {
            return known;
        }
        let variable = self.diagram.variable(states);
        let actor = self.order[usize::from(variable.block())];
        let mut edges = Vec::new();
        for (value, child) in self.diagram.edges(states).to_vec() {
            let core = variable.addressee().is_none();
            let crashes = if core { self.universe.crashes(actor, value) } else { 0 };
            if let Some(left) = budget.checked_sub(crashes) {
                edges.push((value, self.trim(child, left)));
            }
        }
        let trimmed = self.diagram.node(variable, edges);
        self.trimmed.put((states, budget), trimmed);
        trimmed
    }

    /// The successors of these states.
    pub(super) fn after(&mut self, states: Node, env: EnvironmentId) -> Node {
        if states == EMPTY || states == END {
            return EMPTY;
        }
        if let Some(known) = self.stepped.get(&(states, env)) {
            return *known;
        }
        let top = self.diagram.variable(states);
        let actor = self.order[usize::from(top.block())];
        let mut after = BTreeMap::<u32, Vec<Node>>::new();
        for (value, child) in self.diagram.edges(states).to_vec() {
            let below = if top.addressee().is_some() {
                self.below_outbox(env, top, value)
            } else {
                for (outcome, states) in self.moves(actor, value, child, env) {
                    let noted = self.note(states, outcome.sent);
                    after.entry(outcome.core).or_default().push(noted);
                }
                let crashes = self.universe.crashes(actor, value);
                self.below_core(env, top.block(), crashes)
            };
            let lower = self.after(child, below);
            after.entry(value).or_default().push(lower);
        }
        let all = |(value, sets)| (value, self.diagram.union_all(sets));
        let edges = after.into_iter().map(all).collect();
        let stepped = self.diagram.node(top, edges);
        self.stepped.insert((states, env), stepped);
        stepped
    }

    /// The states from which one step leads into `target`.
    pub(super) fn before(
        &mut self,
        states: Node,
        target: Node,
        env: EnvironmentId,
        known: &mut Known,
    ) -> Node {
        if states == EMPTY || target == EMPTY || states == END {
            return EMPTY;
        }
        if let Some(known) = known.get(&(states, target, env)) {
            return *known;
        }
        let top = self.diagram.top(states, target);
        let actor = self.order[usize::from(top.block())];
        let mut edges = Vec::new();
        for (value, child) in self.diagram.edges_at(states, top).to_vec() {
            let mut sources = Vec::new();
            let below = if top.addressee().is_some() {
                self.below_outbox(env, top, value)
            } else {
                for (outcome, from) in self.moves(actor, value, child, env) {
                    let into = self.diagram.child(target, top, outcome.core);
                    let notes = self.notes(outcome.sent);
                    sources.push(self.unsend(from, into, &notes));
                }
                let crashes = self.universe.crashes(actor, value);
                self.below_core(env, top.block(), crashes)
            };
            let same = self.diagram.child(target, top, value);
            sources.push(self.before(child, same, below, known));
            edges.push((value, self.diagram.union_all(sources)));
        }
        let before = self.diagram.node(top, edges);
        known.insert((states, target, env), before);
        before
    }

    /// The states that are in `target` once these messages are added.
    fn unsend(&mut self, states: Node, target: Node, notes: &[(Variable, SetId)]) -> Node {
        let Some(((outbox, sent), rest)) = notes.split_first() else {
            return self.diagram.intersection(states, target);
        };
        if states == EMPTY || target == EMPTY {
            return EMPTY;
        }
        let top = self.diagram.top(states, target).min(*outbox);
        let mut edges = Vec::new();
        for (value, child) in self.diagram.edges_at(states, top).to_vec() {
            let (after, rest) = if top == *outbox {
                (self.universe.union(value, *sent), rest)
            } else {
                (value, notes)
            };
            let into = self.diagram.child(target, top, after);
            edges.push((value, self.unsend(child, into, rest)));
        }
        self.diagram.node(top, edges)
    }
}
