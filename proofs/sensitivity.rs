//! That the proof is about something: each action can happen, nothing in the specification can be
//! left out, and faults are found.

use std::fmt;

use super::counter::Counter;
use super::ground::{Outcome, Problem, ProofError, prove};
use super::logic::{Element, Sort};
use super::obligation::Obligation;
use super::spec::faults::{FAULTS, Fault};
use super::spec::vocabulary::{BALLOT, INSTANCE, NODE, QUORUM1, QUORUM2, VALUE};
use super::spec::{Specification, paxos};

/// How large the structures are that show that something does not follow.
pub const SMALL: [(Sort, Element); 6] =
    [(NODE, 3), (BALLOT, 3), (INSTANCE, 1), (VALUE, 2), (QUORUM1, 2), (QUORUM2, 2)];

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Without this axiom.
    Axiom(&'static str),
    /// Without this part of the invariant.
    Conjunct(&'static str),
    /// Without this guard of this action.
    Guard(&'static str, &'static str),
    /// With this fault.
    Fault(&'static str),
}

/// What is not provable any more.
#[derive(Debug)]
pub struct Row {
    /// What was changed.
    pub without: Without,
    /// All that fails then.
    pub fails: Vec<Obligation>,
    /// What shows that the first of these does, and which specification it shows it of.
    pub counter: Option<(Specification, Counter)>,
}

impl Specification {
    /// All that cannot be proved. Where a fault leaves the fragment in which a search for a proof
    /// ends, that is: all that is wrong in some small structure.
    pub fn unprovable(&self) -> Result<Vec<Obligation>, ProofError> {
        let mut fails = Vec::new();
        for obligation in self.obligations() {
            let problem = Problem::new(&obligation);
            let holds = if problem.is_stratified() {
                matches!(prove(&problem)?, Outcome::Proved(_))
            } else {
                obligation.counter(&SMALL).is_none()
            };
            if !holds {
                fails.push(obligation);
            }
        }
        Ok(fails)
    }
}

/// All that can be changed.
pub fn changes() -> Vec<Without> {
    let whole = paxos();
    let axioms = whole.axioms.iter().map(|axiom| Without::Axiom(axiom.name));
    let conjuncts = whole.invariant.iter().map(|conjunct| Without::Conjunct(conjunct.name));
    let guards = whole.actions.iter().flat_map(|action| {
        action.guards.iter().map(|guard| Without::Guard(action.name, guard.named.name))
    });
    let faults = FAULTS.iter().map(|fault| Without::Fault(fault.name));
    axioms.chain(conjuncts).chain(guards).chain(faults).collect()
}

/// Leaves out one thing after another, and looks at what cannot be proved then.
#[cfg(test)]
pub fn sensitivity() -> Result<Vec<Row>, ProofError> {
    changes().into_iter().map(Without::row).collect()
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Without::Axiom(name) => write!(f, "without the axiom '{name}'"),
            Without::Conjunct(name) => write!(f, "without the conjunct '{name}'"),
            Without::Guard(action, name) => write!(f, "without the guard '{name}' of {action}"),
            Without::Fault(name) => write!(f, "with the fault '{name}'"),
        }
    }
}

impl Without {
    /// The specification without that.
    pub fn specification(self) -> Specification {
        let mut specification = paxos();
        match self {
            Without::Axiom(name) => specification.axioms.retain(|axiom| axiom.name != name),
            Without::Conjunct(name) => specification.invariant.retain(|part| part.name != name),
            Without::Guard(name, guard) => {
                let of = specification.actions.iter_mut().filter(|action| action.name == name);
                of.for_each(|action| action.guards.retain(|own| own.named.name != guard));
            }
            Without::Fault(name) => {
                let fault = FAULTS.iter().find(|fault| fault.name == name);
                return fault.map_or(specification, Fault::specification);
            }
        }
        specification
    }

    /// What cannot be proved without it.
    pub fn row(self) -> Result<Row, ProofError> {
        let specification = self.specification();
        let fails = specification.unprovable()?;
        let counter = fails.first().and_then(|first| first.counter(&SMALL));
        let counter = counter.map(|counter| (specification, counter));
        Ok(Row { without: self, fails, counter })
    }
}
