//! The report of a check: its result, and how much was judged.

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
    /// The number of distinct states reached.
    pub states: BigUint,
    /// The number of states visited one by one: all, or one of each class under symmetry.
    pub visited: Option<usize>,
    /// The number of steps taken, those into known states included; none on diagrams.
    pub steps: Option<u64>,
    /// The number of steps that add facts, if steps are judged. On diagrams, steps of single
    /// acceptors.
    pub judged: Option<u64>,
    /// The number of steps to the state that is furthest from the start.
    pub depth: Option<usize>,
    /// The number of nodes of the diagram of all states.
    pub nodes: Option<usize>,
    /// The most nodes at any time.
    pub peak_nodes: Option<usize>,
    /// The time taken.
    pub elapsed: Duration,
    /// True if every reachable state was visited, which the back end has found out. An incomplete
    /// check shows nothing.
    pub complete: bool,
    /// The outcome of each property.
    pub outcomes: Vec<Outcome>,
}

/// The result for one property.
#[derive(Debug)]
pub struct Outcome {
    /// The property.
    pub property: &'static Property,
    /// The verdict.
    pub verdict: Verdict,
    /// The number of states or steps in which it had something to judge; on diagrams, of distinct
    /// sets of facts. See [`Monitor::looked`](super::engine::observe::Monitor::looked).
    pub looked: u64,
    /// A shortest run that violates it, if the property has one.
    pub counterexample: Option<Trace>,
}

/// The verdict on a property. `Holds` needs something to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why")]
pub enum Verdict {
    /// It was judged, and holds.
    #[serde(rename = "holds")]
    Holds,
    /// It was judged, and does not hold.
    #[serde(rename = "fails")]
    Fails,
    /// It had nothing to judge in any state, so it shows nothing.
    #[serde(rename = "vacuous")]
    Vacuous,
    /// It had nothing to judge, for the reason that the system gives: see [`System::left_out`].
    #[serde(rename = "left out")]
    LeftOut(Cow<'static, str>),
    /// The back end cannot judge it, for this reason.
    #[serde(rename = "not looked at")]
    NotLookedAt(Cow<'static, str>),
}

impl Verdict {
    /// True if it makes the check fail.
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
    /// The outcome of a property that had `looked` many states or sets of facts to judge.
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

    /// The outcome of a property that the back end cannot judge.
    pub(super) fn not_looked_at(property: &'static Property, why: &'static str) -> Self {
        let verdict = Verdict::NotLookedAt(why.into());
        Outcome { property, verdict, looked: 0, counterexample: None }
    }
}

impl Report {
    /// True if the check was complete, the number of states is the expected one, and every property
    /// that the back end can judge holds, with something to judge unless the system says otherwise.
    pub fn passes(&self) -> bool {
        let fails = |outcome: &Outcome| outcome.verdict.is_failure();
        self.complete && self.as_expected() && !self.outcomes.iter().any(fails)
    }

    /// The expected number of states; none if it is not known.
    pub fn expected(&self) -> Option<BigUint> {
        match self.backend {
            Backend::Stock => self.system.stock.map(BigUint::from),
            Backend::Explicit | Backend::Alike | Backend::Symbolic => {
                Some(BigUint::from(self.system.states))
            }
        }
    }

    /// True if the number of states is the expected one.
    pub fn as_expected(&self) -> bool {
        self.expected().as_ref() == Some(&self.states)
    }
}
