//! `synod status`: its verdict on real clusters, well and not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::common::{Cluster, Member, text};
use serde_json::{Value, json};

const CONFIG: [&str; 2] = ["--config", "test/cluster.toml"];

/// The status, once its exit code and its words are so.
fn status(cluster: &Cluster, code: i32, words: &str) -> String {
    status_by(cluster, CONFIG[1], code, words)
}

/// The same, by another file.
fn status_by(cluster: &Cluster, file: &str, code: i32, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let output = cluster.synod(&["status", "--timeout", "1", "--config", file]);
        let shown = text(&output.stdout);
        if output.status.code() == Some(code) && shown.contains(words) {
            return shown;
        }
        assert!(Instant::now() < deadline, "no '{words}': {shown}{}", text(&output.stderr));
    }
}

#[test]
fn the_verdict_says_who_is_missing_and_what_that_means() {
    let cluster = Cluster::new("status");
    let (told, _lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let (n1, n2, n3) = (start("n1"), start("n2"), start("n3"));
    for value in ["red", "green", "blue"] {
        let put = cluster.ask(&["put", "colour", value]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    }
    let well = status(&cluster, 0, "histories agree, of 3 leaders");
    for words in ["test is healthy", "primary is n", "3 of 3 acceptors answer, 2 needed"] {
        assert!(well.contains(words), "'{words}': {well}");
    }
    assert!(well.lines().all(|line| line.len() <= 80), "{well}");
    assert!(!well.contains("L1") && !well.contains(".L"), "{well}");

    let output = cluster.synod(&[&["status", "--json"], &CONFIG[..]].concat());
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["cluster"], &shown["verdict"]), (&json!("test"), &json!("healthy")));
    let about: Vec<&Value> =
        shown["findings"].as_array().unwrap().iter().map(|it| &it["about"]).collect();
    assert!(about.contains(&&json!("quorum")) && about.contains(&&json!("histories")), "{shown}");
    let members = shown["members"].as_array().unwrap();
    assert_eq!(members.len(), 6);
    let leader = &members[0]["status"]["role"]["leader"];
    let primary = leader["primary"].as_str().unwrap();
    assert!(["n1", "n2", "n3"].contains(&primary), "{leader}");
    assert_eq!(leader["ballot"]["leader"], leader["primary"], "{leader}");

    drop(n3);
    let less = status(&cluster, 1, "test is degraded");
    for words in ["no answer from n3", "2 of 3 acceptors answer, 2 needed"] {
        assert!(less.contains(words), "'{words}': {less}");
    }
    drop(n2);
    status(&cluster, 1, "the quorum is lost: 1 of 3 acceptors answers, 2 needed");
    drop(n1);
    status(&cluster, 1, "test is down");
}

/// Two clusters of one identity, as if one had been cut in two and both parts had gone on. A file that names
/// members of both is one cluster whose histories differ; each cluster by itself is well.
#[test]
fn histories_that_differ_are_inconsistent() {
    let (one, other) = (Cluster::new("status-one"), Cluster::new("status-other"));
    let file = |cluster: &Cluster| cluster.folder.join("test/cluster.toml");
    let [of_one, of_other] = [&one, &other].map(|it| fs::read_to_string(file(it)).unwrap());
    let id = |text: &str| text.lines().find(|line| line.starts_with("id = ")).unwrap().to_owned();
    let of_other = of_other.replace(&id(&of_other), &id(&of_one));
    fs::write(file(&other), &of_other).unwrap();
    fs::remove_dir_all(other.data("")).unwrap();
    let (told, _lines) = channel();
    let mut members = Vec::new();
    for (cluster, value) in [(&one, "red"), (&other, "blue")] {
        for name in ["n1", "n2", "n3"] {
            let mut node = cluster.node(name);
            node.args((value == "blue").then_some("--new"));
            members.push(Member::spawn(name, node, &told));
        }
        let put = cluster.ask(&["put", "colour", value]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    }
    let last = "\n[[member]]\nname = \"n3\"";
    let cut = |text: &str| text.find(last).unwrap();
    let mixed = format!("{}{}", &of_one[..cut(&of_one)], &of_other[cut(&of_other)..]);
    fs::write(one.folder.join("mixed.toml"), mixed).unwrap();
    let shown = status_by(&one, "mixed.toml", 1, "histories differ before instance");
    assert!(shown.contains("test is inconsistent"), "{shown}");
    assert!(shown.contains("that of n1 and n2 is not that of n3"), "{shown}");
    for cluster in [&one, &other] {
        status(cluster, 0, "histories agree, of 3 leaders");
    }
}

/// Where nobody redraws, as in a file, each look is a block of its own.
#[test]
fn it_is_watched_until_interrupted() {
    let cluster = Cluster::new("watch");
    let args = [&["status", "--timeout", "0.05", "--watch", "0.05"], &CONFIG[..]].concat();
    let mut watch = cluster.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut verdicts = lines.inspect(|line| assert!(!line.contains('\u{1b}'), "{line}"));
    assert_eq!(verdicts.by_ref().filter(|line| line == "test is down").take(3).count(), 3);
    let id = watch.id().to_string();
    // A shell makes what runs in the background ignore SIGINT, and so this test perhaps.
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), None);
}
