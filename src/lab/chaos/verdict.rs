//! The verdict on all that clients were told, given the final histories of the leaders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::lab::linear::{Operation, check};
use crate::machine::kv::{KvCommand, KvStore};
use crate::paxos::{Answer, AnyStateMachine, Decree, Done, RequestId};

/// The most steps of the linearizability search, for each key.
const BUDGET: u64 = 100_000_000;

/// One request, and the answer to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The command, the reply and their times.
    pub operation: Operation,
    /// The name under which it was asked last; `None` if it was never sent.
    pub id: Option<RequestId>,
    /// The outcome that the client was told.
    pub told: Told,
}

/// The outcome of a request, as the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done.
    Done(Done),
    /// Not done, and never will be.
    Rejected,
    /// Outcome unknown.
    Unknown,
}

impl Told {
    /// True if the command may have changed or read the store.
    fn may_have_effect(&self) -> bool {
        match self {
            Told::Done(done) => done.answer != Answer::Panicked,
            Told::Unknown => true,
            Told::Rejected => false,
        }
    }
}

/// A leader's history: the chosen decrees, each with true if it was applied there.
pub type History = Vec<(Decree, bool)>;

/// The findings of the judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The number of requests acknowledged as done.
    pub acknowledged: u64,
    /// The number of requests with an unknown outcome.
    pub unknown: u64,
    /// The number of acknowledged requests that some leader does not have in the instance and position that
    /// the client was told.
    pub lost: u64,
    /// The number of commands that some leader has applied more than once, also under different names: all
    /// writes differ.
    pub applied_twice: u64,
    /// The number of requests rejected as not done that some leader has applied.
    pub done_after_all: u64,
    /// The number of answers that do not follow from the history.
    pub wrong_answers: u64,
    /// True if all leaders have the same history.
    pub histories_equal: bool,
    /// The reason why the clients' operations are not known to be linearizable, if they are not.
    pub doubt: Option<String>,
}

impl Verdict {
    /// True if nothing is wrong.
    pub fn holds(&self) -> bool {
        self.faults() == 0 && self.histories_equal && self.doubt.is_none()
    }

    fn faults(&self) -> u64 {
        self.lost + self.applied_twice + self.done_after_all + self.wrong_answers
    }
}

/// Judges the answers to clients by the leaders' histories, and by linearizability alone.
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
            Told::Rejected => {
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

/// True for a command whose payload occurs once only: all written values differ.
fn writes(payload: &[u8]) -> bool {
    let command = KvCommand::decode(payload);
    matches!(command, Some(KvCommand::Put { .. } | KvCommand::CompareAndSet { .. }))
}

/// The commands applied in a history, with the answers of a store of our own.
struct Applied {
    done: BTreeMap<RequestId, Done>,
    /// The payloads that were applied more than once.
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

    /// Three correct puts, one after another: the answers and the history.
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
        asked[2].told = Told::Rejected;
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

    /// A repeated request may be answered as done, without the reply.
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

    /// An answer that the store panicked is wrong, but does not put the other operations in doubt.
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
