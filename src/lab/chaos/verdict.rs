//! The verdict on all that clients were told, given the final histories of the leaders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::workload::Workload;
use crate::paxos::{Answer, Decree, Done, Instance, RequestId};

/// One request of a client, and what it was told.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The client.
    pub client: u64,
    /// The command that it asked for.
    pub command: Vec<u8>,
    /// The time at which it asked: nanoseconds since the experiment began.
    pub asked: u64,
    /// The time at which it was told, or gave up.
    pub answered: u64,
    /// The name under which it asked last; none if nobody could be asked.
    pub id: Option<RequestId>,
    /// What it was told.
    pub told: Told,
}

/// The word that a client has of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done.
    Done(Done),
    /// Not done, and never will be.
    Rejected,
    /// Outcome unknown.
    Unknown,
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
    /// Applied before another that had been answered when this was asked for.
    pub out_of_order: u64,
    /// The fault that the workload's own judge finds, if it finds one.
    pub doubt: Option<String>,
}

impl Verdict {
    /// True if nothing is wrong.
    pub fn holds(&self) -> bool {
        self.faults() == 0 && self.histories_equal && self.doubt.is_none()
    }

    fn faults(&self) -> u64 {
        self.lost
            + self.applied_twice
            + self.done_after_all
            + self.wrong_answers
            + self.out_of_order
    }
}

/// Judges the answers to clients by the leaders' histories, and by the workload's own judge.
pub fn judge(workload: &impl Workload, exchanges: &[Exchange], histories: &[History]) -> Verdict {
    let told = |wanted: fn(&Told) -> bool| exchanges.iter().filter(|it| wanted(&it.told)).count();
    let mut verdict = Verdict {
        acknowledged: told(|told| matches!(told, Told::Done(_))) as u64,
        unknown: told(|told| *told == Told::Unknown) as u64,
        histories_equal: histories.windows(2).all(|pair| pair.first() == pair.last()),
        out_of_order: out_of_order(exchanges),
        doubt: workload.judge(exchanges),
        ..Verdict::default()
    };
    let applied: Vec<Applied> =
        histories.iter().map(|history| Applied::of(workload, history)).collect();
    let twice: BTreeSet<&Arc<[u8]>> = applied.iter().flat_map(|a| &a.twice).collect();
    verdict.applied_twice = twice.len() as u64;
    for Exchange { id, told, .. } in exchanges {
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

/// Counts the requests that were applied before one that had been answered when they were asked for.
fn out_of_order(exchanges: &[Exchange]) -> u64 {
    let done = |it: &Exchange| match &it.told {
        Told::Done(done) => Some((it.asked, it.answered, done.position)),
        _ => None,
    };
    let done: Vec<(u64, u64, u64)> = exchanges.iter().filter_map(done).collect();
    let mut answered: Vec<(u64, u64)> =
        done.iter().map(|(_, at, position)| (*at, *position)).collect();
    answered.sort_unstable();
    // The last position that is known at each answer.
    let mut last = 0;
    for (_, position) in &mut answered {
        last = last.max(*position);
        *position = last;
    }
    let overtook = |(asked, _, position): &&(u64, u64, u64)| {
        let earlier = answered.partition_point(|(at, _)| at < asked);
        let known = earlier.checked_sub(1).and_then(|at| answered.get(at));
        known.is_some_and(|(_, last)| last > position)
    };
    done.iter().filter(overtook).count() as u64
}

/// What a history says that was applied, and what a machine of our own answers.
struct Applied {
    done: BTreeMap<RequestId, Done>,
    /// The commands that were applied more than once.
    twice: BTreeSet<Arc<[u8]>>,
}

impl Applied {
    fn of(workload: &impl Workload, history: &[(Decree, bool)]) -> Self {
        let mut machine = workload.machine();
        let (mut done, mut unique, mut twice) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let applied = (0..).map(Instance).zip(history).filter(|(_, (_, applied))| *applied);
        for (position, (instance, (decree, _))) in (0..).zip(applied) {
            let Some(command) = decree.command() else { continue };
            let payload = Arc::clone(&command.payload);
            let before = machine.clone();
            let answer = machine.apply(&payload).unwrap_or_else(|_| {
                machine = before;
                Answer::Panicked
            });
            let again = done.insert(command.id, Done { instance, position, answer }).is_some();
            let is_unique = workload.is_unique(&payload);
            if again || (is_unique && !unique.insert(Arc::clone(&payload))) {
                twice.insert(payload);
            }
        }
        Applied { done, twice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::chaos::store::StoreWorkload;
    use crate::machine::kv::{KvCommand, KvReply, KvStore};
    use crate::paxos::{AnyStateMachine, ClientId, Command};

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
    fn sound() -> (Vec<Exchange>, History) {
        let history: History = (0..3).map(|n| (decree(n), true)).collect();
        let mut machine = AnyStateMachine::new(KvStore::default());
        let asked = (0..3).map(|n| {
            let command = put(n).encode().unwrap();
            let answer = machine.apply(&command).unwrap();
            let told = Told::Done(Done { instance: Instance(n), position: n, answer });
            let (asked, answered) = (10 * n, 10 * n + 5);
            Exchange { client: 1, command, asked, answered, id: Some(id(n)), told }
        });
        (asked.collect(), history)
    }

    fn judge(exchanges: &[Exchange], histories: &[History]) -> Verdict {
        super::judge(&StoreWorkload::new(1), exchanges, histories)
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
        let Told::Done(done) = &mut asked[1].told else { unreachable!() };
        done.answer = done.answer.without_reply();
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
        let verdict = judge(&asked, &[history]);
        assert!(verdict.wrong_answers == 1 && verdict.doubt.is_none(), "{verdict:?}");
    }

    #[test]
    fn a_story_that_no_store_can_tell_is_doubted() {
        let (mut asked, history) = sound();
        let Told::Done(done) = &mut asked[2].told else { unreachable!() };
        done.answer = Answer::Reply(KvReply::Replaced(None).encode().into());
        let verdict = judge(&asked, &[history]);
        assert!(!verdict.holds() && verdict.doubt.is_some(), "{verdict:?}");
    }

    #[test]
    fn a_command_before_one_that_had_been_answered_is_out_of_order() {
        let (mut asked, history) = sound();
        (asked[0].asked, asked[0].answered) = (16, 19);
        let verdict = judge(&asked, std::slice::from_ref(&history));
        assert!(!verdict.holds() && verdict.out_of_order == 1, "{verdict:?}");
        asked[0].asked = 15;
        assert_eq!(judge(&asked, &[history]).out_of_order, 0, "both at the same time");
    }
}
