//! The invariant, and what follows from it, in states of the real actors.

use super::super::facts::Facts;
use super::steps::PAXOS;
use super::view::View;
use crate::paxos::Members;
use crate::proof::logic::Valuation;

/// Whether the part of the invariant with this number, or of what follows from it, is violated.
pub(super) fn violated<const PART: usize>(members: &Members, facts: &Facts) -> Option<String> {
    let named = PAXOS.invariant.iter().chain(&PAXOS.safety).nth(PART)?;
    let view = View::of(members, facts, &Facts::new());
    let constants = view.constants();
    let refutation = view.structure.refutation(&named.formula, &constants)?;
    let values = view.in_words(refutation.get(constants.len()..).unwrap_or_default());
    Some(format!("it should be that {}, but not so for {values}", named.words))
}

/// Whether what the proof assumes of ballots and quorums is not so.
pub(super) fn assumed_wrongly(members: &Members, facts: &Facts) -> Option<String> {
    let view = View::of(members, facts, &Facts::new());
    PAXOS.axioms.iter().chain(&PAXOS.also).find_map(|named| {
        let refutation = view.structure.refutation(&named.formula, &Valuation::new())?;
        Some(format!(
            "it is assumed that {}, but not so for {}",
            named.words,
            view.in_words(&refutation)
        ))
    })
}
