//! Runs the checks, and reports what they showed.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Path};
use thiserror::Error;

use super::mutants::Mutant;
use super::properties::{Kind, Property, property};
use super::reach::stays_reachable;
use super::system::{Stock, StockState, System, find};
use super::systems::system;
use super::trace::{Action, Run, Trace};
use crate::paxos::{MembersError, Paxos, Rulebook};

/// Why a check could not be run.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The system's members cannot form a cluster.
    #[error("the system cannot be built: {0}")]
    Members(#[from] MembersError),
    /// An actor panicked; Stateright cannot say in which state.
    #[error("an actor of system '{0}' panicked while it was checked")]
    Panicked(&'static str),
    /// A mutant that names a system or property that does not exist.
    #[error("mutant '{mutant}' names '{missing}', which does not exist")]
    Misnamed {
        /// The mutant.
        mutant: &'static str,
        /// The missing system or property.
        missing: &'static str,
    },
}

/// What a check showed.
#[derive(Debug)]
pub struct Report {
    /// The system that was checked.
    pub system: &'static System,
    /// How many states were reached, each counted once.
    pub unique_states: usize,
    /// How many steps were taken, into known states too.
    pub total_states: usize,
    /// The length of the longest of the shortest runs into each state.
    pub depth: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether every reachable state was visited. A check that is not complete shows nothing.
    pub complete: bool,
    /// Each property, and what became of it.
    pub outcomes: Vec<Outcome>,
}

/// What became of a property.
#[derive(Debug)]
pub struct Outcome {
    /// The property.
    pub property: &'static Property,
    /// Whether it holds.
    pub holds: bool,
    /// The shortest run that shows the opposite, where there can be one.
    pub counterexample: Option<Trace>,
}

impl Report {
    /// Whether the check was complete, every property holds, and the number of states is the one
    /// that was expected.
    pub fn passes(&self) -> bool {
        self.complete && self.as_expected() && self.outcomes.iter().all(|outcome| outcome.holds)
    }

    /// Whether the number of states is the one that was expected.
    pub fn as_expected(&self) -> bool {
        self.unique_states as u64 == self.system.states
    }
}

/// Visits every reachable state of a system, under the rules of Paxos. `progress` is told how
/// many states were found so far, again and again.
pub fn check(system: &'static System, progress: impl Fn(usize)) -> Result<Report, CheckError> {
    let start = Instant::now();
    let finished = explore(system.model(&Paxos)?, HasDiscoveries::All, &progress)
        .ok_or(CheckError::Panicked(system.name))?;
    let mut complete = finished.complete;
    let mut outcomes = Vec::new();
    for property in system.properties() {
        let found = finished.runs.contains_key(property.name);
        let (holds, counterexample) = match property.kind {
            Kind::Sometimes => (found, None),
            Kind::Always if !found => (true, None),
            Kind::Always => (false, hunt(system, &Paxos, property, &progress)?.trace()),
            Kind::StaysPossible => {
                let hunt = hunt(system, &Paxos, property, &progress)?;
                // The graph is exact: had two states shared a fingerprint, this would show it.
                complete &= hunt.states == finished.unique_states;
                (!hunt.broken, hunt.trace())
            }
        };
        outcomes.push(Outcome { property, holds, counterexample });
    }
    let Finished { unique_states, total_states, depth, .. } = finished;
    let elapsed = start.elapsed();
    Ok(Report { system, unique_states, total_states, depth, elapsed, complete, outcomes })
}

/// What the search for one counterexample showed.
pub struct Hunt<R: Rulebook> {
    /// The model that was searched.
    pub model: Stock<R>,
    /// The property that was to be broken.
    pub property: &'static Property,
    /// Whether it was broken.
    pub broken: bool,
    /// A shortest run that breaks it.
    pub run: Option<Run<R>>,
    /// How many states were visited.
    pub states: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl<R: Rulebook> Hunt<R> {
    /// The counterexample in words.
    pub fn trace(&self) -> Option<Trace> {
        let run = self.run.as_ref()?;
        let found = find(self.property, &self.model, run.last_state());
        let finding = match self.property.kind {
            Kind::StaysPossible => "from here on, nothing that may happen leads there".to_owned(),
            _ => found.unwrap_or_default(),
        };
        let finding = match self.property.kind {
            Kind::Sometimes => format!("'{}': {finding}", self.property.name),
            _ => format!("violates '{}': {finding}", self.property.name),
        };
        Some(Trace::new(&self.model, run, finding))
    }
}

/// Looks for the shortest run that breaks a property, and stops at the first.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    property: &'static Property,
    progress: &impl Fn(usize),
) -> Result<Hunt<R>, CheckError> {
    let start = Instant::now();
    let model = system.model_of(rulebook, [property].into_iter())?;
    let (broken, run, states) = if property.kind == Kind::StaysPossible {
        let goal = |state: &StockState<R>| find(property, &model, state).is_some();
        let graph = stays_reachable(&model, goal, progress);
        let broken = graph.stuck.is_some();
        let run = graph.stuck.and_then(|states| run_through(&model, states));
        (broken, run, graph.unique_states)
    } else {
        let finished = explore(model.clone(), HasDiscoveries::Any, progress)
            .ok_or(CheckError::Panicked(system.name))?;
        let run = finished.runs.get(property.name).cloned();
        (run.is_some(), run, finished.unique_states)
    };
    Ok(Hunt { model, property, broken, run, states, elapsed: start.elapsed() })
}

/// Looks for the counterexample that a mutant must give.
pub fn catch(
    mutant: &'static Mutant,
    progress: impl Fn(usize),
) -> Result<Hunt<&'static Mutant>, CheckError> {
    let missing = |missing| CheckError::Misnamed { mutant: mutant.name, missing };
    let system = system(mutant.system).ok_or(missing(mutant.system))?;
    let property = property(mutant.property).ok_or(missing(mutant.property))?;
    hunt(system, &mutant, property, &progress)
}

