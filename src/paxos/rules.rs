//! The guards that safety and progress stand on, one small function each, with its source.
//!
//! They are gathered here so that a reader can hold each against its paper, and so that the model
//! can show what breaks when one is wrong. Every node that runs uses [`PAXOS`]: see
//! [`Rulebook`].

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
    /// Whether an acceptor that has promised `promised` promises `asked`. Equal is yes, so that a
    /// lost answer can be asked for again (PMS 2.2, P1a).
    pub may_promise: fn(promised: Ballot, asked: Ballot) -> bool,
    /// Whether an acceptor that has promised `promised` votes under `asked` (PMS 2.2, P1a).
    pub may_accept: fn(promised: Ballot, asked: Ballot) -> bool,
    /// What an acceptor answers when it refuses (PMS 2.2, "inform the proposer").
    pub refusal: fn(asked: Ballot, promised: Ballot) -> Option<Message>,
    /// The ballot under which a promise reports a vote: the one it was cast under, not the one
    /// promised since (PMS 2.2, phase 1b).
    pub reported_ballot: fn(vote: &Vote, promised: Ballot) -> Ballot,
    /// Takes one acceptor's votes into account: per instance the highest ballot among **all** the
    /// promises counts (PMS 2.2, P2c).
    pub adopt: fn(adopted: &mut Adopted, votes: Vec<Vote>),
    /// Whether a promise has come in whole: once its pages have told of all votes from `first` on, but
    /// for those where it is known what was chosen (PMS 2.2, phase 1b, and 3, for all instances at once).
    pub is_whole: fn(told: &Telling, first: Instance, learner: &Learner) -> bool,
    /// Counts an acceptor's answer: a quorum is a set of acceptors (PMS 2.2).
    pub count: fn(answered: &mut AcceptorSet, acceptor: AcceptorId),
    /// Whether a candidate with these promises may propose: once a phase-1 quorum has promised
    /// (PMS 2.2, phase 2a).
    pub may_propose: fn(members: &Members, promised: AcceptorSet, ballot: Ballot) -> bool,
    /// Whether a decree is chosen that these acceptors have voted for under one ballot: a phase-2
    /// quorum (PMS 2.2, 2.3).
    pub is_chosen: fn(members: &Members, voters: AcceptorSet) -> bool,
    /// What a leader tells another that has missed something: only what is chosen (PMS 2.3).
    pub page: fn(learner: &Learner, from: Instance, until: Instance, bytes: usize) -> Vec<Decree>,
    /// What an acceptor knows after a crash: all that it saved (PMS 2.5, "stable storage").
    pub recall: fn(storage: Option<&Storage>) -> Storage,
    /// The last round that a leader used before a crash (PMS 2.5, "remembers in stable storage").
    pub last_round: fn(storage: Option<&Storage>) -> u32,
    /// Which instances a new primary has to repair: all from its first unknown one to the end of
    /// what anyone has voted on (PMS 3, the gap 135 to 137).
    pub gaps: fn(first: Instance, end: Instance) -> Range<u64>,
    /// Which waiting commands are still to be proposed once phase 1 has forced older values: all
    /// but those that are among them (PMMC, the leader's update of its
    /// proposals with `pmax`).
    pub still_waiting: fn(waiting: &mut VecDeque<Command>, forced: &BTreeMap<Instance, Decree>),
    /// The command that a chosen decree stands for; none for the no-op (PMS 3).
    pub command_of: fn(decree: &Decree) -> Option<&Command>,
    /// Whether a chosen command is applied: only the first time (PMMC, the replica's `perform`).
    pub is_new: fn(history: &Executor, id: RequestId) -> bool,
    /// Whether a client of which nothing is remembered may open a session at this instance: only
    /// within its first lease, so that one that has expired stays so (Ongaro's dissertation on
    /// Raft, 6.3, where sessions are opened by a command of their own).
    pub may_open: fn(client: ClientId, instance: Instance, lease: u64) -> bool,
    /// How much is remembered of clients: what all members share, whatever this leader takes itself for
    /// (Ongaro's dissertation, 6.3: servers must agree on what they forget, or else they diverge).
    pub retention: fn(limits: &Limits, stance: &Stance) -> Retention,
    /// What counts as acknowledged once the answer to a request is forgotten: that request too, so that
    /// it is not applied again (Ongaro's dissertation, 6.3, where servers discard what clients have
    /// acknowledged).
    pub acknowledge_forgotten: fn(acknowledged: u64, sequence: u64) -> u64,
    /// What stays of an answer whose reply is not kept any more: that there is one, so that its command
    /// is not applied again (PMMC, the replica's `perform`).
    pub without_reply: fn(&Answer) -> Option<Answer>,
    /// The answer to a request that has just come in: only to one that was applied (PMMC, the
    /// replica's `perform`).
    pub answer: fn(executor: &Executor, id: RequestId) -> Option<Message>,
    /// What a client makes of a refusal: only what no leader can have taken is rejected (Herlihy and
    /// Wing 1990: an operation without a response may have taken effect).
    pub refused: fn(reason: Refusal) -> Verdict,
    /// What becomes of a request that is given up; `unsent` says why it was never sent, if it was not.
    pub given_up: fn(unsent: Option<Rejected>) -> Outcome,
    /// What a request says to be acknowledged, given the client's oldest one that is unanswered, itself
    /// included (Ongaro's dissertation, 6.3).
    pub acknowledges: fn(oldest: u64, sequence: u64) -> u64,
    /// The same of a request of an earlier life: what its client's window had left behind.
    pub resumed_acknowledges: fn(sequence: u64, window: u64) -> u64,
    /// The sequence of a client's first request under its next lease. It goes on, so that one name is
    /// never given to two commands.
    pub sequence_of_next_lease: fn(next: u64) -> u64,
}

/// The protocol as it should be.
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
    resumed_acknowledges: |sequence, window| (sequence + 1).saturating_sub(window),
    sequence_of_next_lease: |next| next,
};

/// Which rules a node follows.
///
/// A node's rules are part of its type, and the runtime runs nodes of type [`Paxos`] only, so
/// that no configuration, argument or environment can switch another rulebook on.
pub trait Rulebook: Clone + Send + Sync + 'static {
    /// The rules.
    fn rules(&self) -> &Rules;
}

/// The rulebook of every node that runs: [`PAXOS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Paxos;

impl Rulebook for Paxos {
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
