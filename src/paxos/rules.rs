//! The guards that safety and progress depend on, one small function each, with its source.
//!
//! They are gathered here so that a reader can compare each with its paper, and so that the model can show
//! the consequence of a wrong one. Every running node uses [`PAXOS`]: see [`Rulebook`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use super::ballot::Ballot;
use super::command::{ClientId, Command, Decree, Instance, RequestId};
use super::executor::Executor;
use super::leader::Stance;
use super::learner::Learner;
use super::limits::Limits;
use super::machine::Answer;
use super::members::Members;
use super::message::{Message, Refusal, Vote};
use super::outcome::{Outcome, Rejected, Unknown, Verdict};
use super::quorum::{AcceptorId, AcceptorSet};
use super::sessions::Retention;
use super::storage::{Record, Storage};
use super::telling::Telling;

/// The highest vote reported per instance during phase 1.
pub type Adopted = BTreeMap<Instance, (Ballot, Decree)>;

/// The decisions of the protocol.
///
/// "PMS" is Lamport's "Paxos Made Simple"; "PMMC" is van Renesse and Altinbuken's "Paxos Made
/// Moderately Complex".
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// True if an acceptor that has promised `promised` promises `asked`. True if they are equal, so that a
    /// lost answer can be asked for again (PMS 2.2, P1a).
    pub may_promise: fn(promised: Ballot, asked: Ballot) -> bool,
    /// True if an acceptor that has promised `promised` votes under `asked` (PMS 2.2, P1a).
    pub may_accept: fn(promised: Ballot, asked: Ballot) -> bool,
    /// The answer of an acceptor that refuses (PMS 2.2, "inform the proposer").
    pub refusal: fn(asked: Ballot, promised: Ballot) -> Option<Message>,
    /// The ballot under which a promise reports a vote: the one it was cast under, not the one promised since
    /// (PMS 2.2, phase 1b).
    pub reported_ballot: fn(vote: &Vote, promised: Ballot) -> Ballot,
    /// Merges one acceptor's reported votes: per instance the highest ballot among **all** the promises
    /// counts (PMS 2.2, P2c).
    pub adopt: fn(adopted: &mut Adopted, votes: Vec<Vote>),
    /// True if a promise is complete: its pages have reported all votes from `first` on, except in instances
    /// that are known to be chosen (PMS 2.2, phase 1b, and 3, for all instances at once).
    pub is_whole: fn(told: &Telling, first: Instance, learner: &Learner) -> bool,
    /// Counts an acceptor's answer: a quorum is a set of acceptors (PMS 2.2).
    pub count: fn(answered: &mut AcceptorSet, acceptor: AcceptorId),
    /// True if a candidate with these promises may propose: a phase-1 quorum has promised (PMS 2.2, phase
    /// 2a).
    pub may_propose: fn(members: &Members, promised: AcceptorSet, ballot: Ballot) -> bool,
    /// True if a decree with these votes under one ballot is chosen: they are a phase-2 quorum (PMS 2.2,
    /// 2.3).
    pub is_chosen: fn(members: &Members, voters: AcceptorSet) -> bool,
    /// The decrees that a leader sends to another that has missed them: only chosen ones (PMS 2.3).
    pub page: fn(learner: &Learner, from: Instance, until: Instance, bytes: usize) -> Vec<Decree>,
    /// The records that an acceptor recalls after a crash: all that it saved (PMS 2.5, "stable storage").
    pub recall: fn(storage: Option<&Storage>) -> Storage,
    /// The last round that a leader used before a crash (PMS 2.5, "remembers in stable storage").
    pub last_round: fn(storage: Option<&Storage>) -> u32,
    /// The instances that a new primary repairs: all from its first unknown one to the end of the instances
    /// with votes (PMS 3, the gap 135 to 137).
    pub gaps: fn(first: Instance, end: Instance) -> Range<u64>,
    /// Retains the waiting commands that are still to be proposed once phase 1 has forced older decrees: all
    /// but those that are among them (PMMC, the leader's update of its proposals with `pmax`).
    pub still_waiting: fn(waiting: &mut VecDeque<Command>, forced: &BTreeMap<Instance, Decree>),
    /// The command of a chosen decree; `None` for the no-op (PMS 3).
    pub command_of: fn(decree: &Decree) -> Option<&Command>,
    /// True if a chosen command is applied: only the first time (PMMC, the replica's `perform`).
    pub is_new: fn(history: &Executor, id: RequestId) -> bool,
    /// True if a client without a session may open one at this instance: only within its first lease, so that
    /// an expired session stays expired (Ongaro's dissertation on Raft, 6.3, where sessions are opened by a
    /// command of their own).
    pub may_open: fn(client: ClientId, instance: Instance, lease: u64) -> bool,
    /// The bounds of what is remembered of clients: those that all members share, in every stance of the
    /// leader (Ongaro's dissertation, 6.3: servers must agree on what they forget, or else they diverge).
    pub retention: fn(limits: &Limits, stance: &Stance) -> Retention,
    /// The acknowledged sequence once the answer to a request is forgotten: it includes that request, so that
    /// it is not applied again (Ongaro's dissertation, 6.3, where servers discard what clients have
    /// acknowledged).
    pub acknowledge_forgotten: fn(acknowledged: u64, sequence: u64) -> u64,
    /// The rest of an answer whose reply is dropped: it still tells that the command was applied, so that it
    /// is not applied again (PMMC, the replica's `perform`).
    pub without_reply: fn(&Answer) -> Option<Answer>,
    /// The immediate answer to a request: only if it was applied already (PMMC, the replica's `perform`).
    pub answer: fn(executor: &Executor, id: RequestId) -> Option<Message>,
    /// The verdict of a client on a refusal: rejected only if no leader can have taken the request (Herlihy
    /// and Wing 1990: an operation without a response may have taken effect).
    pub refused: fn(reason: Refusal) -> Verdict,
    /// The outcome of a request that is given up; `unsent` is the reason why it was never sent, if it was
    /// not.
    pub given_up: fn(unsent: Option<Rejected>) -> Outcome,
    /// The acknowledged sequence that a request carries, given the client's oldest unanswered request, itself
    /// included (Ongaro's dissertation, 6.3).
    pub acknowledges: fn(oldest: u64, sequence: u64) -> u64,
    /// The acknowledged sequence of a request from an earlier life: the end of the requests that its client's
    /// window had left behind.
    pub resumed_acknowledges: fn(sequence: u64, window: u64) -> u64,
    /// The sequence of a client's first request under its next lease. It continues, so that no two commands
    /// share a name.
    pub sequence_of_next_lease: fn(next: u64) -> u64,
}

