//! The leader: takes commands, proposes them as primary, and learns the chosen decrees.
//!
//! Elections are in [`election`](super::election), and catching up in [`catch_up`](super::catch_up).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use stateright::actor::Id;

use super::ballot::{Ballot, LeaderId};
use super::command::{ClientId, Command, Decree, Instance, RequestId};
use super::executor::Executor;
use super::learner::Learner;
use super::machine::AnyStateMachine;
use super::message::{Message, Refusal, Vote};
use super::node::Setup;
use super::pending::PendingRequests;
use super::quorum::{AcceptorId, AcceptorSet};
use super::rules::Adopted;
use super::step::{Step, Timer};
use super::storage::{Record, Storage};
use super::telling::Telling;

/// The first action of a leader when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Campaigns at once.
    Campaign,
    /// Waits for a heartbeat, and campaigns if none comes.
    Follow,
}

/// A leader's configuration.
#[derive(Clone, Debug)]
pub struct Leader {
    /// The index of this leader among the leaders.
    pub me: LeaderId,
    /// The action at the start.
    pub start: Start,
    /// The acceptors that it asks to promise and to vote: a quorum at least. All acceptors, except in models
    /// that are to stay small.
    pub asks: AcceptorSet,
    /// Commands of its own, proposed at each campaign: a leader may be its own client.
    pub backlog: Vec<Command>,
    /// The initial state of the state machine.
    pub machine: AnyStateMachine,
    /// The settings that all members share.
    pub setup: Arc<Setup>,
}

/// The state of a leader. Only `round` is durable; the rest is learned again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The last round used. Invariant: only grows, and is saved before it is used.
    pub(super) round: u32,
    /// The highest ballot heard of.
    pub(super) seen: Ballot,
    /// The number of campaigns in a row that have failed, up to [`Limits::backoff`](super::Limits::backoff).
    pub(super) failed: u32,
    pub(super) stance: Stance,
    pub(super) learner: Learner,
    /// Invariant: exactly the prefix of known decrees has been executed.
    pub(super) executor: Executor,
}

/// The stance of a leader: follower, candidate or primary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stance {
    /// Learns, and redirects clients to the presumed primary, if any.
    Follower(Option<LeaderId>),
    /// Has asked the acceptors to promise: phase 1.
    Candidate(Candidate),
    /// Holds promises of a quorum, and proposes: phase 2.
    Primary(Primary),
}

/// The state of phase 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    pub(super) ballot: Ballot,
    /// The acceptors whose promises are complete.
    pub(super) promised: AcceptorSet,
    /// The progress of the promises of the other acceptors that were asked.
    pub(super) told: BTreeMap<AcceptorId, Telling>,
    /// The number of resend timeouts in a row without news of any acceptor.
    pub(super) quiet: u32,
    pub(super) adopted: Adopted,
    pub(super) pending: PendingRequests,
}

/// The state of phase 2, in many instances at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Primary {
    pub(super) ballot: Ballot,
    /// The decrees that phase 1 demands, proposed as soon as the window reaches their instances.
    pub(super) forced: BTreeMap<Instance, Decree>,
    /// The instances to be repaired: a no-op is proposed in those without a forced decree.
    pub(super) gaps: Range<u64>,
    /// The first instance that is free for commands.
    pub(super) end: Instance,
    /// The decrees proposed and not known to be chosen.
    pub(super) open: BTreeMap<Instance, Decree>,
    /// The first instance without a proposal. Invariant: each instance below it is open or known to be
    /// chosen.
    pub(super) next: Instance,
    pub(super) stall: Stall,
    pub(super) pending: PendingRequests,
}

/// The findings of the last look for stalled proposals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stall {
    /// The bound below which all proposals were open already.
    below: Instance,
    /// The oldest stalled proposal, and the number of times in a row that it was found stalled.
    oldest: Option<(Instance, u32)>,
}

