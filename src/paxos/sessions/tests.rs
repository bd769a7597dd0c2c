//! Tests of sessions: at, below and above each limit, and for random streams of commands against a slow
//! reference on a plain list.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::executor::Executor;
use super::super::limits::{Limits, MAX_REPLY};
use super::super::machine::{AnyStateMachine, RestoreError, StateMachine};
use super::super::message::{Message, Refusal};
use super::super::rules::{PAXOS, Rules};
use super::*;

/// Replies with as many bytes as the command says; each byte is the number of commands so far.
#[derive(Clone, Default)]
struct Padding(u8);

impl StateMachine for Padding {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        self.0 = self.0.wrapping_add(1);
        vec![self.0; u32::from_le_bytes(command.try_into().unwrap()) as usize]
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![self.0]
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        Ok(Padding(snapshot[0]))
    }
}

fn id(client: u8, sequence: u64) -> RequestId {
    RequestId { client: ClientId::original(client.into()), sequence }
}

/// Request `sequence` of a client, with a reply of this many bytes.
fn asked(client: u8, sequence: u64, bytes: usize) -> Command {
    let payload = (bytes as u32).to_le_bytes()[..].into();
    Command { id: id(client, sequence), acknowledged: 0, payload }
}

fn empty() -> Executor {
    Executor::new(AnyStateMachine::new(Padding::default()))
}

/// Executes these commands, chosen one after another from instance 0 on.
fn after(commands: &[Command], lease: u64, reply_bytes: u64) -> Executor {
    let mut history = empty();
    for (instance, command) in (0..).zip(commands) {
        let retention = Retention { lease, reply_bytes };
        history.execute((Instance(instance), command), |_| None, retention, &PAXOS);
    }
    history
}

fn kept(history: &Executor, id: RequestId) -> Option<bool> {
    let done = history.sessions().answer(id)?;
    Some(matches!(done.answer, Answer::Reply(_)))
}

/// A session lasts for a lease after each command.
#[test]
fn a_session_expires_a_lease_after_its_last_command() {
    let mut history = empty();
    let retention = Retention { lease: 5, reply_bytes: u64::MAX };
    let mut execute = |at, command: Command| {
        history.execute((Instance(at), &command), |_| None, retention, &PAXOS);
        let of_first = id(1, 0).client;
        (history.sessions().remembers(of_first), history.sessions().clients())
    };
    execute(3, asked(1, 0, 0));
    assert_eq!(execute(7, asked(1, 1, 0)), (true, 1), "the last instance of its lease");
    assert_eq!(execute(11, asked(2, 0, 0)), (true, 1), "another may open no session any more");
    assert_eq!(execute(12, asked(2, 0, 0)), (false, 0));
    assert_eq!(history.sessions().answers().len(), 0);
    let verdict = |sequence| history.verdict(id(1, sequence));
    let expired = |sequence| Message::Refused { id: id(1, sequence), reason: Refusal::Expired };
    assert_eq!((verdict(0), verdict(1)), (expired(0), expired(1)));
}

/// A client that goes on does not keep its old answers alive. Forgotten requests count as acknowledged, and
/// so do the requests before them.
#[test]
fn an_answer_is_forgotten_a_lease_after_its_command_and_never_applied_again() {
    let (lease, far) = (3, u64::MAX);
    let commands = [asked(1, 1, 1), asked(1, 2, 1), asked(1, 3, 1), asked(1, 4, 1)];
    let history = after(&commands[..3], lease, far);
    assert_eq!((kept(&history, id(1, 1)), history.sessions().answers().len()), (Some(true), 3));
    let history = after(&commands, lease, far);
    assert_eq!((kept(&history, id(1, 1)), history.sessions().answers().len()), (None, 3));
    assert_eq!(history.sessions().acknowledged(id(1, 0).client), 2);
    let late = [&commands[..], &[asked(1, 1, 1), asked(1, 0, 1)]].concat();
    let history = after(&late, lease, far);
    assert_eq!(history.applied(), [0, 1, 2, 3].map(Instance));
    let forgotten = |sequence| Message::Refused { id: id(1, sequence), reason: Refusal::Forgotten };
    assert_eq!([0, 1].map(|n| history.verdict(id(1, n))), [0, 1].map(forgotten));
}

