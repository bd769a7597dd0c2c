//! The graph of a universe, and fair runs that never reach a goal.

use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::explicit::situations::State;
use super::fair::{Action, Graph};
use super::observe::{Monitor, Observer};
use super::run::{Run, RunStep};
use super::steps::Steps;
use super::universe::{Stimulus, Universe, UniverseError};

/// A fair run that goes on for ever without reaching the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasso {
    /// A shortest run to the states in which it stays.
    pub stem: Run,
    /// The number of states in which it stays; one if nothing more has to happen.
    pub states: usize,
}

/// The result of the search for a lasso.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fairness {
    /// The number of states visited.
    pub states: usize,
    /// The number of steps from them.
    pub steps: usize,
    /// A fair run that never reaches the goal, if there is one.
    pub lasso: Option<Lasso>,
}

/// The state from which a state was first reached, and the step.
type Parent = Option<(u32, RunStep)>;

struct Builder<'u, A: Actor> {
    universe: &'u mut Universe<A>,
    steps: Steps,
    states: IndexSet<State, FxBuildHasher>,
    parents: Vec<Parent>,
    actions: IndexSet<(usize, Stimulus), FxBuildHasher>,
}

/// Searches for a fair run that never reaches a state in which the monitor finds its goal. All
/// actions are fair except crashes.
pub fn fairness<A: Actor, O: Observer<A>>(
    universe: &mut Universe<A>,
    watch: &mut Monitor<A, O>,
    mut progress: impl FnMut(usize),
) -> Result<Fairness, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let steps = Steps::new(universe.actors().len());
    let (states, parents) = (IndexSet::default(), Vec::new());
    let mut builder = Builder { universe, steps, states, parents, actions: IndexSet::default() };
    let mut graph = Graph::default();
    builder.start();
    while let Some(state) = builder.states.get_index(graph.edges.len()).cloned() {
        let meets = watch.finds_in(builder.universe, &builder.steps.in_full(&state));
        // Steps after the goal make no difference.
        let edges =
            if meets { Vec::new() } else { builder.expand(graph.edges.len() as u32, &state) };
        graph.edges.push(edges);
        graph.goal.push(meets);
        if graph.edges.len().is_multiple_of(4096) {
            progress(graph.edges.len());
        }
    }
    builder.universe.healthy()?;
    graph.fair = builder.actions.iter().map(|(_, what)| *what != Stimulus::Crash).collect();
    let steps = graph.edges.iter().map(Vec::len).sum();
    let lasso = graph
        .trap()
        .map(|trap| Lasso { stem: builder.run_to(trap.states[0]), states: trap.states.len() });
    Ok(Fairness { states: graph.edges.len(), steps, lasso })
}

impl<A: Actor> Builder<'_, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// Adds the initial state in which no actor has crashed. The others result from crashes, which
    /// need not happen.
    fn start(&mut self) {
        let starts = self.steps.starts(self.universe).into_iter();
        let mut whole = starts.filter(|(_, cuts)| cuts.iter().all(Option::is_none));
        if let Some((state, _)) = whole.next() {
            self.states.insert(state);
            self.parents.push(None);
        }
    }

    fn expand(&mut self, from: u32, state: &State) -> Vec<(Action, u32)> {
        let mut edges = Vec::new();
        for (step, after) in self.steps.next(self.universe, state) {
            let mut next = state.clone();
            next[step.actor] = after;
            let (to, new) = self.states.insert_full(next);
            // A step that is cut short is a crash, which need not happen.
            let what = if step.cut.is_some() { Stimulus::Crash } else { step.stimulus };
            let action = self.actions.insert_full((step.actor, what)).0 as Action;
            if new {
                self.parents.push(Some((from, step)));
            }
            edges.push((action, to as u32));
        }
        edges
    }

    fn run_to(&self, mut state: u32) -> Run {
        let mut steps = Vec::new();
        while let Some((from, step)) = self.parents[state as usize] {
            steps.push(step);
            state = from;
        }
        steps.reverse();
        Run { starts: vec![None; self.universe.actors().len()], steps }
    }
}
