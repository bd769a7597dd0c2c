//! Greetings, as a host hears them: who may greet, what is answered, and what is not said any more.

use std::fs;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use stateright::actor::Id;
use synod::paxos::{
    Acceptor, AcceptorId, Ballot, Instance, LeaderId, Limits, Members, Message, Node, Quorums,
    Role, Saving, Setup, Timing,
};
use synod::runtime::counters::Counters;
use synod::runtime::greeting::{Greeter, Greeting};
use synod::runtime::host::{Host, HostError};
use synod::runtime::journal::MemoryJournal;
use synod::runtime::journal::folder::Directory;
use synod::runtime::journal::identity::{Identity, JournalId};
use synod::runtime::journal::peers::Peers;
use synod::runtime::pump::{Datagram, Turn};
use synod::runtime::udp::Outlet;
use synod::runtime::wire::{Frame, Framed, decode, decode_one, encode_one};

/// What was sent to whom, in order.
type Datagrams = Vec<(Id, Vec<u8>)>;

#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Datagrams>>);

impl Sent {
    fn take(&self) -> Datagrams {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Outlet for Sent {
    fn id(&self, address: SocketAddr) -> Id {
        match address {
            SocketAddr::V4(address) => Id::from(address),
            SocketAddr::V6(_) => unreachable!("nobody here has such an address"),
        }
    }

    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push((to, bytes.to_vec()));
        Ok(())
    }
}

fn id(port: u16) -> Id {
    Id::from(SocketAddrV4::new([127, 0, 0, 1].into(), port))
}

fn datagram(from: u16, bytes: Vec<u8>) -> Datagram {
    Datagram { from: SocketAddrV4::from(id(from)).into(), bytes }
}

/// From n1/leader, to the acceptor.
fn greeting() -> Greeting {
    let (cluster, from) = ("test".to_owned(), "n1/leader".to_owned());
    Greeting { cluster, from, journal: JournalId(1), remembers: None, asks: true }
}

fn prepare() -> Message {
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Message::Prepare { ballot, from: Instance(0) }
}

/// The acceptor n1/acceptor with journal 3, at port 3; a leader is at port 1.
struct Acceptor3 {
    host: Host<Node, Sent, MemoryJournal>,
    sent: Sent,
    journal: MemoryJournal,
    counters: Arc<Counters>,
    folder: PathBuf,
}

impl Drop for Acceptor3 {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn acceptor(name: &str, empty: bool) -> Acceptor3 {
    let folder = std::env::temp_dir().join(format!("synod-hears-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let members = Members::new(vec![id(1)], vec![id(3)], Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup });
    let node = Node::new(role, Saving::Changes, Timing::NEVER);
    let owner = Identity { cluster: "test".to_owned(), member: "n1/acceptor".to_owned() };
    let peers = Peers::open(Directory::look(&folder), &owner).unwrap();
    let others = [(id(1), "n1/leader".to_owned())];
    let greeter = Some(Greeter::new((JournalId(3), empty), peers, others));
    let (sent, journal) = (Sent::default(), MemoryJournal::default());
    let (parts, counters) = ((sent.clone(), journal.clone()), Arc::new(Counters::default()));
    let host = Host::start_among(greeter, id(3), node, None, parts, Arc::clone(&counters)).unwrap();
    let [(to, hello)] = &sent.take()[..] else { panic!("it does not greet once") };
    let hello: Greeting = decode_one(hello).unwrap();
    assert_eq!((*to, hello.journal, hello.remembers), (id(1), JournalId(3), None));
    assert!(hello.asks && hello.from == "n1/acceptor" && hello.cluster == "test");
    Acceptor3 { host, sent, journal, counters, folder }
}

impl Acceptor3 {
    fn hear(&mut self, from: u16, message: &impl Framed) -> Result<(), HostError> {
        self.host.turn(&mut vec![datagram(from, encode_one(message).unwrap())])
    }
}

#[test]
fn whoever_may_not_greet_is_counted_and_not_answered() {
    let mut acceptor = acceptor("strangers", false);
    acceptor.hear(2, &greeting()).unwrap();
    acceptor.hear(1, &Greeting { cluster: "other".to_owned(), ..greeting() }).unwrap();
    acceptor.hear(1, &Greeting { from: "n2/leader".to_owned(), ..greeting() }).unwrap();
    let forged = Greeting { remembers: Some(JournalId(9)), ..greeting() };
    acceptor.hear(2, &forged).unwrap();
    acceptor.hear(1, &Greeting { from: "n1/acceptor".to_owned(), ..forged }).unwrap();
    let mut two = Frame::default();
    two.push(&greeting()).unwrap();
    two.push(&greeting()).unwrap();
    let mut cut = encode_one(&greeting()).unwrap();
    cut.pop();
    let batch = [two.finish().unwrap(), cut].map(|bytes| datagram(1, bytes));
    acceptor.host.turn(&mut batch.to_vec()).unwrap();
    let counts = acceptor.counters.read();
    assert_eq!((counts.rejected, counts.malformed), (5, 2));
    assert!(acceptor.sent.take().is_empty());
    assert!(!acceptor.folder.join("peers").exists(), "nobody was remembered");
}

#[test]
fn a_greeting_has_one_answer_and_what_it_says_is_durable_by_then() {
    let mut acceptor = acceptor("answer", false);
    acceptor.hear(1, &greeting()).unwrap();
    let file = fs::read_to_string(acceptor.folder.join("peers")).unwrap();
    assert!(file.contains("peer n1/leader 0000000000000001\n"), "{file}");
    let [(to, answer)] = &acceptor.sent.take()[..] else { panic!("not one answer") };
    let answer: Greeting = decode_one(answer).unwrap();
    assert_eq!((*to, answer.remembers), (id(1), Some(JournalId(1))));
    let confirms = Greeting { remembers: Some(JournalId(3)), asks: false, ..greeting() };
    acceptor.hear(1, &confirms).unwrap();
    assert!(acceptor.sent.take().is_empty());
    // Another journal of the same name is told so, and not remembered.
    acceptor.hear(1, &Greeting { journal: JournalId(2), ..confirms }).unwrap();
    let [(_, answer)] = &acceptor.sent.take()[..] else { panic!("not one answer") };
    assert_eq!(decode_one::<Greeting>(answer).unwrap().remembers, Some(JournalId(1)));
}

#[test]
fn an_empty_acceptor_promises_nothing_before_it_is_confirmed() {
    let mut acceptor = acceptor("waits", true);
    acceptor.hear(1, &prepare()).unwrap();
    assert!(acceptor.sent.take().is_empty() && acceptor.journal.storage().is_none());
    assert_eq!(acceptor.counters.read().rejected, 1);
    acceptor.hear(1, &Greeting { remembers: Some(JournalId(3)), ..greeting() }).unwrap();
    acceptor.sent.take();
    acceptor.hear(1, &prepare()).unwrap();
    let [(_, promise)] = &acceptor.sent.take()[..] else { panic!("it does not answer once") };
    assert!(matches!(decode(promise).unwrap()[..], [Message::Promise { .. }]));
}

/// Not even what came before, in the same turn, is saved or answered.
#[test]
fn whoever_is_remembered_by_another_journal_says_nothing_more() {
    for empty in [false, true] {
        let mut acceptor = acceptor(&format!("objection-{empty}"), empty);
        let objection = Greeting { remembers: Some(JournalId(9)), ..greeting() };
        let first = datagram(1, encode_one(&prepare()).unwrap());
        let second = datagram(1, encode_one(&objection).unwrap());
        let error = acceptor.host.turn(&mut vec![first, second]).unwrap_err();
        assert!(matches!(error, HostError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("restore the disk, or leave the member out"));
        assert!(acceptor.sent.take().is_empty() && acceptor.journal.storage().is_none());
    }
}
