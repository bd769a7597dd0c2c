//! The search for one counterexample, a shortest one, and its explanation in words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use stateright::{Expectation, HasDiscoveries, Model};

use super::alike::alike;
use super::backend::Backend;
use super::bfs;
use super::engine::bridge::Bridge;
use super::engine::explicit::{Until, explore_up_to};
use super::engine::faults::DiskModel;
use super::engine::liveness::fairness;
use super::engine::observe::{Monitor, Scope};
use super::engine::run::Run;
use super::engine::symbolic::Symbolic;
use super::engine::symmetry::Symmetry;
use super::engine::universe::Universe;
use super::error::CheckError;
use super::lens::{Lens, watch};
use super::mutants::Mutant;
use super::properties::{Kind, Property, property};
use super::refinement::{STATES, STEPS};
use super::stock::{self, StockHunt};
use super::system::System;
use super::systems::system;
use super::trace::{InWords, Trace};
use crate::paxos::{Members, Node, Rulebook};

/// The result of the search for one counterexample.
#[derive(Debug)]
pub struct Hunt {
    /// The system that was searched.
    pub system: &'static System,
    /// The property that should be violated.
    pub property: &'static Property,
    /// A shortest run that violates it, if one was found.
    pub trace: Option<Trace>,
    /// The number of states visited.
    pub states: BigUint,
    /// The number of states or fact sets that the property judged: see [`Monitor::looked`].
    pub looked: u64,
    /// The time taken.
    pub elapsed: Duration,
}

impl Hunt {
    fn of_stock<R: Rulebook>(hunt: &StockHunt<R>, elapsed: Duration) -> Self {
        let (system, property, trace) = (hunt.model.cfg.system, hunt.property, hunt.trace());
        Hunt { system, property, trace, states: hunt.states.into(), looked: hunt.looked, elapsed }
    }
}

/// Searches for a shortest run that violates a property, or shows an example of it, and stops at
/// the first.
///
/// Some kinds of properties are judged in one way, whatever the back end:
/// [`Kind::AlwaysWithHistory`] by Stateright's search through the engine's states,
/// [`Kind::Eventually`] on the graph of fair runs, [`Kind::AlwaysReachable`] on diagrams, except
/// that stock Stateright has a search of its own for the last one.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: DiskModel,
    property: &'static Property,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let start = Instant::now();
    if backend == Backend::Stock
        && !matches!(property.kind, Kind::AlwaysWithHistory | Kind::Eventually)
    {
        return stock::hunt(system, rulebook, property, &|n| progress(&n.into()))
            .map(|hunt| Hunt::of_stock(&hunt, start.elapsed()));
    }
    let sought = search(system, rulebook, machine, property, backend, progress)?;
    let Sought { trace, states, looked, .. } = sought;
    Ok(Hunt { system, property, trace, states, looked, elapsed: start.elapsed() })
}

/// The result of a search by the engine.
pub struct Sought<R: Rulebook> {
    /// The states that were searched, as a Stateright model.
    pub bridge: Bridge<Node<R>, Lens>,
    /// A shortest run to the finding, in these states.
    pub run: Option<Run>,
    /// The run in words.
    pub trace: Option<Trace>,
    /// The number of states visited.
    pub states: BigUint,
    /// The number of states or fact sets that the property judged.
    pub looked: u64,
}

/// The search of [`hunt`] on the engine, whatever the back end, with the run itself. The bridge is
/// held to all properties of the system that Stateright can judge.
pub fn search<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: DiskModel,
    property: &'static Property,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Sought<R>, CheckError> {
    let (mut universe, members) = system.universe(rulebook, machine)?;
    let mut look = watch(property, &members, &universe);
    let bridge = |universe| bridge(system, universe);
    // Only the explicit back end distinguishes steps.
    let steps = property.looks_at() == Scope::Steps;
    let backend = if steps { Backend::Explicit } else { backend };
    let (bridge, (run, states), looked) = if property.kind == Kind::AlwaysWithHistory {
        let bridge = bridge(universe);
        bridge.hold_to(Expectation::Always, property.name, look)?;
        let found = throughout(&bridge, property, progress)?;
        let looked = bridge.looked(property.name);
        (bridge, found, looked)
    } else {
        let found = match (property.kind, backend) {
            (Kind::Eventually, _) => eventually(&mut universe, &mut look, progress)?,
            (Kind::Always | Kind::Sometimes, Backend::Explicit | Backend::Alike) => {
                explicit(system, &mut universe, &mut look, backend, progress)?
            }
            _ => symbolic(&mut universe, &mut look, progress)?,
        };
        (bridge(universe), found, look.looked())
    };
    let in_words = |run| {
        let words = |u: &_| Trace::of_run(system, u, &members, run, property);
        bridge.with_universe(words)
    };
    let trace = run.as_ref().map(in_words).transpose()?;
    hold_to_all(system, &members, &bridge)?;
    Ok(Sought { bridge, run, trace, states, looked })
}

