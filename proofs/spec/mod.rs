//! The specification: a transition system in first-order logic, its invariant, and the safety
//! properties.
//!
//! A state is a structure: its relations record everything sent and learned so far. They only grow,
//! since a message may be delivered at any time, any number of times, in any order, or never. So
//! loss, duplication, delay and reordering need no steps of their own; nor do crashes, since
//! volatile memory is not part of the state. It is enough that an actor that recovers keeps saying
//! what is true; `model/refinement` checks that the real actors do so.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `vocabulary` | sorts, relations and variables |
//! | `actions` | the actions, with their guards |
//! | `invariant` | axioms, invariant, safety |
//! | `faults` | the specification with one fault each, which must not be provable |

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
    /// Its meaning in a sentence.
    pub words: &'static str,
    /// The formula.
    pub formula: Formula,
}

/// A condition under which an action is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The condition on the state and on the action's parameters.
    pub named: Named,
    /// The places in the code that uphold it: a file, and a line to be found in it.
    pub upheld: &'static [(&'static str, &'static str)],
}

/// A change of a relation by an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The relation.
    pub relation: &'static Relation,
    /// The variables of `of` that stand for the relation's arguments.
    pub vars: Vec<Var>,
    /// The kind of change.
    pub effect: Effect,
    /// The condition on the tuples that are added or dropped.
    pub of: Formula,
}

/// The kind of change: a relation grows or shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The relation holds between these from now on.
    Adds,
    /// The relation does not hold between these any more.
    Drops,
}

/// An action: an atomic step of the transition system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// A description of the action in a sentence.
    pub words: &'static str,
    /// Its parameters.
    pub parameters: Vec<Var>,
    /// Relations that are chosen freely with the parameters: the contents of a promise.
    pub claims: Vec<&'static Relation>,
    /// The conditions under which it is possible.
    pub guards: Vec<Guard>,
    /// The changes that it makes, all at once.
    pub changes: Vec<Change>,
}

/// A transition system, and the properties to be proved of it. In its initial state no relation of
/// the state holds between any elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// Relations that never change.
    pub fixed: Vec<&'static Relation>,
    /// Relations that make up the state.
    pub state: Vec<&'static Relation>,
    /// The axioms about the relations that never change.
    pub axioms: Vec<Named>,
    /// Further axioms about them that no proof may use. They make countermodels realistic.
    pub also: Vec<Named>,
    /// The actions.
    pub actions: Vec<Action>,
    /// The inductive invariant: a conjunction that each action preserves.
    pub invariant: Vec<Named>,
    /// The safety properties that follow from the invariant.
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
    /// The first error of form, which would change the meaning of the proof: a relation between
    /// elements of other sorts than its own, or a free variable. Apart from the action's own
    /// parameters, only [`vocabulary::NOOP`] may be free.
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

    /// The action of this name, if there is one.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }
}

impl Change {
    /// The formula that the relation holds between `args` after the change, where `held` says that
    /// it did before.
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
    /// The weakest precondition of `formula` under this action (Dijkstra, "Guarded commands",
    /// 1975). The action's parameters are constants. All changes are made at once: each depends on
    /// the state before.
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

    /// The first of its guards that is false in this state; none if the action is possible.
    #[cfg(test)]
    pub fn unmet(&self, state: &Structure, values: &Valuation) -> Option<&Guard> {
        let met = |guard: &Guard| state.satisfies(&guard.named.formula, &mut values.clone());
        self.guards.iter().find(|guard| !met(guard))
    }

    /// The state after the action.
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
