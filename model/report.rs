//! The report of a check: what it showed, and of how much.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::properties::Property;
use super::system::System;
use super::trace::Trace;

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    /// The system that was checked.
    pub system: &'static System,
    /// The back end that explored it.
    pub backend: Backend,
    /// The number of states that were reached, each counted once.
    pub states: BigUint,
    /// The number of them that were visited one by one: all, or one for all that differ in the acceptors'
    /// names only.
    pub visited: Option<usize>,
    /// The number of steps that were taken, into known states too; diagrams take none.
    pub steps: Option<u64>,
    /// The number of steps that say something new, where steps are looked at. On diagrams: steps of
    /// acceptors alone.
    pub judged: Option<u64>,
    /// The number of steps to the state that is furthest from the start.
    pub depth: Option<usize>,
    /// The number of nodes of the diagram of all states.
    pub nodes: Option<usize>,
    /// The most nodes there were at a time.
    pub peak_nodes: Option<usize>,
    /// The time that it took.
    pub elapsed: Duration,
    /// True if every reachable state was visited, as the back end found out. A check that is not
    /// complete shows nothing.
    pub complete: bool,
    /// Each property, and what became of it.
    pub outcomes: Vec<Outcome>,
}

/// The result for one property.
#[derive(Debug)]
pub struct Outcome {
    /// The property.
    pub property: &'static Property,
    /// The verdict.
    pub verdict: Verdict,
    /// The amount that it looked at in which there was something to judge: states or steps, one by
    /// one; on diagrams, different sets of facts. See
    /// [`Monitor::looked`](super::engine::observe::Monitor::looked).
    pub looked: u64,
    /// The shortest run that shows the opposite, where there can be one.
    pub counterexample: Option<Trace>,
}

/// A verdict on a property: that it holds says something only if there was something to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why")]
pub enum Verdict {
    /// It was judged, and holds.
    #[serde(rename = "holds")]
    Holds,
    /// It was judged, and does not hold.
    #[serde(rename = "fails")]
    Fails,
    /// Nowhere was there anything for it to judge, so that it shows nothing.
    #[serde(rename = "vacuous")]
    Vacuous,
    /// There was nothing to judge, for the reason that the system gives: see [`System::left_out`].
    #[serde(rename = "left out")]
    LeftOut(Cow<'static, str>),
    /// The back end cannot look at it, for this reason.
    #[serde(rename = "not looked at")]
    NotLookedAt(Cow<'static, str>),
}

impl Verdict {
    /// True if the check fails by it.
    pub fn is_failure(&self) -> bool {
        matches!(self, Verdict::Fails | Verdict::Vacuous)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Holds => f.write_str("holds"),
            Verdict::Fails => f.write_str("FAILS"),
            Verdict::Vacuous => f.write_str("VACUOUS: there is nothing for it to judge"),
            Verdict::LeftOut(why) => write!(f, "left out: {why}"),
            Verdict::NotLookedAt(why) => write!(f, "not looked at: {why}"),
        }
    }
}

impl Outcome {
    /// The result for a property that has looked at so much, and `holds` of it.
    pub(super) fn new(
        system: &System,
        property: &'static Property,
        holds: bool,
        looked: u64,
        counterexample: Option<Trace>,
    ) -> Self {
        let left_out = system.left_out.iter().find(|left_out| left_out.property == property.name);
        let verdict = match (holds, looked, left_out) {
            (false, ..) => Verdict::Fails,
            (true, 0, Some(left_out)) => Verdict::LeftOut(left_out.why.into()),
            (true, 0, None) => Verdict::Vacuous,
            (true, ..) => Verdict::Holds,
        };
        Outcome { property, verdict, looked, counterexample }
    }

    /// The result for a property that the back end cannot look at.
    pub(super) fn not_looked_at(property: &'static Property, why: &'static str) -> Self {
        let verdict = Verdict::NotLookedAt(why.into());
        Outcome { property, verdict, looked: 0, counterexample: None }
    }
}

impl Report {
    /// True if the check was complete, the number of states is the one that was expected, and every
    /// property that the back end can look at holds, and of something unless the system says
    /// otherwise.
    pub fn passes(&self) -> bool {
        let fails = |outcome: &Outcome| outcome.verdict.is_failure();
        self.complete && self.as_expected() && !self.outcomes.iter().any(fails)
    }

    /// The number of states that was expected; none if it is not known.
    pub fn expected(&self) -> Option<BigUint> {
        match self.backend {
            Backend::Stock => self.system.stock.map(BigUint::from),
            Backend::Explicit | Backend::Alike | Backend::Symbolic => {
                Some(BigUint::from(self.system.states))
            }
        }
    }

    /// True if the number of states is the one that was expected.
    pub fn as_expected(&self) -> bool {
        self.expected().as_ref() == Some(&self.states)
    }
}
