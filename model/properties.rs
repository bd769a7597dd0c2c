//! What must hold, what must be reachable, and what must stay reachable.
//!
//! Each property looks for a finding in the facts, and says in words what it found: a violation,
//! an example, or a goal, by its [`Kind`].

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Fact, Facts, Memory, Topic};
use crate::paxos::{
    AcceptorId, AcceptorSet, Ballot, Decree, Instance, LeaderId, Members, RequestId, Vote,
};

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A violation: in no reachable state may it be found.
    Always,
    /// An example: in some reachable state it must be found, or the system shows too little.
    Sometimes,
    /// A goal: from every reachable state, one where it is found must be reachable.
    StaysPossible,
}

impl Kind {
    /// The kind in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Always => "always",
            Kind::Sometimes => "sometimes",
            Kind::StaysPossible => "stays possible",
        }
    }
}

/// A named property.
#[derive(Debug)]
pub struct Property {
    /// Its name, the same in reports, mutants and proofs.
    pub name: &'static str,
    /// What a finding means.
    pub kind: Kind,
    /// What it looks at.
    pub topics: &'static [Topic],
    /// What it finds in them, in words.
    pub find: fn(&Members, &Facts) -> Option<String>,
}

/// All properties there are. Every system is held to all that are of kind [`Kind::Always`].
pub static PROPERTIES: [Property; 19] = [
    Property {
        name: "one value per instance",
        kind: Kind::Always,
        topics: &[Topic::Voted],
        find: two_values_chosen,
    },
    Property {
        name: "only what is chosen is learned",
        kind: Kind::Always,
        topics: &[Topic::Voted, Topic::Learned],
        find: learned_but_not_chosen,
    },
    Property {
        name: "only what was submitted is chosen",
        kind: Kind::Always,
        topics: &[Topic::Voted, Topic::Submitted],
        find: chosen_but_not_submitted,
    },
    Property {
        name: "one value per ballot",
        kind: Kind::Always,
        topics: &[Topic::Voted, Topic::Proposed],
        find: two_values_in_a_ballot,
    },
    Property {
        name: "memory never goes back",
        kind: Kind::Always,
        topics: &[Topic::Voted, Topic::Promised],
        find: said_but_not_remembered,
    },
    Property {
        name: "nothing is applied twice",
        kind: Kind::Always,
        topics: &[Topic::Applied, Topic::Learned],
        find: applied_twice,
    },
    Property {
        name: "every chosen command is applied",
        kind: Kind::Always,
        topics: &[Topic::Applied, Topic::Learned],
        find: chosen_but_not_applied,
    },
    Property {
        name: "what is answered is chosen",
        kind: Kind::Always,
        topics: &[Topic::Voted, Topic::Answered],
        find: answered_but_not_chosen,
    },
    Property {
        name: "one answer per request",
        kind: Kind::Always,
        topics: &[Topic::Answered],
        find: two_answers,
    },
    Property {
        name: "no gap is left",
        kind: Kind::Always,
        topics: &[Topic::Neglected],
        find: neglected_instance,
    },
    Property {
        name: "no request is forgotten",
        kind: Kind::Always,
        topics: &[Topic::Forgotten],
        find: forgotten_request,
    },
    Property {
        name: "a command is chosen",
        kind: Kind::Sometimes,
        topics: &[Topic::Voted],
        find: command_chosen,
    },
    Property {
        name: "two primaries at once",
        kind: Kind::Sometimes,
        topics: &[Topic::Primary],
        find: two_primaries,
    },
    Property {
        name: "a gap is filled by a no-op",
        kind: Kind::Sometimes,
        topics: &[Topic::Voted],
        find: noop_below_a_command,
    },
    Property {
        name: "a recovered acceptor votes",
        kind: Kind::Sometimes,
        topics: &[Topic::Voted, Topic::Recovered],
        find: vote_since_recovery,
    },
    Property {
        name: "a command is chosen at two instances",
        kind: Kind::Sometimes,
        topics: &[Topic::Voted],
        find: chosen_at_two_instances,
    },
    Property {
        name: "a request is answered",
        kind: Kind::Sometimes,
        topics: &[Topic::Answered],
        find: request_answered,
    },
    Property {
        name: "a primary steps down",
        kind: Kind::Sometimes,
        topics: &[Topic::Proposed, Topic::Primary],
        find: stepped_down,
    },
    Property {
        name: "every command can still be chosen",
        kind: Kind::StaysPossible,
        topics: &[Topic::Voted, Topic::Submitted],
        find: all_submitted_are_chosen,
    },
];

