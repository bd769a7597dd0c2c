//! A user's own state machine in the model: one that is sound, and some that are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::check::{Check, CheckReport, CheckVerdict};
use crate::paxos::{Answer, RestoreError, StateMachine};

/// A mistake of a state machine.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It has none.
    None,
    /// It goes below zero.
    Overdraws,
    /// Its answers depend on how often any copy was asked.
    Shares,
    /// Its snapshot leaves out how many commands there were, which its answers depend on.
    Leaves,
    /// It panics at a command that it does not like.
    Panics,
}

/// An account, which begins with one coin. `-` takes one away, if there is one.
#[derive(Clone)]
struct Account {
    coins: i8,
    commands: u8,
    fault: Fault,
    shared: Arc<AtomicU64>,
}

impl StateMachine for Account {
    fn apply(&mut self, _: &[u8]) -> Vec<u8> {
        let shared = self.shared.fetch_add(1, Ordering::Relaxed);
        self.commands += 1;
        let has_none = self.coins == 0;
        assert!(!(has_none && self.fault == Fault::Panics));
        if !has_none || self.fault == Fault::Overdraws {
            self.coins -= 1;
        }
        match self.fault {
            Fault::Shares => shared.to_string().into_bytes(),
            Fault::Leaves => self.commands.to_string().into_bytes(),
            _ => self.coins.to_string().into_bytes(),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![self.coins as u8, self.fault as u8]
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        let &[coins, fault] = snapshot else { return Err(RestoreError::new("two bytes")) };
        let faults = [Fault::None, Fault::Overdraws, Fault::Shares, Fault::Leaves, Fault::Panics];
        Ok(Account { coins: coins as i8, ..account(faults[usize::from(fault)]) })
    }
}

fn account(fault: Fault) -> Account {
    Account { coins: 1, commands: 0, fault, shared: Arc::default() }
}

/// Two clients take a coin each.
fn check(fault: Fault) -> CheckReport {
    let check = Check::of(account(fault)).client(["-"]).client(["-"]).without_retries();
    check
        .always("there is no debt", |account| account.coins >= 0)
        .each_command("an answer says what is left", |step| match step.answer {
            Answer::Reply(reply) => reply[..] == *step.after.coins.to_string().as_bytes(),
            _ => true,
        })
        .run()
        .unwrap()
}

/// The properties that do not hold, each with the run that shows it.
fn failures(report: &CheckReport) -> Vec<(&str, &str)> {
    let mut failures = Vec::new();
    for checked in report.failures() {
        if let CheckVerdict::Fails(run) = &checked.verdict {
            failures.push((checked.name.as_str(), run.as_str()));
        }
    }
    failures
}

#[test]
fn a_sound_machine_holds_and_every_property_of_its_own_is_judged() {
    let report = check(Fault::None);
    assert!(report.holds() && report.states > 100, "{report}");
    for name in ["there is no debt", "an answer says what is left", "equal logs, equal histories"] {
        let checked = report.properties.iter().find(|checked| checked.name == name).unwrap();
        assert_eq!(checked.verdict, CheckVerdict::Holds, "{name}");
    }
}

#[test]
fn a_machine_that_breaks_its_invariant_is_shown_with_the_run() {
    let report = check(Fault::Overdraws);
    let [(name, run)] = failures(&report)[..] else { panic!("{report}") };
    assert_eq!(name, "there is no debt");
    assert!(run.contains("L1 hears from A1: ") && run.contains("after '-', '-', the machine of"));
}

#[test]
fn a_machine_that_is_not_deterministic_is_found() {
    let report = check(Fault::Shares);
    let found = failures(&report);
    assert!(found.iter().any(|(name, _)| *name == "the commands alone decide"), "{report}");
}

#[test]
fn a_snapshot_that_leaves_something_out_is_found() {
    let report = check(Fault::Leaves);
    let found = failures(&report);
    assert!(found.iter().any(|(name, _)| *name == "the snapshot is the whole state"), "{report}");
}

#[test]
fn a_panic_is_found() {
    let report = check(Fault::Panics);
    let [(name, run)] = failures(&report)[..] else { panic!("{report}") };
    assert_eq!(name, "no command panics");
    assert!(run.contains("has panicked"), "{run}");
}
