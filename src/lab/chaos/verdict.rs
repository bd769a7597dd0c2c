//! What is made of all that clients were told, and of the histories that the leaders have in the
//! end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::lab::linear::{Operation, check};
use crate::machine::kv::{KvCommand, KvStore};
use crate::paxos::{Answer, AnyStateMachine, Decree, Done, RequestId};

/// How many steps the search for an order may take, for each key.
const BUDGET: u64 = 100_000_000;

/// One request, and what its client was told.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What was asked, when, and what was answered.
    pub operation: Operation,
    /// The name under which it was asked last; none if nobody could be asked.
    pub id: Option<RequestId>,
    /// What its client was told.
    pub told: Told,
}

/// What a client was told of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was done.
    Done(Done),
    /// It was not done, and never will be.
    NotDone,
    /// Nothing.
    Unknown,
}

impl Told {
    /// Whether the command may have changed or shown what is there.
    fn may_have_effect(&self) -> bool {
        match self {
            Told::Done(done) => done.answer != Answer::Panicked,
            Told::Unknown => true,
            Told::NotDone => false,
        }
    }
}

/// A leader's history: what was chosen, and whether it was applied there.
pub type History = Vec<(Decree, bool)>;

/// What is made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many requests were acknowledged as done.
    pub acknowledged: u64,
    /// How many were left open: nobody knows whether they were done.
    pub unknown: u64,
    /// Acknowledged, and not found in some leader's history where it was said to be.
    pub lost: u64,
    /// Applied more than once by some leader, be it under another name: no two writes are alike.
    pub applied_twice: u64,
    /// Said not to be done, and applied by some leader.
    pub done_after_all: u64,
    /// Answered otherwise than the history explains.
    pub wrong_answers: u64,
    /// Whether all leaders have the same history.
    pub histories_equal: bool,
    /// Why the clients' story may not be linearizable, if it may not.
    pub doubt: Option<String>,
}

impl Verdict {
    /// Whether all is well.
    pub fn holds(&self) -> bool {
        self.faults() == 0 && self.histories_equal && self.doubt.is_none()
    }

    fn faults(&self) -> u64 {
        self.lost + self.applied_twice + self.done_after_all + self.wrong_answers
    }
}

/// Judges.
pub fn judge(asked: &[Endpoint], histories: &[History]) -> Verdict {
    let told =
        |wanted: fn(&Told) -> bool| asked.iter().filter(|asked| wanted(&asked.told)).count() as u64;
    let operations: Vec<Operation> = asked
        .iter()
        .filter(|asked| asked.told.may_have_effect())
        .map(|asked| asked.operation.clone())
        .collect();
    let mut verdict = Verdict {
        acknowledged: told(|told| matches!(told, Told::Done(_))),
        unknown: told(|told| *told == Told::Unknown),
        histories_equal: histories.windows(2).all(|pair| pair.first() == pair.last()),
        doubt: check(&operations, BUDGET).err().map(|doubt| doubt.to_string()),
        ..Verdict::default()
    };
    let applied: Vec<Applied> = histories.iter().map(|history| Applied::of(history)).collect();
    let twice: BTreeSet<&Arc<[u8]>> = applied.iter().flat_map(|a| &a.twice).collect();
    verdict.applied_twice = twice.len() as u64;
    for Endpoint { id, told, .. } in asked {
        let Some(id) = id else { continue };
        match told {
            Told::Unknown => {}
            Told::NotDone => {
                verdict.done_after_all +=
                    u64::from(applied.iter().any(|a| a.done.contains_key(id)));
            }
            Told::Done(done) => {
                let there = |applied: &Applied| {
                    let found = applied.done.get(id);
                    found
                        .is_some_and(|f| (f.instance, f.position) == (done.instance, done.position))
                };
                let as_said = |applied: &Applied| {
                    applied.done.get(id).is_some_and(|found| found.answer.agrees_with(&done.answer))
                };
                verdict.lost += u64::from(!applied.iter().all(there));
                verdict.wrong_answers += u64::from(!applied.iter().all(as_said));
            }
        }
    }
    verdict
}

/// Whether this is a write, of which no two are alike.
fn writes(payload: &[u8]) -> bool {
    let command = KvCommand::decode(payload);
    matches!(command, Some(KvCommand::Put { .. } | KvCommand::CompareAndSet { .. }))
}

/// What a history says that was applied, and what a store of our own answers.
struct Applied {
    done: BTreeMap<RequestId, Done>,
    /// What was written more than once.
    twice: BTreeSet<Arc<[u8]>>,
}

