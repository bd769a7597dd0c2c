//! README, followed line by line: its commands are run as they are written, in a fresh folder, with `synod`
//! in the PATH and nothing but what a system has. What it says of other machines is held to what the
//! program does with it.
#![cfg(unix)]

mod page;
mod shell;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use page::{blocks, commands, differs};
use shell::Shell;
use synod::ClusterConfig;
use synod::lab::free_ports;

const SYNOD: &str = env!("CARGO_BIN_EXE_synod");

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// Commands that are not run, and why. Those of `synod` are parsed all the same.
const NOT_RUN: [(&str, &str); 14] = [
    ("cargo build --release --locked", "cargo has built the program for this test"),
    ("cargo test --locked", "that is what runs this test"),
    ("synod check", "a minute; tests/library/model checks the systems that take seconds"),
    ("synod mutants", "seconds to minutes; tests/library/model hunts for all faults"),
    ("synod mutants --refinement", "minutes; tests/library/refinement.rs"),
    ("synod prove --sensitivity", "half a minute; tests/library/proof"),
    ("synod prove --solver z3 --solver cvc5", "needs solvers that a fresh machine has not"),
    ("synod check --refinement", "minutes; tests/library/refinement.rs"),
    ("synod explore dueling --mutant stale-accept", "serves a browser until it is stopped"),
    ("synod chaos --rounds 200", "minutes; tests/program/chaos.rs runs a few rounds"),
    (
        "synod check --all --table",
        "minutes, and writes into the repository; tests/program/certificate.rs",
    ),
    ("synod check --compare-stock passive", "a minute; tests/library/model"),
    ("synod check swarm everything", "a minute; tests/library/swarm"),
    ("synod bench engine --plot engine.svg", "minutes; tests/program/cli.rs runs it with a limit"),
];

/// Programs that are run beside `synod`: every system has them, and they do no harm in a fresh folder.
const HARMLESS: [&str; 5] = ["cat", "export", "kill", "rm", "unset"];

/// Commands whose answer is no, and what it is.
const EXIT_CODES: [(&str, i32); 3] = [
    ("synod check --mutant amnesia", 1),
    ("synod check --mutant lost-command", 1),
    ("synod prove --fault stale-accept", 1),
];

/// Only a cluster that was left alone is healthy at once.
const MAY_TAKE_A_MOMENT: &str = "synod status";

fn why_not_run(command: &str) -> Option<&'static str> {
    NOT_RUN.iter().find(|(which, _)| *which == command).map(|(_, why)| *why)
}

/// A folder of its own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("synod-readme-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn synod(&self, args: &[&str]) -> Output {
        let mut command = Command::new(SYNOD);
        command.args(args).current_dir(&self.0).env_remove("SYNOD_CONFIG").output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails unless the program understands this command line: help comes after all else was parsed.
fn parses(folder: &Folder, command: &str) {
    let args = command.split_whitespace().skip(1).chain(["--help"]);
    let output = folder.synod(&args.collect::<Vec<_>>());
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
}

