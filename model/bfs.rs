//! Stateright's own breadth-first search, on one thread, so that depths are exact.

use std::collections::HashMap;
use std::hash::Hash;
use std::thread;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Path};

/// The result of Stateright's checker.
pub struct Finished<M: Model> {
    /// The number of distinct states reached.
    pub unique_states: usize,
    /// The number of steps taken, those into known states included.
    pub total_states: usize,
    /// The length of the longest of the shortest runs into each state.
    pub depth: usize,
    /// True if every reachable state was visited.
    pub complete: bool,
    /// For each property with a finding, a run that leads to it: a shortest one if the search ends
    /// at the first finding. Otherwise Stateright 0.31 may replace it by a later one.
    pub runs: HashMap<&'static str, Path<M::State, M::Action>>,
}

/// Runs the search. None if an actor panicked.
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
    // Once every property is decided, the checker stops before it has visited every state.
    let complete = checker.is_done() && runs.len() < checker.model().properties().len();
    Some(Finished {
        unique_states: checker.unique_state_count(),
        total_states: checker.state_count(),
        depth: checker.max_depth(),
        complete,
        runs,
    })
}
