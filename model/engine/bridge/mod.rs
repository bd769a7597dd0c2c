//! A universe as a Stateright model, for Stateright's own checkers and its Explorer.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the model |
//! | [`numbered`] | properties by number |
//! | `svg` | runs as pictures |

pub mod numbered;
mod svg;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stateright::actor::Actor;
use stateright::{Expectation, Model, Path, Property};

use self::numbered::{MOST_PROPERTIES, Numbered};
use super::explicit::situations::{SituationId, Start};
use super::observe::{Monitor, Remember};
use super::run::{Run, RunStep};
use super::steps::Steps;
use super::universe::{Event, MessageId, Universe, UniverseError};

/// The words for actors, messages and events.
pub trait Words<A: Actor>: Send + Sync {
    /// An actor's name.
    fn actor(&self, actor: usize) -> String {
        format!("actor {actor}")
    }

    /// A message in words.
    fn message(&self, message: &A::Msg) -> String {
        format!("{message:?}")
    }

    /// An event of an actor in words.
    fn event(&self, actor: usize, event: &Event<A>) -> String {
        let name = self.actor(actor);
        match event {
            Event::Recover => format!("{name} recovers"),
            Event::Crash => format!("{name} crashes"),
            Event::Fire(timer) => format!("{name} times out: {timer:?}"),
            Event::Hear(from, text) => {
                let (from, text) = (self.actor(usize::from(*from)), self.message(text));
                format!("{name} hears from {from}: {text}")
            }
        }
    }
}

/// A local configuration of one actor, with its description.
pub struct Seen {
    id: SituationId,
    /// A hash that does not depend on the numbering of this universe.
    fingerprint: u64,
    sent: Vec<MessageId>,
    text: String,
}

/// A state: a local configuration for each actor, and the facts remembered of the run to it.
pub struct BridgeState<F> {
    actors: Box<[Arc<Seen>]>,
    remembered: Arc<BTreeSet<F>>,
}

/// A step that is possible in a state.
#[derive(Clone, PartialEq)]
pub struct BridgeStep {
    /// The step of the run.
    pub step: RunStep,
    after: SituationId,
    text: Arc<str>,
}

/// A universe, with the properties that it is held to, as a Stateright model.
///
/// The facts that observers remember of a run are part of the state here, and nowhere else in the
/// engine.
pub struct Bridge<A: Actor, O: Remember<A>> {
    inner: Arc<Mutex<Inner<A, O>>>,
    words: Arc<dyn Words<A>>,
}

struct Inner<A: Actor, O: Remember<A>> {
    universe: Universe<A>,
    steps: Steps,
    held: Vec<Held<A, O>>,
    /// The local configurations described so far, by actor and number.
    seen: Vec<Vec<Option<Arc<Seen>>>>,
}

