//! `synod check`: visits every state of each system.

mod certificate;
mod mutant;
mod show;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Serialize;

use self::certificate::Certificate;
use super::worker::{self, Ended, Entry, Unfinished, check_in_child};
use super::{compare, parallel, swarm};
use crate::cli::output::{Bars, fail, json};
use crate::cli::verdict::Verdict;
use crate::model::alike::Alike;
use crate::model::backend::{Backend, Held};
use crate::model::mutants::{MUTANTS, Mutant, mutant};
use crate::model::system::System;
use crate::model::systems::{measured_system, system, systems};
use crate::nearest::unknown;
use crate::proof::spec::faults::FAULTS;

/// Visit every reachable state of each system, and hold it to its properties.
#[derive(Debug, Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  synod check                             every system
  synod check dueling gap                 these two
  synod check dueling --backend explicit  state by state
  synod check dueling --properties        property by property
  synod check --all --table               and write what was checked to model/SCOPE.md
  synod check --compare-stock dueling     on stock Stateright and both back ends of the engine
  synod check --mutant stale-accept       the shortest counterexample of a fault
  synod check --refinement                hold every step to the specification that is proved
  synod check swarm everything            random walks through what is too large

A check passes if every reachable state was visited, if there are as many as expected, and if every
property holds and had something to judge. \"least judged\" is the least that any had: states, or on
diagrams different sets of facts that states show."
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Option<Subcommand>,
    /// The systems to check; all if none is named.
    systems: Vec<String>,
    /// All systems.
    #[arg(long, conflicts_with_all = ["mutant", "list"])]
    all: bool,
    /// The back end that explores the states.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    backend: Choice,
    /// Print the systems and what they are for.
    #[arg(long, conflicts_with_all = ["mutant", "systems"])]
    list: bool,
    /// Show how the protocol fails with this fault.
    #[arg(long)]
    mutant: Option<String>,
    /// Hold the systems to the specification that `synod prove` proves: its invariant holds in
    /// every state, and each step is one of its actions. With --mutant, show the first state or
    /// step for which this is wrong.
    #[arg(long, conflicts_with_all = ["table", "compare_stock", "list"])]
    refinement: bool,
    /// Check this system on stock Stateright and on both back ends of the engine.
    #[arg(long, conflicts_with_all = ["systems", "mutant", "list", "all"])]
    compare_stock: Option<String>,
    /// Write what was checked, and what was not, to a file, once all checks have ended.
    #[arg(long, num_args = 0..=1, default_missing_value = "model/SCOPE.md")]
    table: Option<PathBuf>,
    /// Show each property: its verdict, and the number of states that it judged.
    #[arg(long, conflicts_with_all = ["mutant", "list", "compare_stock", "json"])]
    properties: bool,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Check one system in this process, as the child of a process that waits for it.
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Swarm(swarm::Args),
    Merge(swarm::MergeArgs),
}

/// The choice of a back end on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Choice {
    /// The one that suits the system.
    Auto,
    /// The engine, state by state: steps, depths, shortest runs.
    Explicit,
    /// Explicit, with symmetry reduction over acceptors.
    Alike,
    /// The engine, on decision diagrams: for many states.
    Symbolic,
    /// Stateright's own actor model: for few states.
    Stock,
}

/// The most states of a system that `auto` visits one by one.
const FEW: u128 = 100_000;

impl Choice {
    /// The back end for a system. `Auto` visits states one by one, which shows more, unless there
    /// are too many.
    pub(super) fn backend(self, system: &System) -> Backend {
        match self {
            Choice::Auto if system.states <= FEW => Backend::Explicit,
            Choice::Auto | Choice::Symbolic => Backend::Symbolic,
            Choice::Explicit => Backend::Explicit,
            Choice::Alike => Backend::Alike,
            Choice::Stock => Backend::Stock,
        }
    }
}

impl Choice {
    /// The back end for the system that a mutant is caught in.
    pub(super) fn for_mutant(self, mutant: &Mutant) -> Backend {
        system(mutant.system).map_or(Backend::Symbolic, |system| self.backend(system))
    }
}

impl Args {
    /// An error in words if systems are named where none may be.
    fn needless_systems(&self) -> Option<String> {
        let systems = Some(self.systems.join(" ")).filter(|systems| !systems.is_empty())?;
        match &self.mutant {
            Some(name) => {
                let own = mutant(name).map_or(String::new(), |it| format!(", {}", it.system));
                Some(format!(
                    "--mutant {name} is caught in a system of its own{own}: leave out {systems}"
                ))
            }
            None if self.all => {
                Some(format!("--all is every system: leave out --all, or leave out {systems}"))
            }
            None => None,
        }
    }

    fn held(&self) -> Held {
        if self.refinement { Held::ToSpecification } else { Held::ToProperties }
    }
}

