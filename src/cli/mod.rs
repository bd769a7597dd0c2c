//! The command line: parses arguments, runs commands, and prints results, as tables for people or
//! as JSON for machines.

mod bytes;
mod completions;
mod config;
mod init;
mod inspect;
mod kv;
mod lab;
mod log;
mod logging;
mod node;
mod output;
mod status;
mod table;
mod verdict;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::lab::offspring::end_on_signals;
use verdict::{EXIT_CODES, Verdict};

/// A Multi-Paxos replicated log: written once, model-checked, and run over UDP.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = "Logs: SYNOD_LOG=debug synod demo")]
struct Cli {
    /// The log level: off, error, warn, info, debug or trace. By default it is that of SYNOD_LOG,
    /// or else info for `synod node`, and warn for all other commands.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(lab::demo::Args),
    Init(init::Args),
    Node(node::Args),
    Inspect(inspect::Args),
    Put(kv::PutArgs),
    Get(kv::GetArgs),
    Delete(kv::DeleteArgs),
    Cas(kv::CasArgs),
    Keys(kv::KeysArgs),
    Propose(kv::ProposeArgs),
    Log(log::Args),
    Status(status::Args),
    Load(lab::load::Args),
    Check(lab::check::Args),
    Mutants(lab::mutants::Args),
    Prove(lab::prove::Args),
    Bench(lab::bench::Args),
    Chaos(lab::chaos::Args),
    Explore(lab::explore::Args),
    Completions(completions::Args),
}

/// The whole command line. Every command's help ends with the exit codes, and values may be negative
/// numbers.
pub(crate) fn command() -> clap::Command {
    complete(Cli::command())
}

fn complete(command: clap::Command) -> clap::Command {
    let examples = command.get_after_help().map(|help| format!("{help}\n\n"));
    let help = format!("{}{EXIT_CODES}", examples.unwrap_or_default());
    command.after_help(help).mut_args(with_negative_numbers).mut_subcommands(complete)
}

/// Makes a value such as -5 a value, and not an unknown option.
fn with_negative_numbers(arg: clap::Arg) -> clap::Arg {
    let takes_values = arg.get_action().takes_values();
    arg.allow_negative_numbers(takes_values)
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let matches = command().try_get_matches();
    let verdict = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => run(cli),
        Err(error) => output::explain(&error),
    };
    output::end(verdict).into()
}

fn run(cli: Cli) -> Verdict {
    // A variable that is not UTF-8 is no level either, which is reported below.
    let variable = || Some(std::env::var_os(logging::VARIABLE)?.to_string_lossy().into_owned());
    let wanted = cli.log.clone().or_else(variable).filter(|wanted| !wanted.is_empty());
    let usual = if matches!(cli.command, Command::Node(_)) { "info" } else { "warn" };
    if let Err(error) = logging::start(wanted.as_deref().unwrap_or(usual)) {
        return output::fail(error, Verdict::BadUse);
    }
    // These commands start other processes.
    if let Command::Check(_) | Command::Prove(_) | Command::Bench(_) | Command::Chaos(_) =
        cli.command
    {
        end_on_signals();
    }
    match cli.command {
        Command::Demo(args) => lab::demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Put(args) => kv::put(args),
        Command::Get(args) => kv::get(args),
        Command::Delete(args) => kv::delete(args),
        Command::Cas(args) => kv::cas(args),
        Command::Keys(args) => kv::keys(args),
        Command::Propose(args) => kv::propose(args),
        Command::Log(args) => log::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Load(args) => lab::load::run(&args),
        Command::Check(args) => lab::check::run(&args),
        Command::Mutants(args) => lab::mutants::run(&args),
        Command::Prove(args) => lab::prove::run(&args),
        Command::Bench(args) => lab::bench::run(&args),
        Command::Chaos(args) => lab::chaos::run(&args),
        Command::Explore(args) => lab::explore::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    fn help_of_all(command: &mut clap::Command, seen: &mut Vec<String>) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("  3  outcome unknown"), "{}: {help}", command.get_name());
        seen.push(command.get_name().to_owned());
        // The `help` command is added by clap.
        let ours = command.get_subcommands_mut().filter(|command| command.get_name() != "help");
        ours.for_each(|command| help_of_all(command, seen));
    }

    #[test]
    fn every_help_names_the_exit_codes() {
        let mut seen = Vec::new();
        help_of_all(&mut command(), &mut seen);
        assert!(seen.len() > 20 && seen.contains(&"swarm".to_owned()), "{seen:?}");
    }
}