/// A property: its expectation, its name, and its monitor.
struct Held<A: Actor, O: Remember<A>>(Expectation, &'static str, Monitor<A, O>);

impl<A: Actor, O: Remember<A>> Bridge<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// A model of a universe, held to no property yet.
    pub fn new(universe: Universe<A>, words: Arc<dyn Words<A>>) -> Self {
        let actors = universe.actors().len();
        let (steps, seen) = (Steps::new(actors), vec![Vec::new(); actors]);
        let inner = Inner { universe, steps, held: Vec::new(), seen };
        let inner = Arc::new(Mutex::new(inner));
        Bridge { inner, words }
    }

    /// Holds the model, and every handle to it, to one more property. [`Expectation::Always`] says
    /// that the monitor never finds anything, [`Expectation::Sometimes`] that it does in some
    /// state.
    pub fn hold_to(
        &self,
        expectation: Expectation,
        name: &'static str,
        watch: Monitor<A, O>,
    ) -> Result<(), UniverseError> {
        let held = &mut self.lock().held;
        if held.len() >= MOST_PROPERTIES {
            let (actor, what) = ("the system".to_owned(), "properties");
            return Err(UniverseError::TooMany { actor, what, most: MOST_PROPERTIES });
        }
        held.push(Held(expectation, name, watch));
        Ok(())
    }

    /// The number of states in which the monitor of this property had something to judge, until its
    /// first finding. An initial state that arises in two ways counts twice. Zero if the model is
    /// not held to the property.
    pub fn looked(&self, name: &str) -> u64 {
        let held = &self.lock().held;
        held.iter().find(|held| held.1 == name).map_or(0, |held| held.2.looked())
    }

    /// The error by which actors cannot be checked, if one has occurred.
    pub fn healthy(&self) -> Result<(), UniverseError> {
        self.lock().universe.healthy()
    }

    /// Calls `each` with the universe.
    pub fn with_universe<T>(&self, each: impl FnOnce(&Universe<A>) -> T) -> T {
        each(&self.lock().universe)
    }

    /// The Stateright path of a run. An error if the model has no such path.
    pub fn path(&self, run: &Run) -> Result<Path<BridgeState<O::Fact>, BridgeStep>, UniverseError> {
        self.walk(run).ok_or(UniverseError::LostRun)
    }

    fn walk(&self, run: &Run) -> Option<Path<BridgeState<O::Fact>, BridgeStep>> {
        let place = self.starts().iter().position(|(_, cuts)| *cuts == run.starts)?;
        let start = self.init_states().into_iter().nth(place)?;
        let (mut now, mut taken) = (start.clone(), Vec::new());
        for step in &run.steps {
            let (action, next) =
                self.next_steps(&now).into_iter().find(|(action, _)| action.step == *step)?;
            taken.push(action);
            now = next;
        }
        Path::from_actions(self, start, &taken)
    }

    /// The run of a Stateright path.
    pub fn run(&self, path: Path<BridgeState<O::Fact>, BridgeStep>) -> Result<Run, UniverseError> {
        let states = path.clone().into_states();
        let place = self.init_states().iter().position(|start| Some(start) == states.first());
        let start = place.and_then(|place| self.starts().into_iter().nth(place));
        let (_, starts) = start.ok_or(UniverseError::LostRun)?;
        let steps = path.into_actions().into_iter().map(|action| action.step).collect();
        Ok(Run { starts, steps })
    }

    fn starts(&self) -> Vec<Start> {
        let inner = &mut *self.lock();
        inner.steps.starts(&mut inner.universe)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<A, O>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Actor, O: Remember<A>> Inner<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    fn seen(&mut self, words: &dyn Words<A>, actor: usize, id: SituationId) -> Arc<Seen> {
        if let Some(Some(known)) = self.seen[actor].get(id as usize) {
            return Arc::clone(known);
        }
        let situation = self.steps.situations().get(actor, id);
        let fingerprint = situation.fingerprint(&self.universe, actor);
        let sets = situation.sent.iter().flat_map(|set| self.universe.members(*set));
        let sent: Vec<MessageId> = sets.copied().collect();
        let text = self.in_words(words, actor, id, &sent);
        let seen = Arc::new(Seen { id, fingerprint, sent, text });
        let row = &mut self.seen[actor];
        row.resize(row.len().max(id as usize + 1), None);
        row[id as usize] = Some(Arc::clone(&seen));
        seen
    }

    fn in_words(
        &self,
        words: &dyn Words<A>,
        actor: usize,
        id: SituationId,
        sent: &[MessageId],
    ) -> String {
        let core = self.steps.situations().get(actor, id).core;
        let (state, storage) = self.universe.view(actor, core);
        let state = state.map_or_else(|| "down".to_owned(), |state| format!("{state:#?}"));
        let storage = storage.map_or_else(|| "nothing".to_owned(), |s| format!("{s:#?}"));
        let timers = self.universe.timers(actor, core).collect::<Vec<_>>();
        let name = words.actor(actor);
        let sent: String =
            sent.iter().map(|m| format!("\n  {}", self.addressed(words, *m))).collect();
        format!("{name}: {state}\nsaved: {storage}\ntimers: {timers:?}\nsent:{sent}\n")
    }

    fn addressed(&self, words: &dyn Words<A>, message: MessageId) -> String {
        let (_, to, text) = self.universe.message(message);
        format!("to {}: {}", words.actor(to), words.message(text))
    }

    /// A state with these local configurations. Remembers the facts of the state before, and those
    /// that the observers add for this step.
    fn state(
        &mut self,
        words: &dyn Words<A>,
        ids: &[SituationId],
        before: Option<&BridgeState<O::Fact>>,
    ) -> BridgeState<O::Fact> {
        let actors = ids.iter().enumerate();
        let actors = actors.map(|(actor, id)| self.seen(words, actor, *id)).collect();
        let before_ids = before.map(BridgeState::ids);
        let mut remembered = before.map(|state| Arc::clone(&state.remembered)).unwrap_or_default();
        let remembering = |held: &&mut Held<A, O>| held.2.observer().remembers();
        for Held(.., watch) in self.held.iter_mut().filter(remembering) {
            let mut facts =
                |ids: &[SituationId]| watch.facts(&self.universe, &self.steps.in_full(ids));
            let (then, now) = (before_ids.as_deref().map(&mut facts), facts(ids));
            let news = watch.news(then, now, &remembered);
            if !news.is_empty() {
                Arc::make_mut(&mut remembered).extend(news);
            }
        }
        BridgeState { actors, remembered }
    }
}

impl<F> BridgeState<F> {
    fn ids(&self) -> Vec<SituationId> {
        self.actors.iter().map(|seen| seen.id).collect()
    }
}

impl<A: Actor, O: Remember<A>> Numbered for Bridge<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    fn holds(&self, number: usize, state: &BridgeState<O::Fact>) -> bool {
        let Inner { universe, steps, held, .. } = &mut *self.lock();
        // No property holds if the actors cannot be checked.
        let healthy = universe.healthy().is_ok();
        let Some(Held(expectation, _, watch)) = held.get_mut(number).filter(|_| healthy) else {
            return false;
        };
        let ids = state.ids();
        let found = watch.finds_with(universe, &steps.in_full(&ids), &state.remembered);
        found == (*expectation == Expectation::Sometimes)
    }
}