/// Runs the commands one after the other, and compares what they print with what is shown; the transcript,
/// or what is wrong. The port that `synod init` takes may be in use, so another one is named.
fn follow(page: &str, folder: &Folder) -> Result<String, String> {
    let here = Path::new(SYNOD).parent().unwrap().display().to_string();
    let mut shell = Shell::new(&folder.0, &format!("{here}:{}", std::env::var("PATH").unwrap()));
    let port = free_ports(16).unwrap()[0];
    let mut transcript = String::new();
    for page::Shown { command, sample } in commands(page) {
        if let Some(why) = why_not_run(command) {
            transcript.push_str(&format!("$ {command}\n(not run: {why})\n"));
            if command.starts_with("synod ") {
                parses(folder, command);
            }
            continue;
        }
        let program = command.split_whitespace().next().unwrap_or_default();
        if program != "synod" && !HARMLESS.contains(&program) {
            return Err(format!("'{command}' is neither run nor known: say in this test which"));
        }
        // Where a shell does not know comments at its prompt, such as zsh, they would be arguments.
        if command.contains(" #") {
            return Err(format!("'{command}' has a comment, and may be copied with it"));
        }
        let run = match command {
            "synod init local" => format!("synod init local --port {port}"),
            as_written => as_written.to_owned(),
        };
        let expected = EXIT_CODES.iter().find(|(which, _)| *which == command);
        let expected = expected.map_or(0, |(_, code)| *code);
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (code, output) = shell.run(&run);
            let wrong = match differs(&sample, &output) {
                None if code == expected => None,
                None => Some(format!("it ended with {code}, not {expected}")),
                differs => differs,
            };
            let again = command == MAY_TAKE_A_MOMENT && Instant::now() < deadline;
            match wrong {
                Some(_) if again => continue,
                Some(wrong) => return Err(format!("'{run}': {wrong}\n{output}\n{transcript}")),
                None => transcript.push_str(&format!("$ {run}\n{output}")),
            }
            break;
        }
    }
    Ok(transcript)
}

#[test]
fn its_commands_work_from_top_to_bottom() {
    let (folder, page) = (Folder::new("follow"), readme());
    let transcript = follow(&page, &folder).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{transcript}");
    assert!(transcript.matches("$ ").count() > 40, "{transcript}");
    // What was made is removed again, but for the file of the machines.
    let left = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["prod"]);
    // Nothing is listed that the page does not have any more.
    let shown: Vec<&str> = commands(&page).iter().map(|shown| shown.command).collect();
    for which in NOT_RUN.iter().map(|it| it.0).chain(EXIT_CODES.iter().map(|it| it.0)) {
        assert!(shown.contains(&which), "'{which}' is not in README any more");
    }
}

/// Whoever writes into README what does not work is told so.
#[test]
fn a_command_that_does_not_work_is_noticed() {
    let folder = Folder::new("notice");
    for (page, words) in [
        ("\n```console\n$ synod prove --spec\n```\n", ""),
        ("| `synod prove --nonsense` | anything |\n", "it ended with 2"),
        ("\n```console\n$ synod check --mutant amnesia\nsomething\n...\n```\n", "'something' is"),
        ("\n```console\n$ synod --version\nsynod 9.9\nmore\n```\n", "'more' is shown"),
        ("\n```console\n$ cat /dev/null; echo more\nless\n```\n", "'less' is shown"),
        ("\n```console\n$ echo more; echo even more\nmore\n```\n", "neither run nor known"),
        ("\n```console\n$ synod get colour # blue\n```\n", "has a comment"),
        ("\n```console\n$ curl example.org\n```\n", "neither run nor known"),
        ("\n```console\n$ cat nothing-here\n...\n```\n", "it ended with 1"),
    ] {
        let followed = follow(page, &folder);
        let wrong = followed.map_or_else(|wrong| wrong, |_| String::new());
        assert!(wrong.contains(words) && wrong.is_empty() == words.is_empty(), "{page}: {wrong}");
    }
    assert_eq!(differs(&["a 1 b", "c"], "c\na 2,000  b\n"), None);
    let digests = [&["d6f6b748bbfa6d4e"][..], &["d6f6b748bbfa6d4e0"]];
    assert_eq!(digests.map(|it| differs(it, "00f6b748bbfa6d4e").is_none()), [true, false]);
    assert!(differs(&["a"], "a\nb\n").is_some_and(|wrong| wrong.contains("'b' was printed")));
}

