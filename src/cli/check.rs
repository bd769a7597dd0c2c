//! `synod check`: visits every state of each system.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use serde::Serialize;

use super::output::{Bars, fail, grouped, json, say, table};
use super::worker::{self, Checked, Ended, check_in_child};
use super::{Verdict, compare, parallel, swarm};
use crate::model::alike::Alike;
use crate::model::check::{Backend, Held};
use crate::model::hunt::{Hunt, catch, catch_by_specification};
use crate::model::mutants::{MUTANTS, Mutant, mutant};
use crate::model::scope::{self, Measured};
use crate::model::system::System;
use crate::model::systems::{measured_system, system, systems};

/// Visit every reachable state of each system, and hold it to its properties.
#[derive(Debug, Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  synod check                             every system
  synod check dueling gap                 these two
  synod check dueling --backend explicit  state by state
  synod check --all --table               and write what was checked to model/SCOPE.md
  synod check --compare-stock dueling     on stock Stateright and both back ends of the engine
  synod check --mutant stale-accept       the shortest counterexample of a fault
  synod check --refinement                hold every step to the specification that is proved
  synod check swarm everything            random walks through what is too large"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Subcommand>,
    /// The systems to check; all if none is named.
    systems: Vec<String>,
    /// All systems.
    #[arg(long, conflicts_with_all = ["systems", "mutant", "list"])]
    all: bool,
    /// What explores the states.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    backend: Choice,
    /// Print the names of the systems, one a line.
    #[arg(long, conflicts_with_all = ["mutant", "systems"])]
    list: bool,
    /// Show how the protocol fails with this fault.
    #[arg(long, conflicts_with = "systems")]
    mutant: Option<String>,
    /// Hold the systems to the specification that `synod prove` proves: its invariant in every state,
    /// and, state by state, one of its actions for whatever a step says that is new. With --mutant,
    /// show the first state or step that is not so.
    #[arg(long, conflicts_with_all = ["table", "compare_stock", "list"])]
    refinement: bool,
    /// Check this system on stock Stateright and on both back ends of the engine.
    #[arg(long, conflicts_with_all = ["systems", "mutant", "list", "all"])]
    compare_stock: Option<String>,
    /// Write what was checked, and what was not, to a file.
    #[arg(long, num_args = 0..=1, default_missing_value = "model/SCOPE.md")]
    table: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Check one system in this process, for a process that waits for it.
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Swarm(swarm::Args),
    Merge(swarm::MergeArgs),
}

/// What explores the states.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Choice {
    /// Whatever suits the system.
    Auto,
    /// The engine, state by state: steps, depths, shortest runs.
    Explicit,
    /// The same, but of states that differ in the acceptors' names only one.
    Alike,
    /// The engine, on decision diagrams: for many states.
    Symbolic,
    /// Stateright's own actor model: for few states.
    Stock,
}

/// So many states are visited one by one if nothing else is asked for.
const FEW: u128 = 100_000;

impl Choice {
    /// What suits a system: state by state tells more, as long as there are not too many.
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
    /// What suits the system that a mutant is caught in.
    pub(super) fn for_mutant(self, mutant: &Mutant) -> Backend {
        system(mutant.system).map_or(Backend::Symbolic, |system| self.backend(system))
    }
}

impl Args {
    fn held(&self) -> Held {
        if self.refinement { Held::ToSpecification } else { Held::ToProperties }
    }
}

