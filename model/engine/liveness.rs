//! The graph of a universe, and runs that are fair and yet never reach a goal.

use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use stateright::actor::Actor;

use super::explicit::situations::{SituationId, Situations};
use super::fair::{Action, Graph};
use super::observe::{Observer, Watch};
use super::run::{Run, RunStep, Situation, cut};
use super::universe::{Stimulus, Universe, UniverseError};

type State = Box<[SituationId]>;

/// A run that is fair, and goes on for ever without reaching the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasso {
    /// A shortest way to where it goes on for ever.
    pub stem: Run,
    /// Between how many states it goes on; one if nothing more has to happen.
    pub states: usize,
}

/// What became of the search for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fairness {
    /// How many states were visited.
    pub states: usize,
    /// How many steps lead from them.
    pub steps: usize,
    /// A run that is fair and never reaches the goal.
    pub lasso: Option<Lasso>,
}

/// A step, and the number of the state that it was taken from.
type Parent = Option<(u32, RunStep)>;

struct Builder<'u, A: Actor> {
    universe: &'u mut Universe<A>,
    situations: Situations,
    states: IndexSet<State, FxBuildHasher>,
    parents: Vec<Parent>,
    actions: IndexSet<(usize, Stimulus), FxBuildHasher>,
    outcomes: FxHashMap<(usize, SituationId, Stimulus), Vec<SituationId>>,
}

/// Looks for a fair run that never reaches what the watch finds. Everything must happen but
/// crashes.
pub fn fairness<A: Actor, O: Observer<A>>(
    universe: &mut Universe<A>,
    watch: &mut Watch<A, O>,
    mut progress: impl FnMut(usize),
) -> Result<Fairness, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let situations = Situations::new(universe.actors().len());
    let mut builder = Builder {
        universe,
        situations,
        states: IndexSet::default(),
        parents: Vec::new(),
        actions: IndexSet::default(),
        outcomes: FxHashMap::default(),
    };
    let mut graph = Graph::default();
    builder.start();
    while let Some(state) = builder.states.get_index(graph.edges.len()).cloned() {
        let meets = builder.meets(&state, watch);
        // What comes after the goal makes no difference any more.
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
    /// Only the start in which nobody has crashed: the others are there for what a crash may leave.
    fn start(&mut self) {
        let actors = 0..self.universe.actors().len();
        let whole = |actor| self.situations.starts(self.universe, actor).last().copied();
        let state = actors.filter_map(whole).collect();
        self.states.insert(state);
        self.parents.push(None);
    }

    fn expand(&mut self, from: u32, state: &State) -> Vec<(Action, u32)> {
        let mut edges = Vec::new();
        let budget = self.universe.crash_budget();
        let left = self.situations.crashes_left(state, budget).unwrap_or_default();
        for (actor, id) in state.iter().copied().enumerate() {
            for stimulus in self.stimuli(state, actor) {
                let outcomes = self.outcomes(actor, id, stimulus);
                for (place, after) in outcomes.iter().copied().enumerate() {
                    if after == id || !self.situations.within(left, actor, id, after) {
                        continue;
                    }
                    let mut next = state.clone();
                    next[actor] = after;
                    let (to, new) = self.states.insert_full(next);
                    let cut = cut(place, outcomes.len());
                    // A step that is cut short is a crash, which need not happen.
                    let what = if cut.is_some() { Stimulus::Crash } else { stimulus };
                    let action = self.actions.insert_full((actor, what)).0 as Action;
                    if new {
                        self.parents.push(Some((from, RunStep { actor, stimulus, cut })));
                    }
                    edges.push((action, to as u32));
                }
            }
        }
        edges
    }

    fn stimuli(&self, state: &State, actor: usize) -> Vec<Stimulus> {
        let core = self.situations.get(actor, state[actor]).core;
        let mut stimuli = self.universe.own_stimuli(actor, core);
        for (sender, id) in state.iter().enumerate() {
            let sent = self.situations.get(sender, *id).sent[actor];
            stimuli.extend(self.universe.members(sent).iter().copied().map(Stimulus::Hear));
        }
        stimuli
    }

    fn outcomes(&mut self, actor: usize, id: SituationId, what: Stimulus) -> Vec<SituationId> {
        if let Some(known) = self.outcomes.get(&(actor, id, what)) {
            return known.clone();
        }
        let now = self.situations.get(actor, id).clone();
        let mut after = Vec::new();
        for outcome in self.universe.outcomes(actor, now.core, what) {
            let then: Situation = now.follow(self.universe, outcome.core, outcome.sent);
            after.push(self.situations.number(self.universe, actor, then));
        }
        self.outcomes.insert((actor, id, what), after.clone());
        after
    }

    fn meets<O: Observer<A>>(&self, state: &State, watch: &mut Watch<A, O>) -> bool {
        let situation = |(actor, id): (usize, &SituationId)| self.situations.get(actor, *id);
        let situations: Vec<&Situation> = state.iter().enumerate().map(situation).collect();
        watch.finds_in(self.universe, &situations)
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
