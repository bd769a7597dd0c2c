//! Formulas as clauses: negations pushed inwards, existential quantifiers replaced by Skolem
//! functions, conjunctions of disjunctions. Part of what is trusted.

use std::collections::{BTreeMap, BTreeSet};

use super::super::logic::{Formula, Relation, Sort, Var};
use super::super::obligation::Obligation;

/// A function or, without arguments, a constant.
pub(super) type Symbol = usize;

/// A term; ground if there is no variable in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// A variable of the clause, by number.
    Var(usize),
    /// A Skolem function applied to these.
    Apply(Symbol, Vec<Term>),
}

/// An atomic formula.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// The relation holds between these terms.
    Holds(&'static Relation, Vec<Term>),
    /// Both terms are equal.
    Equal(Term, Term),
}

/// An atom, or its negation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// True for the atom, false for its negation.
    pub positive: bool,
    /// The atom.
    pub atom: Atom,
}

/// A disjunction that is true for all values of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The name of the hypothesis that it comes from.
    pub of: &'static str,
    /// The sorts of its variables, by number.
    pub vars: Vec<Sort>,
    /// The literals, of which one is true.
    pub literals: Vec<Literal>,
}

/// A Skolem function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The existentially quantified variable, or the constant, that it replaces.
    pub stands_for: Var,
    /// The sorts of its arguments.
    pub args: Vec<Sort>,
}

/// The clauses of an obligation. It is proved if they cannot all be true.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// The clauses.
    pub clauses: Vec<Clause>,
    /// The Skolem functions.
    pub symbols: Vec<Signature>,
    constants: BTreeMap<Var, Symbol>,
}

/// A conjunction of disjunctions.
type Clauses = Vec<Vec<Literal>>;

/// The state of translating one formula to clauses.
struct Scope<'p> {
    problem: &'p mut Problem,
    /// The sorts of the universally quantified variables so far.
    vars: Vec<Sort>,
}

/// The terms that replace bound variables.
type Bound = BTreeMap<Var, Term>;

impl Problem {
    /// The clauses of the hypotheses, of the negated goal, and of the theory of equality.
    pub fn new(obligation: &Obligation) -> Self {
        let mut problem = Problem::default();
        for (name, formula) in &obligation.hypotheses {
            problem.assume(name, formula, true);
        }
        problem.assume("the goal is false", &obligation.goal, false);
        problem.assume_something();
        problem.assume_equality();
        problem
    }

    fn assume(&mut self, of: &'static str, formula: &Formula, positive: bool) {
        let mut scope = Scope { problem: self, vars: Vec::new() };
        let clauses = scope.clauses(formula, positive, &Bound::new());
        let vars = scope.vars;
        for literals in clauses {
            self.clauses.push(Clause { of, vars: vars.clone(), literals }.compact());
        }
    }

    /// The pairs of sorts of which the first is an argument of a Skolem function with a value in
    /// the second.
    fn dependencies(&self) -> BTreeSet<(Sort, Sort)> {
        let symbols = self.symbols.iter();
        symbols.flat_map(|s| s.args.iter().map(|arg| (*arg, s.sort()))).collect()
    }

    /// True if no sort depends on itself, so that there are only finitely many ground terms.
    pub fn is_stratified(&self) -> bool {
        let mut edges = self.dependencies();
        loop {
            let targets: BTreeSet<Sort> = edges.iter().map(|(_, to)| *to).collect();
            let before = edges.len();
            edges.retain(|(from, _)| targets.contains(from));
            if edges.len() == before {
                return edges.is_empty();
            }
        }
    }

    /// The sort of a ground term; none if it has variables or is not well-sorted.
    pub fn sort_of(&self, term: &Term) -> Option<Sort> {
        let Term::Apply(symbol, args) = term else { return None };
        let signature = self.symbols.get(*symbol)?;
        let sorts: Option<Vec<Sort>> = args.iter().map(|arg| self.sort_of(arg)).collect();
        (sorts? == signature.args).then(|| signature.sort())
    }

    /// Adds a constant to each sort that has none: no sort is empty.
    fn assume_something(&mut self) {
        let vars: BTreeSet<Sort> = self.clauses.iter().flat_map(|c| c.vars.clone()).collect();
        for sort in vars {
            let is_constant = |s: &Signature| s.args.is_empty() && s.sort() == sort;
            if !self.symbols.iter().any(is_constant) {
                let stands_for = Var::new("something", sort);
                self.symbols.push(Signature { stands_for, args: Vec::new() });
            }
        }
    }

