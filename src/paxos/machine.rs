//! The state machine that chosen commands are applied to, in order and once each.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::MAX_REPLY;

/// A replicated state machine.
///
/// Every leader has one, and all must reach the same state. So a result may depend on the state and the
/// command only: no clock, no randomness, no file. Commands come from clients unchecked; a malformed one
/// should be answered with an error.
///
/// # Panics
///
/// A panic in [`apply`](StateMachine::apply) is an outcome. The command has no effect, however far it came;
/// its client is told [`Answer::Panicked`]; and it counts as applied, so that it is not applied again. This
/// is the same on all leaders and after each restart, since it depends on the state and the command alone.
/// The state is rebuilt from a clone of an earlier state and the commands since, so a panic costs time: at
/// most that of all commands since the panic before, and two clones. It is meant for bugs, and is no way to
/// reject commands.
///
/// A machine is not protected from the following, and must not do it:
/// - end the process: overflow the stack, run out of memory, abort, panic while it panics, or be compiled
///   with `panic = "abort"`. Then every leader ends at this command, again after each start;
/// - never return;
/// - share state with its clones or with anything else, through an `Arc`, a `static` or a file: such state is
///   not rebuilt;
/// - panic in `clone`, `snapshot`, `restore` or `drop`.
///
/// ```
/// use synod::{Answer, AnyStateMachine, RestoreError, StateMachine};
///
/// /// Counts bytes.
/// #[derive(Clone, Default)]
/// struct Counter(u64);
///
/// impl StateMachine for Counter {
///     fn apply(&mut self, command: &[u8]) -> Vec<u8> {
///         self.0 += command.len() as u64;
///         self.0.to_be_bytes().to_vec()
///     }
///
///     fn snapshot(&self) -> Vec<u8> {
///         self.0.to_be_bytes().to_vec()
///     }
///
///     fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
///         let bytes = snapshot.try_into().map_err(|_| RestoreError::new("not eight bytes"))?;
///         Ok(Counter(u64::from_be_bytes(bytes)))
///     }
/// }
///
/// let mut machine = AnyStateMachine::new(Counter::default());
/// assert_eq!(machine.apply(b"abc"), Ok(Answer::Reply(3u64.to_be_bytes()[..].into())));
/// ```
pub trait StateMachine: Clone + Send + Sync + 'static {
    /// Applies a command, and returns the reply to its client, at most 32 KiB. Of a longer reply
    /// the client is told the length only, [`Answer::TooLong`].
    fn apply(&mut self, command: &[u8]) -> Vec<u8>;

    /// The whole state, as bytes. Equal states must give equal bytes, and different states different ones.
    fn snapshot(&self) -> Vec<u8>;

    /// The state that a snapshot was taken of. An error if the bytes are no snapshot.
    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError>;
}

/// The reason why a snapshot cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the snapshot cannot be restored: {0}")]
pub struct RestoreError(String);

impl RestoreError {
    /// An error with this reason.
    pub fn new(why: impl Into<String>) -> Self {
        RestoreError(why.into())
    }
}

/// The result of a command, as its client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// The state machine's reply.
    Reply(#[serde(with = "super::bytes")] Arc<[u8]>),
    /// Applied, but the reply has this many bytes, more than 32 KiB.
    TooLong(u64),
    /// The command made the state machine panic: it has no effect, and never will have.
    Panicked,
    /// Applied, but the reply, of this many bytes, was dropped to make room for others: see
    /// [`Limits::reply_bytes`](super::Limits::reply_bytes).
    NotKept(u64),
}

impl Answer {
    /// The bytes of the reply held here; 0 if there is none.
    pub fn reply_bytes(&self) -> u64 {
        match self {
            Answer::Reply(bytes) => bytes.len() as u64,
            Answer::TooLong(_) | Answer::NotKept(_) | Answer::Panicked => 0,
        }
    }

    /// The answer to the same command once its reply was dropped. An answer without bytes stays as it is.
    pub fn without_reply(&self) -> Answer {
        match self.reply_bytes() {
            0 => self.clone(),
            bytes => Answer::NotKept(bytes),
        }
    }

    /// True if both may answer the same command: they are equal, or differ only in that one's reply was
    /// dropped.
    pub fn agrees_with(&self, other: &Answer) -> bool {
        self == other || *self == other.without_reply() || self.without_reply() == *other
    }
}

/// The error of a state machine that has panicked. Its state is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the state machine has panicked")]
pub struct Panicked;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Reply(bytes) => write!(f, "'{}'", bytes.escape_ascii()),
            Answer::TooLong(bytes) => write!(f, "a reply of {bytes} bytes, which is too long"),
            Answer::Panicked => f.write_str("a panic: the command has no effect"),
            Answer::NotKept(bytes) => {
                write!(f, "a reply of {bytes} bytes, which is not kept any more")
            }
        }
    }
}

/// The machine that does nothing: a history alone.
impl StateMachine for () {
    fn apply(&mut self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        snapshot.is_empty().then_some(()).ok_or(RestoreError::new("it should be empty"))
    }
}

/// A state machine of any type. Two are equal if their snapshots are.
pub struct AnyStateMachine(Box<dyn Object>);

