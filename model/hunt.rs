//! Scope for one counterexample, a shortest one, and puts it into words.

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

/// What the search for one counterexample showed.
#[derive(Debug)]
pub struct Hunt {
    /// The system that was searched.
    pub system: &'static System,
    /// The property that was to be broken.
    pub property: &'static Property,
    /// A shortest run that breaks it.
    pub trace: Option<Trace>,
    /// How many states were visited.
    pub states: BigUint,
    /// The amount that the property looked at: see [`Monitor::looked`].
    pub looked: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Hunt {
    fn of_stock<R: Rulebook>(hunt: &StockHunt<R>, elapsed: Duration) -> Self {
        let (system, property, trace) = (hunt.model.cfg.system, hunt.property, hunt.trace());
        Hunt { system, property, trace, states: hunt.states.into(), looked: hunt.looked, elapsed }
    }
}

/// Looks for a shortest run that breaks a property, or shows an example of it, and stops at the
/// first.
///
/// Some kinds of properties have one judge, whatever the back end: [`Kind::AlwaysWithHistory`] Stateright's
/// search through the engine's states, [`Kind::Eventually`] the graph of fair runs,
/// [`Kind::AlwaysReachable`] the diagrams; stock Stateright judges the last one on its own.
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

/// What the engine has found.
pub struct Sought<R: Rulebook> {
    /// The states that it was found in.
    pub bridge: Bridge<Node<R>, Lens>,
    /// A shortest run, in these states.
    pub run: Option<Run>,
    /// The same in words.
    pub trace: Option<Trace>,
    /// How many states were visited.
    pub states: BigUint,
    /// The amount that the property looked at.
    pub looked: u64,
}

/// The same on the engine, whatever the back end; for those who want the run itself. The bridge is
/// held to all properties of the system that Stateright can look for.
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
    // Steps are told from one another state by state only.
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

/// A system for Stateright's Explorer, held to all its properties that Stateright can look for.
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

/// Held to nothing yet.
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

/// Scope for the counterexample that a mutant must give.
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

/// Scope for the first state or step of a mutant that is none of the specification that is proved:
/// see [`refinement`](super::refinement). If there is none, the property named is the first of those
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
