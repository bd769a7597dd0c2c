//! Disks whose syncs take longer than an election: a primary stays primary, on one slow member and on all.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::common::{Cluster, Member, text};
use synod::{Ballot, RoleStatus, StatusClient};

const NAMES: [&str; 3] = ["n1", "n2", "n3"];
/// Puts go on for at least so long: many times what a leader waits for a heartbeat.
const LOAD: Duration = Duration::from_secs(6);
/// What a put may take beyond its syncs on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// A library that makes syncs slow, for a process that loads it first.
fn slow_syncs(folder: &Path) -> PathBuf {
    let library = folder.join("slow_sync.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/slow_sync.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    let made = compiler.output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    library
}

/// The highest ballot that a leader acts under or has heard of; how long the last sync of the slowest
/// acceptor took; and the most syncs of an acceptor.
fn stance(status_client: &StatusClient) -> (Ballot, Duration, u64) {
    let statuses = status_client.status(Duration::from_secs(20)).unwrap();
    let (mut ballot, mut slowest, mut syncs) = (Ballot::default(), Duration::ZERO, 0);
    for status in statuses.into_iter().map(|status| status.expect("all are up")) {
        let journal = status.journal.unwrap();
        match status.role {
            RoleStatus::Leader(leader) => ballot = ballot.max(leader.ballot),
            _ => {
                slowest = slowest.max(Duration::from_micros(journal.last_sync_us));
                syncs = syncs.max(journal.syncs);
            }
        }
    }
    (ballot, slowest, syncs)
}

/// After the first put, puts go on and on: nobody else becomes primary, or tries to. A put waits for four
/// syncs at most.
fn nobody_is_deposed(milliseconds: u64, slow: &[&str]) {
    let cluster = Cluster::new(&format!("slow-{milliseconds}-{}", slow.len()));
    let library = slow_syncs(&cluster.folder);
    let (told, lines) = channel();
    let start = |name| {
        let mut command = cluster.node(name);
        if slow.contains(&name) {
            command.env("LD_PRELOAD", &library).env("SYNC_MS", milliseconds.to_string());
        }
        Member::spawn(name, command, &told)
    };
    let _members = NAMES.map(start);
    let put = |n: u64| {
        let args =
            ["put", "key", &n.to_string(), "--config", "test/cluster.toml", "--timeout", "60"];
        let (began, output) = (Instant::now(), cluster.synod(&args));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        began.elapsed()
    };
    put(0);
    let status_client = StatusClient::new(&cluster.config()).unwrap();
    // Whoever was slow to start may have missed the first election.
    assert!(status_client.wait_until_level(Duration::from_secs(60)).unwrap());
    let (ballot, _, syncs) = stance(&status_client);
    let (began, mut puts, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while began.elapsed() < LOAD {
        puts += 1;
        longest = longest.max(put(puts));
    }
    let (after, slowest, later) = stance(&status_client);
    let per_put = (later - syncs) as f64 / puts as f64;
    println!(
        "{milliseconds} ms on {}: {puts} puts, each {longest:?} at most, {per_put:.1} syncs of an acceptor",
        slow.len()
    );
    let sync = Duration::from_millis(milliseconds);
    assert!(slowest >= sync, "the disk is slow: {slowest:?}");
    assert!(longest <= 4 * sync + SLACK, "{longest:?}");
    assert!(slow.len() < 3 || longest >= sync, "{longest:?}");
    let said: Vec<String> = lines.try_iter().map(|(_, line)| line).collect();
    assert_eq!(after, ballot, "{milliseconds} ms on {slow:?}: {said:#?}");
    assert!(per_put <= 4.0, "{per_put}");
}

#[test]
fn one_slow_disk_deposes_nobody() {
    [100, 300, 500].into_iter().for_each(|milliseconds| nobody_is_deposed(milliseconds, &["n2"]));
}

#[test]
fn slow_disks_everywhere_depose_nobody() {
    [100, 300, 500].into_iter().for_each(|milliseconds| nobody_is_deposed(milliseconds, &NAMES));
}
