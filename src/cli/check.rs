//! `synod check`: visits every state of each system.

use clap::Parser;
use serde::Serialize;

use super::output::{Bars, fail, grouped, json, say, table};
use super::{Verdict, parallel};
use crate::model::check::{CheckError, Hunt, Report, catch, check};
use crate::model::mutants::{MUTANTS, Mutant, mutant};
use crate::model::system::System;
use crate::model::systems::{SYSTEMS, system};

/// Visit every reachable state of each system, and hold it to its properties.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod check                             every system
  synod check dueling gap                 these two
  synod check --mutant stale-accept       the shortest counterexample of a fault")]
pub(super) struct Args {
    /// The systems to check; all if none is named.
    systems: Vec<String>,
    /// Print the names of the systems, one a line.
    #[arg(long, conflicts_with_all = ["mutant", "systems"])]
    list: bool,
    /// Show how the protocol fails with this fault.
    #[arg(long, conflicts_with = "systems")]
    mutant: Option<String>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the checks.
pub(super) fn run(args: &Args) -> Verdict {
    if args.list {
        SYSTEMS.iter().for_each(|system| say(system.name));
        return Verdict::Holds;
    }
    if let Some(name) = &args.mutant {
        return match find_mutant(name) {
            Ok(mutant) => show_mutant(mutant, args.json),
            Err(error) => fail(error, Verdict::BadUse),
        };
    }
    let named: Result<Vec<&'static System>, String> =
        args.systems.iter().map(|name| find_system(name)).collect();
    match named {
        Ok(named) if named.is_empty() => check_all(&SYSTEMS.iter().collect::<Vec<_>>(), args.json),
        Ok(named) => check_all(&named, args.json),
        Err(error) => fail(error, Verdict::BadUse),
    }
}

/// The system of this name, or what to say.
pub(super) fn find_system(name: &str) -> Result<&'static System, String> {
    let names = || SYSTEMS.iter().map(|system| system.name).collect::<Vec<_>>().join(", ");
    system(name).ok_or_else(|| format!("there is no system '{name}'; there are {}", names()))
}

/// The mutant of this name, or what to say.
pub(super) fn find_mutant(name: &str) -> Result<&'static Mutant, String> {
    let names = || MUTANTS.iter().map(|mutant| mutant.name).collect::<Vec<_>>().join(", ");
    mutant(name).ok_or_else(|| format!("there is no mutant '{name}'; there are {}", names()))
}

