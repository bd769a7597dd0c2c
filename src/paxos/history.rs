//! The history: chosen commands, applied in order and at most once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpointed, Panic};
use super::command::{ClientId, Command, Instance, RequestId};
use super::limits::{Limits, MAX_COMMAND};
use super::machine::{Answer, AnyStateMachine};
use super::message::{Message, Refusal};
use super::rules::Rules;

/// Where a command was applied, and what came of it: what its client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Where its last command was applied.
    last: Instance,
}

/// The commands that were applied, and the replies that clients may still ask for.
///
/// It is a function of the chosen decrees alone, so every leader comes to the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    applied: Vec<Instance>,
    sessions: BTreeMap<ClientId, Session>,
    /// The sessions by their last command. Invariant: one entry for each session.
    by_age: BTreeMap<Instance, ClientId>,
    machine: Checkpointed,
}

impl History {
    /// Nothing was applied to this machine yet.
    pub fn new(machine: AnyStateMachine) -> Self {
        History { machine: Checkpointed::new(machine), ..History::default() }
    }

    /// What the commands have made of the state machine.
    pub fn machine(&self) -> &AnyStateMachine {
        self.machine.machine()
    }

    /// The panics of the state machine, in order.
    pub fn panics(&self) -> &[Panic] {
        self.machine.panics()
    }

    /// The instances whose commands were applied, in order.
    pub fn applied(&self) -> &[Instance] {
        &self.applied
    }

    /// How many clients are remembered.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a client is remembered.
    pub fn remembers(&self, client: ClientId) -> bool {
        self.sessions.contains_key(&client)
    }

    /// Forgets the clients whose last command is `lease` instances or more before this one.
    pub fn expire(&mut self, instance: Instance, lease: u64) {
        while let Some(oldest) = self.by_age.first_entry()
            && oldest.key().plus(lease) <= instance
        {
            self.sessions.remove(&oldest.remove());
        }
    }