/// What Stateright's checker has to say at its end.
struct Finished<R: Rulebook> {
    unique_states: usize,
    total_states: usize,
    depth: usize,
    complete: bool,
    runs: HashMap<&'static str, Run<R>>,
}

/// Runs Stateright's breadth-first search on one thread, so that runs are shortest and depths
/// exact. None if an actor panicked.
fn explore<R: Rulebook>(
    model: Stock<R>,
    until: HasDiscoveries,
    progress: impl Fn(usize),
) -> Option<Finished<R>> {
    let mut checker = model.checker().finish_when(until).spawn_bfs();
    let handles = checker.handles();
    while !handles.iter().all(thread::JoinHandle::is_finished) {
        progress(checker.unique_state_count());
        thread::sleep(Duration::from_millis(20));
    }
    if handles.into_iter().any(|handle| handle.join().is_err()) {
        return None;
    }
    let runs = checker.discoveries();
    // With every property decided, the checker stops before it has seen every state.
    let complete = checker.is_done() && runs.len() < checker.model().properties().len();
    Some(Finished {
        unique_states: checker.unique_state_count(),
        total_states: checker.state_count(),
        depth: checker.max_depth(),
        complete,
        runs,
    })
}

/// The run through these states.
fn run_through<R: Rulebook>(model: &Stock<R>, states: Vec<StockState<R>>) -> Option<Run<R>> {
    let step = |pair: &[StockState<R>]| -> Option<Action> {
        let (from, to) = (pair.first()?, pair.last()?);
        model.next_steps(from).into_iter().find(|(_, next)| next == to).map(|(action, _)| action)
    };
    let actions: Vec<Action> = states.windows(2).map(step).collect::<Option<_>>()?;
    Path::from_actions(model, states.into_iter().next()?, &actions)
}