fn check_all(systems: &[&'static System], as_json: bool) -> Verdict {
    let bars = Bars::new(!as_json);
    let reports = parallel::map(systems, |system| {
        let bar = bars.add(system.name, Some(system.states));
        let report = check(system, |states| bar.set_position(states as u64));
        bar.finish_and_clear();
        report
    });
    match reports.into_iter().collect::<Result<Vec<Report>, CheckError>>() {
        Ok(reports) => {
            if as_json {
                json(&Json::new(&reports))
            } else {
                show(&reports)
            }
            reports.iter().all(Report::passes).into()
        }
        Err(error) => fail(error, Verdict::Fails),
    }
}

fn show(reports: &[Report]) {
    let headings =
        ["system", "bounds", "unique", "total", "depth", "seconds", "states/s", "verdict"];
    let mut rows = table(headings, &[2, 3, 4, 5, 6]);
    for report in reports {
        let seconds = report.elapsed.as_secs_f64();
        rows.add_row([
            report.system.name.to_owned(),
            report.system.bounds.to_string(),
            grouped(report.unique_states as u64),
            grouped(report.total_states as u64),
            report.depth.to_string(),
            format!("{seconds:.1}"),
            grouped((report.unique_states as f64 / seconds) as u64),
            verdict(report),
        ]);
    }
    say(&rows);
    for report in reports {
        for outcome in report.outcomes.iter().filter(|outcome| !outcome.holds) {
            let (name, property) = (report.system.name, outcome.property);
            say(format_args!("\n{name}: '{}' ({}) fails", property.name, property.kind.name()));
            outcome.counterexample.iter().for_each(say);
        }
    }
}

fn verdict(report: &Report) -> String {
    let failed = report.outcomes.iter().filter(|outcome| !outcome.holds).count();
    match (report.complete, failed) {
        (false, _) => "NOT COMPLETE".to_owned(),
        (true, 0) if report.as_expected() => format!("all {} hold", report.outcomes.len()),
        (true, 0) => format!("NOT THE {} STATES EXPECTED", grouped(report.system.states)),
        (true, failed) => format!("{failed} of {} FAIL", report.outcomes.len()),
    }
}

fn show_mutant(mutant: &'static Mutant, as_json: bool) -> Verdict {
    let bar = Bars::new(!as_json).add(mutant.name, None);
    let hunt = catch(mutant, |states| bar.set_position(states as u64));
    bar.finish_and_clear();
    let hunt = match hunt {
        Ok(hunt) => hunt,
        Err(error) => return fail(error, Verdict::Fails),
    };
    let trace = hunt.trace();
    if as_json {
        json(&JsonCounterexample::new(mutant, &hunt));
    } else {
        say(format_args!("{}: {}", mutant.name, mutant.fault));
        say(format_args!("{}: {}", mutant.system, hunt.model.cfg.system.bounds));
        say(format_args!("{} states visited\n", grouped(hunt.states as u64)));
        match &trace {
            Some(trace) => say(trace),
            None => say(format_args!("'{}' holds all the same", mutant.property)),
        }
    }
    trace.is_none().into()
}

#[derive(Serialize)]
struct Json<'a> {
    systems: Vec<JsonSystem<'a>>,
}

#[derive(Serialize)]
struct JsonSystem<'a> {
    name: &'a str,
    about: &'a str,
    bounds: String,
    unique_states: usize,
    total_states: usize,
    expected_states: u64,
    depth: usize,
    seconds: f64,
    complete: bool,
    properties: Vec<JsonProperty<'a>>,
}

#[derive(Serialize)]
struct JsonProperty<'a> {
    name: &'a str,
    kind: &'a str,
    holds: bool,
}

impl<'a> Json<'a> {
    fn new(reports: &'a [Report]) -> Self {
        let system = |report: &'a Report| JsonSystem {
            name: report.system.name,
            about: report.system.about,
            bounds: report.system.bounds.to_string(),
            unique_states: report.unique_states,
            total_states: report.total_states,
            expected_states: report.system.states,
            depth: report.depth,
            seconds: report.elapsed.as_secs_f64(),
            complete: report.complete,
            properties: report
                .outcomes
                .iter()
                .map(|outcome| JsonProperty {
                    name: outcome.property.name,
                    kind: outcome.property.kind.name(),
                    holds: outcome.holds,
                })
                .collect(),
        };
        Json { systems: reports.iter().map(system).collect() }
    }
}

#[derive(Serialize)]
struct JsonCounterexample<'a> {
    mutant: &'a str,
    fault: &'a str,
    system: &'a str,
    property: &'a str,
    caught: bool,
    start: Vec<String>,
    steps: Vec<JsonStep>,
    finding: Option<String>,
}

#[derive(Serialize)]
struct JsonStep {
    event: String,
    sent: Vec<String>,
}

impl<'a> JsonCounterexample<'a> {
    fn new(mutant: &'a Mutant, hunt: &Hunt<&'static Mutant>) -> Self {
        let Mutant { name, fault, system, property, .. } = mutant;
        let trace = hunt.trace();
        let caught = trace.is_some();
        let finding = trace.as_ref().map(|trace| trace.finding.clone());
        let (start, steps) = trace.map_or_else(Default::default, |t| (t.start, t.steps));
        let steps = steps.into_iter().map(|s| JsonStep { event: s.event, sent: s.sent }).collect();
        JsonCounterexample { mutant: name, fault, system, property, caught, start, steps, finding }
    }
}
