//! One actor alone: its local configurations in the states of a set, and its steps from them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};
use stateright::actor::Actor;

use super::super::diagram::{Diagram, END, Node};
use super::super::observe::{Monitor, Observer};
use super::super::run::LocalConfiguration;
use super::super::universe::{CoreId, MessageId, NOTHING, Outcome, Stimulus, UniverseError};
use super::Symbolic;

/// The result of judging the steps of one actor alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// The number of steps judged. Those that add no facts are not.
    pub judged: u64,
    /// The local configuration and the stimulus of the first finding, with which the search ended.
    pub found: Option<(LocalConfiguration, Stimulus)>,
}

impl<A: Actor> Symbolic<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// All distinct local configurations of an actor in the states of a set.
    pub fn situations(&self, states: Node, actor: usize) -> Vec<LocalConfiguration> {
        let block = self.block[actor];
        // The outboxes as a diagram without the blocks below, so that states which differ only
        // there become one.
        let (mut sent, mut known) = (Diagram::default(), FxHashMap::default());
        let mut by_core = BTreeMap::<CoreId, Vec<Node>>::new();
        for node in self.nodes(states, |node| self.diagram.variable(node).block() < block) {
            if self.diagram.variable(node).block() != block {
                continue;
            }
            for (core, child) in self.diagram.edges(node) {
                let outboxes = self.outboxes(*child, block, &mut sent, &mut known);
                by_core.entry(*core).or_default().push(outboxes);
            }
        }
        let mut all = Vec::new();
        for (core, outboxes) in by_core {
            let outboxes = sent.union_all(outboxes);
            let nothing = vec![NOTHING; self.order.len()].into();
            spell_out(&sent, outboxes, &mut LocalConfiguration { core, sent: nothing }, &mut all);
        }
        all
    }

    /// All nodes reachable from the root of a set, through nodes for which `opens` is true.
    fn nodes(&self, states: Node, opens: impl Fn(Node) -> bool) -> Vec<Node> {
        let (mut nodes, mut seen) = (vec![states], FxHashSet::from_iter([states]));
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            next += 1;
            if opens(node) {
                let children = self.diagram.edges(node).iter().map(|(_, child)| *child);
                nodes.extend(children.filter(|child| seen.insert(*child)));
            }
        }
        nodes
    }

    /// The outboxes of a block from this node on, with the end below them.
    fn outboxes(
        &self,
        node: Node,
        block: u8,
        sent: &mut Diagram,
        known: &mut FxHashMap<Node, Node>,
    ) -> Node {
        let variable = self.diagram.variable(node);
        if variable.block() != block {
            return END;
        }
        if let Some(known) = known.get(&node) {
            return *known;
        }
        let edges = self.diagram.edges(node).iter();
        let edges = edges.map(|(set, child)| (*set, self.outboxes(*child, block, sent, known)));
        let edges = edges.collect();
        let outboxes = sent.node(variable, edges);
        known.insert(node, outboxes);
        outboxes
    }

    /// The messages sent to an actor in any state of a set.
    fn heard(&self, states: Node, actor: usize) -> BTreeSet<MessageId> {
        let nodes = self.nodes(states, |_| true).into_iter();
        let for_it = nodes.filter(|node| self.diagram.variable(*node).addressee() == Some(actor));
        let sets: BTreeSet<_> =
            for_it.flat_map(|node| self.diagram.edges(node)).map(|(set, _)| *set).collect();
        sets.into_iter().flat_map(|set| self.universe.members(set)).copied().collect()
    }

    /// Judges all steps of an actor alone: from each of its local configurations in the states of
    /// the set, with every stimulus of its own, and with every message sent to it in such a state.
    /// The facts of the whole state before a step are taken to be the actor's own. A crash may
    /// exceed the budget of all actors together; otherwise these are exactly the actor's steps.
    pub fn finds_alone<O: Observer<A>>(
        &mut self,
        states: Node,
        actor: usize,
        watch: &mut Monitor<A, O>,
    ) -> Result<Alone, UniverseError> {
        let mut alone = Alone { judged: 0, found: None };
        for situation in self.situations(states, actor) {
            for stimulus in self.universe.own_stimuli(actor, situation.core) {
                self.judge(actor, &situation, stimulus, watch, &mut alone);
            }
        }
        for message in self.heard(states, actor) {
            let offered = self.filter(states, message);
            for situation in self.situations(offered, actor) {
                self.judge(actor, &situation, Stimulus::Hear(message), watch, &mut alone);
            }
        }
        self.universe.healthy()?;
        Ok(alone)
    }

    /// Judges the outcomes of this stimulus.
    fn judge<O: Observer<A>>(
        &mut self,
        actor: usize,
        situation: &LocalConfiguration,
        stimulus: Stimulus,
        watch: &mut Monitor<A, O>,
        alone: &mut Alone,
    ) {
        if alone.found.is_some() {
            return;
        }
        let before = watch.situation(self.universe, actor, situation);
        for Outcome { core, sent } in self.universe.outcomes(actor, situation.core, stimulus) {
            let after = situation.follow(self.universe, core, sent);
            let after = watch.situation(self.universe, actor, &after);
            if before != after {
                alone.judged += 1;
                let judged = watch.judged_step((before, before, after));
                watch.look(u64::from(judged.is_something()));
                if judged.is_found() {
                    alone.found = Some((situation.clone(), stimulus));
                    return;
                }
            }
        }
    }
}

/// Appends all paths from a node on: for each, the messages sent to each addressee.
fn spell_out(
    sent: &Diagram,
    node: Node,
    so_far: &mut LocalConfiguration,
    all: &mut Vec<LocalConfiguration>,
) {
    if node == END {
        all.push(so_far.clone());
    } else if let Some(to) = sent.variable(node).addressee() {
        for (set, child) in sent.edges(node) {
            so_far.sent[to] = *set;
            spell_out(sent, *child, so_far, all);
        }
        so_far.sent[to] = NOTHING;
    }
}
