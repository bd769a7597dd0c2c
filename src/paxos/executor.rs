//! The executor: chosen commands, applied in order and at most once.

use super::checkpoint::{Checkpointed, Panic};
use super::command::{Command, Instance, RequestId};
use super::limits::{Limits, MAX_COMMAND};
use super::machine::AnyStateMachine;
use super::message::{Message, Refusal};
use super::rules::Rules;
use super::sessions::{Done, Retention, Sessions};

/// The commands that were applied, and what is remembered of those who asked for them.
///
/// It is a function of the chosen decrees and of limits that all members share, so every leader
/// comes to the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Executor {
    applied: Vec<Instance>,
    sessions: Sessions,
    machine: Checkpointed,
}

impl Executor {
    /// Nothing was applied to this machine yet.
    pub fn new(machine: AnyStateMachine) -> Self {
        Executor { machine: Checkpointed::new(machine), ..Executor::default() }
    }

    /// What the commands have made of the state machine.
    pub fn machine(&self) -> &AnyStateMachine {
        self.machine.machine()
    }

    /// The last panics of the state machine, in order, and how many there were in all.
    pub fn panics(&self) -> (&[Panic], u64) {
        self.machine.panics()
    }

    /// The instances whose commands were applied, in order.
    pub fn applied(&self) -> &[Instance] {
        &self.applied
    }

    /// What is remembered of clients.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Takes the command on that was chosen in the next instance: forgets what is too old by then, and
    /// applies the command, unless it was applied before or comes too late. Should the state machine
    /// panic, `log` is asked for commands that were applied before.
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

    /// What its client is told, once a request was applied.
    pub fn reply(&self, id: RequestId) -> Option<Message> {
        self.sessions.answer(id).cloned().map(|done| Message::Reply { id, done })
    }

    /// What its client is told of a request that was chosen, and is not open any more.
    pub fn verdict(&self, id: RequestId) -> Message {
        self.reply(id).unwrap_or_else(|| {
            let reason = if self.forgotten(id) { Refusal::Forgotten } else { Refusal::Expired };
            Message::Refused { id, reason }
        })
    }

    /// Whether the request was applied, or counts as answered for good.
    pub fn has(&self, id: RequestId) -> bool {
        self.forgotten(id) || self.sessions.answer(id).is_some()
    }

    /// Whether the request counts as answered for good.
    fn forgotten(&self, id: RequestId) -> bool {
        id.sequence < self.sessions.acknowledged(id.client)
    }

    /// Whether a command can be taken, if it is to be chosen at `instance` or later.
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
        // A lease may start where this leader has not come to yet.
        let first = instance.max(client.lease_start);
        if !self.sessions.remembers(client) && !(rules.may_open)(client, first, limits.lease) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    /// Whether a command can be taken without its client's session growing past the limits. Only
    /// who has applied all that was chosen before can tell.
    pub fn has_room(&self, command: &Command, limits: &Limits) -> Result<(), Refusal> {
        let client = command.id.client;
        // What is acknowledged is carried by later commands, so it lags by a window at most. A client
        // without a session counts on from an earlier one.
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

    /// No machine here panics.
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
