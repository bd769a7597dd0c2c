//! Clusters that meet, and files that differ: nobody takes one cluster for another, nobody is ended by a
//! stranger, and whoever is refused is told what differs.

use std::fs;
use std::process::Output;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::common::{Cluster, Member, text, wait_for};

/// The same cluster's file, changed; for one member or client only.
fn write(cluster: &Cluster, name: &str, change: impl FnOnce(String) -> String) -> String {
    let path = cluster.folder.join("test").join(name);
    let right = fs::read_to_string(cluster.folder.join("test/cluster.toml")).unwrap();
    let changed = change(right.clone());
    assert_ne!(changed, right);
    fs::write(path, changed).unwrap();
    format!("test/{name}")
}

/// Exchanges two members' places in a file.
fn exchange(file: &str, one: usize, two: usize) -> String {
    let end = file.find("\n# All of this").unwrap();
    let (members, rest) = file.split_at(end);
    let mut parts: Vec<&str> = members.split("\n[[member]]").collect();
    parts.swap(one, two);
    parts.join("\n[[member]]") + rest
}

fn member(name: &str, ports: (u16, u16)) -> String {
    format!(
        "\n[[member]]\nname = \"{name}\"\ndata = \"data/{name}\"\nleader = \"127.0.0.1:{}\"\n\
         acceptor = \"127.0.0.1:{}\"\n",
        ports.0, ports.1
    )
}

fn grow(file: &str, members: &str) -> String {
    file.replace("\n# All of this", &format!("{members}\n# All of this"))
}

fn port(cluster: &Cluster, name: &str) -> u16 {
    let config = cluster.config();
    let address = config.member(name).unwrap().leader.as_ref().unwrap().to_string();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// Fails, with this exit code and these words.
fn is_told(output: &Output, code: i32, words: &str) {
    let error = text(&[&output.stdout[..], &output.stderr].concat());
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(words), "'{words}' is not in {error}");
}