/// The property of this name.
pub fn property(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

/// Every vote that was ever cast, with who cast it. What an acceptor goes by may have replaced a
/// vote; what it has said stays said.
fn votes(facts: &Facts) -> BTreeSet<(&Vote, AcceptorId)> {
    let vote = |fact| match fact {
        &Fact::Voted(acceptor, _, ref vote) | &Fact::SaidVoted(acceptor, ref vote) => {
            Some((vote, acceptor))
        }
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

fn two_values_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let pairs = chosen.iter().flat_map(|one| chosen.iter().map(move |two| (one, two)));
    let (one, two) = pairs.into_iter().find(|(one, two)| one.0 == two.0 && one.1 < two.1)?;
    let by = |c: &Choice<'_>| format!("{} was chosen under {} by {}", c.1, c.2, c.3);
    Some(format!("instance {}: {}, and {}", one.0, by(one), by(two)))
}

fn learned_but_not_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    facts.iter().find_map(|fact| match fact {
        Fact::Learned(leader, instance, decree) if !is_chosen(&chosen, *instance, decree) => {
            Some(format!("{leader} takes {decree} to be chosen at {instance}, which it is not"))
        }
        _ => None,
    })
}

fn chosen_but_not_submitted(members: &Members, facts: &Facts) -> Option<String> {
    chosen(members, facts).into_iter().find_map(|(instance, decree, ..)| {
        let command = decree.command()?;
        let submitted = |fact: &Fact| matches!(fact, Fact::Submitted(other) if other == command);
        (!facts.iter().any(submitted))
            .then(|| format!("{command} is chosen at {instance}, but nobody has submitted it"))
    })
}

fn two_values_in_a_ballot(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen: BTreeMap<(Instance, Ballot), &Decree> = BTreeMap::new();
    facts.iter().find_map(|fact| {
        let (Fact::Proposed(vote) | Fact::Voted(_, _, vote) | Fact::SaidVoted(_, vote)) = fact
        else {
            return None;
        };
        let Vote { instance, ballot, decree } = vote;
        let first = *seen.entry((*instance, *ballot)).or_insert(decree);
        (first != decree)
            .then(|| format!("ballot {ballot} has both {first} and {decree} at {instance}"))
    })
}

/// Whatever an acceptor has said, each of its memories must bear out.
fn said_but_not_remembered(_: &Members, facts: &Facts) -> Option<String> {
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

fn applied_twice(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    applied(facts).into_iter().find_map(|(leader, instance, request)| {
        let first = seen.insert((leader, request), instance)?;
        let request = request.map_or("something unknown".to_owned(), |id| id.to_string());
        Some(format!("{leader} has applied {request} twice, at {first} and at {instance}"))
    })
}

fn chosen_but_not_applied(_: &Members, facts: &Facts) -> Option<String> {
    let applied: BTreeSet<_> = applied(facts).into_iter().map(|(l, _, id)| (l, id)).collect();
    let learned = learned(facts);
    learned.iter().find_map(|((leader, instance), decree)| {
        let in_prefix = (0..instance.0).all(|i| learned.contains_key(&(*leader, Instance(i))));
        let id = decree.command()?.id;
        (in_prefix && !applied.contains(&(*leader, Some(id)))).then(|| {
            format!("{leader} knows all up to {id}, chosen at {instance}, but has not applied it")
        })
    })
}

fn answered_but_not_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    facts.iter().find_map(|fact| match fact {
        Fact::Answered(id, instance, _)
            if !chosen.iter().any(|(i, decree, ..)| {
                i == instance && decree.command().is_some_and(|command| command.id == *id)
            }) =>
        {
            Some(format!("{id} was answered as done at {instance}, where it is not chosen"))
        }
        _ => None,
    })
}

fn two_answers(_: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    facts.iter().find_map(|fact| {
        let Fact::Answered(id, instance, position) = fact else { return None };
        let answer = (*instance, *position);
        let first: (Instance, u64) = *seen.entry(*id).or_insert(answer);
        (first != answer).then(|| {
            format!(
                "{id} was answered as done at {} in position {}, and at {instance} in position \
                 {position}",
                first.0, first.1
            )
        })
    })
}

fn neglected_instance(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Neglected(leader, instance) => Some(format!(
            "{leader} is primary and goes on behind instance {instance}, without proposing in it"
        )),
        _ => None,
    })
}

fn forgotten_request(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Forgotten(leader, id) => Some(format!(
            "{leader} has taken {id} on, but neither waits to propose it, nor has proposed it, nor \
             knows it to be chosen"
        )),
        _ => None,
    })
}

fn command_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let (instance, command, ballot, voters) =
        chosen.into_iter().find(|(_, decree, ..)| decree.command().is_some())?;
    Some(format!("{command} is chosen at {instance} under {ballot} by {voters}"))
}

fn two_primaries(_: &Members, facts: &Facts) -> Option<String> {
    let primaries: Vec<String> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Primary(leader, ballot) => Some(format!("{leader} is primary under {ballot}")),
            _ => None,
        })
        .collect();
    (primaries.len() > 1).then(|| primaries.join(", and "))
}

fn noop_below_a_command(members: &Members, facts: &Facts) -> Option<String> {
    let chosen = chosen(members, facts);
    let (gap, ..) = chosen.iter().find(|(_, decree, ..)| **decree == Decree::Noop)?;
    let (above, command, ..) = chosen.iter().find(|(i, d, ..)| i > gap && d.command().is_some())?;
    Some(format!("a no-op is chosen at {gap}, below {command} at {above}"))
}

fn vote_since_recovery(_: &Members, facts: &Facts) -> Option<String> {
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

fn chosen_at_two_instances(members: &Members, facts: &Facts) -> Option<String> {
    let mut seen = BTreeMap::new();
    chosen(members, facts).into_iter().find_map(|(instance, decree, ..)| {
        let first = *seen.entry(decree.command()?.id).or_insert(instance);
        (first != instance).then(|| format!("{decree} is chosen at {first} and at {instance}"))
    })
}

fn request_answered(_: &Members, facts: &Facts) -> Option<String> {
    facts.iter().find_map(|fact| match fact {
        Fact::Answered(id, instance, _) => Some(format!("{id} is answered as done at {instance}")),
        _ => None,
    })
}

fn stepped_down(_: &Members, facts: &Facts) -> Option<String> {
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

fn all_submitted_are_chosen(members: &Members, facts: &Facts) -> Option<String> {
    let chosen: BTreeSet<_> = chosen(members, facts).into_iter().map(|c| c.1.command()).collect();
    let waiting = |fact: &Fact| matches!(fact, Fact::Submitted(c) if !chosen.contains(&Some(c)));
    (!facts.iter().any(waiting)).then(|| "every submitted command is chosen".to_owned())
}
