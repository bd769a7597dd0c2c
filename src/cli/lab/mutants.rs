//! `synod mutants`: checks that every fault is found.

use clap::Parser;
use num_bigint::BigUint;
use serde::Serialize;

use super::check::Choice;
use super::parallel;
use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::model::error::CheckError;
use crate::model::hunt::{catch, catch_by_specification};
use crate::model::mutants::{MUTANTS, Mutant, Strays};

/// Put one fault after another into the protocol, and check that its property catches it.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod mutants --json
  synod mutants --refinement              which of them stray from what is proved
  synod check --mutant amnesia            one of them, step by step")]
pub(in crate::cli) struct Args {
    /// The back end that explores the states.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    backend: Choice,
    /// Hold the mutants to the specification that `synod prove` proves. Those that endanger
    /// agreement take a step that the specification does not have.
    #[arg(long, conflicts_with = "backend")]
    refinement: bool,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Json {
    mutants: Vec<Caught>,
}

#[derive(Serialize)]
struct Caught {
    name: &'static str,
    fault: &'static str,
    system: &'static str,
    property: &'static str,
    steps: Option<usize>,
    states: u128,
    seconds: f64,
    caught: bool,
    /// True if it should be caught.
    expected: bool,
}

/// Searches for a counterexample of each mutant.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let bars = Bars::new(!args.json);
    let held = |mutant: &&Mutant| !args.refinement || mutant.strays != Strays::OfClient;
    let mutants: Vec<&'static Mutant> = MUTANTS.iter().filter(held).collect();
    let hunts = parallel::map(&mutants, |mutant| {
        let bar = bars.add(mutant.name, None);
        let progress = |states: &BigUint| bar.set_position(states.try_into().unwrap_or(u64::MAX));
        let hunt = if args.refinement {
            catch_by_specification(mutant, &progress)
        } else {
            catch(mutant, args.backend.for_mutant(mutant), &progress)
        };
        bar.finish_and_clear();
        hunt.map(|hunt| {
            let (property, steps) = (hunt.property.name, hunt.trace.map(|trace| trace.steps.len()));
            let states = u128::try_from(&hunt.states).unwrap_or(u128::MAX);
            let seconds = hunt.elapsed.as_secs_f64();
            let Mutant { name, fault, system, .. } = *mutant;
            Caught {
                name,
                fault,
                system,
                property,
                steps,
                states,
                seconds,
                caught: steps.is_some(),
                expected: !args.refinement || mutant.strays == Strays::Yes,
            }
        })
    });
    match hunts.into_iter().collect::<Result<Vec<Caught>, CheckError>>() {
        Ok(mutants) => {
            let all = mutants.iter().all(|mutant| mutant.caught == mutant.expected);
            if args.json {
                json(&Json { mutants })
            } else {
                show(&mutants)
            }
            all.into()
        }
        Err(error) => fail(error, Verdict::NotDone),
    }
}

fn show(mutants: &[Caught]) {
    let headings = ["mutant", "system", "caught by", "steps", "states", "seconds"];
    let mut rows = table(headings, &[3, 4, 5]);
    rows.may_leave_out(&[5, 1]);
    for mutant in mutants {
        let property = match (mutant.caught, mutant.expected) {
            (true, true) => mutant.property,
            (false, false) => "nothing: every step is as specified",
            (true, false) => "A STEP THAT IS NOT AS SPECIFIED",
            (false, true) => "NOT CAUGHT",
        };
        rows.add_row([
            mutant.name.to_owned(),
            mutant.system.to_owned(),
            property.to_owned(),
            mutant.steps.map_or("-".to_owned(), |steps| steps.to_string()),
            grouped(mutant.states),
            format!("{:.1}", mutant.seconds),
        ]);
    }
    let caught = mutants.iter().filter(|mutant| mutant.caught).count();
    say(format_args!("{rows}\n\n{caught} of {} caught.", mutants.len()));
    if mutants.iter().any(|mutant| !mutant.expected) {
        say("The others agree on what is chosen; they do wrong with it, or choose nothing.");
        say("Faults of clients are left out: the specification leaves open what clients ask for.");
    }
}
