//! Runs the checks, and reports what they showed.

use std::time::{Duration, Instant};

use num_bigint::BigUint;
use stateright::HasDiscoveries;
use thiserror::Error;

use super::alike::Alike;
use super::engine::diagram::EMPTY;
use super::engine::explicit::{Until, explore_up_to};
use super::engine::faults::Machine;
use super::engine::liveness::fairness;
use super::engine::observe::Watch;
use super::engine::replay::ReplayError;
use super::engine::run::Run;
use super::engine::symbolic::Symbolic;
use super::engine::symmetry::Symmetry;
use super::engine::universe::{Universe, UniverseError};
use super::facts::Lens;
use super::mutants::Mutant;
use super::properties::{Kind, Property, property};
use super::stock;
use super::system::System;
use super::systems::system;
use super::trace::Trace;
use crate::paxos::{Members, MembersError, Node, Paxos, Rulebook};

/// Why a check could not be run.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The system's members cannot form a cluster.
    #[error("the system cannot be built: {0}")]
    Members(#[from] MembersError),
    /// The actors cannot be checked.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// A run that was found is none.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A run that was found does not show what it was found for.
    #[error("the run that was found for '{0}' does not show it: a fault of the checking engine")]
    NotShown(&'static str),
    /// An actor panicked; Stateright cannot say in which state.
    #[error("an actor of system '{0}' panicked while stock Stateright checked it")]
    Panicked(&'static str),
    /// A mutant that names a system or property that does not exist.
    #[error("mutant '{mutant}' names '{missing}', which does not exist")]
    Misnamed {
        /// The mutant.
        mutant: &'static str,
        /// The missing system or property.
        missing: &'static str,
    },
    /// Acceptors that differ in more than their names.
    #[error(
        "the acceptors of system '{0}' are not alike: some are asked, or may crash, and others not, \
         or a leader may crash between sending to one and to another"
    )]
    NotAlike(&'static str),
    /// Stock Stateright can neither crash an actor within a step nor lose a save.
    #[error("stock Stateright cannot run mutant '{0}', whose machine is at fault; use a back end")]
    NotInStock(&'static str),
}

/// What explores the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The engine, state by state.
    Explicit,
    /// The engine, state by state, of states that differ in the acceptors' names only one.
    Alike,
    /// The engine, on decision diagrams.
    Symbolic,
    /// Stateright's own actor model and checker.
    Stock,
}

impl Backend {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Explicit => "explicit",
            Backend::Alike => "alike",
            Backend::Symbolic => "symbolic",
            Backend::Stock => "stock",
        }
    }
}

/// What a check showed.
#[derive(Debug)]
pub struct Report {
    /// The system that was checked.
    pub system: &'static System,
    /// What explored it.
    pub backend: Backend,
    /// How many states were reached, each counted once.
    pub states: BigUint,
    /// How many of them were visited one by one: all, or one for all that differ in the acceptors'
    /// names only.
    pub visited: Option<usize>,
    /// How many steps were taken, into known states too; diagrams take none.
    pub steps: Option<u64>,
    /// The number of steps to the state that is furthest from the start.
    pub depth: Option<usize>,
    /// How many nodes the diagram of all states has.
    pub nodes: Option<usize>,
    /// The most nodes there were at a time.
    pub peak_nodes: Option<usize>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether every reachable state was visited. A check that is not complete shows nothing.
    pub complete: bool,
    /// Each property, and what became of it.
    pub outcomes: Vec<Outcome>,
}

/// What became of a property.
#[derive(Debug)]
pub struct Outcome {
    /// The property.
    pub property: &'static Property,
    /// Whether it holds.
    pub holds: bool,
    /// The shortest run that shows the opposite, where there can be one.
    pub counterexample: Option<Trace>,
}

impl Report {
    /// Whether the check was complete, every property holds, and the number of states is the one
    /// that was expected.
    pub fn passes(&self) -> bool {
        self.complete && self.as_expected() && self.outcomes.iter().all(|outcome| outcome.holds)
    }

    /// How many states were expected; none if nobody knows.
    pub fn expected(&self) -> Option<BigUint> {
        match self.backend {
            Backend::Stock => self.system.stock.map(BigUint::from),
            Backend::Explicit | Backend::Alike | Backend::Symbolic => {
                Some(BigUint::from(self.system.states))
            }
        }
    }

    /// Whether the number of states is the one that was expected.
    pub fn as_expected(&self) -> bool {
        self.expected().as_ref() == Some(&self.states)
    }
}

