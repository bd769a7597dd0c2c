//! Mutants: the protocol with one fault each, which the checks must find.
//!
//! They are the faults of the teaching implementation that this project rebuilds, faults of disks, and of
//! clients and how they are remembered. Each replaces a
//! rule or two of [`PAXOS`], or the model of the disk. A mutant is a [`Rulebook`] of its own, so a
//! mutated node has another type than one that the runtime can run.

use super::engine::faults::DiskModel;
use super::error::CheckError;
use crate::paxos::learner::Learner;
use crate::paxos::{
    AcceptorId, AcceptorSet, Adopted, Answer, Decree, Done, Executor, Instance, Limits, Message,
    Outcome, PAXOS, Record, Refusal, Rejected, RequestId, Retention, Rulebook, Rules, Stance,
    Storage, Unknown, Verdict, Vote,
};

/// The relation of a fault's steps to the specification that is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strays {
    /// It endangers agreement, so some step is not a step of the specification.
    Yes,
    /// It misuses a log that is agreed on, or stops its growth.
    No,
    /// It is a client's. The specification leaves open what clients ask for, so there is nothing to hold
    /// it to; and a client that asks again and again has too many states.
    OfClient,
}

/// A fault, with the system and the property that must catch it.
#[derive(Debug)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// A description of the fault in a sentence.
    pub fault: &'static str,
    /// The rules, with one or two replaced.
    pub rules: Rules,
    /// The model of the disk, which may be at fault instead.
    pub machine: DiskModel,
    /// The system that it is caught in.
    pub system: &'static str,
    /// The property that catches it.
    pub property: &'static str,
    /// The relation of its steps to the specification.
    pub strays: Strays,
}

impl Mutant {
    /// The error of a mutant that names a system or property that does not exist.
    pub(crate) fn misnamed(&self, missing: &'static str) -> CheckError {
        CheckError::Misnamed { mutant: self.name, missing }
    }
}

impl Rulebook for &'static Mutant {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

const AGREEMENT: &str = "one value per instance";

