//! `synod chaos`: a cluster of processes under load, while members are killed and cut off.

use std::path::PathBuf;

use clap::Parser;

use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::lab::chaos::{Chaos, Report, run as put_through};

/// Kill, stop and cut off members of a real cluster under load, and judge what its clients were told.
///
/// Each role is a process of its own. In each round some are killed as by `kill -9`: less than half
/// of the acceptors, and all leaders but one at most. In some, others are stopped for a while, or do
/// not hear one another; and in some an operator makes a mistake with one that is down, such as another
/// file or an older copy of its data directory, which must be refused. In the end nothing that was acknowledged may be lost, nothing may be applied
/// twice, all leaders must have the same history, and the clients' story must be linearizable.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod chaos
  synod chaos --rounds 200 --seed 7
  synod chaos --rounds 20 --acceptors 5 --json")]
pub(in crate::cli) struct Args {
    /// How many rounds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// The seed of the schedule; a random one if not given. When datagrams come is up to the system,
    /// so no two runs are quite the same.
    #[arg(long)]
    seed: Option<u64>,
    /// How many leaders.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=9))]
    leaders: u16,
    /// How many acceptors.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=9))]
    acceptors: u16,
    /// How many clients ask at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    clients: u64,
    /// How many keys they use.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Where the members' files are kept meanwhile; otherwise where temporary files are.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Puts a cluster through it.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let chaos = Chaos {
        rounds: args.rounds,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        leaders: args.leaders,
        acceptors: args.acceptors,
        clients: args.clients,
        keys: args.keys,
        data: args.data.clone().unwrap_or_else(std::env::temp_dir),
    };
    let bar = Bars::new(!args.json).add("rounds", Some(args.rounds));
    let report = put_through(&chaos, |rounds| bar.set_position(rounds));
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
        chaos.rounds, chaos.seed, chaos.leaders, chaos.acceptors, chaos.clients, chaos.keys
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
