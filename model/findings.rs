//! What the properties look for, in facts alone: one function each, which says in words what it found.
//!
//! Each goes through what it judges one by one. So what is counted as judged is what could have been
//! found, and there is no second list of it.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::observe::Judged;
use super::facts::{Fact, Facts, Memory};
use crate::paxos::{
    AcceptorId, AcceptorSet, Answer, Ballot, Command, Decree, Done, History, Instance, LeaderId,
    Members, Refusal, RequestId, Vote,
};

/// Every vote that was ever cast, with who cast it. What an acceptor goes by may have replaced a
/// vote; what it has said stays said.
fn votes(facts: &Facts) -> BTreeSet<(&Vote, AcceptorId)> {
    let vote = |fact| match fact {
        &Fact::Cast(acceptor, ref vote) => Some((vote, acceptor)),
        _ => None,
    };
    facts.iter().filter_map(vote).collect()
}

/// A decree that a phase-2 quorum has voted for under one ballot.
type Choice<'a> = (Instance, &'a Decree, Ballot, AcceptorSet);

/// What is chosen: decided by the votes alone, not by what any leader believes (PMS 2.3).
fn chosen<'a>(members: &Members, facts: &'a Facts) -> Vec<Choice<'a>> {
    let mut voters: BTreeMap<&Vote, AcceptorSet> = BTreeMap::new();
    for (vote, acceptor) in votes(facts) {
        voters.entry(vote).or_default().insert(acceptor);
    }
    let quorums = voters.into_iter().filter(|(_, voters)| members.phase2(*voters));
    quorums.map(|(vote, voters)| (vote.instance, &vote.decree, vote.ballot, voters)).collect()
}

/// The commands among them.
fn commands<'a>(chosen: &[Choice<'a>]) -> impl Iterator<Item = (Instance, &'a Command)> {
    chosen.iter().filter_map(|(instance, decree, ..)| Some((*instance, decree.command()?)))
}

fn is_chosen(chosen: &[Choice<'_>], instance: Instance, decree: &Decree) -> bool {
    chosen.iter().any(|choice| (choice.0, choice.1) == (instance, decree))
}

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

/// Whatever an acceptor has said, each of its memories must bear out.
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

/// The ballot of the last vote in the same instance that this memory holds.
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

/// The decrees that each leader knows, by instance.
fn learned(facts: &Facts) -> BTreeMap<(LeaderId, Instance), &Decree> {
    let learned = |fact| match fact {
        &Fact::Learned(leader, instance, ref decree) => Some(((leader, instance), decree)),
        _ => None,
    };
    facts.iter().filter_map(learned).collect()
}

/// The requests that each leader has applied, with the instances.
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

pub(super) fn applied_twice(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let each = applied(facts).into_iter().map(|(leader, instance, request)| {
        let first = seen.insert((leader, request), instance)?;
        let request = request.map_or("something unknown".to_owned(), |id| id.to_string());
        Some(format!("{leader} has applied {request} twice, at {first} and at {instance}"))
    });
    each.collect()
}

pub(super) fn chosen_but_not_applied(_: &Members, facts: &Facts) -> Judged<String> {
    let applied: BTreeSet<_> = applied(facts).into_iter().map(|(l, _, id)| (l, id)).collect();
    let learned = learned(facts);
    let due = learned.iter().filter_map(|((leader, instance), decree)| {
        let in_prefix = (0..instance.0).all(|i| learned.contains_key(&(*leader, Instance(i))));
        let in_time = !facts.contains(&Fact::Late(*leader, *instance));
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

/// The answers that clients were told.
fn answers(facts: &Facts) -> impl Iterator<Item = (&RequestId, &Done)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Answered(id, done) => Some((id, done)),
        _ => None,
    })
}

pub(super) fn answered_but_not_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let each = answers(facts).map(|(id, Done { instance, .. })| {
        let mut commands = commands(&chosen);
        let is_chosen = commands.any(|(i, command)| i == *instance && command.id == *id);
        (!is_chosen)
            .then(|| format!("{id} was answered as done at {instance}, where it is not chosen"))
    });
    each.collect()
}

