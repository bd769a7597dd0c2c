//! The command line: parses, runs, and shows, as a table for people or as JSON for machines.

mod bench;
mod chaos;
mod check;
mod compare;
mod demo;
mod explore;
mod init;
mod inspect;
mod kv;
mod log;
mod mutants;
mod new_file;
mod node;
mod output;
mod parallel;
mod prove;
mod status;
mod swarm;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The environment variable that says what is logged.
const LOG: &str = "SYNOD_LOG";

/// A Multi-Paxos replicated log: written once, model-checked, and run over UDP.
///
/// Exit codes: 0 if it was done, or all that was to be shown holds; 1 if not; 2 if the command was not
/// understood; 3 if nobody knows whether it was done.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = "Logs: SYNOD_LOG=debug synod demo")]
pub struct Cli {
    /// What is logged: error, warn, info, debug or trace; otherwise what SYNOD_LOG says.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Node(node::Args),
    Inspect(inspect::Args),
    Put(kv::PutArgs),
    Get(kv::GetArgs),
    Delete(kv::DeleteArgs),
    Cas(kv::CasArgs),
    Propose(kv::ProposeArgs),
    Log(log::Args),
    Status(status::Args),
    Check(check::Args),
    Mutants(mutants::Args),
    Prove(prove::Args),
    Bench(bench::Args),
    Chaos(chaos::Args),
    Explore(explore::Args),
}

/// How a command ended, as the shell is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All that was to be shown holds.
    Holds,
    /// Something is violated or missing.
    Fails,
    /// The command was not understood, or asks for what cannot be.
    BadUse,
    /// It may have been done, or not.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let wanted = cli.log.clone().or_else(|| std::env::var(LOG).ok());
    let filter = wanted.map(EnvFilter::try_new).transpose().unwrap_or_else(|error| {
        output::warn(format_args!("synod: --log or {LOG} is not understood: {error}"));
        None
    });
    let filter = filter.unwrap_or_else(|| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let verdict = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Put(args) => kv::put(args),
        Command::Get(args) => kv::get(args),
        Command::Delete(args) => kv::delete(args),
        Command::Cas(args) => kv::cas(args),
        Command::Propose(args) => kv::propose(args),
        Command::Log(args) => log::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Explore(args) => explore::run(&args),
    };
    ExitCode::from(match verdict {
        Verdict::Holds => 0,
        Verdict::Fails => 1,
        Verdict::BadUse => 2,
        Verdict::Unknown => 3,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
