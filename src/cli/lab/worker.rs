//! One check in a process of its own, so that its memory can be measured, and so that a check that
//! is aborted, panics or runs out of memory affects no other.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use crate::cli::output::{fail, json, say};
use crate::cli::verdict::Verdict;
use crate::lab::offspring::{Offspring, obey_parent};
use crate::model::backend::{Backend, Held};
use crate::model::check::check;
use crate::model::properties::Kind;
use crate::model::report::{Outcome, Report, Verdict as Shown};
use crate::model::system::System;

/// The result of checking one system, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) bounds: String,
    pub(super) backend: String,
    pub(super) unique_states: u128,
    /// The number of states that were visited one by one.
    pub(super) visited_states: Option<usize>,
    /// The number of steps taken, those into known states included; none on diagrams.
    pub(super) total_states: Option<u64>,
    /// The number of steps that add facts, if the system is held to the specification; on diagrams,
    /// steps of single acceptors.
    pub(super) judged_steps: Option<u64>,
    pub(super) expected_states: Option<u128>,
    pub(super) depth: Option<usize>,
    /// The nodes of the diagram of all states, and the most at any time.
    pub(super) nodes: Option<usize>,
    pub(super) peak_nodes: Option<usize>,
    pub(super) seconds: f64,
    /// The peak memory of its process; none if the system does not report it.
    pub(super) peak_bytes: Option<u64>,
    pub(super) complete: bool,
    pub(super) passes: bool,
    pub(super) properties: Vec<CheckedProperty>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CheckedProperty {
    pub(super) name: String,
    pub(super) kind: String,
    /// The verdict, with the reason if it was not judged.
    #[serde(flatten)]
    pub(super) verdict: Shown,
    /// True if it holds; null if nothing was judged.
    pub(super) holds: Option<bool>,
    /// The number of states, or of sets of facts on diagrams, in which it had something to judge.
    pub(super) looked_at: u64,
    /// The shortest run that violates it, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) counterexample: Option<String>,
}

/// A number of states for JSON, capped at 128 bits. No system comes near.
fn number(states: &BigUint) -> u128 {
    u128::try_from(states).unwrap_or(u128::MAX)
}

impl Checked {
    pub(super) fn new(report: &Report) -> Self {
        Checked {
            name: report.system.name.to_owned(),
            about: report.system.about.to_owned(),
            bounds: report.system.bounds.to_string(),
            backend: report.backend.name().to_owned(),
            unique_states: number(&report.states),
            visited_states: report.visited,
            total_states: report.steps,
            judged_steps: report.judged,
            expected_states: report.expected().as_ref().map(number),
            depth: report.depth,
            nodes: report.nodes,
            peak_nodes: report.peak_nodes,
            seconds: report.elapsed.as_secs_f64(),
            peak_bytes: peak_bytes(),
            complete: report.complete,
            passes: report.passes(),
            properties: report.outcomes.iter().map(CheckedProperty::new).collect(),
        }
    }

    /// The least that any property of kind `always` had to judge; none if none was judged.
    pub(super) fn least_looked_at(&self) -> Option<u64> {
        let always = self.judged().filter(|property| property.kind == Kind::Always.name());
        always.map(|property| property.looked_at).min()
    }

    /// True if the number of states is the expected one.
    pub(super) fn as_expected(&self) -> bool {
        self.expected_states == Some(self.unique_states)
    }

    /// The properties that were judged.
    pub(super) fn judged(&self) -> impl Iterator<Item = &CheckedProperty> {
        self.properties.iter().filter(|property| property.holds.is_some())
    }

    /// The properties that do not hold.
    pub(super) fn failed(&self) -> impl Iterator<Item = &CheckedProperty> {
        self.properties.iter().filter(|property| property.holds == Some(false))
    }
}

impl CheckedProperty {
    fn new(outcome: &Outcome) -> Self {
        let Outcome { property, verdict, looked, counterexample } = outcome;
        CheckedProperty {
            name: property.name.to_owned(),
            kind: property.kind.name().to_owned(),
            verdict: verdict.clone(),
            holds: match verdict {
                Shown::Holds => Some(true),
                Shown::Fails => Some(false),
                Shown::Vacuous | Shown::LeftOut(_) | Shown::NotLookedAt(_) => None,
            },
            looked_at: *looked,
            counterexample: counterexample.as_ref().map(ToString::to_string),
        }
    }
}

/// The peak memory of this process, as Linux reports it.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// A check that ended without a result.
#[derive(Clone, Debug)]
pub(super) struct Died {
    /// The reason, as far as its process reported one.
    why: String,
    /// The number of states found until then.
    pub(super) states: u128,
    /// The time until it ended.
    pub(super) after: Duration,
}

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A system whose check ended without a result, as JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unfinished {
    pub(super) name: String,
    about: String,
    pub(super) bounds: String,
    pub(super) backend: String,
    /// The number of states found until then.
    pub(super) unique_states: u128,
    pub(super) seconds: f64,
    complete: bool,
    passes: bool,
    /// Empty: no property was judged to the end.
    properties: [CheckedProperty; 0],
    /// The reason why there is no result.
    pub(super) error: String,
}

