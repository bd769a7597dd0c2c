//! `synod check --mutant`: one fault, and the run in which it shows.

use serde::Serialize;

use super::Args;
use crate::cli::output::{Bars, fail, grouped, json, say};
use crate::cli::verdict::Verdict;
use crate::model::backend::Held;
use crate::model::hunt::{Hunt, catch, catch_by_specification};
use crate::model::mutants::Mutant;

/// Searches for a counterexample of the mutant.
pub(super) fn run(mutant: &'static Mutant, args: &Args) -> Verdict {
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
        Err(error) => return fail(error, Verdict::NotDone),
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
    saved: &'a [String],
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
            steps: steps
                .map(|s| JsonStep { event: &s.event, saved: &s.saved, sent: &s.sent })
                .collect(),
            finding: trace.map(|trace| trace.finding.as_str()),
        }
    }
}