/// An answer and the same without its reply, which is not kept any more, are one.
pub(super) fn two_answers(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let in_words = |Done { instance, position, answer }: &Done| {
        format!("at {instance} in position {position} with {answer}")
    };
    let each = answers(facts).map(|(id, done)| {
        // Of the answers to one request those with a reply come first in the facts.
        let first: &Done = seen.entry(id).or_insert(done);
        let same_place = (first.instance, first.position) == (done.instance, done.position);
        (!same_place || !first.answer.agrees_with(&done.answer)).then(|| {
            format!("{id} was answered as done {}, and {}", in_words(first), in_words(done))
        })
    });
    each.collect()
}

/// What each leader has taken on, and what came of it.
fn executed(facts: &Facts) -> impl Iterator<Item = (LeaderId, &[Decree], &History)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Executed(leader, executed) => Some((*leader, &executed.0[..], &executed.1)),
        _ => None,
    })
}

/// There is something to judge once two leaders have taken on the same, and more than nothing.
pub(super) fn histories_differ(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let each = executed(facts).filter_map(|(leader, log, history)| {
        let (first, same) = *seen.entry(log).or_insert((leader, history));
        let differ = (same != history).then(|| {
            let (one, two) = (remembered(same), remembered(history));
            format!("after the same {log:?}, {first} remembers {one}, and {leader} {two}")
        });
        let nothing_yet = log.is_empty() && differ.is_none();
        (first != leader && !nothing_yet).then_some(differ)
    });
    each.collect()
}

fn remembered(history: &History) -> String {
    let sessions = history.sessions();
    let answers = sessions.answers().map(|(id, done)| format!("{id} with {}", done.answer));
    let answers: Vec<String> = answers.collect();
    if answers.is_empty() { "nothing".to_owned() } else { answers.join(", ") }
}

pub(super) fn equal_logs(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let applied = executed(facts).filter(|(_, _, history)| !history.applied().is_empty());
    let each = applied.map(|(leader, log, _)| {
        let first = *seen.entry(log).or_insert(leader);
        (first != leader).then(|| format!("{first} and {leader} have both applied {log:?}"))
    });
    each.collect()
}

pub(super) fn reply_not_kept(_: &Members, facts: &Facts) -> Judged<String> {
    let each = answers(facts).map(|(id, Done { answer, .. })| {
        let not_kept = matches!(answer, Answer::NotKept(_));
        not_kept.then(|| format!("{id} was answered with {answer}"))
    });
    each.collect()
}

pub(super) fn answer_forgotten(_: &Members, facts: &Facts) -> Judged<String> {
    let each = facts.iter().filter_map(|fact| match fact {
        Fact::Refused(id, reason @ Refusal::Forgotten) => {
            Some(Some(format!("the client of {id} was told: {reason}")))
        }
        _ => None,
    });
    each.collect()
}

/// The primaries that have proposed something under their ballots: they have passed instances, and
/// taken requests on, unless all that they have proposed was forced on them by others.
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

/// A leader finds out itself what it neglects, so that there is one fact for each violation.
pub(super) fn neglected_instance(_: &Members, facts: &Facts) -> Judged<String> {
    let neglected = facts.iter().filter_map(|fact| match fact {
        Fact::Neglected(leader, instance) => Some(Some(format!(
            "{leader} is primary and goes on behind instance {instance}, without proposing in it"
        ))),
        _ => None,
    });
    neglected.chain(proposers(facts).map(|_| None)).collect()
}

/// The same of what it forgets.
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

pub(super) fn command_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let each = chosen.iter().map(|(instance, decree, ballot, voters)| {
        let command = decree.command()?;
        Some(format!("{command} is chosen at {instance} under {ballot} by {voters}"))
    });
    each.collect()
}

pub(super) fn too_late(_: &Members, facts: &Facts) -> Judged<String> {
    let each = facts.iter().filter_map(|fact| match fact {
        Fact::Late(leader, instance) => {
            Some(Some(format!("{leader} knows that the command at {instance} came too late")))
        }
        _ => None,
    });
    each.collect()
}

