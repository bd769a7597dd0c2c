//! Examples that must be reachable, and goals that must be reached.

use std::collections::{BTreeMap, BTreeSet};

use super::super::engine::observe::Judged;
use super::super::facts::{Fact, Facts};
use super::answers::answers;
use super::chosen::{chosen, commands, votes};
use crate::paxos::{AcceptorId, Command, Decree, Members, Vote};

pub(in crate::model) fn command_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let each = chosen.iter().map(|(instance, decree, ballot, voters)| {
        let command = decree.command()?;
        Some(format!("{command} is chosen at {instance} under {ballot} by {voters}"))
    });
    each.collect()
}

pub(in crate::model) fn too_late(_: &Members, facts: &Facts) -> Judged<String> {
    let each = facts.iter().filter_map(|fact| match fact {
        Fact::Late(leader, instance) => {
            Some(Some(format!("{leader} knows that the command at {instance} came too late")))
        }
        _ => None,
    });
    each.collect()
}

pub(in crate::model) fn two_primaries(_: &Members, facts: &Facts) -> Judged<String> {
    let primaries = facts.iter().filter_map(|fact| match fact {
        Fact::Primary(leader, ballot) => Some(format!("{leader} is primary under {ballot}")),
        _ => None,
    });
    let primaries: Vec<String> = primaries.collect();
    match primaries.len() {
        0 => Judged::Nothing,
        1 => Judged::Clear,
        _ => Judged::Found(primaries.join(", and ")),
    }
}

pub(in crate::model) fn noop_below_a_command(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let noops = chosen.iter().filter(|(_, decree, ..)| **decree == Decree::Noop);
    let each = noops.map(|(gap, ..)| {
        let (above, command) = commands(&chosen).find(|(above, _)| above > gap)?;
        Some(format!("a no-op is chosen at {gap}, below {command} at {above}"))
    });
    each.collect()
}

pub(in crate::model) fn vote_since_recovery(_: &Members, facts: &Facts) -> Judged<String> {
    let recovered = facts.iter().filter_map(|fact| match fact {
        Fact::Recovered(acceptor, promised) => Some((acceptor, promised)),
        _ => None,
    });
    let each = recovered.map(|(acceptor, promised)| {
        let later = |(vote, who): &(&Vote, AcceptorId)| who == acceptor && vote.ballot > *promised;
        let (vote, _) = votes(facts).into_iter().find(later)?;
        Some(format!(
            "{acceptor} came back with promise {promised}, and voted under {}",
            vote.ballot
        ))
    });
    each.collect()
}

pub(in crate::model) fn chosen_at_two_instances(
    members: &Members,
    facts: &Facts,
) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let chosen = chosen(members, facts);
    let each = commands(&chosen).map(|(instance, command)| {
        let first = *seen.entry(command.id).or_insert(instance);
        (first != instance).then(|| format!("{command} is chosen at {first} and at {instance}"))
    });
    each.collect()
}

/// A vote for a decree that was chosen under a lower ballot without this acceptor.
pub(in crate::model) fn made_up_for(members: &Members, facts: &Facts) -> Judged<String> {
    let (chosen, votes) = (chosen(members, facts), votes(facts));
    let each = chosen.iter().map(|(instance, decree, ballot, voters)| {
        let later = |(vote, who): &(&Vote, AcceptorId)| {
            (vote.instance, &vote.decree) == (*instance, *decree)
                && vote.ballot > *ballot
                && !voters.contains(*who)
        };
        let (vote, who) = votes.iter().copied().find(later)?;
        Some(format!("{who} votes for {decree} under {}, chosen by {voters}", vote.ballot))
    });
    each.collect()
}

pub(in crate::model) fn stepped_down(_: &Members, facts: &Facts) -> Judged<String> {
    let primary =
        |leader| facts.iter().any(|f| matches!(f, Fact::Primary(who, _) if *who == leader));
    let ballots = facts.iter().filter_map(|fact| match fact {
        Fact::Proposed(vote) => Some(vote.ballot),
        _ => None,
    });
    let each = ballots.map(|ballot| {
        let leader = ballot.leader;
        (!primary(leader))
            .then(|| format!("{leader} has proposed under {ballot}, and is not primary any more"))
    });
    each.collect()
}

/// Judges a goal: something must be done, and all of it is. Without anything to do it is not
/// reached.
fn all_done(each: &[bool], words: &str) -> Judged<String> {
    match each {
        [] => Judged::Nothing,
        _ if each.contains(&false) => Judged::Clear,
        _ => Judged::Found(words.to_owned()),
    }
}

/// For each of these commands, true if it is chosen.
fn are_chosen<'a>(
    members: &Members,
    facts: &Facts,
    wanted: impl Iterator<Item = &'a Command>,
) -> Vec<bool> {
    let chosen = chosen(members, facts);
    let chosen: BTreeSet<_> = commands(&chosen).map(|(_, command)| command).collect();
    wanted.map(|command| chosen.contains(command)).collect()
}

pub(in crate::model) fn all_submitted_are_chosen(
    members: &Members,
    facts: &Facts,
) -> Judged<String> {
    let submitted = facts.iter().filter_map(|fact| match fact {
        Fact::Submitted(command) => Some(command),
        _ => None,
    });
    all_done(&are_chosen(members, facts, submitted), "every submitted command is chosen")
}

pub(in crate::model) fn all_insisted_are_chosen(
    members: &Members,
    facts: &Facts,
) -> Judged<String> {
    let insisted = facts.iter().filter_map(|fact| match fact {
        Fact::Insisted(command) => Some(command),
        _ => None,
    });
    all_done(&are_chosen(members, facts, insisted), "every command of a stable leader is chosen")
}

pub(in crate::model) fn all_requests_are_answered(_: &Members, facts: &Facts) -> Judged<String> {
    let requests = facts.iter().filter_map(|fact| match fact {
        Fact::Requested(id) => Some(id),
        _ => None,
    });
    let each = requests.map(|id| answers(facts).any(|(other, _)| other == id));
    all_done(&each.collect::<Vec<_>>(), "every request is answered")
}
