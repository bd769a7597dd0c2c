//! The output of every command: onto a full disk, into a closed pipe, and as far as it is read.

use std::fs::File;
use std::io::{BufRead, BufReader, pipe};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;

use crate::common::{Cluster, Member, text};

/// Cheap uses of a command, as words; `RUN` is another word each time. What would run for long, or until it
/// is told to stop, shows its help.
fn cheap(command: &str) -> &'static [&'static str] {
    match command {
        "" => &["--help", "--version", ""],
        "demo" => &["demo --commands 20 --acceptors 3", "demo --commands 20 --json"],
        "init" => &["init RUN --members 1"],
        // Runs until it is told to stop.
        "node" => &["node --help"],
        "inspect" => &["inspect test/data/n1", "inspect test/data/n1 --json", "inspect test"],
        "put" => &["put k v", "put k v --json"],
        "get" => &["get k", "get k --json", "get nothing", "get nothing --json"],
        "delete" => &["delete gone", "delete gone --json"],
        "cas" => &["cas k v --expect v", "cas k v --expect w", "cas k v --expect w --json"],
        "keys" => &["keys", "keys --json", "keys none"],
        "propose" => &["propose text", "propose text --json"],
        "log" => &["log", "log --json", "log --leader n7"],
        "status" => &["status", "status --json"],
        "load" => &["load --commands 20", "load --commands 20 --clients 3 --independent --json"],
        "check" => &["check --list", "check gap", "check gap --json", "check no-such-system"],
        "check swarm" => &["check swarm gap --walks 2 --steps 9 --output RUN.json"],
        "check merge" => &["check merge part.json", "check merge part.json --json"],
        // Takes minutes.
        "mutants" => &["mutants --help"],
        "prove" => &["prove --spec", "prove --fault stale-accept", "prove --fault none"],
        "bench" => &["bench --help", "bench"],
        // Take minutes, or start many processes.
        "bench engine" => &["bench engine --help"],
        "bench durable" => &["bench durable --help"],
        "chaos" => &["chaos --help"],
        // Serves until it is told to stop.
        "explore" => &["explore --help", "explore no-such-system"],
        "completions" => &["completions bash", "completions none"],
        other => panic!("say here how 'synod {other}' is used at little cost"),
    }
}

/// All commands and their subcommands, by their words.
fn commands(command: &clap::Command, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    for inner in command.get_subcommands() {
        commands(inner, format!("{path} {}", inner.get_name()).trim(), all);
    }
}

struct Running {
    cluster: Cluster,
    members: Vec<Member>,
    runs: usize,
}

impl Running {
    fn start(name: &str) -> Self {
        let cluster = Cluster::new(name);
        let (told, _lines) = channel();
        let members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told)).into();
        let running = Running { cluster, members, runs: 0 };
        let put = running.cluster.ask(&["put", "k", "v"]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
        let part =
            ["check", "swarm", "gap", "--walks", "2", "--steps", "9", "--output", "part.json"];
        assert_eq!(running.cluster.synod(&part).status.code(), Some(0));
        running
    }

    fn command(&mut self, line: &str) -> Command {
        self.runs += 1;
        let line = line.replace("RUN", &format!("run-{}", self.runs));
        let mut command = self.cluster.command(&line.split_whitespace().collect::<Vec<_>>());
        command.env("SYNOD_CONFIG", "test/cluster.toml").stdin(Stdio::null());
        command
    }

    fn run(&mut self, line: &str, output: impl Into<Stdio>) -> Output {
        self.command(line).stdout(output).stderr(Stdio::piped()).output().unwrap()
    }

    fn run_full(&mut self, line: &str) -> Output {
        let full = File::options().write(true).open("/dev/full").unwrap();
        self.run(line, full)
    }

    fn run_closed(&mut self, line: &str) -> Output {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        self.run(line, writer)
    }
}