/// Runs the checks.
pub(super) fn run(args: &Args) -> Verdict {
    match &args.command {
        Some(Subcommand::Swarm(args)) => return swarm::run(args),
        Some(Subcommand::Merge(args)) => return swarm::merge(args),
        None => {}
    }
    if args.list {
        systems().for_each(|system| say(system.name));
        return Verdict::Holds;
    }
    if let Some(name) = &args.mutant {
        return match find_mutant(name) {
            Ok(mutant) => show_mutant(mutant, args),
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
    match named {
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

/// The system of this name, or what to say.
pub(super) fn find_system(name: &str) -> Result<&'static System, String> {
    let names = || systems().map(|system| system.name).collect::<Vec<_>>().join(", ");
    system(name).ok_or_else(|| format!("there is no system '{name}'; there are {}", names()))
}

/// The mutant of this name, or what to say.
pub(super) fn find_mutant(name: &str) -> Result<&'static Mutant, String> {
    let names = || MUTANTS.iter().map(|mutant| mutant.name).collect::<Vec<_>>().join(", ");
    mutant(name).ok_or_else(|| format!("there is no mutant '{name}'; there are {}", names()))
}

/// All systems that this can explore, if none is named.
fn every_system(choice: Choice) -> Vec<&'static System> {
    let fits = |system: &&'static System| match choice {
        Choice::Alike => Alike::acceptors(&system.bounds).is_some(),
        Choice::Stock => system.stock.is_some(),
        Choice::Auto | Choice::Explicit | Choice::Symbolic => true,
    };
    systems().filter(fits).collect()
}

fn check_all(systems: &[&'static System], args: &Args) -> Verdict {
    let bars = Bars::new(!args.json);
    let check = |system: &&'static System| {
        let bar = bars.add(system.name, None);
        let progress = |states: u128| bar.set_position(states.try_into().unwrap_or(u64::MAX));
        let ended =
            check_in_child(system, args.held(), args.backend.backend(system), None, &progress);
        bar.finish_and_clear();
        match ended? {
            Ended::Checked(checked) => Ok(*checked),
            Ended::GivenUp(..) => Err(format!("the check of {} was given up", system.name)),
        }
    };
    // What visits many states one by one takes all processors for one system.
    let checked: Vec<Result<Checked, String>> = match args.backend {
        Choice::Explicit | Choice::Alike => systems.iter().map(check).collect(),
        Choice::Auto | Choice::Symbolic | Choice::Stock => parallel::map(systems, check),
    };
    // What one check comes to says nothing about the others, so all that came to an end are shown.
    let (checked, failures): (Vec<_>, Vec<_>) = checked.into_iter().partition(Result::is_ok);
    let systems: Vec<Checked> = checked.into_iter().flatten().collect();
    let passes = systems.iter().all(|checked| checked.passes) && failures.is_empty();
    if let Some(Err(error)) = args.table.as_ref().map(|path| write_table(path, &systems)) {
        return fail(error, Verdict::BadUse);
    }
    if args.json {
        json(&Json { systems });
    } else {
        show(&systems);
        if args.refinement {
            show_steps(&systems);
        }
    }
    for error in failures.into_iter().filter_map(Result::err) {
        fail(error, Verdict::Fails);
    }
    passes.into()
}

