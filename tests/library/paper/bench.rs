//! One real member on a bench: it is told things, and what it saves, sends and sets is recorded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::paxos::leader::{self, Stance};
use crate::paxos::*;
use stateright::actor::{Actor, Command as Effect, Id, Out};

/// There are three leaders, then the acceptors, then everybody else.
pub(crate) fn leader(number: usize) -> Id {
    Id::from(number)
}

pub(crate) fn acceptor(number: usize) -> Id {
    Id::from(3 + number)
}

pub(crate) fn client(number: usize) -> Id {
    Id::from(100 + number)
}

/// What was sent, in order.
pub(crate) type Sent = Vec<(Id, Message)>;

pub(crate) struct Bench {
    pub(crate) node: Node,
    pub(crate) state: State,
    /// One entry per save.
    pub(crate) saved: Vec<Storage>,
    pub(crate) timers: BTreeSet<Timer>,
    /// How long each timer takes that was set last.
    ranges: BTreeMap<Timer, Range<Duration>>,
    /// What the last step sent.
    pub(crate) sent: Sent,
}

impl Bench {
    pub(crate) fn start(role: Role, saving: Saving, storage: Option<Storage>) -> Self {
        let node = Node::new(role, saving, Timing::default());
        let mut out = Out::new();
        let state = node.on_start(Id::default(), &storage, &mut out);
        let (timers, ranges) = (BTreeSet::new(), BTreeMap::new());
        let mut bench = Bench { node, state, saved: Vec::new(), timers, ranges, sent: Sent::new() };
        bench.record(out);
        bench
    }

    /// The first acceptor of a cluster of three.
    pub(crate) fn acceptor(limits: Limits) -> Self {
        let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup: three(limits) });
        Bench::start(role, Saving::Changes, None)
    }

    pub(crate) fn leader(me: u16, start: Start, setup: Arc<Setup>) -> Self {
        let role = Role::Leader(a_leader(me, start, setup));
        Bench::start(role, Saving::Changes, None)
    }

    /// A leader that waits for a heartbeat, in a cluster with three acceptors.
    pub(crate) fn follower(me: u16, limits: Limits) -> Self {
        Bench::leader(me, Start::Follow, three(limits))
    }

    /// A leader that has just asked for promises under `(1, me)`.
    pub(crate) fn candidate(me: u16, limits: Limits) -> Self {
        Bench::leader(me, Start::Campaign, three(limits))
    }

    /// A leader with promises of the first two acceptors under `(1, me)`, which report nothing.
    pub(crate) fn primary(me: u16, limits: Limits) -> Self {
        let mut bench = Bench::candidate(me, limits);
        for number in 0..2 {
            bench.hear(acceptor(number), promise(ballot(1, me), &[]));
        }
        assert!(bench.is_primary());
        bench
    }

    pub(crate) fn hear(&mut self, from: Id, message: Message) -> Sent {
        let (mut state, mut out) = (Cow::Owned(self.state.clone()), Out::new());
        self.node.on_msg(Id::default(), &mut state, from, message, &mut out);
        self.take(state.into_owned());
        self.record(out)
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Sent {
        self.timers.remove(&timer);
        let (mut state, mut out) = (Cow::Owned(self.state.clone()), Out::new());
        self.node.on_timeout(Id::default(), &mut state, &timer, &mut out);
        self.take(state.into_owned());
        self.record(out)
    }

    fn take(&mut self, after: State) {
        assert_eq!(after.invariants().and_then(|()| after.follows(&self.state)), Ok(()));
        self.state = after;
    }

    /// The first `votes` acceptors vote under `ballot`; returns what was sent after the last vote.
    pub(crate) fn hear_votes(&mut self, votes: usize, vote: &Vote) -> Sent {
        (0..votes).for_each(|n| drop(self.hear(acceptor(n), Message::Accepted(vote.clone()))));
        self.sent.clone()
    }

    /// Whatever a step does, it saves before it sends, once at most, and sets timers last (PMS 2.5:
    /// "records its intended response in stable storage before actually sending the response").
    fn record(&mut self, out: Out<Node>) -> Sent {
        let (mut saves, mut timers, mut sent) = (0, 0, Sent::new());
        for effect in out {
            match effect {
                Effect::Save(storage) => {
                    saves += 1;
                    assert!(saves == 1 && sent.is_empty() && timers == 0, "saved late");
                    self.saved.push(storage);
                }
                Effect::Send(to, message) => {
                    assert!(timers == 0, "sent after a timer was changed");
                    sent.push((to, message));
                }
                Effect::SetTimer(timer, range) => {
                    timers += 1;
                    self.ranges.insert(timer, range);
                    self.timers.insert(timer);
                }
                Effect::CancelTimer(timer) => {
                    timers += 1;
                    self.timers.remove(&timer);
                }
                Effect::ChooseRandom(..) => unreachable!("the protocol is deterministic"),
            }
        }
        self.sent = sent.clone();
        sent
    }

    /// How long the timer takes, as it was set last.
    pub(crate) fn waits(&self, timer: Timer) -> Range<Duration> {
        self.ranges[&timer].clone()
    }

    /// All that was ever saved, as an appending disk would hold it.
    pub(crate) fn disk(&self) -> Storage {
        Storage(self.saved.iter().flat_map(|storage| storage.0.clone()).collect())
    }

    /// The same member after a crash. It may crash again: its disk still holds all that it held.
    pub(crate) fn crash(self) -> Self {
        let disk = self.disk();
        let role = self.node.role().clone();
        let mut bench = Bench::start(role, Saving::Changes, Some(disk.clone()));
        bench.saved.insert(0, disk);
        bench
    }

    pub(crate) fn as_leader(&self) -> &leader::State {
        self.state.as_leader().unwrap()
    }

    pub(crate) fn as_acceptor(&self) -> &acceptor::State {
        match &self.state {
            State::Acceptor(state) => state,
            _ => unreachable!("not an acceptor"),
        }
    }

    pub(crate) fn is_primary(&self) -> bool {
        matches!(self.as_leader().stance(), Stance::Primary(_))
    }

    pub(crate) fn is_candidate(&self) -> bool {
        matches!(self.as_leader().stance(), Stance::Candidate(_))
    }

    pub(crate) fn is_follower(&self) -> bool {
        matches!(self.as_leader().stance(), Stance::Follower(_))
    }
}

