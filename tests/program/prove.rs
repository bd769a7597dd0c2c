//! `synod prove`, as a shell and a script see it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn prove(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod")).arg("prove").args(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("synod-prove-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A program of this name that does this with a question in `$text`.
    fn solver(&self, name: &str, does: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\ntext=$(cat)\n{does}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const RIGHT: &str = "case \"$text\" in *'; expected: unsat'*) echo unsat;; *) echo sat;; esac";

#[test]
fn everything_is_proved_in_a_table_and_in_json() {
    let output = prove(&[]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    let rows = text.lines().filter(|line| line.trim_end().ends_with(" proved")).count();
    assert_eq!(rows, 9, "{text}");
    assert!(text.contains("75 obligations proved, ") && text.contains("agreement"), "{text}");

    let text = out(&prove(&["--each"]));
    let rows = text.lines().filter(|line| line.trim_end().ends_with(" proved")).count();
    assert_eq!(rows, 75, "{text}");

    let output = prove(&["--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    assert_eq!(report["holds"], true);
    let obligations = report["obligations"].as_array().unwrap();
    assert_eq!(obligations.len(), 75);
    for one in obligations {
        for key in ["moment", "holds", "instances", "learned", "milliseconds"] {
            assert!(!one[key].is_null(), "no '{key}' in {one}");
        }
    }
}

#[test]
fn the_specification_names_what_upholds_it() {
    let text = out(&prove(&["--spec"]));
    for part in [
        "quorums meet",
        "∀ p, q. ∃ n. n ∈ p ∧ n ∈ q",
        "accept(n: node, b: ballot, i: instance, v: value)",
        "src/paxos/rules.rs: may_accept: |promised, asked| asked >= promised",
        "then left(n1, x1) where n1 = n ∧ x1 < b",
    ] {
        assert!(text.contains(part), "no '{part}' in {text}");
    }
}

#[test]
fn everything_is_needed_and_every_fault_is_found() {
    let output = prove(&["--sensitivity"]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    let last = "26 of 26 axioms, conjuncts and guards are needed; 16 of 16 faults are found.";
    assert!(text.contains(last) && text.contains("2 acceptors, 3 ballots, 2 values"), "{text}");

    let report = json(&prove(&["--sensitivity", "--json"]));
    assert_eq!(report["holds"], true);
    assert_eq!(report["actions"].as_array().unwrap().len(), 7);
    for change in report["changes"].as_array().unwrap() {
        assert!(change["fails"].as_u64().unwrap() > 0, "{change}");
        assert!(change["first"].is_string() && change["counterexample"].is_string(), "{change}");
    }
}

#[test]
fn each_action_is_shown_in_a_state_in_which_it_can_happen() {
    let output = prove(&["--examples"]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    assert_eq!(text.matches(" can happen:").count(), 7, "{text}");
    assert_eq!(text.matches("afterwards  + ").count(), 7, "{text}");
    assert!(text.contains("afterwards  + learned(i1, v1)"), "{text}");
}

#[test]
fn what_fails_is_told_as_stories() {
    let output = prove(&["--fault", "stale-accept"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert_eq!(text.matches("and yet").count(), 2, "{text}");
    assert!(text.starts_with("with the fault 'stale-accept': an acceptor votes under"), "{text}");

    // A guard that three actions have.
    let text = out(&prove(&["--without", "one proposal"]));
    assert_eq!(text.matches("without the guard 'propose").count(), 3, "{text}");
    let report = json(&prove(&["--without", "propose again: one proposal", "--json"]));
    let fails = &report["changes"][0]["fails"];
    assert_eq!(fails[0]["obligation"], "propose again: one value a ballot");
    assert!(fails[0]["explanation"].as_str().unwrap().contains("wrong for"));
}

#[test]
fn what_cannot_be_is_bad_use() {
    let bad: [(&[&str], &str); 7] = [
        (&["--fault", "none"], "there is no fault 'none'; there are:\n  stale-accept, "),
        (
            &["--without", "none"],
            "no axiom, conjunct or guard 'none'; there are:\n  'ballots are in",
        ),
        (&["--solver", "/no/such/z3"], "cannot start the solver '/no/such/z3'"),
        (&["--solver", "/no/such/z3"], "apt-get install z3 cvc5"),
        (&["--smt2", "/dev/null/there"], "cannot make the folder /dev/null/there"),
        (&["--timeout", "1"], "--solver"),
        (&["--spec", "--sensitivity"], "cannot be used with"),
    ];
    for (args, message) in bad {
        let output = prove(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && err(&output).contains(message), "{}", err(&output));
    }
}

#[test]
fn every_question_is_a_file() {
    let folder = Folder::new("files");
    let into = folder.path("a/b");
    let output = prove(&["--smt2", &into]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).starts_with("124 files are in "), "{}", out(&output));
    let files: Vec<_> = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 124);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.starts_with(';')).collect::<String>();
        let (opened, closed) = (code.matches('(').count(), code.matches(')').count());
        assert_eq!(opened, closed, "{}", file.display());
    }
    assert!(Path::new(&into).join("accept-votes-are-for-proposals.smt2").exists());
    // Again, over what is there; and where something is in the way.
    fs::remove_file(Path::new(&into).join("always-agreement.smt2")).unwrap();
    fs::create_dir(Path::new(&into).join("always-agreement.smt2")).unwrap();
    let output = prove(&["--smt2", &into]);
    assert_eq!(output.status.code(), Some(5), "it cannot be written");
    assert!(err(&output).contains("always-agreement.smt2"), "{}", err(&output));
}

#[test]
fn a_solver_that_is_right_agrees() {
    let folder = Folder::new("right");
    let output = prove(&["--solver", &folder.solver("z3", RIGHT), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report = json(&output);
    assert_eq!(report["holds"], true);
    assert_eq!(report["solvers"][0]["queries"].as_array().unwrap().len(), 124);
}

#[test]
fn a_solver_that_disagrees_or_does_not_know_fails() {
    let folder = Folder::new("wrong");
    let wrong = folder.solver("wrong", "echo sat");
    let vague = folder.solver("vague", "echo unknown");
    let broken = folder.solver("broken", "echo unsat; echo 'no such option' >&2; exit 1");
    let silent = folder.solver("silent", "echo 'no such option' >&2; exit 1");
    let solvers = [&wrong, &vague, &broken, &silent].map(|solver| ["--solver", solver]);
    let output = prove(&solvers.concat());
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    for line in [
        format!("{wrong}: always: agreement: sat; must be unsat"),
        format!("{vague}: always: agreement: unknown; must be unsat"),
        format!("{vague}: accept can happen: unknown; must be sat"),
        ": it failed, and said: unsat; no such option; must be unsat".to_owned(),
        ": no answer; no such option; must be unsat".to_owned(),
        " more questions were not asked, as earlier ".to_owned(),
        "447 ANSWERS ARE NOT AS THEY MUST BE.".to_owned(),
    ] {
        assert!(text.contains(&line), "no '{line}' in {text}");
    }
}

/// One question takes too long. What the solver has started is stopped with it.
#[test]
fn a_solver_that_hangs_is_stopped() {
    let folder = Folder::new("hangs");
    let does = format!("case \"$text\" in '; always: agreement'*) sleep 100;; esac\n{RIGHT}");
    let output = prove(&["--solver", &folder.solver("slow", &does), "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("always: agreement: too late; must be unsat"), "{text}");
    assert!(text.contains("1 ANSWER IS NOT AS IT MUST BE."), "{text}");
}

/// It is not asked all 124 questions, and each answer is a line that can be read.
#[test]
fn a_program_that_is_no_solver_is_soon_given_up() {
    let folder = Folder::new("silent");
    let output = prove(&["--solver", &folder.solver("silent", "exit 0")]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("no answer; must be unsat") && !text.contains(";;"), "{text}");
    assert!(text.contains(" more questions were not asked, as earlier "), "{text}");
    assert!(text.lines().count() < 20, "{text}");
}

/// A fault of the one vocabulary is known to the other.
#[test]
fn a_mutant_is_no_fault_but_its_place_is_named() {
    let output = prove(&["--fault", "amnesia"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("synod check --mutant amnesia"), "{}", err(&output));
}

/// Votes that are reported were cast under lower ballots, as people expect.
#[test]
fn an_example_is_the_natural_one() {
    let text = out(&prove(&["--examples"]));
    let again = text.split("propose again can happen:").nth(1).unwrap();
    let place = again.lines().find(|line| line.trim_start().starts_with("where")).unwrap();
    assert!(place.contains("b = b2") && place.contains("x = b1"), "{place}");
}

#[test]
fn a_solver_that_always_hangs_is_not_asked_for_ever() {
    let folder = Folder::new("never");
    let output = prove(&["--solver", &folder.solver("never", "sleep 100"), "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains(" more questions were not asked, as earlier "), "{text}");
    assert!(text.contains("124 ANSWERS ARE NOT AS THEY MUST BE."), "{text}");
}