impl Primary {
    /// The number of times in a row that the oldest open proposal was found stalled; 0 if it is not.
    fn look_for_stalled(&mut self) -> u32 {
        let oldest = self.open.keys().next().copied().filter(|oldest| *oldest < self.stall.below);
        let before = self.stall.oldest.filter(|(instance, _)| Some(*instance) == oldest);
        let times = before.map_or(0, |(_, times)| times) + 1;
        self.stall.oldest = oldest.map(|oldest| (oldest, times));
        if oldest.is_some() { times } else { 0 }
    }

    /// Takes the decree that phase 1 demands in this instance: the forced one, or a no-op in a gap.
    fn demanded(&mut self, instance: Instance) -> Option<Decree> {
        let gap = self.gaps.contains(&instance.0).then_some(Decree::Noop);
        self.forced.remove(&instance).or(gap)
    }
}

impl Stance {
    /// The ballot in use; a follower uses none.
    pub fn ballot(&self) -> Option<Ballot> {
        match self {
            Stance::Follower(_) => None,
            Stance::Candidate(candidate) => Some(candidate.ballot),
            Stance::Primary(primary) => Some(primary.ballot),
        }
    }

    pub(super) fn pending_mut(&mut self) -> Option<&mut PendingRequests> {
        match self {
            Stance::Follower(_) => None,
            Stance::Candidate(candidate) => Some(&mut candidate.pending),
            Stance::Primary(primary) => Some(&mut primary.pending),
        }
    }
}

impl State {
    /// The last round used, as saved.
    pub fn durable(&self) -> Storage {
        Storage(vec![Record::Round(self.round)])
    }

    /// The stance of this leader.
    pub fn stance(&self) -> &Stance {
        &self.stance
    }

    /// The name of the stance, with the ballot in use.
    pub fn stance_name(&self) -> (&'static str, Option<Ballot>) {
        let name = match self.stance {
            Stance::Follower(_) => "follower",
            Stance::Candidate(_) => "candidate",
            Stance::Primary(_) => "primary",
        };
        (name, self.stance.ballot())
    }

    /// The highest ballot heard of.
    pub fn seen(&self) -> Ballot {
        self.seen
    }

    /// True if this leader is primary and knows all that was chosen before its election. Any other leader may
    /// have missed decrees without noticing.
    pub fn is_current(&self) -> bool {
        let first = self.learner.first_unchosen();
        matches!(&self.stance, Stance::Primary(primary) if first >= primary.end)
    }

    /// The decrees known to be chosen, and the votes counted.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// The executor of the chosen commands.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// The last round used.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// The applied commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.executor.applied().iter().filter_map(|i| self.learner.get(*i)?.command())
    }

    /// The requests that this leader has taken on but will neither propose nor answer. None in a correct
    /// protocol.
    pub fn forgotten(&self) -> Vec<RequestId> {
        let nothing = BTreeMap::new();
        let (pending, forced, open) = match &self.stance {
            Stance::Follower(_) => return Vec::new(),
            Stance::Candidate(candidate) => (&candidate.pending, &nothing, &nothing),
            Stance::Primary(primary) => (&primary.pending, &primary.forced, &primary.open),
        };
        let decrees = forced.values().chain(open.values());
        let chosen = self.learner.chosen().map(|(_, decree)| decree);
        let known: BTreeSet<RequestId> = decrees
            .chain(chosen)
            .filter_map(Decree::command)
            .chain(&pending.waiting)
            .map(|command| command.id)
            .collect();
        pending.in_flight.keys().filter(|id| !known.contains(id)).copied().collect()
    }

    /// The instances that a primary has passed and would leave undecided for ever: neither open nor known to
    /// be chosen. None in a correct protocol.
    pub fn neglected(&self) -> Vec<Instance> {
        let Stance::Primary(primary) = &self.stance else { return Vec::new() };
        let covered = |i: &Instance| self.learner.get(*i).is_some() || primary.open.contains_key(i);
        let passed = self.learner.first_unchosen().0..primary.next.0;
        passed.map(Instance).filter(|i| !covered(i)).collect()
    }
}

