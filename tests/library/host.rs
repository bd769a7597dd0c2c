//! Save, then send: what a node does with its disk and its socket, and in which order.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::paxos::limits::MAX_COMMAND;
use crate::paxos::{
    Acceptor, AcceptorId, AcceptorSet, AnyStateMachine, Ballot, ClientId, Command, Decree,
    Instance, Leader, LeaderId, Limits, Members, Message, Node, Quorums, Record, RequestId, Role,
    Saving, Setup, Start, State, Storage, Timer, Timing, Vote,
};
use crate::runtime::counters::Counters;
use crate::runtime::host::{Host, HostError, HostedActor, Ready};
use crate::runtime::journal::disk::{DiskJournal, SEGMENT, create};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::{Journal, MemoryJournal};
use crate::runtime::me::Me;
use crate::runtime::notice::Notice;
use crate::runtime::party::Party;
use crate::runtime::pump::{BATCH, Datagram, Turn};
use crate::runtime::udp::Transport;
use crate::runtime::wire::{BUNDLE, Frame, Header, Kind, encode_one, open};
use crate::tests::common::identity_of;
use crate::tests::simulated::{VirtualClock, environment};
use stateright::actor::{self, Actor, Id, Out};

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Event>>>);

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Saved(Vec<Record>),
    Sent(Party, Vec<Message>),
}

impl Log {
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Journal for Log {
    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        self.0.lock().unwrap().push(Event::Saved(records));
        Ok(())
    }
}

impl Transport for Log {
    fn id(&self, _: SocketAddr) -> Id {
        Id::from(1)
    }

    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        let opened = open(bytes).unwrap();
        let messages = match opened.kind {
            Kind::Protocol => opened.messages().unwrap(),
            _ => Vec::new(),
        };
        assert_eq!(opened.header.to, Party::of(to));
        self.0.lock().unwrap().push(Event::Sent(Party::of(to), messages));
        Ok(())
    }
}

/// A disk that is full.
struct Broken;

impl Journal for Broken {
    fn append(&mut self, _: Vec<Record>) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

fn leader(place: u16) -> Party {
    Party::Leader(LeaderId(place))
}

const ACCEPTOR: Party = Party::Acceptor(AcceptorId(0));

/// One of a cluster of two leaders and an acceptor.
fn me(party: Party) -> Me {
    let members = [("n1", true, true), ("n2", true, false)];
    Me::new(party, Arc::new(identity_of(&members)))
}

fn acceptor() -> Node {
    let id = |party: Party| party.id().unwrap();
    let leaders = [0, 1].map(|place| id(leader(place)));
    let members = Members::new(leaders.to_vec(), vec![id(ACCEPTOR)], Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup });
    Node::new(role, Saving::Changes, Timing::NEVER)
}

fn ballot(leader: u16) -> Ballot {
    Ballot { round: 1, leader: LeaderId(leader) }
}

/// By this leader, to the acceptor. Where it comes from makes no difference.
fn datagram(by: u16, messages: &[Message]) -> Datagram {
    from(me(leader(by)).header(ACCEPTOR, 0), messages)
}

fn from(header: Header, messages: &[Message]) -> Datagram {
    let mut frame = Frame::new(header, BUNDLE);
    messages.iter().for_each(|message| assert!(frame.push(message).unwrap().is_none()));
    Datagram { from: "127.0.0.1:7".parse().unwrap(), bytes: frame.finish().unwrap() }
}

fn prepare(leader: u16) -> Message {
    Message::Prepare { ballot: ballot(leader), from: Instance(0), pages: 1 }
}

fn accept(leader: u16) -> Message {
    Message::Accept { ballot: ballot(leader), instance: Instance(0), decree: Decree::Noop }
}

/// Starts an acceptor.
fn start<J: Journal>(
    storage: Option<Storage>,
    journal: J,
    log: &Log,
    counters: Arc<Counters>,
) -> Result<Host<Node, Log, J>, HostError> {
    let (me, actor) = (me(ACCEPTOR), acceptor());
    let ready = Ready { me, admission: None, actor, storage, journal };
    Host::start(ready, log.clone(), counters, environment(&VirtualClock::default(), 1))
}

fn host<J: Journal>(storage: Option<Storage>, journal: J, log: &Log) -> Host<Node, Log, J> {
    start(storage, journal, log, Arc::default()).unwrap()
}

