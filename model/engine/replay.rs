//! The replay of runs on the actors themselves, before any run is shown.
//!
//! Except for the texts of messages and timers, nothing here uses the tables that the run was found
//! with, so a fault in them cannot produce a run that the actors do not have.

use std::borrow::Cow;

use stateright::actor::{Actor, Command, Id, Out};
use thiserror::Error;

use super::faults::DiskModel;
use super::run::{Run, RunStep};
use super::universe::{Event, Universe};

/// The reason why a run is not one of the actors' runs. It means a fault of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the actors do not run so, which is a fault of the checking engine: step {step}: {why}")]
pub struct ReplayError {
    /// The number of the step, from 1; 0 is the start.
    step: usize,
    why: &'static str,
}

/// One actor in the course of a run.
#[derive(Debug)]
pub struct Replayed<A: Actor> {
    /// Its local state; none while it is down.
    pub state: Option<A::State>,
    /// All saves, the last one at the end.
    saves: Vec<A::Storage>,
    /// The number of saves at the last start.
    old_saves: usize,
    timers: Vec<A::Timer>,
}

impl<A: Actor> Replayed<A> {
    /// Its durable storage: the last save.
    pub fn storage(&self) -> Option<&A::Storage> {
        self.saves.last()
    }
}

/// A message, with its sender and its addressee.
pub type Sent<A> = (usize, usize, <A as Actor>::Msg);

/// A replay of a run, up to some step.
pub struct Replay<'a, A: Actor> {
    nodes: &'a [A],
    machine: DiskModel,
    /// The actors.
    pub actors: Vec<Replayed<A>>,
    /// All messages ever sent, each once, in order.
    pub sent: Vec<Sent<A>>,
}

impl<'a, A: Actor> Replay<'a, A> {
    /// Replays a run. `each` is called for the start, and then for each step with the actor, the
    /// event, true if the actor crashed within the step, and the number of messages sent before it.
    pub fn new(
        universe: &'a Universe<A>,
        run: &Run,
        mut each: impl FnMut(&Self, Option<(usize, Event<A>, bool)>, usize),
    ) -> Result<Self, ReplayError>
    where
        A::State: Eq + std::hash::Hash,
        A::Storage: Eq + std::hash::Hash,
    {
        let nodes = universe.actors();
        let machine = universe.machine();
        let down = || Replayed { state: None, saves: Vec::new(), old_saves: 0, timers: Vec::new() };
        let actors = nodes.iter().map(|_| down()).collect();
        let mut replay = Replay { nodes, machine, actors, sent: Vec::new() };
        for (actor, cut) in run.starts.iter().enumerate() {
            let done = replay.happen(actor, &Event::Recover, *cut);
            done.map_err(|why| ReplayError { step: 0, why })?;
        }
        each(&replay, None, 0);
        for (number, RunStep { actor, stimulus, cut }) in (1..).zip(&run.steps) {
            let event = universe.describe(*actor, *stimulus);
            let before = replay.sent.len();
            let done = replay.happen(*actor, &event, *cut);
            done.map_err(|why| ReplayError { step: number, why })?;
            each(&replay, Some((*actor, event, cut.is_some())), before);
        }
        Ok(replay)
    }

    fn happen(
        &mut self,
        actor: usize,
        event: &Event<A>,
        cut: Option<usize>,
    ) -> Result<(), &'static str> {
        let node = &self.nodes[actor];
        let (id, mut out) = (Id::from(actor), Out::new());
        let replayed = &mut self.actors[actor];
        let state = match (event, replayed.state.take()) {
            (Event::Crash, Some(_)) => {
                self.crash(actor);
                return Ok(());
            }
            (Event::Recover, None) => {
                replayed.old_saves = replayed.saves.len();
                node.on_start(id, &replayed.saves.last().cloned(), &mut out)
            }
            (Event::Fire(timer), Some(state)) => {
                let set = replayed.timers.iter().position(|other| other == timer);
                replayed.timers.swap_remove(set.ok_or("that timer is not set")?);
                let mut state = Cow::Owned(state);
                node.on_timeout(id, &mut state, timer, &mut out);
                state.into_owned()
            }
            (Event::Hear(from, text), Some(state)) => {
                let sent = (usize::from(*from), actor, text.clone());
                if !self.sent.contains(&sent) {
                    return Err("that message was never sent");
                }
                let mut state = Cow::Owned(state);
                node.on_msg(id, &mut state, *from, text.clone(), &mut out);
                state.into_owned()
            }
            _ => return Err("the actor is down, or up already"),
        };
        self.actors[actor].state = Some(state);
        let mut commands: Vec<Command<_, _, _, _>> = out.into_iter().collect();
        let sends_first = self.machine == DiskModel::SendsFirst;
        commands.sort_by_key(|command| match command {
            Command::Save(_) => u8::from(sends_first),
            Command::Send(..) => u8::from(!sends_first),
            _ => 2,
        });
        commands
            .retain(|c| !matches!(c, Command::Send(to, _) if usize::from(*to) >= self.nodes.len()));
        for command in commands.into_iter().take(cut.unwrap_or(usize::MAX)) {
            self.perform(actor, command);
        }
        if cut.is_some() {
            self.crash(actor);
        }
        Ok(())
    }

    fn perform(&mut self, actor: usize, command: Command<A::Msg, A::Timer, A::Random, A::Storage>) {
        let replayed = &mut self.actors[actor];
        match command {
            Command::Save(storage) => replayed.saves.push(storage),
            Command::Send(to, text) => {
                let sent = (actor, usize::from(to), text);
                if !self.sent.contains(&sent) {
                    self.sent.push(sent);
                }
            }
            Command::SetTimer(timer, _) if replayed.timers.contains(&timer) => {}
            Command::SetTimer(timer, _) => replayed.timers.push(timer),
            Command::CancelTimer(timer) => replayed.timers.retain(|other| *other != timer),
            Command::ChooseRandom(..) => {}
        }
    }

    fn crash(&mut self, actor: usize) {
        let replayed = &mut self.actors[actor];
        replayed.state = None;
        replayed.timers.clear();
        if self.machine == DiskModel::LosesLastSave && replayed.saves.len() > replayed.old_saves {
            replayed.saves.pop();
        }
    }
}
