//! A put whose outcome is unknown is asked again by the name that was printed, and done once.

use std::sync::mpsc::channel;

use serde_json::Value;

use crate::common::{Cluster, Member, text, wait_for};

/// The member that is primary, as its status says.
fn primary(cluster: &Cluster) -> String {
    let args = ["status", "--json", "--config", "test/cluster.toml"];
    let status: Value = serde_json::from_slice(&cluster.synod(&args).stdout).unwrap();
    let rows = status["members"].as_array().unwrap();
    let is_primary = |row: &&Value| row["status"]["role"]["leader"]["stance"] == "primary";
    rows.iter().find(is_primary).unwrap()["member"].as_str().unwrap().to_owned()
}

/// How often a text is in the history.
fn in_history(cluster: &Cluster, words: &str) -> usize {
    let log = cluster.ask(&["log"]);
    assert_eq!(log.status.code(), Some(0), "{}", text(&log.stderr));
    text(&log.stdout).lines().filter(|line| line.contains(words)).count()
}

/// The name in the words for an unknown outcome.
fn name(words: &str) -> String {
    let (_, name) = words.split_once("--again ").unwrap_or_else(|| panic!("no name in {words}"));
    name.trim().to_owned()
}

#[test]
fn a_put_whose_outcome_is_unknown_is_asked_again_by_its_name_and_done_once() {
    let (cluster, (told, lines)) = (Cluster::new("again"), channel());
    let members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told));
    wait_for(&lines, "primary from now on");
    let put = cluster.ask(&["put", "colour", "red"]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    // The primary takes the request, and nobody else is there to vote.
    let primary = primary(&cluster);
    let others: Vec<&Member> = members.iter().filter(|member| member.name != primary).collect();
    others.iter().for_each(|member| member.signal("STOP"));
    let args = ["put", "colour", "dark blue", "--config", "test/cluster.toml", "--timeout", "1"];
    let unknown = cluster.synod(&args);
    let words = text(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(3), "{words}");
    let name = name(&words);
    let again = ["put", "colour", "dark blue", "--again", &name];
    let still = cluster.synod(&[&args[..], &again[3..], &["--json"]].concat());
    assert_eq!(still.status.code(), Some(3), "{}", text(&still.stderr));
    let told: Value = serde_json::from_slice(&still.stdout).unwrap();
    assert_eq!((&told["outcome"], &told["request"]), (&"unknown".into(), &Value::from(&*name)));
    others.iter().for_each(|member| member.signal("CONT"));
    let done: Vec<Value> = [(); 2]
        .map(|()| {
            let done = cluster.ask(&[&again[..], &["--json"]].concat());
            assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
            serde_json::from_slice(&done.stdout).unwrap()
        })
        .into();
    assert_eq!(done[0], done[1], "whoever asks again is told the same");
    assert_eq!(done[0]["previous"], "red");
    assert_eq!([in_history(&cluster, "dark blue"), in_history(&cluster, &name)], [1, 1]);
    // Without its name it is another.
    let other = cluster.ask(&again[..3]);
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
    assert_eq!(in_history(&cluster, "dark blue"), 2);
    let bad = cluster.ask(&["put", "colour", "red", "--again", "C5#0"]);
    assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
    assert!(text(&bad.stderr).contains("no name of a request"), "{}", text(&bad.stderr));
}
