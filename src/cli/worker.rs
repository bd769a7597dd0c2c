//! One check in a process of its own, so that its memory can be measured, and so that one that is
//! given up, panics or runs out of memory takes nothing else along.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use super::Verdict;
use super::output::{fail, json, say};
use crate::model::check::{Backend, Held, Report, check};
use crate::model::system::System;

/// What a check of one system showed, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) bounds: String,
    pub(super) backend: String,
    pub(super) unique_states: u128,
    /// How many of the states were visited one by one.
    pub(super) visited_states: Option<usize>,
    /// Steps taken, into known states too; diagrams take none.
    pub(super) total_states: Option<u64>,
    /// How many of the steps say something new, where the system is held to the specification; on
    /// diagrams, steps of acceptors alone.
    pub(super) judged_steps: Option<u64>,
    pub(super) expected_states: Option<u128>,
    pub(super) depth: Option<usize>,
    /// Nodes of the diagram of all states, and the most there were at a time.
    pub(super) nodes: Option<usize>,
    pub(super) peak_nodes: Option<usize>,
    pub(super) seconds: f64,
    /// The most memory that its process had; none where the system does not say.
    pub(super) peak_bytes: Option<u64>,
    pub(super) complete: bool,
    pub(super) passes: bool,
    pub(super) properties: Vec<CheckedProperty>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CheckedProperty {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) holds: bool,
    /// The shortest run that shows the opposite, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) counterexample: Option<String>,
}

/// A number of states as JSON knows them. There is no system near this bound.
fn number(states: &BigUint) -> u128 {
    u128::try_from(states).unwrap_or(u128::MAX)
}

impl Checked {
    fn new(report: &Report) -> Self {
        let property = |outcome: &crate::model::check::Outcome| CheckedProperty {
            name: outcome.property.name.to_owned(),
            kind: outcome.property.kind.name().to_owned(),
            holds: outcome.holds,
            counterexample: outcome.counterexample.as_ref().map(ToString::to_string),
        };
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
            properties: report.outcomes.iter().map(property).collect(),
        }
    }

    /// Whether the number of states is the one that was expected.
    pub(super) fn as_expected(&self) -> bool {
        self.expected_states == Some(self.unique_states)
    }

    /// The properties that do not hold.
    pub(super) fn failed(&self) -> impl Iterator<Item = &CheckedProperty> {
        self.properties.iter().filter(|property| !property.holds)
    }
}

/// The most memory that this process ever had, as Linux counts it.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The child's side: a line with the number of states now and then, and a line of JSON at the end.
pub(super) fn serve(system: &'static System, held: Held, backend: Backend) -> Verdict {
    match check(system, held, backend, &|states| say(states)) {
        Ok(report) => {
            json(&Checked::new(&report));
            Verdict::Holds
        }
        Err(error) => fail(error, Verdict::Fails),
    }
}

/// How a child ended.
pub(super) enum Ended {
    /// With a result.
    Checked(Box<Checked>),
    /// It was given up after so long, when it had found so many states.
    GivenUp(Duration, u128),
}

/// Checks a system in a process of its own. `progress` is told of the states found so far.
pub(super) fn check_in_child(
    system: &System,
    held: Held,
    backend: Backend,
    limit: Option<Duration>,
    progress: &dyn Fn(u128),
) -> Result<Ended, String> {
    let start = Instant::now();
    let failed = |why: &dyn std::fmt::Display| format!("cannot check {}: {why}", system.name);
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .args(["check", system.name, "--worker", "--backend", backend.name()])
        .args((held == Held::ToSpecification).then_some("--refinement"))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let (lines, received) = channel();
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let lines_of = output.into_iter().flat_map(|output| BufReader::new(output).lines());
        lines_of.map_while(Result::ok).try_for_each(|line| lines.send(line))
    });
    let mut states = 0;
    let ended = loop {
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        let line = match left {
            Some(left) => received.recv_timeout(left),
            None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match line {
            Ok(line) => {
                if let Ok(found) = line.parse() {
                    states = found;
                    progress(states);
                    continue;
                }
                break match serde_json::from_str(&line) {
                    Ok(checked) => Ok(Ended::Checked(Box::new(checked))),
                    Err(error) => Err(failed(&error)),
                };
            }
            Err(RecvTimeoutError::Timeout) => break Ok(Ended::GivenUp(start.elapsed(), states)),
            Err(RecvTimeoutError::Disconnected) => {
                break Err(failed(&"its process ended without a result"));
            }
        }
    };
    if !matches!(ended, Ok(Ended::Checked(_))) {
        let _ = child.kill();
    }
    let _ = child.wait();
    let _ = reader.join();
    ended
}