/// Output that is shown fits a terminal, but for the sentences that begin and end a counterexample.
#[test]
fn output_that_is_shown_fits_80_columns() {
    let page = readme();
    let samples = commands(&page).into_iter().flat_map(|shown| shown.sample);
    let sentence = |line: &&str| line.starts_with("  => ") || line.starts_with("lost-command: ");
    for line in samples.filter(|line| !sentence(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

fn only<'p>(page: &'p str, language: &str) -> &'p str {
    let of_language: Vec<_> =
        blocks(page).into_iter().filter(|block| block.language == language).collect();
    assert_eq!(of_language.len(), 1, "{language}");
    of_language[0].text
}

/// The member that is shown is the one that `synod init` writes, and commands for other machines are parsed.
#[test]
fn what_is_said_of_other_machines_is_understood() {
    let (folder, page) = (Folder::new("machines"), readme());
    let shown = commands(&page);
    let init = shown.iter().find(|it| it.command.starts_with("synod init prod ")).unwrap();
    let args: Vec<&str> = init.command.split_whitespace().skip(1).collect();
    assert!(folder.synod(&args).status.success());
    let file = fs::read_to_string(folder.0.join("prod/cluster.toml")).unwrap();
    assert!(file.contains(only(&page, "toml")), "{file}");
    // The rows of the table of timings can be written into it.
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.contains(" ms | ") && line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 3, "{rows:?}");
    for row in rows {
        let names = ["heartbeat", "election", "resend", "retry"];
        let timing: String = names
            .iter()
            .zip(&row[2..])
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        let (before, after) = file.split_once("[timing]\n").unwrap();
        let (_, after) = after.split_once("\n\n").unwrap();
        let text = format!("{before}[timing]\n{timing}\n{after}");
        let config: Result<ClusterConfig, _> = text.parse();
        assert!(config.is_ok(), "{row:?}: {config:?}");
    }
    let mut parsed = 0;
    for line in blocks(&page).iter().filter(|it| it.language == "sh").flat_map(|it| it.text.lines())
    {
        let plain = line.replace("sudo -u synod /usr/local/bin/synod ", "synod ");
        if plain.starts_with("synod ") {
            parses(&folder, &plain);
            parsed += 1;
        }
    }
    assert!(parsed >= 3, "only {parsed} commands were found");
}

/// The unit starts a member, and its supervisor is told when another start is pointless or does harm.
#[test]
fn the_unit_starts_a_member_and_knows_when_not_to() {
    let (folder, page) = (Folder::new("unit"), readme());
    let unit = only(&page, "ini");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key} in {unit}"))
    };
    assert_eq!(value("Restart"), "on-failure");
    let hopeless: Vec<i32> = value("RestartPreventExitStatus")
        .split_whitespace()
        .map(|code| code.parse().unwrap())
        .collect();
    let port = free_ports(16).unwrap()[0].to_string();
    assert!(folder.synod(&["init", "unit", "--port", &port]).status.success());
    let start = |member: &str| {
        let line = value("ExecStart").replace("%i", member);
        let args = line.strip_prefix("/usr/local/bin/synod ").unwrap();
        let args = args.replace("/var/lib/synod", "unit");
        let mut command = Command::new(SYNOD);
        command.args(args.split_whitespace()).current_dir(&folder.0);
        command.env_remove("SYNOD_CONFIG").env_remove("SYNOD_LOG");
        command
    };
    let mut running = start("n1").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let said = BufReader::new(running.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let busy = start("n1").output().unwrap();
    let ended = Command::new("kill").arg(running.id().to_string()).status().unwrap();
    let stopped = running.wait().unwrap();
    assert!(said.starts_with("n1: leader at 127.0.0.1:"), "{said}");
    assert!(ended.success() && stopped.success(), "a stop is no failure: {stopped}");
    let may_start_again = |output: &Output| {
        let code = output.status.code().unwrap();
        assert_ne!(code, 0, "{}", text(&output.stderr));
        !hopeless.contains(&code)
    };
    assert!(may_start_again(&busy), "{}", text(&busy.stderr));
    fs::remove_dir_all(folder.0.join("unit/data/n2")).unwrap();
    let lost = start("n2").output().unwrap();
    assert!(!may_start_again(&lost), "{}", text(&lost.stderr));
    let unknown = start("n9").output().unwrap();
    assert!(!may_start_again(&unknown), "{}", text(&unknown.stderr));
}
