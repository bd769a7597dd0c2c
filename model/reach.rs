//! Checks if a goal stays reachable, on the extracted graph of a model.
//!
//! Stateright's `eventually` misses counterexamples on cycles and joins. This answers another
//! question, which is decidable exactly on a finite graph: does every reachable state have a path
//! to a state in which the goal holds?

use std::collections::HashMap;
use std::hash::Hash;

use stateright::Model;

/// The reachable states, with the state from which each was first reached, and all edges reversed.
struct Graph<S> {
    states: HashMap<S, usize>,
    goal: Vec<bool>,
    /// The predecessor by which each state was first found: a shortest path back to the start.
    parents: Vec<usize>,
    predecessors: Vec<Vec<usize>>,
    edges: usize,
}

/// The result of the search.
#[derive(Debug)]
pub struct Reachability<S> {
    /// The number of distinct states.
    pub unique_states: usize,
    /// A shortest run to a state from which the goal cannot be reached, if there is one.
    pub stuck: Option<Vec<S>>,
}

/// Extracts the whole graph of a model, and searches for a state from which the goal is
/// unreachable.
pub fn stays_reachable<M>(
    model: &M,
    goal: impl Fn(&M::State) -> bool,
    progress: impl Fn(usize),
) -> Reachability<M::State>
where
    M: Model,
    M::State: Clone + Eq + Hash,
{
    let graph = extract(model, goal, progress);
    let reaches = backwards(&graph);
    let stuck = (0..graph.goal.len()).find(|state| reaches.get(*state) == Some(&false));
    Reachability {
        unique_states: graph.goal.len(),
        stuck: stuck.map(|state| run_to(&graph, state)),
    }
}

fn extract<M>(
    model: &M,
    goal: impl Fn(&M::State) -> bool,
    progress: impl Fn(usize),
) -> Graph<M::State>
where
    M: Model,
    M::State: Clone + Eq + Hash,
{
    let mut graph = Graph {
        states: HashMap::new(),
        goal: Vec::new(),
        parents: Vec::new(),
        predecessors: Vec::new(),
        edges: 0,
    };
    let mut queue = std::collections::VecDeque::new();
    for state in model.init_states().into_iter().filter(|state| model.within_boundary(state)) {
        let next = graph.goal.len();
        graph.add(&state, next, &goal);
        queue.push_back((next, state));
    }
    while let Some((from, state)) = queue.pop_front() {
        for next in model.next_states(&state).into_iter().filter(|s| model.within_boundary(s)) {
            graph.edges += 1;
            let to = match graph.states.get(&next) {
                Some(known) => *known,
                None => {
                    let new = graph.add(&next, from, &goal);
                    queue.push_back((new, next));
                    new
                }
            };
            if let Some(predecessors) = graph.predecessors.get_mut(to) {
                predecessors.push(from);
            }
        }
        progress(graph.goal.len());
    }
    graph
}

impl<S: Clone + Eq + Hash> Graph<S> {
    fn add(&mut self, state: &S, parent: usize, goal: impl Fn(&S) -> bool) -> usize {
        let new = self.goal.len();
        self.goal.push(goal(state));
        self.parents.push(parent);
        self.predecessors.push(Vec::new());
        self.states.insert(state.clone(), new);
        new
    }
}

/// For each state, true if it reaches the goal.
fn backwards<S>(graph: &Graph<S>) -> Vec<bool> {
    let mut reaches = graph.goal.clone();
    let mut found: Vec<usize> =
        (0..reaches.len()).filter(|s| reaches.get(*s) == Some(&true)).collect();
    while let Some(state) = found.pop() {
        for from in graph.predecessors.get(state).into_iter().flatten() {
            if let Some(reaches @ false) = reaches.get_mut(*from) {
                *reaches = true;
                found.push(*from);
            }
        }
    }
    reaches
}

fn run_to<S: Clone>(graph: &Graph<S>, mut state: usize) -> Vec<S> {
    let mut numbers = vec![state];
    while let Some(parent) = graph.parents.get(state).filter(|parent| **parent != state) {
        numbers.push(*parent);
        state = *parent;
    }
    let by_number: HashMap<usize, &S> =
        graph.states.iter().map(|(state, number)| (*number, state)).collect();
    numbers.iter().rev().filter_map(|n| by_number.get(n).map(|s| S::clone(s))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph given by the successors of each state.
    struct Hand(Vec<Vec<usize>>);

    impl Model for Hand {
        type State = usize;
        type Action = usize;
        fn init_states(&self) -> Vec<usize> {
            vec![0]
        }
        fn actions(&self, state: &usize, actions: &mut Vec<usize>) {
            actions.extend(&self.0[*state]);
        }
        fn next_state(&self, _: &usize, next: usize) -> Option<usize> {
            Some(next)
        }
    }

    fn stuck(successors: &[&[usize]], goal: usize) -> Option<Vec<usize>> {
        let hand = Hand(successors.iter().map(|s| s.to_vec()).collect());
        stays_reachable(&hand, |state| *state == goal, |_| {}).stuck
    }

    #[test]
    fn a_goal_at_the_end_of_every_path_stays_reachable() {
        assert_eq!(stuck(&[&[1, 2], &[3], &[3], &[]], 3), None);
    }

    #[test]
    fn a_cycle_with_a_way_out_is_no_trap() {
        assert_eq!(stuck(&[&[1], &[0, 2], &[]], 2), None);
    }

    #[test]
    fn a_dead_end_and_a_cycle_without_a_way_out_are_traps() {
        assert_eq!(stuck(&[&[1, 2], &[], &[]], 2), Some(vec![0, 1]));
        assert_eq!(stuck(&[&[1, 3], &[2], &[1], &[]], 3), Some(vec![0, 1]));
    }

    #[test]
    fn a_goal_passed_earlier_does_not_count() {
        assert_eq!(stuck(&[&[1], &[2], &[]], 1), Some(vec![0, 1, 2]));
    }

    #[test]
    fn the_shortest_run_into_a_trap_is_shown_and_states_are_counted() {
        let hand = Hand(vec![vec![1, 3], vec![2], vec![4], vec![4, 5], vec![], vec![]]);
        let graph = stays_reachable(&hand, |state| *state == 5, |_| {});
        assert_eq!(graph.stuck, Some(vec![0, 1]));
        assert_eq!(graph.unique_states, 6);
    }
}