pub(super) fn two_primaries(_: &Members, facts: &Facts) -> Judged<String> {
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

pub(super) fn noop_below_a_command(members: &Members, facts: &Facts) -> Judged<String> {
    let chosen = chosen(members, facts);
    let noops = chosen.iter().filter(|(_, decree, ..)| **decree == Decree::Noop);
    let each = noops.map(|(gap, ..)| {
        let (above, command) = commands(&chosen).find(|(above, _)| above > gap)?;
        Some(format!("a no-op is chosen at {gap}, below {command} at {above}"))
    });
    each.collect()
}

pub(super) fn vote_since_recovery(_: &Members, facts: &Facts) -> Judged<String> {
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

pub(super) fn chosen_at_two_instances(members: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let chosen = chosen(members, facts);
    let each = commands(&chosen).map(|(instance, command)| {
        let first = *seen.entry(command.id).or_insert(instance);
        (first != instance).then(|| format!("{command} is chosen at {first} and at {instance}"))
    });
    each.collect()
}

pub(super) fn request_answered(_: &Members, facts: &Facts) -> Judged<String> {
    let each = answers(facts);
    each.map(|(id, done)| Some(format!("{id} is answered as done at {}", done.instance))).collect()
}

pub(super) fn stepped_down(_: &Members, facts: &Facts) -> Judged<String> {
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

/// A goal: something is to be done, and all of it is. Where there is nothing to do yet, it is not
/// met.
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

pub(super) fn all_submitted_are_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let submitted = facts.iter().filter_map(|fact| match fact {
        Fact::Submitted(command) => Some(command),
        _ => None,
    });
    all_done(&are_chosen(members, facts, submitted), "every submitted command is chosen")
}

pub(super) fn all_insisted_are_chosen(members: &Members, facts: &Facts) -> Judged<String> {
    let insisted = facts.iter().filter_map(|fact| match fact {
        Fact::Insisted(command) => Some(command),
        _ => None,
    });
    all_done(&are_chosen(members, facts, insisted), "every command of a stable leader is chosen")
}

pub(super) fn all_requests_are_answered(_: &Members, facts: &Facts) -> Judged<String> {
    let requests = facts.iter().filter_map(|fact| match fact {
        Fact::Requested(id) => Some(id),
        _ => None,
    });
    let each = requests.map(|id| answers(facts).any(|(other, _)| other == id));
    all_done(&each.collect::<Vec<_>>(), "every request is answered")
}

/// Remembers what is chosen.
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

    fn members() -> Members {
        Members::new(vec![0.into()], vec![1.into()], Quorums::Majority).unwrap()
    }

    /// An answer may lose its reply, and nothing else of it may change.
    #[test]
    fn an_answer_without_its_reply_is_the_same_and_any_other_is_another() {
        let reply = |text: &str| Answer::Reply(text.as_bytes().into());
        let answered = |(instance, position, answer): (u64, u64, Answer)| {
            Fact::Answered(
                RequestId::default(),
                Done { instance: Instance(instance), position, answer },
            )
        };
        let two = |one, other| {
            let facts = [(1, 0, one), other].map(answered).into_iter().collect();
            two_answers(&members(), &facts).is_found()
        };
        assert!(!two(reply("a"), (1, 0, Answer::NotKept(1))));
        assert!(!two(Answer::NotKept(1), (1, 0, reply("a"))));
        assert!(two(reply("a"), (1, 0, reply("b"))));
        assert!(two(reply("a"), (1, 0, Answer::NotKept(2))));
        assert!(two(reply("a"), (2, 0, Answer::NotKept(1))));
        assert!(two(reply("a"), (1, 1, Answer::NotKept(1))));
        let all =
            [reply("a"), Answer::NotKept(1), reply("b")].map(|answer| answered((1, 0, answer)));
        assert!(
            two_answers(&members(), &all.into()).is_found(),
            "the reply that is gone hides nothing"
        );
    }

    /// Nobody goes by these votes any more, and nobody was told of them.
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
