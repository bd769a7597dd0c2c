//! Systems as stock Stateright models, so that anyone who knows Stateright can read them, and so
//! that the engine has something to agree with.
//!
//! Stateright's network keeps the last message delivered in the state, and a step is atomic; the
//! engine drops the one and splits the other. So the numbers of states differ, and the verdicts do
//! not.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use stateright::actor::{ActorModel, ActorModelState, Id, Network};
use stateright::{
    Checker, Expectation, HasDiscoveries, Model, Path, Property as StaterightProperty,
};

use super::check::{CheckError, Hunt};
use super::facts::{Facts, Situation, Topic, said};
use super::properties::{Kind, PROPERTIES, Property};
use super::reach::stays_reachable;
use super::system::{Crashes, System};
use super::trace::{Action, StockRun, Trace, finding};
use crate::paxos::{Members, Node, Rulebook};

/// What a property needs to know of the system that it is evaluated in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system.
    pub system: &'static System,
    /// Who takes part.
    pub members: Members,
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

    /// The system under a rulebook, held to these properties only. Stateright has no place for
    /// those that are to stay possible: see [`super::reach`].
    pub fn model_of<R: Rulebook>(
        &'static self,
        rulebook: &R,
        properties: impl Iterator<Item = &'static Property>,
    ) -> Result<Stock<R>, CheckError> {
        let (nodes, members) = self.bounds.nodes(rulebook)?;
        let config = Config { system: self, members };
        let mut model = ActorModel::new(config, ())
            .actors(nodes)
            .init_network(Network::new_unordered_duplicating([]))
            .max_crashes(usize::from(self.bounds.crashes.total > 0))
            .within_boundary(only_expected_crashes);
        for Property { name, kind, .. } in properties {
            let expectation = match kind {
                Kind::Always => Expectation::Always,
                Kind::Sometimes => Expectation::Sometimes,
                Kind::StaysPossible | Kind::Eventually => continue,
            };
            let mut conditions = PROPERTIES.iter().zip(conditions::<R>());
            if let Some((_, condition)) = conditions.find(|(property, _)| property.name == *name) {
                model.properties.push(StaterightProperty { expectation, name, condition });
            }
        }
        Ok(model)
    }
}

fn only_expected_crashes<R: Rulebook>(config: &Config, state: &StockState<R>) -> bool {
    let bounds = &config.system.bounds;
    let Crashes { who, .. } = bounds.crashes;
    let down = (0..).zip(&state.crashed).filter(|(_, crashed)| **crashed);
    down.map(|(i, _): (usize, _)| bounds.name(Id::from(i))).all(|name| who.contains(&name.as_str()))
}

/// What is to be seen of these topics in a state of a stock model.
fn facts<R: Rulebook>(model: &Stock<R>, state: &StockState<R>, topics: &[Topic]) -> Facts {
    let mut facts = Facts::new();
    let actors = model.actors.iter().zip(&state.actor_states);
    let durable = state.actor_storages.iter().zip(&state.crashed);
    for ((node, local), (storage, crashed)) in actors.zip(durable) {
        let state = (!*crashed).then_some(&**local);
        let storage = storage.as_ref();
        Situation { role: node.role(), state, storage }.observe(topics, &mut facts);
    }
    let members = &model.cfg.members;
    facts.extend(state.network.iter_all().filter_map(|e| said(members, e.src, e.msg, topics)));
    facts
}

/// What a property finds in a state of a stock model.
pub fn find<R: Rulebook>(
    property: &Property,
    model: &Stock<R>,
    state: &StockState<R>,
) -> Option<String> {
    (property.find)(&model.cfg.members, &facts(model, state, property.topics))
}

type Condition<R> = fn(&Stock<R>, &StockState<R>) -> bool;

