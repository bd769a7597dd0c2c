//! Random little actors, and a search through their states that is too simple to be wrong.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stateright::actor::{Actor, Id, Out, model_timeout};

pub(crate) const ACTORS: usize = 3;
pub(crate) const STATES: usize = 3;
pub(crate) const MESSAGES: usize = 2;

/// What an actor does when something happens: its next state, and commands.
#[derive(Clone, Debug, Default)]
struct Reaction {
    next: usize,
    sends: Vec<(usize, usize)>,
    save: bool,
    set_timer: bool,
}

/// An actor that looks up what to do. It comes back with the state that it saved.
#[derive(Clone, Debug)]
pub(crate) struct Toy {
    start: Reaction,
    timer: Vec<Option<Reaction>>,
    /// By state, sender and message.
    hears: BTreeMap<(usize, usize, usize), Reaction>,
}

impl Toy {
    /// One that begins in this state and stays there.
    pub(crate) fn idle(state: usize) -> Self {
        let start = Reaction { next: state, ..Reaction::default() };
        Toy { start, timer: vec![None; STATES], hears: BTreeMap::new() }
    }

    /// One that begins in state 0, and goes on to this one when its timer fires.
    pub(crate) fn stepping(to: usize) -> Self {
        let mut toy = Self::idle(0);
        toy.start.set_timer = true;
        toy.timer[0] = Some(Reaction { next: to, ..Reaction::default() });
        toy
    }

    fn act(reaction: &Reaction, out: &mut Out<Self>) -> usize {
        if reaction.save {
            out.save(reaction.next);
        }
        reaction.sends.iter().for_each(|(to, message)| out.send(Id::from(*to), *message));
        if reaction.set_timer {
            out.set_timer((), model_timeout());
        }
        reaction.next
    }
}

impl Actor for Toy {
    type Msg = usize;
    type Timer = ();
    type State = usize;
    type Storage = usize;
    type Random = ();

    fn on_start(&self, _: Id, storage: &Option<usize>, out: &mut Out<Self>) -> usize {
        let started = Self::act(&self.start, out);
        storage.unwrap_or(started)
    }

    fn on_msg(&self, _: Id, state: &mut Cow<usize>, src: Id, message: usize, out: &mut Out<Self>) {
        if let Some(reaction) = self.hears.get(&(**state, usize::from(src), message)) {
            *state.to_mut() = Self::act(reaction, out);
        }
    }

    fn on_timeout(&self, _: Id, state: &mut Cow<usize>, (): &(), out: &mut Out<Self>) {
        if let Some(reaction) = &self.timer[**state] {
            *state.to_mut() = Self::act(reaction, out);
        }
    }
}

fn reaction() -> impl Strategy<Value = Reaction> {
    let sends = proptest::collection::vec((0..ACTORS, 0..MESSAGES), 0..3);
    (0..STATES, sends, any::<bool>(), any::<bool>())
        .prop_map(|(next, sends, save, set_timer)| Reaction { next, sends, save, set_timer })
}

fn toy() -> impl Strategy<Value = Toy> {
    let heard = ((0..STATES, 0..ACTORS, 0..MESSAGES), reaction());
    let hears = proptest::collection::vec(heard, 0..8);
    let timer = proptest::collection::vec(proptest::option::of(reaction()), STATES);
    (reaction(), timer, hears).prop_map(|(start, timer, hears)| Toy {
        start,
        timer,
        hears: hears.into_iter().collect(),
    })
}

pub(crate) fn toys() -> impl Strategy<Value = (Vec<Toy>, Vec<u8>, u8)> {
    let crashes = proptest::collection::vec(0u8..2, ACTORS);
    (proptest::collection::vec(toy(), ACTORS), crashes, 0u8..3)
}

/// Actors of which the last two may change places: the first does not tell them apart, and never
/// crashes, so that it cannot crash between sending to one and to the other.
pub(crate) fn toys_alike() -> impl Strategy<Value = (Vec<Toy>, Vec<u8>, u8)> {
    (toy(), toy(), 0u8..2, 0u8..3).prop_map(|(mut first, second, crashes, total)| {
        let both = |reaction: &mut Reaction| {
            let again = swapped(reaction);
            reaction.sends.extend(again.sends);
        };
        both(&mut first.start);
        first.timer.iter_mut().flatten().for_each(both);
        for (state, message) in (0..STATES).flat_map(|s| (0..MESSAGES).map(move |m| (s, m))) {
            first.hears.entry((state, 0, message)).and_modify(both);
            first.hears.remove(&(state, 2, message));
            if let Some(reaction) = first.hears.get(&(state, 1, message)).map(swapped) {
                first.hears.insert((state, 2, message), reaction);
            }
        }
        let hears = second.hears.iter();
        let third = Toy {
            start: swapped(&second.start),
            timer: second.timer.iter().map(|reaction| reaction.as_ref().map(swapped)).collect(),
            hears: hears
                .map(|((s, from, m), reaction)| ((*s, SWAP[*from], *m), swapped(reaction)))
                .collect(),
        };
        (vec![first, second, third], vec![0, crashes, crashes], total)
    })
}

/// Where each actor goes when the last two change places.
pub(crate) const SWAP: [usize; ACTORS] = [0, 2, 1];

fn swapped(reaction: &Reaction) -> Reaction {
    let sends = reaction.sends.iter().map(|(to, message)| (SWAP[*to], *message)).collect();
    Reaction { sends, ..reaction.clone() }
}

