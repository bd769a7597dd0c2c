//! `synod demo`: a real cluster on the loopback.

use std::time::Duration;

use clap::Parser;

use crate::cli::output::{Bars, fail, grouped, json, say, table, warn};
use crate::cli::verdict::Verdict;
use crate::lab::demo::{Cluster, ClusterError, Config, Handle, Runtime};
use crate::lab::demo::{Report, run as run_demo};
use crate::paxos::Quorums;

/// Order a client's commands with a real cluster on UDP sockets of the loopback.
///
/// All leaders start out believing that they are primary. A client sends its commands to the second
/// one, many at a time, and each is answered once it is chosen and applied.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod demo
  synod demo --acceptors 3 --failed 1 --commands 100000
  synod demo --adversarial --seed 7
  synod demo --phase1 1 --phase2 5 --failed 0    (read one, write all)")]
pub(in crate::cli) struct Args {
    /// The number of acceptors.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=64))]
    acceptors: u8,
    /// The number of acceptors that have failed and answer nothing; the largest minority if not given.
    #[arg(long)]
    failed: Option<u8>,
    /// The number of leaders.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    leaders: u16,
    /// The number of commands that the client sends: the integers from 0.
    #[arg(long, default_value_t = 1000)]
    commands: u64,
    /// The runtime that drives the actors.
    #[arg(long, value_enum, default_value_t = Drives::Pump)]
    runtime: Drives,
    /// Lose, repeat, delay and reorder datagrams.
    #[arg(long)]
    adversarial: bool,
    /// The seed of the adversarial network's choices; a random one if not given. The system decides
    /// when datagrams arrive, so no two runs are exactly the same.
    #[arg(long)]
    seed: Option<u64>,
    /// The number of acceptors that must promise; a majority if not given.
    #[arg(long, requires = "phase2")]
    phase1: Option<u8>,
    /// The number of acceptors that must vote; a majority if not given.
    #[arg(long, requires = "phase1")]
    phase2: Option<u8>,
    /// The seconds without an answer after which the client gives up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The number of failed acceptors; by default a minority, such as 2 of 5.
    fn failed(&self) -> u8 {
        self.failed.unwrap_or((self.acceptors - 1) / 2)
    }

    fn config(&self) -> Config {
        let quorums = match (self.phase1, self.phase2) {
            (Some(phase1), Some(phase2)) => {
                Quorums::Sizes { phase1: phase1.into(), phase2: phase2.into() }
            }
            _ => Quorums::Majority,
        };
        Config {
            leaders: self.leaders,
            acceptors: self.acceptors,
            failed: self.failed(),
            quorums,
            commands: self.commands,
            runtime: self.runtime.into(),
            adversarial: self.adversarial,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
            ..Config::default()
        }
    }
}

/// Runs the demo.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    if args.failed() > args.acceptors {
        let error =
            format!("{} acceptors cannot fail, there are {}", args.failed(), args.acceptors);
        return fail(error, Verdict::BadUse);
    }
    let config = args.config();
    let bar = Bars::new(!args.json).add("answered", Some(args.commands));
    let patience = Duration::from_secs(args.patience);
    let started = |cluster: &Cluster| bar.suspend(|| warn(members(cluster)));
    let report = run_demo(&config, patience, started, |answered| bar.set_position(answered));
    bar.finish_and_clear();
    match report {
        Ok(report) => {
            if args.json {
                json(&report)
            } else {
                show(&report)
            }
            report.holds().into()
        }
        Err(error @ ClusterError::Io(_)) => fail(error, Verdict::NotDone),
        Err(error) => fail(error, Verdict::BadUse),
    }
}

/// The addresses of all members. Leaders, acceptors and clients each begin a line, of at most
/// three.
fn members(cluster: &Cluster) -> String {
    let member = |handle: &Handle| {
        let failed = if handle.has_failed() { " (failed)" } else { "" };
        format!("{} {}{failed}", handle.name, handle.address)
    };
    let width = cluster.handles.iter().map(|handle| member(handle).len()).max().unwrap_or_default();
    let role = |handle: &Handle| handle.name.chars().next();
    let roles = cluster.handles.chunk_by(|one, next| role(one) == role(next));
    let lines = roles.flat_map(|role| role.chunks(3)).map(|handles| {
        let padded = handles.iter().map(|handle| format!("{:width$}", member(handle)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn show(report: &Report) {
    let of = |count| format!("{} of {}", grouped(count), grouped(report.commands));
    let mut rows = vec![
        ("runtime", runtime(report.runtime).to_owned()),
        ("decided", of(report.decided)),
        ("answered", of(report.answered)),
        ("applied twice", grouped(report.duplicates)),
        ("no-ops", grouped(report.no_ops)),
    ];
    if report.answered > 0 {
        rows.extend([
            ("elapsed", format!("{:.1} ms", report.elapsed_ms)),
            ("commands per second", grouped(report.commands_per_s as u64)),
            ("latency p50", format!("{} us", grouped(report.latency_us.p50))),
            ("latency p99", format!("{} us", grouped(report.latency_us.p99))),
        ]);
    }
    if let Some(pump) = &report.pump {
        let counts = format!(
            "{} received, {} queued, {} dropped, {} malformed, {} rejected",
            grouped(pump.received),
            grouped(pump.queued),
            grouped(pump.dropped),
            grouped(pump.malformed),
            grouped(pump.rejected),
        );
        rows.push(("datagrams", counts));
    }
    if let Some(adversary) = &report.adversary {
        let counts = format!(
            "seed {}: {} lost, {} repeated, {} overtaken",
            report.seed,
            grouped(adversary.lost),
            grouped(adversary.repeated),
            grouped(adversary.overtaken)
        );
        rows.push(("adversary", counts));
    }
    let mut shown = table(["", ""], &[]);
    rows.into_iter().for_each(|(name, value)| shown.add_row([name.to_owned(), value]));
    say(shown);
    show_leaders(report);
    if let Some(problem) = &report.problem {
        warn(format_args!("synod: {problem}"));
    }
}

fn show_leaders(report: &Report) {
    let mut leaders = table(["leader", "decided", "digest of its history", ""], &[1]);
    for leader in &report.leaders {
        let primary = if leader.primary { "primary" } else { "" };
        let decided = grouped(leader.decided);
        leaders.add_row([&leader.id, &decided, &leader.digest, primary]);
    }
    let equal = match report.histories_equal {
        true if report.decided == 0 => "empty",
        true => "equal",
        false => "NOT EQUAL",
    };
    say(format_args!("\n{leaders}\n\nThe histories are {equal}."));
}

/// The choice of a runtime on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Drives {
    /// A reader thread, a bounded queue and an actor thread for each member.
    Pump,
    /// Stateright's own spawn, in memory only.
    Spawn,
}

impl From<Drives> for Runtime {
    fn from(drives: Drives) -> Self {
        match drives {
            Drives::Pump => Runtime::Pump,
            Drives::Spawn => Runtime::Spawn,
        }
    }
}

fn runtime(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Pump => "pump",
        Runtime::Spawn => "Stateright's spawn (memory only)",
    }
}