/// A turn of 256 datagrams: their votes are all in the journal, which opens again.
fn is_saved_and_read(name: &str, messages: impl Fn(u64) -> Vec<Message>) {
    let path = std::env::temp_dir().join(format!("synod-turn-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    let cluster = me(ACCEPTOR).cluster().clone();
    let identity = Identity { cluster, member: "n1/acceptor".to_owned() };
    create(&mut Directory::lock(&path).unwrap(), &identity, SEGMENT, JournalId(7)).unwrap();
    let open = || DiskJournal::open(Box::new(Directory::lock(&path).unwrap()), &identity).unwrap();
    let mut host = host(None, open().0, &Log::default());
    let mut batch = (0..BATCH as u64).map(|n| datagram(0, &messages(n))).collect();
    host.turn(&mut batch).unwrap();
    drop(host);
    let found = open().1.storage.unwrap().0;
    let asked = (0..BATCH as u64).flat_map(messages).map(|message| match message {
        Message::Accept { ballot, instance, decree } => {
            Record::Voted(Vote { instance, ballot, decree })
        }
        _ => unreachable!(),
    });
    assert!(found.into_iter().eq(asked), "{name}");
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn the_most_that_one_turn_brings_is_saved_and_read() {
    let accept = |n, decree| Message::Accept { ballot: ballot(0), instance: Instance(n), decree };
    let payload: Arc<[u8]> = vec![7; MAX_COMMAND].into();
    let large = |n: u64| {
        let id = RequestId { client: ClientId::original(1), sequence: n };
        Decree::Command(Command { id, acknowledged: 0, payload: Arc::clone(&payload) })
    };
    is_saved_and_read("large", |n| vec![accept(n, large(n))]);
    is_saved_and_read("many", |n| {
        (n * 700..(n + 1) * 700).map(|n| accept(n, Decree::Noop)).collect()
    });
}

#[test]
fn a_batch_is_saved_once_before_anything_is_sent_and_each_destination_gets_one_datagram() {
    let log = Log::default();
    let mut host = host(None, log.clone(), &log);
    let mut batch = vec![datagram(0, &[prepare(0), accept(0)]), datagram(1, &[prepare(1)])];
    host.turn(&mut batch).unwrap();
    assert!(batch.is_empty());
    let events = log.take();
    let vote = Vote { instance: Instance(0), ballot: ballot(0), decree: Decree::Noop };
    let saved = vec![Record::Promised(ballot(0)), Record::Voted(vote), Record::Promised(ballot(1))];
    assert_eq!(events[0], Event::Saved(saved));
    let destinations: Vec<Party> = events[1..]
        .iter()
        .map(|event| match event {
            Event::Sent(to, _) => *to,
            Event::Saved(_) => panic!("saved after sending: {events:?}"),
        })
        .collect();
    assert_eq!(destinations, vec![leader(0), leader(1)]);
}

#[test]
fn a_disk_that_fails_stops_the_node_before_it_speaks() {
    let log = Log::default();
    let mut host = host(None, Broken, &log);
    let error = host.turn(&mut vec![datagram(0, &[prepare(0)])]).unwrap_err();
    assert!(matches!(error, HostError::Journal(_)));
    assert!(error.to_string().contains("nothing more is sent"), "{error}");
    assert_eq!(log.take(), vec![]);
}

#[test]
fn an_acceptor_remembers_over_a_crash_what_it_has_promised_and_voted() {
    let (log, journal) = (Log::default(), MemoryJournal::default());
    let mut first = host(None, journal.clone(), &log);
    first.turn(&mut vec![datagram(1, &[prepare(1), accept(1)])]).unwrap();
    drop(first);
    log.take();
    let mut second = host(journal.storage(), journal, &log);
    second.turn(&mut vec![datagram(0, &[prepare(0)])]).unwrap();
    let nack = Message::Nack { ballot: ballot(0), promised: ballot(1) };
    assert_eq!(log.take(), vec![Event::Sent(leader(0), vec![nack])]);
    second.turn(&mut vec![datagram(1, &[prepare(1)])]).unwrap();
    let vote = Vote { instance: Instance(0), ballot: ballot(1), decree: Decree::Noop };
    let (ballot, from) = (ballot(1), Instance(0));
    let promise = Message::Promise { ballot, from, votes: vec![vote], next: None, end: None };
    assert_eq!(log.take(), vec![Event::Sent(leader(1), vec![promise])]);
}

#[test]
fn what_cannot_be_read_or_may_not_be_said_is_counted_and_the_rest_is_heard() {
    let log = Log::default();
    let counters = Arc::new(Counters::default());
    let journal = MemoryJournal::default();
    let mut host = start(None, journal, &log, Arc::clone(&counters)).unwrap();
    let noise = Datagram { from: "127.0.0.1:7".parse().unwrap(), bytes: vec![7; 40] };
    let v6 = Datagram { from: "[::1]:9".parse().unwrap(), bytes: noise.bytes.clone() };
    let forged = datagram(1, &[prepare(0), prepare(1)]);
    host.turn(&mut vec![noise, v6, forged]).unwrap();
    let counts = counters.read();
    assert_eq!((counts.malformed, counts.rejected, counts.sent), (2, 1, 1));
    assert!(matches!(&log.take()[..], [Event::Sent(to, _)] if *to == leader(1)));
}

/// A stranger's datagram changes nothing, whatever it says. One who asks for something is told who is
/// here, and not too often.
#[test]
fn strangers_are_counted_and_whoever_asks_is_told_at_a_bounded_rate() {
    let log = Log::default();
    let counters = Arc::new(Counters::default());
    let journal = MemoryJournal::default();
    let mut host = start(None, journal, &log, Arc::clone(&counters)).unwrap();
    let mut other = identity_of(&[("n1", true, true), ("n2", true, false)]);
    other.members.swap(0, 1);
    let other = Arc::new(other);
    let by = |party| Me::new(party, Arc::clone(&other)).header(ACCEPTOR, 0);
    let misled = Header { to: leader(1), ..me(leader(0)).header(ACCEPTOR, 0) };
    let silent = [from(by(leader(0)), &[prepare(0)]), from(misled, &[prepare(0)])];
    host.turn(&mut silent.to_vec()).unwrap();
    assert_eq!((counters.read().foreign, log.take()), (2, vec![]));

    let notice = Notice { here: "n9/leader".to_owned(), cluster: other.brief() };
    let notice = encode_one(Header::NOBODYS, &notice).unwrap();
    let notice = Datagram { from: "127.0.0.1:7".parse().unwrap(), bytes: notice };
    host.turn(&mut vec![notice]).unwrap();
    assert_eq!((counters.read().foreign, log.take()), (3, vec![]), "notices are not answered");

    let ask = from(by(Party::Client), &[prepare(0)]);
    host.turn(&mut vec![ask; 100]).unwrap();
    assert_eq!(counters.read().foreign, 103);
    let told = log.take();
    assert_eq!(told.len(), 10, "in one second");
    assert!(told.iter().all(|event| *event == Event::Sent(Party::Client, Vec::new())));
}

/// A leader that saves something at every request.
struct SavesRequests(Node);

impl Actor for SavesRequests {
    type Msg = Message;
    type State = State;
    type Timer = Timer;
    type Random = ();
    type Storage = Storage;

    fn on_start(&self, id: Id, storage: &Option<Storage>, out: &mut Out<Self>) -> State {
        let mut of_node = Out::new();
        let state = self.0.on_start(id, storage, &mut of_node);
        pass_on(of_node, out);
        state
    }

    fn on_msg(
        &self,
        _: Id,
        state: &mut Cow<'_, State>,
        src: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        if self.admits(src, &message) {
            self.on_admitted(state, src, message, out);
        }
    }

    fn on_timeout(&self, id: Id, state: &mut Cow<'_, State>, timer: &Timer, out: &mut Out<Self>) {
        let mut of_node = Out::new();
        self.0.on_timeout(id, state, timer, &mut of_node);
        pass_on(of_node, out);
    }
}

fn pass_on(from: Out<Node>, to: &mut Out<SavesRequests>) {
    for command in from {
        match command {
            actor::Command::Send(id, message) => to.send(id, message),
            actor::Command::SetTimer(timer, range) => to.set_timer(timer, range),
            actor::Command::CancelTimer(timer) => to.cancel_timer(timer),
            actor::Command::Save(storage) => to.save(storage),
            actor::Command::ChooseRandom(..) => {}
        }
    }
}

impl HostedActor for SavesRequests {
    fn admits(&self, src: Id, message: &Message) -> bool {
        self.0.admits(src, message)
    }

    fn on_admitted(
        &self,
        state: &mut Cow<'_, State>,
        src: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        if matches!(message, Message::Request(_)) {
            return out.save(Storage(vec![Record::Promised(ballot(0))]));
        }
        let mut of_node = Out::new();
        self.0.on_admitted(state, src, message, &mut of_node);
        pass_on(of_node, out);
    }
}

/// A disk whose syncs take longer than an election timeout.
struct Slow(VirtualClock);

const ELECTION: Duration = Duration::from_millis(20);

impl Journal for Slow {
    fn append(&mut self, _: Vec<Record>) -> io::Result<()> {
        self.0.pass(3 * ELECTION);
        Ok(())
    }
}

/// A follower whose disk is slow hears the heartbeats that came while it saved before it takes the
/// primary for lost.
#[test]
fn what_came_while_a_turn_saved_is_heard_before_a_timer_that_ran_out_meanwhile() {
    let id = |party: Party| party.id().unwrap();
    let leaders = [0, 1].map(|place| id(leader(place)));
    let members = Members::new(leaders.to_vec(), vec![id(ACCEPTOR)], Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Leader(Leader {
        me: LeaderId(1),
        start: Start::Follow,
        asks: AcceptorSet::all(1),
        backlog: Vec::new(),
        machine: AnyStateMachine::default(),
        setup,
    });
    let timing = Timing { election: Some(ELECTION..2 * ELECTION), ..Timing::NEVER };
    let node = SavesRequests(Node::new(role, Saving::Changes, timing));
    let (log, clock) = (Log::default(), VirtualClock::default());
    let journal = Slow(clock.clone());
    let ready = Ready { me: me(leader(1)), admission: None, actor: node, storage: None, journal };
    let environment = environment(&clock, 1);
    let mut host = Host::start(ready, log.clone(), Arc::default(), environment).unwrap();
    let said = |messages| from(me(leader(0)).header(leader(1), 0), messages);
    let id = RequestId { client: ClientId::original(1), sequence: 0 };
    let request = Message::Request(Command { id, acknowledged: 0, payload: [].into() });
    let asked = from(me(Party::Client).header(leader(1), 0), &[request]);
    let heartbeat = Message::Heartbeat { ballot: ballot(0), chosen: Instance(0) };
    host.turn(&mut vec![asked]).unwrap();
    host.turn(&mut vec![said(&[heartbeat])]).unwrap();
    let campaigns = |events: Vec<Event>| {
        let sent = events.into_iter().filter_map(|event| match event {
            Event::Sent(ACCEPTOR, messages) => Some(messages),
            _ => None,
        });
        sent.flatten().filter(|message| matches!(message, Message::Prepare { .. })).count()
    };
    assert_eq!(campaigns(log.take()), 0);
    // Without one it does.
    clock.pass(3 * ELECTION);
    host.turn(&mut Vec::new()).unwrap();
    assert_eq!(campaigns(log.take()), 1);
}

/// Debug builds look at what is said: what was not saved is not.
#[test]
#[cfg(debug_assertions)]
fn a_host_that_would_say_what_it_has_not_saved_stops_before() {
    let log = Log::default();
    let Role::Acceptor(role) = acceptor().role().clone() else { unreachable!() };
    let actor = Node::new(Role::Acceptor(role), Saving::Nothing, Timing::NEVER);
    let storage = Some(Storage(vec![Record::Promised(ballot(0))]));
    let (me, journal) = (me(ACCEPTOR), MemoryJournal::default());
    let ready = Ready { me, admission: None, actor, storage, journal };
    let environment = environment(&VirtualClock::default(), 1);
    let mut host = Host::start(ready, log.clone(), Arc::default(), environment).unwrap();
    host.turn(&mut vec![datagram(0, &[prepare(0)])]).unwrap();
    assert_eq!(log.take().len(), 1, "that was saved in an earlier life");
    let broken = host.turn(&mut vec![datagram(1, &[prepare(1)])]);
    assert!(matches!(broken, Err(HostError::Broken(_))));
    assert_eq!(log.take(), []);
}
