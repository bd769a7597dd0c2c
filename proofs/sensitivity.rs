//! Checks that the proof is not vacuous: each action is possible, no part of the specification can
//! be left out, and every seeded fault is found.

use std::fmt;

use super::countermodel::Countermodel;
use super::ground::{Outcome, Problem, ProofError, prove};
use super::logic::{Element, Sort};
use super::obligation::Obligation;
use super::spec::faults::{FAULTS, Fault};
use super::spec::vocabulary::{BALLOT, INSTANCE, NODE, QUORUM1, QUORUM2, VALUE};
use super::spec::{Specification, paxos};

/// The most elements of each sort in the countermodels of changed specifications.
pub const SMALL: [(Sort, Element); 6] =
    [(NODE, 3), (BALLOT, 3), (INSTANCE, 1), (VALUE, 2), (QUORUM1, 2), (QUORUM2, 2)];

/// A change of the specification that must make it unprovable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The axiom of this name left out.
    Axiom(&'static str),
    /// The conjunct of the invariant of this name left out.
    Conjunct(&'static str),
    /// The guard left out: the action's name, the guard's name.
    Guard(&'static str, &'static str),
    /// The fault of this name put in.
    Fault(&'static str),
}

/// The effect of one change: the obligations that cannot be proved any more.
#[derive(Debug)]
pub struct Row {
    /// The change.
    pub without: Without,
    /// All obligations that fail then.
    pub fails: Vec<Obligation>,
    /// A countermodel of the first of them, and the changed specification that it belongs to.
    pub countermodel: Option<(Specification, Countermodel)>,
}

impl Specification {
    /// All obligations that cannot be proved. Outside the fragment in which the search for a proof
    /// ends, where some faults lead, those that have a small countermodel.
    pub fn unprovable(&self) -> Result<Vec<Obligation>, ProofError> {
        let mut fails = Vec::new();
        for obligation in self.obligations() {
            let problem = Problem::new(&obligation);
            let holds = if problem.is_stratified() {
                matches!(prove(&problem)?, Outcome::Proved(_))
            } else {
                obligation.countermodel(&SMALL).is_none()
            };
            if !holds {
                fails.push(obligation);
            }
        }
        Ok(fails)
    }
}

/// All changes: each axiom, conjunct and guard left out, and each fault put in.
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

/// Makes each change in turn, and returns the obligations that fail then.
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
    /// The specification with this change.
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

    /// The obligations that fail with this change. Fails if a proof found does not pass the check.
    pub fn row(self) -> Result<Row, ProofError> {
        let specification = self.specification();
        let fails = specification.unprovable()?;
        let countermodel = fails.first().and_then(|first| first.countermodel(&SMALL));
        let countermodel = countermodel.map(|countermodel| (specification, countermodel));
        Ok(Row { without: self, fails, countermodel })
    }
}
