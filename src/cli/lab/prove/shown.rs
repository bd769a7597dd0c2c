//! `synod prove`: all obligations, proved by the search, with each proof checked.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::error::ProveError;
use crate::cli::output::{json, say, table};
use crate::cli::table::paragraph;
use crate::cli::verdict::Verdict;
use crate::proof::ground::{Outcome, Problem, prove};
use crate::proof::obligation::Obligation;
use crate::proof::spec::{Specification, paxos};

#[derive(Serialize)]
struct Json<'a> {
    obligations: &'a [Shown],
    instances: usize,
    seconds: f64,
    holds: bool,
}

/// The result for one obligation.
#[derive(Serialize)]
struct Shown {
    moment: String,
    holds: &'static str,
    /// The number of instances that contradict one another; none if it is not proved.
    instances: Option<usize>,
    learned: Option<usize>,
    milliseconds: f64,
}

impl Shown {
    fn new(obligation: &Obligation) -> Result<Self, ProveError> {
        let start = Instant::now();
        let proof = match prove(&Problem::new(obligation))? {
            Outcome::Proved(proof) => Some(proof),
            Outcome::HasModel | Outcome::GivenUp => None,
        };
        Ok(Shown {
            moment: obligation.moment.to_string(),
            holds: obligation.holds,
            instances: proof.as_ref().map(|proof| proof.instances.len()),
            learned: proof.as_ref().map(|proof| proof.learned.len()),
            milliseconds: start.elapsed().as_secs_f64() * 1000.0,
        })
    }
}

/// Proves all obligations.
pub(super) fn run(each: bool, as_json: bool) -> Result<Verdict, ProveError> {
    let specification = paxos();
    let start = Instant::now();
    let shown: Result<Vec<Shown>, ProveError> =
        specification.obligations().iter().map(Shown::new).collect();
    let (shown, elapsed) = (shown?, start.elapsed());
    let holds = shown.iter().all(|shown| shown.instances.is_some());
    if as_json {
        let instances = shown.iter().filter_map(|shown| shown.instances).sum();
        json(&Json { obligations: &shown, instances, seconds: elapsed.as_secs_f64(), holds });
        return Ok(holds.into());
    }
    if each {
        show_each(&shown)
    } else {
        show_moments(&shown)
    }
    conclude(&specification, &shown, elapsed);
    Ok(holds.into())
}

fn show_each(shown: &[Shown]) {
    let headings = ["when", "what holds", "instances", "learned", "ms", "verdict"];
    let mut rows = table(headings, &[2, 3, 4]);
    for one in shown {
        let number = |number: Option<usize>| number.map_or("-".to_owned(), |n| n.to_string());
        rows.add_row([
            one.moment.clone(),
            one.holds.to_owned(),
            number(one.instances),
            number(one.learned),
            format!("{:.2}", one.milliseconds),
            if one.instances.is_some() { "proved" } else { "NOT PROVED" }.to_owned(),
        ]);
    }
    say(&rows);
}

fn show_moments(shown: &[Shown]) {
    let headings = ["when", "obligations", "instances", "most", "learned", "ms", "verdict"];
    let mut rows = table(headings, &[1, 2, 3, 4, 5]);
    for of_moment in shown.chunk_by(|one, two| one.moment == two.moment) {
        let Some(first) = of_moment.first() else { continue };
        let instances = of_moment.iter().filter_map(|one| one.instances);
        let missing = of_moment.iter().filter(|one| one.instances.is_none()).count();
        rows.add_row([
            first.moment.clone(),
            of_moment.len().to_string(),
            instances.clone().sum::<usize>().to_string(),
            instances.max().unwrap_or(0).to_string(),
            of_moment.iter().filter_map(|one| one.learned).sum::<usize>().to_string(),
            format!("{:.1}", of_moment.iter().map(|one| one.milliseconds).sum::<f64>()),
            if missing == 0 { "proved".to_owned() } else { format!("{missing} NOT PROVED") },
        ]);
    }
    say(&rows);
}

fn conclude(specification: &Specification, shown: &[Shown], elapsed: Duration) {
    let proved: Vec<usize> = shown.iter().filter_map(|shown| shown.instances).collect();
    let instances: usize = proved.iter().sum();
    if proved.len() < shown.len() {
        let missing = shown.iter().filter(|shown| shown.instances.is_none());
        missing.for_each(|one| say(format_args!("\nnot proved: {}: {}", one.moment, one.holds)));
        return say(format_args!("\n{} of {} obligations proved.", proved.len(), shown.len()));
    }
    let (all, seconds) = (shown.len(), elapsed.as_secs_f64());
    say(format_args!("\n{all} obligations proved, {instances} instances, in {seconds:.2} s. So:"));
    say(paragraph(
        "for any number of acceptors, quorums, ballots, instances and values, whatever is lost, repeated, \
         delayed or reordered:",
    ));
    let mut rows = table(["", ""], &[]);
    for part in &specification.safety {
        rows.add_row([format!("  {}", part.name), part.words.to_string()]);
    }
    say(rows);
    say(paragraph(
        "if every step is one of the actions that synod prove --spec prints. That those of the code are, \
         crashes included, is what synod check --refinement shows, within bounds.",
    ));
}
