//! A counterexample in the words of Paxos: the messages sent and received, step by step, and the
//! property violated.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use stateright::actor::{ActorModelAction, Id};

use super::engine::bridge::Words;
use super::engine::observe::{Observer, Remember};
use super::engine::replay::{Replay, Replayed};
use super::engine::run::Run;
use super::engine::universe::{Event, Universe};
use super::error::CheckError;
use super::facts::Facts;
use super::lens::Lens;
use super::properties::{Kind, Property, StepSeen};
use super::system::{Bounds, System};
use crate::paxos::{Members, Message, Node, Rulebook, Storage, Timer};

/// One step of a run, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// The event.
    pub event: String,
    /// The records saved in this step.
    pub saved: Vec<String>,
    /// The messages sent for the first time in this step.
    pub sent: Vec<String>,
}

/// A run in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The records saved and the messages sent before the first step.
    pub start: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<TraceStep>,
    /// The finding at its end.
    pub finding: String,
}

impl Trace {
    /// Replays a run on the real actors, and puts it into words. The finding at its end is judged
    /// on the actors' own states. An error if the run cannot be replayed, or does not show the
    /// finding.
    pub fn of_run<R: Rulebook>(
        system: &System,
        universe: &Universe<Node<R>>,
        members: &Members,
        run: &Run,
        property: &'static Property,
    ) -> Result<Self, CheckError> {
        let bounds = &system.bounds;
        let lens = Lens::new(property, members, universe.actors());
        let (mut facts, mut remembered) = (Facts::new(), Facts::new());
        let (mut of_each, mut in_step) = (Vec::new(), None);
        let mut heard = HashSet::new();
        let (mut start, mut steps) = (Vec::new(), Vec::new());
        let mut on_disk: Vec<Option<Storage>> = vec![None; universe.actors().len()];
        Replay::new(universe, run, |replay, happened, before| {
            let storages: Vec<_> =
                replay.actors.iter().map(|actor| actor.storage().cloned()).collect();
            let saved = newly_saved(bounds, &on_disk, &storages);
            on_disk = storages;
            let now = observed(&lens, replay);
            let all: Facts = now.iter().flatten().cloned().collect();
            let actor = happened.as_ref().map(|(actor, ..)| *actor);
            let own = |of: &[Facts]| actor.and_then(|actor| of.get(actor).cloned());
            in_step = own(&of_each).zip(own(&now)).and_then(|(before, after)| {
                let step = StepSeen { all: &facts, before: &before, after: &after };
                lens.judge_step(&step).found()
            });
            remembered.extend(Remember::<Node<R>>::remember(&lens, &facts, &all));
            (facts, of_each) = (all, now);
            let sent = in_words(bounds, replay.sent.get(before..).unwrap_or_default());
            let Some((actor, event, crashed)) = happened else {
                start = [saved, sent].concat();
                return;
            };
            let again = match &event {
                Event::Hear(from, text) => !heard.insert((actor, *from, text.clone())),
                _ => false,
            };
            let within = if crashed { ", and crashes in the middle of it" } else { "" };
            let event = format!("{}{within}", event_in_words(bounds, actor, &event, again));
            steps.push(TraceStep { event, saved, sent });
        })?;
        facts.extend(remembered);
        let found = lens.judge(&facts).found().or(in_step);
        let at_the_end =
            matches!(property.kind, Kind::Always | Kind::AlwaysWithHistory | Kind::Sometimes);
        if found.is_none() && at_the_end {
            return Err(CheckError::NotShown(property.name));
        }
        Ok(Trace { start, steps, finding: finding(property, found) })
    }
}

/// The facts about each actor, from its state and from the messages that it has sent.
fn observed<R: Rulebook>(lens: &Lens, replay: &Replay<'_, Node<R>>) -> Vec<Facts> {
    let core = |(number, actor): (usize, &Replayed<Node<R>>)| {
        let (state, storage) = (actor.state.as_ref(), actor.storage());
        Observer::<Node<R>>::core(lens, number, state, storage).into_iter().collect()
    };
    let mut each: Vec<Facts> = replay.actors.iter().enumerate().map(core).collect();
    for sent in &replay.sent {
        if let Some(facts) = each.get_mut(sent.0) {
            facts.extend(Observer::<Node<R>>::message(lens, sent.0, &sent.2));
        }
    }
    each
}