    /// Adds the axioms of equality: transitivity and congruence. Symmetry needs no clause, since
    /// atoms are normalised wherever they are compared.
    fn assume_equality(&mut self) {
        let sorts: BTreeSet<Sort> = self.clauses.iter().flat_map(|c| c.vars.clone()).collect();
        let mut relations = BTreeSet::new();
        for literal in self.clauses.iter().flat_map(|clause| &clause.literals) {
            if let Atom::Holds(relation, _) = literal.atom {
                relations.insert(relation);
            }
        }
        for sort in sorts {
            let [x, y, z] = [0, 1, 2].map(Term::Var);
            let literals = vec![
                Literal { positive: false, atom: Atom::Equal(x.clone(), y.clone()) },
                Literal { positive: false, atom: Atom::Equal(y, z.clone()) },
                Literal { positive: true, atom: Atom::Equal(x, z) },
            ];
            self.clauses.push(Clause { of: "equality", vars: vec![sort; 3], literals });
        }
        for relation in relations {
            let holds = |args| Atom::Holds(relation, args);
            (0..relation.sorts.len())
                .for_each(|place| self.assume_same(relation.sorts, place, &|args| holds(args)));
        }
        for (symbol, Signature { args, .. }) in self.symbols.clone().into_iter().enumerate() {
            for place in 0..args.len() {
                self.assume_same_value(symbol, &args, place);
            }
        }
    }

    fn assume_same(&mut self, sorts: &[Sort], place: usize, atom: &dyn Fn(Vec<Term>) -> Atom) {
        let (vars, one, two, same) = replaced(sorts, place);
        let literals = vec![
            Literal { positive: false, atom: atom(one) },
            Literal { positive: false, atom: same },
            Literal { positive: true, atom: atom(two) },
        ];
        self.clauses.push(Clause { of: "equality", vars, literals });
    }

    fn assume_same_value(&mut self, symbol: Symbol, sorts: &[Sort], place: usize) {
        let (vars, one, two, same) = replaced(sorts, place);
        let equal = Atom::Equal(Term::Apply(symbol, one), Term::Apply(symbol, two));
        let literals =
            vec![Literal { positive: false, atom: same }, Literal { positive: true, atom: equal }];
        self.clauses.push(Clause { of: "equality", vars, literals });
    }
}

/// The pieces of a congruence axiom: variables of these sorts and one more; the first ones as
/// arguments; the same with the additional one at `place`; and the equality of the two there.
fn replaced(sorts: &[Sort], place: usize) -> (Vec<Sort>, Vec<Term>, Vec<Term>, Atom) {
    let mut vars = sorts.to_vec();
    vars.extend(sorts.get(place));
    let one: Vec<Term> = (0..sorts.len()).map(Term::Var).collect();
    let mut two = one.clone();
    let (old, new) = (Term::Var(place), Term::Var(sorts.len()));
    two.splice(place..=place, [new.clone()]);
    (vars, one, two, Atom::Equal(old, new))
}

impl Signature {
    /// The sort of its values.
    pub fn sort(&self) -> Sort {
        self.stands_for.sort
    }
}