impl<A: Actor, O: Remember<A>> Model for Bridge<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    type State = BridgeState<O::Fact>;
    type Action = BridgeStep;

    fn init_states(&self) -> Vec<Self::State> {
        let starts = self.starts();
        let mut inner = self.lock();
        starts.iter().map(|(ids, _)| inner.state(&*self.words, ids, None)).collect()
    }

    fn actions(&self, state: &Self::State, all: &mut Vec<Self::Action>) {
        let Inner { universe, steps, .. } = &mut *self.lock();
        let mut actions = Vec::new();
        for (step, after) in steps.next(universe, &state.ids()) {
            let event = universe.describe(step.actor, step.stimulus);
            let text = self.words.event(step.actor, &event);
            let within = |commands| format!(" (and crashes, {commands} commands in)");
            let text = format!("{text}{}", step.cut.map_or_else(String::new, within)).into();
            let place = universe.fingerprint(step.actor, step.stimulus);
            actions.push((BridgeStep { step, after, text }, place));
        }
        // Sorted by content: numbers depend on what was explored before, and the Explorer's
        // addresses consist of places in this list.
        actions.sort_by_cached_key(|(BridgeStep { step, text, .. }, place)| {
            (step.actor, Arc::clone(text), step.cut, *place)
        });
        all.extend(actions.into_iter().map(|(step, _)| step));
    }

    fn next_state(&self, before: &Self::State, action: Self::Action) -> Option<Self::State> {
        let mut ids = before.ids();
        ids[action.step.actor] = action.after;
        Some(self.lock().state(&*self.words, &ids, Some(before)))
    }

    fn format_action(&self, action: &Self::Action) -> String {
        action.text.to_string()
    }

    fn format_step(&self, before: &Self::State, action: Self::Action) -> Option<String> {
        let actor = action.step.actor;
        let mut inner = self.lock();
        let after = inner.seen(&*self.words, actor, action.after);
        let new = after.sent.iter().filter(|message| !before.actors[actor].sent.contains(message));
        let sends: String = new
            .map(|m| {
                format!("{} sends {}\n", self.words.actor(actor), inner.addressed(&*self.words, *m))
            })
            .collect();
        Some(format!("{}\n\n{sends}\n{}", action.text, after.text))
    }

    fn as_svg(&self, path: Path<Self::State, Self::Action>) -> Option<String> {
        Some(self.with_universe(|universe| svg::picture(universe, &*self.words, path.into_vec())))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let held = &self.lock().held;
        numbered::properties(
            held.iter().map(|Held(expectation, name, _)| (expectation.clone(), *name)),
        )
    }
}

impl<A: Actor, O: Remember<A>> Clone for Bridge<A, O> {
    /// A second handle to the same tables.
    fn clone(&self) -> Self {
        Bridge { inner: Arc::clone(&self.inner), words: Arc::clone(&self.words) }
    }
}

impl<F> Clone for BridgeState<F> {
    fn clone(&self) -> Self {
        BridgeState { actors: self.actors.clone(), remembered: Arc::clone(&self.remembered) }
    }
}

impl<F: PartialEq> PartialEq for BridgeState<F> {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, two): (&Arc<Seen>, &Arc<Seen>)| one.id == two.id;
        self.actors.iter().zip(&other.actors).all(same) && self.remembered == other.remembered
    }
}

impl<F: Hash> Hash for BridgeState<F> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.actors.iter().for_each(|seen| seen.fingerprint.hash(hasher));
        self.remembered.hash(hasher);
    }
}

impl<F: fmt::Debug> fmt::Debug for BridgeState<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actors.iter().try_for_each(|seen| writeln!(f, "{}", seen.text))?;
        write!(f, "remembered: {:#?}", self.remembered)
    }
}

impl fmt::Debug for BridgeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
