//! Finite structures, and the evaluation of formulas in them.

use std::collections::{BTreeMap, BTreeSet};

use super::formula::{Formula, Relation, Sort, Var};

/// An element, by its number among those of its sort.
pub type Element = u8;

/// The values of constants and bound variables. A later entry hides earlier ones of the same
/// variable.
pub type Valuation = Vec<(Var, Element)>;

/// A finite structure: a number of elements of each sort, and the relations between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    sizes: BTreeMap<Sort, Element>,
    tuples: BTreeMap<&'static Relation, BTreeSet<Vec<Element>>>,
}

impl Structure {
    /// A structure with so many elements of each sort, in which no relation holds.
    pub fn new(sizes: impl IntoIterator<Item = (Sort, Element)>) -> Self {
        Structure { sizes: sizes.into_iter().collect(), tuples: BTreeMap::new() }
    }

    /// The elements of a sort.
    pub fn elements(&self, sort: Sort) -> std::ops::Range<Element> {
        0..self.sizes.get(&sort).copied().unwrap_or(0)
    }

    /// The number of elements of each sort.
    pub fn sizes(&self) -> &BTreeMap<Sort, Element> {
        &self.sizes
    }

    /// Makes the relation hold between these. Returns true if it did not before.
    pub fn insert(&mut self, relation: &'static Relation, tuple: Vec<Element>) -> bool {
        self.tuples.entry(relation).or_default().insert(tuple)
    }

    /// Makes the relation not hold between these.
    pub fn remove(&mut self, relation: &'static Relation, tuple: &[Element]) {
        self.tuples.entry(relation).or_default().remove(tuple);
    }

