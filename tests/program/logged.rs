//! What an operator reads in the log of a member, at the level that is usual.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Cluster, text};

/// A member whose standard error is a file. It is killed when it is let go.
struct Logged<'c> {
    cluster: &'c Cluster,
    name: &'static str,
    process: Child,
}

impl<'c> Logged<'c> {
    fn start(cluster: &'c Cluster, name: &'static str) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(cluster.folder.join(format!("{name}.log")))
            .unwrap();
        let args = ["node", name, "--config", "test/cluster.toml"];
        let mut command = cluster.command(&args);
        let process = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Logged { cluster, name, process }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.cluster.folder.join(format!("{}.log", self.name))).unwrap()
    }

    /// The log, once it says this.
    fn says(&self, words: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = self.log();
            if log.contains(words) {
                return log;
            }
            assert!(Instant::now() < deadline, "{}: no '{words}' in {log}", self.name);
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Logged<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The member that is primary, as soon as all others follow it.
fn primary(members: &[Logged]) -> usize {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        for (at, member) in members.iter().enumerate() {
            let follows = format!("follower from now on: {} is primary, under ", member.name);
            let last = |log: &str| {
                let mut stances = log.lines().filter(|line| line.contains("from now on"));
                stances.next_back().unwrap_or_default().to_owned()
            };
            let others = members.iter().filter(|other| other.name != member.name);
            if last(&member.log()).contains("primary from now on, under ")
                && others.into_iter().all(|other| last(&other.log()).contains(&follows))
            {
                return at;
            }
        }
        assert!(Instant::now() < deadline, "nobody is primary for all");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn the_loss_of_the_primary_is_told_by_the_names_in_the_file() {
    let cluster = Cluster::new("logged");
    let mut members: Vec<Logged> =
        ["n1", "n2", "n3"].map(|name| Logged::start(&cluster, name)).into_iter().collect();
    let first = members.remove(primary(&members));
    let name = first.name;
    let calm: Vec<usize> = members.iter().map(|member| member.log().lines().count()).collect();
    for _ in 0..20 {
        let put = cluster.ask(&["put", "colour", "blue"]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    }
    let after: Vec<usize> = members.iter().map(|member| member.log().lines().count()).collect();
    assert_eq!(calm, after, "in calm, nothing is logged");

    drop(first);
    let next = primary(&members);
    let won = members[next].log();
    assert!(won.contains("/leader: candidate from now on, under "), "{won}");
    assert!(won.contains("no primary has been heard for "), "{won}");
    let other = &members[1 - next];
    let lost = other.says(&format!("{name}/acceptor is silent: no answer for "));
    for log in [&won, &lost] {
        assert!(!log.contains('\u{1b}'), "colours in a file: {log}");
        assert!(!log.contains("L1") && !log.contains("L2") && !log.contains("L3"), "{log}");
        assert!(log.lines().count() < 40, "{log}");
    }
    let back = Logged::start(&cluster, name);
    other.says(&format!("{name}/acceptor answers again"));
    drop(back);
}

#[test]
fn a_quorum_that_is_lost_and_comes_back_is_told() {
    let cluster = Cluster::new("logged-quorum");
    let mut members: Vec<Logged> =
        ["n1", "n2", "n3"].map(|name| Logged::start(&cluster, name)).into_iter().collect();
    let first = members.remove(primary(&members));
    let second = members.remove(0);
    let (first_name, second_name) = (first.name, second.name);
    drop((first, second));
    let last = &members[0];
    last.says("the quorum is lost: 1 of 3 acceptors answer, 2 needed");
    let _back = [first_name, second_name].map(|name| Logged::start(&cluster, name));
    last.says("there is a quorum again: ");
}

#[test]
fn a_level_that_is_none_is_refused() {
    let cluster = Cluster::new("logged-level");
    for refused in [
        cluster.synod(&["--log", "nonsense", "status", "--config", "test/cluster.toml"]),
        cluster
            .command(&["status", "--config", "test/cluster.toml"])
            .env("SYNOD_LOG", "nonsense")
            .output()
            .unwrap(),
    ] {
        assert_eq!(refused.status.code(), Some(2));
        assert!(
            text(&refused.stderr).contains("'nonsense' is no level"),
            "{}",
            text(&refused.stderr)
        );
    }
}