/// The lease bounds the answers of every client, in any order of acknowledgements.
#[test]
fn no_more_answers_are_remembered_than_the_lease_has_instances() {
    let commands: Vec<Command> = (0..20).map(|sequence| asked(1, sequence, 1)).collect();
    // With a lease of one instance no client could have a second command.
    for lease in 2..8 {
        let history = after(&commands, lease, u64::MAX);
        assert_eq!(history.sessions().answers().len() as u64, lease);
        assert_eq!(history.sessions().reply_bytes(), lease);
    }
}

/// The oldest replies are dropped first, no more of them than necessary, and an answer stays when its reply
/// is dropped.
#[test]
fn replies_beyond_their_bytes_are_let_go_oldest_first() {
    let commands = [asked(1, 0, 2), asked(2, 0, 0), asked(3, 0, 3), asked(4, 0, 1)];
    let kept = |bytes| {
        let history = after(&commands, 9, bytes);
        assert_eq!(history.sessions().answers().len(), 4);
        let kept = [1, 2, 3, 4].map(|client| kept(&history, id(client, 0)) == Some(true));
        (history.sessions().reply_bytes(), kept)
    };
    assert_eq!(kept(7), (6, [true; 4]));
    assert_eq!(kept(6), (6, [true; 4]));
    assert_eq!(kept(5), (4, [false, true, true, true]), "an empty reply costs nothing");
    assert_eq!(kept(4), (4, [false, true, true, true]));
    assert_eq!(kept(3), (1, [false, true, false, true]));
    assert_eq!(kept(1), (1, [false, true, false, true]));
    assert_eq!(kept(0), (0, [false, true, false, false]));
    let history = after(&[&commands[..], &commands[..1]].concat(), 9, 3);
    assert_eq!(history.applied().len(), 4, "it is known to be done");
    let done = Done { instance: Instance(0), position: 0, answer: Answer::NotKept(2) };
    assert_eq!(history.verdict(id(1, 0)), Message::Reply { id: id(1, 0), done });
}

/// The reply to the last command is kept, if there is room for one.
#[test]
fn the_last_reply_is_kept_however_long_it_is() {
    for bytes in [MAX_REPLY - 1, MAX_REPLY] {
        let commands: Vec<Command> = (0..4).map(|client| asked(client, 0, bytes)).collect();
        for count in 1..=commands.len() {
            let history = after(&commands[..count], 9, MAX_REPLY as u64);
            assert_eq!(kept(&history, commands[count - 1].id), Some(true));
            assert_eq!(history.sessions().reply_bytes(), bytes as u64);
        }
    }
    let history = after(&[asked(1, 0, 1), asked(2, 0, MAX_REPLY + 1)], 9, MAX_REPLY as u64);
    let answer = history.sessions().answer(id(2, 0)).map(|done| done.answer.clone());
    assert_eq!(answer, Some(Answer::TooLong(MAX_REPLY as u64 + 1)));
    assert_eq!(kept(&history, id(1, 0)), Some(true), "what is not sent takes no room");
}

#[test]
fn what_was_acknowledged_makes_room() {
    let second = Command { acknowledged: 1, ..asked(1, 1, 3) };
    let history = after(&[asked(1, 0, 3), asked(2, 0, 3), second], 9, 6);
    assert_eq!(kept(&history, id(1, 0)), None);
    assert_eq!((kept(&history, id(2, 0)), kept(&history, id(1, 1))), (Some(true), Some(true)));
}

#[test]
fn the_default_limits_have_room_for_the_longest_reply_and_a_stated_ceiling() {
    let limits = Limits::default();
    assert!(limits.reply_bytes >= MAX_REPLY as u64);
    assert_eq!(limits.session_bytes(), 192 << 20);
    let endless = Limits { lease: u64::MAX, ..limits };
    assert_eq!(endless.session_bytes(), u64::MAX);
}

/// The same rule on a plain list, searched from end to end.
#[derive(Default)]
struct List {
    /// The remembered answers in the order of application: instance, request, bytes, and true if the reply is
    /// kept.
    answers: Vec<(Instance, RequestId, usize, bool)>,
    acknowledged: BTreeMap<ClientId, u64>,
    last: BTreeMap<ClientId, Instance>,
}