    /// The relations that have an entry, be it an empty one.
    pub fn relations(&self) -> Vec<&'static Relation> {
        self.tuples.keys().copied().collect()
    }

    /// True if the relation holds between these.
    pub fn has(&self, relation: &Relation, tuple: &[Element]) -> bool {
        self.tuples.get(relation).is_some_and(|tuples| tuples.contains(tuple))
    }

    /// The tuples of the relation, in order.
    pub fn tuples(&self, relation: &Relation) -> impl Iterator<Item = &[Element]> {
        self.tuples.get(relation).into_iter().flatten().map(Vec::as_slice)
    }

    /// Makes the relation hold between these tuples, and no others.
    pub fn set(&mut self, relation: &'static Relation, tuples: BTreeSet<Vec<Element>>) {
        self.tuples.insert(relation, tuples);
    }

    /// All tuples of elements of these sorts.
    pub fn all(&self, sorts: &[Sort]) -> Vec<Vec<Element>> {
        sorts.iter().fold(vec![Vec::new()], |lists, sort| {
            let longer = |list: Vec<Element>| {
                self.elements(*sort).map(move |element| [list.as_slice(), &[element]].concat())
            };
            lists.into_iter().flat_map(longer).collect()
        })
    }

    /// True if the formula is true with these values of its constants. An atom with a constant that
    /// has no value is false.
    pub fn satisfies(&self, formula: &Formula, values: &mut Valuation) -> bool {
        match formula {
            Formula::Holds(relation, args) => {
                let tuple: Option<Vec<Element>> = args.iter().map(|v| value(values, *v)).collect();
                tuple.is_some_and(|tuple| self.has(relation, &tuple))
            }
            Formula::Equal(one, two) => {
                let (one, two) = (value(values, *one), value(values, *two));
                one.is_some() && one == two
            }
            Formula::Not(f) => !self.satisfies(f, values),
            Formula::And(all) => all.iter().all(|f| self.satisfies(f, values)),
            Formula::Or(all) => all.iter().any(|f| self.satisfies(f, values)),
            Formula::Implies(one, two) => {
                !self.satisfies(one, values) || self.satisfies(two, values)
            }
            Formula::Forall(vars, f) => self.countermodel(vars, f, true, values).is_none(),
            Formula::Exists(vars, f) => self.countermodel(vars, f, false, values).is_some(),
        }
    }

    /// Values of these variables for which the truth of the formula differs from `usual`; none if
    /// there are none.
    fn countermodel(
        &self,
        vars: &[Var],
        formula: &Formula,
        usual: bool,
        values: &mut Valuation,
    ) -> Option<Valuation> {
        let Some((var, rest)) = vars.split_first() else {
            return (self.satisfies(formula, values) != usual).then(|| values.clone());
        };
        for element in self.elements(var.sort) {
            values.push((*var, element));
            let found = self.countermodel(rest, formula, usual, values);
            values.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Values for which the formula is false: of the constants, and of the universal quantifiers at
    /// its start, also inside conclusions and conjunctions. None if it is true.
    pub fn refutation(&self, formula: &Formula, values: &Valuation) -> Option<Valuation> {
        let mut values = values.clone();
        if self.satisfies(formula, &mut values) {
            return None;
        }
        match formula {
            Formula::Forall(vars, f) => {
                let countermodel = self.countermodel(vars, f, true, &mut values)?;
                self.refutation(f, &countermodel)
            }
            Formula::Implies(_, f) => self.refutation(f, &values),
            Formula::And(all) => all.iter().find_map(|f| self.refutation(f, &values)),
            _ => Some(values),
        }
    }
}

/// The value of a variable.
fn value(values: &Valuation, var: Var) -> Option<Element> {
    let value = values.iter().rev().find(|(other, _)| *other == var);
    debug_assert!(value.is_some(), "{var} stands for nothing");
    value.map(|(_, element)| *element)
}

#[cfg(test)]
mod tests {
    use super::super::formula::{equal, exists, forall};
    use super::*;

    const THING: Sort = Sort("thing");
    const X: Var = Var::new("x", THING);
    const Y: Var = Var::new("y", THING);
    static BELOW: Relation = Relation::infix("below", "<", &[THING, THING]);

    /// A variable of the same name with another index.
    fn like(var: Var) -> Var {
        Var { index: 1, ..var }
    }

    fn chain(length: Element) -> Structure {
        let mut chain = Structure::new([(THING, length)]);
        for (low, high) in (0..length).flat_map(|h| (0..h).map(move |l| (l, h))) {
            chain.insert(&BELOW, vec![low, high]);
        }
        chain
    }

    #[test]
    fn quantifiers_mean_what_they_say() {
        let least = exists([X], forall([Y], BELOW.of([X, Y]) | equal(X, Y)));
        let endless = forall([X], exists([Y], BELOW.of([X, Y])));
        assert!(chain(3).satisfies(&least, &mut Vec::new()));
        assert!(!chain(3).satisfies(&endless, &mut Vec::new()));
        assert!(chain(0).satisfies(&endless, &mut Vec::new()));
        assert!(!chain(0).satisfies(&least, &mut Vec::new()));
    }

    #[test]
    fn a_refutation_says_where_a_formula_is_false() {
        let equal = forall([X], forall([Y], BELOW.of([X, Y]).implies(equal(X, Y))));
        let refutation = chain(2).refutation(&equal, &Vec::new());
        assert_eq!(refutation, Some(vec![(X, 0), (Y, 1)]));
        assert_eq!(chain(1).refutation(&equal, &Vec::new()), None);
    }

    #[test]
    fn formulas_read_as_mathematics() {
        let irreflexive = forall([X], !BELOW.of([X, X]));
        assert_eq!(irreflexive.to_string(), "∀ x. ¬(x < x)");
        let total = forall([X, Y], BELOW.of([X, Y]) | BELOW.of([Y, X]) | equal(X, Y));
        assert_eq!(total.to_string(), "∀ x, y. x < y ∨ y < x ∨ x = y");
        let nested = forall([X], BELOW.of([X, Y]).implies(!equal(X, Y)));
        assert_eq!(nested.to_string(), "∀ x. x < y → x ≠ y");
        assert_eq!(nested.constants().into_iter().collect::<Vec<_>>(), [Y]);
    }

    #[test]
    fn what_is_put_in_is_not_bound_by_accident() {
        let some = exists([X], BELOW.of([X, Y]));
        let (mut used, like_x) = (0, Var::new("x", THING));
        let apart = some.apart(&mut used).with(&|var| if var == Y { like_x } else { var });
        assert_eq!(apart.to_string(), "∃ x1. x1 < x");
        let both = forall([X, like(X)], BELOW.of([X, like(X)]));
        assert_eq!(both.apart(&mut 0).to_string(), "∀ x1, x2. x1 < x2");
    }
}
