//! Members that have lost their disk: the others remember them, so they do not start anew.

use std::fs;
use std::process::Output;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::common::{Cluster, Member, text, wait_for};
use synod::internals::{Directory, Identity, JournalId, SMALLEST_SEGMENT, create};

type Line = (&'static str, String);

/// The roles of a cluster as `synod init` makes it.
const ROLES: [&str; 6] =
    ["n1/leader", "n1/acceptor", "n2/leader", "n2/acceptor", "n3/leader", "n3/acceptor"];

/// The same, but each role is a member of its own that has never run.
const APART: [&str; 6] =
    ["n1/leader", "a1/acceptor", "n2/leader", "a2/acceptor", "n3/leader", "a3/acceptor"];

fn apart(name: &str) -> Cluster {
    let cluster = Cluster::new(name);
    let file = cluster.folder.join("test/cluster.toml");
    let written = fs::read_to_string(&file).unwrap();
    let mut parts = written.split("\nacceptor");
    let mut written = parts.next().unwrap().to_owned();
    for (number, part) in (1..).zip(parts) {
        let member = format!("\n\n[[member]]\nname = \"a{number}\"\ndata = \"data/a{number}\"");
        written.push_str(&format!("{member}\nacceptor{part}"));
        lose(&cluster, &format!("n{number}"));
    }
    fs::write(&file, written).unwrap();
    cluster
}

/// All of a member's disk is gone.
fn lose(cluster: &Cluster, path: &str) {
    fs::remove_dir_all(cluster.data(path)).unwrap();
}

fn start(cluster: &Cluster, name: &'static str, told: &Sender<Line>) -> Member {
    Member::start(cluster, name, told)
}

fn start_new(cluster: &Cluster, name: &'static str, told: &Sender<Line>) -> Member {
    let mut command = cluster.node(name);
    command.arg("--new");
    Member::spawn(name, command, told)
}

/// A member that must not start, and what it says.
fn is_refused(output: &Output, role: &str) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(
        error.contains(role) && error.contains(" has run before with another journal ("),
        "{error}"
    );
    assert!(error.contains("its disk is lost"), "{error}");
    assert!(error.contains("it must not vote again: leave it down"), "{error}");
    error
}

fn try_new(cluster: &Cluster, name: &str) -> Output {
    cluster.synod(&["node", name, "--config", "test/cluster.toml", "--new"])
}

