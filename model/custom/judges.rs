//! What is asked of a state machine: of any, and of a user's own.
//!
//! Each judge looks at what one leader has executed: its log, and what that has made of its machine.

use super::super::engine::observe::Judged;
use super::super::facts::{Fact, Facts, Topic};
use super::super::properties::{Find, Judge, Kind, Property};
use super::{Applied, leak};
use crate::paxos::{Answer, AnyStateMachine, Decree, Executor, LeaderId, StateMachine};

/// The machine depends on the commands alone.
pub(super) const COMMANDS_DECIDE: &str = "the commands alone decide";
/// What is restored goes on as the original does.
const SNAPSHOT_IS_ALL: &str = "the snapshot is the whole state";
/// A command that panics has no effect, but it is a mistake.
const NO_PANIC: &str = "no command panics";

/// What one leader has executed.
struct Execution<'a> {
    leader: LeaderId,
    executor: &'a Executor,
    /// The commands that were applied, in order.
    commands: Vec<&'a [u8]>,
}

impl<'a> Execution<'a> {
    fn of(leader: LeaderId, log: &'a [Decree], executor: &'a Executor) -> Self {
        let command = |instance: usize| log.get(instance)?.command().map(|c| &*c.payload);
        let applied = executor.applied().iter();
        Execution {
            leader,
            executor,
            commands: applied.filter_map(|i| command(i.0 as usize)).collect(),
        }
    }

    /// The words of a finding about it.
    fn words(&self, what: &str) -> String {
        let commands = self.commands.iter().map(|command| quoted(command));
        let commands = commands.collect::<Vec<_>>().join(", ");
        let after = if commands.is_empty() { "no command" } else { &commands };
        format!("after {after}, the machine of {} {what}", self.leader)
    }
}

fn quoted(command: &[u8]) -> String {
    format!("'{}'", command.escape_ascii())
}

