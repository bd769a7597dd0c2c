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
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::machine::kv::TooLong;
use crate::paxos::{Outcome, Rejected};

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
    /// The reason why one was rejected that was never sent.
    unsent: Option<Rejected>,
}

/// Puts the load on a cluster. `progress` is told the number of answers so far.
pub fn run(
    load: &Load,
    config: &ClusterConfig,
    progress: impl Fn(u64) + Sync,
) -> Result<Report, LoadError> {
    put_under(PREFIX, 0, load.value)?;
    let (sockets, each) = if load.independent { (load.clients, 1) } else { (1, load.clients) };
    let generators = (0..sockets).map(|_| LoadGenerator::new(config, each));
    let generators = generators.collect::<Result<Vec<LoadGenerator>, ClientError>>()?;
    let start = Instant::now();
    let latency = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
    let seen = Mutex::new(Seen { latency, last: start, done: 0, unsent: None });
    let next = AtomicU64::new(0);
    let work = |mut load_generator: LoadGenerator| {
        let numbers = std::iter::from_fn(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            (number < load.commands).then_some(number)
        });
        // The size was checked above.
        let puts = numbers.map_while(|number| put_under(PREFIX, number, load.value).ok());
        load_generator.run(puts, load.patience, |settled| {
            let Ok(mut seen) = seen.lock() else { return };
            match settled.outcome {
                Outcome::Done(_) => {
                    seen.latency.saturating_record(settled.latency.as_micros() as u64);
                    (seen.done, seen.last) = (seen.done + 1, Instant::now());
                    if seen.done.is_multiple_of(100) {
                        progress(seen.done);
                    }
                }
                Outcome::Rejected(why) if settled.id.is_none() => seen.unsent = Some(why),
                Outcome::Rejected(_) | Outcome::Unknown(_) => {}
            }
        })
    };
    let tallies: Result<Vec<Tally>, LoadError> = thread::scope(|scope| {
        let work = &work;
        let threads =
            generators.into_iter().map(|load_generator| scope.spawn(move || work(load_generator)));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|tally| Ok(tally.map_err(|_| LoadError::Panicked)??)).collect()
    });
    let tallies = tallies?;
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let (done, all) = (sum(|tally| tally.done), sum(Tally::all));
    let Seen { latency, last, unsent, .. } = seen.into_inner().map_err(|_| LoadError::Panicked)?;
    let (rejected, unknown) = (sum(|tally| tally.rejected), sum(|tally| tally.unknown));
    if done + unknown == 0 && unsent.is_some() {
        return Err(LoadError::NoPrimary(load.patience));
    }
    let seconds = last.duration_since(start).as_secs_f64();
    Ok(Report {
        clients: load.clients,
        sockets,
        done,
        not_done: rejected,
        unknown,
        not_asked: load.commands.saturating_sub(all),
        seconds,
        commands_per_s: done as f64 / seconds.max(1e-9),
        latency_us: Latency::of(&latency),
    })
}
