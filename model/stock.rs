//! Systems as stock Stateright models, for readers who know Stateright, and as a cross-check of the
//! engine.
//!
//! Stateright keeps the last message delivered as part of the network's state, and a step is
//! atomic; the engine omits the first and splits the second. So the numbers of states differ, but
//! the verdicts do not.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stateright::actor::{ActorModel, ActorModelAction, ActorModelState, Envelope, Id, Network};
use stateright::{Expectation, HasDiscoveries, Model, Path};

use super::bfs;
use super::engine::bridge::numbered::{self, Numbered};
use super::engine::observe::Judged;
use super::error::CheckError;
use super::facts::{Facts, Observed, Topic, said};
use super::properties::{Kind, Property};
use super::reach::stays_reachable;
use super::system::{Bounds, Crashes, System};
use super::trace::{Trace, TraceStep, event_of, finding, in_words, newly_saved};
use crate::paxos::{Members, Message, Node, Rulebook, Timer};

/// An action of a stock model.
pub type Action = ActorModelAction<Message, Timer, ()>;

/// A run of a stock model.
pub type StockRun<R> = Path<StockState<R>, Action>;

/// The configuration of a stock model: what its properties need to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system.
    pub system: &'static System,
    /// The members of the cluster.
    pub members: Members,
    /// The properties that it is held to, in order.
    pub held: Vec<HeldTo>,
}

/// A property that a model is held to.
#[derive(Clone, Debug)]
pub struct HeldTo {
    /// The property.
    pub property: &'static Property,
    /// The number of states in which it had something to judge, shared by all copies of the model.
    /// Stateright stops evaluating a property at its first finding.
    pub looked: Arc<AtomicU64>,
}

impl Config {
    /// The number of states in which this property had something to judge.
    pub fn looked(&self, property: &Property) -> u64 {
        let held = self.held.iter().find(|held| held.property.name == property.name);
        held.map_or(0, |held| held.looked.load(Ordering::Relaxed))
    }
}

/// A system as a stock Stateright model.
pub type Stock<R> = ActorModel<Node<R>, Config>;

/// A state of a stock Stateright model.
pub type StockState<R> = ActorModelState<Node<R>>;

impl System {
    /// The system under a rulebook, [`crate::paxos::Paxos`] or a mutant's, held to all its
    /// properties.
    pub fn model<R: Rulebook>(&'static self, rulebook: &R) -> Result<Stock<R>, CheckError> {
        self.model_of(rulebook, self.properties())
    }

    /// The system under a rulebook, held to these properties only. Those that judge more than one
    /// state are left out, since Stateright has no place for them: see [`super::hunt`].
    pub fn model_of<R: Rulebook>(
        &'static self,
        rulebook: &R,
        properties: impl Iterator<Item = &'static Property>,
    ) -> Result<Stock<R>, CheckError> {
        let (nodes, members) = self.bounds.nodes(rulebook)?;
        let expectation = |property: &'static Property| match property.kind {
            Kind::Always => Some((property, Expectation::Always)),
            Kind::Sometimes => Some((property, Expectation::Sometimes)),
            Kind::AlwaysReachable | Kind::Eventually | Kind::AlwaysWithHistory => None,
        };
        let expected: Vec<_> = properties.filter_map(expectation).collect();
        let properties = expected.iter().map(|(property, _)| *property);
        let held = properties.map(|property| HeldTo { property, looked: Arc::default() }).collect();
        let names =
            expected.into_iter().map(|(property, expectation)| (expectation, property.name));
        let properties = numbered::properties(names);
        let config = Config { system: self, members, held };
        let mut model = ActorModel::new(config, ())
            .actors(nodes)
            .init_network(Network::new_unordered_duplicating([]))
            .max_crashes(usize::from(self.bounds.crashes.total > 0))
            .within_boundary(only_expected_crashes);
        model.properties = properties;
        Ok(model)
    }
}

fn only_expected_crashes<R: Rulebook>(config: &Config, state: &StockState<R>) -> bool {
    let bounds = &config.system.bounds;
    let Crashes { who, .. } = bounds.crashes;
    let down = (0..).zip(&state.crashed).filter(|(_, crashed)| **crashed);
    down.map(|(i, _): (usize, _)| bounds.name(Id::from(i))).all(|name| who.contains(&name.as_str()))
}

/// The facts of these topics in a state of a stock model.
fn facts<R: Rulebook>(model: &Stock<R>, state: &StockState<R>, topics: &[Topic]) -> Facts {
    let mut facts = Facts::new();
    let actors = model.actors.iter().zip(&state.actor_states);
    let durable = state.actor_storages.iter().zip(&state.crashed);
    for ((node, local), (storage, crashed)) in actors.zip(durable) {
        let state = (!*crashed).then_some(&**local);
        let storage = storage.as_ref();
        Observed { role: node.role(), state, storage }.observe(topics, &mut facts);
    }
    let members = &model.cfg.members;
    facts.extend(state.network.iter_all().flat_map(|e| said(members, e.src, e.msg, topics)));
    facts
}

