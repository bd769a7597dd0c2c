//! Load on a running cluster, from clients that share a socket or have one each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;
use thiserror::Error;

use super::bench::put_under;
use super::demo::Latency;
use super::load_generator::{LoadGenerator, Tally};
use crate::cluster::client::{ClientError, Outcome};
use crate::cluster::config::ClusterConfig;
use crate::machine::kv::TooLong;

/// The prefix of the keys that are put.
pub const PREFIX: &str = "synod-load/";

/// The parameters of a load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The number of clients, each with one request at a time.
    pub clients: usize,
    /// True if each client has a socket of its own; otherwise all share one.
    pub independent: bool,
    /// The number of puts.
    pub commands: u64,
    /// The bytes of each value.
    pub value: usize,
    /// The time without any answer after which clients give up.
    pub patience: Duration,
}

/// The result of a load.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The number of clients, each with one request at a time.
    pub clients: usize,
    /// The number of sockets.
    pub sockets: usize,
    /// The number of puts answered as done.
    pub done: u64,
    /// The number of puts that were not done, and never will be.
    pub not_done: u64,
    /// The number of puts whose outcome is unknown: they may have been done, or may yet be.
    pub unknown: u64,
    /// The number of puts never asked for, since answers stopped coming.
    pub not_asked: u64,
    /// The time from the first request to the last answer.
    pub seconds: f64,
    /// Answers per second.
    pub commands_per_s: f64,
    /// The time from the first sending of a command to its answer, in microseconds.
    pub latency_us: Latency,
}

/// The reason why a load could not be put.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No client could be made or used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A command is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The latency histogram could not be made.
    #[error("cannot measure latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// No primary has answered.
    #[error(
        "no primary has answered within {0:?}, so nothing was asked for; synod status says who is up"
    )]
    NoPrimary(Duration),
    /// A client has panicked.
    #[error("a client has panicked, which is a fault of synod")]
    Panicked,
}

/// The measurements of all clients together.
struct Seen {
    latency: Histogram<u64>,
    last: Instant,
    done: u64,
}

/// Puts the load on a cluster. `progress` is told the number of answers so far.
pub fn run(
    load: &Load,
    config: &ClusterConfig,
    progress: impl Fn(u64) + Sync,
) -> Result<Report, LoadError> {
    put_under(PREFIX, 0, load.value)?;
    let (sockets, each) = if load.independent { (load.clients, 1) } else { (1, load.clients) };
    let crowds = (0..sockets).map(|_| LoadGenerator::new(config, each));
    let mut crowds = crowds.collect::<Result<Vec<LoadGenerator>, ClientError>>()?;
    for load_generator in &mut crowds {
        if !load_generator.name(load.patience)? {
            return Err(LoadError::NoPrimary(load.patience));
        }
    }
    let start = Instant::now();
    let latency = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
    let seen = Mutex::new(Seen { latency, last: start, done: 0 });
    let next = AtomicU64::new(0);
    let work = |mut load_generator: LoadGenerator| {
        let numbers = std::iter::from_fn(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            (number < load.commands).then_some(number)
        });
        // The size was checked above.
        let puts = numbers.map_while(|number| put_under(PREFIX, number, load.value).ok());
        load_generator.run(puts, load.patience, |settled| {
            if let (Outcome::Done(_), Ok(mut seen)) = (&settled.outcome, seen.lock()) {
                seen.latency.saturating_record(settled.latency.as_micros() as u64);
                (seen.done, seen.last) = (seen.done + 1, Instant::now());
                if seen.done.is_multiple_of(100) {
                    progress(seen.done);
                }
            }
        })
    };
    let tallies: Result<Vec<Tally>, LoadError> = thread::scope(|scope| {
        let work = &work;
        let threads =
            crowds.into_iter().map(|load_generator| scope.spawn(move || work(load_generator)));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|tally| Ok(tally.map_err(|_| LoadError::Panicked)??)).collect()
    });
    let tallies = tallies?;
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let (done, all) = (sum(|tally| tally.done), sum(Tally::all));
    let Seen { latency, last, .. } = seen.into_inner().map_err(|_| LoadError::Panicked)?;
    let seconds = last.duration_since(start).as_secs_f64();
    Ok(Report {
        clients: load.clients,
        sockets,
        done,
        not_done: sum(|tally| tally.not_done),
        unknown: sum(|tally| tally.unknown),
        not_asked: load.commands.saturating_sub(all),
        seconds,
        commands_per_s: done as f64 / seconds.max(1e-9),
        latency_us: Latency::of(&latency),
    })
}
