//! What the properties look for, in facts alone: one function each, which says in words what it found.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Fact, Facts, Memory};
use crate::paxos::{
    AcceptorId, AcceptorSet, Answer, Ballot, Decree, Done, History, Instance, LeaderId, Members,
    Refusal, RequestId, Vote,
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

fn is_chosen(chosen: &[Choice<'_>], instance: Instance, decree: &Decree) -> bool {
    chosen.iter().any(|choice| (choice.0, choice.1) == (instance, decree))
}

pub(super) fn two_values_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let pairs = chosen.iter().flat_map(|one| chosen.iter().map(move |two| (one, two)));
    let (one, two) = pairs.into_iter().find(|(one, two)| one.0 == two.0 && one.1 < two.1)?;
    let by = |c: &Choice<'_>| format!("{} was chosen under {} by {}", c.1, c.2, c.3);
    Some(format!("instance {}: {}, and {}", one.0, by(one), by(two)))
}

pub(super) fn learned_but_not_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    facts.iter().find_map(|fact| match fact {
        Fact::Learned(leader, instance, decree) if !is_chosen(&chosen, *instance, decree) => {
            Some(format!("{leader} takes {decree} to be chosen at {instance}, which it is not"))
        }
        _ => None,
    })
}

pub(super) fn chosen_but_not_submitted(members: &Members, facts: &Facts) -> Option<String> {
    chosen(members, facts).into_iter().find_map(|(instance, decree, ..)| {
        let command = decree.command()?;
        let submitted = |fact: &Fact| matches!(fact, Fact::Submitted(other) if other == command);
        (!facts.iter().any(submitted))
            .then(|| format!("{command} is chosen at {instance}, but nobody has submitted it"))
    })
}

pub(super) fn two_values_in_a_ballot(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen: BTreeMap<(Instance, Ballot), &Decree> = BTreeMap::new();
    facts.iter().find_map(|fact| {
        let (Fact::Proposed(vote) | Fact::Cast(_, vote)) = fact else { return None };
        let Vote { instance, ballot, decree } = vote;
        let first = *seen.entry((*instance, *ballot)).or_insert(decree);
        (first != decree)
            .then(|| format!("ballot {ballot} has both {first} and {decree} at {instance}"))
    })
}

/// Whatever an acceptor has said, each of its memories must bear out.
pub(super) fn said_but_not_remembered(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| {
        let Fact::Promised(acceptor, memory, promised) = fact else { return None };
        facts.iter().find_map(|said| match said {
            Fact::SaidPromised(who, ballot) if who == acceptor && ballot > promised => {
                Some(format!("{acceptor} has promised {ballot}, but now goes by {promised}"))
            }
            Fact::SaidVoted(who, vote)
                if who == acceptor && last_vote(facts, *acceptor, *memory, vote) < vote.ballot =>
            {
                let Vote { instance, ballot, decree } = vote;
                Some(format!(
                    "{acceptor} has voted for {decree} at {instance} under {ballot}, but now goes \
                     by a vote under {}",
                    last_vote(facts, *acceptor, *memory, vote)
                ))
            }
            _ => None,
        })
    })
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

pub(super) fn applied_twice(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    applied(facts).into_iter().find_map(|(leader, instance, request)| {
        let first = seen.insert((leader, request), instance)?;
        let request = request.map_or("something unknown".to_owned(), |id| id.to_string());
        Some(format!("{leader} has applied {request} twice, at {first} and at {instance}"))
    })
}

pub(super) fn chosen_but_not_applied(_: &Members, facts: &Facts) -> Option<String> {
    let applied: BTreeSet<_> = applied(facts).into_iter().map(|(l, _, id)| (l, id)).collect();
    let learned = learned(facts);
    learned.iter().find_map(|((leader, instance), decree)| {
        let in_prefix = (0..instance.0).all(|i| learned.contains_key(&(*leader, Instance(i))));
        let id = decree.command()?.id;
        let in_time = !facts.contains(&Fact::Late(*leader, *instance));
        (in_prefix && in_time && !applied.contains(&(*leader, Some(id)))).then(|| {
            format!("{leader} knows all up to {id}, chosen at {instance}, but has not applied it")
        })
    })
}

