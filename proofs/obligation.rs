//! The proof obligations: the invariant holds at the start, each action preserves it, and it
//! implies the safety properties. Each is one formula with its hypotheses.

use std::fmt;

use super::logic::{Formula, Relation, Var};
use super::spec::vocabulary::{B, BELOW, X};
use super::spec::{Action, Effect, Named, Specification};

/// The moment at which an obligation's formula must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before any action.
    Start,
    /// After this action, if the invariant held before.
    After(&'static str),
    /// In every state in which the invariant holds.
    Always,
}

/// A proof obligation: in every structure in which the hypotheses are true, so is the goal.
#[derive(Clone, Debug)]
pub struct Obligation {
    /// The moment at which the formula must hold.
    pub moment: Moment,
    /// The name of the formula that must hold.
    pub holds: &'static str,
    /// The hypotheses, by name.
    pub hypotheses: Vec<(&'static str, Formula)>,
    /// The formula to be proved, in terms of the state before the action.
    pub goal: Formula,
    /// Further axioms that no proof may use. They make countermodels realistic.
    pub also: Vec<Formula>,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Start => f.write_str("start"),
            Moment::After(action) => f.write_str(action),
            Moment::Always => f.write_str("always"),
        }
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.moment, self.holds)
    }
}

/// The hypothesis that the relation holds between no elements.
fn empty(relation: &'static Relation) -> (&'static str, Formula) {
    let var = |(index, sort)| Var { name: "x", sort, index };
    let vars: Vec<Var> = (1..).zip(relation.sorts.iter().copied()).map(var).collect();
    let holds = Formula::Holds(relation, vars.clone());
    (relation.name, Formula::Forall(vars, Box::new(!holds)))
}

fn by_name(all: &[Named]) -> impl Iterator<Item = (&'static str, Formula)> {
    all.iter().map(|named| (named.name, named.formula.clone()))
}

impl Specification {
    /// All obligations of the specification.
    pub fn obligations(&self) -> Vec<Obligation> {
        let start = self.invariant.iter().map(|named| self.at_the_start(named));
        let each = |action| self.invariant.iter().map(move |named| self.after(action, named));
        let steps = self.actions.iter().flat_map(each);
        let safety = self.safety.iter().map(|named| self.always(named));
        start.chain(steps).chain(safety).collect()
    }

    fn at_the_start(&self, named: &Named) -> Obligation {
        let state = self.state.iter().map(|relation| empty(relation));
        let hypotheses = by_name(&self.axioms).chain(state).collect();
        let (moment, goal) = (Moment::Start, named.formula.clone());
        self.obligation(moment, named.name, hypotheses, goal)
    }

    fn after(&self, action: &Action, named: &Named) -> Obligation {
        let guards = action.guards.iter().map(|guard| &guard.named);
        let guards = guards.map(|guard| (guard.name, guard.formula.clone()));
        let hypotheses = by_name(&self.axioms).chain(by_name(&self.invariant)).chain(guards);
        let goal = action.before(&named.formula);
        self.obligation(Moment::After(action.name), named.name, hypotheses.collect(), goal)
    }

    /// The obligation that an action changes nothing. It must fail: the action is possible.
    pub fn idle(&self, action: &Action) -> Obligation {
        let unchanged = action.changes.iter().map(|change| {
            let held = Formula::Holds(change.relation, change.vars.clone());
            let then = match change.effect {
                Effect::Adds => change.of.clone().implies(held),
                Effect::Drops => change.of.clone().implies(!held),
            };
            Formula::Forall(change.vars.clone(), Box::new(then))
        });
        let goal = Formula::And(unchanged.collect());
        let known =
            by_name(&self.axioms).chain(by_name(&self.invariant)).chain(by_name(&self.safety));
        let guards = action.guards.iter().map(|guard| &guard.named);
        let guards = guards.map(|guard| (guard.name, guard.formula.clone()));
        let hypotheses = known.chain(guards).collect();
        self.obligation(Moment::After(action.name), "nothing changes", hypotheses, goal)
    }

    /// The obligation of [`idle`](Self::idle), restricted to votes reported under a lower ballot.
    /// The specification allows others, since no proof needs to forbid them, but no acceptor
    /// reports them.
    pub fn example(&self, action: &Action) -> Obligation {
        let mut idle = self.idle(action);
        if [X, B].iter().all(|var| action.parameters.contains(var)) {
            idle.also.push(BELOW.of([X, B]));
        }
        idle
    }

    fn obligation(
        &self,
        moment: Moment,
        holds: &'static str,
        hypotheses: Vec<(&'static str, Formula)>,
        goal: Formula,
    ) -> Obligation {
        let also = self.also.iter().map(|named| named.formula.clone()).collect();
        Obligation { moment, holds, hypotheses, goal, also }
    }

    fn always(&self, named: &Named) -> Obligation {
        let hypotheses = by_name(&self.axioms).chain(by_name(&self.invariant)).collect();
        let (moment, goal) = (Moment::Always, named.formula.clone());
        self.obligation(moment, named.name, hypotheses, goal)
    }
}
