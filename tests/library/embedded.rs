//! Members inside a program of one's own: whoever lets go of them has their folders back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::client::Client;
use crate::cluster::config::{ClusterConfig, MemberConfig};
use crate::cluster::member::Member;
use crate::lab::processes::free_ports;
use crate::machine::kv::{KvCommand, KvStore};
use crate::paxos::{AnyStateMachine, Outcome};

const WITHIN: Duration = Duration::from_secs(30);

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()))
}

fn config(name: &str) -> ClusterConfig {
    let mut ports = free_ports(6).unwrap().into_iter();
    let file = ClusterConfig::sample_at(name, 3, || ports.next().unwrap()).unwrap();
    file.parse().unwrap()
}

fn start(config: &ClusterConfig, base: &Path, member: &MemberConfig) -> Member {
    let machine = AnyStateMachine::new(KvStore::default());
    Member::start(config, base, &member.name, &machine).unwrap()
}

/// What a member saves as it stops is saved when it is gone, so that it can be started again, and its
/// folder be removed, at once.
#[test]
fn members_that_are_dropped_start_again_at_once_and_leave_nothing_behind() {
    let (base, config) = (folder("dropped"), config("dropped"));
    for member in &config.members {
        Member::create(&config, &base, &member.name).unwrap();
    }
    drop(start(&config, &base, &config.members[0])); // it has heard of nobody yet
    let mut members: Vec<_> = config.members.iter().map(|it| start(&config, &base, it)).collect();
    let mut client = Client::new(&config).unwrap();
    for round in 0..12_u8 {
        let put = KvCommand::Put { key: b"round".to_vec(), value: vec![round] };
        let outcome = client.propose(&put.encode().unwrap(), WITHIN).unwrap();
        assert!(matches!(outcome, Outcome::Done(_)), "round {round}: {outcome:?}");
        let member = usize::from(round % 3);
        drop(members.remove(member));
        members.insert(member, start(&config, &base, &config.members[member]));
    }
    drop(members);
    std::fs::remove_dir_all(base).unwrap();
}
