//! A state machine that survives panics.
//!
//! A command that makes [`apply`](super::StateMachine::apply) panic has no effect: the machine returns to the
//! state before it. A machine that does not panic pays nothing for this, as no copy is made ahead: after a
//! panic the state is rebuilt, from a checkpoint and the commands since. The checkpoint is the initial state,
//! or the state after the last command that panicked. So no command that has panicked is ever applied again,
//! and each panic costs two copies and the commands since the panic before.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::command::{Command, Instance};
use super::invariants::{Invariants, holds};
use super::machine::{Answer, AnyStateMachine};

/// A panic of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The instance of the command that was being applied.
    pub instance: Instance,
    /// True if that command had been applied before without a panic, so that the machine depends on something
    /// besides its state and the command.
    pub again: bool,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Panic { instance, again } = self;
        write!(f, "the state machine panicked at the command of instance {instance}")?;
        f.write_str(if *again {
            " when it was applied again, and had not before: the machine is not deterministic, and \
             leaders may differ from now on; the command is left out"
        } else {
            ": it has no effect, and its client is told so"
        })
    }
}

/// A state machine, with the checkpoint to rebuild it from.
#[derive(Clone)]
pub(super) struct Checkpointed {
    machine: AnyStateMachine,
    /// Invariant: applying the commands since to it gives the machine's state.
    checkpoint: Arc<AnyStateMachine>,
    /// The number of commands that had been applied when the checkpoint was taken.
    applied: usize,
    /// The last panics, at most [`KEPT`]; `count` is the number of all panics.
    panics: Vec<Panic>,
    count: u64,
}

/// The number of panics that are kept.
const KEPT: usize = 16;

impl Checkpointed {
    /// A machine that has applied no command yet.
    pub(super) fn new(machine: AnyStateMachine) -> Self {
        let checkpoint = Arc::new(machine.clone());
        Checkpointed { machine, checkpoint, applied: 0, panics: Vec::new(), count: 0 }
    }

    /// The state that the commands have led to.
    pub(super) fn machine(&self) -> &AnyStateMachine {
        &self.machine
    }

    /// The last panics, in order, and the number of all panics.
    pub(super) fn panics(&self) -> (&[Panic], u64) {
        (&self.panics, self.count)
    }

    /// Checks that the checkpoint, and the commands since, give the machine's state; `before` and `log` as for
    /// [`apply`](Self::apply).
    pub(super) fn invariants<'a>(
        &self,
        before: &[Instance],
        log: impl Fn(Instance) -> Option<&'a Command>,
    ) -> Invariants {
        let mut machine = AnyStateMachine::clone(&self.checkpoint);
        let mut since =
            before.get(self.applied..).unwrap_or_default().iter().filter_map(|i| log(*i));
        let applied = since.all(|command| machine.apply(&command.payload).is_ok());
        holds(applied && machine == self.machine, "the checkpoint does not lead to the machine")
    }

    fn note(&mut self, panic: Panic) {
        if self.panics.len() >= KEPT {
            self.panics.remove(0);
        }
        self.panics.push(panic);
        self.count += 1;
    }

    /// Applies a command. `before` lists the instances applied before it, and `log` gives their commands.
    pub(super) fn apply<'a>(
        &mut self,
        (instance, command): (Instance, &Command),
        before: &[Instance],
        log: impl Fn(Instance) -> Option<&'a Command>,
    ) -> Answer {
        if let Ok(answer) = self.machine.apply(&command.payload) {
            return answer;
        }
        self.note(Panic { instance, again: false });
        let since = before.get(self.applied..).unwrap_or_default();
        let commands: Vec<_> = since.iter().filter_map(|i| Some((*i, log(*i)?))).collect();
        debug_assert_eq!(commands.len(), since.len(), "what was applied is in the log");
        self.machine = self.rebuild(&commands);
        self.checkpoint = Arc::new(self.machine.clone());
        self.applied = before.len() + 1;
        Answer::Panicked
    }

    /// Applies these commands to a copy of the checkpoint. None of them has panicked before; one that panics
    /// now is left out.
    fn rebuild(&mut self, commands: &[(Instance, &Command)]) -> AnyStateMachine {
        let mut left_out = BTreeSet::new();
        loop {
            let mut machine = AnyStateMachine::clone(&self.checkpoint);
            let mut kept = commands.iter().filter(|(instance, _)| !left_out.contains(instance));
            let panics =
                |(_, command): &&(Instance, &Command)| machine.apply(&command.payload).is_err();
            let Some((instance, _)) = kept.find(panics) else { return machine };
            left_out.insert(*instance);
            self.note(Panic { instance: *instance, again: true });
        }
    }
}

impl Default for Checkpointed {
    fn default() -> Self {
        Checkpointed::new(AnyStateMachine::default())
    }
}

/// Equality of the machines' states. Equal states need not compare checkpoints: a panic returns both to equal
/// states.
impl PartialEq for Checkpointed {
    fn eq(&self, other: &Self) -> bool {
        self.machine == other.machine
    }
}

impl Eq for Checkpointed {}

impl PartialOrd for Checkpointed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Checkpointed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.machine.cmp(&other.machine)
    }
}

impl Hash for Checkpointed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.machine.hash(hasher);
    }
}