/// Finds what is wrong with one leader's machine.
type Finding = Box<dyn Fn(&Execution<'_>) -> Option<String> + Send + Sync>;

/// Judges the machine before a command, the command, and what came of it.
type OfCommand<M> = Box<dyn Fn(&Applied<'_, M>) -> bool + Send + Sync>;

/// The judges of a user's own properties, by name.
pub(super) struct Judges<M> {
    of_machines: Vec<(String, Finding)>,
    of_commands: Vec<(String, OfCommand<M>)>,
}

impl<M> Default for Judges<M> {
    fn default() -> Self {
        Judges { of_machines: Vec::new(), of_commands: Vec::new() }
    }
}

impl<M: StateMachine> Judges<M> {
    pub(super) fn always(
        &mut self,
        name: &str,
        holds: impl Fn(&M) -> bool + Send + Sync + 'static,
    ) {
        let find = move |execution: &Execution<'_>| {
            let machine = execution.executor.machine();
            let broken = machine.downcast_ref().is_some_and(|machine| !holds(machine));
            broken.then(|| execution.words(&format!("has the snapshot {}", shown(machine))))
        };
        self.of_machines.push((name.to_owned(), Box::new(find)));
    }

    pub(super) fn each_command(
        &mut self,
        name: &str,
        holds: impl Fn(&Applied<'_, M>) -> bool + Send + Sync + 'static,
    ) {
        self.of_commands.push((name.to_owned(), Box::new(holds)));
    }

    /// All properties of this machine, which clients ask for these commands.
    pub(super) fn properties(self, machine: &M, commands: &[Vec<u8>]) -> Vec<&'static Property> {
        let (start, all) = (AnyStateMachine::new(machine.clone()), commands.to_vec());
        let replayed = start.clone();
        let decide = move |execution: &Execution<'_>| otherwise(&replayed, execution);
        let whole = move |execution: &Execution<'_>| lost_by_snapshot(execution, &all);
        let mut properties = vec![
            property(COMMANDS_DECIDE, Box::new(decide)),
            property(SNAPSHOT_IS_ALL, Box::new(whole)),
            property(NO_PANIC, Box::new(panicked)),
        ];
        for (name, find) in self.of_machines {
            properties.push(property(String::leak(name), find));
        }
        for (name, holds) in self.of_commands {
            let start = start.clone();
            let find = move |execution: &Execution<'_>| broken_command(&start, execution, &holds);
            properties.push(property(String::leak(name), Box::new(find)));
        }
        properties
    }
}

fn property(name: &'static str, find: Finding) -> &'static Property {
    let judge = move |facts: &Facts| -> Judged<String> {
        let executions = facts.iter().filter_map(|fact| match fact {
            Fact::Executed(leader, executed) => {
                Some(Execution::of(*leader, &executed.0, &executed.1))
            }
            _ => None,
        });
        executions.map(|execution| find(&execution)).collect()
    };
    let by = leak(Judge(Box::new(judge)));
    leak(Property::that(name, Kind::Always, &[Topic::Executed], Find::InEachActorBy(by)))
}

/// The same commands, applied to another copy of the machine, must lead to the same state and answers.
fn otherwise(start: &AnyStateMachine, execution: &Execution<'_>) -> Option<String> {
    let mut machine = start.clone();
    let mut answers = Vec::new();
    for command in &execution.commands {
        answers.push(apply(&mut machine, command));
    }
    let remembered = execution.executor.sessions().answers();
    for (_, done) in remembered {
        let again = answers.get(done.position as usize)?;
        if !again.agrees_with(&done.answer) {
            let (place, answer) = (done.position + 1, &done.answer);
            let what = format!("answered command {place} with {answer}, and another {again}");
            return Some(execution.words(&what));
        }
    }
    (machine != *execution.executor.machine()).then(|| {
        let (one, other) = (shown(execution.executor.machine()), shown(&machine));
        execution.words(&format!("has the snapshot {one}, and another {other}"))
    })
}

/// Applies a command, which has no effect if it panics.
fn apply(machine: &mut AnyStateMachine, command: &[u8]) -> Answer {
    let mut next = machine.clone();
    match next.apply(command) {
        Ok(answer) => {
            *machine = next;
            answer
        }
        Err(_) => Answer::Panicked,
    }
}

/// A machine restored from a snapshot must have the same snapshot, and take each command as the original.
fn lost_by_snapshot(execution: &Execution<'_>, commands: &[Vec<u8>]) -> Option<String> {
    let machine = execution.executor.machine();
    let restored = match machine.restored(&machine.snapshot()) {
        Ok(restored) => restored,
        Err(error) => return Some(execution.words(&format!("cannot be restored: {error}"))),
    };
    if restored != *machine {
        let (one, other) = (shown(machine), shown(&restored));
        return Some(execution.words(&format!("has the snapshot {one}, and restored {other}")));
    }
    commands.iter().find_map(|command| {
        let (mut original, mut other) = (machine.clone(), restored.clone());
        let (one, two) = (apply(&mut original, command), apply(&mut other, command));
        let same = one == two && original == other;
        let command = quoted(command);
        let what = format!("takes {command} otherwise once it is restored: {two}, and not {one}");
        (!same).then(|| execution.words(&what))
    })
}

fn panicked(execution: &Execution<'_>) -> Option<String> {
    let (panics, count) = execution.executor.panics();
    let last = panics.last().filter(|_| count > 0)?;
    Some(execution.words(&format!("has panicked: {last}")))
}

/// Looks for a command that is not taken as it should be.
fn broken_command<M: StateMachine>(
    start: &AnyStateMachine,
    execution: &Execution<'_>,
    holds: &OfCommand<M>,
) -> Option<String> {
    let mut machine = start.clone();
    for command in &execution.commands {
        let before = machine.clone();
        let answer = apply(&mut machine, command);
        let (one, two) = (before.downcast_ref()?, machine.downcast_ref()?);
        if !holds(&Applied { before: one, command, answer: &answer, after: two }) {
            let (command, from, to) = (quoted(command), shown(&before), shown(&machine));
            let what = format!("took {command} from {from} to {to}, and answered {answer}");
            return Some(execution.words(&what));
        }
    }
    None
}

/// A machine's snapshot, for people to read.
fn shown(machine: &AnyStateMachine) -> String {
    quoted(&machine.snapshot())
}