/// Judges a state of a stock model.
fn judge<R: Rulebook>(
    property: &Property,
    model: &Stock<R>,
    state: &StockState<R>,
) -> Judged<String> {
    property.judge(&model.cfg.members, &facts(model, state, property.topics))
}

impl<R: Rulebook> Numbered for Stock<R> {
    fn holds(&self, number: usize, state: &StockState<R>) -> bool {
        let Some(HeldTo { property, looked }) = self.cfg.held.get(number) else { return true };
        let judged = judge(property, self, state);
        looked.fetch_add(u64::from(judged.is_something()), Ordering::Relaxed);
        judged.is_found() == (property.kind == Kind::Sometimes)
    }
}

/// The result of the search for one counterexample.
pub struct StockHunt<R: Rulebook> {
    /// The model that was searched.
    pub model: Stock<R>,
    /// The property that should be violated.
    pub property: &'static Property,
    /// A shortest run that violates it, if one was found.
    pub run: Option<StockRun<R>>,
    /// The number of states visited.
    pub states: usize,
    /// The number of states in which the property had something to judge.
    pub looked: u64,
}

impl<R: Rulebook> StockHunt<R> {
    /// The counterexample in words.
    pub fn trace(&self) -> Option<Trace> {
        let run = self.run.as_ref()?;
        let found = judge(self.property, &self.model, run.last_state()).found();
        Some(told(&self.model, run, finding(self.property, found)))
    }
}

/// Searches for a shortest run that violates a property, and stops at the first.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    property: &'static Property,
    progress: &dyn Fn(usize),
) -> Result<StockHunt<R>, CheckError> {
    let model = system.model_of(rulebook, [property].into_iter())?;
    let looked = Cell::new(0);
    let (run, states) = if property.kind == Kind::AlwaysReachable {
        let goal = |state: &StockState<R>| {
            let judged = judge(property, &model, state);
            looked.set(looked.get() + u64::from(judged.is_something()));
            judged.is_found()
        };
        let graph = stays_reachable(&model, goal, progress);
        (graph.stuck.and_then(|states| run_through(&model, states)), graph.unique_states)
    } else {
        let finished = bfs::explore(model.clone(), HasDiscoveries::Any, progress)
            .ok_or(CheckError::Panicked(system.name))?;
        looked.set(model.cfg.looked(property));
        (finished.runs.get(property.name).cloned(), finished.unique_states)
    };
    Ok(StockHunt { looked: looked.get(), model, property, run, states })
}

/// Puts a run of a stock model into words.
fn told<R: Rulebook>(model: &Stock<R>, run: &StockRun<R>, finding: String) -> Trace {
    let bounds = &model.cfg.system.bounds;
    let mut delivered = HashSet::new();
    let (mut start, mut steps) = (Vec::new(), Vec::new());
    let mut before: Option<(StockState<R>, Action)> = None;
    for (state, action) in run.clone().into_vec() {
        let old = before.as_ref().map(|(state, _)| state);
        let sent = newly_sent(bounds, old, &state);
        let on_disk = old.map_or(&[][..], |state| &state.actor_storages);
        let saved = newly_saved(bounds, on_disk, &state.actor_storages);
        match before {
            None => start = [saved, sent].concat(),
            Some((_, action)) => {
                let again = !delivered.insert(action.clone());
                let event = event_of(bounds, &action, again);
                steps.push(TraceStep { event, saved, sent });
            }
        }
        before = action.map(|action| (state, action));
    }
    Trace { start, steps, finding }
}

/// The messages that are in the network for the first time, in words; equal messages to several
/// actors are joined.
fn newly_sent<R: Rulebook>(
    bounds: &Bounds,
    before: Option<&StockState<R>>,
    after: &StockState<R>,
) -> Vec<String> {
    let old: HashSet<Envelope<&Message>> =
        before.iter().flat_map(|state| state.network.iter_all()).collect();
    let new = after.network.iter_all().filter(|envelope| !old.contains(envelope));
    let new = new.map(|e| (usize::from(e.src), usize::from(e.dst), e.msg.clone()));
    in_words(bounds, &new.collect::<Vec<_>>())
}

/// The run through these states.
fn run_through<R: Rulebook>(model: &Stock<R>, states: Vec<StockState<R>>) -> Option<StockRun<R>> {
    let step = |pair: &[StockState<R>]| -> Option<Action> {
        let (from, to) = (pair.first()?, pair.last()?);
        model.next_steps(from).into_iter().find(|(_, next)| next == to).map(|(action, _)| action)
    };
    let actions: Vec<Action> = states.windows(2).map(step).collect::<Option<_>>()?;
    Path::from_actions(model, states.into_iter().next()?, &actions)
}
