//! Shared parts of tests: the cluster that journals and hosts are of, all kinds of messages, and a process in
//! which one test is alone.

use std::process::Command;

use crate::paxos::Message;
use crate::runtime::identity::{ClusterId, ClusterIdentity, MemberRoles};
use crate::runtime::journal::identity::Identity;

/// The acceptor of a cluster of one member.
pub(crate) fn identity() -> Identity {
    Identity { cluster: identity_of(&[("n1", true, true)]), member: "n1/acceptor".to_owned() }
}

/// The identity of a cluster with these members, by name, leader and acceptor.
pub(crate) fn identity_of(members: &[(&str, bool, bool)]) -> ClusterIdentity {
    let member = |(name, leader, acceptor): &(&str, bool, bool)| MemberRoles {
        name: (*name).to_owned(),
        leader: *leader,
        acceptor: *acceptor,
    };
    let acceptors = members.iter().filter(|(.., acceptor)| *acceptor).count();
    ClusterIdentity {
        id: ClusterId(1 << 96),
        name: "test".to_owned(),
        machine: "kv".to_owned(),
        lease: 262_144,
        reply_bytes: 32 << 20,
        quorums: (acceptors / 2 + 1, acceptors / 2 + 1),
        members: members.iter().map(member).collect(),
    }
}

/// The number of kinds of messages.
pub(crate) const KINDS: usize = 16;

/// The number of a message's kind, below [`KINDS`].
pub(crate) fn kind_of(message: &Message) -> usize {
    match message {
        Message::Request(_) => 0,
        Message::Reply { .. } => 1,
        Message::Redirect { .. } => 2,
        Message::Refused { .. } => 3,
        Message::Prepare { .. } => 4,
        Message::Promise { .. } => 5,
        Message::Accept { .. } => 6,
        Message::Accepted(_) => 7,
        Message::Nack { .. } => 8,
        Message::Candidacy { .. } => 9,
        Message::Heartbeat { .. } => 10,
        Message::CatchUp { .. } => 11,
        Message::Chosen { .. } => 12,
        Message::Open { .. } => 13,
        Message::Opened(_) => 14,
        Message::NotOpened { .. } => 15,
    }
}

/// Runs the body of a test in a process where no other test runs: the test is run again by a child, which is
/// told by the environment that it is the child.
pub(crate) fn alone(module: &str, test: &str, body: fn()) {
    const CHILD: &str = "SYNOD_TEST_ALONE";
    if std::env::var(CHILD).is_ok_and(|child| child == test) {
        return body();
    }
    let name = format!("{}::{test}", module.trim_start_matches("synod::"));
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", &name, "--nocapture"]).env(CHILD, test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