/// A new command is asked for by name until it is tried here.
#[test]
fn no_output_is_lost_without_a_word_and_a_reader_may_go_away() {
    let mut running = Running::start("output");
    let mut all = Vec::new();
    commands(&synod::internals::command(), "", &mut all);
    assert!(all.len() > 20, "{all:?}");
    let mut written = 0;
    for line in all.iter().flat_map(|command| cheap(command)) {
        let read = running.run(line, Stdio::piped());
        let full = running.run_full(line);
        let (code, error) = (full.status.code(), text(&full.stderr));
        if read.stdout.is_empty() {
            assert_eq!(code, read.status.code(), "{line}: {error}");
        } else {
            written += 1;
            assert_eq!(code, Some(5), "{line}: {error}");
            assert!(error.contains("cannot write the output: No space left"), "{line}: {error}");
        }
        let closed = running.run_closed(line);
        let error = text(&closed.stderr);
        assert_eq!(closed.status.code(), read.status.code(), "{line}: {error}");
        let quiet = !error.contains("panicked") && !error.contains("Broken pipe");
        assert!(quiet && !error.contains("cannot write"), "{line}: {error}");
    }
    assert!(written > 30, "{written}");
}

/// Whoever follows the history for ever ends when there is no use in it.
#[test]
fn a_follower_ends_with_its_output() {
    let mut running = Running::start("follower");
    for line in ["log --follow", "log --follow --json"] {
        assert_eq!(running.run_full(line).status.code(), Some(5), "{line}");
        assert_eq!(running.run_closed(line).status.code(), Some(0), "{line}");
        // As with `| head -1`: it goes on until it has something to say and nobody reads it.
        let mut command = running.command(line);
        let mut follower = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(follower.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.contains('0'), "{first}");
        assert_eq!(running.cluster.ask(&["put", "k", "v"]).status.code(), Some(0));
        let ended = follower.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
    }
}

/// The leader that is followed dies, and its successor is followed at once: long before the time is over that
/// an answer is waited for, which here is longer than the test may take.
#[test]
fn a_follower_does_not_wait_for_a_leader_that_has_died() {
    let mut running = Running::start("succession");
    let mut command = running.command("log --follow --json --timeout 600");
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shows = |value: &str, line: &String| line.contains(&format!("\"value\":\"{value}\""));
    assert!(lines.any(|line| shows("v", &line)));
    for (place, value) in ["one", "two", "three"].into_iter().enumerate() {
        // One after the other is killed and started again; one of them is the one that is followed.
        let gone = running.members.remove(0);
        let name = gone.name;
        drop(gone);
        let put = running.cluster.ask(&["put", "k", value]);
        assert_eq!(put.status.code(), Some(0), "{place}: {}", text(&put.stderr));
        assert!(lines.any(|line| shows(value, &line)), "{value}");
        let (told, _lines) = channel();
        running.members.push(Member::start(&running.cluster, name, &told));
        let put = running.cluster.ask(&["put", "again", value]);
        assert_eq!(put.status.code(), Some(0), "{place}: {}", text(&put.stderr));
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn load_is_put_on_a_cluster_by_one_socket_or_many() {
    let running = Running::start("load");
    for (more, sockets) in [(&[][..], 1), (&["--independent"], 5)] {
        let load = ["load", "--clients", "5", "--commands", "103", "--value", "100", "--json"];
        let output = running.cluster.ask(&[&load, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let counts = ["clients", "sockets", "done", "not_done", "unknown", "not_asked"];
        let counts = counts.map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [5, sockets, 103, 0, 0, 0]);
        let latency = &report["latency_us"];
        assert!(latency["p50"].as_u64() <= latency["p90"].as_u64(), "{latency}");
        assert!(latency["p99"].as_u64() <= latency["max"].as_u64(), "{latency}");
    }
    let keys = running.cluster.ask(&["keys", "synod-load/", "--limit", "1"]);
    assert_eq!(text(&keys.stdout), "synod-load/00000\n");
    let Running { cluster, members, .. } = running;
    drop(members);
    let config = ["--config", "test/cluster.toml", "--timeout", "0.3"];
    let output = cluster.synod(&[&["load"][..], &config].concat());
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("nothing was asked for"), "{}", text(&output.stderr));
}
