//! Networks that are not one machine's: names that have no address, addresses of both versions of IP,
//! sockets that listen elsewhere, and datagrams that may not be large.

use std::fs;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};

use crate::common::{Cluster, Lines, Member, text, wait_for};

/// Changes the cluster's file, as an operator does while all are down.
fn change(cluster: &Cluster, edit: impl FnOnce(String) -> String) {
    let path = cluster.folder.join("test/cluster.toml");
    let before = fs::read_to_string(&path).unwrap();
    let after = edit(before.clone());
    assert_ne!(before, after);
    fs::write(path, after).unwrap();
}

fn start(cluster: &Cluster, names: &[&'static str], told: &Lines) -> Vec<Member> {
    names.iter().map(|name| Member::start(cluster, name, told)).collect()
}

fn stop(members: Vec<Member>) {
    members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

/// What a command says, which must be done.
fn done(cluster: &Cluster, args: &[&str]) -> String {
    let output = cluster.ask(args);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
    text(&output.stdout)
}

fn get(cluster: &Cluster, key: &str) -> String {
    done(cluster, &["get", key]).trim_end().to_owned()
}

/// All members start, a put is there, and nothing is wrong.
fn is_well(cluster: &Cluster, told: &Lines) {
    let members = start(cluster, &["n1", "n2", "n3"], told);
    done(cluster, &["put", "colour", "blue"]);
    assert_eq!(get(cluster, "colour"), "blue");
    done(cluster, &["status"]);
    stop(members);
}

/// In place of the addresses of a member, another host, at the same ports.
fn moved(file: &str, member: usize, host: &str) -> String {
    let mut sections: Vec<String> = file.split("[[member]]").map(str::to_owned).collect();
    sections[member] = sections[member].replace("127.0.0.1", host);
    sections.join("[[member]]")
}

fn with_bind(file: &str, member: usize, ip: &str) -> String {
    let name = format!("name = \"n{member}\"\n");
    file.replace(&name, &format!("{name}bind = \"{ip}\"\n"))
}

fn lines() -> (Lines, Receiver<(&'static str, String)>) {
    channel()
}

/// The name of a member that is down has no address: the others start, and all commands work. Once the
/// file is mended it comes back, and the others need not be told.
#[test]
fn a_name_without_an_address_stops_nobody() {
    let (cluster, (told, said)) = (Cluster::new("nameless"), lines());
    stop({
        let members = start(&cluster, &["n1", "n2", "n3"], &told);
        done(&cluster, &["put", "colour", "blue"]);
        members
    });
    let right = fs::read_to_string(cluster.folder.join("test/cluster.toml")).unwrap();
    change(&cluster, |file| moved(&file, 3, "nowhere.invalid"));
    let members = start(&cluster, &["n1", "n2"], &told);
    let (_, line) = wait_for(&said, "nowhere.invalid");
    assert!(line.contains("has no address"), "{line}");
    done(&cluster, &["put", "colour", "red"]);
    assert_eq!(get(&cluster, "colour"), "red");
    assert!(done(&cluster, &["log"]).contains("red"));
    let status = cluster.synod(&["status", "--config", "test/cluster.toml", "--timeout", "1"]);
    assert_eq!(status.status.code(), Some(1), "one is down");
    assert!(text(&status.stdout).contains("n1"), "{}", text(&status.stderr));
    // Whoever is answered does not hear of it; who is not, does.
    let put = cluster.ask(&["put", "colour", "red"]);
    assert_eq!(text(&put.stderr), "");
    // Its own name must have an address.
    assert!(cluster.cannot_start("n3", 1).contains("bind = \"0.0.0.0\""));
    fs::write(cluster.folder.join("test/cluster.toml"), right).unwrap();
    let third = start(&cluster, &["n3"], &told);
    assert_eq!(get(&cluster, "colour"), "red");
    stop(members.into_iter().chain(third).collect());
    change(&cluster, |file| file.replace("127.0.0.1", "nowhere.invalid"));
    let args = ["put", "colour", "grey", "--config", "test/cluster.toml", "--timeout", "0.3"];
    let put = cluster.synod(&args);
    assert_eq!(put.status.code(), Some(4), "nobody was asked");
    assert!(text(&put.stderr).contains("no address is known of nowhere.invalid"));
}

/// Names in place of addresses, and sockets that listen at all addresses.
#[test]
fn members_may_be_known_by_names_and_listen_everywhere() {
    let (cluster, (told, _said)) = (Cluster::new("named"), lines());
    change(&cluster, |file| {
        let file = file.replace("127.0.0.1", "localhost");
        (1..=3).fold(file, |file, n| with_bind(&file, n, "0.0.0.0"))
    });
    is_well(&cluster, &told);
}

/// Members of both versions of IP reach one another by sockets that listen at both.
#[test]
fn members_of_both_versions_of_ip_reach_one_another() {
    if let Err(error) = UdpSocket::bind("[::1]:0") {
        return eprintln!("skipped, as this machine has no IPv6: {error}");
    }
    let (cluster, (told, _said)) = (Cluster::new("both"), lines());
    change(&cluster, |file| moved(&file, 2, "[::1]"));
    let refused = cluster.synod(&["node", "n1", "--config", "test/cluster.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("write bind = \"::\" into n1"));
    change(&cluster, |file| (1..=3).fold(file, |file, n| with_bind(&file, n, "::")));
    is_well(&cluster, &told);
}

/// Where datagrams are short, all that is larger goes in parts: commands, replies, votes, pages of
/// promises and of the history.
#[test]
fn what_is_larger_than_a_datagram_goes_in_parts() {
    let (cluster, (told, _said)) = (Cluster::new("parts"), lines());
    change(&cluster, |file| format!("{file}[network]\ndatagram = 512\n"));
    let all = ["n1", "n2", "n3"];
    let members = start(&cluster, &all, &told);
    let values = [0, 1, 300, 512, 1400, 9000, 30_000].map(|bytes| "v".repeat(bytes));
    for (n, value) in values.iter().enumerate() {
        done(&cluster, &["put", &format!("k{n}"), value]);
    }
    stop(members);
    let members = start(&cluster, &all, &told);
    for (n, value) in values.iter().enumerate() {
        assert_eq!(&get(&cluster, &format!("k{n}")), value);
    }
    let log = done(&cluster, &["log", "--json"]);
    assert!(values.iter().all(|value| log.contains(value)), "the history is short");
    let status: serde_json::Value =
        serde_json::from_str(&done(&cluster, &["status", "--json"])).unwrap();
    assert!(status.to_string().contains("\"datagram\":512"), "{status}");
    stop(members);
}

/// A name that is a loopback address here, as many systems have it for their own, is of no use to others;
/// an address of another machine is of no use either. Both are said as such, with what to do.
#[test]
fn what_nobody_else_reaches_is_not_listened_at() {
    let cluster = Cluster::new("own-name");
    change(&cluster, |file| moved(&moved(&file, 1, "localhost"), 2, "node2.invalid"));
    let refused = cluster.cannot_start("n1", 4);
    assert!(
        refused.contains("where no other machine reaches it: write bind = \"::\""),
        "{refused}"
    );
    change(&cluster, |file| {
        file.replace("localhost", "192.0.2.1").replace("127.0.0.1", "192.0.2.3")
    });
    let refused = cluster.cannot_start("n1", 4);
    assert!(refused.contains("it is no address of this machine"), "{refused}");
}
