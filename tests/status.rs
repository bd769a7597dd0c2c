//! `synod status`: its verdict on real clusters, well and not.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Cluster, Member, text};
use serde_json::{Value, json};

const CONFIG: [&str; 2] = ["--config", "test/cluster.toml"];

/// The status, once its exit code and its words are so.
fn status(cluster: &Cluster, code: i32, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let args = [&["status", "--timeout", "1"], &CONFIG[..]].concat();
        let output = cluster.synod(&args);
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
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), None);
}