fn put(cluster: &Cluster) {
    let put = cluster.ask(&["put", "colour", "blue"]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
}

/// Waits until these roles remember so many others each.
fn wait_until_known(cluster: &Cluster, roles: &[&str], others: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for role in roles {
        let file = cluster.data(role).join("peers");
        let known = || fs::read_to_string(&file).map_or(0, |text| text.matches("\npeer ").count());
        while known() < others {
            assert!(Instant::now() < deadline, "{role} does not know {others} others");
            std::thread::yield_now();
        }
    }
}

/// A cluster that has run, with all of its members down.
fn has_run(name: &str) -> (Cluster, Sender<Line>, Receiver<Line>) {
    let cluster = Cluster::new(name);
    let (told, lines) = channel();
    let members = ["n3", "n1", "n2"].map(|name| start(&cluster, name, &told));
    put(&cluster);
    wait_until_known(&cluster, &ROLES, 5);
    drop(members);
    (cluster, told, lines)
}

#[test]
fn an_acceptor_or_a_leader_that_has_lost_its_disk_is_refused_and_the_others_go_on() {
    let cluster = apart("lost");
    let (told, _lines) = channel();
    let names = ["a2", "n1", "a3", "n3", "a1", "n2"];
    let mut members = Vec::from(names.map(|name| start_new(&cluster, name, &told)));
    put(&cluster);
    wait_until_known(&cluster, &APART, 5);
    for (name, role) in [("a1", "a1/acceptor"), ("n1", "n1/leader")] {
        members.retain(|member| member.name != name);
        lose(&cluster, name);
        is_refused(&try_new(&cluster, name), role);
        put(&cluster);
        let again = cluster.synod(&["node", name, "--config", "test/cluster.toml"]);
        is_refused(&again, role);
        put(&cluster);
    }
    members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

#[test]
fn one_member_that_is_up_is_enough_to_notice() {
    let (cluster, told, _lines) = has_run("one-up");
    lose(&cluster, "n2");
    let _first = start(&cluster, "n1", &told);
    // Whichever of its roles hears of it first stops the other.
    let error = is_refused(&try_new(&cluster, "n2"), "n2/");
    assert!(error.contains("(n1/"), "{error}");
}

#[test]
fn the_other_role_of_the_same_member_is_enough_to_notice() {
    let (cluster, _told, _lines) = has_run("own");
    let identity = cluster.config().identity();
    for role in ["n2/leader", "n2/acceptor"] {
        let (aside, path) = (cluster.data("aside"), cluster.data(role));
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        let identity = Identity { cluster: identity.clone(), member: role.to_owned() };
        create(&mut Directory::lock(&path).unwrap(), &identity, SMALLEST_SEGMENT, JournalId(7))
            .unwrap();
        is_refused(&cluster.synod(&["node", "n2", "--config", "test/cluster.toml"]), role);
        fs::remove_dir_all(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
}

/// With nobody there to object it waits, and says for whom; and it stops once somebody objects.
#[test]
fn one_that_nobody_can_warn_waits_and_stops_as_soon_as_somebody_does() {
    let (cluster, _told, _lines) = has_run("late");
    let (told, lines) = channel();
    lose(&cluster, "n2");
    let lost = start_new(&cluster, "n2", &told);
    let (name, line) = wait_for(&lines, "does not take part yet: its journal is empty");
    assert!(name == "n2" && line.contains("n1/leader") && line.contains("n3/acceptor"), "{line}");
    assert!(line.contains("can be named with --without"), "{line}");
    let _first = start(&cluster, "n1", &told);
    let (name, line) = wait_for(&lines, "has run before with another journal (n1/");
    assert!(name == "n2" && line.contains("has stopped"), "{line}");
    assert_eq!(lost.wait(), Some(4));
}

/// It is the memory of the others that catches it: without, it starts, and votes.
#[test]
fn where_nobody_remembers_nobody_notices() {
    let (cluster, told, _lines) = has_run("forgotten");
    for role in ROLES {
        fs::remove_file(cluster.data(role).join("peers")).unwrap();
    }
    lose(&cluster, "n2");
    let members = ["n1", "n3"].map(|name| start(&cluster, name, &told));
    let members = members.into_iter().chain([start_new(&cluster, "n2", &told)]);
    let members = members.collect::<Vec<Member>>().into_iter();
    put(&cluster);
    wait_until_known(&cluster, &["n1/leader", "n1/acceptor"], 5);
    members.for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

#[test]
fn a_member_that_was_killed_comes_back_and_its_memory_must_be_sound() {
    let (cluster, told, lines) = has_run("back");
    let _others = ["n1", "n3"].map(|name| start(&cluster, name, &told));
    let second = start(&cluster, "n2", &told);
    put(&cluster);
    drop(second);
    let second = start(&cluster, "n2", &told);
    put(&cluster);
    assert_eq!(second.terminate(), Some(0));
    drop(told);
    drop(_others);
    let refused = |(_, line): &Line| line.contains("has run before");
    assert!(!lines.iter().any(|line| refused(&line)));
    let file = cluster.data("n2/acceptor/peers");
    let mut bytes = fs::read(&file).unwrap();
    bytes[60] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = cluster.refused("n2");
    assert!(error.contains("n2/acceptor: the file 'peers' is damaged"), "{error}");
    assert!(error.contains("remove the file"), "{error}");
    // It does not make a new start any easier.
    for gone in ["identity", "cluster", "journal-00000001"] {
        fs::remove_file(cluster.data("n2/acceptor").join(gone)).unwrap();
    }
    lose(&cluster, "n2/leader");
    let output = try_new(&cluster, "n2");
    assert_eq!(output.status.code(), Some(4));
    let error = text(&output.stderr);
    assert!(error.contains("there is something here already (peers)"), "{error}");
}

/// Puts a copy of one data directory in the place of another.
fn copy(cluster: &Cluster, from: &str, to: &str) {
    let _ = fs::remove_dir_all(cluster.data(to));
    for role in ["leader", "acceptor"] {
        fs::create_dir_all(cluster.data(to).join(role)).unwrap();
        for file in fs::read_dir(cluster.data(from).join(role)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), cluster.data(to).join(role).join(file.file_name())).unwrap();
        }
    }
}

/// Waits until the acceptor of a member has voted for more.
fn vote_some_more(cluster: &Cluster, name: &str) {
    let voted = || {
        let looked = cluster.synod(&["inspect", &format!("test/data/{name}/acceptor"), "--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&looked.stdout).unwrap();
        shown["entries"].as_u64().unwrap()
    };
    let (before, deadline) = (voted(), Instant::now() + Duration::from_secs(20));
    while voted() < before + 3 {
        assert!(Instant::now() < deadline, "it does not vote");
        put(cluster);
    }
}

/// A backup of a data directory is an older journal of the same id.
#[test]
fn a_member_that_is_started_from_a_backup_is_refused_and_the_others_go_on() {
    let cluster = Cluster::new("backup");
    let (told, _lines) = channel();
    let start = |name| start(&cluster, name, &told);
    let [first, _second, _third] = ["n1", "n2", "n3"].map(start);
    put(&cluster);
    wait_until_known(&cluster, &ROLES, 5);
    assert_eq!(first.terminate(), Some(0));
    copy(&cluster, "n1", "backup");
    let first = start("n1");
    vote_some_more(&cluster, "n1");
    drop(first);
    copy(&cluster, "n1", "aside");
    copy(&cluster, "backup", "n1");
    let output = cluster.synod(&["node", "n1", "--config", "test/cluster.toml"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("n1/acceptor began with a journal of "), "{error}");
    assert!(error.contains("this is an older copy, such as a backup"), "{error}");
    put(&cluster);
    // The disk itself, or a copy of all of it, is not older.
    copy(&cluster, "aside", "n1");
    let first = start("n1");
    put(&cluster);
    assert_eq!(first.terminate(), Some(0));
}

/// What the others have heard of is on their disks after an orderly stop: one of them is enough to
/// notice an older copy then.
#[test]
fn a_backup_is_refused_by_one_peer_after_all_have_stopped() {
    let cluster = Cluster::new("all-stopped");
    let (told, _lines) = channel();
    let start = |name| start(&cluster, name, &told);
    let members = ["n1", "n2", "n3"].map(start);
    put(&cluster);
    wait_until_known(&cluster, &ROLES, 5);
    members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
    copy(&cluster, "n1", "backup");
    let members = ["n1", "n2", "n3"].map(start);
    vote_some_more(&cluster, "n1");
    members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
    copy(&cluster, "backup", "n1");
    let _second = start("n2");
    let output = cluster.synod(&["node", "n1", "--config", "test/cluster.toml"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("this is an older copy, such as a backup"), "{error}");
}

/// Of three members that have never run, two are not enough for the first start, unless an operator
/// says that the third will never come.
#[test]
fn a_first_start_waits_for_a_member_that_is_missing_or_is_named() {
    let cluster = Cluster::new("first");
    let (told, _lines) = channel();
    let members = ["n1", "n2"].map(|name| start(&cluster, name, &told));
    let deadline = Instant::now() + Duration::from_secs(20);
    let waits = |status: &Output| text(&status.stdout).matches("waits for n3/leader").count();
    let status = || cluster.synod(&["status", "--config", "test/cluster.toml", "--timeout", "5"]);
    while waits(&status()) < 4 {
        assert!(Instant::now() < deadline, "{}", text(&status().stdout));
    }
    drop(members);
    let _members = ["n1", "n2"].map(|name| {
        let mut command = cluster.node(name);
        command.args(["--without", "n3"]);
        Member::spawn(name, command, &told)
    });
    put(&cluster);
}
