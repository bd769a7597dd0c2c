//! The client as an actor: a [`Session`], driven by a script.

use std::collections::BTreeSet;
use std::sync::Arc;

use stateright::actor::Id;

use super::ballot::LeaderId;
use super::command::{ClientId, RequestId};
use super::message::Message;
use super::node::Setup;
use super::outcome::Outcome;
use super::session::{Asking, Session, Settled};
use super::step::{Step, Timer};

/// A client's configuration.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its session before it asks for anything.
    pub session: Session,
    /// What it asks for.
    pub script: Script,
    /// What all members share.
    pub setup: Arc<Setup>,
}

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// How many commands it wants done, from 0.
    pub commands: u64,
    /// The commands; each that is not among them is its number in text.
    pub payloads: Vec<Arc<[u8]>>,
    /// True if it lets its lease go and takes a rest before each command but the first.
    pub rests: bool,
    /// What an earlier life has asked for, under these names: commands whose numbers are their sequences.
    pub resumes: Vec<RequestId>,
}

/// What a client knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) session: Session,
    /// How many commands of the script it has asked for.
    asked: u64,
    outcomes: BTreeSet<Settled>,
}

impl State {
    /// What became of its requests.
    pub fn outcomes(&self) -> &BTreeSet<Settled> {
        &self.outcomes
    }

    /// How many requests have an outcome.
    pub fn answered(&self) -> u64 {
        self.outcomes.len() as u64
    }

    /// How many of them are not known to be done.
    pub fn refused(&self) -> u64 {
        let done = |settled: &&Settled| matches!(settled.outcome, Outcome::Done(_));
        self.answered() - self.outcomes.iter().filter(done).count() as u64
    }
}

impl Script {
    /// The command of this number.
    fn payload(&self, number: u64) -> Arc<[u8]> {
        let given = self.payloads.get(number as usize).cloned();
        given.unwrap_or_else(|| number.to_string().into_bytes().into())
    }
}

impl Client {
    /// A client with a lease from the start, that wants `commands` commands done, `window` at a time.
    pub fn new(
        number: u128,
        first: LeaderId,
        commands: u64,
        window: u64,
        setup: Arc<Setup>,
    ) -> Self {
        let session = Session::new(number, first, setup.members.leaders().len(), window);
        let script = Script { commands, ..Script::default() };
        Client { session: session.open_from_the_start(), script, setup }
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        ClientId::original(self.session.number()).to_string()
    }

    /// True of its own number, and of that of an earlier life.
    pub(super) fn goes_by(&self, number: u128) -> bool {
        let earlier = |id: &RequestId| id.client.number == number;
        self.session.number() == number || self.script.resumes.iter().any(earlier)
    }

    pub(super) fn on_start(&self, step: &mut Step) -> State {
        let session = self.session.clone();
        let mut state = State { session, asked: 0, outcomes: BTreeSet::new() };
        self.ask(&mut state, step, |state, asking| {
            for id in &self.script.resumes {
                state.session.resume(*id, self.script.payload(id.sequence), asking);
            }
            let at_first = if self.script.rests { 1 } else { u64::MAX };
            self.propose(state, at_first, asking);
        });
        state
    }

    /// Asks for the next commands of the script, so many at most.
    fn propose(&self, state: &mut State, most: u64, asking: &mut Asking) {
        let until = self.script.commands.min(state.asked.saturating_add(most));
        while state.asked < until {
            state.session.propose(self.script.payload(state.asked), asking);
            state.asked += 1;
        }
    }

    pub(super) fn on_message(&self, state: &mut State, src: Id, message: Message, step: &mut Step) {
        let Some(from) = self.setup.members.leader_at(src) else { return };
        self.ask(state, step, |state, asking| state.session.on_message(from, message, asking));
    }

    pub(super) fn on_timeout(&self, state: &mut State, timer: Timer, step: &mut Step) {
        if timer == Timer::GiveUp {
            step.set(Timer::GiveUp);
        }
        self.ask(state, step, |state, asking| match timer {
            Timer::Retry => state.session.on_retry(asking),
            Timer::GiveUp => {
                let oldest = state.session.oldest();
                oldest.into_iter().for_each(|handle| state.session.give_up(handle, asking));
            }
            Timer::Idle => {
                state.session.close(asking);
                self.propose(state, 1, asking);
            }
            _ => {}
        });
    }

    /// Hands an input to the session, and what comes of it to the step.
    fn ask(&self, state: &mut State, step: &mut Step, input: impl FnOnce(&mut State, &mut Asking)) {
        let mut asking = Asking::by(step.rules);
        let was_idle = state.session.is_idle();
        input(state, &mut asking);
        let Asking { sends, settled, retry, .. } = asking;
        for (leader, message) in sends {
            self.setup
                .members
                .leader(leader)
                .into_iter()
                .for_each(|id| step.send(id, message.clone()));
        }
        state.outcomes.extend(settled);
        match retry {
            Some(true) => step.set(Timer::Retry),
            Some(false) => step.cancel(Timer::Retry),
            None => {}
        }
        match (was_idle, state.session.is_idle()) {
            (true, false) => step.set(Timer::GiveUp),
            (false, true) => {
                step.cancel(Timer::GiveUp);
                if state.asked < self.script.commands {
                    step.set(Timer::Idle);
                }
            }
            _ => {}
        }
    }
}
