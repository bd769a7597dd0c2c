//! What is proved: a transition system in first-order logic, its invariant, and what follows.
//!
//! A state is a structure: what was said and learned so far, as relations. They only grow, since what
//! was sent may come at any time, any number of times, in any order, or never. So loss, repetition,
//! delay and reordering need no steps of their own; nor do crashes, since memory is not part of the
//! state. All that counts is that whoever comes back goes on to say what is true: that real actors
//! do so is the business of `model/refinement`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `vocabulary` | sorts, relations and variables |
//! | `actions` | what may happen |
//! | `invariant` | axioms, invariant, safety |
//! | `faults` | the same with a fault each, which must not be provable |

mod actions;
pub mod faults;
mod invariant;
pub mod vocabulary;

use std::collections::BTreeSet;

use super::logic::{Formula, Relation, Structure, Valuation, Var};

/// A formula with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub words: &'static str,
    /// What it says.
    pub formula: Formula,
}

/// What an action demands of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// What must be true, of the action's parameters too.
    pub named: Named,
    /// Where the handlers see to it: files, and a line to be found in each.
    pub upheld: &'static [(&'static str, &'static str)],
}

/// How a relation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The relation.
    pub relation: &'static Relation,
    /// What stands for the things that it relates.
    pub vars: Vec<Var>,
    /// Whether it holds between more things from now on, or fewer.
    pub effect: Effect,
    /// Which.
    pub of: Formula,
}

/// Whether a relation grows or shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It holds between these from now on.
    Adds,
    /// It does not hold between these any more.
    Drops,
}

/// Something that may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub words: &'static str,
    /// Which things it happens to.
    pub parameters: Vec<Var>,
    /// What may be claimed with it, as relations of its own.
    pub claims: Vec<&'static Relation>,
    /// When it may happen.
    pub guards: Vec<Guard>,
    /// What it changes.
    pub changes: Vec<Change>,
}

/// A transition system, and what is to be proved of it. It begins where no relation of its state
/// holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// Relations that never change.
    pub fixed: Vec<&'static Relation>,
    /// Relations that make up the state.
    pub state: Vec<&'static Relation>,
    /// What is assumed of the relations that never change.
    pub axioms: Vec<Named>,
    /// What else is true of them. No proof may use it; it keeps examples from being strange.
    pub also: Vec<Named>,
    /// What may happen.
    pub actions: Vec<Action>,
    /// What holds in every state, so that it holds in the next.
    pub invariant: Vec<Named>,
    /// What follows from the invariant.
    pub safety: Vec<Named>,
}

/// Multi-Paxos.
pub fn paxos() -> Specification {
    Specification {
        fixed: vocabulary::FIXED.to_vec(),
        state: vocabulary::STATE.to_vec(),
        axioms: invariant::axioms(),
        also: invariant::also(),
        actions: actions::actions(),
        invariant: invariant::invariant(),
        safety: invariant::safety(),
    }
}

impl Specification {
    /// What is wrong with its form, which would make what is proved of it mean something else: things
    /// of other sorts than a relation relates, and variables that nothing binds. The action's own
    /// parameters apart, only [`vocabulary::NOOP`] may be free.
    #[cfg(test)]
    pub fn ill_formed(&self) -> Option<String> {
        let parts = [&self.axioms, &self.also, &self.invariant, &self.safety].into_iter().flatten();
        let parts = parts.map(|part| (part.name, &part.formula, Vec::new()));
        let guards = self.actions.iter().flat_map(|action| {
            let guard = |guard: &'_ Guard| (guard.named.name, guard.named.formula.clone());
            action.guards.iter().map(guard).map(|(name, f)| (name, f, action.parameters.clone()))
        });
        let changes = self.actions.iter().flat_map(|action| {
            let change = |change: &Change| {
                let vars = [&action.parameters[..], &change.vars].concat();
                let relates = Formula::Holds(change.relation, change.vars.clone());
                (action.name, relates & change.of.clone(), vars)
            };
            action.changes.iter().map(change)
        });
        let parts = parts.map(|(name, formula, free)| (name, formula.clone(), free));
        parts.chain(guards).chain(changes).find_map(|(name, formula, free)| {
            let bound = |var: &Var| *var == vocabulary::NOOP || free.contains(var);
            if let Some(var) = formula.constants().into_iter().find(|var| !bound(var)) {
                return Some(format!("nothing binds {var} in '{name}'"));
            }
            (!formula.is_well_sorted()).then(|| format!("'{name}' relates things of other sorts"))
        })
    }

    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }
}

impl Change {
    /// Whether the relation holds afterwards, given whether it held before.
    pub fn after(&self, held: &Formula, args: &[Var]) -> Formula {
        let value = |var| {
            let place = self.vars.iter().position(|other| *other == var);
            place.and_then(|place| args.get(place)).copied().unwrap_or(var)
        };
        let of = self.of.with(&value);
        match self.effect {
            Effect::Adds => held.clone() | of,
            Effect::Drops => held.clone() & !of,
        }
    }
}

impl Action {
    /// What must be true before the action for this to be true after it: Dijkstra's weakest
    /// precondition ("Guarded commands", 1975). The action's parameters are constants. All changes are
    /// made at once: each looks at what was before.
    pub fn before(&self, formula: &Formula) -> Formula {
        let vars = self.changes.iter().flat_map(|change| &change.vars).chain(&self.parameters);
        let mut used = vars.map(|var| var.index).max().unwrap_or(0);
        let apart = |change: &Change| Change { of: change.of.apart(&mut used), ..change.clone() };
        let changes: Vec<Change> = self.changes.iter().map(apart).collect();
        formula.apart(&mut used).where_holds(&|relation, args| {
            let changes = changes.iter().filter(|change| change.relation == relation);
            changes.fold(None, |held, change| {
                let held = held.unwrap_or_else(|| Formula::Holds(relation, args.to_vec()));
                Some(change.after(&held, args))
            })
        })
    }

    /// The first of its guards that is not met in this state.
    #[cfg(test)]
    pub fn unmet(&self, state: &Structure, values: &Valuation) -> Option<&Guard> {
        let met = |guard: &Guard| state.satisfies(&guard.named.formula, &mut values.clone());
        self.guards.iter().find(|guard| !met(guard))
    }

    /// The state after it.
    pub fn perform(&self, state: &Structure, values: &Valuation) -> Structure {
        let mut after = state.clone();
        for change in &self.changes {
            let sorts = change.relation.sorts;
            let changed = state.all(sorts).into_iter().filter(|tuple| {
                let mut values = values.clone();
                values.extend(change.vars.iter().copied().zip(tuple.iter().copied()));
                state.satisfies(&change.of, &mut values)
            });
            let now: BTreeSet<_> = after.tuples(change.relation).map(<[_]>::to_vec).collect();
            let changed = changed.collect();
            let tuples = match change.effect {
                Effect::Adds => &now | &changed,
                Effect::Drops => &now - &changed,
            };
            after.set(change.relation, tuples);
        }
        after
    }
}
