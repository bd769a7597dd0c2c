//! One member as a Stateright [`Actor`]: routes messages and timers to the handlers of its role.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use stateright::actor::{Actor, Id, Out};

use super::acceptor::{self, Acceptor, Audience};
use super::client::{self, Client};
use super::election::Page;
use super::leader::{self, Leader};
use super::limits::Limits;
use super::members::Members;
use super::message::{Message, Vote};
use super::rules::{Paxos, Rulebook};
use super::step::{Effects, Step, Timer, TimerChange};
use super::storage::{Saving, Storage};
use super::telling::Question;

/// The settings that all members of a cluster share.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The members and their quorums.
    pub members: Members,
    /// The bounds of sizes and counts.
    pub limits: Limits,
    /// The leaders that acceptors tell of their votes.
    pub audience: Audience,
    /// True if acceptors tell the leaders that they refuse. Progress depends on it, safety does not: false
    /// only in models that are to stay small.
    pub nacks: bool,
    /// True if candidates announce themselves to the other leaders. Progress depends on it where phase 1
    /// takes longer than an election timeout.
    pub candidacies: bool,
    /// True if heartbeats go to the acceptors too, which pass them on, and ask for the instances they have
    /// missed.
    pub upkeep: bool,
}

impl Setup {
    /// The set-up of a running cluster: all options on.
    pub fn new(members: Members, limits: Limits) -> Self {
        let audience = Audience::AllLeaders;
        Setup { members, limits, audience, nacks: true, candidacies: true, upkeep: true }
    }
}

/// The duration of each timer, as a range to draw from; `None` if the timer never fires.
///
/// The protocol knows no clock: it hands these on unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The time that a leader waits for a heartbeat. A wide range makes it rare that two leaders campaign at
    /// once.
    pub election: Option<Range<Duration>>,
    /// The time between two heartbeats of a primary.
    pub heartbeat: Option<Range<Duration>>,
    /// The time after which an open proposal is resent.
    pub resend: Option<Range<Duration>>,
    /// The time that a client waits for an answer before it asks again.
    pub retry: Option<Range<Duration>>,
    /// The time that a client waits for its oldest request in all.
    pub give_up: Option<Range<Duration>>,
    /// The time that a client keeps a lease without using it.
    pub idle: Option<Range<Duration>>,
}

impl Timing {
    /// The timing with which no timer ever fires.
    pub const NEVER: Timing = Timing {
        election: None,
        heartbeat: None,
        resend: None,
        retry: None,
        give_up: None,
        idle: None,
    };

    fn of(&self, timer: Timer) -> Option<Range<Duration>> {
        match timer {
            Timer::Election => self.election.clone(),
            Timer::Heartbeat => self.heartbeat.clone(),
            Timer::Resend => self.resend.clone(),
            Timer::Retry => self.retry.clone(),
            Timer::GiveUp => self.give_up.clone(),
            Timer::Idle => self.idle.clone(),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        let millis = |from, to| Some(Duration::from_millis(from)..Duration::from_millis(to));
        Timing {
            election: millis(120, 240),
            heartbeat: millis(30, 38),
            resend: millis(20, 25),
            retry: millis(50, 60),
            ..Timing::NEVER
        }
    }
}

/// The role of a member, with its configuration.
#[derive(Clone, Debug)]
pub enum Role {
    /// Proposes, learns and answers clients.
    Leader(Leader),
    /// Promises and votes.
    Acceptor(Acceptor),
    /// Asks for commands to be applied.
    Client(Client),
}

/// The state of a member, by role.
#[allow(clippy::large_enum_variant, reason = "there is one for each actor, not many")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The state of a leader.
    Leader(leader::State),
    /// The state of an acceptor.
    Acceptor(acceptor::State),
    /// The state of a client.
    Client(client::State),
}

/// One member of a cluster. `R` is the rulebook that it follows; the runtime runs [`Paxos`] only.
#[derive(Clone, Debug)]
pub struct Node<R = Paxos> {
    role: Role,
    saving: Saving,
    timing: Timing,
    rulebook: R,
}

impl Node {
    /// A member in this role that follows the rules of Paxos.
    pub fn new(role: Role, saving: Saving, timing: Timing) -> Self {
        Node::with_rulebook(role, saving, timing, Paxos)
    }
}

impl<R: Rulebook> Node<R> {
    /// A member in this role that follows another rulebook, for the model checker.
    pub fn with_rulebook(role: Role, saving: Saving, timing: Timing, rulebook: R) -> Self {
        Node { role, saving, timing, rulebook }
    }