/// The correct rules of the protocol.
pub const PAXOS: Rules = Rules {
    may_promise: |promised, asked| asked >= promised,
    may_accept: |promised, asked| asked >= promised,
    refusal: |asked, promised| Some(Message::Nack { ballot: asked, promised }),
    reported_ballot: |vote, _promised| vote.ballot,
    adopt: adopt_highest,
    is_whole: |told, first, learner| told.missing(first, learner).is_none(),
    count: |answered, acceptor| answered.insert(acceptor),
    may_propose: |members, promised, _ballot| members.phase1(promised),
    is_chosen: Members::phase2,
    page: Learner::page,
    recall: |storage| storage.cloned().unwrap_or_default(),
    last_round,
    gaps: |first, end| first.0..end.0,
    still_waiting,
    command_of: Decree::command,
    is_new: |history, id| !history.has(id),
    may_open: |client, instance, lease| {
        client.lease_start <= instance && instance < client.lease_start.plus(lease)
    },
    retention: |limits, _stance| Retention { lease: limits.lease, reply_bytes: limits.reply_bytes },
    acknowledge_forgotten: |acknowledged, sequence| acknowledged.max(sequence.saturating_add(1)),
    without_reply: |answer| Some(answer.without_reply()),
    answer: Executor::reply,
    refused: Refusal::verdict,
    given_up: |unsent| unsent.map_or(Outcome::Unknown(Unknown::Silence), Outcome::Rejected),
    acknowledges: |oldest, _sequence| oldest,
    resumed_acknowledges: |sequence, window| sequence.saturating_add(1).saturating_sub(window),
    sequence_of_next_lease: |next| next,
};

/// The rules that a node follows, as a type.
///
/// The runtime runs nodes of type [`Paxos`] only, so no configuration, argument or environment can select
/// another rulebook.
pub trait Rulebook: Clone + Send + Sync + 'static {
    /// True if states keep the [invariants](super::invariants) under these rules.
    const IS_SOUND: bool = false;

    /// The rules.
    fn rules(&self) -> &Rules;
}

/// The rulebook of every node that runs: [`PAXOS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Paxos;

impl Rulebook for Paxos {
    const IS_SOUND: bool = true;

    fn rules(&self) -> &Rules {
        &PAXOS
    }
}

fn adopt_highest(adopted: &mut Adopted, votes: Vec<Vote>) {
    for vote in votes {
        let known = adopted.get(&vote.instance).map_or(Ballot::NONE, |(ballot, _)| *ballot);
        if vote.ballot > known {
            adopted.insert(vote.instance, (vote.ballot, vote.decree));
        }
    }
}

fn last_round(storage: Option<&Storage>) -> u32 {
    let records = storage.map_or(&[][..], |storage| &storage.0);
    let round = |record: &Record| match record {
        Record::Round(round) => Some(*round),
        _ => None,
    };
    records.iter().filter_map(round).max().unwrap_or(0)
}

fn still_waiting(waiting: &mut VecDeque<Command>, forced: &BTreeMap<Instance, Decree>) {
    let ids: BTreeSet<_> = forced.values().filter_map(Decree::command).map(|c| c.id).collect();
    waiting.retain(|command| !ids.contains(&command.id));
}
