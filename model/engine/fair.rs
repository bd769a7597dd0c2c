//! Whether a goal is reached in every fair run, on a graph whose edges are named after what
//! happens.
//!
//! A run is fair if nothing that must happen can happen from some point on for ever, and never
//! does (weak fairness: "The temporal logic of actions", Lamport 1994, section 5). An infinite run
//! stays in a strongly connected part of the graph from some point on. In such a part, a fair run
//! can go round for ever if each action that must happen is impossible somewhere in it, or happens
//! within it; and if a part allows no fair run, none of its own parts does. So it is enough to look
//! at the largest ones ("Model Checking": Clarke, Grumberg and Peled 1999, section 6.3).

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Something that may happen, as an integer.
pub type Action = u32;

/// A graph of states. The first one is the start; each can be reached from it.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By state: what may happen, and which state it leads to.
    pub edges: Vec<Vec<(Action, u32)>>,
    /// By state: whether the goal is met.
    pub goal: Vec<bool>,
    /// By action: whether it must happen, if it can from some point on for ever.
    pub fair: Vec<bool>,
}

/// A part of the graph in which a fair run may stay for ever without meeting the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Its states, in order.
    pub states: Vec<u32>,
}

impl Graph {
    /// A trap, the one that begins with the lowest state; none if every fair run meets the goal.
    pub fn trap(&self) -> Option<Trap> {
        let mut graph = DiGraph::<(), (), u32>::with_capacity(self.edges.len(), 0);
        for _ in &self.edges {
            graph.add_node(());
        }
        let unmet = |state: u32| !self.goal[state as usize];
        for (from, edges) in (0..).zip(&self.edges) {
            for (_, to) in edges.iter().filter(|(_, to)| unmet(from) && unmet(*to)) {
                graph.add_edge(NodeIndex::from(from), NodeIndex::from(*to), ());
            }
        }
        let parts = kosaraju_scc(&graph).into_iter();
        let states = |part: Vec<NodeIndex<u32>>| {
            let mut states: Vec<u32> = part.into_iter().map(|node| node.index() as u32).collect();
            states.sort_unstable();
            states
        };
        let unmet_parts = parts.map(states).filter(|states| unmet(states[0]));
        unmet_parts
            .filter(|states| self.allows_fair_run(states))
            .min()
            .map(|states| Trap { states })
    }

    fn allows_fair_run(&self, part: &[u32]) -> bool {
        let inside = |state: &u32| part.binary_search(state).is_ok();
        let possible = |state: &u32| -> BTreeSet<Action> {
            let actions = self.edges[*state as usize].iter().map(|(action, _)| *action);
            actions.filter(|action| self.fair[*action as usize]).collect()
        };
        // What must happen, and is possible everywhere in this part.
        let mut owed = possible(&part[0]);
        for state in part.iter().skip(1) {
            let here = possible(state);
            owed.retain(|action| here.contains(action));
        }
        for state in part {
            for (action, to) in &self.edges[*state as usize] {
                if inside(to) {
                    owed.remove(action);
                }
            }
        }
        owed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Action 0 need not happen, all others must.
    fn graph(edges: &[&[(Action, u32)]], goal: &[u32]) -> Graph {
        let met = (0..edges.len() as u32).map(|state| goal.contains(&state)).collect();
        let edges = edges.iter().map(|edges| edges.to_vec()).collect();
        Graph { edges, goal: met, fair: vec![false, true, true, true] }
    }

    fn trap(edges: &[&[(Action, u32)]], goal: &[u32]) -> Option<Vec<u32>> {
        graph(edges, goal).trap().map(|trap| trap.states)
    }

    #[test]
    fn what_must_happen_leads_to_the_goal() {
        assert_eq!(trap(&[&[(1, 1)], &[(2, 2)], &[]], &[2]), None);
    }

    #[test]
    fn what_need_not_happen_does_not() {
        assert_eq!(trap(&[&[(0, 1)], &[]], &[1]), Some(vec![0]));
    }

    #[test]
    fn an_end_without_the_goal_is_a_trap() {
        assert_eq!(trap(&[&[(1, 1), (2, 2)], &[], &[]], &[1]), Some(vec![2]));
    }

    #[test]
    fn a_cycle_is_left_if_the_way_out_is_open_all_the_time() {
        // Action 1 goes round, action 2 leads out of both states.
        assert_eq!(trap(&[&[(1, 1), (2, 2)], &[(1, 0), (2, 2)], &[]], &[2]), None);
    }

    #[test]
    fn a_cycle_may_go_on_if_the_way_out_closes_again_and_again() {
        assert_eq!(trap(&[&[(1, 1), (2, 2)], &[(1, 0)], &[]], &[2]), Some(vec![0, 1]));
    }

    #[test]
    fn a_cycle_may_go_on_if_all_that_must_happen_happens_in_it() {
        // Action 2 is possible everywhere, and happens within the cycle too.
        assert_eq!(trap(&[&[(2, 1)], &[(2, 0), (2, 2)], &[]], &[2]), Some(vec![0, 1]));
        // Actions 1 and 2 are each possible in one state only.
        assert_eq!(trap(&[&[(1, 1)], &[(2, 0), (3, 2)], &[]], &[2]), Some(vec![0, 1]));
    }

    #[test]
    fn a_cycle_through_the_goal_is_no_trap() {
        assert_eq!(trap(&[&[(1, 1)], &[(1, 2)], &[(1, 1)]], &[1, 2]), None);
    }

    #[test]
    fn a_larger_part_is_fair_where_its_cycles_alone_are_not() {
        // Round 0-1 action 2 stays possible, round 0-2 action 3 does; together neither is owed.
        let edges: &[&[(Action, u32)]] =
            &[&[(1, 1), (1, 2), (2, 3), (3, 3)], &[(1, 0), (2, 3)], &[(1, 0), (3, 3)], &[]];
        assert_eq!(trap(edges, &[3]), Some(vec![0, 1, 2]));
    }
}
