//! The client: sends commands without waiting for one another, and each until it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use stateright::actor::Id;

use super::ballot::LeaderId;
use super::command::{ClientId, Command, RequestId};
use super::message::{Message, Refusal};
use super::node::Setup;
use super::step::{Step, Timer};

/// A client's configuration: it wants `commands` commands done, the integers from 0.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name; no other client may have it.
    pub me: ClientId,
    /// The leader to try first.
    pub first: LeaderId,
    /// How many commands it wants done.
    pub commands: u64,
    /// How many of them may be unanswered at a time.
    pub window: u64,
    /// What all members share.
    pub setup: Arc<Setup>,
}

/// What a client knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The sequence of the next new request.
    next: u64,
    /// Unanswered requests, each with what it said to be acknowledged: sent again, a request is
    /// the same to the letter.
    unanswered: BTreeMap<u64, u64>,
    /// The leader that requests go to.
    leader: LeaderId,
    /// The leader that the last retry went to. Hints do not move it, so that wrong ones cannot
    /// keep a client away from the primary: retries reach every leader in turn.
    turn: LeaderId,
    /// Whether that leader was named by another since the last retry.
    redirected: bool,
    /// Requests below this were unanswered already at the last retry.
    stalled: u64,
    /// How many requests were given up.
    refused: u64,
}

impl State {
    /// How many requests have an answer, refused ones included.
    pub fn answered(&self) -> u64 {
        self.next - self.unanswered.len() as u64
    }

    /// How many requests were given up: refused for good, or nobody knows any more.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Client {
    pub(super) fn on_start(&self, step: &mut Step) -> State {
        let mut state = State {
            next: 0,
            unanswered: BTreeMap::new(),
            leader: self.first,
            turn: self.first,
            redirected: false,
            stalled: 0,
            refused: 0,
        };
        self.send_new(&mut state, step);
        if !state.unanswered.is_empty() {
            step.set(Timer::Retry);
        }
        state
    }

    /// Sends new requests, as many as the window has room for.
    fn send_new(&self, state: &mut State, step: &mut Step) {
        loop {
            let acknowledged = state.unanswered.keys().next().copied().unwrap_or(state.next);
            if state.next >= self.commands || state.next - acknowledged >= self.window {
                return;
            }
            state.unanswered.insert(state.next, acknowledged);
            self.send(state, state.next, step);
            state.next += 1;
        }
    }

    fn send(&self, state: &State, sequence: u64, step: &mut Step) {
        let Some(acknowledged) = state.unanswered.get(&sequence).copied() else { return };
        let Some(leader) = self.setup.members.leader(state.leader) else { return };
        let id = RequestId { client: self.me, sequence };
        let payload = sequence.to_string().into_bytes().into();
        step.send(leader, Message::Request(Command { id, acknowledged, payload }));
    }

    /// A request is done, or given up.
    fn answered(&self, state: &mut State, id: RequestId, step: &mut Step) -> bool {
        let answered = state.unanswered.remove(&id.sequence).is_some();
        if answered {
            self.send_new(state, step);
            if state.unanswered.is_empty() {
                step.cancel(Timer::Retry);
            }
        }
        answered
    }

    pub(super) fn on_reply(&self, state: &mut State, id: RequestId, step: &mut Step) {
        self.answered(state, id, step);
    }

    /// Only what no leader will ever take, or take any more, is given up; all else is tried again
    /// later.
    pub(super) fn on_refused(
        &self,
        state: &mut State,
        id: RequestId,
        reason: Refusal,
        step: &mut Step,
    ) {
        if reason.is_final() && self.answered(state, id, step) {
            state.refused += 1;
        }
    }

    /// The leader asked is not primary. The hint is followed once between two retries, so that two
    /// leaders that name one another do not keep a client running.
    pub(super) fn on_redirect(
        &self,
        state: &mut State,
        src: Id,
        id: RequestId,
        primary: Option<LeaderId>,
        step: &mut Step,
    ) {
        if !state.unanswered.contains_key(&id.sequence) {
            return;
        }
        let asked = self.setup.members.leader(state.leader);
        if asked == Some(src) {
            let news = |p: &LeaderId| *p != state.leader && self.setup.members.leader(*p).is_some();
            let Some(primary) = primary.filter(|p| !state.redirected && news(p)) else { return };
            state.leader = primary;
            state.redirected = true;
        }
        self.send(state, id.sequence, step);
    }

    /// Requests that have been unanswered since the last time go to the next leader.
    pub(super) fn on_retry_timeout(&self, state: &mut State, step: &mut Step) {
        let stalled: Vec<u64> = state.unanswered.range(..state.stalled).map(|(s, _)| *s).collect();
        if !stalled.is_empty() {
            let leaders = self.setup.members.leaders().len();
            state.turn = LeaderId(((usize::from(state.turn.0) + 1) % leaders) as u16);
            state.leader = state.turn;
        }
        stalled.into_iter().for_each(|sequence| self.send(state, sequence, step));
        state.redirected = false;
        state.stalled = state.next;
        step.set(Timer::Retry);
    }
}