    /// The role of this member.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The durations of its timers.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// True if `src` may send this message to this member. A message that it may not send is ignored in every
    /// state; a runtime counts it.
    pub fn admits(&self, src: Id, message: &Message) -> bool {
        match &self.role {
            Role::Leader(leader) => leader_admits(leader, src, message),
            Role::Acceptor(acceptor) => acceptor_admits(acceptor, src, message),
            Role::Client(client) => client_admits(client, src, message),
        }
    }

    /// Handles a message without checking that the member [admits](Node::admits) it. For a runtime that has
    /// checked.
    pub fn on_admitted(
        &self,
        state: &mut Cow<State>,
        src: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        self.step(state, out, |state, step| match (&self.role, state) {
            (Role::Leader(leader), State::Leader(state)) => {
                leader.on_message(state, src, message, step);
            }
            (Role::Acceptor(acceptor), State::Acceptor(state)) => {
                acceptor.on_message(state, src, message, step);
            }
            (Role::Client(client), State::Client(state)) => {
                client.on_message(state, src, message, step);
            }
            _ => {}
        });
    }

    /// Hands out a step's effects, in the one safe order: saves, then sends, then timers.
    fn emit(&self, effects: Effects, state: &State, out: &mut Out<Self>) {
        if !effects.saves.is_empty() {
            match self.saving {
                Saving::Changes => out.save(Storage(effects.saves)),
                Saving::Everything => out.save(state.durable()),
                Saving::Nothing => {}
            }
        }
        effects.sends.into_iter().for_each(|(to, message)| out.send(to, message));
        for change in effects.timers {
            match change {
                TimerChange::Cancel(timer) => out.cancel_timer(timer),
                TimerChange::Set(timer, doublings) => {
                    if let Some(Range { start, end }) = self.timing.of(timer) {
                        let end = end.saturating_mul(2_u32.saturating_pow(doublings));
                        out.set_timer(timer, start..end);
                    }
                }
            }
        }
    }

    /// Runs one step. A running node owns its state, and the step changes it in place. The model checker
    /// lends the state, and gets a new one only if it differs.
    fn step(
        &self,
        state: &mut Cow<State>,
        out: &mut Out<Self>,
        handle: impl FnOnce(&mut State, &mut Step),
    ) {
        let mut step = Step::new(self.rulebook.rules());
        match state {
            Cow::Owned(state) => handle(state, &mut step),
            Cow::Borrowed(before) => {
                let mut after = State::clone(before);
                handle(&mut after, &mut step);
                if after != **before {
                    if R::IS_SOUND && cfg!(debug_assertions) {
                        let checked = after.invariants().and_then(|()| after.follows(before));
                        let checked = checked.and_then(|()| after.replay());
                        debug_assert_eq!(checked, Ok(()), "{before:?} {after:?}");
                    }
                    *state = Cow::Owned(after);
                }
            }
        }
        self.emit(step.effects, state, out);
    }
}

fn acceptor_admits(acceptor: &Acceptor, src: Id, message: &Message) -> bool {
    let Setup { members, limits, .. } = &*acceptor.setup;
    match message {
        Message::Prepare { ballot, .. } | Message::Heartbeat { ballot, .. } => {
            members.owns(src, *ballot)
        }
        Message::Accept { ballot, instance, .. } => {
            members.owns(src, *ballot) && instance.0 < limits.instances
        }
        _ => false,
    }
}

fn client_admits(client: &Client, src: Id, message: &Message) -> bool {
    let is_mine = |number: u128| client.goes_by(number);
    client.setup.members.leader_at(src).is_some()
        && match message {
            Message::Reply { id, .. }
            | Message::Refused { id, .. }
            | Message::Redirect { id, .. } => is_mine(id.client.number),
            Message::Opened(opened) => is_mine(opened.number),
            Message::NotOpened { number, .. } => is_mine(*number),
            _ => false,
        }
}

fn leader_admits(leader: &Leader, src: Id, message: &Message) -> bool {
    let members = &leader.setup.members;
    let from_peer = || members.leader_at(src).is_some_and(|peer| peer != leader.me);
    match message {
        Message::Request(_) | Message::Open { .. } => true,
        Message::Promise { ballot, .. }
        | Message::Accepted(Vote { ballot, .. })
        | Message::Nack { promised: ballot, .. } => {
            members.acceptor_at(src).is_some() && members.owner(*ballot).is_some()
        }
        Message::Candidacy { ballot } => from_peer() && members.owns(src, *ballot),
        Message::Heartbeat { ballot, .. } => {
            let passed_on = || members.acceptor_at(src).is_some() && ballot.leader != leader.me;
            from_peer() && members.owns(src, *ballot)
                || passed_on() && members.owner(*ballot).is_some()
        }
        Message::CatchUp { .. } => from_peer() || members.acceptor_at(src).is_some(),
        Message::Chosen { .. } => from_peer(),
        _ => false,
    }
}

