//! Looks for one counterexample, a shortest one, and puts it into words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use stateright::{Expectation, HasDiscoveries};

use super::bfs;
use super::check::{Backend, CheckError, alike, watch};
use super::engine::bridge::Bridge;
use super::engine::explicit::{Until, explore_up_to};
use super::engine::faults::Machine;
use super::engine::liveness::fairness;
use super::engine::observe::Watch;
use super::engine::run::Run;
use super::engine::symbolic::Symbolic;
use super::engine::symmetry::Symmetry;
use super::engine::universe::Universe;
use super::facts::Lens;
use super::mutants::Mutant;
use super::properties::{Kind, Property, property};
use super::stock;
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
    /// A shortest run that breaks it; none if nothing does, or if it was stock Stateright that
    /// looked.
    pub run: Option<Run>,
    /// The same in words.
    pub trace: Option<Trace>,
    /// How many states were visited.
    pub states: BigUint,
    /// How long it took.
    pub elapsed: Duration,
}

/// Looks for a shortest run that breaks a property, or shows an example of it, and stops at the
/// first.
///
/// Some kinds of properties have one judge, whatever the back end: [`Kind::Throughout`] Stateright's
/// search through the engine's states, [`Kind::Eventually`] the graph of fair runs,
/// [`Kind::StaysPossible`] the diagrams; stock Stateright judges the last one on its own.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: Machine,
    property: &'static Property,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let start = Instant::now();
    let (mut universe, members) = system.universe(rulebook, machine)?;
    let watch = watch(property, &members, &universe);
    let (run, states) = match (property.kind, backend) {
        (Kind::Throughout, _) => {
            return throughout(system, universe, watch, &members, progress);
        }
        (Kind::Eventually, _) => eventually(&mut universe, watch, progress)?,
        (_, Backend::Stock) => {
            return stock::hunt(system, rulebook, property, &|n| progress(&n.into()))
                .map(|hunt| hunt.into_hunt(start.elapsed()));
        }
        (Kind::StaysPossible, _) => stays_possible(&mut universe, watch, progress)?,
        (Kind::Always | Kind::Sometimes, Backend::Symbolic) => {
            symbolic(&mut universe, watch, progress)?
        }
        (Kind::Always | Kind::Sometimes, Backend::Explicit | Backend::Alike) => {
            explicit(system, &mut universe, watch, backend, progress)?
        }
    };
    let shown = run.as_ref().map(|run| Trace::of_run(system, &universe, &members, run, property));
    let trace = shown.transpose()?;
    Ok(Hunt { system, property, run, trace, states, elapsed: start.elapsed() })
}

type Found = Result<(Option<Run>, BigUint), CheckError>;

fn explicit<R: Rulebook>(
    system: &'static System,
    universe: &mut Universe<Node<R>>,
    watch: Watch<Node<R>, Lens>,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let alike = alike(system, backend)?;
    let symmetry = alike.as_ref().map(|alike| alike as &dyn Symmetry<Node<R>>);
    let progress = |n: usize| progress(&n.into());
    let explored = explore_up_to(universe, &mut [watch], symmetry, Until::Found, progress)?;
    Ok((explored.found.into_iter().flatten().next(), explored.states.into()))
}

fn symbolic<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    mut watch: Watch<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let mut states = BigUint::ZERO;
    let run = Symbolic::new(universe).shortest(&mut watch, &mut |reached| {
        progress(&reached);
        states = reached;
    })?;
    Ok((run, states))
}

fn stays_possible<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    mut watch: Watch<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let mut symbolic = Symbolic::new(universe);
    let reach = symbolic.reach()?;
    let goal = symbolic.select(reach, &mut watch);
    let stuck = symbolic.stuck(reach, goal)?;
    let mut states = BigUint::ZERO;
    let run = symbolic.shortest_to(stuck, &mut |reached| {
        progress(&reached);
        states = reached;
    })?;
    Ok((run, states))
}

fn eventually<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    mut watch: Watch<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Found {
    let fairness = fairness(universe, &mut watch, |n| progress(&n.into()))?;
    Ok((fairness.lasso.map(|lasso| lasso.stem), fairness.states.into()))
}

fn throughout<R: Rulebook>(
    system: &'static System,
    universe: Universe<Node<R>>,
    watch: Watch<Node<R>, Lens>,
    members: &Members,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let start = Instant::now();
    let property = watch.observer().property;
    let words = Arc::new(InWords(&system.bounds));
    let bridge = Bridge::new(universe, words).held_to(Expectation::Always, property.name, watch);
    let finished = bfs::explore(bridge.clone(), HasDiscoveries::Any, |n| progress(&n.into()))
        .ok_or(CheckError::Panicked(system.name))?;
    bridge.healthy()?;
    let run = finished.runs.get(property.name).map(|path| bridge.run(path.clone()));
    let shown = run.as_ref().map(|run| {
        bridge.with_universe(|universe| Trace::of_run(system, universe, members, run, property))
    });
    let (trace, states) = (shown.transpose()?, finished.unique_states.into());
    Ok(Hunt { system, property, run, trace, states, elapsed: start.elapsed() })
}

/// A system for Stateright's Explorer, held to all its properties that Stateright can look for.
pub fn explorable<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: Machine,
) -> Result<Bridge<Node<R>, Lens>, CheckError> {
    let (universe, members) = system.universe(rulebook, machine)?;
    let expected = |property: &'static Property| match property.kind {
        Kind::Always | Kind::Throughout => Some((property, Expectation::Always)),
        Kind::Sometimes => Some((property, Expectation::Sometimes)),
        Kind::StaysPossible | Kind::Eventually => None,
    };
    let watched = |(property, expectation): (&'static Property, Expectation)| {
        (expectation, property.name, watch(property, &members, &universe))
    };
    let watches: Vec<_> = system.properties().filter_map(expected).map(watched).collect();
    let bridge = Bridge::new(universe, Arc::new(InWords(&system.bounds)));
    let held =
        |bridge: Bridge<_, _>, (expectation, name, watch)| bridge.held_to(expectation, name, watch);
    Ok(watches.into_iter().fold(bridge, held))
}

/// Looks for the counterexample that a mutant must give.
pub fn catch(
    mutant: &'static Mutant,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let missing = |missing| CheckError::Misnamed { mutant: mutant.name, missing };
    let system = system(mutant.system).ok_or(missing(mutant.system))?;
    let property = property(mutant.property).ok_or(missing(mutant.property))?;
    if backend == Backend::Stock && mutant.machine != Machine::Sound {
        return Err(CheckError::NotInStock(mutant.name));
    }
    hunt(system, &mutant, mutant.machine, property, backend, progress)
}
