//! Handshakes, as a host hears them: who may shake hands, what is answered, and what is not said any
//! more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::paxos::{
    Acceptor, AcceptorId, Ballot, Decree, Instance, LeaderId, Limits, Members, Message, Node,
    Quorums, Record, Role, Saving, Setup, Timing,
};
use crate::runtime::counters::Counters;
use crate::runtime::handshake::{Admission, Handshake, Opened};
use crate::runtime::host::{Host, HostError, Ready};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::peers::{Peers, Remembered};
use crate::runtime::journal::{Journal, MemoryJournal};
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::pump::{Datagram, Turn};
use crate::runtime::udp::Transport;
use crate::runtime::wire::{BUNDLE, Frame, Framed, Header, encode_one, open};
use crate::tests::common::identity_of;
use crate::tests::simulated::{VirtualClock, environment};
use stateright::actor::Id;

/// What was sent to whom, in order.
type Datagrams = Vec<(Party, Vec<u8>)>;

#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Datagrams>>);

impl Sent {
    fn take(&self) -> Datagrams {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Transport for Sent {
    fn id(&self, _: SocketAddr) -> Id {
        Id::from(1)
    }

    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push((Party::of(to), bytes.to_vec()));
        Ok(())
    }
}

/// A journal whose entries are counted.
#[derive(Clone, Default)]
struct Counted(MemoryJournal, Arc<Mutex<u64>>);

impl Journal for Counted {
    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        *self.1.lock().unwrap() += 1;
        self.0.append(records)
    }

    fn age(&self) -> u64 {
        *self.1.lock().unwrap()
    }
}

const ACCEPTOR: Party = Party::Acceptor(AcceptorId(0));
const OWN_LEADER: Party = Party::Leader(LeaderId(0));
const PEER: Party = Party::Leader(LeaderId(1));

/// One of a cluster of a leader and acceptor n1, and a leader n2.
fn me(party: Party) -> Me {
    Me::new(party, Arc::new(identity_of(&[("n1", true, true), ("n2", true, false)])))
}

fn datagram(bytes: Vec<u8>) -> Datagram {
    Datagram { from: "127.0.0.1:7".parse().unwrap(), bytes }
}

/// From n2/leader, to the acceptor, with a journal of this age.
fn header(age: u64) -> Header {
    me(PEER).header(ACCEPTOR, age)
}

fn handshake() -> Handshake {
    Handshake { journal: JournalId(1), life: 11, began: 4, remembers: None, asks: true }
}

/// What n2/leader remembers of the acceptor.
fn remembers(journal: u128, age: u64) -> Option<Remembered> {
    Some(Remembered { journal: JournalId(journal), life: LIFE, age })
}

/// The acceptor's life.
const LIFE: u128 = 33;

/// What the acceptor remembers of n2/leader.
fn known(age: u64) -> Option<Remembered> {
    Some(Remembered { journal: JournalId(1), life: 11, age })
}

fn prepare() -> Message {
    let ballot = Ballot { round: 1, leader: LeaderId(1) };
    Message::Prepare { ballot, from: Instance(0), pages: 1 }
}

fn accept(instance: u64) -> Message {
    let ballot = Ballot { round: 1, leader: LeaderId(1) };
    Message::Accept { ballot, instance: Instance(instance), decree: Decree::Noop }
}

/// The acceptor n1/acceptor with journal 3.
struct Acceptor3 {
    host: Host<Node, Sent, Counted>,
    sent: Sent,
    journal: Counted,
    counters: Arc<Counters>,
    folder: PathBuf,
}