pub(super) fn answered_but_not_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    facts.iter().find_map(|fact| match fact {
        Fact::Answered(id, Done { instance, .. })
            if !chosen.iter().any(|(i, decree, ..)| {
                i == instance && decree.command().is_some_and(|command| command.id == *id)
            }) =>
        {
            Some(format!("{id} was answered as done at {instance}, where it is not chosen"))
        }
        _ => None,
    })
}

/// An answer and the same without its reply, which is not kept any more, are one.
pub(super) fn two_answers(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    facts.iter().find_map(|fact| {
        let Fact::Answered(id, done) = fact else { return None };
        // Of the answers to one request those with a reply come first in the facts.
        let first: &Done = seen.entry(*id).or_insert(done);
        let in_words = |Done { instance, position, answer }: &Done| {
            format!("at {instance} in position {position} with {answer}")
        };
        let same_place = (first.instance, first.position) == (done.instance, done.position);
        (!same_place || !first.answer.agrees_with(&done.answer)).then(|| {
            format!("{id} was answered as done {}, and {}", in_words(first), in_words(done))
        })
    })
}

/// What each leader has taken on, and what came of it.
fn executed(facts: &Facts) -> impl Iterator<Item = (LeaderId, &[Decree], &History)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Executed(leader, executed) => Some((*leader, &executed.0[..], &executed.1)),
        _ => None,
    })
}

pub(super) fn histories_differ(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    executed(facts).find_map(|(leader, log, history)| {
        let (first, same) = *seen.entry(log).or_insert((leader, history));
        (same != history).then(|| {
            let (one, two) = (remembered(same), remembered(history));
            format!("after the same {log:?}, {first} remembers {one}, and {leader} {two}")
        })
    })
}

fn remembered(history: &History) -> String {
    let sessions = history.sessions();
    let answers = sessions.answers().map(|(id, done)| format!("{id} with {}", done.answer));
    let answers: Vec<String> = answers.collect();
    if answers.is_empty() { "nothing".to_owned() } else { answers.join(", ") }
}

pub(super) fn equal_logs(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    executed(facts).filter(|(_, _, history)| !history.applied().is_empty()).find_map(
        |(leader, log, _)| {
            let first = *seen.entry(log).or_insert(leader);
            (first != leader).then(|| format!("{first} and {leader} have both applied {log:?}"))
        },
    )
}

pub(super) fn reply_not_kept(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Answered(id, Done { answer: answer @ Answer::NotKept(_), .. }) => {
            Some(format!("{id} was answered with {answer}"))
        }
        _ => None,
    })
}

pub(super) fn answer_forgotten(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Refused(id, reason @ Refusal::Forgotten) => {
            Some(format!("the client of {id} was told: {reason}"))
        }
        _ => None,
    })
}

pub(super) fn neglected_instance(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Neglected(leader, instance) => Some(format!(
            "{leader} is primary and goes on behind instance {instance}, without proposing in it"
        )),
        _ => None,
    })
}

pub(super) fn forgotten_request(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Forgotten(leader, id) => Some(format!(
            "{leader} has taken {id} on, but neither waits to propose it, nor has proposed it, nor \
             knows it to be chosen"
        )),
        _ => None,
    })
}

pub(super) fn command_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let (instance, command, ballot, voters) =
        chosen.into_iter().find(|(_, decree, ..)| decree.command().is_some())?;
    Some(format!("{command} is chosen at {instance} under {ballot} by {voters}"))
}

pub(super) fn too_late(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Late(leader, instance) => {
            Some(format!("{leader} knows that the command at {instance} came too late"))
        }
        _ => None,
    })
}

pub(super) fn two_primaries(_: &Members, facts: &Facts) -> Option<String> {
    let primaries: Vec<String> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Primary(leader, ballot) => Some(format!("{leader} is primary under {ballot}")),
            _ => None,
        })
        .collect();
    (primaries.len() > 1).then(|| primaries.join(", and "))
}

