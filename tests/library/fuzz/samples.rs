//! Valid values of everything that is ever decoded.

use crate::machine::kv::{KvCommand, KvReply};
use crate::paxos::limits::{MAX_COMMAND, MAX_DATAGRAM, PAGE};
use crate::paxos::{
    Answer, Ballot, ClientId, Command, Decree, Done, Instance, LeaderId, Message, Record, Refusal,
    RequestId, Vote,
};
use crate::runtime::chain::HistoryDigest;
use crate::runtime::counters::Counts;
use crate::runtime::handshake::Handshake;
use crate::runtime::identity::{ClusterId, ClusterIdentity, MemberRoles};
use crate::runtime::inquiry::{
    AcceptorStatus, LeaderStatus, Page, Report, RoleStatus, Status, StatusRequest,
};
use crate::runtime::journal::JournalStats;
use crate::runtime::journal::identity::JournalId;
use crate::runtime::journal::peers::Remembered;
use crate::runtime::notice::Notice;
use crate::runtime::udp::Network;
use crate::tests::common::{KINDS, kind_of};
use fastrand::Rng;
use serde::Serialize;
use serde_bytes::ByteBuf;

/// How many of each.
const EACH: usize = 1000;

pub(crate) struct Samples {
    pub(crate) messages: Vec<Message>,
    pub(crate) inquiries: Vec<StatusRequest>,
    pub(crate) reports: Vec<Report>,
    pub(crate) handshakes: Vec<Handshake>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) commands: Vec<KvCommand>,
    pub(crate) replies: Vec<KvReply>,
    /// Lists of bytes: what a ledger holds, and keys and values in turn.
    pub(crate) lists: Vec<Vec<Vec<u8>>>,
    pub(crate) records: Vec<Vec<Record>>,
    /// Identities of clusters, as text.
    pub(crate) clusters: Vec<String>,
}

/// Samples by a seed.
pub(crate) fn samples(seed: u64) -> Samples {
    let random = &mut Rng::with_seed(seed);
    Samples {
        messages: some(random, message),
        inquiries: some(random, inquiry),
        reports: some(random, report),
        handshakes: some(random, handshake),
        notices: some(random, notice),
        commands: some(random, kv_command),
        replies: some(random, kv_reply),
        lists: some(random, |random| many(random, 20, bytes)),
        records: some(random, |random| many(random, 40, record)),
        clusters: some(random, |random| identity(random).to_string()),
    }
}

/// A value's bytes, as bincode writes them.
pub(crate) fn encoded(value: &impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap()
}

fn some<T>(random: &mut Rng, one: impl Fn(&mut Rng) -> T) -> Vec<T> {
    (0..EACH).map(|_| one(random)).collect()
}

fn list<T>(random: &mut Rng, most: usize, one: impl Fn(&mut Rng) -> T) -> Vec<T> {
    let most = if random.u8(..16) == 0 { most } else { 4 };
    (0..random.usize(..=most)).map(|_| one(random)).collect()
}

/// The same, or rarely thousands of one.
fn many<T: Clone>(random: &mut Rng, most: usize, one: impl Fn(&mut Rng) -> T) -> Vec<T> {
    match random.u8(..64) {
        0 => vec![one(random); random.usize(..3000)],
        _ => list(random, most, one),
    }
}

/// Numbers of all sizes.
fn number(random: &mut Rng) -> u64 {
    random.u64(..) >> random.u32(..64)
}

/// Few are long.
fn bytes(random: &mut Rng) -> Vec<u8> {
    let most = if random.u8(..64) == 0 { MAX_COMMAND / 4 } else { 60 };
    (0..random.usize(..=most)).map(|_| random.u8(..)).collect()
}

fn maybe<T>(random: &mut Rng, one: impl Fn(&mut Rng) -> T) -> Option<T> {
    random.bool().then(|| one(random))
}

fn instance(random: &mut Rng) -> Instance {
    Instance(number(random))
}