    /// Applies a chosen command. Whether it is new is for the caller to decide. Should the state
    /// machine panic, `log` is asked for commands that were applied before.
    pub fn apply<'a>(
        &mut self,
        instance: Instance,
        command: &Command,
        log: impl Fn(Instance) -> Option<&'a Command>,
    ) -> Done {
        let answer = self.machine.apply((instance, command), &self.applied, log);
        let done = Done { instance, position: self.applied.len() as u64, answer };
        self.applied.push(instance);
        let client = command.id.client;
        if let Some(known) = self.sessions.get(&client) {
            self.by_age.remove(&known.last);
        }
        self.by_age.insert(instance, client);
        let session = self.sessions.entry(client).or_default();
        session.last = instance;
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
        self.done(id).map(|done| Message::Reply { id, done })
    }

    /// What its client is told of a request that was chosen, and is not open any more.
    pub fn verdict(&self, id: RequestId) -> Message {
        let reason = if self.forgotten(id) { Refusal::Forgotten } else { Refusal::Expired };
        self.reply(id).unwrap_or(Message::Refused { id, reason })
    }

    /// Whether the request was applied, or was said to be answered for good.
    pub fn has(&self, id: RequestId) -> bool {
        self.forgotten(id) || self.done(id).is_some()
    }

    /// Whether the client has said that it has its answer.
    fn forgotten(&self, id: RequestId) -> bool {
        self.sessions.get(&id.client).is_some_and(|session| id.sequence < session.acknowledged)
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
        // A client may have been born where this leader has not come to yet.
        let first = instance.max(client.born);
        if !self.remembers(client) && !(rules.may_open)(client, first, limits.lease) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    /// Whether a command can be taken without its client's session growing past the limits. Only
    /// who has applied all that was chosen before can tell.
    pub fn has_room(&self, command: &Command, limits: &Limits) -> Result<(), Refusal> {
        let client = command.id.client;
        // What is acknowledged is carried by later commands, so it lags by a window at most.
        let acknowledged = self.sessions.get(&client).map_or(0, |session| session.acknowledged);
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
    use super::super::rules::PAXOS;
    use super::*;
    use proptest::prelude::*;

    const CLIENT: ClientId = ClientId::original(1);

    fn command(sequence: u64, acknowledged: u64) -> Command {
        let id = RequestId { client: CLIENT, sequence };
        Command { id, acknowledged, payload: [][..].into() }
    }

    /// No machine here panics.
    fn none(_: Instance) -> Option<&'static Command> {
        None
    }

    #[test]
    fn a_request_sent_again_gets_the_same_reply() {
        let mut history = History::default();
        history.apply(Instance(4), &command(7, 0), none);
        let done = history.apply(Instance(5), &command(8, 0), none);
        let answer = Answer::Reply([][..].into());
        assert_eq!(done, Done { instance: Instance(5), position: 1, answer });
        assert_eq!(history.done(command(8, 0).id), Some(done));
        assert!(history.has(command(7, 0).id) && !history.has(command(9, 0).id));
    }

    #[test]
    fn replies_that_were_acknowledged_are_forgotten_but_never_applied_again() {
        let mut history = History::default();
        for sequence in 0..5 {
            history.apply(Instance(sequence), &command(sequence, sequence), none);
        }
        assert_eq!(history.done(command(3, 0).id), None);
        assert!(history.has(command(3, 0).id));
        let limits = Limits::default();
        let refused = history.admit(&command(3, 0), Instance(5), &limits, &PAXOS);
        assert_eq!(refused, Err(Refusal::Forgotten));
        assert_eq!(history.verdict(command(3, 0).id), refusal(3, Refusal::Forgotten));
    }

    fn refusal(sequence: u64, reason: Refusal) -> Message {
        Message::Refused { id: command(sequence, 0).id, reason }
    }

    #[test]
    fn a_client_beyond_its_bounds_is_refused() {
        let limits = Limits { client_window: 2, lease: 8, ..Limits::default() };
        let history = History::default();
        let admit = |command, at| {
            history.admit(&command, Instance(at), &limits, &PAXOS)?;
            history.has_room(&command, &limits)
        };
        assert_eq!(admit(command(1, 0), 0), Ok(()));
        assert_eq!(admit(command(2, 0), 0), Err(Refusal::WindowExceeded));
        assert_eq!(admit(command(0, 1), 0), Err(Refusal::WindowExceeded));
        assert_eq!(admit(command(3, 2), 0), Ok(()));
        assert_eq!(admit(command(4, 4), 0), Err(Refusal::WindowExceeded));
        assert_eq!(admit(command(1, 0), 7), Ok(()));
        assert_eq!(admit(command(1, 0), 8), Err(Refusal::Expired));
        let late = ClientId { born: Instance(9), number: 1 };
        let late = Command { id: RequestId { client: late, sequence: 0 }, ..command(0, 0) };
        assert_eq!(admit(late.clone(), 3), Ok(()), "a leader may have missed something");
        assert_eq!((admit(late.clone(), 16), admit(late, 17)), (Ok(()), Err(Refusal::Expired)));
        let payload = vec![0; MAX_COMMAND + 1].into();
        assert_eq!(admit(Command { payload, ..command(1, 0) }, 0), Err(Refusal::TooLarge));
    }

    /// A session lasts from one command to the next, and no longer.
    #[test]
    fn a_session_expires_a_lease_after_its_last_command() {
        let mut history = History::default();
        history.apply(Instance(3), &command(0, 0), none);
        history.expire(Instance(7), 5);
        history.apply(Instance(7), &command(1, 1), none);
        history.expire(Instance(11), 5);
        assert!(history.remembers(CLIENT) && history.has(command(0, 0).id));
        history.expire(Instance(12), 5);
        assert!(!history.remembers(CLIENT) && !history.has(command(1, 1).id));
        assert_eq!((history.sessions(), history.by_age.len()), (0, 0));
        assert_eq!(history.verdict(command(1, 0).id), refusal(1, Refusal::Expired));
    }

    proptest! {
        /// A session never remembers more than the client's window, however long it lives.
        #[test]
        fn sessions_stay_within_the_window(window in 1u64..8, length in 1u64..64) {
            let mut history = History::default();
            for sequence in 0..length {
                let low = (sequence + 1).saturating_sub(window);
                history.apply(Instance(sequence), &command(sequence, low), none);
            }
            prop_assert!(history.sessions[&CLIENT].done.len() as u64 <= window);
        }
    }
}
