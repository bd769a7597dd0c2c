//! Countermodels: small structures in which the hypotheses of an obligation are true and its goal
//! is false.
//!
//! A SAT solver searches all structures of one size at once: quantifiers become conjunctions and
//! disjunctions over the elements. Its answer is evaluated before it is shown, so the solver need
//! not be trusted.

use std::collections::{BTreeMap, BTreeSet};

use super::ground::Sat;
use super::logic::{Element, Formula, Relation, Sort, Structure, Valuation, Var};
use super::obligation::Obligation;

/// A countermodel: a structure in which the hypotheses of an obligation are true, and its goal is
/// not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countermodel {
    /// The structure: the elements of each sort, and the relations between them.
    pub structure: Structure,
    /// The values of the constants.
    pub values: Valuation,
}

/// A truth value, or the number of the SAT variable that stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    True,
    Is(i32),
}

/// The structures of one size, as clauses.
struct Encoding {
    sat: Sat,
    numbers: i32,
    structure: Structure,
    atoms: BTreeMap<(&'static Relation, Vec<Element>), i32>,
    /// For each constant, one SAT literal per possible element.
    constants: BTreeMap<Var, Vec<i32>>,
}

/// The number of elements of each sort.
type Sizes = Vec<(Sort, Element)>;

impl Obligation {
    /// Returns a smallest countermodel with at most so many elements of each sort; none if there is
    /// none of that size.
    pub fn countermodel(&self, most: &[(Sort, Element)]) -> Option<Countermodel> {
        let mut sizes = vec![Sizes::new()];
        for (sort, most) in most {
            let larger =
                |sizes: Sizes| (1..=*most).map(move |n| [&sizes[..], &[(*sort, n)]].concat());
            sizes = sizes.into_iter().flat_map(larger).collect();
        }
        sizes.sort_by_key(|sizes| sizes.iter().map(|(_, n)| u32::from(*n)).sum::<u32>());
        let found = sizes.into_iter().find_map(|sizes| Encoding::new(sizes).look_for(self));
        found
            .filter(|countermodel| self.is_refuted_by(countermodel))
            .map(|countermodel| self.smaller(countermodel))
    }

    fn known(&self) -> impl Iterator<Item = &Formula> {
        self.hypotheses.iter().map(|(_, formula)| formula).chain(&self.also)
    }

    /// True if the hypotheses are true in the structure, and the goal is not.
    pub fn is_refuted_by(&self, countermodel: &Countermodel) -> bool {
        let Countermodel { structure, values } = countermodel;
        let is_true = |formula| structure.satisfies(formula, &mut values.clone());
        self.known().all(is_true) && !is_true(&self.goal)
    }

    /// A copy of the countermodel with tuples removed as long as it stays one.
    fn smaller(&self, mut countermodel: Countermodel) -> Countermodel {
        for relation in countermodel.structure.relations() {
            let tuples: Vec<_> =
                countermodel.structure.tuples(relation).map(<[_]>::to_vec).collect();
            for tuple in tuples {
                let mut fewer = countermodel.clone();
                fewer.structure.remove(relation, &tuple);
                if self.is_refuted_by(&fewer) {
                    countermodel = fewer;
                }
            }
        }
        countermodel
    }
}

impl Encoding {
    fn new(sizes: Sizes) -> Self {
        Encoding {
            sat: Sat::new(),
            numbers: 0,
            structure: Structure::new(sizes),
            atoms: BTreeMap::new(),
            constants: BTreeMap::new(),
        }
    }

    fn look_for(mut self, obligation: &Obligation) -> Option<Countermodel> {
        let mut bound = Valuation::new();
        for hypothesis in obligation.known() {
            let truth = self.truth(hypothesis, &mut bound);
            self.demand(&[truth]);
        }
        let goal = self.truth(&obligation.goal, &mut bound);
        self.demand(&[goal.not()]);
        if !self.sat.solve(&[]) {
            return None;
        }
        for ((relation, tuple), number) in &self.atoms {
            if self.sat.is_true(*number) {
                self.structure.insert(relation, tuple.clone());
            }
        }
        let chosen = |numbers: &[i32]| numbers.iter().position(|number| self.sat.is_true(*number));
        let values = self.constants.iter();
        let values = values.filter_map(|(var, n)| Some((*var, chosen(n)? as Element))).collect();
        Some(Countermodel { structure: self.structure, values })
    }

    fn fresh(&mut self) -> i32 {
        self.numbers += 1;
        self.numbers
    }

    /// Adds a clause: one of these must be true.
    fn demand(&mut self, any: &[Truth]) {
        if any.contains(&Truth::True) {
            return;
        }
        let numbers = any.iter().filter_map(|truth| match truth {
            Truth::Is(number) => Some(*number),
            _ => None,
        });
        self.sat.add(&numbers.collect::<Vec<_>>());
    }