impl Drop for Acceptor3 {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn acceptor(name: &str, age: u64) -> Acceptor3 {
    let folder = std::env::temp_dir().join(format!("synod-hears-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let id = |party: Party| party.id().unwrap();
    let leaders = vec![id(OWN_LEADER), id(PEER)];
    let members = Members::new(leaders, vec![id(ACCEPTOR)], Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup });
    let node = Node::new(role, Saving::Changes, Timing::NEVER);
    let me = me(ACCEPTOR);
    let owner = Identity { cluster: me.cluster().clone(), member: "n1/acceptor".to_owned() };
    let peers = Peers::open(Box::new(Directory::look(&folder)), &owner).unwrap();
    let opened = Opened { journal: JournalId(3), life: LIFE, began: age };
    let admission = Admission::new((ACCEPTOR, opened), peers, &BTreeSet::new(), Instant::now());
    let (sent, journal) = (Sent::default(), Counted::default());
    *journal.1.lock().unwrap() = age;
    let counters = Arc::new(Counters::default());
    let (admission, journal_) = (Some(admission), journal.clone());
    let ready = Ready { me, admission, actor: node, storage: None, journal: journal_ };
    // Time stands still, however slow this machine is.
    let environment = environment(&VirtualClock::default(), 1);
    let host = Host::start(ready, sent.clone(), Arc::clone(&counters), environment).unwrap();
    let hello = sent.take();
    let to: Vec<Party> = hello.iter().map(|(to, _)| *to).collect();
    assert_eq!(to, [OWN_LEADER, PEER], "it asks all others once");
    let hello = open(&hello[1].1).unwrap();
    assert_eq!((hello.header.from, hello.header.to, hello.header.age), (ACCEPTOR, PEER, age));
    let asks =
        Handshake { journal: JournalId(3), life: LIFE, began: age, remembers: None, asks: true };
    assert_eq!(hello.message::<Handshake>().unwrap(), asks);
    Acceptor3 { host, sent, journal, counters, folder }
}

impl Acceptor3 {
    /// From n2/leader, whose journal has this age.
    fn hear(&mut self, age: u64, message: &impl Framed) -> Result<(), HostError> {
        self.host.turn(&mut vec![datagram(encode_one(header(age), message).unwrap())])
    }

    /// What was sent since, but for the questions that are asked again as time goes by.
    fn said(&self) -> Datagrams {
        let mut sent = self.sent.take();
        let asks = |handshake: Handshake| handshake.asks && handshake.remembers.is_none();
        sent.retain(|(to, bytes)| {
            let question = open(bytes).unwrap().message::<Handshake>().is_ok_and(asks);
            !question && *to != OWN_LEADER
        });
        sent
    }

