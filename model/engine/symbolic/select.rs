//! The states of a set in which something is found.

use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};
use stateright::actor::Actor;

use super::super::diagram::{Diagram, EMPTY, END, Node, Value, Variable};
use super::super::observe::{FactsId, Judged, Monitor, NO_FACTS, Observer, Scope};
use super::Symbolic;

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// Judges all states of the set. True if something is found in any. Values with the same facts
    /// are merged first, which leaves few distinct sets of facts; each is judged, and counted,
    /// once.
    pub fn finds<O: Observer<A>>(&self, states: Node, watch: &mut Monitor<A, O>) -> bool {
        let mut shown = Diagram::default();
        let small = self.shown(states, watch, &mut shown, &mut FxHashMap::default());
        let each_actor = watch.observer().looks_at() == Scope::EachActor;
        let mut seen = FxHashSet::from_iter([(small, NO_FACTS)]);
        let mut open = vec![(small, NO_FACTS)];
        let mut judged = FxHashSet::default();
        while let Some((node, facts)) = open.pop() {
            if node == END && !each_actor {
                judged.insert(facts);
            }
            for (more, child) in shown.edges(node) {
                let mut all = watch.union(facts, *more);
                if each_actor && shown.variable(*child).block() != shown.variable(node).block() {
                    judged.insert(all);
                    all = NO_FACTS;
                }
                let next = (*child, all);
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        let judged: Vec<Judged> = judged.into_iter().map(|facts| watch.judged(facts)).collect();
        watch.look(judged.iter().filter(|judged| judged.is_something()).count() as u64);
        judged.iter().any(Judged::is_found)
    }

    /// The set with each value replaced by its facts.
    fn shown<O: Observer<A>>(
        &self,
        states: Node,
        watch: &mut Monitor<A, O>,
        shown: &mut Diagram,
        known: &mut FxHashMap<Node, Node>,
    ) -> Node {
        if states == EMPTY || states == END {
            return states;
        }
        if let Some(known) = known.get(&states) {
            return *known;
        }
        let variable = self.diagram.variable(states);
        let mut all = Vec::new();
        for (value, child) in self.diagram.edges(states) {
            let facts = self.facts_of(variable, *value, watch);
            let below = self.shown(*child, watch, shown, known);
            all.push(shown.node(variable, vec![(facts, below)]));
        }
        let all = shown.union_all(all);
        known.insert(states, all);
        all
    }

    fn facts_of<O: Observer<A>>(
        &self,
        variable: Variable,
        value: Value,
        watch: &mut Monitor<A, O>,
    ) -> FactsId {
        match variable.addressee() {
            None => watch.core(self.universe, self.order[usize::from(variable.block())], value),
            Some(_) => watch.sent(self.universe, value),
        }
    }

    /// The states of the set in which something is found.
    pub fn select<O: Observer<A>>(&mut self, states: Node, watch: &mut Monitor<A, O>) -> Node {
        self.select_below(states, NO_FACTS, watch, &mut FxHashMap::default())
    }

    fn select_below<O: Observer<A>>(
        &mut self,
        states: Node,
        facts: FactsId,
        watch: &mut Monitor<A, O>,
        known: &mut FxHashMap<(Node, FactsId), Node>,
    ) -> Node {
        if states == EMPTY || states == END {
            let at_states = watch.observer().looks_at() != Scope::EachActor;
            let found = at_states && watch.judged(facts).is_found();
            return if states == END && found { END } else { EMPTY };
        }
        if let Some(known) = known.get(&(states, facts)) {
            return *known;
        }
        let variable = self.diagram.variable(states);
        let mut edges = self.diagram.edges(states).to_vec();
        for (value, child) in &mut edges {
            let more = self.facts_of(variable, *value, watch);
            let mut all = watch.union(facts, more);
            let leaves = self.diagram.variable(*child).block() != variable.block();
            if watch.observer().looks_at() == Scope::EachActor && leaves {
                if watch.judged(all).is_found() {
                    continue;
                }
                all = NO_FACTS;
            }
            *child = self.select_below(*child, all, watch, known);
        }
        let selected = self.diagram.node(variable, edges);
        known.insert((states, facts), selected);
        selected
    }
}
