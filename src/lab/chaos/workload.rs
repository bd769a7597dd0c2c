//! The workload of an experiment: the commands that clients ask for, and the machine that takes them.

use super::verdict::Exchange;
use crate::paxos::{Answer, AnyStateMachine};

/// What clients ask of a cluster while it is put through something. Each client has a copy.
///
/// Whatever the workload is, the log is replayed through its machine: every answer must be the one that
/// the machine gives there, every acknowledged command must be where its client was told, and the order
/// of the log must agree with the times of the clients. So one machine could have told them so, which is
/// linearizability.
pub trait Workload: Clone + Send + 'static {
    /// The state machine that the members run, before the first command.
    fn machine(&self) -> AnyStateMachine;

    /// The next command of a client: both are counted from 0. `random` draws a number below the one that
    /// it is given.
    fn command(&mut self, client: u64, number: u64, random: &mut dyn FnMut(u64) -> u64) -> Vec<u8>;

    /// Takes note of an answer to this client.
    fn on_answer(&mut self, _answer: &Answer) {}

    /// True if no two requests ask for this command, so that it is applied once at most under any name.
    fn is_unique(&self, _command: &[u8]) -> bool {
        false
    }

    /// Judges what clients were told without looking at the log. Gives the fault, if one is found.
    fn judge(&self, _exchanges: &[Exchange]) -> Option<String> {
        None
    }
}