    /// The one handshake that was sent.
    fn answer(&self) -> (Party, Handshake) {
        let sent = self.said();
        let [(to, answer)] = &sent[..] else { panic!("{} datagrams", sent.len()) };
        (*to, open(answer).unwrap().message().unwrap())
    }
}

#[test]
fn whoever_may_not_shake_hands_is_counted_and_not_answered() {
    let mut acceptor = acceptor("strangers", 7);
    let nobody = me(Party::Leader(LeaderId(9))).header(ACCEPTOR, 0);
    let itself = me(ACCEPTOR).header(ACCEPTOR, 0);
    let client = me(Party::Client).header(ACCEPTOR, 0);
    let mut two = Frame::new(header(0), BUNDLE);
    two.push(&handshake()).unwrap();
    two.push(&handshake()).unwrap();
    let mut cut = encode_one(header(0), &handshake()).unwrap();
    cut.pop();
    let forged = Handshake { remembers: remembers(9, 0), ..handshake() };
    let rejected = [nobody, itself, client].map(|header| encode_one(header, &forged).unwrap());
    let batch = rejected.into_iter().chain([two.finish().unwrap(), cut]).map(datagram);
    acceptor.host.turn(&mut batch.collect()).unwrap();
    let counts = acceptor.counters.read();
    assert_eq!((counts.rejected, counts.malformed, counts.foreign), (3, 2, 0));
    assert!(acceptor.said().is_empty());
    let file = fs::read_to_string(acceptor.folder.join("peers")).unwrap_or_default();
    assert!(!file.contains("\npeer "), "nobody was remembered");
}

#[test]
fn a_handshake_has_one_answer_and_what_it_says_is_durable_by_then() {
    let mut acceptor = acceptor("answer", 7);
    acceptor.hear(5, &handshake()).unwrap();
    let file = fs::read_to_string(acceptor.folder.join("peers")).unwrap();
    assert!(file.contains(&format!("peer n2/leader {:032x} {:032x} 5\n", 1, 11)), "{file}");
    let (to, answer) = acceptor.answer();
    assert_eq!((to, answer.remembers), (PEER, known(5)));
    let confirms = Handshake { remembers: remembers(3, 7), asks: false, ..handshake() };
    acceptor.hear(5, &confirms).unwrap();
    assert!(acceptor.said().is_empty());
    // Another journal of the same name is told so, and not remembered; and so is an older one.
    acceptor.hear(9, &Handshake { journal: JournalId(2), ..confirms.clone() }).unwrap();
    assert_eq!(acceptor.answer().1.remembers, known(5));
    acceptor.hear(4, &Handshake { life: 12, ..confirms }).unwrap();
    assert_eq!(acceptor.answer().1.remembers, known(5));
}

#[test]
fn an_empty_acceptor_promises_nothing_before_it_is_confirmed() {
    let mut acceptor = acceptor("waits", 0);
    acceptor.hear(0, &prepare()).unwrap();
    assert!(acceptor.said().is_empty() && acceptor.journal.0.storage().is_none());
    assert_eq!(acceptor.counters.read().rejected, 1);
    acceptor.hear(0, &Handshake { remembers: remembers(3, 0), ..handshake() }).unwrap();
    acceptor.sent.take();
    acceptor.hear(0, &prepare()).unwrap();
    let [(_, promise)] = &acceptor.said()[..] else { panic!("it does not answer once") };
    let promise = open(promise).unwrap();
    assert!(matches!(promise.message().unwrap(), Message::Promise { .. }));
    assert_eq!(promise.header.age, 1, "the promise is in the journal");
}

/// What is heard in any datagram of how old a journal is, is what its owner is held to.
#[test]
fn every_datagram_says_how_old_the_journal_is_and_is_believed() {
    let mut acceptor = acceptor("ages", 7);
    acceptor.hear(5, &Handshake { remembers: remembers(3, 7), ..handshake() }).unwrap();
    acceptor.hear(6, &prepare()).unwrap();
    acceptor.hear(90, &accept(0)).unwrap();
    acceptor.hear(50, &accept(1)).unwrap();
    acceptor.sent.take();
    acceptor.hear(90, &handshake()).unwrap();
    assert_eq!(acceptor.answer().1.remembers, known(90));
}

/// What a role says whose journal is another than is remembered is not believed.
#[test]
fn a_leader_with_another_journal_is_not_answered_any_more() {
    let mut acceptor = acceptor("another", 7);
    acceptor.hear(5, &Handshake { remembers: remembers(3, 7), ..handshake() }).unwrap();
    acceptor.hear(5, &Handshake { journal: JournalId(2), ..handshake() }).unwrap();
    acceptor.sent.take();
    acceptor.hear(5, &prepare()).unwrap();
    assert!(acceptor.said().is_empty());
    assert_eq!(acceptor.counters.read().rejected, 1);
}

/// Not even what came before, in the same turn, is saved or answered.
#[test]
fn whoever_has_lost_something_says_nothing_more() {
    for age in [0, 7] {
        for (journal, remembered, words) in [
            (9, 0, "has run before with another journal (n2/leader remembers it)"),
            (3, 8, "n2/leader remembers that it had 8: this is an older copy"),
        ] {
            let mut acceptor = acceptor(&format!("objection-{age}-{journal}"), age);
            let before = remembers(journal, remembered).map(|it| Remembered { life: 32, ..it });
            let objection = Handshake { remembers: before, ..handshake() };
            let first = datagram(encode_one(header(0), &prepare()).unwrap());
            let second = datagram(encode_one(header(0), &objection).unwrap());
            let error = acceptor.host.turn(&mut vec![first, second]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(error.contains("must not vote again: leave it down"), "{error}");
            assert!(acceptor.said().is_empty() && acceptor.journal.0.storage().is_none());
        }
    }
}
