//! Checks that a goal is reached in every fair run, on a graph whose edges are labelled with
//! actions.
//!
//! A run is fair if no fair action stays possible for ever from some point on without being taken
//! (weak fairness: "The temporal logic of actions", Lamport 1994, section 5). An infinite run stays
//! in a strongly connected component from some point on. A fair run can stay in a component for
//! ever if each fair action is impossible in one of its states, or is taken on an edge within it;
//! and if a component allows no fair run, no part of it does. So it is enough to check the maximal
//! components ("Model Checking": Clarke, Grumberg and Peled 1999, section 6.3).

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// An action, as an integer.
pub type Action = u32;

/// A graph of states. The first one is the start; all are reachable from it.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// For each state, the actions possible in it, with the states they lead to.
    pub edges: Vec<Vec<(Action, u32)>>,
    /// For each state, true if the goal is met.
    pub goal: Vec<bool>,
    /// For each action, true if it is fair: it must be taken if it stays possible for ever.
    pub fair: Vec<bool>,
}

/// A set of states in which a fair run may stay for ever without meeting the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Its states, in ascending order.
    pub states: Vec<u32>,
}

impl Graph {
    /// The trap with the lowest states; none if every fair run meets the goal.
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
        // The fair actions that are possible in every state of this part.
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

    /// A graph in which all actions but 0 are fair.
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
        // Action 1 goes round the cycle, action 2 leads out of both states.
        assert_eq!(trap(&[&[(1, 1), (2, 2)], &[(1, 0), (2, 2)], &[]], &[2]), None);
    }

    #[test]
    fn a_cycle_may_go_on_if_the_way_out_closes_again_and_again() {
        assert_eq!(trap(&[&[(1, 1), (2, 2)], &[(1, 0)], &[]], &[2]), Some(vec![0, 1]));
    }

    #[test]
    fn a_cycle_may_go_on_if_all_that_must_happen_happens_in_it() {
        // Action 2 is possible everywhere, and is taken within the cycle too.
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
        // Action 2 stays possible round 0-1, and action 3 round 0-2; round both, neither does.
        let edges: &[&[(Action, u32)]] =
            &[&[(1, 1), (1, 2), (2, 3), (3, 3)], &[(1, 0), (2, 3)], &[(1, 0), (3, 3)], &[]];
        assert_eq!(trap(edges, &[3]), Some(vec![0, 1, 2]));
    }
}
