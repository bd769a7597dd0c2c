//! A benchmark of durable puts on a cluster of processes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustc_hash::FxHashMap as HashMap;
use serde::Serialize;

use super::demo::Latency;
use super::load_generator::{LoadGenerator, Settled};
use super::member::Program;
use super::processes::{ExperimentError, ProcessError, Processes, free_ports, system};
use super::scratch::Scratch;
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::cluster::member::RoleKind;
use crate::cluster::status_client::{StatusClient, StatusError};
use crate::machine::kv::{KvCommand, TooLong};
use crate::paxos::{Decree, Instance, Outcome, RequestId};
use crate::runtime::inquiry::Status;

/// The parameters of a benchmark.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The number of clients, each with one request at a time.
    pub clients: usize,
    /// The number of puts.
    pub commands: u64,
    /// The bytes of each value.
    pub value: usize,
    /// The number of members; each is a leader and an acceptor.
    pub members: u16,
    /// The folder that holds the journals meanwhile.
    pub data: PathBuf,
}

/// The result of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The number of puts answered.
    pub commands: u64,
    /// The number of clients.
    pub clients: u64,
    /// Answers per second.
    pub commands_per_s: f64,
    /// Disk syncs per second and acceptor.
    pub syncs_per_s: f64,
    /// The time from the first sending of a command to its answer, in microseconds.
    pub latency_us: Latency,
    /// The number of commands, at the beginning and at the end, that `first_us` and `last_us` are measured
    /// over.
    pub ends: u64,
    /// The time per command over the first `ends` commands, in microseconds.
    pub first_us: f64,
    /// The time per command over the last `ends` commands, in microseconds.
    pub last_us: f64,
    /// The time from the start of all members, after all were killed, to the next answer, in milliseconds.
    pub restart_ms: f64,
    /// True if, after all members were killed and started again, every leader knows each answered command: in
    /// the instance that its client was told, and applied once.
    pub verified: bool,
    /// The first discrepancy found, if any.
    pub problem: Option<String>,
    /// The folder of the members' files. It is kept if there is a problem.
    pub folder: PathBuf,
}

/// The time that answers are waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most commands that are measured at the beginning and at the end.
const ENDS: u64 = 10_000;

/// The measurements of a run.
struct Seen {
    start: Instant,
    latency: Histogram<u64>,
    /// The time at which the first `ENDS` commands had been answered.
    first: Option<Duration>,
    before_last: Option<Duration>,
    /// The instance in which each command was applied.
    done: HashMap<RequestId, Instance>,
}

/// Runs the benchmark. `progress` is told the number of answers so far.
pub fn run(bench: &Bench, progress: impl Fn(u64)) -> Result<Report, ExperimentError> {
    let program = std::env::current_exe().map_err(ExperimentError::Program)?;
    let scratch = Scratch::new(&bench.data, "bench").map_err(system("make a folder"))?;
    let file = local(bench.members)?;
    let mut cluster = Processes::new(Program::synod(program), scratch.path(), &file)?;
    cluster.start_all()?;
    let mut load_generator = LoadGenerator::new(cluster.config(), bench.clients)?;
    let stuck = |scratch: Scratch| {
        let logs = format!("see the members' logs in {}", scratch.keep().display());
        ExperimentError::Stuck(PATIENCE, logs)
    };
    // The first command finds the primary.
    if load_generator.run([put(0, bench.value)?], PATIENCE, drop)?.done == 0 {
        return Err(stuck(scratch));
    }
    let status_client = StatusClient::new(cluster.config()).map_err(ClientError::from)?;
    let before = syncs(&status_client)?;
    let seen = load(bench, &mut load_generator, progress)?;
    let elapsed = seen.start.elapsed().as_secs_f64();
    if (seen.done.len() as u64) < bench.commands {
        return Err(stuck(scratch));
    }
    let syncs = syncs(&status_client)?.saturating_sub(before);
    let (restarted, problem) = verify(&mut cluster, &mut load_generator, &seen.done, bench)?;
    drop(cluster);
    let folder = scratch.path().to_owned();
    if problem.is_some() {
        scratch.keep();
    }
    let ends = ENDS.min(bench.commands);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / ends as f64;
    let total = Duration::from_secs_f64(elapsed);
    let (first, before_last) = (seen.first.unwrap_or(total), seen.before_last.unwrap_or_default());
    Ok(Report {
        commands: bench.commands,
        clients: bench.clients as u64,
        commands_per_s: bench.commands as f64 / elapsed,
        syncs_per_s: syncs as f64 / f64::from(bench.members) / elapsed,
        latency_us: Latency::of(&seen.latency),
        ends,
        first_us: micros(first),
        last_us: micros(total.saturating_sub(before_last)),
        restart_ms: restarted.as_secs_f64() * 1e3,
        verified: problem.is_none(),
        problem,
        folder,
    })
}