/// All mutants.
pub static MUTANTS: [Mutant; 34] = [
    Mutant {
        name: "swapped-ballot-order",
        fault: "an acceptor compares ballots by leader and then by round when it votes",
        rules: Rules {
            may_accept: |promised, asked| {
                (asked.leader, asked.round) >= (promised.leader, promised.round)
            },
            ..PAXOS
        },
        machine: DiskModel::Sound,
        system: "comeback",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "stale-accept",
        fault: "an acceptor votes under a ballot although it has promised a higher one",
        rules: Rules { may_accept: |_, _| true, ..PAXOS },
        machine: DiskModel::Sound,
        system: "dueling",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "promise-reports-wrong-ballot",
        fault: "a promise reports a vote under the ballot promised, not the one it was cast under",
        rules: Rules { reported_ballot: |_, promised| promised, ..PAXOS },
        machine: DiskModel::Sound,
        system: "three-ballots",
        property: "only what is chosen is learned",
        strays: Strays::Yes,
    },
    Mutant {
        name: "only-last-promise-counts",
        fault: "a leader looks only at the votes in the promise that completes the quorum",
        rules: Rules { adopt: adopt_last, ..PAXOS },
        machine: DiskModel::Sound,
        system: "dueling",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "part-of-a-promise-counts",
        fault: "a leader takes a promise to be whole once the first of its pages has come",
        rules: Rules { is_whole: |told, _, _| told.has_news(), ..PAXOS },
        machine: DiskModel::Sound,
        system: "pages",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "duplicate-votes-count",
        fault: "a leader counts answers, not the acceptors that sent them",
        rules: Rules { count: count_answers, ..PAXOS },
        machine: DiskModel::Sound,
        system: "dueling",
        property: "only what is chosen is learned",
        strays: Strays::Yes,
    },
    Mutant {
        name: "amnesia",
        fault: "an acceptor comes back from a crash with an empty memory",
        rules: Rules { recall: |_| Storage(Vec::new()), ..PAXOS },
        machine: DiskModel::Sound,
        system: "acceptor-crash",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "ballot-reuse",
        fault: "a leader that comes back from a crash counts its rounds from the start",
        rules: Rules { last_round: |_| 0, ..PAXOS },
        machine: DiskModel::Sound,
        system: "leader-crash",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "lost-command",
        fault: "each older value that phase 1 forces costs the leader a waiting command",
        rules: Rules {
            still_waiting: |waiting, forced| {
                (PAXOS.still_waiting)(waiting, forced);
                waiting.drain(..forced.len().min(waiting.len()));
            },
            ..PAXOS
        },
        machine: DiskModel::Sound,
        system: "dueling",
        property: "no request is forgotten",
        strays: Strays::No,
    },
    Mutant {
        name: "double-decide",
        fault: "a command that phase 1 forces is proposed again in a new instance, and applied again",
        rules: Rules { still_waiting: |_, _| {}, is_new: |_, _| true, ..PAXOS },
        machine: DiskModel::Sound,
        system: "retry",
        property: "nothing is applied twice",
        strays: Strays::No,
    },
    Mutant {
        name: "no-op-is-a-value",
        fault: "the no-op is the integer 0, which is also a command",
        rules: Rules {
            command_of: |decree| decree.command().filter(|command| *command.payload != *b"0"),
            ..PAXOS
        },
        machine: DiskModel::Sound,
        system: "retry",
        property: "every chosen command is applied",
        strays: Strays::No,
    },
    Mutant {
        name: "silent-reject",
        fault: "an acceptor that refuses says nothing",
        rules: Rules { refusal: |_, _| None, ..PAXOS },
        machine: DiskModel::Sound,
        system: "progress",
        property: "every command can still be chosen",
        strays: Strays::No,
    },
    Mutant {
        name: "late-gap",
        fault: "a new primary repairs from instance 1 on, and stops one short",
        rules: Rules { gaps: |first, end| first.0.max(1)..end.0.saturating_sub(1), ..PAXOS },
        machine: DiskModel::Sound,
        system: "gap",
        property: "no gap is left",
        strays: Strays::No,
    },
    Mutant {
        name: "send-before-save",
        fault: "a machine sends what a step asks for, and saves afterwards",
        rules: PAXOS,
        machine: DiskModel::SendsFirst,
        system: "acceptor-crashes",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "last-save-lost",
        fault: "a disk loses what was saved last when its machine crashes",
        rules: PAXOS,
        machine: DiskModel::LosesLastSave,
        system: "acceptor-crashes",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "promise-forgotten",
        fault: "an acceptor that comes back from a crash remembers its votes, but not its promise",
        rules: Rules { recall: recall_votes, ..PAXOS },
        machine: DiskModel::Sound,
        system: "acceptor-crashes",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "quorums-that-do-not-meet",
        fault: "one promise is enough to propose",
        rules: Rules { may_propose: |_, promised, _| !promised.is_empty(), ..PAXOS },
        machine: DiskModel::Sound,
        system: "passive",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "one-vote-is-enough",
        fault: "a learner takes a decree to be chosen once one acceptor has voted for it",
        rules: Rules { is_chosen: |_, voters| !voters.is_empty(), ..PAXOS },
        machine: DiskModel::Sound,
        system: "passive",
        property: "only what is chosen is learned",
        strays: Strays::Yes,
    },
    Mutant {
        name: "no-phase-one-after-crash",
        fault: "a leader that comes back from a crash proposes without asking for promises",
        rules: Rules {
            may_propose: |members, promised, ballot| ballot.round > 1 || members.phase1(promised),
            ..PAXOS
        },
        machine: DiskModel::Sound,
        system: "leader-crashes",
        property: AGREEMENT,
        strays: Strays::Yes,
    },
    Mutant {
        name: "expired-sessions-open-again",
        fault: "a client whose session has expired may open another under the same name",
        rules: Rules { may_open: |_, _, _| true, ..PAXOS },
        machine: DiskModel::Sound,
        system: "expiry",
        property: "nothing is applied twice",
        strays: Strays::No,
    },
    Mutant {
        name: "answer-lost-with-its-reply",
        fault: "once a reply is not kept any more, nothing is known of its request",
        rules: Rules { without_reply: |_| None, ..PAXOS },
        machine: DiskModel::Sound,
        system: "short-memory",
        property: "nothing is applied twice",
        strays: Strays::No,
    },
    Mutant {
        name: "forgotten-not-acknowledged",
        fault: "an answer is forgotten, and its request does not count as acknowledged",
        rules: Rules { acknowledge_forgotten: |acknowledged, _| acknowledged, ..PAXOS },
        machine: DiskModel::Sound,
        system: "short-memory",
        property: "nothing is applied twice",
        strays: Strays::No,
    },
    Mutant {
        name: "only-primaries-keep-replies",
        fault: "a leader that is not primary keeps no replies, as nobody asks it",
        rules: Rules { retention: retention_of_primaries, ..PAXOS },
        machine: DiskModel::Sound,
        system: "short-memory",
        property: "equal logs, equal histories",
        strays: Strays::No,
    },
    Mutant {
        name: "catch-up-trusts-votes",
        fault: "a leader that is asked for what was chosen adds what was voted for",
        rules: Rules { page: page_of_votes, ..PAXOS },
        machine: DiskModel::Sound,
        system: "catch-up",
        property: "only what is chosen is learned",
        strays: Strays::Yes,
    },
    Mutant {
        name: "done-before-chosen",
        fault: "a leader answers a request when it takes it",
        rules: Rules { answer: answer_at_once, ..PAXOS },
        machine: DiskModel::Sound,
        system: "redirected",
        property: "done is chosen and applied",
        strays: Strays::No,
    },
    Mutant {
        name: "expired-is-rejected",
        fault: "a client takes a request for rejected that was sent, because its session has expired",
        rules: Rules { refused: |reason| rejected_if(reason, Refusal::Expired), ..PAXOS },
        machine: DiskModel::Sound,
        system: "expired",
        property: "rejected is never done",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "forgotten-is-rejected",
        fault: "a client takes a request for rejected because its answer is forgotten",
        rules: Rules { refused: |reason| rejected_if(reason, Refusal::Forgotten), ..PAXOS },
        machine: DiskModel::Sound,
        system: "short-memory",
        property: "rejected is never done",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "overloaded-is-rejected",
        fault: "a client takes a request for rejected because one leader has too many",
        rules: Rules { refused: |reason| rejected_if(reason, Refusal::Overloaded), ..PAXOS },
        machine: DiskModel::Sound,
        system: "overloaded",
        property: "rejected is never done",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "expired-is-asked-again-under-a-new-name",
        fault: "told that its session has expired, a client asks for the same under its next lease",
        rules: Rules { refused: anew_if_expired, ..PAXOS },
        machine: DiskModel::Sound,
        system: "expired",
        property: "nothing is applied twice",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "given-up-is-rejected",
        fault: "a client takes a request for rejected because nobody has answered in time",
        rules: Rules {
            given_up: |unsent| Outcome::Rejected(unsent.unwrap_or(Rejected::NoPrimary)),
            ..PAXOS
        },
        machine: DiskModel::Sound,
        system: "given-up",
        property: "rejected is never done",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "never-sent-is-unknown",
        fault: "a client does not know that it has never sent a request",
        rules: Rules { given_up: |_| Outcome::Unknown(Unknown::Silence), ..PAXOS },
        machine: DiskModel::Sound,
        system: "late",
        property: "unknown only if sent and not answered",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "sequence-starts-anew",
        fault: "a client counts its requests from 0 under each lease",
        rules: Rules { sequence_of_next_lease: |_| 0, ..PAXOS },
        machine: DiskModel::Sound,
        system: "rests",
        property: "nothing is applied twice",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "unanswered-is-acknowledged",
        fault: "a request acknowledges all earlier ones, answered or not",
        rules: Rules { acknowledges: |_, sequence| sequence, ..PAXOS },
        machine: DiskModel::Sound,
        system: "two-at-once",
        property: "only what has ended is acknowledged",
        strays: Strays::OfClient,
    },
    Mutant {
        name: "resumed-acknowledges-all",
        fault: "a request that is resumed acknowledges all earlier ones, which may be resumed too",
        rules: Rules { resumed_acknowledges: |sequence, _| sequence, ..PAXOS },
        machine: DiskModel::Sound,
        system: "next-life",
        property: "only what has ended is acknowledged",
        strays: Strays::OfClient,
    },
];