impl Leader {
    /// The acceptors that this leader asks, without those in `but`.
    pub(super) fn acceptors(&self, but: AcceptorSet) -> impl Iterator<Item = (AcceptorId, Id)> {
        let asked = move |a: &(AcceptorId, Id)| self.asks.contains(a.0) && !but.contains(a.0);
        self.setup.members.numbered_acceptors().filter(asked)
    }

    /// The first step after a start: recalls the last round used.
    pub(super) fn on_start(&self, storage: Option<&Storage>, step: &mut Step) -> State {
        let mut state = State {
            round: (step.rules.last_round)(storage),
            seen: Ballot::NONE,
            failed: 0,
            stance: Stance::Follower(None),
            learner: Learner::default(),
            executor: Executor::new(self.machine.clone()),
        };
        match self.start {
            Start::Campaign => self.campaign(&mut state, step),
            Start::Follow => step.set(Timer::Election),
        }
        state
    }

    /// A client asks for a command to be applied.
    pub(super) fn on_request(&self, state: &mut State, src: Id, command: Command, step: &mut Step) {
        let id = command.id;
        if let Some(reply) = (step.rules.answer)(&state.executor, id) {
            return step.send(src, reply);
        }
        let limits = &self.setup.limits;
        let first = state.learner.first_unchosen();
        let is_current = state.is_current();
        let admitted = state.executor.admit(&command, first, limits, step.rules);
        let has_room = || state.executor.has_room(&command, limits);
        let taken = match (admitted.and_then(|()| has_room()), &mut state.stance) {
            (Ok(()) | Err(Refusal::WindowExceeded), Stance::Follower(primary)) => {
                return step.send(src, Message::Redirect { id, primary: *primary });
            }
            // A leader that has just restarted knows few of its clients, so it cannot tell a client with many
            // requests behind it from one that makes up its sequence.
            (Err(Refusal::WindowExceeded), _) if !is_current => Err(Refusal::Overloaded),
            (Err(reason), _) => Err(reason),
            (Ok(()), Stance::Candidate(Candidate { pending, .. }))
            | (Ok(()), Stance::Primary(Primary { pending, .. })) => {
                pending.take(src, command, limits)
            }
        };
        match taken {
            Ok(()) => self.propose(state, step),
            Err(reason) => step.send(src, Message::Refused { id, reason }),
        }
    }

    /// A client asks for a name. Its lease starts at the end of the history, which only a current primary
    /// knows; a lease that starts too early has expired before it is used.
    pub(super) fn on_open(&self, state: &State, src: Id, number: u128, step: &mut Step) {
        let lease_start = state.learner.first_unchosen();
        let answer = match &state.stance {
            _ if state.is_current() => Message::Opened(ClientId { lease_start, number }),
            Stance::Follower(primary) => Message::NotOpened { number, primary: *primary },
            Stance::Candidate(_) | Stance::Primary(_) => {
                Message::NotOpened { number, primary: None }
            }
        };
        step.send(src, answer);
    }

    /// Phase 2a: proposes the decrees that phase 1 demands, then new commands, as far as the window reaches.
    pub(super) fn propose(&self, state: &mut State, step: &mut Step) {
        let State { stance: Stance::Primary(primary), learner, executor, .. } = state else {
            return;
        };
        let limits = &self.setup.limits;
        let reach = learner.first_unchosen().plus(limits.window).min(Instance(limits.instances));
        while primary.next < reach {
            let instance = primary.next;
            let known = learner.get(instance).is_some();
            let decree = if known { None } else { primary.demanded(instance) };
            if let Some(decree) = decree {
                self.open(primary, instance, decree, step);
            } else if !known && instance >= primary.end {
                let Some(command) = primary.pending.next_command(executor, step) else { return };
                self.open(primary, instance, Decree::Command(command), step);
            }
            primary.next = instance.next();
        }
        if learner.first_unchosen().0 >= limits.instances {
            primary.pending.refuse_all(Refusal::HistoryFull, step);
        }
    }

