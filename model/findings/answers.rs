//! Findings about the answers that clients are sent, and what leaders remember of them.

use std::collections::BTreeMap;

use super::super::engine::observe::Judged;
use super::super::facts::{Fact, Facts};
use crate::paxos::{Answer, Decree, Done, Executor, LeaderId, Members, Refusal, RequestId};

/// The answers that clients were sent.
pub(super) fn answers(facts: &Facts) -> impl Iterator<Item = (&RequestId, &Done)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Answered(id, done) => Some((id, done)),
        _ => None,
    })
}

/// Compares answers to the same request. An answer whose reply is not kept any more equals the one
/// with the reply.
pub(in crate::model) fn two_answers(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let in_words = |Done { instance, position, answer }: &Done| {
        format!("at {instance} in position {position} with {answer}")
    };
    let each = answers(facts).map(|(id, done)| {
        // Of the answers to one request, those with a reply come first in the order of facts.
        let first: &Done = seen.entry(id).or_insert(done);
        let same_place = (first.instance, first.position) == (done.instance, done.position);
        (!same_place || !first.answer.agrees_with(&done.answer)).then(|| {
            format!("{id} was answered as done {}, and {}", in_words(first), in_words(done))
        })
    });
    each.collect()
}

/// The decrees that each leader has executed, with the result.
fn executed(facts: &Facts) -> impl Iterator<Item = (LeaderId, &[Decree], &Executor)> {
    facts.iter().filter_map(|fact| match fact {
        Fact::Executed(leader, executed) => Some((*leader, &executed.0[..], &executed.1)),
        _ => None,
    })
}

/// Compares leaders that have executed the same decrees. There is something to judge once two have
/// executed the same nonempty sequence.
pub(in crate::model) fn histories_differ(_: &Members, facts: &Facts) -> Judged<String> {
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

fn remembered(history: &Executor) -> String {
    let sessions = history.sessions();
    let answers = sessions.answers().map(|(id, done)| format!("{id} with {}", done.answer));
    let answers: Vec<String> = answers.collect();
    if answers.is_empty() { "nothing".to_owned() } else { answers.join(", ") }
}

pub(in crate::model) fn equal_logs(_: &Members, facts: &Facts) -> Judged<String> {
    let mut seen = BTreeMap::new();
    let applied = executed(facts).filter(|(_, _, history)| !history.applied().is_empty());
    let each = applied.map(|(leader, log, _)| {
        let first = *seen.entry(log).or_insert(leader);
        (first != leader).then(|| format!("{first} and {leader} have both applied {log:?}"))
    });
    each.collect()
}

pub(in crate::model) fn reply_not_kept(_: &Members, facts: &Facts) -> Judged<String> {
    let each = answers(facts).map(|(id, Done { answer, .. })| {
        let not_kept = matches!(answer, Answer::NotKept(_));
        not_kept.then(|| format!("{id} was answered with {answer}"))
    });
    each.collect()
}

pub(in crate::model) fn answer_forgotten(_: &Members, facts: &Facts) -> Judged<String> {
    let each = facts.iter().filter_map(|fact| match fact {
        Fact::Refused(id, reason @ Refusal::Forgotten) => {
            Some(Some(format!("the client of {id} was told: {reason}")))
        }
        _ => None,
    });
    each.collect()
}

pub(in crate::model) fn request_answered(_: &Members, facts: &Facts) -> Judged<String> {
    let each = answers(facts);
    each.map(|(id, done)| Some(format!("{id} is answered as done at {}", done.instance))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::members;
    use super::*;
    use crate::paxos::Instance;

    /// An answer may lose its reply, but nothing else of it may change.
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
}