impl Unfinished {
    pub(super) fn new(system: &System, backend: Backend, died: Died) -> Self {
        Unfinished {
            name: system.name.to_owned(),
            about: system.about.to_owned(),
            bounds: system.bounds.to_string(),
            backend: backend.name().to_owned(),
            unique_states: died.states,
            seconds: died.after.as_secs_f64(),
            complete: false,
            passes: false,
            properties: [],
            error: died.why,
        }
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the check of {} is not finished: {}", self.name, self.error)
    }
}

/// The outcome of one system's check.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Entry {
    /// A check with a result.
    Checked(Box<Checked>),
    /// A check without a result.
    Unfinished(Unfinished),
}

impl Entry {
    pub(super) fn passes(&self) -> bool {
        self.checked().is_some_and(|checked| checked.passes)
    }

    pub(super) fn checked(&self) -> Option<&Checked> {
        match self {
            Entry::Checked(checked) => Some(checked),
            Entry::Unfinished(_) => None,
        }
    }

    pub(super) fn unfinished(&self) -> Option<&Unfinished> {
        match self {
            Entry::Checked(_) => None,
            Entry::Unfinished(unfinished) => Some(unfinished),
        }
    }
}

/// The last line that a child prints.
type Said = Result<Box<Checked>, String>;

/// Runs a check as a child: prints a line with the number of states now and then, and a line of
/// JSON at the end.
pub(super) fn serve(system: &'static System, held: Held, backend: Backend) -> Verdict {
    if let Err(error) = obey_parent(|_| ()) {
        return fail(
            format_args!("cannot wait for the end of its parent: {error}"),
            Verdict::Fails,
        );
    }
    let report = check(system, held, backend, &|states| say(states));
    let passes = report.is_ok();
    let said: Said =
        report.map(|report| Box::new(Checked::new(&report))).map_err(|error| error.to_string());
    json(&said);
    passes.into()
}

/// The end of a child.
pub(super) enum Ended {
    /// It ended with a result.
    Checked(Box<Checked>),
    /// It was killed at the time limit.
    GivenUp(Died),
}

/// Checks a system in a process of its own. `progress` gets the number of states found so far.
pub(super) fn check_in_child(
    system: &System,
    held: Held,
    backend: Backend,
    limit: Option<Duration>,
    progress: &dyn Fn(u128),
) -> Result<Ended, Died> {
    let start = Instant::now();
    let died = |why, states| Died { why, states, after: start.elapsed() };
    let cannot = |error: io::Error| died(format!("its process cannot be started: {error}"), 0);
    let (child, output) = spawn(system, held, backend).map_err(cannot)?;
    let mut states = 0;
    // Other lines, such as those of a panic or of running out of memory.
    let mut noise = Vec::new();
    let listened = lines_of(output).map_err(cannot).and_then(|lines| {
        loop {
            let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
            match next(&lines, left) {
                Ok(line) => match (line.parse(), serde_json::from_str::<Said>(&line)) {
                    (Ok(found), _) => {
                        states = found;
                        progress(states);
                    }
                    (_, Ok(Ok(checked))) => break Ok(Some(Ended::Checked(checked))),
                    (_, Ok(Err(why))) => break Err(died(why, states)),
                    (Err(_), Err(_)) => noise.push(line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    let why = format!("it was given up after {:.0?}", start.elapsed());
                    break Ok(Some(Ended::GivenUp(died(why, states))));
                }
                Err(RecvTimeoutError::Disconnected) => break Ok(None),
            }
        }
    });
    if !matches!(listened, Ok(Some(Ended::Checked(_)) | None)) {
        let _ = child.kill();
    }
    // Its output has ended, or it was killed, so the wait is short.
    let status = child.with(Child::wait);
    drop(child);
    listened?.ok_or_else(|| died(last_words(status, &noise), states))
}

/// Starts a child whose standard output and error are one stream.
fn spawn(system: &System, held: Held, backend: Backend) -> io::Result<(Offspring, PipeReader)> {
    let (output, input) = io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["check", system.name, "--worker", "--backend", backend.name()])
        .args((held == Held::ToSpecification).then_some("--refinement"))
        .stdout(input.try_clone()?)
        .stderr(input);
    Ok((Offspring::start(&mut command)?, output))
}

/// Reads lines on a thread of its own, so that waiting for a line can have a limit. The thread ends
/// with the child.
fn lines_of(output: PipeReader) -> io::Result<Receiver<String>> {
    let (lines, received) = channel();
    let read = move || {
        let all = BufReader::new(output).lines();
        let _ = all.map_while(Result::ok).try_for_each(|line| lines.send(line));
    };
    thread::Builder::new().spawn(read)?;
    Ok(received)
}

fn next(lines: &Receiver<String>, left: Option<Duration>) -> Result<String, RecvTimeoutError> {
    match left {
        Some(left) => lines.recv_timeout(left),
        None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// The reason why a child ended without a result, from its exit status and its other output.
fn last_words(status: io::Result<ExitStatus>, noise: &[String]) -> String {
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let mut why = format!("its process ended without a result ({how})");
    // The first line gives the reason; that of a panic ends with a colon, and the next one gives
    // it.
    for line in noise.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        let separator = if why.ends_with(':') { " " } else { ": " };
        why = format!("{why}{separator}{line}");
        if !line.ends_with(':') {
            break;
        }
    }
    why
}
