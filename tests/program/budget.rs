//! Budgets: crates by feature set, and doc comments that open with a question word.

use std::collections::BTreeSet;
use std::process::Command;

use super::house::sources;

/// The most crates that each feature set brings, this one apart.
const CRATES: [(&[&str], usize); 4] = [
    (&["--no-default-features"], 59),
    (&["--no-default-features", "--features", "check"], 73),
    (&["--no-default-features", "--features", "lab"], 73),
    (&[], 111),
];

/// The crates of checks, experiments and the command line, which a node does without.
const NOT_IN_A_NODE: [&str; 6] =
    ["clap", "plotters", "batsat", "petgraph", "indicatif", "hdrhistogram"];

/// The crates that this one is built with, by name.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none"]);
    let output = cargo.args(features).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let package = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let packages = tree.lines().filter(|line| !line.is_empty()).map(package);
    packages.filter(|package| !package.starts_with("synod ")).collect()
}

#[test]
fn no_feature_set_brings_more_crates_than_its_budget() {
    for (features, budget) in CRATES {
        let crates = crates(features);
        assert!(crates.len() > 20, "cargo lists crates");
        assert!(crates.len() <= budget, "{features:?}: {} crates: {crates:?}", crates.len());
    }
}

#[test]
fn a_node_is_built_without_checks_experiments_and_the_command_line() {
    let named = |crates: &BTreeSet<String>, name: &str| {
        crates.iter().any(|package| package.split(' ').next() == Some(name))
    };
    let (node, all) = (crates(&["--no-default-features"]), crates(&[]));
    for name in NOT_IN_A_NODE {
        assert!(!named(&node, name), "a node is built with {name}");
        assert!(named(&all, name), "{name} is a dependency");
    }
}

/// Fewer doc comments of a hundred may open with a question word.
const QUESTIONS: usize = 5;

/// The words that open a question.
const QUESTION_WORDS: [&str; 7] = ["What", "Whether", "How", "Who", "Why", "Which", "Where"];

/// The first lines of all doc comments.
fn openings(text: &str) -> Vec<&str> {
    let doc = |line: &'_ str| {
        let line = line.trim_start();
        line.starts_with("///") || line.starts_with("//!")
    };
    let mut openings = Vec::new();
    let mut before = "";
    for line in text.lines() {
        if doc(line) && !doc(before) {
            openings.push(line.trim_start()[3..].trim_start());
        }
        before = line;
    }
    openings
}

fn is_question(opening: &&str) -> bool {
    let word = opening.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    QUESTION_WORDS.contains(&word)
}

#[test]
fn doc_comments_open_with_what_a_thing_is_or_does() {
    let (mut all, mut questions) = (0, 0);
    for (_, text) in sources(&["src", "model", "proofs", "tests"]) {
        let openings = openings(&text);
        all += openings.len();
        questions += openings.iter().filter(|opening| is_question(opening)).count();
    }
    assert!(
        100 * questions < QUESTIONS * all,
        "{questions} of {all} doc comments open with a question word"
    );
    let text = "/// What it is.\n/// Which is more.\nfn a() {}\n    /// Whatever.\n//! How\n";
    let [what, whatever] = openings(text)[..] else { panic!() };
    assert!(is_question(&what) && !is_question(&whatever));
}
