//! Instances of clauses that are false in a candidate model (quantifier instantiation by matching).

use std::collections::BTreeMap;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::super::logic::{Relation, Sort};
use super::clause::{Atom, Clause, Literal, Problem, Symbol, Term};

/// The number of a ground term.
pub(super) type TermId = usize;

/// The ground terms met so far, by number and by sort.
#[derive(Default)]
pub(super) struct Terms {
    all: IndexSet<(Symbol, Vec<TermId>), FxBuildHasher>,
    by_sort: BTreeMap<Sort, Vec<TermId>>,
}

/// A ground atom, in integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ground {
    /// The relation holds between these terms.
    Holds(&'static Relation, Vec<TermId>),
    /// Both terms are equal; the first has the lower number.
    Equal(TermId, TermId),
}

/// A candidate model: the atoms that are true. All others are false.
#[derive(Default)]
pub(super) struct Candidate {
    holds: BTreeMap<&'static Relation, Vec<Vec<TermId>>>,
    /// The equations, in both directions.
    equal: Vec<(TermId, TermId)>,
    all: FxHashSet<Ground>,
}

/// The values of a clause's variables, as far as they are bound.
type Binding = Vec<Option<TermId>>;

/// The search for false instances of one clause.
struct Matcher<'a> {
    problem: &'a Problem,
    terms: &'a Terms,
    candidate: &'a Candidate,
    clause: &'a Clause,
    /// The atoms of the negative literals.
    negative: Vec<&'a Atom>,
    /// The atoms of negative literals that are taken to be true if they contain terms not met yet.
    supposed: Vec<&'a Atom>,
    /// The atoms of the positive literals.
    positive: Vec<&'a Atom>,
    most: usize,
    found: Vec<Vec<TermId>>,
}

impl Terms {
    /// The number of the term under these values; a new term gets the next number.
    pub(super) fn number(&mut self, problem: &Problem, term: &Term, values: &[TermId]) -> TermId {
        match term {
            Term::Var(number) => values[*number],
            Term::Apply(symbol, args) => {
                let args = args.iter().map(|arg| self.number(problem, arg, values)).collect();
                let (number, new) = self.all.insert_full((*symbol, args));
                if new {
                    let sort = problem.symbols[*symbol].sort();
                    self.by_sort.entry(sort).or_default().push(number);
                }
                number
            }
        }
    }

    /// The number of the term under this binding; none if it was not met.
    fn known(&self, term: &Term, binding: &Binding) -> Option<TermId> {
        match term {
            Term::Var(number) => binding[*number],
            Term::Apply(symbol, args) => {
                let args: Option<Vec<_>> =
                    args.iter().map(|arg| self.known(arg, binding)).collect();
                self.all.get_index_of(&(*symbol, args?))
            }
        }
    }

    /// The term with this number, in full.
    pub(super) fn term(&self, number: TermId) -> Term {
        let (symbol, args) = &self.all[number];
        Term::Apply(*symbol, args.iter().map(|arg| self.term(*arg)).collect())
    }

    /// The terms of a sort.
    pub(super) fn of(&self, sort: Sort) -> &[TermId] {
        self.by_sort.get(&sort).map_or(&[], Vec::as_slice)
    }

    /// Binds the variables of a pattern so that it becomes this term; false if that is impossible.
    fn unify(&self, pattern: &Term, term: TermId, binding: &mut Binding) -> bool {
        match pattern {
            Term::Var(number) => *binding[*number].get_or_insert(term) == term,
            Term::Apply(symbol, patterns) => {
                let (other, args) = &self.all[term];
                symbol == other
                    && patterns.iter().zip(args).all(|(p, arg)| self.unify(p, *arg, binding))
            }
        }
    }
}

impl Candidate {
    /// Makes an atom true.
    pub(super) fn insert(&mut self, atom: &Ground) {
        match atom {
            Ground::Holds(relation, args) => {
                self.holds.entry(relation).or_default().push(args.clone());
            }
            Ground::Equal(one, two) => self.equal.extend([(*one, *two), (*two, *one)]),
        }
        self.all.insert(atom.clone());
    }
}