/// The configuration file of a cluster on this machine, at free ports.
fn local(members: u16) -> Result<String, ProcessError> {
    let mut ports = free_ports(2 * usize::from(members))?.into_iter();
    let file = ClusterConfig::sample_at("bench", members, || ports.next().unwrap_or_default());
    file.map_err(|source| ProcessError::System { what: "draw an id".to_owned(), source })
}

fn put(number: u64, size: usize) -> Result<Vec<u8>, TooLong> {
    put_under("key-", number, size)
}

/// An encoded put with this number, under one of 10,000 keys with this prefix.
pub(super) fn put_under(prefix: &str, number: u64, size: usize) -> Result<Vec<u8>, TooLong> {
    let key = format!("{prefix}{:05}", number % 10_000).into_bytes();
    let value = number.to_le_bytes().into_iter().cycle().take(size).collect();
    KvCommand::Put { key, value }.encode()
}

fn load(
    bench: &Bench,
    load_generator: &mut LoadGenerator,
    progress: impl Fn(u64),
) -> Result<Seen, ExperimentError> {
    let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let (done, start) = (
        HashMap::with_capacity_and_hasher(bench.commands as usize, Default::default()),
        Instant::now(),
    );
    let mut seen = Seen { start, latency, first: None, before_last: None, done };
    let puts: Vec<Vec<u8>> =
        (0..bench.commands).map(|number| put(number, bench.value)).collect::<Result<_, _>>()?;
    seen.start = Instant::now();
    load_generator.run(puts, PATIENCE, |Settled { id, latency, outcome }| {
        let (Some(id), Outcome::Done(done)) = (id, outcome) else { return };
        seen.latency.saturating_record(latency.as_micros() as u64);
        seen.done.insert(id, done.instance);
        let count = seen.done.len() as u64;
        if count == ENDS.min(bench.commands) {
            seen.first = Some(seen.start.elapsed());
        }
        if count == bench.commands.saturating_sub(ENDS) {
            seen.before_last = Some(seen.start.elapsed());
        }
        if count.is_multiple_of(1000) {
            progress(count);
        }
    })?;
    Ok(seen)
}

/// The number of disk syncs of all acceptors together.
fn syncs(status_client: &StatusClient) -> Result<u64, StatusError> {
    let statuses = status_client.status(PATIENCE)?;
    let asked = status_client.members().iter().zip(statuses);
    let acceptors = asked.filter(|(asked, _)| asked.part == RoleKind::Acceptor);
    let syncs = |status: Option<Status>| status.and_then(|s| s.journal).map_or(0, |j| j.syncs);
    Ok(acceptors.map(|(_, status)| syncs(status)).sum())
}

/// Kills all members, starts them again, and looks for every command that was answered. Returns the time
/// until the first answer after the restart, and the first discrepancy, if any.
fn verify(
    cluster: &mut Processes,
    load_generator: &mut LoadGenerator,
    done: &HashMap<RequestId, Instance>,
    bench: &Bench,
) -> Result<(Duration, Option<String>), ExperimentError> {
    let names: Vec<String> = cluster.config().members.iter().map(|m| m.name.clone()).collect();
    names.iter().try_for_each(|name| cluster.kill(name))?;
    let start = Instant::now();
    cluster.start_all()?;
    if load_generator.run([put(0, bench.value)?], PATIENCE, drop)?.done == 0 {
        return Ok((start.elapsed(), Some("nobody answers after all were started again".into())));
    }
    let restarted = start.elapsed();
    let status_client = StatusClient::new(cluster.config()).map_err(ClientError::from)?;
    if !status_client.wait_until_level(PATIENCE)? {
        return Ok((restarted, Some("the leaders do not come to know equally much".to_owned())));
    }
    let leaders = status_client.members().iter().filter(|asked| asked.part == RoleKind::Leader);
    let mut histories = Vec::new();
    for leader in leaders {
        let name = &leader.member;
        let history = status_client.history(leader, PATIENCE)?;
        if let Some(problem) = missing(&history, done) {
            return Ok((restarted, Some(format!("leader {name}: {problem}"))));
        }
        histories.push(history);
    }
    let equal = histories.windows(2).all(|pair| pair.first() == pair.last());
    Ok((restarted, (!equal).then(|| "the leaders' histories differ".to_owned())))
}

/// The first discrepancy between a leader's history and the commands that were answered, if any.
fn missing(history: &[(Decree, bool)], done: &HashMap<RequestId, Instance>) -> Option<String> {
    let mut found = HashMap::default();
    for (instance, (decree, _)) in (0..).zip(history).filter(|(_, (_, applied))| *applied) {
        let Some(command) = decree.command() else { continue };
        if let Some(before) = found.insert(command.id, Instance(instance)) {
            return Some(format!("{} was applied at {before} and at {instance}", command.id));
        }
    }
    let lost = done.iter().find(|(id, instance)| found.get(id) != Some(*instance));
    lost.map(|(id, instance)| format!("{id} is not at {instance}, as its client was told"))
}
