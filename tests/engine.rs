//! The checking engine on random little actors, against a search that is too simple to be wrong.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stateright::actor::{Actor, Id, Out, model_timeout};
use synod::model::engine::explicit::{Until, explore};
use synod::model::engine::faults::{Faults, Machine};
use synod::model::engine::liveness::fairness;
use synod::model::engine::observe::{Observer, Watch};
use synod::model::engine::replay::Replay;
use synod::model::engine::symbolic::Symbolic;
use synod::model::engine::universe::{Universe, UniverseError};

const ACTORS: usize = 3;
const STATES: usize = 3;
const MESSAGES: usize = 2;

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
struct Toy {
    start: Reaction,
    timer: Vec<Option<Reaction>>,
    /// By state, sender and message.
    hears: BTreeMap<(usize, usize, usize), Reaction>,
}

impl Toy {
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

fn toys() -> impl Strategy<Value = (Vec<Toy>, Vec<u8>, u8)> {
    let crashes = proptest::collection::vec(0u8..2, ACTORS);
    (proptest::collection::vec(toy(), ACTORS), crashes, 0u8..3)
}

/// One actor, as the simple search knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Simple {
    state: Option<usize>,
    timer: bool,
    saved: Option<usize>,
    crashes: u8,
    sent: BTreeSet<(usize, usize)>,
}

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
fn simple_search(toys: &[Toy], crashes: &[u8], total: u8) -> BTreeMap<Vec<Simple>, usize> {
    let most = |actor: usize| crashes[actor].min(total);
    let within = |state: &[Simple]| state.iter().map(|s| s.crashes).sum::<u8>() <= total;
    let off = Simple { state: None, timer: false, saved: None, crashes: 0, sent: BTreeSet::new() };
    let mut layer: Vec<Vec<Simple>> = vec![Vec::new()];
    for (actor, toy) in toys.iter().enumerate() {
        let starts = perform(&off, &toy.start, toy.start.next, most(actor) > 0);
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
            for (actor, after) in simple_steps(toys, state, most) {
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

fn simple_steps(
    toys: &[Toy],
    state: &[Simple],
    most: impl Fn(usize) -> u8,
) -> Vec<(usize, Simple)> {
    let mut steps = Vec::new();
    for (actor, simple) in state.iter().enumerate() {
        let toy = &toys[actor];
        let may_crash = simple.crashes < most(actor);
        let mut after = Vec::new();
        match simple.state {
            None => {
                let state = simple.saved.unwrap_or(toy.start.next);
                after.extend(perform(simple, &toy.start, state, may_crash));
            }
            Some(now) => {
                if may_crash {
                    after.push(crashed(simple));
                }
                if simple.timer {
                    let fired = Simple { timer: false, ..simple.clone() };
                    match &toy.timer[now] {
                        Some(reaction) => {
                            after.extend(perform(&fired, reaction, reaction.next, may_crash))
                        }
                        None => after.push(fired),
                    }
                }
                for (from, other) in state.iter().enumerate() {
                    for (_, message) in other.sent.iter().filter(|(to, _)| *to == actor) {
                        if let Some(reaction) = toy.hears.get(&(now, from, *message)) {
                            after.extend(perform(simple, reaction, reaction.next, may_crash));
                        }
                    }
                }
            }
        }
        steps.extend(after.into_iter().map(|after| (actor, after)));
    }
    steps
}

/// Looks for states, or actors, that show all of some facts and none of others.
#[derive(Clone, Debug)]
struct Wanted {
    shown: BTreeSet<usize>,
    hidden: BTreeSet<usize>,
    one_at_a_time: bool,
}

impl Wanted {
    fn facts(state: Option<&usize>, saved: Option<&usize>) -> Vec<usize> {
        state.copied().into_iter().chain(saved.map(|saved| 10 + saved)).collect()
    }

    fn matches(&self, facts: &BTreeSet<usize>) -> bool {
        self.shown.is_subset(facts) && self.hidden.is_disjoint(facts)
    }

    /// The same for a state of the simple search.
    fn looks(&self, state: &[Simple]) -> bool {
        let facts = |simple: &Simple| -> BTreeSet<usize> {
            let sent = simple.sent.iter().map(|(_, message)| 20 + message);
            Self::facts(simple.state.as_ref(), simple.saved.as_ref())
                .into_iter()
                .chain(sent)
                .collect()
        };
        if self.one_at_a_time {
            return state.iter().any(|simple| self.matches(&facts(simple)));
        }
        self.matches(&state.iter().flat_map(facts).collect())
    }
}

impl Observer<Toy> for Wanted {
    type Fact = usize;

    fn core(&self, _: usize, state: Option<&usize>, saved: Option<&usize>) -> Vec<usize> {
        Self::facts(state, saved)
    }

    fn message(&self, _: usize, message: &usize) -> Option<usize> {
        Some(20 + message)
    }

    fn one_at_a_time(&self) -> bool {
        self.one_at_a_time
    }

    fn finds(&self, facts: &BTreeSet<usize>) -> bool {
        self.matches(facts)
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let fact = || prop_oneof![0..STATES, 10..10 + STATES, 20..20 + MESSAGES];
    let some = || proptest::collection::btree_set(fact(), 0..3);
    (some(), some(), any::<bool>()).prop_map(|(shown, hidden, one_at_a_time)| Wanted {
        shown,
        hidden,
        one_at_a_time,
    })
}

fn universe(toys: &[Toy], crashes: &[u8], total: u8) -> Universe<Toy> {
    let faults = Faults { crashes: crashes.to_vec(), total, machine: Machine::Sound };
    Universe::new(toys.to_vec(), faults).unwrap()
}

/// Both back ends reach exactly the states of the simple search, and find each kind of state after
/// as many steps, by runs that the actors really have.
#[test]
fn back_ends_agree_with_a_simple_search() {
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(toys(), wanted()), |((toys, crashes, total), wanted)| {
        let simple = simple_search(&toys, &crashes, total);
        prop_assume!(simple.len() < 20_000);
        let looks = |state: &Vec<Simple>| wanted.looks(state);
        let nearest =
            simple.iter().filter(|(state, _)| looks(state)).map(|(_, depth)| *depth).min();

        let mut visited = universe(&toys, &crashes, total);
        let mut watches = [Watch::new(wanted.clone())];
        let explored = explore(&mut visited, &mut watches, Until::Exhausted, |_| {}).unwrap();
        prop_assert_eq!(explored.states, simple.len());
        prop_assert_eq!(explored.depth, *simple.values().max().unwrap());
        let run = explored.found[0].clone();
        prop_assert_eq!(run.as_ref().map(|run| run.steps.len()), nearest);
        if let Some(run) = run {
            let replayed = Replay::new(&visited, &run, |_, _, _| ());
            prop_assert!(replayed.is_ok());
        }

        for order in [vec![0, 1, 2], vec![2, 0, 1]] {
            let mut drawn = universe(&toys, &crashes, total);
            let mut symbolic = Symbolic::with_order(&mut drawn, order);
            let reach = symbolic.reach().unwrap();
            prop_assert_eq!(symbolic.count(reach), simple.len().into());
            let mut watch = Watch::new(wanted.clone());
            prop_assert_eq!(symbolic.finds(reach, &mut watch), nearest.is_some());
            let goal = symbolic.select(reach, &mut watch);
            prop_assert_eq!(
                symbolic.count(goal),
                simple.keys().filter(|s| looks(s)).count().into()
            );
            let run = symbolic.shortest(&mut watch, &mut |_| {}).unwrap();
            prop_assert_eq!(run.as_ref().map(|run| run.steps.len()), nearest);
            let stuck = symbolic.stuck(reach, goal).unwrap();
            let stuck = symbolic.count(stuck);
            if let Some(run) = run {
                let replayed = Replay::new(&drawn, &run, |_, _, _| ());
                prop_assert!(replayed.is_ok());
            }
            prop_assert_eq!(stuck, stuck_states(&toys, &crashes, total, &simple, looks).into());
        }
        Ok(())
    });
    outcome.unwrap();
}

/// How many states there are from which no state that is looked for can be reached.
fn stuck_states(
    toys: &[Toy],
    crashes: &[u8],
    total: u8,
    all: &BTreeMap<Vec<Simple>, usize>,
    looks: impl Fn(&Vec<Simple>) -> bool,
) -> usize {
    let mut before = BTreeMap::<Vec<Simple>, Vec<&Vec<Simple>>>::new();
    for state in all.keys() {
        for (actor, after) in simple_steps(toys, state, |actor| crashes[actor].min(total)) {
            let mut to = state.clone();
            to[actor] = after;
            before.entry(to).or_default().push(state);
        }
    }
    let mut good: BTreeSet<&Vec<Simple>> = all.keys().filter(|state| looks(state)).collect();
    let mut open: Vec<&Vec<Simple>> = good.iter().copied().collect();
    while let Some(state) = open.pop() {
        for from in before.get(state).into_iter().flatten() {
            if good.insert(from) {
                open.push(from);
            }
        }
    }
    all.len() - good.len()
}

/// An actor that counts how often it was asked, which no actor may.
#[derive(Clone)]
struct Fickle(std::rc::Rc<std::cell::Cell<usize>>);

impl Actor for Fickle {
    type Msg = ();
    type Timer = ();
    type State = usize;
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) -> usize {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// An actor that panics when its timer fires.
#[derive(Clone)]
struct Panics;

impl Actor for Panics {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, out: &mut Out<Self>) {
        out.set_timer((), model_timeout());
    }

    fn on_timeout(&self, _: Id, _: &mut Cow<()>, (): &(), _: &mut Out<Self>) {
        panic!("on purpose");
    }
}

#[test]
fn actors_that_cannot_be_checked_are_refused_by_name() {
    let fickle = Universe::new(vec![Fickle(std::rc::Rc::default())], Faults::NONE);
    assert!(matches!(fickle.err(), Some(UniverseError::NotDeterministic { .. })));
    let mut universe = Universe::new(vec![Panics], Faults::NONE).unwrap();
    let error = Symbolic::new(&mut universe).reach().unwrap_err();
    assert!(
        matches!(&error, UniverseError::Panicked { input, .. } if input == "timer ()"),
        "{error}"
    );
}

/// An actor that sends itself the same message again and again, and saves while it does.
#[derive(Clone)]
struct Stubborn;

impl Actor for Stubborn {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = usize;
    type Random = ();

    fn on_start(&self, id: Id, _: &Option<usize>, out: &mut Out<Self>) {
        out.save(1);
        out.send(id, ());
    }

    fn on_msg(&self, id: Id, _: &mut Cow<()>, _: Id, (): (), out: &mut Out<Self>) {
        out.send(id, ());
    }
}

/// Is met while the actor is down.
struct Down;

impl Observer<Stubborn> for Down {
    type Fact = ();

    fn core(&self, _: usize, state: Option<&()>, _: Option<&usize>) -> Vec<()> {
        if state.is_none() { vec![()] } else { vec![] }
    }

    fn message(&self, _: usize, (): &()) -> Option<()> {
        None
    }

    fn finds(&self, facts: &BTreeSet<()>) -> bool {
        !facts.is_empty()
    }
}

/// That a message must be heard does not mean that the hearer must crash on it.
#[test]
fn nobody_has_to_crash() {
    let faults = Faults { crashes: vec![1], total: 1, machine: Machine::Sound };
    let mut universe = Universe::new(vec![Stubborn], faults).unwrap();
    let fairness = fairness(&mut universe, &mut Watch::new(Down), |_| {}).unwrap();
    assert!(fairness.lasso.is_some(), "{fairness:?}");
}

/// An actor that does nothing at all.
#[derive(Clone)]
struct Idle;

impl Actor for Idle {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) {}
}

struct Anything;

impl Observer<Idle> for Anything {
    type Fact = ();

    fn core(&self, _: usize, _: Option<&()>, _: Option<&()>) -> Vec<()> {
        vec![]
    }

    fn message(&self, _: usize, (): &()) -> Option<()> {
        None
    }

    fn finds(&self, _: &BTreeSet<()>) -> bool {
        true
    }
}

/// Words widen with the number of actors, until two machine words are not enough.
#[test]
fn many_actors_fit_or_are_refused() {
    for (actors, fits) in [(0, true), (1, true), (31, true), (32, true), (63, true), (64, false)] {
        let mut universe = Universe::new(vec![Idle; actors], Faults::NONE).unwrap();
        let mut watches = [Watch::new(Anything)];
        let explored = explore(&mut universe, &mut watches, Until::Exhausted, |_| {});
        match explored {
            Ok(explored) => assert!(fits && explored.states == 1, "{actors}"),
            Err(error) => assert!(!fits && error.to_string().contains("machine words"), "{error}"),
        }
    }
}
