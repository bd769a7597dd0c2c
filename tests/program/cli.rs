//! The command line, as a shell and a script see it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn synod(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod")).args(args).output().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether an object has exactly these keys beside others that are allowed to come.
fn has_keys(value: &Value, keys: &[&str]) {
    keys.iter().for_each(|key| assert!(!value[key].is_null(), "no '{key}' in {value}"));
}

#[test]
fn the_demo_in_words_and_in_json() {
    let output = synod(&["demo", "--commands", "100"]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    assert!(text.contains("100 of 100") && text.contains("The histories are equal."), "{text}");

    let output = synod(&["demo", "--commands", "100", "--seed", "7", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    let keys = [
        "commands",
        "decided",
        "answered",
        "duplicates",
        "no_ops",
        "elapsed_ms",
        "commands_per_s",
        "latency_us",
        "histories_equal",
        "leaders",
        "pump",
        "seed",
        "runtime",
    ];
    has_keys(&report, &keys);
    has_keys(&report["latency_us"], &["p50", "p99"]);
    has_keys(&report["pump"], &["received", "dropped"]);
    has_keys(&report["leaders"][1], &["id", "primary", "decided", "digest"]);
    assert_eq!((&report["seed"], &report["answered"]), (&Value::from(7), &Value::from(100)));
}

#[test]
fn a_demo_without_a_quorum_says_why_and_fails() {
    let output = synod(&["demo", "--failed", "3", "--patience", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("nothing can be decided: only 2 of 5 acceptors are up"), "{error}");
}

#[test]
fn what_cannot_be_is_bad_use() {
    let bad: [&[&str]; 15] = [
        &["bench", "engine", "--limit", "0"],
        &["check", "--mutant", "amnesia", "gap"],
        &["check", "--all", "gap"],
        &["demo", "--failed", "6"],
        &["demo", "--acceptors", "0"],
        &["demo", "--acceptors", "65"],
        &["demo", "--leaders", "0"],
        &["demo", "--phase1", "2", "--phase2", "3"],
        &["demo", "--runtime", "spawn", "--adversarial"],
        &["check", "no-such-system"],
        &["check", "--mutant", "no-such-mutant"],
        &["check", "--compare-stock", "no-such-system"],
        &["check", "gap", "--table"],
        &["check", "gap", "--backend", "no-such-back-end"],
        &["explore", "dueling", "--address", "192.0.2.1:1"],
    ];
    for args in bad {
        let output = synod(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn names_that_are_not_known_are_told_from_those_of_elsewhere() {
    let near = err(&synod(&["check", "duelin"]));
    assert!(near.contains("did you mean 'dueling'?"), "{near}");
    let fault = err(&synod(&["check", "--mutant", "made-up-commands"]));
    assert!(fault.contains("synod prove --fault made-up-commands"), "{fault}");
    let needless = err(&synod(&["check", "--mutant", "amnesia", "gap"]));
    assert!(needless.contains("a system of its own, acceptor-crash: leave out gap"), "{needless}");
}

/// A system that cannot be explored so is told with the reason, also to machines.
#[test]
fn a_back_end_that_does_not_fit_says_why() {
    let output = synod(&["check", "dueling", "--backend", "alike"]);
    assert!(out(&output).contains("0 of 1 system finished"), "{}", out(&output));
    assert!(err(&output).contains("are not alike"), "{}", err(&output));
    let output = synod(&["check", "dueling", "--backend", "alike", "--json"]);
    let reason = &json(&output)["systems"][0]["error"];
    assert!(reason.as_str().unwrap().contains("are not alike"), "{reason}");
}

/// What is durable is shown where it comes to be, and not only what is sent.
#[test]
fn a_counterexample_shows_what_is_saved() {
    let text = out(&synod(&["check", "--mutant", "amnesia"]));
    assert!(text.contains("          A2 saves: voted in 0 under 1.L1 for C101#0"), "{text}");
}

#[test]
fn check_lists_and_checks_systems() {
    let list = synod(&["check", "--list"]);
    assert_eq!(list.status.code(), Some(0));
    assert!(out(&list).lines().any(|line| line.starts_with("progress  ")));

    let output = synod(&["check", "progress", "gap", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    let keys = [
        "name",
        "bounds",
        "backend",
        "peak_bytes",
        "unique_states",
        "total_states",
        "depth",
        "seconds",
        "complete",
        "properties",
    ];
    for system in report["systems"].as_array().unwrap() {
        has_keys(system, &keys);
        assert_eq!(system["complete"], true);
        assert_eq!(system["unique_states"], system["expected_states"]);
        for property in system["properties"].as_array().unwrap() {
            has_keys(property, &["name", "kind", "verdict", "looked_at"]);
            let left_out = property["verdict"] == "left out" && !property["why"].is_null();
            assert!(left_out || property["holds"] == true, "{property}");
        }
    }
    assert_eq!(report["systems"].as_array().unwrap().len(), 2);
}

/// Three ways to explore one system, each in a process of its own.
#[test]
fn a_system_is_compared_with_stock_stateright() {
    let output = synod(&["check", "--compare-stock", "gap", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    has_keys(&report, &["system", "stock", "explicit", "symbolic", "agree"]);
    for side in ["stock", "explicit", "symbolic"] {
        has_keys(&report[side], &["seconds", "unique_states", "peak_bytes", "complete"]);
        assert_eq!(report[side]["complete"], true, "{side}");
    }
    assert_eq!(report["explicit"]["unique_states"], report["symbolic"]["unique_states"]);
    assert_eq!(report["agree"], true);
}

/// Walks that several processes share come to what one process comes to alone.
#[test]
fn parts_of_a_swarm_join_into_the_whole() {
    let folder = std::env::temp_dir().join(format!("synod-swarm-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let swarm = ["check", "swarm", "everything", "--walks", "9", "--steps", "100", "--json"];
    let whole = synod(&swarm);
    assert_eq!(whole.status.code(), Some(0));
    let mut files = Vec::new();
    for part in 0..3 {
        let file = folder.join(format!("{part}.json")).display().to_string();
        let shard = format!("{part}/3");
        let output = synod(&[&swarm[..], &["--shard", &shard, "--output", &file]].concat());
        assert_eq!(output.status.code(), Some(0));
        files.push(file);
    }
    let merge = |files: &[String]| {
        let files = files.iter().map(String::as_str);
        synod(&["check", "merge", "--json"].into_iter().chain(files).collect::<Vec<_>>())
    };
    let (whole, joined) = (json(&whole), json(&merge(&files)));
    assert_eq!(joined["exhausted"], false);
    for same in ["walks", "steps", "ended", "situations", "properties"] {
        assert_eq!(whole[same], joined[same], "{same}");
    }
    files.push(files[0].clone());
    assert_eq!(merge(&files).status.code(), Some(2), "a part comes twice");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_mutant_is_shown_step_by_step() {
    let output = synod(&["check", "--mutant", "stale-accept"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(
        text.contains(" 12. ") && text.contains("=> violates 'one value per instance'"),
        "{text}"
    );

    let output = synod(&["check", "--mutant", "late-gap", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    has_keys(&report, &["mutant", "system", "property", "steps", "caught", "finding"]);
    assert_eq!(report["steps"].as_array().unwrap().len(), 5);
}

#[test]
fn systems_and_mutants_are_held_to_the_specification() {
    let report = json(&synod(&["check", "--refinement", "dueling", "--json"]));
    let system = &report["systems"][0];
    assert_eq!((&system["passes"], system["total_states"].as_u64()), (&true.into(), Some(39_582)));
    let judged = system["judged_steps"].as_u64().unwrap();
    assert!((1..39_582).contains(&judged), "{judged}");

    let output = synod(&["check", "--refinement", "dueling", "--backend", "stock"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("stock Stateright does not look at steps"), "{}", err(&output));

    let output = synod(&["check", "--refinement", "--mutant", "stale-accept"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    let found = "=> violates 'acceptors vote as specified': A2 votes for";
    assert!(text.contains("  6. ") && text.contains(found), "{text}");

    let output = synod(&["check", "--refinement", "--mutant", "late-gap"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("this fault lies elsewhere"), "{}", out(&output));
}

#[test]
fn every_command_shows_an_example() {
    for command in [
        "demo", "init", "node", "put", "get", "delete", "cas", "check", "mutants", "prove",
        "explore",
    ] {
        let output = synod(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(&format!("synod {command} ")), "{command}");
    }
}

/// A name that is misspelt: what was meant, and the others in lines that fit a terminal.
#[test]
fn a_name_that_is_misspelt_is_answered_with_the_nearest() {
    for (args, meant) in [
        (&["check", "duelin"][..], "did you mean 'dueling'?"),
        (&["check", "swarm", "everthing"], "did you mean 'everything'?"),
        (&["check", "--mutant", "amnesai"], "did you mean 'amnesia'?"),
        (&["explore", "delings"], "did you mean 'dueling'?"),
        (&["prove", "--fault", "stale-acept"], "did you mean 'stale-accept'?"),
        (&["prove", "--without", "quorum meet"], "did you mean 'quorums meet'?"),
        (&["prove", "--fault", "amnesia"], "synod check --mutant amnesia"),
        (&["check", "--mutant", "made-up-commands"], "synod prove --fault made-up-commands"),
        (&["node", "n1", "--log", "debg"], "take off, error, warn, info, debug or trace"),
    ] {
        let output = synod(args);
        let error = err(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(meant), "{args:?}: {error}");
        let mut listed = error.lines().skip(1);
        assert!(listed.all(|line| line.len() <= 80), "{args:?}: {error}");
    }
}

/// Runs it with one variable of the environment.
fn with(name: &str, value: impl AsRef<OsStr>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.env_remove("SYNOD_CONFIG").env_remove("SYNOD_LOG").env(name, value);
    command.args(args).output().unwrap()
}

/// A number below zero is a value, and is judged as one.
#[test]
fn negative_numbers_are_no_options() {
    for (args, words) in [
        (&["get", "k", "--timeout", "-1"][..], "take 0.001 to 86400 seconds"),
        (&["load", "--clients", "-1"], "-1 is not in 1..=1024"),
        (&["chaos", "--seed", "-1"], "invalid value '-1' for '--seed"),
        (&["put", "k", "-5"], "cannot read /nowhere"),
        (&["cas", "-1", "-2.5", "--expect", "-3"], "cannot read /nowhere"),
    ] {
        let output = with("SYNOD_CONFIG", "/nowhere", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains(words), "{args:?}: {}", err(&output));
    }
}

#[test]
fn the_environment_names_the_file_and_the_level() {
    for args in [&["get", "k"][..], &["keys"], &["log"], &["status"], &["node", "n1"]] {
        let output = with("SYNOD_CONFIG", "/nowhere/cluster.toml", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains("cannot read /nowhere/cluster.toml"), "{args:?}");
        let args = [args, &["--config", "/elsewhere.toml"]].concat();
        let output = with("SYNOD_CONFIG", "/nowhere/cluster.toml", &args);
        assert!(err(&output).contains("cannot read /elsewhere.toml"), "{args:?}");
        let help = out(&with("SYNOD_CONFIG", "", &[args[0], "--help"]));
        assert!(help.contains("SYNOD_CONFIG"), "{help}");
    }
    for (variable, args) in
        [("", &["get", "k"][..]), ("/nowhere.toml", &["get", "k", "--config", ""])]
    {
        let output = with("SYNOD_CONFIG", variable, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains("it is empty; name the cluster's file"), "{}", err(&output));
    }
    let output = with("SYNOD_LOG", OsStr::from_bytes(b"\xff"), &["check", "--list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("SYNOD_LOG is not understood"), "{}", err(&output));
    let output = with("SYNOD_LOG", "nonsense", &["check", "gap"]);
    assert_eq!(output.status.code(), Some(2));
    let words = "SYNOD_LOG is not understood: 'nonsense' is no level; take off, error,";
    assert!(err(&output).contains(words), "{}", err(&output));
    assert_eq!(with("SYNOD_LOG", "", &["check", "--list"]).status.code(), Some(0));
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = synod(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = out(&output);
        assert!(script.contains("synod") && script.contains("swarm"), "{shell}");
    }
}

/// Output that is lost is an error; a reader that has gone away is not.
#[test]
fn output_that_cannot_be_written_has_an_exit_code() {
    for args in [&["check", "--list"][..], &["prove", "--spec"], &["--version"], &["get", "--help"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        let output = command.args(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{args:?}");
        assert!(err(&output).contains("cannot write the output: No space left"), "{args:?}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        let output = command.args(args).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()), "{args:?}");
    }
}

/// A process that is ended when its test is.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_explorer_serves_the_state_that_the_link_leads_to() {
    // The second one crashes within a step, which only the engine's states show.
    let served = [("dueling", "stale-accept", 12), ("acceptor-crashes", "send-before-save", 13)];
    for (system, mutant, steps) in served {
        let mut served = Served(
            Command::new(env!("CARGO_BIN_EXE_synod"))
                .args(["explore", system, "--mutant", mutant, "--address", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let lines = BufReader::new(served.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let link = lines.into_iter().find(|line| line.starts_with("http://")).unwrap();
        let (address, path) = link["http://".len()..].split_once("/#/steps/").unwrap();
        let (parent, last) = path.rsplit_once('/').unwrap();
        assert_eq!(path.split('/').count(), 1 + steps, "{link}");

        let states = get(address, &format!("/.states/{parent}"));
        let states: Value = serde_json::from_str(&states).unwrap();
        let last = last.parse::<u64>().unwrap();
        let violating =
            states.as_array().unwrap().iter().find(|s| s["actionIndex"] == last).unwrap();
        let state = violating["state"].as_str().unwrap();
        assert!(state.contains("C101#0") && state.contains("C102#0"), "{state}");
        assert!(violating["svg"].as_str().unwrap().contains(">L1</text>"));
    }
}

/// Fetches a page, as soon as somebody serves it.
fn get(address: &str, path: &str) -> String {
    let start = std::time::Instant::now();
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) => assert!(start.elapsed().as_secs() < 20, "{error}"),
        }
        std::thread::yield_now();
    };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    }
}

fn unchunk(body: &str) -> String {
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&tail[..size]);
        rest = &tail[size + 2..];
    }
    whole
}