/// The operations of a state machine whose type is erased.
trait Object: Send + Sync {
    fn apply(&mut self, command: &[u8]) -> Vec<u8>;
    fn snapshot(&self) -> Vec<u8>;
    fn restore(&self, snapshot: &[u8]) -> Result<AnyStateMachine, RestoreError>;
    fn copy(&self) -> AnyStateMachine;
    fn as_any(&self) -> &dyn Any;
}

impl<M: StateMachine> Object for M {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        StateMachine::apply(self, command)
    }

    fn snapshot(&self) -> Vec<u8> {
        StateMachine::snapshot(self)
    }

    fn restore(&self, snapshot: &[u8]) -> Result<AnyStateMachine, RestoreError> {
        M::restore(snapshot).map(AnyStateMachine::new)
    }

    fn copy(&self) -> AnyStateMachine {
        AnyStateMachine::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AnyStateMachine {
    /// Erases the type of a machine.
    pub fn new(machine: impl StateMachine) -> Self {
        AnyStateMachine(Box::new(machine))
    }

    /// Applies a command. After an error the machine must not be used any more: its state is undefined.
    pub fn apply(&mut self, command: &[u8]) -> Result<Answer, Panicked> {
        // Unwind safety: the caller drops a machine that has panicked.
        let apply = AssertUnwindSafe(|| self.0.apply(command));
        let reply = catch_unwind(apply).map_err(|_| Panicked)?;
        Ok(match reply.len() {
            0..=MAX_REPLY => Answer::Reply(reply.into()),
            length => Answer::TooLong(length as u64),
        })
    }

    /// The whole state, as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        self.0.snapshot()
    }

    /// The machine itself, if it is of this type.
    pub fn downcast_ref<M: StateMachine>(&self) -> Option<&M> {
        self.0.as_any().downcast_ref()
    }

    /// A machine of the same type, in the state that the snapshot was taken of.
    pub fn restored(&self, snapshot: &[u8]) -> Result<Self, RestoreError> {
        self.0.restore(snapshot)
    }
}

impl Default for AnyStateMachine {
    fn default() -> Self {
        AnyStateMachine::new(())
    }
}

impl Clone for AnyStateMachine {
    fn clone(&self) -> Self {
        self.0.copy()
    }
}

impl PartialEq for AnyStateMachine {
    fn eq(&self, other: &Self) -> bool {
        self.snapshot() == other.snapshot()
    }
}

impl Eq for AnyStateMachine {}

/// The order of the snapshots.
impl Ord for AnyStateMachine {
    fn cmp(&self, other: &Self) -> Ordering {
        self.snapshot().cmp(&other.snapshot())
    }
}

impl PartialOrd for AnyStateMachine {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for AnyStateMachine {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.snapshot().hash(hasher);
    }
}

impl fmt::Debug for AnyStateMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        write!(f, "AnyStateMachine({})", snapshot.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose state and reply are all the bytes that it was given.
    #[derive(Clone, Default)]
    struct Echo(Vec<u8>);

    impl StateMachine for Echo {
        fn apply(&mut self, command: &[u8]) -> Vec<u8> {
            self.0.extend_from_slice(command);
            self.0.clone()
        }

        fn snapshot(&self) -> Vec<u8> {
            self.0.clone()
        }

        fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
            Ok(Echo(snapshot.to_vec()))
        }
    }

    #[test]
    fn machines_are_equal_if_their_snapshots_are() {
        let mut one = AnyStateMachine::new(Echo::default());
        let before = one.clone();
        assert_eq!(one.apply(b"a"), Ok(Answer::Reply(b"a"[..].into())));
        assert_ne!(one, before);
        assert_eq!(one.downcast_ref::<Echo>().unwrap().0, b"a");
        assert!(one.downcast_ref::<()>().is_none());
        assert_eq!(before.restored(&one.snapshot()).unwrap(), one);
        assert!(AnyStateMachine::default().restored(b"a").is_err());
    }

    #[test]
    fn a_reply_that_is_too_long_is_not_sent() {
        let mut machine = AnyStateMachine::new(Echo::default());
        let longest = vec![7; MAX_REPLY];
        assert_eq!(machine.apply(&longest), Ok(Answer::Reply(longest.into())));
        assert_eq!(machine.apply(b"x"), Ok(Answer::TooLong(MAX_REPLY as u64 + 1)));
    }

    /// A dropped reply agrees with any reply of its length, and with nothing else.
    #[test]
    fn answers_agree_unless_they_tell_different_things() {
        let reply = |text: &str| Answer::Reply(text.as_bytes().into());
        let all = [reply(""), reply("a"), reply("b"), reply("cc"), Answer::NotKept(1)];
        let all = [&all[..], &[Answer::NotKept(2), Answer::TooLong(1)]].concat();
        let agree =
            [("a", 1), ("b", 1), ("cc", 2)].map(|(text, n)| (reply(text), Answer::NotKept(n)));
        for (one, two) in all.iter().flat_map(|one| all.iter().map(move |two| (one, two))) {
            let pair = |(a, b): &(Answer, Answer)| (a, b) == (one, two) || (b, a) == (one, two);
            let expected = one == two || agree.iter().any(pair);
            assert_eq!(one.agrees_with(two), expected, "{one} and {two}");
        }
        assert_eq!(reply("").without_reply(), reply(""), "nothing is gained");
        assert_eq!(reply("cc").without_reply(), Answer::NotKept(2));
        assert_eq!((reply("cc").reply_bytes(), Answer::NotKept(2).reply_bytes()), (2, 0));
    }
}