fn write_table(path: &Path, systems: &[Checked]) -> Result<(), String> {
    let measured = |checked: &Checked| Measured {
        system: checked.name.clone(),
        backend: checked.backend.clone(),
        states: checked.unique_states,
        seconds: checked.seconds,
        peak_bytes: checked.peak_bytes,
    };
    let measured: Vec<Measured> = systems.iter().map(measured).collect();
    let written = fs::write(path, scope::page(&measured));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[derive(Serialize)]
struct Json {
    systems: Vec<Checked>,
}

fn show(systems: &[Checked]) {
    let headings = ["system", "bounds", "back end", "states", "seconds", "MB", "verdict"];
    let mut rows = table(headings, &[3, 4, 5]);
    for checked in systems {
        rows.add_row([
            checked.name.clone(),
            checked.bounds.clone(),
            checked.backend.clone(),
            grouped(checked.unique_states),
            format!("{:.2}", checked.seconds),
            checked.peak_bytes.map_or("-".to_owned(), |bytes| (bytes / 1_000_000).to_string()),
            verdict(checked),
        ]);
    }
    say(&rows);
    let states: u128 = systems.iter().map(|checked| checked.unique_states).sum();
    say(format_args!("\n{} systems, {} states", systems.len(), grouped(states)));
    for checked in systems {
        for property in checked.failed() {
            say(format_args!("\n{}: '{}' ({}) fails", checked.name, property.name, property.kind));
            property.counterexample.iter().for_each(say);
        }
    }
}

/// How many steps were held to the specification.
fn show_steps(systems: &[Checked]) {
    let sum = |of: fn(&Checked) -> Option<u64>| -> u64 { systems.iter().filter_map(of).sum() };
    let (steps, new) = (sum(|checked| checked.total_states), sum(|checked| checked.judged_steps));
    say(format_args!(
        "{} steps one by one; {} that say something new were held to the specification",
        grouped(steps),
        grouped(new)
    ));
}

fn verdict(checked: &Checked) -> String {
    let (failed, all) = (checked.failed().count(), checked.properties.len());
    match (checked.complete, failed) {
        (false, _) => "NOT COMPLETE".to_owned(),
        (true, 0) if checked.as_expected() => format!("all {all} hold"),
        (true, 0) => match checked.expected_states {
            Some(states) => format!("NOT THE {} STATES EXPECTED", grouped(states)),
            None => "NOT PINNED".to_owned(),
        },
        (true, failed) => format!("{failed} of {all} FAIL"),
    }
}

fn show_mutant(mutant: &'static Mutant, args: &Args) -> Verdict {
    let bar = Bars::new(!args.json).add(mutant.name, None);
    let progress = |states: &num_bigint::BigUint| {
        bar.set_position(states.try_into().unwrap_or(u64::MAX));
    };
    let hunt = match args.held() {
        Held::ToProperties => catch(mutant, args.backend.for_mutant(mutant), &progress),
        Held::ToSpecification => catch_by_specification(mutant, &progress),
    };
    bar.finish_and_clear();
    let hunt = match hunt {
        Ok(hunt) => hunt,
        Err(error) => return fail(error, Verdict::Fails),
    };
    if args.json {
        json(&JsonCounterexample::new(mutant, &hunt));
    } else {
        say(format_args!("{}: {}", mutant.name, mutant.fault));
        say(format_args!("{}: {}", mutant.system, hunt.system.bounds));
        say(format_args!("{} states visited\n", grouped(&hunt.states)));
        match (&hunt.trace, args.held()) {
            (Some(trace), _) => say(trace),
            (None, Held::ToProperties) => {
                say(format_args!("'{}' holds all the same", mutant.property));
            }
            (None, Held::ToSpecification) => say(
                "every step is one of the specification all the same: what is chosen is agreed on, \
                 and this fault lies elsewhere",
            ),
        }
    }
    hunt.trace.is_none().into()
}

#[derive(Serialize)]
struct JsonCounterexample<'a> {
    mutant: &'a str,
    fault: &'a str,
    system: &'a str,
    property: &'a str,
    caught: bool,
    start: &'a [String],
    steps: Vec<JsonStep<'a>>,
    finding: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonStep<'a> {
    event: &'a str,
    sent: &'a [String],
}

impl<'a> JsonCounterexample<'a> {
    fn new(mutant: &'a Mutant, hunt: &'a Hunt) -> Self {
        let Mutant { name, fault, system, .. } = mutant;
        let (property, trace) = (hunt.property.name, hunt.trace.as_ref());
        let steps = trace.map_or(&[][..], |trace| &trace.steps).iter();
        JsonCounterexample {
            mutant: name,
            fault,
            system,
            property,
            caught: trace.is_some(),
            start: trace.map_or(&[], |trace| &trace.start),
            steps: steps.map(|s| JsonStep { event: &s.event, sent: &s.sent }).collect(),
            finding: trace.map(|trace| trace.finding.as_str()),
        }
    }
}