/// The mutant of this name.
pub fn mutant(name: &str) -> Option<&'static Mutant> {
    MUTANTS.iter().find(|mutant| mutant.name == name)
}

fn adopt_last(adopted: &mut Adopted, votes: Vec<Vote>) {
    adopted.clear();
    (PAXOS.adopt)(adopted, votes);
}

fn count_answers(answered: &mut AcceptorSet, _from: AcceptorId) {
    let absent = (0..).map(AcceptorId).find(|acceptor| !answered.contains(*acceptor));
    answered.insert(absent.unwrap_or_default());
}

fn retention_of_primaries(limits: &Limits, stance: &Stance) -> Retention {
    let retention = (PAXOS.retention)(limits, stance);
    match stance {
        Stance::Primary(_) => retention,
        Stance::Candidate(_) | Stance::Follower(_) => Retention { reply_bytes: 0, ..retention },
    }
}

fn recall_votes(storage: Option<&Storage>) -> Storage {
    let mut recalled = (PAXOS.recall)(storage);
    let Storage(records) = &mut recalled;
    records.retain(|record| !matches!(record, Record::Promised(_)));
    recalled
}

fn page_of_votes(learner: &Learner, from: Instance, _: Instance, _: usize) -> Vec<Decree> {
    let decree = |instance| {
        let voted = || learner.voted(instance).last().map(|(_, decree)| decree);
        learner.get(instance).or_else(voted).cloned()
    };
    (from.0..learner.end().0).map(Instance).map_while(decree).collect()
}

fn answer_at_once(executor: &Executor, id: RequestId) -> Option<Message> {
    let position = executor.applied().len() as u64;
    let done = Done { instance: Instance(position), position, answer: Answer::TooLong(0) };
    (PAXOS.answer)(executor, id).or(Some(Message::Reply { id, done }))
}

fn rejected_if(reason: Refusal, wrong: Refusal) -> Verdict {
    if reason == wrong {
        return Verdict::Settled(Outcome::Rejected(Rejected::HistoryFull));
    }
    (PAXOS.refused)(reason)
}

fn anew_if_expired(reason: Refusal) -> Verdict {
    if reason == Refusal::Expired { Verdict::Anew } else { (PAXOS.refused)(reason) }
}
