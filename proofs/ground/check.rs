//! What is trusted: that these instances of a problem's clauses cannot all be true.
//!
//! An instance follows from its clause. That they contradict one another is seen by unit
//! propagation alone: every learned must follow so from what stands before it (Goldberg and Novikov,
//! "Verification of proofs of unsatisfiability for CNF formulas", 2003), and in the end nothing may
//! be left to be true.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::clause::{Atom, Literal, Problem, Term};
use super::sat::Number;

/// A clause with ground terms for its variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// Which clause of the problem.
    pub clause: usize,
    /// What stands for its variables.
    pub values: Vec<Term>,
}

/// Why the clauses of a problem cannot all be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// These cannot all be true.
    pub instances: Vec<Instance>,
    /// What follows from them, one after another, in numbers of atoms.
    pub lessons: Vec<Vec<Number>>,
}

/// Why a proof is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(clippy::enum_variant_names, reason = "each says what a proof lacks")]
pub enum ProofError {
    /// An instance of no clause, or with values of other sorts.
    #[error("instance {0} is not one of a hypothesis")]
    NoInstance(usize),
    /// A learned that does not follow.
    #[error("learned {0} does not follow from what stands before it")]
    NoLesson(usize),
    /// Nothing is wrong with the instances.
    #[error("the instances do not contradict one another")]
    NoContradiction,
}

impl Proof {
    /// Whether this shows that the clauses of the problem cannot all be true.
    pub fn check(&self, problem: &Problem) -> Result<(), ProofError> {
        let mut clauses = self.clauses(problem)?;
        for (place, learned) in self.lessons.iter().enumerate() {
            if !follows(&clauses, learned) {
                return Err(ProofError::NoLesson(place));
            }
            clauses.push(learned.clone());
        }
        if follows(&clauses, &[]) { Ok(()) } else { Err(ProofError::NoContradiction) }
    }

    /// The instances, in numbers: an atom's number is its place among the atoms as they come.
    pub(super) fn clauses(&self, problem: &Problem) -> Result<Vec<Vec<Number>>, ProofError> {
        let mut atoms = BTreeMap::new();
        let each = self.instances.iter().enumerate().map(|(place, instance)| {
            let literals = instance.literals(problem).ok_or(ProofError::NoInstance(place))?;
            let numbers = literals.into_iter().filter_map(|literal| number(literal, &mut atoms));
            // The same literal twice would hide that it is the only one left.
            Ok(numbers.collect::<BTreeSet<_>>().into_iter().collect())
        });
        each.collect()
    }
}

impl Instance {
    /// What it says, if it is an instance.
    fn literals(&self, problem: &Problem) -> Option<Vec<Literal>> {
        let clause = problem.clauses.get(self.clause)?;
        let sorts: Option<Vec<_>> =
            self.values.iter().map(|value| problem.sort_of(value)).collect();
        let with_values = |Literal { positive, atom }: &Literal| Literal {
            positive: *positive,
            atom: atom.with(&self.values),
        };
        (sorts? == clause.vars).then(|| clause.literals.iter().map(with_values).collect())
    }
}

/// The number of an atom that is not known yet is the next one. None for that a thing is not
/// itself, which is false.
fn number(literal: Literal, atoms: &mut BTreeMap<Atom, Number>) -> Option<Number> {
    let Literal { positive, atom } = literal;
    let is_itself = matches!(&atom, Atom::Equal(one, two) if one == two);
    if is_itself && !positive {
        return None;
    }
    let next = atoms.len() as Number + 1;
    let number = *atoms.entry(atom).or_insert(next);
    Some(if positive { number } else { -number })
}

/// Whether unit propagation shows that one of these is true.
fn follows(clauses: &[Vec<Number>], learned: &[Number]) -> bool {
    let mut known: BTreeSet<Number> = learned.iter().map(|number| -number).collect();
    loop {
        let before = known.len();
        for clause in clauses {
            if clause.iter().any(|number| known.contains(number)) {
                continue;
            }
            let mut open = clause.iter().filter(|number| !known.contains(&-**number));
            match (open.next(), open.next()) {
                (None, _) => return true,
                (Some(only), None) => drop(known.insert(*only)),
                (Some(_), Some(_)) => {}
            }
        }
        if known.len() == before {
            return false;
        }
    }
}