impl List {
    fn execute(&mut self, instance: Instance, command: &Command, retention: Retention) -> bool {
        let Retention { lease, reply_bytes } = retention;
        let old = |applied: Instance| applied.plus(lease) <= instance;
        for (_, id, ..) in self.answers.iter().filter(|(applied, ..)| old(*applied)) {
            let acknowledged = self.acknowledged.entry(id.client).or_default();
            *acknowledged = (*acknowledged).max(id.sequence + 1);
        }
        self.last.retain(|_, last| !old(*last));
        self.tidy();
        let (id, born) = (command.id, command.id.client.lease_start);
        let seen = self.answers.iter().any(|(_, known, ..)| *known == id);
        let low = self.acknowledged.get(&id.client).is_some_and(|low| id.sequence < *low);
        let young = born <= instance && instance < born.plus(lease);
        if seen || low || !(young || self.last.contains_key(&id.client)) {
            return false;
        }
        let bytes = u32::from_le_bytes(command.payload[..].try_into().unwrap()) as usize;
        self.answers.push((instance, id, bytes, bytes <= MAX_REPLY));
        self.last.insert(id.client, instance);
        let acknowledged = self.acknowledged.entry(id.client).or_default();
        *acknowledged = (*acknowledged).max(command.acknowledged);
        self.tidy();
        while self.reply_bytes() > reply_bytes {
            let oldest = self.answers.iter_mut().find(|(_, _, bytes, kept)| *kept && *bytes > 0);
            oldest.unwrap().3 = false;
        }
        true
    }

    fn tidy(&mut self) {
        self.acknowledged.retain(|client, _| self.last.contains_key(client));
        self.answers.retain(|(_, id, ..)| {
            self.acknowledged.get(&id.client).is_some_and(|low| id.sequence >= *low)
        });
    }

    fn reply_bytes(&self) -> u64 {
        self.answers.iter().filter(|answer| answer.3).map(|answer| answer.2 as u64).sum()
    }

    fn agrees(&self, history: &Executor) -> bool {
        let in_list = self.answers.iter().map(|(applied, id, bytes, kept)| {
            (*id, (*applied, if *kept { *bytes as u64 } else { 0 }))
        });
        let in_history = history.sessions().answers();
        let in_history = in_history.map(|(id, d)| (id, (d.instance, d.answer.reply_bytes())));
        let low =
            |(client, low): (&ClientId, &u64)| history.sessions().acknowledged(*client) == *low;
        in_list.collect::<BTreeMap<_, _>>() == in_history.collect()
            && self.last.len() == history.sessions().clients()
            && self.acknowledged.iter().all(low)
    }
}

/// Commands of a few clients that repeat requests, out of order, and acknowledge at random.
fn commands() -> impl Strategy<Value = (u64, Command)> {
    let bytes = prop_oneof![0usize..4, MAX_REPLY - 1..MAX_REPLY + 2];
    (1u64..3, 0u8..4, 0u64..6, 0u64..8, 0u64..8, bytes).prop_map(
        |(step, number, born, sequence, acknowledged, bytes)| {
            let client = ClientId { lease_start: Instance(born / 3 * 8), number: number.into() };
            let command = asked(0, 0, bytes);
            let acknowledged = acknowledged.saturating_sub(4);
            (step, Command { id: RequestId { client, sequence }, acknowledged, ..command })
        },
    )
}

fn retentions() -> impl Strategy<Value = Retention> {
    let reply_bytes = prop_oneof![0u64..8, MAX_REPLY as u64 - 1..MAX_REPLY as u64 + 4];
    (1u64..12, reply_bytes).prop_map(|(lease, reply_bytes)| Retention { lease, reply_bytes })
}

/// The first fault when these commands are chosen, each so many instances after the one before, under these
/// rules: a command applied twice, a count that is wrong or beyond its bound, or a difference to the list.
fn fault(stream: &[(u64, Command)], retention: Retention, rules: &Rules) -> Option<String> {
    let (mut history, mut list) = (empty(), List::default());
    let (mut instance, mut applied) = (Instance(0), BTreeSet::new());
    for (step, command) in stream {
        instance = instance.plus(*step);
        let before = history.applied().len();
        history.execute((instance, command), |_| None, retention, rules);
        let new = history.applied().len() > before;
        if new && !applied.insert(command.id) {
            return Some(format!("{} is applied twice", command.id));
        }
        let Sessions { clients, answers, recent, bare, reply_bytes } = history.sessions();
        let counted: u64 = answers.values().map(|done| done.answer.reply_bytes()).sum();
        if *reply_bytes != counted || counted > retention.reply_bytes {
            return Some(format!("{counted} bytes, not {reply_bytes}"));
        }
        let most = [answers.len(), clients.len(), *bare].into_iter().max();
        if recent.len() as u64 > retention.lease || most > Some(recent.len()) {
            return Some(format!("{most:?} of {} within the lease", recent.len()));
        }
        if new != list.execute(instance, command, retention) || !list.agrees(&history) {
            return Some(format!("{:?} after {command} at {instance}", history.sessions()));
        }
    }
    None
}

