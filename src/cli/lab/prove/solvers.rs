//! `synod prove --solver`: the answers of other solvers to the queries.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Serialize;

use super::super::parallel;
use super::error::ProveError;
use super::export;
use super::process::{Said, Solver};
use crate::cli::output::{Bars, json, say, table};
use crate::cli::verdict::Verdict;
use crate::proof::smt::{Answer, Query};

/// The number of misses after which a solver is asked no more. A miss is a timeout, or no answer
/// from a solver that has not answered any query yet.
const PATIENCE: usize = 3;
/// The text shown in place of the answers after that.
const NOT_ASKED: &str = "not asked, as earlier questions had no answer in time, or none at all";

#[derive(Serialize)]
struct Json {
    solvers: Vec<Asked>,
    holds: bool,
}

/// A solver with its answers.
#[derive(Serialize)]
struct Asked {
    solver: String,
    version: Option<String>,
    queries: Vec<Answered>,
}

#[derive(Serialize)]
struct Answered {
    name: String,
    about: String,
    expected: String,
    answer: String,
    agrees: bool,
    seconds: f64,
}

/// Asks each solver all queries.
pub(super) fn run(programs: &[String], seconds: u64, as_json: bool) -> Result<Verdict, ProveError> {
    // First check that all solvers can be started.
    let start = |program: &String| {
        let solver = Solver::new(program, seconds);
        solver.version().map(|version| (program.clone(), solver, version))
    };
    let started: Result<Vec<_>, ProveError> = programs.iter().map(start).collect();
    let started = started?;
    let queries = export::queries(!as_json)?;
    let mut solvers = Vec::new();
    for (solver, process, version) in started {
        let queries = ask(&solver, &process, &queries, !as_json)?;
        solvers.push(Asked { solver, version, queries });
    }
    let holds = solvers.iter().all(|asked| asked.queries.iter().all(|answered| answered.agrees));
    if as_json {
        json(&Json { solvers, holds });
    } else {
        show(&solvers);
    }
    Ok(holds.into())
}

fn ask(
    name: &str,
    solver: &Solver,
    queries: &[Query],
    progress: bool,
) -> Result<Vec<Answered>, ProveError> {
    let bar = Bars::new(progress).add(name, u64::try_from(queries.len()).ok());
    let (misses, answered) = (AtomicUsize::new(0), AtomicBool::new(false));
    let answers = parallel::map(queries, |query| {
        let Query { name, about, expected, .. } = query;
        let asked = if misses.load(Ordering::Relaxed) < PATIENCE {
            solver.ask(query)
        } else {
            Ok((Said::Other(NOT_ASKED.to_owned()), Default::default()))
        };
        bar.inc(1);
        let (said, elapsed) = asked?;
        match &said {
            Said::Answer(_) => answered.store(true, Ordering::Relaxed),
            Said::Other(line) if line == "unknown" => answered.store(true, Ordering::Relaxed),
            Said::Other(_) if answered.load(Ordering::Relaxed) => {}
            Said::TooLate | Said::Other(_) => drop(misses.fetch_add(1, Ordering::Relaxed)),
        }
        Ok(Answered {
            name: name.clone(),
            about: about.clone(),
            expected: expected.to_string(),
            agrees: said == Said::Answer(*expected),
            answer: match said {
                Said::Answer(answer) => answer.to_string(),
                Said::TooLate => "too late".to_owned(),
                Said::Other(line) => line,
            },
            seconds: elapsed.as_secs_f64(),
        })
    });
    bar.finish_and_clear();
    answers.into_iter().collect()
}

fn show(solvers: &[Asked]) {
    let headings = ["solver", "version", "must be", "asked", "agreed", "seconds", "slowest", ""];
    let mut rows = table(headings, &[3, 4, 5, 6]);
    for Asked { solver, version, queries } in solvers {
        for expected in [Answer::Unsat, Answer::Sat].map(|answer| answer.to_string()) {
            let queries = queries.iter().filter(|query| query.expected == expected);
            let slowest = queries.clone().max_by(|one, two| one.seconds.total_cmp(&two.seconds));
            rows.add_row([
                solver.clone(),
                version.clone().unwrap_or("-".to_owned()),
                expected.clone(),
                queries.clone().filter(|query| query.answer != NOT_ASKED).count().to_string(),
                queries.clone().filter(|query| query.agrees).count().to_string(),
                format!("{:.2}", queries.map(|query| query.seconds).sum::<f64>()),
                slowest.map_or("-".to_owned(), |query| format!("{:.2}", query.seconds)),
                slowest.map_or(String::new(), |query| query.about.clone()),
            ]);
        }
    }
    say(format_args!("{rows}\n"));
    let mut wrong = 0;
    for Asked { solver, queries, .. } in solvers {
        let mut left_out = 0;
        for Answered { about, expected, answer, .. } in queries.iter().filter(|q| !q.agrees) {
            wrong += 1;
            if answer == NOT_ASKED {
                left_out += 1;
                continue;
            }
            say(format_args!("{solver}: {about}: {answer}; must be {expected}"));
        }
        if left_out > 0 {
            say(format_args!("{solver}: {left_out} more questions were {NOT_ASKED}"));
        }
    }
    say(match wrong {
        0 => "All agree: what is to be shown follows, what is to be possible is.".to_owned(),
        1 => "1 ANSWER IS NOT AS IT MUST BE.".to_owned(),
        wrong => format!("{wrong} ANSWERS ARE NOT AS THEY MUST BE."),
    });
}
