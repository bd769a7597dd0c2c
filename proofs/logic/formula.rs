//! Formulas of many-sorted first-order logic, as data.
//!
//! There are no functions: a constant is a variable that no quantifier binds. Functions appear only
//! when a formula is Skolemised.

use std::collections::BTreeSet;
use std::ops::{BitAnd, BitOr, Not};

/// A sort: a kind of elements to quantify over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sort(pub &'static str);

/// A variable: bound by a quantifier, or else a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Var {
    /// Its name.
    pub name: &'static str,
    /// The sort of its values.
    pub sort: Sort,
    /// Distinguishes variables of the same name.
    pub index: u32,
}

impl Var {
    /// The variable of this name with index 0.
    pub const fn new(name: &'static str, sort: Sort) -> Self {
        Var { name, sort, index: 0 }
    }
}

/// A relation between elements of some sorts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relation {
    /// Its name.
    pub name: &'static str,
    /// The sorts of its arguments.
    pub sorts: &'static [Sort],
    /// The symbol to write between its two arguments, if it is written infix.
    pub infix: Option<&'static str>,
}

/// A formula. `&`, `|` and `!` build conjunctions, disjunctions and negations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The relation holds between these variables.
    Holds(&'static Relation, Vec<Var>),
    /// Both variables are equal.
    Equal(Var, Var),
    /// Negation.
    Not(Box<Formula>),
    /// Conjunction; true if it is empty.
    And(Vec<Formula>),
    /// Disjunction; false if it is empty.
    Or(Vec<Formula>),
    /// Implication: the second is true if the first is.
    Implies(Box<Formula>, Box<Formula>),
    /// True for all values of these variables.
    Forall(Vec<Var>, Box<Formula>),
    /// True for some values of these variables.
    Exists(Vec<Var>, Box<Formula>),
}

impl Relation {
    /// A relation of this name, written in prefix form.
    pub const fn new(name: &'static str, sorts: &'static [Sort]) -> Self {
        Relation { name, sorts, infix: None }
    }

    /// A binary relation of this name, written infix with this symbol.
    pub const fn infix(name: &'static str, infix: &'static str, sorts: &'static [Sort; 2]) -> Self {
        Relation { name, sorts, infix: Some(infix) }
    }

    /// The formula that the relation holds between these.
    pub fn of<const N: usize>(&'static self, args: [Var; N]) -> Formula {
        Formula::Holds(self, args.to_vec())
    }
}

/// The formula that both are equal.
pub fn equal(one: Var, two: Var) -> Formula {
    Formula::Equal(one, two)
}

/// The formula that `body` is true for all values of these variables.
pub fn forall<const N: usize>(vars: [Var; N], body: Formula) -> Formula {
    Formula::Forall(vars.to_vec(), Box::new(body))
}

/// The formula that `body` is true for some values of these variables.
pub fn exists<const N: usize>(vars: [Var; N], body: Formula) -> Formula {
    Formula::Exists(vars.to_vec(), Box::new(body))
}

impl BitAnd for Formula {
    type Output = Formula;
    fn bitand(self, other: Formula) -> Formula {
        match self {
            Formula::And(mut all) => {
                all.push(other);
                Formula::And(all)
            }
            one => Formula::And(vec![one, other]),
        }
    }
}

impl BitOr for Formula {
    type Output = Formula;
    fn bitor(self, other: Formula) -> Formula {
        match self {
            Formula::Or(mut all) => {
                all.push(other);
                Formula::Or(all)
            }
            one => Formula::Or(vec![one, other]),
        }
    }
}

impl Not for Formula {
    type Output = Formula;
    fn not(self) -> Formula {
        Formula::Not(Box::new(self))
    }
}

impl Formula {
    /// The formula that this one implies `then`.
    pub fn implies(self, then: Formula) -> Formula {
        Formula::Implies(Box::new(self), Box::new(then))
    }

    /// The formula with each direct subformula replaced.
    fn map(&self, part: &mut dyn FnMut(&Formula) -> Formula) -> Formula {
        match self {
            Formula::Holds(..) | Formula::Equal(..) => self.clone(),
            Formula::Not(f) => Formula::Not(Box::new(part(f))),
            Formula::And(all) => Formula::And(all.iter().map(part).collect()),
            Formula::Or(all) => Formula::Or(all.iter().map(part).collect()),
            Formula::Implies(one, two) => {
                Formula::Implies(Box::new(part(one)), Box::new(part(two)))
            }
            Formula::Forall(vars, f) => Formula::Forall(vars.clone(), Box::new(part(f))),
            Formula::Exists(vars, f) => Formula::Exists(vars.clone(), Box::new(part(f))),
        }
    }