fn ballot(random: &mut Rng) -> Ballot {
    Ballot { round: number(random) as u32, leader: LeaderId(random.u16(..)) }
}

fn id(random: &mut Rng) -> RequestId {
    let client = ClientId { lease_start: instance(random), number: number(random).into() };
    RequestId { client, sequence: number(random) }
}

fn command(random: &mut Rng) -> Command {
    let (id, acknowledged) = (id(random), number(random));
    Command { id, acknowledged, payload: bytes(random).into() }
}

fn decree(random: &mut Rng) -> Decree {
    if random.bool() { Decree::Noop } else { Decree::Command(command(random)) }
}

fn vote(random: &mut Rng) -> Vote {
    Vote { instance: instance(random), ballot: ballot(random), decree: decree(random) }
}

fn record(random: &mut Rng) -> Record {
    match random.u8(..4) {
        0 => Record::Round(number(random) as u32),
        1 => Record::Promised(ballot(random)),
        _ => Record::Voted(vote(random)),
    }
}

/// Decrees of a page; of no-ops now and then, as those have the most memory for their bytes. Few are
/// as many as no page has, and a datagram could have.
fn decrees(random: &mut Rng) -> Vec<Decree> {
    match random.u8(..64) {
        0 => vec![Decree::Noop; random.usize(..MAX_DATAGRAM / 2 - 100)],
        1..8 => vec![Decree::Noop; random.usize(..PAGE / Decree::Noop.size())],
        _ => list(random, 20, decree),
    }
}

fn answer(random: &mut Rng) -> Answer {
    match random.u8(..5) {
        0 => Answer::TooLong(number(random)),
        2 => Answer::NotKept(number(random)),
        1 => Answer::Panicked,
        _ => Answer::Reply(bytes(random).into()),
    }
}

fn message(random: &mut Rng) -> Message {
    let (one, two) = (ballot(random), ballot(random));
    let (from, until) = (instance(random), instance(random));
    match random.u8(..16) {
        0 => Message::Request(command(random)),
        1 => {
            let done = Done { instance: from, position: number(random), answer: answer(random) };
            Message::Reply { id: id(random), done }
        }
        2 => Message::Redirect { id: id(random), primary: maybe(random, |r| LeaderId(r.u16(..))) },
        3 => Message::Refused { id: id(random), reason: Refusal::Overloaded },
        4 => Message::Prepare { ballot: one, from, pages: number(random) as u32 },
        5 => {
            let votes = list(random, 40, vote);
            Message::Promise {
                ballot: one,
                from,
                votes,
                next: maybe(random, instance),
                end: maybe(random, instance),
            }
        }
        6 => Message::Accept { ballot: one, instance: from, decree: decree(random) },
        7 => Message::Accepted(vote(random)),
        8 => Message::Nack { ballot: one, promised: two },
        9 => Message::Heartbeat { ballot: one, chosen: from },
        10 => Message::CatchUp { from, until },
        11 => Message::Open { number: number(random).into() },
        12 => Message::Opened(id(random).client),
        13 => {
            let primary = maybe(random, |r| LeaderId(r.u16(..)));
            Message::NotOpened { number: number(random).into(), primary }
        }
        14 => Message::Candidacy { ballot: one },
        _ => Message::Chosen { first: from, decrees: decrees(random), until },
    }
}

/// A message that is added is tried too, or this fails.
#[test]
fn every_message_is_a_sample() {
    let mut random = Rng::with_seed(1);
    let tried = (0..1000).map(|_| kind_of(&message(&mut random)));
    assert_eq!(tried.collect::<std::collections::BTreeSet<_>>().len(), KINDS);
}

fn inquiry(random: &mut Rng) -> StatusRequest {
    match random.u8(..3) {
        0 => StatusRequest::Status,
        1 => StatusRequest::Log(instance(random)),
        _ => StatusRequest::Digest(instance(random)),
    }
}