/// Runs the checks.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    match &args.command {
        Some(Subcommand::Swarm(args)) => return swarm::run(args),
        Some(Subcommand::Merge(args)) => return swarm::merge(args),
        None => {}
    }
    if args.list {
        show::list(args.json);
        return Verdict::Holds;
    }
    if let Some(named) = args.needless_systems() {
        return fail(named, Verdict::BadUse);
    }
    if let Some(name) = &args.mutant {
        return match find_mutant(name) {
            Ok(mutant) => mutant::run(mutant, args),
            Err(error) => fail(error, Verdict::BadUse),
        };
    }
    if args.table.is_some() && !args.all {
        return fail("--table is written for --all systems together", Verdict::BadUse);
    }
    if let Some(name) = &args.compare_stock {
        return match find_system(name) {
            Ok(system) => compare::run(system, args.json),
            Err(error) => fail(error, Verdict::BadUse),
        };
    }
    let find = |name: &String| match measured_system(name).filter(|_| args.worker) {
        Some(system) => Ok(system),
        None => find_system(name),
    };
    let named: Result<Vec<&'static System>, String> = args.systems.iter().map(find).collect();
    match named.map(each_once) {
        Ok(named) if args.worker => {
            let serve = |system: &&'static System| {
                worker::serve(system, args.held(), args.backend.backend(system))
            };
            named.first().map_or(Verdict::BadUse, serve)
        }
        Ok(named) if named.is_empty() => check_all(&every_system(args.backend), args),
        Ok(named) => check_all(&named, args),
        Err(error) => fail(error, Verdict::BadUse),
    }
}

/// The systems without repetitions, in the order of their first mention.
fn each_once(systems: Vec<&'static System>) -> Vec<&'static System> {
    let mut once: Vec<&'static System> = Vec::new();
    for system in systems {
        if once.iter().all(|other| other.name != system.name) {
            once.push(system);
        }
    }
    once
}

/// The system of this name; an error in words if there is none.
pub(super) fn find_system(name: &str) -> Result<&'static System, String> {
    find_among(systems(), name)
}

/// The one of these systems with this name; an error in words if there is none.
pub(super) fn find_among(
    systems: impl Iterator<Item = &'static System>,
    name: &str,
) -> Result<&'static System, String> {
    let systems: Vec<&'static System> = systems.collect();
    let named = systems.iter().copied().find(|system| system.name == name);
    named.ok_or_else(|| unknown("system", name, systems.iter().map(|system| system.name)))
}

/// The mutant of this name; an error in words if there is none.
pub(super) fn find_mutant(name: &str) -> Result<&'static Mutant, String> {
    let elsewhere = || FAULTS.iter().any(|fault| fault.name == name);
    mutant(name).ok_or_else(|| match elsewhere() {
        true => format!(
            "'{name}' is no mutant of the code, but a fault of the specification: synod prove --fault {name}"
        ),
        false => unknown("mutant", name, MUTANTS.iter().map(|mutant| mutant.name)),
    })
}

/// All systems that this back end can explore.
fn every_system(choice: Choice) -> Vec<&'static System> {
    let fits = |system: &&'static System| match choice {
        Choice::Alike => Alike::acceptors(&system.bounds).is_some(),
        Choice::Stock => system.stock.is_some(),
        Choice::Auto | Choice::Explicit | Choice::Symbolic => true,
    };
    systems().filter(fits).collect()
}

fn check_all(systems: &[&'static System], args: &Args) -> Verdict {
    let certificate = match args.table.as_deref().map(Certificate::at).transpose() {
        Ok(certificate) => certificate,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let entries = check_each(systems, args);
    if args.json {
        json(&Json { systems: &entries });
    } else {
        show::table_of(&entries, args.properties);
        if args.refinement {
            show::steps(&entries);
        }
    }
    for unfinished in entries.iter().filter_map(Entry::unfinished) {
        fail(unfinished, Verdict::Fails);
    }
    if let Some(Err(error)) = certificate.map(|certificate| certificate.write(&entries)) {
        return fail(error, Verdict::NotWritten);
    }
    entries.iter().all(Entry::passes).into()
}

/// Checks each system in a child process. A check that fails to finish becomes an entry of its own,
/// and the others go on.
fn check_each(systems: &[&'static System], args: &Args) -> Vec<Entry> {
    let bars = Bars::new(!args.json);
    let check = |system: &&'static System| {
        let bar = bars.add(system.name, None);
        let progress = |states: u128| bar.set_position(states.try_into().unwrap_or(u64::MAX));
        let backend = args.backend.backend(system);
        let ended = check_in_child(system, args.held(), backend, None, &progress);
        bar.finish_and_clear();
        match ended {
            Ok(Ended::Checked(checked)) => Entry::Checked(checked),
            Ok(Ended::GivenUp(died)) | Err(died) => {
                Entry::Unfinished(Unfinished::new(system, backend, died))
            }
        }
    };
    // The explicit back end takes all processors for one system.
    match args.backend {
        Choice::Explicit | Choice::Alike => systems.iter().map(check).collect(),
        Choice::Auto | Choice::Symbolic | Choice::Stock => parallel::map(systems, check),
    }
}

#[derive(Serialize)]
struct Json<'e> {
    systems: &'e [Entry],
}
