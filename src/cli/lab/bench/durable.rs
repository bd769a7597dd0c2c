//! `synod bench durable`: the throughput of a cluster of processes whose puts are on disk.

use std::path::PathBuf;

use clap::Parser;

use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::lab::bench::{Bench, Report, run as measure};
use crate::machine::kv::MAX_ENTRY;

/// Measure how fast a cluster on this machine answers puts that a quorum has on disk.
///
/// Each member is a process of its own, on the loopback, and waits for its own disk. Each client
/// has one request at a time. All clients share one socket, so that requests and answers of many
/// come in one datagram; clients with a socket each get less: see `synod load --independent`. In
/// the end all members are killed and started again, and each must know every command that was
/// answered, applied once.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod bench durable --clients 64
  synod bench durable --commands 1000000 --json     does it slow down as the history grows?")]
pub(in crate::cli) struct Args {
    /// The number of clients, each with one request at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    clients: u16,
    /// The number of puts.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    commands: u64,
    /// The bytes of each value.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=LONGEST))]
    value: u16,
    /// The number of members; each is a leader and an acceptor.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    members: u16,
    /// The folder for journals during the measurement, on the disk to be measured; the folder for
    /// temporary files if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// The most bytes of a value, beside its key.
const LONGEST: i64 = MAX_ENTRY as i64 - 16;

/// Runs the measurement.
pub(super) fn run(args: &Args) -> Verdict {
    let data = args.data.clone().unwrap_or_else(std::env::temp_dir);
    let bench = Bench {
        clients: usize::from(args.clients),
        commands: args.commands,
        value: usize::from(args.value),
        members: args.members,
        data,
    };
    let bar = Bars::new(!args.json).add("commands", Some(args.commands));
    let report = measure(&bench, |answered| bar.set_position(answered));
    bar.finish_and_clear();
    match report {
        Err(error) => fail(error, Verdict::NotDone),
        Ok(report) => {
            if args.json {
                json(&report);
            } else {
                show(&report);
            }
            Verdict::from(report.verified)
        }
    }
}

fn show(report: &Report) {
    let mut lines = table(["durable puts", ""], &[1]);
    let micros = |us: f64| format!("{us:.1} us");
    let over = |which: &str| format!("time per command, {which} {}", grouped(report.ends));
    let (first, last) = (over("first"), over("last"));
    let rows = [
        ("commands", grouped(report.commands)),
        ("clients, one request each at a time", grouped(report.clients)),
        ("sockets, which clients share", "1".to_owned()),
        ("commands per second", grouped(report.commands_per_s as u64)),
        ("syncs per second, of each acceptor", grouped(report.syncs_per_s as u64)),
        ("latency, median", micros(report.latency_us.p50 as f64)),
        ("latency, 99 of 100", micros(report.latency_us.p99 as f64)),
        (&*first, micros(report.first_us)),
        (&*last, micros(report.last_us)),
        ("all started again, ready after", format!("{:.0} ms", report.restart_ms)),
        ("verified", if report.verified { "yes".to_owned() } else { "NO".to_owned() }),
    ];
    for (name, value) in rows {
        lines.add_row([name.to_owned(), value]);
    }
    say(lines);
    if let Some(problem) = &report.problem {
        say(format_args!("{problem}; the members' files are in {}", report.folder.display()));
    }
}
