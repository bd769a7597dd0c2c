//! The executor: chosen commands, applied in order and at most once.

use super::checkpoint::{Checkpointed, Panic};
use super::command::{Command, Instance, RequestId};
use super::invariants::Invariants;
use super::limits::{Limits, MAX_COMMAND};
use super::machine::AnyStateMachine;
use super::message::{Message, Refusal};
use super::rules::Rules;
use super::sessions::{Done, Retention, Sessions};

/// The state machine, the instances applied to it, and the client sessions.
///
/// It is a function of the chosen decrees and of limits that all members share, so all leaders arrive at the
/// same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Executor {
    applied: Vec<Instance>,
    sessions: Sessions,
    machine: Checkpointed,
}

impl Executor {
    /// An executor that has applied nothing to this machine yet.
    pub fn new(machine: AnyStateMachine) -> Self {
        Executor { machine: Checkpointed::new(machine), ..Executor::default() }
    }

    /// The state machine after the applied commands.
    pub fn machine(&self) -> &AnyStateMachine {
        self.machine.machine()
    }

    /// The last panics of the state machine, in order, and the number of all panics.
    pub fn panics(&self) -> (&[Panic], u64) {
        self.machine.panics()
    }

    /// The instances whose commands were applied, in order.
    pub fn applied(&self) -> &[Instance] {
        &self.applied
    }

