//! `synod load`: the throughput and the latencies of a running cluster.

use std::time::Duration;

use clap::Parser;

use crate::cli::config::ConfigFile;
use crate::cli::output::{Bars, fail, grouped, json, say, table, warn};
use crate::cli::verdict::Verdict;
use crate::lab::load::{Load, LoadError, PREFIX, Report, run as put_load};
use crate::machine::kv::MAX_ENTRY;

/// Put load on a running cluster, and measure its throughput and latencies.
///
/// Clients put values under 10,000 keys that begin with synod-load/, which stay there. Each has one
/// request at a time. They share one socket, so that requests and answers of many come in one
/// datagram; with --independent each has a socket of its own, as clients on different machines
/// have.
///
/// Exit codes: 0 if all puts were done; 1 if some were not; 3 if the outcome of some is unknown; 4
/// if none was done.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod load --config local/cluster.toml
  synod load --clients 16 --independent --commands 20000 --value 1000 --json")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// The number of clients, each with one request at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// Give each client a socket of its own.
    #[arg(long)]
    independent: bool,
    /// The number of puts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    commands: u64,
    /// The bytes of each value.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=LONGEST))]
    value: u16,
    /// The seconds without any answer after which clients give up.
    #[arg(long, default_value_t = 5.0, value_parser = crate::cli::kv::seconds)]
    timeout: f64,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// The most bytes of a value, beside its key.
const LONGEST: i64 = (MAX_ENTRY - PREFIX.len() - 5) as i64;

/// Runs the load.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let config = match args.file.read() {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let load = Load {
        clients: usize::from(args.clients),
        independent: args.independent,
        commands: args.commands,
        value: usize::from(args.value),
        patience: Duration::from_secs_f64(args.timeout),
    };
    let bar = Bars::new(!args.json).add("puts answered", Some(args.commands));
    let report = put_load(&load, &config, |answered| bar.set_position(answered));
    bar.finish_and_clear();
    match report {
        Err(error @ LoadError::TooLong(_)) => fail(error, Verdict::BadUse),
        Err(error) => fail(error, Verdict::NotDone),
        Ok(report) => {
            if args.json {
                json(&report);
            } else {
                show(&report);
            }
            judge(&report)
        }
    }
}

fn judge(report: &Report) -> Verdict {
    let Report { done, not_done, unknown, not_asked, .. } = *report;
    if not_done + unknown + not_asked > 0 {
        warn(format_args!(
            "synod: of the puts, {} were not done, of {} the outcome is unknown, and {} were not asked for, since no \
             answers came; synod status says who is up",
            grouped(not_done),
            grouped(unknown),
            grouped(not_asked)
        ));
    }
    match (done, unknown, not_done + not_asked) {
        (_, 1.., _) => Verdict::Unknown,
        (0, ..) => Verdict::NotDone,
        (_, _, others) => (others == 0).into(),
    }
}

fn show(report: &Report) {
    let mut lines = table(["load", ""], &[1]);
    let micros = |us: u64| format!("{} us", grouped(us));
    let rows = [
        ("puts done", grouped(report.done)),
        ("not done", grouped(report.not_done)),
        ("outcome unknown", grouped(report.unknown)),
        ("clients, one request each at a time", grouped(report.clients)),
        ("sockets", grouped(report.sockets)),
        ("seconds", format!("{:.2}", report.seconds)),
        ("puts per second", grouped(report.commands_per_s as u64)),
        ("latency, median", micros(report.latency_us.p50)),
        ("latency, 90 of 100", micros(report.latency_us.p90)),
        ("latency, 99 of 100", micros(report.latency_us.p99)),
        ("latency, longest", micros(report.latency_us.max)),
    ];
    for (name, value) in rows {
        lines.add_row([name.to_owned(), value]);
    }
    say(lines);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::demo::Latency;

    #[test]
    fn the_verdict_is_of_all_puts() {
        let judged = |done, not_done, unknown, not_asked| {
            let latency_us = Latency::default();
            let (clients, sockets, seconds, commands_per_s) = (1, 1, 1.0, 1.0);
            judge(&Report {
                clients,
                sockets,
                done,
                not_done,
                unknown,
                not_asked,
                seconds,
                commands_per_s,
                latency_us,
            })
        };
        assert_eq!(judged(9, 0, 0, 0), Verdict::Holds);
        assert_eq!(judged(9, 1, 0, 0), Verdict::Fails);
        assert_eq!(judged(0, 9, 0, 0), Verdict::NotDone);
        assert_eq!(judged(8, 0, 1, 4), Verdict::Unknown);
        assert_eq!(judged(0, 0, 1, 4), Verdict::Unknown);
    }
}
