//! The search for instances that contradict one another. Not trusted: its result is checked.
//!
//! The SAT solver proposes truth values for the atoms over the terms met so far. Where a clause is
//! false in this candidate model, its instance is added, and the solver runs again. In the end
//! there is a contradiction, or a model.

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::check::{Instance, Proof, ProofError};
use super::clause::{Atom, Literal, Problem, Term};
use super::matching::{Candidate, Ground, TermId, Terms, Wanted, equal, instances};
use super::sat::{Number, Sat};

/// The most instances of a clause that are added in one round.
const AT_A_TIME: usize = 8;

/// The number of instances beyond which the search gives up.
const MOST: usize = 20_000;

/// The result of a search for a proof.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The clauses cannot all be true; this is the proof.
    Proved(Proof),
    /// The clauses have a model.
    HasModel,
    /// Unknown: there are too many instances, or there may be infinitely many.
    GivenUp,
}

struct Search<'p> {
    problem: &'p Problem,
    terms: Terms,
    /// The SAT variable of each ground atom.
    atoms: IndexMap<Ground, Number, FxBuildHasher>,
    instances: IndexSet<(usize, Vec<TermId>), FxBuildHasher>,
    /// For each instance, the SAT variable that activates it.
    selectors: Vec<Number>,
    numbers: Number,
    sat: Sat,
}

/// Searches for a proof that the clauses of a problem cannot all be true, or for a model. Fails if
/// the proof found does not pass the check.
pub fn prove(problem: &Problem) -> Result<Outcome, ProofError> {
    if !problem.is_stratified() {
        return Ok(Outcome::GivenUp);
    }
    let mut search = Search {
        problem,
        terms: Terms::default(),
        atoms: IndexMap::default(),
        instances: IndexSet::default(),
        selectors: Vec::new(),
        numbers: 0,
        sat: Sat::new(),
    };
    search.meet_constants();
    while search.sat.solve(&search.selectors) {
        if !search.add_false_instances() {
            return Ok(Outcome::HasModel);
        }
        if search.instances.len() > MOST {
            return Ok(Outcome::GivenUp);
        }
    }
    let core = search.smallest_core();
    let instances = core.into_iter().map(|place| search.instance(place)).collect();
    let mut proof = Proof { instances, learned: Vec::new() };
    proof.learned = learned(&proof.clauses(problem)?);
    proof.check(problem)?;
    Ok(Outcome::Proved(proof))
}

/// The clauses that a solver learns from these clauses alone.
fn learned(clauses: &[Vec<Number>]) -> Vec<Vec<Number>> {
    let mut sat = Sat::new();
    clauses.iter().for_each(|clause| sat.add(clause));
    sat.solve(&[]);
    sat.learned().to_vec()
}

impl Search<'_> {
    /// Meets all constants: at least one of each sort that occurs.
    fn meet_constants(&mut self) {
        let problem = self.problem;
        for (symbol, signature) in problem.symbols.iter().enumerate() {
            if signature.args.is_empty() {
                self.terms.number(problem, &Term::Apply(symbol, Vec::new()), &[]);
            }
        }
    }

    fn fresh(&mut self) -> Number {
        self.numbers += 1;
        self.numbers
    }

    /// Adds instances that are false in the solver's candidate model. Returns true if there are
    /// any.
    fn add_false_instances(&mut self) -> bool {
        let mut candidate = Candidate::default();
        for (atom, number) in &self.atoms {
            if self.sat.is_true(*number) {
                candidate.insert(atom);
            }
        }
        let before = self.instances.len();
        for wanted in [Wanted::False, Wanted::Open] {
            for (place, clause) in self.problem.clauses.iter().enumerate() {
                let known = (self.problem, &self.terms);
                let found = instances(known, &candidate, clause, wanted, AT_A_TIME);
                found.into_iter().for_each(|values| self.add(place, values));
            }
            if self.instances.len() > before {
                return true;
            }
        }
        false
    }

    fn add(&mut self, clause: usize, values: Vec<TermId>) {
        if !self.instances.insert((clause, values.clone())) {
            return;
        }
        let selector = self.fresh();
        self.selectors.push(selector);
        let mut numbers = vec![-selector];
        for Literal { positive, atom } in &self.problem.clauses[clause].literals {
            match self.ground(atom, &values) {
                Ground::Equal(one, two) if one == two && *positive => return,
                Ground::Equal(one, two) if one == two => {}
                ground => {
                    let number = self.number(ground);
                    numbers.push(if *positive { number } else { -number });
                }
            }
        }
        self.sat.add(&numbers);
    }

    fn ground(&mut self, atom: &Atom, values: &[TermId]) -> Ground {
        let Search { problem, terms, .. } = self;
        let mut number = |term: &Term| terms.number(problem, term, values);
        match atom {
            Atom::Holds(relation, args) => {
                Ground::Holds(relation, args.iter().map(number).collect())
            }
            Atom::Equal(one, two) => equal(number(one), number(two)),
        }
    }

    fn number(&mut self, atom: Ground) -> Number {
        if let Some(number) = self.atoms.get(&atom) {
            return *number;
        }
        let number = self.fresh();
        self.atoms.insert(atom, number);
        number
    }

    /// A minimal set of instances that cannot all be true: none can be left out.
    fn smallest_core(&mut self) -> Vec<usize> {
        let mut core = self.sat.core();
        let mut place = 0;
        while place < core.len() {
            let mut fewer = core.clone();
            fewer.remove(place);
            if self.sat.solve(&fewer) {
                place += 1;
            } else {
                let still = self.sat.core();
                core = fewer.into_iter().filter(|selector| still.contains(selector)).collect();
            }
        }
        let place = |selector: &Number| self.selectors.iter().position(|other| other == selector);
        core.iter().filter_map(place).collect()
    }

    fn instance(&self, place: usize) -> Instance {
        let (clause, values) = &self.instances[place];
        Instance { clause: *clause, values: values.iter().map(|v| self.terms.term(*v)).collect() }
    }
}