fn put(cluster: &Cluster, value: &str) {
    let put = cluster.ask(&["put", "colour", value]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
}

/// Whatever decides safety or what is applied: a member whose file differs in it does not start, and is
/// told what differs. The others go on.
#[test]
fn a_member_whose_file_decides_otherwise_than_its_journal_is_refused() {
    let cluster = Cluster::new("identity");
    let (told, _lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let [_first, _second, third] = ["n1", "n2", "n3"].map(start);
    put(&cluster, "blue");
    drop(third);
    let all = "its members are n1 leader acceptor, n2 leader acceptor, n3 leader acceptor and not";
    let line = |file: &str, start: &str| {
        file.lines().find(|line| line.starts_with(start)).unwrap().to_owned() + "\n"
    };
    let quorums = "\n[quorums]\nphase1 = 3\nphase2 = 1\n";
    let id = format!("id = \"{}\"\n", "f".repeat(32));
    type Change<'a> = Box<dyn Fn(String) -> String + 'a>;
    let changes: [(String, Change); 8] = [
        (format!("{all} n2 leader acceptor, n1"), Box::new(|file| exchange(&file, 1, 2))),
        (format!("{all} n1"), Box::new(|file| grow(&file, &member("n4", (1, 2))))),
        (format!("{all} n9"), Box::new(|file| file.replace("\"n1\"", "\"n9\""))),
        (
            format!("{all} n1 acceptor"),
            Box::new(|file| file.replacen(&line(&file, "leader"), "", 1)),
        ),
        ("its quorums are 2 and 2 and not 3 and 1".to_owned(), Box::new(|file| file + quorums)),
        (
            "its state machine is kv and not ledger".to_owned(),
            Box::new(|file| file.replace("machine = \"kv\"", "machine = \"ledger\"")),
        ),
        (
            "its lease is 262144 and not 300000".to_owned(),
            Box::new(|file| file.replace("lease = 262144", "lease = 300000")),
        ),
        (
            "and not 'test' (id ffffffff...)".to_owned(),
            Box::new(|file| file.replace(&line(&file, "id = "), &id)),
        ),
    ];
    for (words, change) in changes {
        let file = write(&cluster, "other.toml", change);
        let output = cluster.synod(&["node", "n3", "--config", &file]);
        is_told(&output, 4, &words);
        is_told(&output, 4, "use the file that the journal was made with");
        put(&cluster, &words);
    }
    let _third = start("n3");
    put(&cluster, "green");
}

/// New members by a file that the old ones do not have: they never take part, and whoever uses that
/// file is told so. Before, there were two primaries and two histories.
#[test]
fn members_that_were_added_by_hand_never_take_part() {
    let cluster = Cluster::new("grown");
    let (told, _lines) = channel();
    let _old = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    put(&cluster, "blue");
    let first = port(&cluster, "n3") + 2;
    let added: String = (0..2)
        .map(|n| member(&format!("n{}", n + 4), (first + 2 * n, first + 2 * n + 1)))
        .collect();
    let file = write(&cluster, "grown.toml", |file| grow(&file, &added));
    let (told, lines) = channel();
    let _new = ["n4", "n5"].map(|name| {
        let args = ["--log", "info", "node", name, "--config", &file, "--new"];
        Member::spawn(name, cluster.command(&args), &told)
    });
    let (_, line) =
        wait_for(&lines, "is of this cluster by another file: it has 3 members and not 5");
    assert!(line.contains("must have the file that the journals were made with"), "{line}");
    wait_for(&lines, "does not take part yet");
    let asked = cluster.synod(&["put", "colour", "red", "--config", &file, "--timeout", "2"]);
    is_told(&asked, 4, "it has 3 members and not 5");
    let status = cluster.synod(&["status", "--config", &file]);
    is_told(&status, 1, "is of this cluster by another file");
    assert!(text(&status.stdout).contains("waits for"), "{}", text(&status.stdout));
    assert_eq!(text(&cluster.ask(&["get", "colour"]).stdout), "blue");
}

/// The same, where the new ones are so many that they would be a majority by themselves.
#[test]
fn members_that_outnumber_the_old_ones_never_take_part() {
    let cluster = Cluster::new("outnumbered");
    let ports = port(&cluster, "n1");
    let one = cluster.synod(&["init", "one", "--members", "1", "--port", &(ports + 8).to_string()]);
    assert!(one.status.success(), "{}", text(&one.stderr));
    let path = cluster.folder.join("one/cluster.toml");
    let file = fs::read_to_string(&path).unwrap();
    let (told, lines) = channel();
    let spawn = |name, args: &[&str]| {
        let command = cluster.command(&[&["--log", "info", "node", name], args].concat());
        Member::spawn(name, command, &told)
    };
    let _old = spawn("n1", &["--config", "one/cluster.toml"]);
    let put = cluster.synod(&["put", "a", "old", "--config", "one/cluster.toml"]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    let added: String = (0..3)
        .map(|n| member(&format!("n{}", n + 2), (ports + 2 * n, ports + 2 * n + 1)))
        .collect();
    fs::write(cluster.folder.join("one/grown.toml"), grow(&file, &added)).unwrap();
    let _new = ["n2", "n3", "n4"].map(|name| spawn(name, &["--config", "one/grown.toml", "--new"]));
    wait_for(&lines, "No answer from an operator, as other members have another file");
    let got = cluster.synod(&["get", "a", "--config", "one/grown.toml", "--timeout", "2"]);
    is_told(&got, 4, "it has 1 members and not 4");
    let got = cluster.synod(&["get", "a", "--config", "one/cluster.toml"]);
    assert_eq!(text(&got.stdout), "old");
}

/// `init` takes the same ports for every cluster: a client of one, and whoever asks by its file, is
/// told who is there.
#[test]
fn clients_of_another_cluster_of_the_same_ports_are_refused() {
    let cluster = Cluster::new("clients-of-another");
    let (told, _lines) = channel();
    let members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    put(&cluster, "blue");
    let ports = port(&cluster, "n1").to_string();
    let made = cluster.synod(&["init", "other", "--port", &ports]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let words = "of another cluster, 'test' (id ";
    for args in [&["put", "colour", "red"][..], &["get", "colour"], &["status"], &["log"]] {
        let asked = cluster.synod(&[args, &["--config", "other/cluster.toml"]].concat());
        is_told(&asked, if args[0] == "status" { 1 } else { 4 }, words);
    }
    assert_eq!(text(&cluster.ask(&["get", "colour"]).stdout), "blue");
    // One after the other: a new cluster at the ports of an old one knows nothing of it.
    drop(members);
    let _other = ["n1", "n2", "n3"].map(|name| {
        Member::spawn(
            name,
            cluster.command(&["node", name, "--config", "other/cluster.toml"]),
            &told,
        )
    });
    let got =
        cluster.synod(&["get", "colour", "--config", "other/cluster.toml", "--timeout", "10"]);
    is_told(&got, 1, "there is no such key");
    is_told(&cluster.ask(&["put", "colour", "red"]), 4, "of another cluster, 'other' (id ");
}

/// Members of two clusters that run at once and take one another's addresses for their own: none is
/// ended, and each cluster has its own history.
#[test]
fn members_of_two_clusters_that_meet_go_on_both() {
    let cluster = Cluster::new("two");
    let (told, lines) = channel();
    let _members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    put(&cluster, "blue");
    let other = Cluster::new("two-others");
    let theirs = port(&cluster, "n1");
    let file = other.folder.join("test/cluster.toml");
    let ours = port(&other, "n3");
    let changed = fs::read_to_string(&file)
        .unwrap()
        .replace(&format!(":{ours}\""), &format!(":{theirs}\""))
        .replace(&format!(":{}\"", ours + 1), &format!(":{}\"", theirs + 1));
    fs::write(&file, changed).unwrap();
    let (tell, heard) = channel();
    let _others = ["n1", "n2"].map(|name| {
        let mut command = other.node(name);
        command.args(["--without", "n3"]);
        Member::spawn(name, command, &tell)
    });
    let (_, line) = wait_for(&heard, "of another cluster, 'test' (id ");
    assert!(line.contains("look at the addresses in the file"), "{line}");
    for value in ["red", "green"] {
        put(&other, value);
        put(&cluster, &format!("{value}ish"));
    }
    assert_eq!(text(&other.ask(&["get", "colour"]).stdout), "green");
    assert_eq!(text(&cluster.ask(&["get", "colour"]).stdout), "greenish");
    let status = cluster.synod(&["status", "--config", "test/cluster.toml", "--timeout", "5"]);
    assert_eq!(status.status.code(), Some(0), "{}", text(&status.stdout));
    let ended = |(_, line): (&str, String)| line.contains("has stopped");
    assert!(!lines.try_iter().any(ended) && !heard.try_iter().any(ended));
}

/// What does not decide anything may change: addresses, data directories, timings, windows.
#[test]
fn members_may_move_to_other_addresses_and_folders() {
    let cluster = Cluster::new("moved");
    let (told, _lines) = channel();
    let members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    put(&cluster, "blue");
    members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
    let first = port(&cluster, "n1");
    let moved = Cluster::new("moved-to");
    let to = port(&moved, "n1");
    drop(moved);
    write(&cluster, "cluster.toml", |file| {
        (0..6)
            .fold(file, |file, n| {
                file.replace(&format!(":{}\"", first + n), &format!(":{}\"", to + n))
            })
            .replace("data/n2", "data/elsewhere")
            .replace("election = 120", "election = 200")
            .replace("window = 4096", "window = 512")
    });
    fs::rename(cluster.data("n2"), cluster.data("elsewhere")).unwrap();
    let _members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    let deadline = Instant::now() + Duration::from_secs(30);
    while text(&cluster.ask(&["get", "colour"]).stdout) != "blue" {
        assert!(Instant::now() < deadline, "what was put is not there");
    }
}