/// One actor, as the simple search knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Simple {
    pub(crate) state: Option<usize>,
    pub(crate) timer: bool,
    pub(crate) saved: Option<usize>,
    pub(crate) crashes: u8,
    pub(crate) sent: BTreeSet<(usize, usize)>,
}

const OFF: Simple =
    Simple { state: None, timer: false, saved: None, crashes: 0, sent: BTreeSet::new() };

enum Done {
    Save(usize),
    Send(usize, usize),
    SetTimer,
}

/// A step of one actor, whole or cut short.
fn perform(before: &Simple, reaction: &Reaction, state: usize, may_crash: bool) -> Vec<Simple> {
    let mut done = Vec::new();
    done.extend(reaction.save.then_some(Done::Save(reaction.next)));
    done.extend(reaction.sends.iter().map(|(to, message)| Done::Send(*to, *message)));
    done.extend(reaction.set_timer.then_some(Done::SetTimer));
    let (mut now, mut after) = (before.clone(), Vec::new());
    for command in done {
        match command {
            Done::Save(state) => now.saved = Some(state),
            Done::Send(to, message) => drop(now.sent.insert((to, message))),
            Done::SetTimer => now.timer = true,
        }
        if may_crash {
            after.push(crashed(&now));
        }
    }
    now.state = Some(state);
    after.push(now);
    after
}

fn crashed(simple: &Simple) -> Simple {
    Simple { state: None, timer: false, crashes: simple.crashes + 1, ..simple.clone() }
}

/// All states, each with its distance from the start.
pub(crate) fn simple_search(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
) -> BTreeMap<Vec<Simple>, usize> {
    let most = |actor: usize| crashes[actor].min(total);
    let within = |state: &[Simple]| state.iter().map(|s| s.crashes).sum::<u8>() <= total;
    let mut layer: Vec<Vec<Simple>> = vec![Vec::new()];
    for (actor, toy) in toys.iter().enumerate() {
        let starts = perform(&OFF, &toy.start, toy.start.next, most(actor) > 0);
        let with =
            |state: &Vec<Simple>, start: &Simple| [state.clone(), vec![start.clone()]].concat();
        layer = layer
            .iter()
            .flat_map(|s| starts.iter().map(|start| with(s, start)).collect::<Vec<_>>())
            .collect();
    }
    layer.retain(|state| within(state));
    let mut depths = BTreeMap::new();
    for depth in 0.. {
        layer.retain(|state| !depths.contains_key(state));
        layer.sort();
        layer.dedup();
        if layer.is_empty() {
            break;
        }
        depths.extend(layer.iter().map(|state| (state.clone(), depth)));
        let mut next = Vec::new();
        for state in &layer {
            for (actor, _, after) in simple_steps(toys, state, most) {
                let mut to = state.clone();
                to[actor] = after;
                next.push(to);
            }
        }
        next.retain(|state| within(state));
        layer = next;
    }
    depths
}

/// What happens to an actor in a step. One that is cut short is a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Recover,
    Crash,
    Fire,
    Hear(usize, usize),
}

pub(crate) fn simple_steps(
    toys: &[Toy],
    state: &[Simple],
    most: impl Fn(usize) -> u8,
) -> Vec<(usize, What, Simple)> {
    let mut steps = Vec::new();
    for (actor, simple) in state.iter().enumerate() {
        let heard = simple_heard(state, actor);
        let alone = simple_steps_alone(&toys[actor], simple, &heard, simple.crashes < most(actor));
        steps.extend(alone.into_iter().map(|(what, after)| (actor, what, after)));
    }
    steps
}

/// The messages that were sent to an actor, each with its sender.
pub(crate) fn simple_heard(state: &[Simple], actor: usize) -> Vec<(usize, usize)> {
    let from_one = |(from, other): (usize, &Simple)| {
        let for_it = other.sent.iter().filter(|(to, _)| *to == actor);
        for_it.map(|(_, message)| (from, *message)).collect::<Vec<_>>()
    };
    state.iter().enumerate().flat_map(from_one).collect()
}

/// What may become of one actor that may hear these messages.
pub(crate) fn simple_steps_alone(
    toy: &Toy,
    simple: &Simple,
    heard: &[(usize, usize)],
    may_crash: bool,
) -> Vec<(What, Simple)> {
    let mut steps = Vec::new();
    let mut add = |what, outcomes: Vec<Simple>| {
        let whole = outcomes.len() - 1;
        for (place, after) in outcomes.into_iter().enumerate() {
            steps.push((if place < whole { What::Crash } else { what }, after));
        }
    };
    let Some(now) = simple.state else {
        let state = simple.saved.unwrap_or(toy.start.next);
        add(What::Recover, perform(simple, &toy.start, state, may_crash));
        return steps;
    };
    if may_crash {
        add(What::Crash, vec![crashed(simple)]);
    }
    if simple.timer {
        let fired = Simple { timer: false, ..simple.clone() };
        let after = toy.timer[now].as_ref().map_or_else(
            || vec![fired.clone()],
            |reaction| perform(&fired, reaction, reaction.next, may_crash),
        );
        add(What::Fire, after);
    }
    for (from, message) in heard {
        if let Some(reaction) = toy.hears.get(&(now, *from, *message)) {
            let after = perform(simple, reaction, reaction.next, may_crash);
            add(What::Hear(*from, *message), after);
        }
    }
    steps
}

/// The state in which everybody has started, and nobody has crashed within it.
pub(crate) fn simple_start(toys: &[Toy]) -> Vec<Simple> {
    let started = |toy: &Toy| perform(&OFF, &toy.start, toy.start.next, false).remove(0);
    toys.iter().map(started).collect()
}