    fn truth(&mut self, formula: &Formula, bound: &mut Valuation) -> Truth {
        match formula {
            Formula::Holds(relation, args) => self.holds(relation, args, Vec::new(), bound),
            Formula::Equal(one, two) => self.equal(*one, *two, bound),
            Formula::Not(f) => self.truth(f, bound).not(),
            Formula::And(all) => {
                let all: Vec<Truth> = all.iter().map(|f| self.truth(f, bound).not()).collect();
                self.any(all).not()
            }
            Formula::Or(all) => {
                let all = all.iter().map(|f| self.truth(f, bound)).collect();
                self.any(all)
            }
            Formula::Implies(one, two) => {
                let parts = vec![self.truth(one, bound).not(), self.truth(two, bound)];
                self.any(parts)
            }
            Formula::Forall(vars, f) => {
                let all = self.instances(vars, f, bound);
                self.any(all.into_iter().map(Truth::not).collect()).not()
            }
            Formula::Exists(vars, f) => {
                let all = self.instances(vars, f, bound);
                self.any(all)
            }
        }
    }

    /// The truth of the formula for each assignment of elements to the variables.
    fn instances(&mut self, vars: &[Var], formula: &Formula, bound: &mut Valuation) -> Vec<Truth> {
        let Some((var, rest)) = vars.split_first() else { return vec![self.truth(formula, bound)] };
        let mut all = Vec::new();
        for element in self.structure.elements(var.sort) {
            bound.push((*var, element));
            all.extend(self.instances(rest, formula, bound));
            bound.pop();
        }
        all
    }

    /// The disjunction of these.
    fn any(&mut self, mut all: Vec<Truth>) -> Truth {
        all.retain(|truth| *truth != Truth::False);
        all.sort_unstable();
        all.dedup();
        match all[..] {
            [] => Truth::False,
            [only] => only,
            _ if all.contains(&Truth::True) => Truth::True,
            _ => {
                let some = Truth::Is(self.fresh());
                all.iter().for_each(|truth| self.demand(&[truth.not(), some]));
                all.push(some.not());
                self.demand(&all);
                some
            }
        }
    }

    fn both(&mut self, one: Truth, two: Truth) -> Truth {
        self.any(vec![one.not(), two.not()]).not()
    }

    /// The truth of the relation, where `known` are the values of its first arguments and `args`
    /// the rest.
    fn holds(
        &mut self,
        relation: &'static Relation,
        args: &[Var],
        known: Vec<Element>,
        bound: &Valuation,
    ) -> Truth {
        let Some((var, rest)) = args.split_first() else {
            if let Some(number) = self.atoms.get(&(relation, known.clone())) {
                return Truth::Is(*number);
            }
            let number = self.fresh();
            self.atoms.insert((relation, known), number);
            return Truth::Is(number);
        };
        let cases = self.cases(*var, bound).into_iter();
        let cases: Vec<Truth> = cases
            .map(|(element, case)| {
                let known = [&known[..], &[element]].concat();
                let holds = self.holds(relation, rest, known, bound);
                self.both(case, holds)
            })
            .collect();
        self.any(cases)
    }

    fn equal(&mut self, one: Var, two: Var, bound: &Valuation) -> Truth {
        let (one, two) = (self.cases(one, bound), self.cases(two, bound));
        let pairs = one.iter().flat_map(|one| two.iter().map(move |two| (one, two)));
        let same: Vec<_> = pairs.filter(|(one, two)| one.0 == two.0).collect();
        let same = same.into_iter().map(|(one, two)| self.both(one.1, two.1)).collect();
        self.any(same)
    }

    /// The elements that a variable may stand for, each with the condition under which it does.
    fn cases(&mut self, var: Var, bound: &Valuation) -> Vec<(Element, Truth)> {
        if let Some((_, element)) = bound.iter().rev().find(|(other, _)| *other == var) {
            return vec![(*element, Truth::True)];
        }
        let elements = self.structure.elements(var.sort);
        if !self.constants.contains_key(&var) {
            let numbers: Vec<i32> = elements.clone().map(|_| self.fresh()).collect();
            self.sat.add(&numbers);
            let pairs = numbers.iter().flat_map(|one| numbers.iter().map(move |two| (*one, *two)));
            let pairs: BTreeSet<_> = pairs.filter(|(one, two)| one < two).collect();
            pairs.into_iter().for_each(|(one, two)| self.sat.add(&[-one, -two]));
            self.constants.insert(var, numbers);
        }
        let numbers = self.constants.get(&var).into_iter().flatten();
        elements.zip(numbers.map(|number| Truth::Is(*number))).collect()
    }
}

impl Truth {
    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            Truth::Is(number) => Truth::Is(-number),
        }
    }
}
