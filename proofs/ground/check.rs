//! The trusted checker: these instances of a problem's clauses cannot all be true.
//!
//! An instance follows from its clause. That the instances contradict one another is checked by
//! unit propagation alone: each learned clause must follow from the clauses before it (Goldberg and
//! Novikov, "Verification of proofs of unsatisfiability for CNF formulas", 2003), and in the end so
//! must the empty clause.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::clause::{Atom, Literal, Problem, Term};
use super::sat::Number;

/// A clause of a problem with ground terms in place of its variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// The place of the clause among those of the problem.
    pub clause: usize,
    /// The ground terms for its variables, in order.
    pub values: Vec<Term>,
}

/// A proof that the clauses of a problem cannot all be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Instances that contradict one another.
    pub instances: Vec<Instance>,
    /// Learned clauses, each of which follows from the instances and those before it. Literals are
    /// numbers of atoms.
    pub learned: Vec<Vec<Number>>,
}

/// The reason why a proof is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(clippy::enum_variant_names, reason = "each says what a proof lacks")]
pub enum ProofError {
    /// An instance of a clause that does not exist, or with values of other sorts.
    #[error("instance {0} is not one of a hypothesis")]
    NoInstance(usize),
    /// A learned clause that does not follow from those before it.
    #[error("learned clause {0} does not follow from what stands before it")]
    NoLesson(usize),
    /// The instances do not contradict one another, as far as unit propagation shows.
    #[error("the instances do not contradict one another")]
    NoContradiction,
}

impl Proof {
    /// Checks that this proves that the clauses of the problem cannot all be true.
    pub fn check(&self, problem: &Problem) -> Result<(), ProofError> {
        let mut clauses = self.clauses(problem)?;
        for (place, learned) in self.learned.iter().enumerate() {
            if !follows(&clauses, learned) {
                return Err(ProofError::NoLesson(place));
            }
            clauses.push(learned.clone());
        }
        if follows(&clauses, &[]) { Ok(()) } else { Err(ProofError::NoContradiction) }
    }

    /// The instances as clauses of numbers. Atoms are numbered from 1 as they first occur.
    pub(super) fn clauses(&self, problem: &Problem) -> Result<Vec<Vec<Number>>, ProofError> {
        let mut atoms = BTreeMap::new();
        let each = self.instances.iter().enumerate().map(|(place, instance)| {
            let literals = instance.literals(problem).ok_or(ProofError::NoInstance(place))?;
            let numbers = literals.into_iter().filter_map(|literal| number(literal, &mut atoms));
            // A literal listed twice would hide that it is the only one left.
            Ok(numbers.collect::<BTreeSet<_>>().into_iter().collect())
        });
        each.collect()
    }
}

impl Instance {
    /// The literals of the instance; none if its clause does not exist or the sorts differ.
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

/// The number of a literal; a new atom gets the next number. None for `t ≠ t`, which is always
/// false.
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

/// True if unit propagation derives the learned clause from the clauses.
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
