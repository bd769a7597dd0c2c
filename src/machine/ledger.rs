//! The list of all commands, in order: the state machine of the models.

use serde_bytes::ByteBuf;

use super::{encode, restore};
use crate::paxos::{RestoreError, StateMachine};

/// A state machine that keeps every command. The reply to a command is its place in the list, from
/// 0, as a decimal number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(Vec<ByteBuf>);

impl Ledger {
    /// All commands, in order.
    #[cfg(test)]
    pub fn commands(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|command| command.as_slice())
    }
}

impl StateMachine for Ledger {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        let place = self.0.len();
        self.0.push(ByteBuf::from(command));
        place.to_string().into_bytes()
    }

    fn snapshot(&self) -> Vec<u8> {
        encode(&self.0)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        restore(snapshot).map(Ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_kept_in_order() {
        let mut ledger = Ledger::default();
        assert_eq!((ledger.apply(b"a"), ledger.apply(b"")), (b"0".to_vec(), b"1".to_vec()));
        assert!(ledger.commands().eq([&b"a"[..], b""]));
        assert_eq!(Ledger::restore(&ledger.snapshot()), Ok(ledger));
        assert!(Ledger::restore(b"\xff").is_err());
    }

    #[test]
    fn a_length_that_is_not_true_is_no_snapshot() {
        let claimed = |bytes: &[u8]| Ledger::restore(&[bytes, &[0xff; 8], &[1, 7]].concat());
        assert!(claimed(&[0xfd]).is_err(), "of the list");
        assert!(claimed(&[1, 0xfd]).is_err(), "of a command");
    }
}
