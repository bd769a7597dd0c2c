//! A counterexample as people read Paxos: who sends what to whom, step by step, and what broke.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use stateright::Path;
use stateright::actor::{ActorModelAction, Envelope, Id};

use super::system::{Bounds, Stock, StockState};
use crate::paxos::{Message, Rulebook, Timer};

/// An action of a stock model.
pub type Action = ActorModelAction<Message, Timer, ()>;

/// A run of a stock model.
pub type Run<R> = Path<StockState<R>, Action>;

/// One step of a run, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// What happened.
    pub event: String,
    /// What was sent for the first time because of it.
    pub sent: Vec<String>,
}

/// A run in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What is sent before anything else happens.
    pub start: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<TraceStep>,
    /// What is found at its end.
    pub finding: String,
}

impl Trace {
    /// Puts a run into words.
    pub fn new<R: Rulebook>(model: &Stock<R>, run: &Run<R>, finding: String) -> Self {
        let bounds = &model.cfg.system.bounds;
        let mut delivered = HashSet::new();
        let (mut start, mut steps) = (Vec::new(), Vec::new());
        let mut before: Option<(StockState<R>, Action)> = None;
        for (state, action) in run.clone().into_vec() {
            let old = before.as_ref().map(|(state, _)| state);
            let sent = newly_sent(bounds, old, &state);
            match before {
                None => start = sent,
                Some((_, action)) => {
                    let again = !delivered.insert(action.clone());
                    steps.push(TraceStep { event: event(bounds, &action, again), sent });
                }
            }
            before = action.map(|action| (state, action));
        }
        Trace { start, steps, finding }
    }
}

fn event(bounds: &Bounds, action: &Action, again: bool) -> String {
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
            };
            format!("{} {timer}", name(id))
        }
        ActorModelAction::Crash(id) => format!("{} crashes", name(id)),
        ActorModelAction::Recover(id) => format!("{} recovers", name(id)),
        ActorModelAction::SelectRandom { actor, .. } => format!("{} chooses", name(actor)),
    }
}

/// The messages that are in the network for the first time, those to several actors together.
fn newly_sent<R: Rulebook>(
    bounds: &Bounds,
    before: Option<&StockState<R>>,
    after: &StockState<R>,
) -> Vec<String> {
    let old: HashSet<Envelope<&Message>> =
        before.iter().flat_map(|state| state.network.iter_all()).collect();
    let mut sent: BTreeMap<(Id, &Message), Vec<Id>> = BTreeMap::new();
    for envelope in after.network.iter_all().filter(|envelope| !old.contains(envelope)) {
        sent.entry((envelope.src, envelope.msg)).or_default().push(envelope.dst);
    }
    let in_words = |((src, message), mut to): ((Id, &Message), Vec<Id>)| {
        to.sort_unstable();
        let to: Vec<String> = to.into_iter().map(|id| bounds.name(id)).collect();
        format!("{} sends {}: {message}", bounds.name(src), to.join(" and "))
    };
    sent.into_iter().map(in_words).collect()
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    At the start")?;
        self.start.iter().try_for_each(|sent| writeln!(f, "          {sent}"))?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:3}. {}", step.event)?;
            step.sent.iter().try_for_each(|sent| writeln!(f, "          {sent}"))?;
        }
        write!(f, "  => {}", self.finding)
    }
}
