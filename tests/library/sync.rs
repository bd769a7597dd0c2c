//! A sync that fails under a node that runs: nothing is said that was to be saved.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use crate::paxos::{
    Acceptor, AcceptorId, Ballot, Decree, Instance, LeaderId, Limits, Members, Message, Node,
    Quorums, Record, Role, Saving, Setup, Timing,
};
use crate::runtime::environment::Environment;
use crate::runtime::host::{HostError, Ready};
use crate::runtime::journal::Journal;
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::pump::End;
use crate::runtime::run::{Running, run};
use crate::runtime::udp::Udp;
use crate::runtime::wire::{encode_one, open};
use crate::tests::common::identity_of;

/// A disk whose sync fails, after so many that worked.
struct Works(usize);

impl Journal for Works {
    fn append(&mut self, _: Vec<Record>) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).ok_or(io::Error::other("the sync has failed"))?;
        Ok(())
    }
}

/// One of a cluster of one leader and one acceptor.
fn me(party: Party) -> Me {
    Me::new(party, Arc::new(identity_of(&[("n1", true, true)])))
}

/// An acceptor on a socket, whose one leader is at `leader`.
fn acceptor(leader: &UdpSocket, journal: Works) -> Running {
    let socket = Arc::new(Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let (own, primary) = (Party::Acceptor(AcceptorId(0)), Party::Leader(LeaderId(0)));
    socket.addresses().place(primary, leader.local_addr().unwrap());
    let ids = [primary, own].map(|party| vec![party.id().unwrap()]);
    let [leaders, acceptors] = ids;
    let members = Members::new(leaders, acceptors, Quorums::Majority).unwrap();
    let setup = Arc::new(Setup::new(members, Limits::default()));
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup });
    let node = Node::new(role, Saving::Changes, Timing::NEVER);
    let ready = Ready { me: me(own), admission: None, actor: node, storage: None, journal };
    run(ready, (Arc::clone(&socket), socket), Environment::system()).unwrap()
}

/// What could not be saved is not said, by any datagram; and the node ends with the error.
#[test]
fn what_a_failed_sync_was_to_save_is_never_sent() {
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    let accept = |instance| Message::Accept { ballot, instance, decree: Decree::Noop };
    let prepare = Message::Prepare { ballot, from: Instance(0), pages: 1 };
    let asked = [prepare, accept(Instance(0)), accept(Instance(1))];
    for works in 0..asked.len() {
        let leader = UdpSocket::bind("127.0.0.1:0").unwrap();
        leader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let running = acceptor(&leader, Works(works));
        let mut buffer = [0; 2048];
        for (number, message) in asked.iter().enumerate().take(works + 1) {
            let header = me(Party::Leader(LeaderId(0))).header(Party::Acceptor(AcceptorId(0)), 0);
            leader.send_to(&encode_one(header, message).unwrap(), running.address()).unwrap();
            if number < works {
                let length = leader.recv(&mut buffer).unwrap();
                let answer: Message = open(&buffer[..length]).unwrap().message().unwrap();
                assert_eq!(matches!(answer, Message::Promise { .. }), number == 0, "{answer}");
                assert_eq!(matches!(answer, Message::Accepted { .. }), number > 0, "{answer}");
            }
        }
        assert!(
            running.ended().recv_timeout(Duration::from_secs(20)).unwrap_err().is_disconnected()
        );
        assert_eq!(running.counters().read().sent, works as u64);
        // What was sent on this machine is in the buffer already.
        leader.set_nonblocking(true).unwrap();
        assert_eq!(leader.recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        let Some(End::Turn(HostError::Journal(error))) = running.stop().map(|ended| ended.end)
        else {
            panic!("it did not end by its journal");
        };
        assert_eq!(error.to_string(), "the sync has failed");
    }
}