/// Visits every reachable state of a system, under the rules of Paxos. `progress` is told how
/// many states were found so far, again and again.
pub fn check(
    system: &'static System,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let start = Instant::now();
    let report = match backend {
        Backend::Stock => check_stock(system, progress)?,
        Backend::Explicit | Backend::Alike => check_explicit(system, backend, progress)?,
        Backend::Symbolic => check_symbolic(system, progress)?,
    };
    Ok(Report { elapsed: start.elapsed(), ..report })
}

fn check_stock(system: &'static System, progress: &dyn Fn(&BigUint)) -> Result<Report, CheckError> {
    let model = system.model(&Paxos)?;
    let finished = stock::explore(model, HasDiscoveries::All, |n| progress(&n.into()))
        .ok_or(CheckError::Panicked(system.name))?;
    let mut outcomes = Vec::new();
    for property in system.properties() {
        let found = finished.runs.contains_key(property.name);
        let holds = match property.kind {
            Kind::Sometimes => found,
            Kind::Always => !found,
            Kind::StaysPossible => {
                let hunt = stock::hunt(system, &Paxos, property, &|n| progress(&n.into()))?;
                hunt.run.is_none()
            }
            // Stateright's own check of such properties misses counterexamples.
            Kind::Eventually => continue,
        };
        outcomes.push(Outcome { property, holds, counterexample: None });
    }
    Ok(Report {
        system,
        backend: Backend::Stock,
        states: finished.unique_states.into(),
        visited: Some(finished.unique_states),
        steps: Some(finished.total_states as u64),
        depth: Some(finished.depth),
        nodes: None,
        peak_nodes: None,
        elapsed: Duration::ZERO,
        complete: finished.complete,
        outcomes,
    })
}

fn check_explicit(
    system: &'static System,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let (mut universe, members) = system.universe(&Paxos, Machine::Sound)?;
    let now = |kind| matches!(kind, Kind::Always | Kind::Sometimes);
    let held: Vec<_> = system.properties().filter(|property| now(property.kind)).collect();
    let watch = |property: &&'static Property| watch(property, &members, &universe);
    let mut watches: Vec<_> = held.iter().map(watch).collect();
    let alike = alike(system, backend)?;
    let symmetry = alike.as_ref().map(|alike| alike as &dyn Symmetry<Node>);
    let until = Until::Exhausted;
    let explored =
        explore_up_to(&mut universe, &mut watches, symmetry, until, |n| progress(&n.into()))?;
    let mut outcomes = Vec::new();
    for (property, run) in held.into_iter().zip(explored.found) {
        let found = run.is_some();
        let shows = run.filter(|_| property.kind == Kind::Always);
        let trace = shows.map(|run| Trace::of_run(system, &universe, &members, &run, property));
        let holds = found == (property.kind == Kind::Sometimes);
        outcomes.push(Outcome { property, holds, counterexample: trace.transpose()? });
    }
    for property in system.properties().filter(|property| !now(property.kind)) {
        outcomes.push(of_all_runs(system, property, progress)?);
    }
    Ok(Report {
        system,
        backend,
        states: explored.with_images.into(),
        visited: Some(explored.states),
        steps: Some(explored.steps),
        depth: Some(explored.depth),
        nodes: None,
        peak_nodes: None,
        elapsed: Duration::ZERO,
        complete: true,
        outcomes,
    })
}

/// What becomes of a property of all runs, which takes a search of its own.
fn of_all_runs(
    system: &'static System,
    property: &'static Property,
    progress: &dyn Fn(&BigUint),
) -> Result<Outcome, CheckError> {
    let hunt = hunt(system, &Paxos, Machine::Sound, property, Backend::Symbolic, progress)?;
    Ok(Outcome { property, holds: hunt.trace.is_none(), counterexample: hunt.trace })
}