#[test]
fn faults_are_noticed() {
    let stream: Vec<(u64, Command)> =
        [asked(1, 0, 1), asked(1, 1, 1), asked(1, 2, 1), asked(1, 3, 1)]
            .into_iter()
            .chain([asked(1, 0, 1), asked(2, 0, 1)])
            .map(|command| (1, command))
            .collect();
    let retention = Retention { lease: 3, reply_bytes: 1 };
    let faulty = [
        Rules { without_reply: |_| None, ..PAXOS },
        Rules { without_reply: |answer| Some(answer.clone()), ..PAXOS },
        Rules { acknowledge_forgotten: |acknowledged, _| acknowledged, ..PAXOS },
        Rules { acknowledge_forgotten: |_, sequence| sequence + 2, ..PAXOS },
        Rules { may_open: |_, _, _| true, ..PAXOS },
        Rules { is_new: |_, _| true, ..PAXOS },
    ];
    assert_eq!(fault(&stream, retention, &PAXOS), None);
    for (number, rules) in faulty.iter().enumerate() {
        assert!(fault(&stream, retention, rules).is_some(), "fault {number} goes unnoticed");
    }
}

proptest! {
    /// No stream of commands causes a fault, and equal decrees give equal histories.
    #[test]
    fn what_is_remembered_is_bounded_and_a_function_of_what_is_chosen(
        stream in prop::collection::vec(commands(), 0..60),
        retention in retentions(),
    ) {
        prop_assert_eq!(fault(&stream, retention, &PAXOS), None);
        let [one, two] = [(), ()].map(|()| {
            let (mut history, mut instance) = (empty(), Instance(0));
            for (step, command) in &stream {
                instance = instance.plus(*step);
                history.execute((instance, command), |_| None, retention, &PAXOS);
            }
            history
        });
        prop_assert_eq!(one, two);
    }

    /// Requests that are sent in order, each any number of times, are applied in that order, once each, and
    /// each client gets its last reply.
    #[test]
    fn a_client_that_asks_in_turn_gets_each_reply(
        turns in prop::collection::vec((0u8..3, 0usize..9, 1usize..4), 1..40),
    ) {
        let (mut history, mut next) = (empty(), [0u64; 3]);
        let retention = Retention { lease: 200, reply_bytes: MAX_REPLY as u64 };
        let mut instance = Instance(0);
        for (client, bytes, times) in turns {
            let sequence = next[usize::from(client)];
            let command = Command { acknowledged: sequence, ..asked(client, sequence, bytes) };
            let before = history.applied().len();
            for _ in 0..times {
                history.execute((instance, &command), |_| None, retention, &PAXOS);
                instance = instance.next();
            }
            prop_assert_eq!(history.applied().len(), before + 1);
            prop_assert_eq!(kept(&history, command.id), Some(true));
            next[usize::from(client)] += 1;
        }
    }
}

#[test]
fn broken_sessions_are_found() {
    let commands = [asked(1, 0, 5), asked(1, 1, 5), asked(2, 0, 5)];
    let sound = after(&commands, 100, 100).sessions().clone();
    let broken = |breaks: fn(&mut Sessions)| {
        let mut sessions = sound.clone();
        assert_eq!(sessions.invariants(), Ok(()));
        breaks(&mut sessions);
        sessions.invariants().unwrap_err()
    };
    assert!(broken(|it| it.recent.swap(0, 1)).contains("out of order"));
    assert!(broken(|it| it.bare = 4).contains("out of order"));
    assert!(broken(|it| it.recent.truncate(2)).contains("last command"));
    assert!(broken(|it| it.recent = it.recent.split_off(1)).contains("is not recent"));
    let acknowledges = |it: &mut Sessions| {
        it.clients.get_mut(&id(1, 0).client).unwrap().acknowledged = 1;
    };
    assert!(broken(acknowledges).contains("was acknowledged"));
    assert!(broken(|it| it.reply_bytes += 1).contains("number of bytes"));
}
