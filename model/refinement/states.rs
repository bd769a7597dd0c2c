//! The invariant and the safety properties, in states of the real actors.

use super::super::engine::observe::Judged;
use super::super::facts::Facts;
use super::steps::PAXOS;
use super::view::View;
use crate::paxos::Members;
use crate::proof::logic::{Formula, Valuation, Var};

/// Finds a violation of the conjunct of the invariant with this number, or of the safety property
/// that follows in this order.
pub(super) fn violated<const PART: usize>(members: &Members, facts: &Facts) -> Judged<String> {
    let named = PAXOS.invariant.iter().chain(&PAXOS.safety).nth(PART);
    let Some(named) = named else { return Judged::Nothing };
    let view = View::of(members, facts, &Facts::new());
    let mut constants = view.constants();
    if let Some(refutation) = view.structure.refutation(&named.formula, &constants) {
        let values = view.in_words(refutation.get(constants.len()..).unwrap_or_default());
        return Judged::Found(format!(
            "it should be that {}, but not so for {values}",
            named.words
        ));
    }
    let premise = premise(&named.formula);
    if view.structure.satisfies(&premise, &mut constants) { Judged::Clear } else { Judged::Nothing }
}

/// The formula that there is something to judge: values for which the premises at the formula's
/// start are true.
fn premise(formula: &Formula) -> Formula {
    let (mut vars, mut premises) = (Vec::<Var>::new(), Vec::new());
    let mut rest = formula;
    loop {
        rest = match rest {
            Formula::Forall(more, body) => {
                vars.extend(more);
                body
            }
            Formula::Implies(premise, then) => {
                premises.push((**premise).clone());
                then
            }
            _ => return Formula::Exists(vars, Box::new(Formula::And(premises))),
        };
    }
}

/// Finds a violation of the axioms about ballots and quorums.
pub(super) fn assumed_wrongly(members: &Members, facts: &Facts) -> Judged<String> {
    let view = View::of(members, facts, &Facts::new());
    let each = PAXOS.axioms.iter().chain(&PAXOS.also).map(|named| {
        let refutation = view.structure.refutation(&named.formula, &Valuation::new())?;
        Some(format!(
            "it is assumed that {}, but not so for {}",
            named.words,
            view.in_words(&refutation)
        ))
    });
    each.collect()
}
