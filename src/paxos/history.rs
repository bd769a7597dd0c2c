//! The history: chosen commands, applied in order and at most once.

use std::collections::BTreeMap;

use super::command::{ClientId, Command, Instance, RequestId};
use super::limits::{Limits, MAX_COMMAND};
use super::machine::{Answer, AnyStateMachine};
use super::message::{Message, Refusal};

/// Where a command was applied, and what came of it: what its client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Done {
    /// The instance that it was chosen at, the first if it was chosen at several.
    pub instance: Instance,
    /// How many commands were applied before it.
    pub position: u64,
    /// What the state machine said.
    pub answer: Answer,
}

/// What is remembered of one client, so that a request sent again is not applied again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Session {
    /// Requests below this were answered for good.
    acknowledged: u64,
    /// Invariant: all sequences are at or above `acknowledged`.
    done: BTreeMap<u64, Done>,
}

/// The commands that were applied, and the replies that clients may still ask for.
///
/// It is a function of the chosen decrees alone, so every leader comes to the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    applied: Vec<Instance>,
    sessions: BTreeMap<ClientId, Session>,
    machine: AnyStateMachine,
}

impl History {
    /// Nothing was applied to this machine yet.
    pub fn new(machine: AnyStateMachine) -> Self {
        History { machine, ..History::default() }
    }

    /// What the commands have made of the state machine.
    pub fn machine(&self) -> &AnyStateMachine {
        &self.machine
    }

    /// The instances whose commands were applied, in order.
    pub fn applied(&self) -> &[Instance] {
        &self.applied
    }

    /// How many clients are remembered.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Applies a chosen command. Whether it is new is for the caller to decide.
    pub fn apply(&mut self, instance: Instance, command: &Command) -> Done {
        let answer = self.machine.apply(&command.payload);
        let done = Done { instance, position: self.applied.len() as u64, answer };
        self.applied.push(instance);
        let session = self.sessions.entry(command.id.client).or_default();
        session.acknowledged = session.acknowledged.max(command.acknowledged);
        session.done.insert(command.id.sequence, done.clone());
        while let Some(oldest) = session.done.first_entry()
            && *oldest.key() < session.acknowledged
        {
            oldest.remove();
        }
        done
    }

    /// The reply to a request that was applied and may still be asked about.
    pub fn done(&self, id: RequestId) -> Option<Done> {
        self.sessions.get(&id.client)?.done.get(&id.sequence).cloned()
    }

    /// What its client is told, once a request was applied.
    pub fn reply(&self, id: RequestId) -> Option<Message> {
        let Done { instance, position, answer } = self.done(id)?;
        Some(Message::Reply { id, instance, position, answer })
    }

    /// Whether the request was applied, or was said to be answered for good.
    pub fn has(&self, id: RequestId) -> bool {
        self.forgotten(id) || self.done(id).is_some()
    }

    /// Whether the client has said that it has its answer.
    fn forgotten(&self, id: RequestId) -> bool {
        self.sessions.get(&id.client).is_some_and(|session| id.sequence < session.acknowledged)
    }

    /// Whether a command can be taken without growing past the limits.
    pub fn admit(&self, command: &Command, limits: &Limits) -> Result<(), Refusal> {
        if command.payload.len() > MAX_COMMAND {
            return Err(Refusal::TooLarge);
        }
        if self.forgotten(command.id) {
            return Err(Refusal::Forgotten);
        }
        let session = self.sessions.get(&command.id.client);
        // What is acknowledged is carried by later commands, so it lags by a window at most.
        let acknowledged = session.map_or(0, |session| session.acknowledged);
        let reach = acknowledged.saturating_add(limits.client_window.saturating_mul(2));
        let unanswered = command.id.sequence.checked_sub(command.acknowledged);
        if command.id.sequence >= reach || unanswered.is_none_or(|u| u >= limits.client_window) {
            return Err(Refusal::WindowExceeded);
        }
        if session.is_none() && self.sessions.len() >= limits.clients {
            return Err(Refusal::TooManyClients);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(sequence: u64, acknowledged: u64) -> Command {
        let id = RequestId { client: ClientId(1), sequence };
        Command { id, acknowledged, payload: [][..].into() }
    }

    #[test]
    fn a_request_sent_again_gets_the_same_reply() {
        let mut history = History::default();
        history.apply(Instance(4), &command(7, 0));
        let done = history.apply(Instance(5), &command(8, 0));
        let answer = Answer::Reply([][..].into());
        assert_eq!(done, Done { instance: Instance(5), position: 1, answer });
        assert_eq!(history.done(command(8, 0).id), Some(done));
        assert!(history.has(command(7, 0).id) && !history.has(command(9, 0).id));
    }

    #[test]
    fn replies_that_were_acknowledged_are_forgotten_but_never_applied_again() {
        let mut history = History::default();
        for sequence in 0..5 {
            history.apply(Instance(sequence), &command(sequence, sequence));
        }
        assert_eq!(history.done(command(3, 0).id), None);
        assert!(history.has(command(3, 0).id));
        let limits = Limits::default();
        assert_eq!(history.admit(&command(3, 0), &limits), Err(Refusal::Forgotten));
    }

    #[test]
    fn a_client_beyond_its_bounds_is_refused() {
        let mut history = History::default();
        let limits = Limits { client_window: 2, clients: 1, ..Limits::default() };
        assert_eq!(history.admit(&command(1, 0), &limits), Ok(()));
        assert_eq!(history.admit(&command(2, 0), &limits), Err(Refusal::WindowExceeded));
        assert_eq!(history.admit(&command(0, 1), &limits), Err(Refusal::WindowExceeded));
        assert_eq!(history.admit(&command(3, 2), &limits), Ok(()));
        assert_eq!(history.admit(&command(4, 4), &limits), Err(Refusal::WindowExceeded));
        history.apply(Instance(0), &command(0, 0));
        let id = RequestId { client: ClientId(2), sequence: 0 };
        let stranger = Command { id, ..command(0, 0) };
        assert_eq!(history.admit(&stranger, &limits), Err(Refusal::TooManyClients));
        let payload = vec![0; MAX_COMMAND + 1].into();
        let large = Command { payload, ..command(1, 0) };
        assert_eq!(history.admit(&large, &limits), Err(Refusal::TooLarge));
    }

    proptest! {
        /// A session never remembers more than the client's window, however long it lives.
        #[test]
        fn sessions_stay_within_the_window(window in 1u64..8, length in 1u64..64) {
            let mut history = History::default();
            for sequence in 0..length {
                let low = (sequence + 1).saturating_sub(window);
                history.apply(Instance(sequence), &command(sequence, low));
            }
            prop_assert!(history.sessions[&ClientId(1)].done.len() as u64 <= window);
        }
    }
}
