//! Votes that an acceptor has missed: they keep nobody from becoming primary, and they are made up for.
//!
//! `SYNOD_HISTORY=1000000 cargo test --release --test program missed -- --nocapture` prints how long that takes.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::common::{Cluster, Member, text};
use serde_json::Value;
use synod::internals::{
    Ballot, ClientId, Command, Decree, Directory, DiskJournal, Identity, Instance, Journal,
    LeaderId, Record, RequestId, Vote,
};

const BALLOT: Ballot = Ballot { round: 1, leader: LeaderId(0) };

fn vote(instance: u64) -> Vote {
    let id =
        RequestId { client: ClientId { lease_start: Instance(0), number: 77 }, sequence: instance };
    let payload = format!("some-payload-{instance:08}").into_bytes().into();
    let decree = Decree::Command(Command { id, acknowledged: instance, payload });
    Vote { instance: Instance(instance), ballot: BALLOT, decree }
}

/// Writes an acceptor's votes into its journal.
fn write(cluster: &Cluster, role: &str, votes: impl Iterator<Item = u64>) {
    let identity = Identity { cluster: cluster.config().identity(), member: role.to_owned() };
    let folder = Directory::lock(&cluster.data(role)).unwrap();
    let (mut journal, _) = DiskJournal::open(Box::new(folder), &identity).unwrap();
    journal.append(vec![Record::Promised(BALLOT)]).unwrap();
    let votes: Vec<u64> = votes.collect();
    for some in votes.chunks(2_000) {
        journal.append(some.iter().map(|i| Record::Voted(vote(*i))).collect()).unwrap();
    }
}

/// In how many instances this member's acceptor has voted, if it answers.
fn votes(cluster: &Cluster, member: &str) -> Option<u64> {
    let args = ["status", "--json", "--config", "test/cluster.toml", "--timeout", "0.3"];
    let status: Value = serde_json::from_slice(&cluster.synod(&args).stdout).unwrap();
    let rows = status["members"].as_array().unwrap();
    let row = rows.iter().find(|row| row["member"] == member && row["part"] == "acceptor")?;
    row["status"]["role"]["acceptor"]["votes"].as_u64()
}

/// One member is lost for good, and the acceptor of another once missed a vote. Each campaign asked for the
/// whole history, and took longer than the other leader waited: nobody ever became primary.
#[test]
fn one_vote_that_was_missed_keeps_nobody_from_being_primary_and_is_made_up_for() {
    let history: u64 =
        std::env::var("SYNOD_HISTORY").map_or(20_000, |history| history.parse().unwrap());
    let cluster = Cluster::new("missed");
    write(&cluster, "n2/acceptor", 0..history);
    write(&cluster, "n3/acceptor", 1..history);
    let (told, lines) = channel();
    let start = Instant::now();
    let members = ["n2", "n3"].map(|name| {
        let args =
            ["--log", "info", "node", name, "--config", "test/cluster.toml", "--without", "n1"];
        Member::spawn(name, cluster.command(&args), &told)
    });
    let ups = lines.iter().filter(|(_, line)| line.contains("acceptor at ")).take(2).count();
    assert_eq!(ups, 2);
    println!("{history} instances: both up after {:?}", start.elapsed());
    let start = Instant::now();
    let put = cluster.synod(&[
        "put",
        "colour",
        "blue",
        "--config",
        "test/cluster.toml",
        "--timeout",
        "60",
    ]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    println!("a put is answered after {:?}", start.elapsed());
    let start = Instant::now();
    while votes(&cluster, "n3") != Some(history + 1) {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", votes(&cluster, "n3"));
    }
    println!("the missing vote is there after {:?}", start.elapsed());
    drop(members);
    let campaigns =
        lines.try_iter().filter(|(_, line)| line.contains("candidate from now on")).count();
    println!("{campaigns} campaigns");
    assert!(campaigns <= 4, "{campaigns}");
}