pub(super) fn noop_below_a_command(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let (gap, ..) = chosen.iter().find(|(_, decree, ..)| **decree == Decree::Noop)?;
    let (above, command, ..) = chosen.iter().find(|(i, d, ..)| i > gap && d.command().is_some())?;
    Some(format!("a no-op is chosen at {gap}, below {command} at {above}"))
}

pub(super) fn vote_since_recovery(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| {
        let Fact::Recovered(acceptor, promised) = fact else { return None };
        let later = |(vote, who): &(&Vote, AcceptorId)| who == acceptor && vote.ballot > *promised;
        let (vote, _) = votes(facts).into_iter().find(later)?;
        Some(format!(
            "{acceptor} came back with promise {promised}, and voted under {}",
            vote.ballot
        ))
    })
}

pub(super) fn chosen_at_two_instances(members: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    chosen(members, facts).into_iter().find_map(|(instance, decree, ..)| {
        let first = *seen.entry(decree.command()?.id).or_insert(instance);
        (first != instance).then(|| format!("{decree} is chosen at {first} and at {instance}"))
    })
}

pub(super) fn request_answered(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Answered(id, done) => Some(format!("{id} is answered as done at {}", done.instance)),
        _ => None,
    })
}

pub(super) fn stepped_down(_: &Members, facts: &Facts) -> Option<String> {
    let primary =
        |leader| facts.iter().any(|f| matches!(f, Fact::Primary(who, _) if *who == leader));
    facts.iter().find_map(|fact| match fact {
        Fact::Proposed(Vote { ballot, .. }) if !primary(ballot.leader) => Some(format!(
            "{} has proposed under {ballot}, and is not primary any more",
            ballot.leader
        )),
        _ => None,
    })
}

pub(super) fn all_submitted_are_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen: BTreeSet<_> = chosen(members, facts).into_iter().map(|c| c.1.command()).collect();
    let waiting = |fact: &Fact| matches!(fact, Fact::Submitted(c) if !chosen.contains(&Some(c)));
    (!facts.iter().any(waiting)).then(|| "every submitted command is chosen".to_owned())
}

pub(super) fn all_insisted_are_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen: BTreeSet<_> = chosen(members, facts).into_iter().map(|c| c.1.command()).collect();
    let waiting = |fact: &Fact| matches!(fact, Fact::Insisted(c) if !chosen.contains(&Some(c)));
    (!facts.iter().any(waiting)).then(|| "every command of a stable leader is chosen".to_owned())
}

pub(super) fn all_requests_are_answered(_: &Members, facts: &Facts) -> Option<String> {
    let answered = |id: &RequestId| {
        facts.iter().any(|fact| matches!(fact, Fact::Answered(other, ..) if other == id))
    };
    let waiting = |fact: &Fact| matches!(fact, Fact::Requested(id) if !answered(id));
    (!facts.iter().any(waiting)).then(|| "every request is answered".to_owned())
}

/// Remembers what is chosen.
pub(super) fn what_is_chosen(members: &Members, _: &Facts, after: &Facts) -> Vec<Fact> {
    let chosen = chosen(members, after).into_iter();
    chosen.map(|(instance, decree, ..)| Fact::WasChosen(instance, decree.clone())).collect()
}

pub(super) fn chosen_otherwise_before(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    facts.iter().find_map(|fact| {
        let Fact::WasChosen(instance, decree) = fact else { return None };
        let first = *seen.entry(*instance).or_insert(decree);
        (first != decree).then(|| format!("{first} and {decree} were both chosen at {instance}"))
    })
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
            two_answers(&members(), &facts).is_some()
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
            two_answers(&members(), &all.into()).is_some(),
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
        assert_eq!(chosen_otherwise_before(&members, &after(&[&one, &again])), None);
        assert!(chosen_otherwise_before(&members, &after(&[&one, &other])).is_some());
        assert_eq!(two_values_chosen(&members, &other), None, "which the votes do not tell");
    }
}
