//! Two leaders that are cut off from one another, while both reach all acceptors: the primary stays.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use synod::lab::{Processes, Program, free_ports};
use synod::{Ballot, RoleStatus, StatusClient};

const LEADERS: [&str; 3] = ["l1", "l2", "l3"];
/// Puts go on for at least so long: many times what a leader waits for a heartbeat.
const LOAD: Duration = Duration::from_secs(3);

fn file() -> String {
    let mut file = "cluster = 'cut-off'\nid = '0123456789abcdef0123456789abcdef'\n".to_owned();
    let members = LEADERS.map(|name| (name, "leader")).into_iter();
    let members = members.chain(["a1", "a2", "a3"].map(|name| (name, "acceptor")));
    for ((name, role), port) in members.zip(free_ports(6).unwrap()) {
        writeln!(file, "[[member]]\nname = '{name}'\ndata = '{name}'\n{role} = '127.0.0.1:{port}'")
            .unwrap();
    }
    file
}

/// Puts for a while, and gives how many were done in a second.
fn load_for_a_while(file: &Path) -> f64 {
    let (began, mut rounds, mut sum) = (Instant::now(), 0.0, 0.0);
    while began.elapsed() < LOAD {
        sum += load(file, 5_000);
        rounds += 1.0;
    }
    sum / rounds
}

/// Puts as many as are said, and gives how many were done in a second.
fn load(file: &Path, commands: u64) -> f64 {
    let mut load = Command::new(env!("CARGO_BIN_EXE_synod"));
    load.args(["load", "--json", "--clients", "64", "--commands", &commands.to_string()]);
    let output = load.arg("--config").arg(file).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["done"], commands, "{error}");
    report["commands_per_s"].as_f64().unwrap()
}

/// The highest ballot, whose leader is primary.
fn highest(status_client: &StatusClient) -> Ballot {
    let statuses = status_client.status(Duration::from_secs(10)).unwrap();
    let ballots = statuses.into_iter().filter_map(|status| match status?.role {
        RoleStatus::Leader(leader) => Some(leader.ballot),
        _ => None,
    });
    ballots.max().unwrap()
}

#[test]
fn leaders_that_do_not_hear_one_another_leave_the_primary_be() {
    let folder = std::env::temp_dir().join(format!("synod-cut-off-{}", std::process::id()));
    let program = Program::synod(env!("CARGO_BIN_EXE_synod"));
    let mut cluster = Processes::new(program, &folder, &file()).unwrap();
    cluster.start_all().unwrap();
    let at = folder.join("cluster.toml");
    let whole = load_for_a_while(&at);
    let status_client = StatusClient::new(cluster.config()).unwrap();
    let before = highest(&status_client);
    let primary = LEADERS[usize::from(before.leader.0)];
    let other = LEADERS.into_iter().find(|name| *name != primary).unwrap();
    cluster.lose(primary, other, 100).unwrap();
    cluster.lose(other, primary, 100).unwrap();
    let cut = load_for_a_while(&at);
    let after = highest(&status_client);
    println!(
        "{whole:.0} puts a second, and {cut:.0} while {primary} and {other} are cut off: {before} to {after}"
    );
    assert_eq!(after, before);
    // The cut is one: where the acceptors are cut off as well, another takes over.
    for acceptor in ["a1", "a2", "a3"] {
        cluster.lose(acceptor, primary, 100).unwrap();
        cluster.lose(primary, acceptor, 100).unwrap();
    }
    load(&at, 100);
    assert_ne!(highest(&status_client).leader, before.leader);
    drop(cluster);
    std::fs::remove_dir_all(folder).unwrap();
}
