//! Shortest runs into a set: forwards in layers, then backwards state by state.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use stateright::actor::Actor;

use super::super::diagram::{EMPTY, END, Node, Variable};
use super::super::observe::{Monitor, Observer};
use super::super::run::{LocalConfiguration, Run, RunStep, cuts_of_start, step_between};
use super::super::universe::{NOTHING, UniverseError};
use super::{Progress, Symbolic};

type State = Vec<LocalConfiguration>;

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// A shortest run into a state in which something is found; none if there is no such state.
    pub fn shortest<O: Observer<A>>(
        &mut self,
        watch: &mut Monitor<A, O>,
        progress: Progress<'_>,
    ) -> Result<Option<Run>, UniverseError> {
        let hit = |symbolic: &mut Self, layer: Node| {
            if symbolic.finds(layer, watch) { symbolic.select(layer, watch) } else { EMPTY }
        };
        self.shortest_into(hit, progress)
    }

    /// A shortest run into one of these states; none if none is reachable.
    pub fn shortest_to(
        &mut self,
        target: Node,
        progress: Progress<'_>,
    ) -> Result<Option<Run>, UniverseError> {
        let before = self.kept.len();
        self.kept.push(target);
        let hit = |symbolic: &mut Self, layer| symbolic.diagram.intersection(layer, target);
        let run = self.shortest_into(hit, progress);
        self.kept.truncate(before);
        run
    }

    fn shortest_into(
        &mut self,
        hit: impl FnMut(&mut Self, Node) -> Node,
        progress: Progress<'_>,
    ) -> Result<Option<Run>, UniverseError> {
        let before = self.kept.len();
        let run = self.search_in_layers(hit, progress);
        self.kept.truncate(before);
        run
    }

    /// Searches forwards. All layers are kept for the way back.
    fn search_in_layers(
        &mut self,
        mut hit: impl FnMut(&mut Self, Node) -> Node,
        progress: Progress<'_>,
    ) -> Result<Option<Run>, UniverseError> {
        let mut layer = self.start();
        let mut reached = layer;
        let mut layers = Vec::new();
        let nothing = self.nothing();
        let found = loop {
            if layer == EMPTY {
                break None;
            }
            let found = hit(self, layer);
            if found != EMPTY {
                break Some(found);
            }
            layers.push(layer);
            self.kept.push(layer);
            let after = self.after(layer, nothing);
            self.universe.healthy()?;
            layer = self.diagram.minus(after, reached);
            reached = self.diagram.union(reached, layer);
            progress(self.diagram.count(reached));
            self.kept.extend([layer, reached]);
            self.collect_garbage();
            self.kept.truncate(self.kept.len() - 2);
        };
        found.map(|found| self.run_back(found, &layers)).transpose()
    }

    /// The reachable states from which no state of `goal` can be reached.
    pub fn stuck(&mut self, reach: Node, goal: Node) -> Result<Node, UniverseError> {
        let before = self.kept.len();
        let (mut good, mut front) = (goal, goal);
        let mut rest = self.diagram.minus(reach, good);
        let nothing = self.nothing();
        while front != EMPTY {
            front = self.before(rest, front, nothing, &mut FxHashMap::default());
            good = self.diagram.union(good, front);
            rest = self.diagram.minus(rest, front);
            self.kept.extend([good, front, rest]);
            self.collect_garbage();
            self.kept.truncate(before);
        }
        self.universe.healthy()?;
        Ok(rest)
    }

    fn run_back(&mut self, found: Node, layers: &[Node]) -> Result<Run, UniverseError> {
        let mut state = self.first_state(found);
        let mut steps = Vec::new();
        for layer in layers.iter().rev() {
            let (before, step) = self.step_back(*layer, &state).ok_or(UniverseError::LostRun)?;
            steps.push(step);
            state = before;
        }
        steps.reverse();
        let starts = cuts_of_start(self.universe, &state)?;
        Ok(Run { starts, steps })
    }

    /// All variables, from the top down.
    fn variables(&self) -> Vec<Variable> {
        let actors = self.order.len();
        let block = |block: u8| {
            let outboxes = (0..actors).map(move |to| Variable::outbox(block, to));
            std::iter::once(Variable::core(block)).chain(outboxes)
        };
        (0..actors as u8).flat_map(block).collect()
    }

    fn first_state(&self, mut node: Node) -> State {
        let nobody = LocalConfiguration { core: 0, sent: vec![NOTHING; self.order.len()].into() };
        let mut state = vec![nobody; self.order.len()];
        for variable in self.variables() {
            let edges = self.diagram.edges_at(node, variable);
            let Some((value, child)) = edges.first().copied() else { continue };
            let local = &mut state[self.order[usize::from(variable.block())]];
            match variable.addressee() {
                None => local.core = value,
                Some(to) => local.sent[to] = value,
            }
            node = child;
        }
        state
    }

    /// A state of the layer from which one step leads to `state`, and that step.
    fn step_back(&mut self, layer: Node, state: &State) -> Option<(State, RunStep)> {
        for actor in 0..self.order.len() {
            for local in self.others(layer, state, actor) {
                let mut before = state.clone();
                before[actor] = local;
                if let Some(step) = step_between(self.universe, &before, actor, &state[actor]) {
                    return Some((before, step));
                }
            }
        }
        None
    }

    /// The local configurations of this actor in the states of the layer in which all others are as
    /// in `state`.
    fn others(&self, layer: Node, state: &State, actor: usize) -> Vec<LocalConfiguration> {
        let nobody = LocalConfiguration { core: 0, sent: vec![NOTHING; self.order.len()].into() };
        let mut found = vec![(layer, nobody)];
        for variable in self.variables() {
            let who = self.order[usize::from(variable.block())];
            let mut next = Vec::new();
            for (node, local) in found {
                if who != actor {
                    let value = match variable.addressee() {
                        None => state[who].core,
                        Some(to) => state[who].sent[to],
                    };
                    next.push((self.diagram.child(node, variable, value), local));
                    continue;
                }
                for (value, child) in &*self.diagram.edges_at(node, variable) {
                    let mut local = local.clone();
                    match variable.addressee() {
                        None => local.core = *value,
                        Some(to) => local.sent[to] = *value,
                    }
                    next.push((*child, local));
                }
            }
            next.retain(|(node, _)| *node != EMPTY);
            found = next;
        }
        debug_assert!(found.iter().all(|(end, _)| *end == END));
        found.into_iter().map(|(_, local)| local).collect()
    }
}
