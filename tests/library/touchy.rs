//! A state machine that panics at some commands.

use crate::paxos::{RestoreError, StateMachine};

/// Keeps commands, one after another, and answers with all that it keeps. It panics at some of them
/// once it has kept half.
#[derive(Clone)]
pub(crate) struct Touchy {
    panics: fn(&[u8]) -> bool,
    kept: Vec<u8>,
}

impl Touchy {
    pub(crate) fn new(panics: fn(&[u8]) -> bool) -> Self {
        Touchy { panics, kept: Vec::new() }
    }
}

impl StateMachine for Touchy {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        let (half, rest) = command.split_at(command.len() / 2);
        self.kept.extend_from_slice(half);
        assert!(!(self.panics)(command), "a command that this machine cannot stand");
        self.kept.extend_from_slice(rest);
        self.kept.clone()
    }

    fn snapshot(&self) -> Vec<u8> {
        self.kept.clone()
    }

    fn restore(_: &[u8]) -> Result<Self, RestoreError> {
        Err(RestoreError::new("nobody asks for that"))
    }
}