impl Applied {
    fn of(history: &[(Decree, bool)]) -> Self {
        let mut machine = AnyStateMachine::new(KvStore::default());
        let (mut done, mut written, mut twice) =
            (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let applied = (0..).map(crate::paxos::Instance).zip(history);
        let applied = applied.filter(|(_, (_, applied))| *applied);
        for (position, (instance, (decree, _))) in (0..).zip(applied) {
            let Some(command) = decree.command() else { continue };
            // This store never panics. If it did, its answers would be wrong from here on.
            let answer = machine.apply(&command.payload).unwrap_or(Answer::Panicked);
            let again = done.insert(command.id, Done { instance, position, answer }).is_some();
            let payload = Arc::clone(&command.payload);
            if again || (writes(&payload) && !written.insert(Arc::clone(&payload))) {
                twice.insert(payload);
            }
        }
        Applied { done, twice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::kv::KvReply;
    use crate::paxos::{ClientId, Command, Instance};

    fn id(sequence: u64) -> RequestId {
        RequestId { client: ClientId::original(1), sequence }
    }

    fn put(value: u64) -> KvCommand {
        KvCommand::Put { key: b"k".to_vec(), value: value.to_string().into_bytes() }
    }

    fn decree(sequence: u64) -> Decree {
        let payload = put(sequence).encode().unwrap().into();
        Decree::Command(Command { id: id(sequence), acknowledged: 0, payload })
    }

    /// Three puts, one after another, as they should be: the history, and what was told.
    fn sound() -> (Vec<Endpoint>, History) {
        let history: History = (0..3).map(|n| (decree(n), true)).collect();
        let mut machine = AnyStateMachine::new(KvStore::default());
        let asked = (0..3).map(|n| {
            let answer = machine.apply(&put(n).encode().unwrap()).unwrap();
            let Answer::Reply(bytes) = &answer else { unreachable!() };
            let outcome = Some((10 * n + 5, KvReply::decode(bytes).unwrap()));
            let operation = Operation { client: 1, command: put(n), start: 10 * n, outcome };
            let told = Told::Done(Done { instance: Instance(n), position: n, answer });
            Endpoint { operation, id: Some(id(n)), told }
        });
        (asked.collect(), history)
    }

    #[test]
    fn what_is_sound_holds() {
        let (asked, history) = sound();
        let verdict = judge(&asked, &[history.clone(), history]);
        assert!(verdict.holds() && verdict.acknowledged == 3, "{verdict:?}");
    }

    #[test]
    fn an_acknowledged_command_that_one_leader_lacks_is_lost() {
        let (asked, history) = sound();
        let short = history[..2].to_vec();
        let verdict = judge(&asked, &[history, short]);
        assert!(!verdict.holds() && !verdict.histories_equal && verdict.lost == 1, "{verdict:?}");
    }

    #[test]
    fn a_command_at_another_place_than_was_told_is_lost() {
        let (asked, mut history) = sound();
        history.insert(1, (Decree::Noop, false));
        assert_eq!(judge(&asked, &[history]).lost, 2);
    }

    #[test]
    fn a_command_that_is_applied_twice_is_found() {
        let (asked, mut history) = sound();
        history.push((decree(1), true));
        let verdict = judge(&asked, &[history.clone()]);
        assert!(!verdict.holds() && verdict.applied_twice == 1, "{verdict:?}");
        let Decree::Command(again) = decree(1) else { unreachable!() };
        let other = Command { id: id(7), ..again };
        history[3].0 = Decree::Command(other);
        assert_eq!(judge(&asked, &[history.clone()]).applied_twice, 1, "under another name");
        history[3] = (decree(1), false);
        assert!(judge(&asked, &[history]).holds(), "chosen twice, and applied once");
    }

    #[test]
    fn what_was_said_not_to_be_done_must_not_be() {
        let (mut asked, history) = sound();
        asked[2].told = Told::NotDone;
        assert_eq!(judge(&asked, std::slice::from_ref(&history)).done_after_all, 1);
        asked[2].told = Told::Unknown;
        asked[2].operation.outcome = None;
        let verdict = judge(&asked, &[history]);
        assert!(verdict.holds() && verdict.unknown == 1, "{verdict:?}");
    }

    #[test]
    fn an_answer_that_the_history_does_not_explain_is_wrong() {
        let (mut asked, history) = sound();
        let Told::Done(done) = &mut asked[1].told else { unreachable!() };
        done.answer = Answer::TooLong(1);
        assert_eq!(judge(&asked, std::slice::from_ref(&history)).wrong_answers, 1);
        let Told::Done(done) = &mut asked[1].told else { unreachable!() };
        done.answer = Answer::NotKept(1);
        assert_eq!(judge(&asked, &[history]).wrong_answers, 1, "a reply of another length");
    }

    /// Whoever asks again may be told that a request was done, without the reply.
    #[test]
    fn an_answer_whose_reply_is_not_kept_is_right() {
        let (mut asked, history) = sound();
        let Endpoint { operation, told: Told::Done(done), .. } = &mut asked[1] else {
            unreachable!()
        };
        (done.answer, operation.outcome) = (done.answer.without_reply(), None);
        assert!(matches!(done.answer, Answer::NotKept(_)));
        let verdict = judge(&asked, &[history.clone(), history]);
        assert!(verdict.holds() && verdict.acknowledged == 3, "{verdict:?}");
    }

    /// Whoever is told that the store panicked is told wrongly, but the others' story is not doubted
    /// because of it.
    #[test]
    fn a_panic_has_no_effect() {
        let (mut asked, history) = sound();
        let Told::Done(done) = &mut asked[2].told else { unreachable!() };
        done.answer = Answer::Panicked;
        asked[2].operation.outcome = None;
        let verdict = judge(&asked, &[history]);
        assert!(verdict.wrong_answers == 1 && verdict.doubt.is_none(), "{verdict:?}");
    }

    #[test]
    fn a_story_that_no_store_can_tell_is_doubted() {
        let (mut asked, history) = sound();
        asked[2].operation.outcome = Some((25, KvReply::Replaced(None)));
        let verdict = judge(&asked, &[history]);
        assert!(!verdict.holds() && verdict.doubt.is_some(), "{verdict:?}");
    }
}