/// A system for Stateright's Explorer, held to all its properties that Stateright can judge.
pub fn explorable<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: DiskModel,
) -> Result<Bridge<Node<R>, Lens>, CheckError> {
    let (universe, members) = system.universe(rulebook, machine)?;
    let bridge = bridge(system, universe);
    hold_to_all(system, &members, &bridge)?;
    Ok(bridge)
}

/// A bridge that is not held to any property yet.
fn bridge<R: Rulebook>(
    system: &'static System,
    universe: Universe<Node<R>>,
) -> Bridge<Node<R>, Lens> {
    Bridge::new(universe, Arc::new(InWords(&system.bounds)))
}

fn hold_to_all<R: Rulebook>(
    system: &'static System,
    members: &Members,
    bridge: &Bridge<Node<R>, Lens>,
) -> Result<(), CheckError> {
    let held: BTreeSet<_> = bridge.properties().into_iter().map(|p| p.name).collect();
    for property in system.properties().filter(|property| !held.contains(property.name)) {
        let expectation = match property.kind {
            Kind::Always | Kind::AlwaysWithHistory => Expectation::Always,
            Kind::Sometimes => Expectation::Sometimes,
            Kind::AlwaysReachable | Kind::Eventually => continue,
        };
        let watch = bridge.with_universe(|universe| watch(property, members, universe));
        bridge.hold_to(expectation, property.name, watch)?;
    }
    Ok(())
}

type Found = Result<(Option<Run>, BigUint), CheckError>;

fn explicit<R: Rulebook>(
    system: &'static System,
    universe: &mut Universe<Node<R>>,
    watch: &mut Monitor<Node<R>, Lens>,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let alike = alike(system, backend)?;
    let symmetry = alike.as_ref().map(|alike| alike as &dyn Symmetry<Node<R>>);
    let progress = |n: usize| progress(&n.into());
    let watches = std::slice::from_mut(watch);
    let explored = explore_up_to(universe, watches, symmetry, Until::Found, progress)?;
    Ok((explored.found.into_iter().flatten().next(), explored.states.into()))
}

fn symbolic<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    watch: &mut Monitor<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let mut symbolic = Symbolic::new(universe);
    let mut states = BigUint::ZERO;
    let mut count = |reached| {
        progress(&reached);
        states = reached;
    };
    let run = if watch.observer().property.kind == Kind::AlwaysReachable {
        let reach = symbolic.reach()?;
        symbolic.finds(reach, watch);
        let goal = symbolic.select(reach, watch);
        let stuck = symbolic.stuck(reach, goal)?;
        symbolic.shortest_to(stuck, &mut count)?
    } else {
        symbolic.shortest(watch, &mut count)?
    };
    Ok((run, states))
}

fn eventually<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    watch: &mut Monitor<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let fairness = fairness(universe, watch, |n| progress(&n.into()))?;
    Ok((fairness.lasso.map(|lasso| lasso.stem), fairness.states.into()))
}

fn throughout<R: Rulebook>(
    bridge: &Bridge<Node<R>, Lens>,
    property: &'static Property,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let finished = bfs::explore(bridge.clone(), HasDiscoveries::Any, |n| progress(&n.into()))
        .ok_or(CheckError::Unfinished(property.name))?;
    bridge.healthy()?;
    let run = finished.runs.get(property.name).map(|path| bridge.run(path.clone())).transpose()?;
    if run.is_none() && !finished.complete {
        return Err(CheckError::Unfinished(property.name));
    }
    Ok((run, finished.unique_states.into()))
}

/// Searches for the counterexample that a mutant must have.
pub fn catch(
    mutant: &'static Mutant,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let system = system(mutant.system).ok_or(mutant.misnamed(mutant.system))?;
    let property = property(mutant.property).ok_or(mutant.misnamed(mutant.property))?;
    if backend == Backend::Stock && mutant.machine != DiskModel::Sound {
        return Err(CheckError::NotInStock(mutant.name));
    }
    hunt(system, &mutant, mutant.machine, property, backend, progress)
}

/// Searches for the first state or step of a mutant that the specification does not allow: see
/// [`refinement`](super::refinement). If there is none, the property named is the first of those
/// that hold.
pub fn catch_by_specification(
    mutant: &'static Mutant,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let start = Instant::now();
    let system = system(mutant.system).ok_or(mutant.misnamed(mutant.system))?;
    let (mut universe, members) = system.universe(&mutant, mutant.machine)?;
    let held: Vec<_> = STEPS.iter().chain(&STATES).collect();
    let mut watches: Vec<_> = held.iter().map(|p| watch(p, &members, &universe)).collect();
    let progress = |n: usize| progress(&n.into());
    let explored = explore_up_to(&mut universe, &mut watches, None, Until::Found, progress)?;
    let place = explored.found.iter().position(Option::is_some).unwrap_or(0);
    let property = held.get(place).copied().unwrap_or(&STEPS[0]);
    let looked = watches.get(place).map_or(0, Monitor::looked);
    let run = explored.found.into_iter().flatten().next();
    let in_words = |run| Trace::of_run(system, &universe, &members, &run, property);
    let trace = run.map(in_words).transpose()?;
    let (states, elapsed) = (explored.states.into(), start.elapsed());
    Ok(Hunt { system, property, trace, states, looked, elapsed })
}
