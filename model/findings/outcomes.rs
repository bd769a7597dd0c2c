//! What clients make of what they are told, and whether it is so.

use super::super::engine::observe::Judged;
use super::super::facts::{Fact, Facts};
use super::super::outcomes::RequestName;
use super::answers::answers;
use super::{applied, chosen, commands, learned};
use crate::paxos::{Command, Done, Instance, Members, Outcome, RequestId};

/// The ends of requests, with whom each was told.
fn settled(facts: &Facts) -> impl Iterator<Item = (u128, RequestName, &Outcome)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Settled { asker, name, outcome } => Some((*asker, *name, outcome)),
        _ => None,
    })
}

pub(in crate::model) fn rejected_but_done(_: &Members, facts: &Facts) -> Judged<String> {
    let each = settled(facts).filter_map(|(_, name, outcome)| {
        let Outcome::Rejected(why) = outcome else { return None };
        let applied = applied(facts).into_iter();
        let mut done = applied.filter(|(.., id)| id.map(RequestName::from) == Some(name));
        Some(done.next().map(|(leader, instance, _)| {
            format!("{name} was rejected ({why}), and {leader} has applied it at {instance}")
        }))
    });
    each.collect()
}

/// Replies are judged when they are sent: a client may take any of them at its word. What clients have
/// taken is judged too, as they may have taken it for another.
pub(in crate::model) fn done_but_not_applied(members: &Members, facts: &Facts) -> Judged<String> {
    let (chosen, learned) = (chosen(members, facts), learned(facts));
    let told = answers(facts).map(|(id, done)| (RequestName::from(*id), done));
    let taken = settled(facts).filter_map(|(_, name, outcome)| match outcome {
        Outcome::Done(done) => Some((name, done)),
        _ => None,
    });
    let each = told.chain(taken).map(|(name, Done { instance, position, .. })| {
        let mut commands = commands(&chosen);
        if !commands.any(|(i, command)| i == *instance && name == command.id.into()) {
            return Some(format!("{name} was told done at {instance}, where it is not chosen"));
        }
        let knows = |leader| (0..=instance.0).all(|i| learned.contains_key(&(leader, Instance(i))));
        let leaders = learned.keys().filter(|(leader, i)| i == instance && knows(*leader));
        let mut others = leaders.map(|(leader, _)| *leader);
        let leader = others
            .find(|leader| !facts.contains(&Fact::Applied(*leader, *position, *instance)))?;
        Some(format!(
            "{name} was told done at {instance} after {position} others, and {leader} has not applied \
             it so"
        ))
    });
    each.collect()
}

pub(in crate::model) fn unknown_but_never_sent(_: &Members, facts: &Facts) -> Judged<String> {
    let each = settled(facts).filter_map(|(asker, name, outcome)| {
        let Outcome::Unknown(why) = outcome else { return None };
        let mut requests = facts.iter().filter_map(|fact| match fact {
            Fact::Requested(id) => Some(RequestName::from(*id)),
            _ => None,
        });
        let mut own = settled(facts).filter(|(who, which, _)| (*who, *which) == (asker, name));
        let was_done = own.any(|(.., outcome)| matches!(outcome, Outcome::Done(_)));
        let never_sent = !requests.any(|request| request == name);
        let wrong =
            if never_sent { Some("was never sent") } else { was_done.then_some("was answered") };
        Some(wrong.map(|wrong| format!("of {name}, which {wrong}, its client was told: {why}")))
    });
    each.collect()
}

/// A client says that it waits no longer only for what has ended, so that what it waits for is not
/// forgotten.
pub(in crate::model) fn unended_but_acknowledged(_: &Members, facts: &Facts) -> Judged<String> {
    let requests = || {
        facts.iter().filter_map(|fact| match fact {
            Fact::Requested(id) => Some(*id),
            _ => None,
        })
    };
    let commands = facts.iter().filter_map(|fact| match fact {
        Fact::Submitted(command) if requests().any(|id| id == command.id) => Some(command),
        _ => None,
    });
    let each = commands.map(|Command { id, acknowledged, .. }| {
        let ended = |id: RequestId| settled(facts).any(|(_, name, _)| name == id.into());
        let mut earlier =
            requests().filter(|other| other.client == id.client && other.sequence < *acknowledged);
        let open = earlier.find(|other| !ended(*other))?;
        Some(format!("{id} acknowledges {open}, which has not ended"))
    });
    each.collect()
}

pub(in crate::model) fn request_rejected(_: &Members, facts: &Facts) -> Judged<String> {
    let each = settled(facts).map(|(_, name, outcome)| match outcome {
        Outcome::Rejected(why) => Some(format!("{name} is rejected: {why}")),
        _ => None,
    });
    each.collect()
}

pub(in crate::model) fn outcome_unknown(_: &Members, facts: &Facts) -> Judged<String> {
    let each = settled(facts).map(|(_, name, outcome)| match outcome {
        Outcome::Unknown(why) => Some(format!("of {name} its client knows nothing: {why}")),
        _ => None,
    });
    each.collect()
}

/// A request under a lease that did not start with the history, and is done.
pub(in crate::model) fn late_client_served(_: &Members, facts: &Facts) -> Judged<String> {
    let each = answers(facts).map(|(id, done)| {
        let late = id.client.lease_start > Instance(0);
        late.then(|| {
            format!("{id}, of a lease from {}, is done at {}", id.client.lease_start, done.instance)
        })
    });
    each.collect()
}
