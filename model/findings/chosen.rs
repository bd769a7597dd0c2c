//! The chosen decrees, as far as votes show them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::facts::{Fact, Facts};
use crate::paxos::{AcceptorId, AcceptorSet, Ballot, Command, Decree, Instance, Members, Vote};

/// Every vote that was ever cast, with its acceptor. A later vote replaces an earlier one in the
/// acceptor's memory, but what was sent stays sent.
pub(super) fn votes(facts: &Facts) -> BTreeSet<(&Vote, AcceptorId)> {
    let vote = |fact| match fact {
        &Fact::Cast(acceptor, ref vote) => Some((vote, acceptor)),
        _ => None,
    };
    facts.iter().filter_map(vote).collect()
}

/// A decree that a phase-2 quorum has voted for under one ballot.
pub(super) type Choice<'a> = (Instance, &'a Decree, Ballot, AcceptorSet);

/// The chosen decrees, computed from the votes alone, not from what any leader believes (PMS 2.3).
pub(super) fn chosen<'a>(members: &Members, facts: &'a Facts) -> Vec<Choice<'a>> {
    let mut voters: BTreeMap<&Vote, AcceptorSet> = BTreeMap::new();
    for (vote, acceptor) in votes(facts) {
        voters.entry(vote).or_default().insert(acceptor);
    }
    let quorums = voters.into_iter().filter(|(_, voters)| members.phase2(*voters));
    quorums.map(|(vote, voters)| (vote.instance, &vote.decree, vote.ballot, voters)).collect()
}

/// The commands among the chosen decrees.
pub(super) fn commands<'a>(chosen: &[Choice<'a>]) -> impl Iterator<Item = (Instance, &'a Command)> {
    chosen.iter().filter_map(|(instance, decree, ..)| Some((*instance, decree.command()?)))
}

pub(super) fn is_chosen(chosen: &[Choice<'_>], instance: Instance, decree: &Decree) -> bool {
    chosen.iter().any(|choice| (choice.0, choice.1) == (instance, decree))
}