impl<'a> Matcher<'a> {
    /// Matches the negative literals from `next` on, then tries all values of the variables still
    /// unbound.
    fn extend(&mut self, next: usize, binding: &mut Binding) {
        if self.found.len() >= self.most {
            return;
        }
        let Some(atom) = self.negative.get(next).copied() else { return self.bind_rest(binding) };
        let candidate = self.candidate;
        match atom {
            Atom::Holds(relation, patterns) => {
                for tuple in candidate.holds.get(relation).into_iter().flatten() {
                    let pairs = patterns.iter().zip(tuple.iter().copied());
                    self.try_with(next, binding, pairs);
                }
            }
            Atom::Equal(one, two) => {
                for (first, second) in &candidate.equal {
                    self.try_with(next, binding, [(one, *first), (two, *second)].into_iter());
                }
                // In an equality axiom, `t = t` makes the instance trivial.
                if self.clause.of != EQUALITY {
                    let terms = self.terms;
                    for term in self.sort(one).map_or(&[][..], |sort| terms.of(sort)) {
                        self.try_with(next, binding, [(one, *term), (two, *term)].into_iter());
                    }
                }
            }
        }
    }

    fn try_with<'p>(
        &mut self,
        next: usize,
        binding: &mut Binding,
        mut pairs: impl Iterator<Item = (&'p Term, TermId)>,
    ) {
        let before = binding.clone();
        let mut same_sort = |(pattern, term): (&Term, TermId)| {
            self.fits(pattern, term) && self.terms.unify(pattern, term, binding)
        };
        if pairs.all(&mut same_sort) {
            self.extend(next + 1, binding);
        }
        *binding = before;
    }

    fn sort(&self, pattern: &Term) -> Option<Sort> {
        match pattern {
            Term::Var(number) => self.clause.vars.get(*number).copied(),
            Term::Apply(symbol, _) => Some(self.problem.symbols[*symbol].sort()),
        }
    }

    fn fits(&self, pattern: &Term, term: TermId) -> bool {
        let (symbol, _) = &self.terms.all[term];
        self.sort(pattern) == Some(self.problem.symbols[*symbol].sort())
    }

    fn bind_rest(&mut self, binding: &mut Binding) {
        let Some(open) = binding.iter().position(Option::is_none) else {
            if self.is_false(binding) {
                self.found.push(binding.iter().flatten().copied().collect());
            }
            return;
        };
        let terms = self.terms;
        for term in terms.of(self.clause.vars[open]) {
            if self.found.len() >= self.most {
                return;
            }
            binding[open] = Some(*term);
            self.bind_rest(binding);
        }
        binding[open] = None;
    }

    fn is_false(&self, binding: &Binding) -> bool {
        let met =
            |atom: &&Atom| atom.terms().iter().all(|t| self.terms.known(t, binding).is_some());
        let open = self.supposed.is_empty() || !self.supposed.iter().all(met);
        open && self.positive.iter().all(|atom| !self.is_true(atom, binding))
    }

    /// True if the atom is true in the candidate, under this binding.
    fn is_true(&self, atom: &Atom, binding: &Binding) -> bool {
        let known = |term: &Term| self.terms.known(term, binding);
        match atom {
            Atom::Holds(relation, args) => {
                let args: Option<Vec<TermId>> = args.iter().map(known).collect();
                args.is_some_and(|a| self.candidate.all.contains(&Ground::Holds(relation, a)))
            }
            Atom::Equal(one, two) => match (known(one), known(two)) {
                (Some(one), Some(two)) => {
                    one == two || self.candidate.all.contains(&equal(one, two))
                }
                _ => self.clause.of == EQUALITY,
            },
        }
    }
}

/// The name of the hypothesis that the equality axioms come from.
pub(super) const EQUALITY: &str = "equality";

/// The equation of two terms, lower number first.
pub(super) fn equal(one: TermId, two: TermId) -> Ground {
    Ground::Equal(one.min(two), one.max(two))
}

/// The kind of instances to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Instances that are false in the candidate.
    False,
    /// Instances that are false if the atoms that they negate about terms not met yet are true.
    /// Then the values of such terms matter, so they must be met.
    Open,
}

/// Values of the clause's variables that make it an instance of the wanted kind: at most `most` of
/// them.
pub(super) fn instances(
    (problem, terms): (&Problem, &Terms),
    candidate: &Candidate,
    clause: &Clause,
    wanted: Wanted,
    most: usize,
) -> Vec<Vec<TermId>> {
    let of = |sign: bool| {
        let literals = clause.literals.iter().filter(move |literal| literal.positive == sign);
        literals.map(|Literal { atom, .. }| atom)
    };
    let depends = |atom: &&Atom| wanted == Wanted::Open && atom.terms().iter().any(|t| t.depends());
    let (supposed, negative): (Vec<_>, Vec<_>) = of(false).partition(depends);
    if wanted == Wanted::Open && supposed.is_empty() {
        return Vec::new();
    }
    let (positive, found) = (of(true).collect(), Vec::new());
    let mut matcher =
        Matcher { problem, terms, candidate, clause, negative, supposed, positive, most, found };
    matcher.extend(0, &mut vec![None; clause.vars.len()]);
    matcher.found
}
