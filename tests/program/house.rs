//! House rules that no compiler knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below these folders, with their texts.
pub(super) fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() >= 3, "the sources were not found");
    found
}

/// What of a file is neither comment nor test.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The words of a file that a rule forbids.
fn offences<'a>(text: &str, forbidden: &[&'a str]) -> Vec<&'a str> {
    let code = code(text);
    forbidden.iter().filter(|word| code.contains(*word)).copied().collect()
}

/// No socket, thread, clock, file, channel, codec, randomness or order of a hash map.
const IMPURE: [&str; 16] = [
    "std::net",
    "std::thread",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime",
    "HashMap",
    "HashSet",
    "crossbeam",
    "bincode",
    "crate::codec",
    "rand",
    "tracing",
    "Mutex",
];

#[test]
fn the_protocol_does_no_io_and_knows_no_clock() {
    for (path, text) in sources(&["src/paxos"]) {
        assert_eq!(offences(&text, &IMPURE), [""; 0], "{}", path.display());
    }
    assert_eq!(offences("use std::net::UdpSocket;", &IMPURE), ["std::net"]);
}

#[test]
fn data_flows_one_way() {
    let above = ["crate::lab", "crate::model", "crate::proof", "crate::cli"];
    let above_runtime = [&["crate::cluster"], &above[..]].concat();
    let above_protocol = [&["crate::runtime"], &above_runtime[..]].concat();
    let rules: [(&str, &[&str]); 8] = [
        ("src/codec", &["crate::"]),
        ("src/paxos", &[&["crate::machine"], &above_protocol[..]].concat()),
        ("src/machine", &above_protocol),
        ("src/runtime", &above_runtime),
        ("src/cluster", &above),
        ("src/lab", &["crate::model", "crate::proof", "crate::cli"]),
        ("model", &["crate::runtime", "crate::cluster", "crate::lab", "crate::cli"]),
        // The engine checks any actors, and could be lifted out.
        ("model/engine", &["crate::paxos", "crate::proof", "super::super::super"]),
    ];
    for (folder, forbidden) in rules {
        for (path, text) in sources(&[folder]) {
            assert_eq!(offences(&text, forbidden), [""; 0], "{}", path.display());
        }
    }
}

/// Names that nobody else may have are drawn from the system's randomness, in one place. What is seeded
/// serves experiments.
#[test]
fn no_name_is_drawn_by_a_generator_that_can_be_seeded() {
    let may =
        ["lab/demo/adversary.rs", "lab/processes.rs", "lab/chaos", "lab/chaos.rs", "lab/demo.rs"];
    let mut found = 0;
    for (path, text) in sources(&["src"]) {
        let path = path.to_string_lossy().into_owned();
        let draws = !offences(&text, &["fastrand", "rand::"]).is_empty();
        assert!(!draws || may.iter().any(|may| path.contains(may)), "{path}");
        found += usize::from(draws);
    }
    assert!(found >= may.len(), "the search finds what there is");
}

/// Time, chance and waiting that are not the environment's.
const OUTSIDE: [&str; 8] = [
    "Instant::now",
    ".elapsed()",
    "SystemTime::now",
    "thread::sleep",
    "fastrand",
    "getrandom",
    "SystemClock",
    "SystemRandom",
];

/// The places where the system is asked: whatever else runs can be simulated.
const EDGES: [&str; 5] = [
    "runtime/environment.rs",
    "runtime/threads.rs",
    "runtime/udp.rs",
    "runtime/identity.rs",
    "cluster/resolver.rs",
];

#[test]
fn whatever_runs_takes_time_and_chance_from_its_environment() {
    let mut edges = Vec::new();
    for (path, text) in sources(&["src/runtime", "src/cluster"]) {
        let path = path.to_string_lossy().into_owned();
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let found = offences(&text, &OUTSIDE);
        if is_test || found.is_empty() {
            continue;
        }
        match EDGES.iter().find(|edge| path.ends_with(*edge)) {
            Some(edge) => edges.push(*edge),
            None => panic!("{path} asks the system: {found:?}"),
        }
    }
    assert_eq!(edges.len(), EDGES.len(), "one of the edges is none any more: {edges:?}");
    let waits = "while since.elapsed() < time { std::thread::sleep(REST); }";
    assert_eq!(offences(waits, &OUTSIDE), [".elapsed()", "thread::sleep"]);
    assert_eq!(offences("let now = environment.now();", &OUTSIDE), [""; 0]);
}

/// The proof speaks of no code, so that nothing in the code can make it true.
#[test]
fn the_proof_stands_alone() {
    let others = ["paxos", "runtime", "cluster", "lab", "model", "cli", "machine"];
    let others = others.map(|module| format!("crate::{module}"));
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let pump = root().join("proofs/pump");
    for (path, text) in sources(&["proofs"]) {
        // Another proof, and a test of its own.
        if !path.starts_with(&pump) {
            assert_eq!(offences(&text, &others), [""; 0], "{}", path.display());
        }
    }
}

/// What runs follows the rules of Paxos, and has no faults: nothing outside the model and the
/// proofs can name another rulebook or a fault.
#[test]
fn no_fault_can_be_switched_on_where_nodes_run() {
    let forbidden = ["with_rulebook", "Mutant", "Rules {", "const FAULT: Option<Fault> = Some"];
    for (path, text) in sources(&["src/runtime", "src/cluster", "src/lab"]) {
        assert_eq!(offences(&text, &forbidden), [""; 0], "{}", path.display());
    }
}

#[test]
fn every_module_says_what_it_is_and_fits_a_few_screens() {
    for (path, text) in sources(&["src", "model", "tests", "proofs"]) {
        let path = path.display();
        assert!(text.starts_with("//! "), "{path} does not begin with a sentence about itself");
        let lines = text.lines().count();
        assert!(lines <= 450, "{path} has {lines} lines: more than a few screens");
    }
}

/// README names every command, and says where all are listed.
#[test]
fn readme_names_every_command() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_synod")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.len() >= 20, "{help}");
    assert_eq!(unnamed(&readme, &names), [""; 0], "these are not in README.md");
    assert_eq!(unnamed("`synod nodes`, `synod put`", &["node", "put"]), ["node"]);
    assert!(readme.contains("`synod --help`"), "README.md says where all commands are listed");
}

/// The commands that a page does not show.
fn unnamed<'n>(page: &str, names: &[&'n str]) -> Vec<&'n str> {
    let shows = |name: &str| {
        page.split(&format!("synod {name}"))
            .skip(1)
            .any(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    names.iter().filter(|name| !shows(name)).copied().collect()
}

/// Nothing is skipped, left for later, or made to wait by the clock.
#[test]
fn no_test_is_skipped_or_sleeps() {
    let forbidden = [concat!("#[ig", "nore"), concat!("thread::sl", "eep"), concat!("todo", "!(")];
    for (path, text) in sources(&["tests", "proofs"]) {
        assert_eq!(offences(&text, &forbidden), [""; 0], "{}", path.display());
    }
}
