//! `synod chaos`: a cluster of processes under load, with members killed and links cut.

use std::path::PathBuf;

use clap::Parser;

use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::lab::chaos::store::StoreWorkload;
use crate::lab::chaos::{Chaos, Report};
use crate::lab::member::Program;
use crate::lab::processes::ExperimentError;

/// Kill, stop and cut off members of a real cluster under load, and judge the answers that its
/// clients got.
///
/// Each role is a process of its own. In each round some are killed as by `kill -9`: a minority of
/// the acceptors, and at most all leaders but one. In some rounds, others are stopped for a while,
/// or links between members lose messages; in some, an operator makes a mistake with a member that
/// is down, such as another file or an older copy of its data directory, which must be refused. In
/// the end nothing that was acknowledged may be lost, nothing may be applied twice, all leaders
/// must have the same history, and the clients' history must be linearizable.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod chaos
  synod chaos --rounds 200 --seed 7
  synod chaos --rounds 20 --acceptors 5 --json")]
pub(in crate::cli) struct Args {
    /// The number of rounds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// The seed of the schedule; a random one if not given. The system decides when datagrams
    /// arrive, so no two runs are exactly the same.
    #[arg(long)]
    seed: Option<u64>,
    /// The number of leaders.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=9))]
    leaders: u16,
    /// The number of acceptors.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=9))]
    acceptors: u16,
    /// The number of concurrent clients.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    clients: u64,
    /// The number of keys that they use.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// The folder for the members' files during the run; the folder for temporary files if not
    /// given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the experiment.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let chaos = Chaos {
        rounds: args.rounds,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        leaders: args.leaders,
        acceptors: args.acceptors,
        clients: args.clients,
        data: args.data.clone().unwrap_or_else(std::env::temp_dir),
    };
    let bar = Bars::new(!args.json).add("rounds", Some(args.rounds));
    let workload = StoreWorkload::new(args.keys);
    let report = std::env::current_exe()
        .map_err(ExperimentError::Program)
        .and_then(|own| chaos.run(Program::synod(own), &workload, |n| bar.set_position(n)));
    bar.finish_and_clear();
    let report = match report {
        Err(error) => return fail(error, Verdict::NotDone),
        Ok(report) => report,
    };
    if args.json {
        json(&report);
    } else {
        show(&report);
    }
    if report.holds() {
        return Verdict::Holds;
    }
    let what = report.problem.as_deref().unwrap_or("see above");
    let again = format!(
        "synod chaos --rounds {} --seed {} --leaders {} --acceptors {} --clients {} --keys {}",
        chaos.rounds, chaos.seed, chaos.leaders, chaos.acceptors, chaos.clients, args.keys
    );
    let kept = report.folder.display();
    fail(
        format_args!("{what}\nThe members' files and logs are in {kept}. The same again: {again}"),
        Verdict::Fails,
    )
}

fn show(report: &Report) {
    let mut lines = table(["chaos", ""], &[1]);
    let yes = |holds: bool| if holds { "yes" } else { "NO" }.to_owned();
    let millis = |ms: Option<f64>| ms.map_or("not measured".to_owned(), |ms| format!("{ms:.0} ms"));
    let failover = &report.failover_ms;
    let rows = [
        ("seed", report.seed.to_string()),
        ("rounds", grouped(report.rounds)),
        ("members killed", grouped(report.kills)),
        ("members stopped for a while", grouped(report.pauses)),
        ("rounds with a bad network", grouped(report.cuts)),
        ("mistakes of an operator, all refused", grouped(report.mistakes)),
        ("commands acknowledged", grouped(report.acknowledged)),
        ("commands that may have been done", grouped(report.unknown)),
        ("acknowledged and lost", grouped(report.lost)),
        ("applied twice", grouped(report.applied_twice)),
        ("linearizable", yes(report.linearizable)),
        ("histories equal", yes(report.histories_equal)),
        ("the primary was killed, and nothing else happened", grouped(failover.count)),
        ("from its end to the next request done, median", millis(failover.median)),
        ("the longest", millis(failover.max)),
    ];
    for (name, value) in rows {
        lines.add_row([name.to_owned(), value]);
    }
    say(lines);
}
