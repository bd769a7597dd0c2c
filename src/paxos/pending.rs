//! The pending requests of a leader: taken on and not yet answered.

use std::collections::{BTreeMap, VecDeque};

use stateright::actor::Id;

use super::command::{Command, RequestId};
use super::executor::Executor;
use super::limits::Limits;
use super::message::{Message, Refusal};
use super::step::Step;

/// The requests that a leader has taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PendingRequests {
    /// Commands without an instance, in order of arrival.
    pub(super) waiting: VecDeque<Command>,
    /// The requests that are waiting or proposed, with the address to answer, if any.
    pub(super) in_flight: BTreeMap<RequestId, Option<Id>>,
}

impl PendingRequests {
    /// Takes on a request. A request that is pending already is not taken twice: only the address to answer
    /// changes. Refuses it as overloaded if too many are waiting.
    pub(super) fn take(
        &mut self,
        client: Id,
        command: Command,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        if let Some(taken) = self.in_flight.get_mut(&command.id) {
            *taken = Some(client);
            return Ok(());
        }
        if self.waiting.len() >= limits.waiting {
            return Err(Refusal::Overloaded);
        }
        self.in_flight.insert(command.id, Some(client));
        self.waiting.push_back(command);
        Ok(())
    }

    /// The next command to propose. One that was applied while it waited is answered, and skipped.
    pub(super) fn next_command(&mut self, executor: &Executor, step: &mut Step) -> Option<Command> {
        while let Some(command) = self.waiting.pop_front() {
            let id = command.id;
            if !executor.has(id) {
                return Some(command);
            }
            self.settle(id, Some(executor.verdict(id)), step);
        }
        None
    }

    /// Removes a request, and sends the answer to its client, if the request came from one.
    pub(super) fn settle(&mut self, id: RequestId, answer: Option<Message>, step: &mut Step) {
        if let (Some(Some(client)), Some(answer)) = (self.in_flight.remove(&id), answer) {
            step.send(client, answer);
        }
    }

    /// Refuses all waiting requests.
    pub(super) fn refuse_all(&mut self, reason: Refusal, step: &mut Step) {
        for id in std::mem::take(&mut self.waiting).into_iter().map(|command| command.id) {
            self.settle(id, Some(Message::Refused { id, reason }), step);
        }
    }
}
