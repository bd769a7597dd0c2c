//! Runs the actors' handlers, and interns their results.

use std::borrow::Cow;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stateright::actor::{Actor, Command, Id, Out};

use super::super::faults::DiskModel;
use super::{Effect, Event, MOST_TIMERS, MessageId, Reaction, Stimulus, Universe, UniverseError};

impl<A: Actor> Universe<A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// The result of a handler on a local state; or on a storage, if the actor is started. Runs the
    /// handler twice, and fails if it panics or the results differ.
    pub(super) fn react(
        &mut self,
        actor: usize,
        stimulus: Stimulus,
        to: Option<u32>,
    ) -> Option<Reaction> {
        if let Some(known) = self.tables[actor].reactions.get(&(stimulus, to)) {
            return Some(known.clone());
        }
        let once = || self.handle(actor, stimulus, to);
        let Ok((one, two)) = catch_unwind(AssertUnwindSafe(|| (once(), once()))) else {
            let error = |actor, input| UniverseError::Panicked { actor, input };
            return self.fail_on(actor, stimulus, error);
        };
        let [one, two] = [one, two].map(|(state, out)| self.intern(actor, state, out));
        if one != two {
            let error = |actor, input| UniverseError::NotDeterministic { actor, input };
            return self.fail_on(actor, stimulus, error);
        }
        let reaction = one?;
        self.tables[actor].reactions.insert((stimulus, to), reaction.clone());
        Some(reaction)
    }

    /// Runs a handler once.
    fn handle(&self, actor: usize, stimulus: Stimulus, to: Option<u32>) -> (A::State, Out<A>) {
        let (node, table, id) = (&self.actors[actor], &self.tables[actor], Id::from(actor));
        let mut out = Out::new();
        let Some(event) = (stimulus != Stimulus::Recover).then(|| self.describe(actor, stimulus))
        else {
            let saved = to.map(|storage| table.storages[storage as usize].clone());
            return (node.on_start(id, &saved, &mut out), out);
        };
        let local = &table.states[to.unwrap_or_default() as usize];
        let mut state = Cow::Borrowed(local);
        match event {
            Event::Hear(from, text) => node.on_msg(id, &mut state, from, text, &mut out),
            Event::Fire(timer) => node.on_timeout(id, &mut state, &timer, &mut out),
            Event::Recover | Event::Crash => {}
        }
        (state.into_owned(), out)
    }

    fn intern(&mut self, actor: usize, state: A::State, out: Out<A>) -> Option<Reaction> {
        let state = self.tables[actor].states.insert_full(state).0 as u32;
        let mut effects = Vec::new();
        for command in out {
            effects.push(match command {
                Command::Save(storage) => {
                    Effect::Save(self.tables[actor].storages.insert_full(storage).0 as u32)
                }
                // A message to an actor that does not exist is lost.
                Command::Send(to, _) if usize::from(to) >= self.actors.len() => continue,
                Command::Send(to, text) => Effect::Send(self.send(actor, usize::from(to), text)),
                Command::SetTimer(timer, _) => Effect::Set(self.timer(actor, timer)?),
                Command::CancelTimer(timer) => Effect::Cancel(self.timer(actor, timer)?),
                Command::ChooseRandom(..) => {
                    let name = self.actors[actor].name();
                    return self.fail(UniverseError::Random(name));
                }
            });
        }
        // Sorted into the order in which the machine performs them; the sort is stable.
        let sends_first = self.faults.machine == DiskModel::SendsFirst;
        effects.sort_by_key(|effect| match effect {
            Effect::Save(_) => u8::from(sends_first),
            Effect::Send(_) => u8::from(!sends_first),
            Effect::Set(_) | Effect::Cancel(_) => 2,
        });
        Some(Reaction { state, effects: effects.into() })
    }

    pub(super) fn send(&mut self, from: usize, to: usize, text: A::Msg) -> MessageId {
        let (number, new) = self.messages.insert_full((from, to, text));
        if new {
            self.tables[to].inbox.push(number as MessageId);
        }
        number as MessageId
    }

    pub(super) fn timer(&mut self, actor: usize, timer: A::Timer) -> Option<u32> {
        let number = self.tables[actor].timers.insert_full(timer).0;
        if number >= MOST_TIMERS {
            return self.fail_too_many(actor, "timers", MOST_TIMERS);
        }
        Some(number as u32)
    }

    pub(super) fn fail_too_many<T>(
        &mut self,
        actor: usize,
        what: &'static str,
        most: usize,
    ) -> Option<T> {
        let actor = self.actors[actor].name();
        self.fail(UniverseError::TooMany { actor, what, most })
    }

    fn fail_on<T>(
        &mut self,
        actor: usize,
        stimulus: Stimulus,
        error: fn(String, String) -> UniverseError,
    ) -> Option<T> {
        let input = match self.describe(actor, stimulus) {
            Event::Recover | Event::Crash => "start".to_owned(),
            Event::Fire(timer) => format!("timer {timer:?}"),
            Event::Hear(from, text) => format!("message {text:?} from {from:?}"),
        };
        self.fail(error(self.actors[actor].name(), input))
    }

    fn fail<T>(&mut self, error: UniverseError) -> Option<T> {
        self.failure.get_or_insert(error);
        None
    }
}