impl Scope<'_> {
    /// A formula, or its negation, as clauses.
    fn clauses(&mut self, formula: &Formula, positive: bool, bound: &Bound) -> Clauses {
        match formula {
            Formula::Holds(relation, args) => {
                let args = args.iter().map(|var| self.term(*var, bound)).collect();
                vec![vec![Literal { positive, atom: Atom::Holds(relation, args) }]]
            }
            Formula::Equal(one, two) => {
                let atom = Atom::Equal(self.term(*one, bound), self.term(*two, bound));
                vec![vec![Literal { positive, atom }]]
            }
            Formula::Not(f) => self.clauses(f, !positive, bound),
            Formula::Implies(one, two) => {
                let parts =
                    [self.clauses(one, !positive, bound), self.clauses(two, positive, bound)];
                if positive { any(parts) } else { all(parts) }
            }
            Formula::And(parts) | Formula::Or(parts) => {
                let conjunction = matches!(formula, Formula::And(_)) == positive;
                let parts: Vec<_> =
                    parts.iter().map(|f| self.clauses(f, positive, bound)).collect();
                if conjunction { all(parts) } else { any(parts) }
            }
            Formula::Forall(vars, f) | Formula::Exists(vars, f) => {
                let universal = matches!(formula, Formula::Forall(..)) == positive;
                let mut inner = bound.clone();
                for var in vars {
                    let term =
                        if universal { self.universal(*var) } else { self.skolem(*var, f, &inner) };
                    inner.insert(*var, term);
                }
                self.clauses(f, positive, &inner)
            }
        }
    }

    fn universal(&mut self, var: Var) -> Term {
        self.vars.push(var.sort);
        Term::Var(self.vars.len() - 1)
    }

    /// A Skolem function of the universally quantified variables that its formula uses.
    fn skolem(&mut self, var: Var, formula: &Formula, bound: &Bound) -> Term {
        let mut on = BTreeSet::new();
        for free in formula.constants().into_iter().filter(|free| *free != var) {
            if let Some(term) = bound.get(&free) {
                variables(term, &mut on);
            }
        }
        let args = on.iter().map(|number| self.vars[*number]).collect();
        self.problem.symbols.push(Signature { stands_for: var, args });
        let symbol = self.problem.symbols.len() - 1;
        Term::Apply(symbol, on.into_iter().map(Term::Var).collect())
    }

    fn term(&mut self, var: Var, bound: &Bound) -> Term {
        if let Some(term) = bound.get(&var) {
            return term.clone();
        }
        let symbols = &mut self.problem.symbols;
        let symbol = *self.problem.constants.entry(var).or_insert_with(|| {
            symbols.push(Signature { stands_for: var, args: Vec::new() });
            symbols.len() - 1
        });
        Term::Apply(symbol, Vec::new())
    }
}

fn all(parts: impl IntoIterator<Item = Clauses>) -> Clauses {
    parts.into_iter().flatten().collect()
}

fn any(parts: impl IntoIterator<Item = Clauses>) -> Clauses {
    parts.into_iter().fold(vec![Vec::new()], |clauses, part| {
        let longer = |clause: Vec<Literal>| {
            part.iter().map(move |more| [clause.as_slice(), more].concat()).collect::<Vec<_>>()
        };
        clauses.into_iter().flat_map(longer).collect()
    })
}

/// Collects the variables of a term.
fn variables(term: &Term, found: &mut BTreeSet<usize>) {
    match term {
        Term::Var(number) => drop(found.insert(*number)),
        Term::Apply(_, args) => args.iter().for_each(|arg| variables(arg, found)),
    }
}

impl Term {
    /// True for a function application with variables in it.
    pub fn depends(&self) -> bool {
        let mut found = BTreeSet::new();
        variables(self, &mut found);
        matches!(self, Term::Apply(..)) && !found.is_empty()
    }

    /// The term with these terms in place of its variables.
    pub fn with(&self, values: &[Term]) -> Term {
        match self {
            Term::Var(number) => values[*number].clone(),
            Term::Apply(symbol, args) => {
                Term::Apply(*symbol, args.iter().map(|arg| arg.with(values)).collect())
            }
        }
    }
}

impl Atom {
    /// The terms in the atom.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Atom::Holds(_, args) => args.iter().collect(),
            Atom::Equal(one, two) => vec![one, two],
        }
    }

    /// The atom with these terms in place of its variables. An equation has its lower side first.
    pub fn with(&self, values: &[Term]) -> Atom {
        match self {
            Atom::Holds(relation, args) => {
                Atom::Holds(relation, args.iter().map(|arg| arg.with(values)).collect())
            }
            Atom::Equal(one, two) => {
                let (one, two) = (one.with(values), two.with(values));
                if one <= two { Atom::Equal(one, two) } else { Atom::Equal(two, one) }
            }
        }
    }
}

impl Clause {
    /// The clause without the variables that occur in none of its literals.
    fn compact(self) -> Clause {
        let mut used = BTreeSet::new();
        let terms = self.literals.iter().flat_map(|literal| literal.atom.terms());
        terms.for_each(|term| variables(term, &mut used));
        let place = |number| Term::Var(used.iter().take_while(|other| **other < number).count());
        let values: Vec<Term> = (0..self.vars.len()).map(place).collect();
        let literal = |Literal { positive, atom }: &Literal| {
            let renamed = match atom {
                Atom::Holds(relation, args) => {
                    Atom::Holds(relation, args.iter().map(|arg| arg.with(&values)).collect())
                }
                Atom::Equal(one, two) => Atom::Equal(one.with(&values), two.with(&values)),
            };
            Literal { positive: *positive, atom: renamed }
        };
        let literals = self.literals.iter().map(literal).collect();
        let vars = used.iter().map(|number| self.vars[*number]).collect();
        Clause { of: self.of, vars, literals }
    }
}