pub(crate) fn setup(acceptors: usize, quorums: Quorums, limits: Limits) -> Arc<Setup> {
    let leaders = (0..3).map(leader).collect();
    let members = Members::new(leaders, (0..acceptors).map(acceptor).collect(), quorums).unwrap();
    Arc::new(Setup::new(members, limits))
}

/// A cluster of three acceptors, where two are a quorum.
pub(crate) fn three(limits: Limits) -> Arc<Setup> {
    setup(3, Quorums::Majority, limits)
}

pub(crate) fn a_leader(me: u16, start: Start, setup: Arc<Setup>) -> Leader {
    let asks = AcceptorSet::all(setup.members.acceptors().len());
    Leader {
        me: LeaderId(me),
        start,
        asks,
        backlog: Vec::new(),
        machine: AnyStateMachine::default(),
        setup,
    }
}

/// The same message to each of these acceptors.
pub(crate) fn to_acceptors(numbers: &[usize], message: &Message) -> Sent {
    numbers.iter().map(|n| (acceptor(*n), message.clone())).collect()
}

pub(crate) fn ballot(round: u32, leader: u16) -> Ballot {
    Ballot { round, leader: LeaderId(leader) }
}

/// Request `sequence` of the first client.
pub(crate) fn id(sequence: u64) -> RequestId {
    RequestId { client: ClientId::original(0), sequence }
}

pub(crate) fn command(sequence: u64) -> Command {
    Command { id: id(sequence), acknowledged: 0, payload: [sequence as u8].into() }
}

pub(crate) fn decree(sequence: u64) -> Decree {
    Decree::Command(command(sequence))
}

pub(crate) fn vote(ballot: Ballot, instance: u64, decree: Decree) -> Vote {
    Vote { ballot, instance: Instance(instance), decree }
}

pub(crate) fn prepare(ballot: Ballot, from: u64) -> Message {
    prepare_pages(ballot, from, 1)
}

pub(crate) fn prepare_pages(ballot: Ballot, from: u64, pages: u32) -> Message {
    Message::Prepare { ballot, from: Instance(from), pages }
}

/// What a leader says when it campaigns: to these acceptors, and to the other two leaders.
pub(crate) fn campaign(numbers: &[usize], ballot: Ballot, from: u64) -> Sent {
    let others = (0..3).filter(|n| *n != usize::from(ballot.leader.0));
    let announced = others.map(|n| (leader(n), Message::Candidacy { ballot }));
    to_acceptors(numbers, &prepare(ballot, from)).into_iter().chain(announced).collect()
}

/// A whole promise, from instance 0 on.
pub(crate) fn promise(ballot: Ballot, votes: &[Vote]) -> Message {
    page(ballot, 0, votes, None)
}

pub(crate) fn page(ballot: Ballot, from: u64, votes: &[Vote], next: Option<u64>) -> Message {
    let (from, next) = (Instance(from), next.map(Instance));
    Message::Promise { ballot, from, votes: votes.to_vec(), next, end: next }
}

pub(crate) fn accept(ballot: Ballot, instance: u64, decree: Decree) -> Message {
    Message::Accept { ballot, instance: Instance(instance), decree }
}

pub(crate) fn accepted(ballot: Ballot, instance: u64, decree: Decree) -> Message {
    Message::Accepted(vote(ballot, instance, decree))
}

pub(crate) fn nack(ballot: Ballot, promised: Ballot) -> Message {
    Message::Nack { ballot, promised }
}

pub(crate) fn request(sequence: u64) -> Message {
    Message::Request(command(sequence))
}

pub(crate) fn reply(sequence: u64, instance: u64, position: u64) -> Message {
    let answer = Answer::Reply([][..].into());
    let instance = Instance(instance);
    Message::Reply { id: id(sequence), done: Done { instance, position, answer } }
}

pub(crate) fn redirect(sequence: u64, primary: Option<u16>) -> Message {
    Message::Redirect { id: id(sequence), primary: primary.map(LeaderId) }
}

pub(crate) fn refused(sequence: u64, reason: Refusal) -> Message {
    Message::Refused { id: id(sequence), reason }
}

pub(crate) fn heartbeat(ballot: Ballot, chosen: u64) -> Message {
    Message::Heartbeat { ballot, chosen: Instance(chosen) }
}

pub(crate) fn catch_up(from: u64, until: u64) -> Message {
    Message::CatchUp { from: Instance(from), until: Instance(until) }
}

pub(crate) fn chosen(first: u64, decrees: &[Decree], until: u64) -> Message {
    let (first, until) = (Instance(first), Instance(until));
    Message::Chosen { first, decrees: decrees.to_vec(), until }
}