/// Stateright takes plain functions, so there is one for each place in [`PROPERTIES`].
fn conditions<R: Rulebook>() -> [Condition<R>; PROPERTIES.len()] {
    [
        condition::<R, 0>,
        condition::<R, 1>,
        condition::<R, 2>,
        condition::<R, 3>,
        condition::<R, 4>,
        condition::<R, 5>,
        condition::<R, 6>,
        condition::<R, 7>,
        condition::<R, 8>,
        condition::<R, 9>,
        condition::<R, 10>,
        condition::<R, 11>,
        condition::<R, 12>,
        condition::<R, 13>,
        condition::<R, 14>,
        condition::<R, 15>,
        condition::<R, 16>,
        condition::<R, 17>,
        condition::<R, 18>,
        condition::<R, 19>,
        condition::<R, 20>,
    ]
}

#[allow(clippy::indexing_slicing, reason = "the array of conditions is as long as PROPERTIES")]
fn condition<R: Rulebook, const N: usize>(model: &Stock<R>, state: &StockState<R>) -> bool {
    let property = &PROPERTIES[N];
    find(property, model, state).is_some() == (property.kind == Kind::Sometimes)
}

/// What Stateright's checker has to say at its end.
pub struct Finished<R: Rulebook> {
    /// How many states were reached, each counted once.
    pub unique_states: usize,
    /// How many steps were taken, into known states too.
    pub total_states: usize,
    /// The length of the longest of the shortest runs into each state.
    pub depth: usize,
    /// Whether every reachable state was visited.
    pub complete: bool,
    /// For each property that something was found for, a run that leads there.
    pub runs: HashMap<&'static str, StockRun<R>>,
}

/// Runs Stateright's breadth-first search on one thread, so that runs are shortest and depths
/// exact. None if an actor panicked.
pub fn explore<R: Rulebook>(
    model: Stock<R>,
    until: HasDiscoveries,
    progress: impl Fn(usize),
) -> Option<Finished<R>> {
    let mut checker = model.checker().finish_when(until).spawn_bfs();
    let handles = checker.handles();
    while !handles.iter().all(thread::JoinHandle::is_finished) {
        progress(checker.unique_state_count());
        thread::sleep(Duration::from_millis(20));
    }
    if handles.into_iter().any(|handle| handle.join().is_err()) {
        return None;
    }
    let runs = checker.discoveries();
    // With every property decided, the checker stops before it has seen every state.
    let complete = checker.is_done() && runs.len() < checker.model().properties().len();
    Some(Finished {
        unique_states: checker.unique_state_count(),
        total_states: checker.state_count(),
        depth: checker.max_depth(),
        complete,
        runs,
    })
}

/// What the search for one counterexample showed.
pub struct StockHunt<R: Rulebook> {
    /// The model that was searched.
    pub model: Stock<R>,
    /// The property that was to be broken.
    pub property: &'static Property,
    /// A shortest run that breaks it.
    pub run: Option<StockRun<R>>,
    /// How many states were visited.
    pub states: usize,
}

impl<R: Rulebook> StockHunt<R> {
    /// The counterexample in words.
    pub fn trace(&self) -> Option<Trace> {
        let run = self.run.as_ref()?;
        let found = find(self.property, &self.model, run.last_state());
        Some(Trace::of_stock(&self.model, run, finding(self.property, found)))
    }

    /// The same, without the model.
    pub fn into_hunt(self, elapsed: Duration) -> Hunt {
        let (system, property, trace) = (self.model.cfg.system, self.property, self.trace());
        Hunt { system, property, trace, states: self.states.into(), elapsed }
    }
}

/// Looks for the shortest run that breaks a property, and stops at the first.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    property: &'static Property,
    progress: &dyn Fn(usize),
) -> Result<StockHunt<R>, CheckError> {
    let model = system.model_of(rulebook, [property].into_iter())?;
    let (run, states) = if property.kind == Kind::StaysPossible {
        let goal = |state: &StockState<R>| find(property, &model, state).is_some();
        let graph = stays_reachable(&model, goal, progress);
        (graph.stuck.and_then(|states| run_through(&model, states)), graph.unique_states)
    } else {
        let finished = explore(model.clone(), HasDiscoveries::Any, progress)
            .ok_or(CheckError::Panicked(system.name))?;
        (finished.runs.get(property.name).cloned(), finished.unique_states)
    };
    Ok(StockHunt { model, property, run, states })
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
