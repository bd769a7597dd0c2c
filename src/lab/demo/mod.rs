//! The demo: a cluster orders a client's commands, and every leader shows the same history.

mod adversary;
mod cluster;
mod probe;
mod spawn;

use std::collections::HashSet;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub use cluster::{Cluster, ClusterError, Config, Handle, Runtime};

use crate::paxos::leader;
use crate::paxos::{AcceptorSet, Decree, Quorums, RequestId};
use crate::runtime::chain::Chain;
use crate::runtime::counters::Counts;

/// The result of the demo.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The number of the client's commands.
    pub commands: u64,
    /// The number of different commands in the history of the most advanced leader.
    pub decided: u64,
    /// The number of commands that were answered as done.
    pub answered: u64,
    /// The most commands that any leader has applied more than once.
    pub duplicates: u64,
    /// The number of instances decided as no-ops.
    pub no_ops: u64,
    /// The time from the start of the cluster to the last answer, in milliseconds.
    pub elapsed_ms: f64,
    /// Answers per second.
    pub commands_per_s: f64,
    /// The time from the first sending of a command to its answer, in microseconds.
    pub latency_us: Latency,
    /// True if all leaders have the same history.
    pub histories_equal: bool,
    /// The result of each leader.
    pub leaders: Vec<LeaderReport>,
    /// The sum of all members' counters; `None` under Stateright's `spawn`.
    pub pump: Option<Counts>,
    /// The counters of the adversarial network, if it was used.
    pub adversary: Option<AdversaryReport>,
    /// The seed of the adversarial network.
    pub seed: u64,
    /// The runtime of the actors.
    pub runtime: Runtime,
    /// The reason why the demo did not finish, if it did not.
    pub problem: Option<String>,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The maximum.
    pub max: u64,
}

impl Latency {
    /// The percentiles of a histogram.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        Latency {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            max: histogram.max(),
        }
    }
}

/// The result of one leader.
#[derive(Clone, Debug, Serialize)]
pub struct LeaderReport {
    /// The name of the leader.
    pub id: String,
    /// True if it was primary in the end.
    pub primary: bool,
    /// The number of instances it knows to be decided.
    pub decided: u64,
    /// The digest of its history, no-ops included.
    pub digest: String,
}

/// The counters of an adversarial network.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AdversaryReport {
    /// The number of datagrams lost.
    pub lost: u64,
    /// The number of datagrams repeated.
    pub repeated: u64,
    /// The number of datagrams overtaken by a later one.
    pub overtaken: u64,
}

impl Report {
    /// True if every command was decided and answered, none was applied twice, and all histories are equal.
    pub fn holds(&self) -> bool {
        self.problem.is_none()
            && self.decided == self.commands
            && self.answered == self.commands
            && self.duplicates == 0
            && self.histories_equal
    }
}

/// Runs the demo. Gives up once no answer has come for `patience`. `started` is shown the cluster when it
/// runs, and `progress` is told the number of answers.
pub fn run(
    config: &Config,
    patience: Duration,
    started: impl FnOnce(&Cluster),
    progress: impl Fn(u64),
) -> Result<Report, ClusterError> {
    let mut cluster = Cluster::start(config)?;
    started(&cluster);
    let finished = config.commands == 0 || cluster.wait_until_answered(patience, progress);
    let caught_up = cluster.wait_until_caught_up(patience);
    let primaries: Vec<bool> = cluster.leaders().map(|leader| leader.view.is_primary()).collect();
    cluster.stop();
    let problem = match (finished, caught_up) {
        (true, true) => None,
        (true, false) => Some(format!("a leader did not catch up within {patience:?}")),
        (false, _) => Some(why_stuck(config, patience)),
    };
    Ok(report(config, &cluster, &primaries, problem))
}

/// The reason why no answers come, as far as the configuration shows it.
fn why_stuck(config: &Config, patience: Duration) -> String {
    let acceptors = usize::from(config.acceptors);
    let alive = acceptors.saturating_sub(config.failed.into());
    let up = AcceptorSet::all(alive);
    let phase1 = config.quorums.phase1(up, acceptors);
    if phase1 && config.quorums.phase2(up, acceptors) {
        return format!("no answer has come for {patience:?}, although a quorum is up");
    }
    let needed = match config.quorums {
        Quorums::Majority => format!("{} of {acceptors}", acceptors / 2 + 1),
        _ => "more".to_owned(),
    };
    format!(
        "nothing can be decided: only {alive} of {acceptors} acceptors are up, and a quorum needs \
         {needed}; gave up after {patience:?} without an answer"
    )
}

fn report(
    config: &Config,
    cluster: &Cluster,
    primaries: &[bool],
    problem: Option<String>,
) -> Report {
    let histories: Vec<Option<&leader::State>> =
        cluster.leaders().map(|leader| leader.last_state()?.as_leader()).collect();
    let leaders: Vec<LeaderReport> = cluster
        .leaders()
        .zip(&histories)
        .zip(primaries)
        .map(|((handle, state), primary)| LeaderReport {
            id: handle.name.clone(),
            primary: *primary,
            decided: state.map_or(0, |state| state.learner().first_unchosen().0),
            digest: state.map_or("unknown".to_owned(), |state| {
                Chain::of(state.learner().prefix()).to_string()
            }),
        })
        .collect();
    let known = || histories.iter().flatten();
    let distinct: Vec<u64> = known().map(|state| distinct(state)).collect();
    let repeated =
        known().zip(&distinct).map(|(state, distinct)| state.commands().count() as u64 - distinct);
    let client = cluster.handles.iter().find_map(|handle| handle.view.client());
    let answered = client.as_ref().map_or(0, |client| client.answered);
    let end = client.as_ref().and_then(|client| client.last_answer);
    let elapsed = end.map_or(Duration::ZERO, |end| end.duration_since(cluster.started));
    let count = |noops: &[Decree]| noops.iter().filter(|d| **d == Decree::Noop).count() as u64;
    Report {
        commands: config.commands,
        decided: distinct.iter().copied().max().unwrap_or(0),
        answered,
        duplicates: repeated.max().unwrap_or(0),
        no_ops: known().map(|state| count(state.learner().prefix())).max().unwrap_or(0),
        elapsed_ms: elapsed.as_secs_f64() * 1e3,
        commands_per_s: answered as f64 / elapsed.as_secs_f64().max(1e-9),
        latency_us: client.as_ref().map(|c| Latency::of(&c.latency)).unwrap_or_default(),
        histories_equal: histories.iter().all(Option::is_some)
            && leaders.windows(2).all(|pair| match pair {
                [one, two] => (one.decided, &one.digest) == (two.decided, &two.digest),
                _ => true,
            }),
        leaders,
        pump: cluster.counts(),
        adversary: config.adversarial.then(|| AdversaryReport {
            lost: cluster.impairments.lost.get(),
            repeated: cluster.impairments.repeated.get(),
            overtaken: cluster.impairments.overtaken.get(),
        }),
        seed: config.seed,
        runtime: config.runtime,
        problem,
    }
}

/// The number of different commands that were applied, counted independently of the leader's own sessions.
fn distinct(state: &leader::State) -> u64 {
    let ids: HashSet<RequestId> = state.commands().map(|command| command.id).collect();
    ids.len() as u64
}
