//! Stateright's own breadth-first search, on one thread, so that depths are exact.

use std::collections::HashMap;
use std::hash::Hash;
use std::thread;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Path};

/// What Stateright's checker has to say at its end.
pub struct Finished<M: Model> {
    /// How many states were reached, each counted once.
    pub unique_states: usize,
    /// How many steps were taken, into known states too.
    pub total_states: usize,
    /// The length of the longest of the shortest runs into each state.
    pub depth: usize,
    /// Whether every reachable state was visited.
    pub complete: bool,
    /// For each property that something was found for, a run that leads there: a shortest one, if
    /// nothing else was looked for. Else Stateright 0.31 puts a later one in its place.
    pub runs: HashMap<&'static str, Path<M::State, M::Action>>,
}

/// Searches. None if an actor panicked.
pub fn explore<M>(model: M, until: HasDiscoveries, progress: impl Fn(usize)) -> Option<Finished<M>>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + PartialEq + Send + Sync,
{
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
