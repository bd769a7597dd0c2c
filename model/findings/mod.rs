//! The predicates of the properties, over facts alone: one function each, which describes its
//! finding in words.
//!
//! Each iterates over what it judges. So the count of what was judged comes from the judgement
//! itself, and no second list can differ from it.

mod answers;
mod chosen;
mod outcomes;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use self::chosen::{Choice, chosen, commands, is_chosen};
use super::engine::observe::Judged;
use super::facts::{Fact, Facts, Memory};
use super::outcomes::RequestName;
use crate::paxos::{AcceptorId, Ballot, Decree, Instance, LeaderId, Members, RequestId, Vote};
pub(super) use answers::*;
pub(super) use outcomes::*;
pub(super) use wanted::*;

pub(super) fn two_values_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let by = |c: &Choice<'_>| format!("{} was chosen under {} by {}", c.1, c.2, c.3);
    let each = chosen.iter().map(|one| {
        let two = chosen.iter().find(|two| one.0 == two.0 && one.1 < two.1)?;
        Some(format!("instance {}: {}, and {}", one.0, by(one), by(two)))
    });
    each.collect()
}

pub(super) fn learned_but_not_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let learned = facts.iter().filter_map(|fact| match fact {
        Fact::Learned(leader, instance, decree) => Some((leader, *instance, decree)),
        _ => None,
    });
    let each = learned.map(|(leader, instance, decree)| {
        (!is_chosen(&chosen, instance, decree))
            .then(|| format!("{leader} takes {decree} to be chosen at {instance}, which it is not"))
    });
    each.collect()
}

pub(super) fn chosen_but_not_submitted(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let each = commands(&chosen).map(|(instance, command)| {
        let submitted = |fact: &Fact| matches!(fact, Fact::Submitted(other) if other == command);
        (!facts.iter().any(submitted))
            .then(|| format!("{command} is chosen at {instance}, but nobody has submitted it"))
    });
    each.collect()
}

pub(super) fn two_values_in_a_ballot(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen: BTreeMap<(Instance, Ballot), &Decree> = BTreeMap::new();
    let votes = facts.iter().filter_map(|fact| match fact {
        Fact::Proposed(vote) | Fact::Cast(_, vote) => Some(vote),
        _ => None,
    });
    let each = votes.map(|Vote { instance, ballot, decree }| {
        let first = *seen.entry((*instance, *ballot)).or_insert(decree);
        (first != decree)
            .then(|| format!("ballot {ballot} has both {first} and {decree} at {instance}"))
    });
    each.collect()
}

/// Every promise and vote that an acceptor has sent must be consistent with each of its memories.
pub(super) fn said_but_not_remembered(_: &Members, facts: &Facts) -> Judged<String> {
    let memories = facts.iter().filter_map(|fact| match fact {
        Fact::Promised(acceptor, memory, promised) => Some((acceptor, *memory, promised)),
        _ => None,
    });
    let pairs = memories.flat_map(|memory| facts.iter().map(move |said| (memory, said)));
    let each = pairs.filter_map(|((acceptor, memory, promised), said)| match said {
        Fact::SaidPromised(who, ballot) if who == acceptor => Some(
            (ballot > promised)
                .then(|| format!("{acceptor} has promised {ballot}, but now goes by {promised}")),
        ),
        Fact::SaidVoted(who, vote) if who == acceptor => {
            let Vote { instance, ballot, decree } = vote;
            let last = last_vote(facts, *acceptor, memory, vote);
            Some((last < *ballot).then(|| {
                format!(
                    "{acceptor} has voted for {decree} at {instance} under {ballot}, but now goes \
                     by a vote under {last}"
                )
            }))
        }
        _ => None,
    });
    each.collect()
}

/// The ballot of the last vote in the same instance in this memory.
fn last_vote(facts: &Facts, acceptor: AcceptorId, memory: Memory, like: &Vote) -> Ballot {
    let ballot = |fact: &Fact| match fact {
        Fact::Voted(who, where_, vote)
            if (*who, *where_, vote.instance) == (acceptor, memory, like.instance) =>
        {
            Some(vote.ballot)
        }
        _ => None,
    };
    facts.iter().filter_map(ballot).max().unwrap_or(Ballot::NONE)
}

/// The decrees that each leader has learned, by instance.
fn learned(facts: &Facts) -> BTreeMap<(LeaderId, Instance), &Decree> {
    let learned = |fact| match fact {
        &Fact::Learned(leader, instance, ref decree) => Some(((leader, instance), decree)),
        _ => None,
    };
    facts.iter().filter_map(learned).collect()
}

/// The requests that each leader has applied, with their instances.
fn applied(facts: &Facts) -> Vec<(LeaderId, Instance, Option<RequestId>)> {
    let learned = learned(facts);
    let request = |fact: &Fact| match fact {
        Fact::Applied(leader, _, instance) => {
            let decree = learned.get(&(*leader, *instance));
            Some((*leader, *instance, decree.and_then(|d| d.command()).map(|c| c.id)))
        }
        _ => None,
    };
    facts.iter().filter_map(request).collect()
}

