//! `synod prove`: the proof for any number of acceptors, and the checks that it is not vacuous.

mod changed;
mod error;
mod export;
mod process;
mod shown;
mod solvers;
mod written;

use std::path::PathBuf;

use clap::Parser;

use crate::cli::output::fail;
use crate::cli::verdict::Verdict;
use crate::proof::sensitivity::Without;
use error::ProveError;

/// Prove, for any number of acceptors, quorums, ballots, instances and values, that what is chosen stays
/// chosen.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod prove                             every obligation, with nothing installed
  synod prove --each                      one row for each
  synod prove --spec                      what is proved, as mathematics
  synod prove --examples                  each action, in a small state in which it can happen
  synod prove --sensitivity               nothing can be left out, and faults are found
  synod prove --fault stale-accept        how it fails with a fault
  synod prove --without 'quorums meet'    how it fails without an axiom, a conjunct or a guard
  synod prove --smt2 obligations          files for solvers, in a folder
  synod prove --solver z3 --solver cvc5   what solvers that are installed say of them

Solvers: z3 and cvc5, by name or by path (Debian and Ubuntu: apt-get install z3 cvc5). They are told
apart by how the file's name begins. Any other program works too if it reads SMT-LIB 2 from its standard
input and answers sat or unsat.")]
pub(in crate::cli) struct Args {
    /// Print a row for each obligation.
    #[arg(long, conflicts_with_all = ["spec", "examples", "sensitivity", "fault", "without", "smt2", "solver"])]
    each: bool,
    /// Print the specification.
    #[arg(long, group = "what", conflicts_with = "json")]
    spec: bool,
    /// Show each action in a smallest state in which the invariant holds, and it changes something.
    #[arg(long, group = "what", conflicts_with = "json")]
    examples: bool,
    /// Make each change in turn (leave out an axiom, conjunct or guard, or put in a fault), and
    /// show what fails.
    #[arg(long, group = "what")]
    sensitivity: bool,
    /// Show how the proof fails with this fault.
    #[arg(long, group = "what", value_name = "NAME")]
    fault: Option<String>,
    /// Show how the proof fails without this axiom, conjunct or guard.
    #[arg(long, group = "what", value_name = "NAME")]
    without: Option<String>,
    /// Write all queries to files of SMT-LIB 2 in this folder.
    #[arg(long, group = "what", value_name = "DIR", conflicts_with = "json")]
    smt2: Option<PathBuf>,
    /// Ask this solver. May be given several times.
    #[arg(long, group = "what", value_name = "PROGRAM")]
    solver: Vec<String>,
    /// The seconds after which a solver is stopped.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", requires = "solver",
        value_parser = clap::value_parser!(u16).range(1..=3600))]
    timeout: u16,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the proof, or the check that the options name.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let ended = match args {
        Args { spec: true, .. } => {
            written::specification();
            Ok(Verdict::Holds)
        }
        Args { examples: true, .. } => Ok(written::examples()),
        Args { sensitivity: true, json, .. } => changed::sensitivity(*json),
        Args { fault: Some(name), json, .. } => {
            changed::find_fault(name).and_then(|fault| changed::stories(&[fault], *json))
        }
        Args { without: Some(name), json, .. } => {
            changed::find_parts(name).and_then(|parts| changed::stories(&parts, *json))
        }
        Args { smt2: Some(folder), .. } => export::run(folder),
        Args { solver, timeout, json, .. } if !solver.is_empty() => {
            solvers::run(solver, u64::from(*timeout), *json)
        }
        Args { each, json, .. } => shown::run(*each, *json),
    };
    ended.unwrap_or_else(|error: ProveError| {
        let verdict = error.verdict();
        fail(error, verdict)
    })
}

/// The kind of a change, and the name of the part changed.
fn kind_and_name(without: Without) -> (&'static str, String) {
    match without {
        Without::Axiom(name) => ("axiom", name.to_owned()),
        Without::Conjunct(name) => ("conjunct", name.to_owned()),
        Without::Guard(action, name) => ("guard", format!("{action}: {name}")),
        Without::Fault(name) => ("fault", name.to_owned()),
    }
}