/// Actors, messages and events of a system, in words.
#[derive(Debug)]
pub struct InWords(pub &'static Bounds);

impl<R: Rulebook> Words<Node<R>> for InWords {
    fn actor(&self, actor: usize) -> String {
        self.0.name(Id::from(actor))
    }

    fn message(&self, message: &Message) -> String {
        message.to_string()
    }

    fn event(&self, actor: usize, event: &Event<Node<R>>) -> String {
        event_in_words(self.0, actor, event, false)
    }
}

/// The finding of a run, in words.
pub fn finding(property: &Property, found: Option<String>) -> String {
    let found = match property.kind {
        Kind::AlwaysReachable => "from here on, nothing that may happen leads there".to_owned(),
        Kind::Eventually => "from here on, the actors may go on for ever without it".to_owned(),
        _ => found.unwrap_or_default(),
    };
    match property.kind {
        Kind::Sometimes => format!("'{}': {found}", property.name),
        _ => format!("violates '{}': {found}", property.name),
    }
}

fn event_in_words<R: Rulebook>(
    bounds: &Bounds,
    actor: usize,
    event: &Event<Node<R>>,
    again: bool,
) -> String {
    let id = Id::from(actor);
    let action = match event {
        Event::Recover => ActorModelAction::Recover(id),
        Event::Crash => ActorModelAction::Crash(id),
        Event::Fire(timer) => ActorModelAction::Timeout(id, *timer),
        Event::Hear(src, text) => {
            ActorModelAction::Deliver { src: *src, dst: id, msg: text.clone() }
        }
    };
    event_of(bounds, &action, again)
}

pub(super) fn event_of(
    bounds: &Bounds,
    action: &ActorModelAction<Message, Timer, ()>,
    again: bool,
) -> String {
    let name = |id: &Id| bounds.name(*id);
    match action {
        ActorModelAction::Deliver { src, dst, msg } => {
            let again = if again { " (once more)" } else { "" };
            format!("{} hears from {}: {msg}{again}", name(dst), name(src))
        }
        ActorModelAction::Drop(envelope) => format!("lost: {}", envelope.msg),
        ActorModelAction::Timeout(id, timer) => {
            let timer = match timer {
                Timer::Election => "has heard no heartbeat for too long",
                Timer::Heartbeat => "is due to send a heartbeat",
                Timer::Resend => "looks for stalled proposals",
                Timer::Retry => "looks for requests without an answer",
                Timer::GiveUp => "gives up its oldest request",
                Timer::Idle => "lets its lease go",
            };
            format!("{} {timer}", name(id))
        }
        ActorModelAction::Crash(id) => format!("{} crashes", name(id)),
        ActorModelAction::Recover(id) => format!("{} recovers", name(id)),
        ActorModelAction::SelectRandom { actor, .. } => format!("{} chooses", name(actor)),
    }
}

/// The records that are on the actors' disks and were not there before, in words.
pub(super) fn newly_saved(
    bounds: &Bounds,
    before: &[Option<Storage>],
    after: &[Option<Storage>],
) -> Vec<String> {
    let records = |of: &[Option<Storage>], actor: usize| {
        let storage = of.get(actor).and_then(Option::as_ref);
        storage.map_or(Vec::new(), |storage| storage.0.clone())
    };
    let new = |actor: usize| {
        let (old, name) = (records(before, actor), bounds.name(Id::from(actor)));
        let new = records(after, actor).into_iter().filter(move |record| !old.contains(record));
        new.map(move |record| format!("{name} saves: {record}"))
    };
    (0..after.len()).flat_map(new).collect()
}

/// Messages in words, with sender and addressees; equal messages to several actors are joined.
pub(super) fn in_words(bounds: &Bounds, messages: &[(usize, usize, Message)]) -> Vec<String> {
    let mut sent: BTreeMap<(usize, &Message), Vec<usize>> = BTreeMap::new();
    for (from, to, message) in messages {
        sent.entry((*from, message)).or_default().push(*to);
    }
    let name = |actor: usize| bounds.name(Id::from(actor));
    let in_words = |((from, message), mut to): ((usize, &Message), Vec<usize>)| {
        to.sort_unstable();
        let to: Vec<String> = to.into_iter().map(name).collect();
        format!("{} sends {}: {message}", name(from), to.join(" and "))
    };
    sent.into_iter().map(in_words).collect()
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    At the start")?;
        self.start.iter().try_for_each(|sent| writeln!(f, "          {sent}"))?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:3}. {}", step.event)?;
            let news = step.saved.iter().chain(&step.sent);
            news.into_iter().try_for_each(|news| writeln!(f, "          {news}"))?;
        }
        write!(f, "  => {}", self.finding)
    }
}