fn journal(random: &mut Rng) -> JournalStats {
    let (bytes, syncs) = (number(random), number(random));
    let last_sync_ms_ago = maybe(random, number);
    JournalStats { bytes, syncs, last_sync_ms_ago, ..JournalStats::default() }
}

fn report(random: &mut Rng) -> Report {
    if random.u8(..4) == 0 {
        let digest = maybe(random, |random| {
            HistoryDigest(number(random).to_le_bytes().repeat(2).try_into().unwrap())
        });
        return Report::Digest(instance(random), digest);
    }
    let counts = Counts { received: number(random), sent: number(random), ..Counts::default() };
    let role = match random.u8(..4) {
        0 => RoleStatus::Client,
        1 => {
            RoleStatus::Acceptor(AcceptorStatus { promised: ballot(random), votes: number(random) })
        }
        2 => RoleStatus::Leader(LeaderStatus {
            current: random.bool(),
            stance: "candidate".to_owned(),
            primary: maybe(random, |random| LeaderId(random.u16(..))),
            ballot: ballot(random),
            first_unchosen: instance(random),
            applied: number(random),
            beyond: number(random),
            gaps: number(random),
            sessions: number(random),
        }),
        _ => {
            let entries = decrees(random).into_iter().map(|decree| (decree, true)).collect();
            let (first, first_unchosen) = (instance(random), instance(random));
            return Report::Log(Page { first, entries, first_unchosen });
        }
    };
    let (journal, waits_for) = (maybe(random, journal), list(random, 9, text));
    let network = Network { dropped: maybe(random, number), ..Network::default() };
    Report::Status(Box::new(Status { role, counts, network, journal, waits_for }))
}

fn text(random: &mut Rng) -> String {
    (0..random.usize(..40)).map(|_| random.alphanumeric()).collect()
}

fn journal_id(random: &mut Rng) -> JournalId {
    JournalId(random.u128(..) >> random.u32(..128))
}

fn handshake(random: &mut Rng) -> Handshake {
    let remembered = |random: &mut Rng| {
        let (journal, life, age) = (journal_id(random), random.u128(..), number(random));
        Remembered { journal, life, age }
    };
    let (journal, remembers) = (journal_id(random), maybe(random, remembered));
    let (life, began) = (random.u128(..), number(random));
    Handshake { journal, life, began, remembers, asks: random.bool() }
}

pub(crate) fn identity(random: &mut Rng) -> ClusterIdentity {
    let member = |random: &mut Rng| MemberRoles {
        name: text(random),
        leader: random.bool(),
        acceptor: random.bool(),
    };
    ClusterIdentity {
        id: ClusterId(random.u128(..)),
        name: text(random),
        machine: text(random),
        lease: number(random),
        reply_bytes: number(random),
        quorums: (random.usize(..99), random.usize(..99)),
        members: list(random, 9, member),
    }
}

fn notice(random: &mut Rng) -> Notice {
    Notice { here: text(random), cluster: identity(random).brief() }
}

fn kv_command(random: &mut Rng) -> KvCommand {
    let (key, value) = (bytes(random), bytes(random));
    match random.u8(..5) {
        0 => KvCommand::Get { key },
        1 => KvCommand::Put { key, value },
        2 => KvCommand::Delete { key },
        3 => KvCommand::List { prefix: key, after: maybe(random, bytes), limit: number(random) },
        _ => KvCommand::CompareAndSet { key, expected: maybe(random, bytes), value },
    }
}

fn kv_reply(random: &mut Rng) -> KvReply {
    let value = maybe(random, bytes);
    match random.u8(..5) {
        0 => KvReply::Value(value),
        1 => KvReply::Replaced(value),
        2 => KvReply::Differs(value),
        3 => KvReply::Keys {
            keys: list(random, 9, |random| ByteBuf::from(bytes(random))),
            more: random.bool(),
        },
        _ => KvReply::NoCommand,
    }
}