impl State {
    /// The records that must survive a crash.
    pub fn durable(&self) -> Storage {
        match self {
            State::Leader(leader) => leader.durable(),
            State::Acceptor(acceptor) => acceptor.durable(),
            State::Client(_) => Storage::default(),
        }
    }

    /// The state of a leader; `None` for other roles.
    pub fn as_leader(&self) -> Option<&leader::State> {
        match self {
            State::Leader(leader) => Some(leader),
            _ => None,
        }
    }
}

impl<R: Rulebook> Actor for Node<R> {
    type Msg = Message;
    type Timer = Timer;
    type State = State;
    type Storage = Storage;
    type Random = ();

    fn on_start(&self, _id: Id, storage: &Option<Storage>, out: &mut Out<Self>) -> State {
        let mut step = Step::new(self.rulebook.rules());
        let state = match &self.role {
            Role::Leader(leader) => State::Leader(leader.on_start(storage.as_ref(), &mut step)),
            Role::Acceptor(acceptor) => {
                State::Acceptor(acceptor.on_start(storage.as_ref(), &mut step))
            }
            Role::Client(client) => State::Client(client.on_start(&mut step)),
        };
        self.emit(step.effects, &state, out);
        state
    }

    fn on_msg(
        &self,
        _id: Id,
        state: &mut Cow<State>,
        src: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        if self.admits(src, &message) {
            self.on_admitted(state, src, message, out);
        }
    }

    fn on_timeout(&self, _id: Id, state: &mut Cow<State>, timer: &Timer, out: &mut Out<Self>) {
        self.step(state, out, |state, step| match (&self.role, state, timer) {
            (Role::Leader(leader), State::Leader(state), Timer::Election) => {
                leader.on_election_timeout(state, step);
            }
            (Role::Leader(leader), State::Leader(state), Timer::Heartbeat) => {
                leader.on_heartbeat_timeout(state, step);
            }
            (Role::Leader(leader), State::Leader(state), Timer::Resend) => {
                leader.on_resend_timeout(state, step);
            }
            (Role::Client(client), State::Client(state), timer) => {
                client.on_timeout(state, *timer, step);
            }
            _ => {}
        });
    }

    fn name(&self) -> String {
        match &self.role {
            Role::Leader(leader) => leader.me.to_string(),
            Role::Acceptor(acceptor) => acceptor.me.to_string(),
            Role::Client(client) => client.name(),
        }
    }
}

impl Leader {
    fn on_message(&self, state: &mut leader::State, src: Id, message: Message, step: &mut Step) {
        let members = &self.setup.members;
        match (message, members.acceptor_at(src), members.leader_at(src)) {
            (Message::Request(command), ..) => self.on_request(state, src, command, step),
            (Message::Open { number }, ..) => self.on_open(state, src, number, step),
            (Message::Promise { ballot, from, votes, next, end }, Some(acceptor), _) => {
                let page = Page { from, votes, next, end };
                self.on_promise(state, (src, acceptor), ballot, page, step);
            }
            (Message::Accepted(vote), Some(acceptor), _) => {
                self.on_accepted(state, acceptor, vote, step);
            }
            (Message::Nack { promised, .. }, Some(_), _) => self.heard(state, promised, step),
            (Message::Candidacy { ballot }, _, Some(_)) => self.on_candidacy(state, ballot, step),
            (Message::Heartbeat { ballot, chosen }, _, Some(peer)) => {
                self.on_heartbeat(state, (src, peer), ballot, chosen, step);
            }
            (Message::Heartbeat { ballot, .. }, Some(_), _) => {
                self.on_sign_of_life(state, ballot, step);
            }
            (Message::CatchUp { from, until }, Some(_), _) => {
                self.on_missed(state, src, (from, until), step);
            }
            (Message::CatchUp { from, until }, _, Some(_)) => {
                self.on_catch_up(state, src, (from, until), step);
            }
            (Message::Chosen { first, decrees, until }, _, Some(_)) => {
                self.on_chosen(state, src, (first, decrees, until), step);
            }
            _ => {}
        }
    }
}

impl Acceptor {
    fn on_message(&self, state: &mut acceptor::State, src: Id, message: Message, step: &mut Step) {
        match message {
            Message::Prepare { ballot, from, pages } => {
                self.on_prepare(state, src, ballot, Question { from, pages }, step);
            }
            Message::Heartbeat { ballot, chosen } => {
                self.on_heartbeat(state, src, (ballot, chosen), step);
            }
            Message::Accept { ballot, instance, decree } => {
                self.on_accept(state, src, Vote { instance, ballot, decree }, step);
            }
            _ => {}
        }
    }
}