fn check_symbolic(
    system: &'static System,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let (mut universe, members) = system.universe(&Paxos, Machine::Sound)?;
    let mut symbolic = Symbolic::new(&mut universe);
    symbolic.report_to(&progress);
    let reach = symbolic.reach()?;
    let states = symbolic.count(reach);
    progress(&states);
    let (nodes, peak_nodes) = (symbolic.diagram().size(reach), symbolic.diagram().peak());
    let mut outcomes = Vec::new();
    for property in system.properties() {
        let mut watch = watch_of(property, &members, system)?;
        let holds = match property.kind {
            Kind::Always => !symbolic.finds(reach, &mut watch),
            Kind::Sometimes => symbolic.finds(reach, &mut watch),
            Kind::StaysPossible => {
                let goal = symbolic.select(reach, &mut watch);
                symbolic.stuck(reach, goal)? == EMPTY
            }
            Kind::Eventually => {
                outcomes.push(of_all_runs(system, property, progress)?);
                continue;
            }
        };
        outcomes.push(Outcome { property, holds, counterexample: None });
    }
    let unexplained = |outcome: &&mut Outcome| {
        let Outcome { property, holds, counterexample } = &**outcome;
        !holds && counterexample.is_none() && property.kind != Kind::Sometimes
    };
    for outcome in outcomes.iter_mut().filter(unexplained) {
        let property = outcome.property;
        let backend = Backend::Symbolic;
        let hunt = hunt(system, &Paxos, Machine::Sound, property, backend, progress)?;
        outcome.counterexample = hunt.trace;
    }
    Ok(Report {
        system,
        backend: Backend::Symbolic,
        states,
        visited: None,
        steps: None,
        depth: None,
        nodes: Some(nodes),
        peak_nodes: Some(peak_nodes),
        elapsed: Duration::ZERO,
        complete: true,
        outcomes,
    })
}

/// How the acceptors of a system may change places, if that is asked for.
fn alike(system: &'static System, backend: Backend) -> Result<Option<Alike>, CheckError> {
    if backend != Backend::Alike {
        return Ok(None);
    }
    let alike = Alike::acceptors(&system.bounds).ok_or(CheckError::NotAlike(system.name))?;
    Ok(Some(alike))
}

pub(super) fn watch<R: Rulebook>(
    property: &'static Property,
    members: &Members,
    universe: &Universe<Node<R>>,
) -> Watch<Node<R>, Lens> {
    Watch::new(Lens::new(property, members, universe.actors()))
}

fn watch_of(
    property: &'static Property,
    members: &Members,
    system: &'static System,
) -> Result<Watch<Node, Lens>, CheckError> {
    let (nodes, _) = system.bounds.nodes(&Paxos)?;
    Ok(Watch::new(Lens::new(property, members, &nodes)))
}

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
    /// How long it took.
    pub elapsed: Duration,
}

/// Looks for a shortest run that breaks a property, or shows an example of it, and stops at the
/// first.
pub fn hunt<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: Machine,
    property: &'static Property,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Hunt, CheckError> {
    let start = Instant::now();
    if backend == Backend::Stock {
        return stock::hunt(system, rulebook, property, &|n| progress(&n.into()))
            .map(|hunt| hunt.into_hunt(start.elapsed()));
    }
    let (mut universe, members) = system.universe(rulebook, machine)?;
    let mut watch = watch(property, &members, &universe);
    let (run, states) = match (backend, property.kind) {
        (Backend::Explicit | Backend::Alike, Kind::Always | Kind::Sometimes) => {
            let watches = std::slice::from_mut(&mut watch);
            let alike = alike(system, backend)?;
            let symmetry = alike.as_ref().map(|alike| alike as &dyn Symmetry<Node<R>>);
            let until = Until::Found;
            let explored =
                explore_up_to(&mut universe, watches, symmetry, until, |n| progress(&n.into()))?;
            (explored.found.into_iter().flatten().next(), explored.states.into())
        }
        (_, Kind::Eventually) => {
            let fairness = fairness(&mut universe, &mut watch, |n| progress(&n.into()))?;
            (fairness.lasso.map(|lasso| lasso.stem), fairness.states.into())
        }
        _ => hunt_symbolic(&mut universe, &mut watch, progress)?,
    };
    let trace = run.map(|run| Trace::of_run(system, &universe, &members, &run, property));
    Ok(Hunt { system, property, trace: trace.transpose()?, states, elapsed: start.elapsed() })
}

fn hunt_symbolic<R: Rulebook>(
    universe: &mut Universe<Node<R>>,
    watch: &mut Watch<Node<R>, Lens>,
    progress: &dyn Fn(&BigUint),
) -> Result<(Option<Run>, BigUint), CheckError> {
    let mut symbolic = Symbolic::new(universe);
    let mut states = BigUint::ZERO;
    let mut count = |reached: BigUint| {
        progress(&reached);
        states = reached;
    };
    let run = if watch.observer().property.kind == Kind::StaysPossible {
        let reach = symbolic.reach()?;
        let goal = symbolic.select(reach, watch);
        let stuck = symbolic.stuck(reach, goal)?;
        symbolic.shortest_to(stuck, &mut count)?
    } else {
        symbolic.shortest(watch, &mut count)?
    };
    Ok((run, states))
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
