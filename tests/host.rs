//! Save, then send: what a node does with its disk and its socket, and in which order.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex};

use stateright::actor::Id;
use synod::paxos::limits::MAX_COMMAND;
use synod::paxos::{
    Acceptor, AcceptorId, Ballot, ClientId, Command, Decree, Instance, LeaderId, Limits, Members,
    Message, Node, Quorums, Record, RequestId, Role, Saving, Setup, Storage, Timing, Vote,
};
use synod::runtime::counters::Counters;
use synod::runtime::host::{Host, HostError};
use synod::runtime::journal::disk::{DiskJournal, SEGMENT, create};
use synod::runtime::journal::folder::Directory;
use synod::runtime::journal::identity::Identity;
use synod::runtime::journal::{Journal, MemoryJournal};
use synod::runtime::pump::{BATCH, Datagram, Turn};
use synod::runtime::udp::Outlet;
use synod::runtime::wire::{Frame, decode};

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Event>>>);

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Saved(Vec<Record>),
    Sent(Id, Vec<Message>),
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

impl Outlet for Log {
    fn id(&self, address: SocketAddr) -> Id {
        match address {
            SocketAddr::V4(address) => Id::from(address),
            SocketAddr::V6(_) => unreachable!("nobody here has such an address"),
        }
    }

    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push(Event::Sent(to, decode(bytes).unwrap()));
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

fn id(port: u16) -> Id {
    Id::from(SocketAddrV4::new([127, 0, 0, 1].into(), port))
}

fn acceptor() -> Node {
    let members = Members::new(vec![id(1), id(2)], vec![id(3)], Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup });
    Node::new(role, Saving::Changes, Timing::NEVER)
}

fn ballot(leader: u16) -> Ballot {
    Ballot { round: 1, leader: LeaderId(leader) }
}

fn datagram(from: Id, messages: &[Message]) -> Datagram {
    let mut frame = Frame::default();
    messages.iter().for_each(|message| assert!(frame.push(message).unwrap().is_none()));
    Datagram { from: SocketAddrV4::from(from).into(), bytes: frame.finish().unwrap() }
}

fn prepare(leader: u16) -> Message {
    Message::Prepare { ballot: ballot(leader), from: Instance(0) }
}

fn accept(leader: u16) -> Message {
    Message::Accept { ballot: ballot(leader), instance: Instance(0), decree: Decree::Noop }
}

fn host<J: Journal>(storage: Option<Storage>, journal: J, log: &Log) -> Host<Node, Log, J> {
    let counters = Arc::new(Counters::default());
    Host::start(id(3), acceptor(), storage, (log.clone(), journal), counters).unwrap()
}

/// A turn of 256 datagrams: their votes are all in the journal, which opens again.
fn is_saved_and_read(name: &str, messages: impl Fn(u64) -> Vec<Message>) {
    let path = std::env::temp_dir().join(format!("synod-turn-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    let identity = Identity { cluster: "test".to_owned(), member: "A1".to_owned() };
    create(&mut Directory::lock(&path).unwrap(), &identity, SEGMENT).unwrap();
    let open = || DiskJournal::open(Directory::lock(&path).unwrap(), &identity).unwrap();
    let mut host = host(None, open().0, &Log::default());
    let mut batch = (0..BATCH as u64).map(|n| datagram(id(1), &messages(n))).collect();
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
    let mut batch = vec![datagram(id(1), &[prepare(0), accept(0)]), datagram(id(2), &[prepare(1)])];
    host.turn(&mut batch).unwrap();
    assert!(batch.is_empty());
    let events = log.take();
    let vote = Vote { instance: Instance(0), ballot: ballot(0), decree: Decree::Noop };
    let saved = vec![Record::Promised(ballot(0)), Record::Voted(vote), Record::Promised(ballot(1))];
    assert_eq!(events[0], Event::Saved(saved));
    let destinations: Vec<Id> = events[1..]
        .iter()
        .map(|event| match event {
            Event::Sent(to, _) => *to,
            Event::Saved(_) => panic!("saved after sending: {events:?}"),
        })
        .collect();
    assert_eq!(destinations, vec![id(1), id(2)]);
}

#[test]
fn a_disk_that_fails_stops_the_node_before_it_speaks() {
    let log = Log::default();
    let mut host = host(None, Broken, &log);
    let error = host.turn(&mut vec![datagram(id(1), &[prepare(0)])]).unwrap_err();
    assert!(matches!(error, HostError::Journal(_)));
    assert!(error.to_string().contains("nothing more is sent"), "{error}");
    assert_eq!(log.take(), vec![]);
}

#[test]
fn an_acceptor_remembers_over_a_crash_what_it_has_promised_and_voted() {
    let (log, journal) = (Log::default(), MemoryJournal::default());
    let mut first = host(None, journal.clone(), &log);
    first.turn(&mut vec![datagram(id(2), &[prepare(1), accept(1)])]).unwrap();
    drop(first);
    log.take();
    let mut second = host(journal.storage(), journal, &log);
    second.turn(&mut vec![datagram(id(1), &[prepare(0)])]).unwrap();
    let nack = Message::Nack { ballot: ballot(0), promised: ballot(1) };
    assert_eq!(log.take(), vec![Event::Sent(id(1), vec![nack])]);
    second.turn(&mut vec![datagram(id(2), &[prepare(1)])]).unwrap();
    let vote = Vote { instance: Instance(0), ballot: ballot(1), decree: Decree::Noop };
    let (ballot, from) = (ballot(1), Instance(0));
    let promise = Message::Promise { ballot, from, votes: vec![vote], next: None };
    assert_eq!(log.take(), vec![Event::Sent(id(2), vec![promise])]);
}

#[test]
fn what_cannot_be_read_or_may_not_be_said_is_counted_and_the_rest_is_heard() {
    let log = Log::default();
    let counters = Arc::new(Counters::default());
    let parts = (log.clone(), MemoryJournal::default());
    let mut host = Host::start(id(3), acceptor(), None, parts, Arc::clone(&counters)).unwrap();
    let noise = Datagram { from: SocketAddrV4::from(id(1)).into(), bytes: vec![7; 40] };
    let v6 = Datagram { from: "[::1]:9".parse().unwrap(), bytes: noise.bytes.clone() };
    let forged = datagram(id(2), &[prepare(0), prepare(1)]);
    host.turn(&mut vec![noise, v6, forged]).unwrap();
    let counts = counters.read();
    assert_eq!((counts.malformed, counts.rejected, counts.sent), (2, 1, 1));
    assert!(matches!(&log.take()[..], [Event::Sent(to, _)] if *to == id(2)));
}