    fn open(&self, primary: &mut Primary, instance: Instance, decree: Decree, step: &mut Step) {
        primary.open.insert(instance, decree.clone());
        let accept = Message::Accept { ballot: primary.ballot, instance, decree };
        for (_, id) in self.acceptors(AcceptorSet::default()) {
            step.send(id, accept.clone());
        }
    }

    /// Phase 2b received: an acceptor has voted. Every leader learns from votes.
    pub(super) fn on_accepted(
        &self,
        state: &mut State,
        acceptor: AcceptorId,
        vote: Vote,
        step: &mut Step,
    ) {
        self.on_sign_of_life(state, vote.ballot, step);
        let (instance, before) = (vote.instance, state.learner.first_unchosen());
        let Setup { members, limits, .. } = &*self.setup;
        state.learner.count(acceptor, vote, limits.window, members, step.rules);
        if state.learner.get(instance).is_some() {
            self.conclude(state, instance);
            self.advance(state, before, step);
        }
    }

    /// Closes a proposal whose instance is decided. A command that lost its instance to another waits for a
    /// new instance; the executor applies it once only.
    pub(super) fn conclude(&self, state: &mut State, instance: Instance) {
        let State { stance: Stance::Primary(primary), learner, .. } = state else { return };
        let Some(proposed) = primary.open.remove(&instance) else { return };
        if learner.get(instance) != Some(&proposed)
            && let Decree::Command(command) = proposed
        {
            primary.pending.waiting.push_front(command);
        }
    }

    /// Executes the decrees newly learned, from `before` on, and answers their clients.
    pub(super) fn advance(&self, state: &mut State, before: Instance, step: &mut Step) {
        let State { stance, learner, executor, .. } = state;
        let retention = (step.rules.retention)(&self.setup.limits, stance);
        for instance in (before.0..learner.first_unchosen().0).map(Instance) {
            let command = learner.get(instance).and_then(step.rules.command_of);
            let Some(command) = command else { continue };
            let log = |i| learner.get(i).and_then(step.rules.command_of);
            executor.execute((instance, command), log, retention, step.rules);
            if let Some(pending) = stance.pending_mut() {
                let id = command.id;
                pending.settle(id, Some(executor.verdict(id)), step);
            }
        }
        self.propose(state, step);
    }

    /// Resends stalled messages: prepares without an answer, and proposals open since the last timeout. A
    /// primary whose oldest proposal stays stalled does not reach a quorum, and steps down to make room for
    /// one that may.
    pub(super) fn on_resend_timeout(&self, state: &mut State, step: &mut Step) {
        match &mut state.stance {
            Stance::Follower(_) => return,
            Stance::Candidate(_) => return self.on_slow_campaign(state, step),
            Stance::Primary(primary) => {
                if primary.look_for_stalled() > self.setup.limits.patience {
                    return self.step_down(state, None, step);
                }
                self.accept_again(primary, &state.learner, step);
            }
        }
        step.set(Timer::Resend);
    }

    fn accept_again(&self, primary: &mut Primary, learner: &Learner, step: &mut Step) {
        let ballot = primary.ballot;
        let mut bytes = 0;
        for (instance, decree) in primary.open.range(..primary.stall.below) {
            if bytes >= self.setup.limits.resend.max(1) {
                break;
            }
            bytes += decree.size();
            let instance = *instance;
            for (_, id) in self.acceptors(learner.voters(instance, ballot)) {
                step.send(id, Message::Accept { ballot, instance, decree: decree.clone() });
            }
        }
        primary.stall.below = primary.next;
    }
}