impl fmt::Debug for Checkpointed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.machine.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{ClientId, RequestId};
    use super::super::machine::{RestoreError, StateMachine};
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Keeps the bytes of commands one by one, and panics at a byte of 9, anywhere in a command.
    #[derive(Clone, Default)]
    struct Touchy {
        kept: Vec<u8>,
        copies: Arc<AtomicUsize>,
        applied: Arc<AtomicUsize>,
    }

    impl StateMachine for Touchy {
        fn apply(&mut self, command: &[u8]) -> Vec<u8> {
            self.applied.fetch_add(1, Relaxed);
            for byte in command {
                assert_ne!(*byte, 9, "half of it is kept");
                self.kept.push(*byte);
            }
            self.kept.clone()
        }

        fn snapshot(&self) -> Vec<u8> {
            self.kept.clone()
        }

        fn restore(_: &[u8]) -> Result<Self, RestoreError> {
            Err(RestoreError::new("nobody asks for that"))
        }
    }

    fn command(payload: &[u8]) -> Command {
        let id = RequestId { client: ClientId::original(1), sequence: 0 };
        Command { id, acknowledged: 0, payload: payload.into() }
    }

    /// A machine that has applied these commands, one per instance, and its answers.
    fn applied(machine: impl StateMachine, log: &[Command]) -> (Checkpointed, Vec<Answer>) {
        let mut machine = Checkpointed::new(AnyStateMachine::new(machine));
        let at: Vec<Instance> = (0..log.len() as u64).map(Instance).collect();
        let answers = log.iter().enumerate().map(|(n, command)| {
            machine.apply((at[n], command), &at[..n], |i| log.get(i.0 as usize))
        });
        let answers = answers.collect();
        (machine, answers)
    }

    proptest! {
        /// Answers and state equal those of the commands that do not panic, applied alone.
        #[test]
        fn a_command_that_panics_has_no_effect(
            payloads in proptest::collection::vec(proptest::collection::vec(7u8..10, 0..4), 0..40),
        ) {
            let log: Vec<Command> = payloads.iter().map(|payload| command(payload)).collect();
            let (machine, answers) = applied(Touchy::default(), &log);
            let (mut alone, mut panics) = (Touchy::default(), Vec::new());
            for ((instance, payload), answer) in (0..).map(Instance).zip(&payloads).zip(answers) {
                if payload.contains(&9) {
                    panics.push(Panic { instance, again: false });
                    prop_assert_eq!(answer, Answer::Panicked);
                } else {
                    prop_assert_eq!(answer, Answer::Reply(alone.apply(payload).into()));
                }
            }
            prop_assert_eq!(machine.machine().snapshot(), alone.snapshot());
            let last = &panics[panics.len().saturating_sub(KEPT)..];
            prop_assert_eq!(machine.panics(), (last, panics.len() as u64));
        }
    }

    /// Also counts copies.
    #[derive(Default)]
    struct Counting(Touchy);

    impl Clone for Counting {
        fn clone(&self) -> Self {
            self.0.copies.fetch_add(1, Relaxed);
            Counting(self.0.clone())
        }
    }

    impl StateMachine for Counting {
        fn apply(&mut self, command: &[u8]) -> Vec<u8> {
            self.0.apply(command)
        }

        fn snapshot(&self) -> Vec<u8> {
            self.0.snapshot()
        }

        fn restore(_: &[u8]) -> Result<Self, RestoreError> {
            Err(RestoreError::new("nobody asks for that"))
        }
    }

    #[test]
    fn a_panic_costs_two_copies_and_what_was_applied_since_the_last() {
        let cost = |payloads: &[&[u8]]| {
            let machine = Counting::default();
            let (copies, count) = (Arc::clone(&machine.0.copies), Arc::clone(&machine.0.applied));
            let log: Vec<Command> = payloads.iter().map(|payload| command(payload)).collect();
            applied(machine, &log);
            (copies.load(Relaxed), count.load(Relaxed))
        };
        let (good, bad): (&[u8], &[u8]) = (&[1], &[1, 9]);
        let first = 1;
        assert_eq!(cost(&[good; 100]), (first, 100), "no panic, no cost");
        assert_eq!(cost(&[&[good; 100][..], &[bad]].concat()), (first + 2, 201));
        assert_eq!(cost(&[&[good; 100][..], &[bad; 5]].concat()), (first + 10, 205));
        let twice = [&[good; 100][..], &[bad], &[good; 10], &[bad]].concat();
        assert_eq!(cost(&twice), (first + 4, 222));
    }

    /// Panics the second time that any copy of it applies a given command.
    #[derive(Clone, Default)]
    struct Fickle(Vec<u8>, Arc<[AtomicUsize; 10]>);

    impl StateMachine for Fickle {
        fn apply(&mut self, command: &[u8]) -> Vec<u8> {
            for byte in command {
                let times = self.1[usize::from(*byte)].fetch_add(1, Relaxed);
                assert!(*byte != 9 && (*byte != 8 || times != 1));
            }
            self.0.extend_from_slice(command);
            Vec::new()
        }

        fn snapshot(&self) -> Vec<u8> {
            self.0.clone()
        }

        fn restore(_: &[u8]) -> Result<Self, RestoreError> {
            Err(RestoreError::new("nobody asks for that"))
        }
    }

    #[test]
    fn a_machine_that_is_not_deterministic_is_noticed_and_goes_on() {
        let log = [&[1][..], &[8], &[2], &[9], &[3]].map(command);
        let (machine, _) = applied(Fickle::default(), &log);
        assert_eq!(machine.machine().snapshot(), [1, 2, 3]);
        let panic = |instance, again| Panic { instance: Instance(instance), again };
        assert_eq!(machine.panics().0, [panic(3, false), panic(1, true)]);
        let said = machine.panics().0.iter().map(Panic::to_string).collect::<Vec<_>>();
        assert!(said[0].contains("instance 3: it has no effect"), "{}", said[0]);
        assert!(said[1].contains("not deterministic"), "{}", said[1]);
    }
}