    /// The sessions of the clients.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Checks that what was applied gives the machine's state. It takes as long as to apply it.
    pub(super) fn replay<'a>(&self, log: impl Fn(Instance) -> Option<&'a Command>) -> Invariants {
        self.machine.invariants(&self.applied, log)
    }

    /// Executes the command that was chosen in the next instance: expires sessions, then applies the command,
    /// unless it was applied before or its session has expired. `log` gives commands that were applied
    /// before, for the case that the state machine panics.
    pub(super) fn execute<'a>(
        &mut self,
        (instance, command): (Instance, &Command),
        log: impl Fn(Instance) -> Option<&'a Command>,
        Retention { lease, reply_bytes }: Retention,
        rules: &Rules,
    ) {
        self.sessions.expire(instance, lease, rules);
        let id = command.id;
        let in_time =
            self.sessions.remembers(id.client) || (rules.may_open)(id.client, instance, lease);
        if (rules.is_new)(self, id) && in_time {
            let answer = self.machine.apply((instance, command), &self.applied, log);
            let done = Done { instance, position: self.applied.len() as u64, answer };
            self.applied.push(instance);
            self.sessions.remember(command, done);
            self.sessions.keep(reply_bytes, rules);
        }
    }

    /// The reply to a request that was applied; `None` if it was not, or if its answer is forgotten.
    pub fn reply(&self, id: RequestId) -> Option<Message> {
        self.sessions.answer(id).cloned().map(|done| Message::Reply { id, done })
    }

    /// The answer to a request that was chosen and is no longer open.
    pub fn verdict(&self, id: RequestId) -> Message {
        self.reply(id).unwrap_or_else(|| {
            let reason = if self.forgotten(id) { Refusal::Forgotten } else { Refusal::Expired };
            Message::Refused { id, reason }
        })
    }

    /// True if the request was applied, or counts as acknowledged.
    pub fn has(&self, id: RequestId) -> bool {
        self.forgotten(id) || self.sessions.answer(id).is_some()
    }

    /// True if the request counts as acknowledged.
    fn forgotten(&self, id: RequestId) -> bool {
        id.sequence < self.sessions.acknowledged(id.client)
    }

    /// Checks that a command may be taken on, to be chosen at `instance` or later.
    pub fn admit(
        &self,
        command: &Command,
        instance: Instance,
        limits: &Limits,
        rules: &Rules,
    ) -> Result<(), Refusal> {
        let client = command.id.client;
        if command.payload.len() > MAX_COMMAND {
            return Err(Refusal::TooLarge);
        }
        if self.forgotten(command.id) {
            return Err(Refusal::Forgotten);
        }
        // A lease may start at an instance that this leader has not reached yet.
        let first = instance.max(client.lease_start);
        if !self.sessions.remembers(client) && !(rules.may_open)(client, first, limits.lease) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    /// Checks that a command keeps its client's session within the limits. The result is reliable only once
    /// all chosen decrees were applied.
    pub fn has_room(&self, command: &Command, limits: &Limits) -> Result<(), Refusal> {
        let client = command.id.client;
        // Clients acknowledge in later commands, so the acknowledged sequence lags by a window at most. The
        // requests of a client without a session continue from an earlier session.
        let remembers = self.sessions.remembers(client);
        let known = remembers.then(|| self.sessions.acknowledged(client));
        let acknowledged = known.unwrap_or(command.acknowledged);
        let reach = acknowledged.saturating_add(limits.client_window.saturating_mul(2));
        let unanswered = command.id.sequence.checked_sub(command.acknowledged);
        if command.id.sequence >= reach || unanswered.is_none_or(|u| u >= limits.client_window) {
            return Err(Refusal::WindowExceeded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::ClientId;
    use super::super::machine::Answer;
    use super::super::rules::PAXOS;
    use super::*;

    const CLIENT: ClientId = ClientId::original(1);
    const EVERYTHING: Retention = Retention { lease: u64::MAX, reply_bytes: u64::MAX };

    fn command(sequence: u64, acknowledged: u64) -> Command {
        let id = RequestId { client: CLIENT, sequence };
        Command { id, acknowledged, payload: [][..].into() }
    }

    /// The log of a test in which no machine panics.
    fn none(_: Instance) -> Option<&'static Command> {
        None
    }

    fn refusal(sequence: u64, reason: Refusal) -> Message {
        Message::Refused { id: command(sequence, 0).id, reason }
    }

    #[test]
    fn a_request_sent_again_gets_the_same_reply() {
        let mut executor = Executor::default();
        executor.execute((Instance(4), &command(7, 0)), none, EVERYTHING, &PAXOS);
        executor.execute((Instance(5), &command(8, 0)), none, EVERYTHING, &PAXOS);
        let (id, answer) = (command(8, 0).id, Answer::Reply([][..].into()));
        let done = Done { instance: Instance(5), position: 1, answer };
        assert_eq!(executor.reply(id), Some(Message::Reply { id, done }));
        executor.execute((Instance(6), &command(8, 0)), none, EVERYTHING, &PAXOS);
        assert_eq!(executor.applied(), [4, 5].map(Instance));
        assert!(executor.has(command(7, 0).id) && !executor.has(command(9, 0).id));
    }

    #[test]
    fn replies_that_were_acknowledged_are_forgotten_but_never_applied_again() {
        let mut executor = Executor::default();
        for sequence in 0..5 {
            let next = command(sequence, sequence);
            executor.execute((Instance(sequence), &next), none, EVERYTHING, &PAXOS);
        }
        assert_eq!(executor.reply(command(3, 0).id), None);
        assert!(executor.has(command(3, 0).id));
        let limits = Limits::default();
        let refused = executor.admit(&command(3, 0), Instance(5), &limits, &PAXOS);
        assert_eq!(refused, Err(Refusal::Forgotten));
        assert_eq!(executor.verdict(command(3, 0).id), refusal(3, Refusal::Forgotten));
    }

    #[test]
    fn a_client_beyond_its_bounds_is_refused() {
        let limits = Limits { client_window: 2, lease: 8, ..Limits::default() };
        let executor = Executor::default();
        let admit = |command, at| {
            executor.admit(&command, Instance(at), &limits, &PAXOS)?;
            executor.has_room(&command, &limits)
        };
        assert_eq!(admit(command(1, 0), 0), Ok(()));
        assert_eq!(admit(command(2, 0), 0), Err(Refusal::WindowExceeded));
        assert_eq!(admit(command(0, 1), 0), Err(Refusal::WindowExceeded));
        assert_eq!(admit(command(3, 2), 0), Ok(()));
        assert_eq!(admit(command(9, 8), 0), Ok(()), "it counts on from an earlier session");
        assert_eq!(admit(command(1, 0), 7), Ok(()));
        assert_eq!(admit(command(1, 0), 8), Err(Refusal::Expired));
        let late = ClientId { lease_start: Instance(9), number: 1 };
        let late = Command { id: RequestId { client: late, sequence: 0 }, ..command(0, 0) };
        assert_eq!(admit(late.clone(), 3), Ok(()), "a leader may have missed something");
        assert_eq!((admit(late.clone(), 16), admit(late, 17)), (Ok(()), Err(Refusal::Expired)));
        let payload = vec![0; MAX_COMMAND + 1].into();
        assert_eq!(admit(Command { payload, ..command(1, 0) }, 0), Err(Refusal::TooLarge));
    }
}
