//! Disks that fail under members that run: what they say then, and what they do not say.

mod common;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{Cluster, Member, identity_of, text, wait_for};
use synod::paxos::{
    Acceptor, AcceptorId, Ballot, Decree, Instance, LeaderId, Limits, Members, Message, Node,
    Quorums, Record, Role, Saving, Setup, Timing,
};
use synod::runtime::host::HostError;
use synod::runtime::journal::Journal;
use synod::runtime::me::Me;
use synod::runtime::party::Party;
use synod::runtime::pump::End;
use synod::runtime::run::{Running, run};
use synod::runtime::udp::Udp;
use synod::runtime::wire::{encode_one, open};

/// The same command where no file can be written beyond a few blocks: a disk that is full. A
/// journal's files have their size already, so it is the writes within them that fail.
fn on_a_full_disk(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args()).env_remove("SYNOD_LOG");
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// The member stops and says why; the others answer all along; and once there is room again, it
/// comes back and counts.
#[test]
fn a_member_whose_disk_is_full_stops_and_the_others_go_on() {
    let cluster = Cluster::new("full");
    let put = |value: &str| {
        let put = cluster.ask(&["put", "colour", value]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    };
    let (told, lines) = channel();
    let full = Member::spawn("n1", on_a_full_disk(&cluster.node("n1")), &told);
    let start = |name| Member::start(&cluster, name, &told);
    let mut others = vec![start("n2"), start("n3")];
    (0..16).for_each(|_| put(&"blue".repeat(250)));
    let (name, line) = wait_for(&lines, "cannot save, so nothing more is sent");
    assert_eq!(name, "n1");
    assert!(line.contains("mend the disk, then start the node again"), "{line}");
    assert_eq!(full.wait(), Some(1));
    put("green");

    others.push(start("n1"));
    others.retain(|member| member.name != "n2");
    put("red");
    assert_eq!(text(&cluster.ask(&["get", "colour"]).stdout), "red");
    others.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

/// Whose disk is mixed up or lost does not come back, and the others do without.
#[test]
fn a_member_with_swapped_or_emptied_directories_is_refused_while_the_others_go_on() {
    let cluster = Cluster::new("mixed");
    let put = || assert_eq!(cluster.ask(&["put", "colour", "blue"]).status.code(), Some(0));
    let (told, _lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let [first, _second, _third] = ["n1", "n2", "n3"].map(start);
    put();
    assert_eq!(first.terminate(), Some(0));
    let [leader, acceptor, aside] =
        ["n1/leader", "n1/acceptor", "aside"].map(|it| cluster.data(it));
    let swap = || {
        fs::rename(&leader, &aside).unwrap();
        fs::rename(&acceptor, &leader).unwrap();
        fs::rename(&aside, &acceptor).unwrap();
    };
    swap();
    let error = cluster.refused("n1");
    assert!(error.contains("the journal of n1/acceptor, not of n1/leader"), "{error}");
    put();
    swap();
    for entry in fs::read_dir(&acceptor).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = cluster.refused("n1");
    assert!(error.contains("its disk is lost"), "{error}");
    put();
}

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
    run((me(own), None), node, (Arc::clone(&socket), socket), None, journal).unwrap()
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