    /// The direct subformulas.
    fn parts(&self) -> Vec<&Formula> {
        match self {
            Formula::Holds(..) | Formula::Equal(..) => Vec::new(),
            Formula::Not(f) | Formula::Forall(_, f) | Formula::Exists(_, f) => vec![f],
            Formula::And(all) | Formula::Or(all) => all.iter().collect(),
            Formula::Implies(one, two) => vec![one, two],
        }
    }

    /// True if each relation is applied to its own sorts, and each equation is between variables of
    /// one sort.
    #[cfg(test)]
    pub fn is_well_sorted(&self) -> bool {
        let own = match self {
            Formula::Holds(relation, args) => {
                args.iter().map(|var| var.sort).eq(relation.sorts.iter().copied())
            }
            Formula::Equal(one, two) => one.sort == two.sort,
            _ => true,
        };
        own && self.parts().into_iter().all(Formula::is_well_sorted)
    }

    /// The relations that occur in it.
    pub fn relations(&self) -> BTreeSet<&'static Relation> {
        let own = match self {
            Formula::Holds(relation, _) => Some(*relation),
            _ => None,
        };
        own.into_iter().chain(self.parts().into_iter().flat_map(Formula::relations)).collect()
    }

    /// The free variables, which are its constants.
    pub fn constants(&self) -> BTreeSet<Var> {
        match self {
            Formula::Holds(_, args) => args.iter().copied().collect(),
            Formula::Equal(one, two) => BTreeSet::from([*one, *two]),
            Formula::Forall(vars, f) | Formula::Exists(vars, f) => {
                let mut free = f.constants();
                free.retain(|var| !vars.contains(var));
                free
            }
            _ => self.parts().into_iter().flat_map(Formula::constants).collect(),
        }
    }

    /// The formula with its constants replaced.
    pub fn with(&self, values: &dyn Fn(Var) -> Var) -> Formula {
        match self {
            Formula::Holds(relation, args) => {
                Formula::Holds(relation, args.iter().map(|var| values(*var)).collect())
            }
            Formula::Equal(one, two) => Formula::Equal(values(*one), values(*two)),
            Formula::Forall(vars, _) | Formula::Exists(vars, _) => {
                let inner = |var| if vars.contains(&var) { var } else { values(var) };
                self.map(&mut |f| f.with(&inner))
            }
            _ => self.map(&mut |f| f.with(values)),
        }
    }

    /// The formula with bound variables renamed, so that no two quantifiers bind the same variable
    /// and none binds one with an index up to `used`, which is raised.
    pub fn apart(&self, used: &mut u32) -> Formula {
        let (Formula::Forall(vars, body) | Formula::Exists(vars, body)) = self else {
            return self.map(&mut |f| f.apart(used));
        };
        // Each variable gets an index of its own: one quantifier may bind several of the same name.
        let fresh = |var: &Var| {
            *used += 1;
            (*var, Var { index: *used, ..*var })
        };
        let new: Vec<(Var, Var)> = vars.iter().map(fresh).collect();
        let renamed = |var| new.iter().find(|(old, _)| *old == var).map_or(var, |(_, new)| *new);
        let body = Box::new(body.with(&renamed).apart(used));
        let vars = new.iter().map(|(_, new)| *new).collect();
        match self {
            Formula::Exists(..) => Formula::Exists(vars, body),
            _ => Formula::Forall(vars, body),
        }
    }

    /// The formula with applications of relations replaced, where `other` gives a replacement. All
    /// are replaced at once: replacements are left as they are. No free variable of a replacement
    /// may be bound in this formula: see [`Formula::apart`].
    pub fn where_holds(
        &self,
        other: &dyn Fn(&'static Relation, &[Var]) -> Option<Formula>,
    ) -> Formula {
        match self {
            Formula::Holds(relation, args) => other(relation, args).unwrap_or_else(|| self.clone()),
            _ => self.map(&mut |f| f.where_holds(other)),
        }
    }
}
