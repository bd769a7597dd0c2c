//! Commands at which the state machine panics, on a real cluster: nobody ends, now or after a restart,
//! and the state is as if they had never been.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::member::{Member, RoleKind};
use crate::lab::processes::free_ports;
use crate::paxos::{Answer, AnyStateMachine, Outcome};
use crate::tests::touchy::Touchy;

const WITHIN: Duration = Duration::from_secs(20);

/// A folder that is gone with this.
struct Base(PathBuf);

impl Drop for Base {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(config: &ClusterConfig, base: &Path) -> Vec<Member> {
    let machine = AnyStateMachine::new(Touchy::new(|command| command.starts_with(b"boom")));
    let members = config.members.iter();
    members.map(|it| Member::start(config, base, &it.name, &machine).unwrap()).collect()
}

/// Stops all; the leaders' machines.
fn stop(members: Vec<Member>) -> Vec<Vec<u8>> {
    let ended = members.into_iter().flat_map(Member::stop);
    let leaders = ended.filter(|(kind, _)| *kind == RoleKind::Leader);
    let state = |(_, ended): (RoleKind, Option<crate::runtime::run::Ended>)| ended.unwrap().state;
    let machine =
        |state: crate::paxos::State| state.as_leader().unwrap().executor().machine().snapshot();
    leaders.filter_map(state).map(machine).collect()
}

fn ask(client: &mut Client, command: &[u8]) -> Answer {
    match client.propose(command, WITHIN).unwrap() {
        Outcome::Done(done) => done.answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_that_panics_has_no_effect_and_ends_nobody_also_after_a_restart_of_all() {
    let base = Base(std::env::temp_dir().join(format!("synod-panics-{}", std::process::id())));
    let mut ports = free_ports(6).unwrap().into_iter();
    let file = ClusterConfig::sample_at("touchy", 3, || ports.next().unwrap()).unwrap();
    let config: ClusterConfig = file.parse().unwrap();
    for member in &config.members {
        Member::create(&config, &base.0, &member.name).unwrap();
    }
    let reply = |bytes: &[u8]| Answer::Reply(bytes.into());
    let members = start(&config, &base.0);
    let mut client = Client::new(&config).unwrap();
    assert_eq!(ask(&mut client, b"boom 0"), Answer::Panicked, "the very first");
    assert_eq!(ask(&mut client, b"one "), reply(b"one "));
    for _ in 0..3 {
        assert_eq!(ask(&mut client, b"boom"), Answer::Panicked);
    }
    assert_eq!(ask(&mut client, b"two "), reply(b"one two "));
    assert_eq!(ask(&mut client, b"boom 1"), Answer::Panicked);
    drop(stop(members));

    let members = start(&config, &base.0);
    let mut client = Client::new(&config).unwrap();
    assert_eq!(ask(&mut client, b"three "), reply(b"one two three "));
    assert_eq!(ask(&mut client, b"boom 2"), Answer::Panicked);
    assert_eq!(ask(&mut client, b"four"), reply(b"one two three four"));
    let machines = stop(members);
    assert_eq!(machines.len(), 3, "no leader has ended by itself");
    // A leader may have been stopped before it learned of the last commands.
    let all = b"one two three four".to_vec();
    assert!(machines.contains(&all) && machines.iter().all(|it| all.starts_with(it)));
}