/// Under whatever lease: a name that is given to two commands is found too.
pub(super) fn applied_twice(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let each = applied(facts).into_iter().map(|(leader, instance, request)| {
        let request = request.map(RequestName::from);
        let first = seen.insert((leader, request), instance)?;
        let request = request.map_or("something unknown".to_owned(), |name| name.to_string());
        Some(format!("{leader} has applied {request} twice, at {first} and at {instance}"))
    });
    each.collect()
}

pub(super) fn chosen_but_not_applied(_: &Members, facts: &Facts) -> Judged<String> {
    let applied: BTreeSet<_> = applied(facts).into_iter().map(|(l, _, id)| (l, id)).collect();
    let learned = learned(facts);
    let due = learned.iter().filter_map(|((leader, instance), decree)| {
        let in_prefix = (0..instance.0).all(|i| learned.contains_key(&(*leader, Instance(i))));
        let in_time = !facts.contains(&Fact::Late(*leader, *instance))
            && !facts.contains(&Fact::Waived(*leader, *instance));
        let id = decree.command()?.id;
        (in_prefix && in_time).then_some((*leader, instance, id))
    });
    let each = due.map(|(leader, instance, id)| {
        (!applied.contains(&(leader, Some(id)))).then(|| {
            format!("{leader} knows all up to {id}, chosen at {instance}, but has not applied it")
        })
    });
    each.collect()
}

/// The primaries that have proposed something under their ballots. They have passed instances and
/// taken requests on, unless all that they have proposed was forced on them by earlier votes.
fn proposers(facts: &Facts) -> impl Iterator<Item = LeaderId> {
    let primaries = facts.iter().filter_map(|fact| match fact {
        Fact::Primary(leader, ballot) => Some((*leader, *ballot)),
        _ => None,
    });
    let proposed = |ballot| {
        facts.iter().any(|fact| matches!(fact, Fact::Proposed(vote) if vote.ballot == ballot))
    };
    primaries.filter(move |(_, ballot)| proposed(*ballot)).map(|(leader, _)| leader)
}

/// An instance that a primary neglects. The leader itself computes what it neglects, so each such
/// fact is a violation.
pub(super) fn neglected_instance(_: &Members, facts: &Facts) -> Judged<String> {
    let neglected = facts.iter().filter_map(|fact| match fact {
        Fact::Neglected(leader, instance) => Some(Some(format!(
            "{leader} is primary and goes on behind instance {instance}, without proposing in it"
        ))),
        _ => None,
    });
    neglected.chain(proposers(facts).map(|_| None)).collect()
}

/// A request that a primary has forgotten. The leader itself computes what it has forgotten.
pub(super) fn forgotten_request(_: &Members, facts: &Facts) -> Judged<String> {
    let forgotten = facts.iter().filter_map(|fact| match fact {
        Fact::Forgotten(leader, id) => Some(Some(format!(
            "{leader} has taken {id} on, but neither waits to propose it, nor has proposed it, nor \
             knows it to be chosen"
        ))),
        _ => None,
    });
    forgotten.chain(proposers(facts).map(|_| None)).collect()
}

/// Remembers the decrees that are chosen.
pub(super) fn what_is_chosen(members: &Members, _: &Facts, after: &Facts) -> Vec<Fact> {
    let chosen = chosen(members, after).into_iter();
    chosen.map(|(instance, decree, ..)| Fact::WasChosen(instance, decree.clone())).collect()
}

pub(super) fn chosen_otherwise_before(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let was_chosen = facts.iter().filter_map(|fact| match fact {
        Fact::WasChosen(instance, decree) => Some((*instance, decree)),
        _ => None,
    });
    let each = was_chosen.map(|(instance, decree)| {
        let first = *seen.entry(instance).or_insert(decree);
        (first != decree).then(|| format!("{first} and {decree} were both chosen at {instance}"))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::{ClientId, Command, Quorums};

    pub(super) fn members() -> Members {
        Members::new(vec![0.into()], vec![1.into()], Quorums::Majority).unwrap()
    }

    /// A decree chosen in the past counts even if no acceptor holds its votes any more and they
    /// were never sent.
    #[test]
    fn what_was_chosen_otherwise_is_found_when_its_votes_are_lost() {
        let members = members();
        let cast = |client, round| {
            let id = RequestId { client: ClientId::original(client), sequence: 0 };
            let command = Command { id, acknowledged: 0, payload: [][..].into() };
            let ballot = Ballot { round, leader: LeaderId(0) };
            let decree = Decree::Command(command);
            Facts::from([Fact::Cast(AcceptorId(0), Vote { instance: Instance(0), ballot, decree })])
        };
        let after = |votes: &[&Facts]| -> Facts {
            votes.iter().flat_map(|v| what_is_chosen(&members, &Facts::new(), v)).collect()
        };
        let (one, again, other) = (cast(1, 1), cast(1, 2), cast(2, 2));
        assert_eq!(chosen_otherwise_before(&members, &after(&[&one, &again])), Judged::Clear);
        assert!(chosen_otherwise_before(&members, &after(&[&one, &other])).is_found());
        assert!(!two_values_chosen(&members, &other).is_found(), "which the votes do not tell");
    }
}
