//! The report of a check of a user's own state machine.

use std::fmt;
use std::time::Duration;

use super::super::report::{self, Outcome, Report};

/// The report of a check.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The bounds of the system, in words.
    pub bounds: String,
    /// The number of states; all of them were visited, unless the check ended early.
    pub states: u64,
    /// The time that it took.
    pub elapsed: Duration,
    /// What became of each property.
    pub properties: Vec<Checked>,
}

/// The result for one property.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The property's name.
    pub name: String,
    /// The verdict.
    pub verdict: CheckVerdict,
}

/// A verdict on a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// It holds in every state.
    Holds,
    /// It does not hold, as this shortest run shows, in words.
    Fails(String),
    /// There was nothing for it to judge within these bounds, such as a request that was refused.
    NothingToJudge,
}

impl CheckReport {
    pub(super) fn of(report: &Report) -> Self {
        let checked = |outcome: &Outcome| Checked {
            name: outcome.property.name.to_owned(),
            verdict: CheckVerdict::of(outcome),
        };
        CheckReport {
            bounds: report.system.bounds.to_string(),
            states: report.visited.unwrap_or_default() as u64,
            elapsed: report.elapsed,
            properties: report.outcomes.iter().map(checked).collect(),
        }
    }

    /// The report of a check that ended early, since a property does not hold.
    pub(super) fn of_one(name: &str, why: String) -> Self {
        let checked = Checked { name: name.to_owned(), verdict: CheckVerdict::Fails(why) };
        CheckReport {
            bounds: "ended early".to_owned(),
            states: 0,
            elapsed: Duration::ZERO,
            properties: vec![checked],
        }
    }

    /// True if no property fails.
    pub fn holds(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The properties that fail.
    pub fn failures(&self) -> impl Iterator<Item = &Checked> {
        self.properties.iter().filter(|checked| matches!(checked.verdict, CheckVerdict::Fails(_)))
    }
}

impl CheckVerdict {
    fn of(outcome: &Outcome) -> Self {
        let trace = || outcome.counterexample.as_ref().map(ToString::to_string);
        match &outcome.verdict {
            report::Verdict::Holds => CheckVerdict::Holds,
            report::Verdict::Fails => {
                CheckVerdict::Fails(trace().unwrap_or("in no state is it found".to_owned()))
            }
            _ => CheckVerdict::NothingToJudge,
        }
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckReport { bounds, states, elapsed, .. } = self;
        writeln!(f, "{bounds}: {states} states in {:.1} s", elapsed.as_secs_f64())?;
        for Checked { name, verdict } in &self.properties {
            match verdict {
                CheckVerdict::Holds => writeln!(f, "  holds  {name}")?,
                CheckVerdict::NothingToJudge => writeln!(f, "  -      {name}: nothing to judge")?,
                CheckVerdict::Fails(run) => writeln!(f, "  FAILS  {name}:\n{run}")?,
            }
        }
        Ok(())
    }
}
