//! Runs the checks, and reports their results.

use std::time::{Duration, Instant};

use num_bigint::BigUint;
use stateright::HasDiscoveries;

use super::alike::alike;
use super::backend::{Backend, Held};
use super::bfs;
use super::engine::diagram::{EMPTY, Node as Set};
use super::engine::explicit::{Until, explore_up_to};
use super::engine::faults::DiskModel;
use super::engine::observe::{Monitor, Scope};
use super::engine::symbolic::{Alone, Symbolic};
use super::engine::symmetry::Symmetry;
use super::engine::universe::Universe;
use super::error::CheckError;
use super::hunt::hunt;
use super::lens::{Lens, watch};
#[cfg(test)]
use super::mutants::Mutant;
use super::properties::{Kind, Property};
use super::refinement::{ALONE, STATES, STEPS};
use super::report::{Outcome, Report, Verdict};
use super::stock;
use super::system::System;
#[cfg(test)]
use super::systems::system;
use super::trace::Trace;
use crate::paxos::{Members, Node, Paxos, Role, Rulebook};

/// The properties of a check.
struct Plan {
    /// The properties that the back end judges.
    judged: Vec<&'static Property>,
    /// The properties that it cannot judge, with the reasons.
    beyond: Vec<(&'static Property, &'static str)>,
}

impl Plan {
    fn new(held: Held, system: &System, backend: Backend) -> Self {
        match (held, backend) {
            (Held::ToSpecification, Backend::Symbolic) => Plan {
                judged: STATES.iter().chain([&ALONE]).collect(),
                beyond: STEPS
                    .iter()
                    .map(|step| (step, "diagrams do not tell steps apart"))
                    .collect(),
            },
            (Held::ToSpecification, _) => {
                Plan { judged: STATES.iter().chain(&STEPS).collect(), beyond: Vec::new() }
            }
            (Held::ToProperties, _) => {
                let mut plan = Plan { judged: Vec::new(), beyond: Vec::new() };
                for property in system.properties() {
                    match backend.cannot_look_at(property.kind) {
                        Some(why) => plan.beyond.push((property, why)),
                        None => plan.judged.push(property),
                    }
                }
                plan
            }
        }
    }

    /// Adds the properties that the back end cannot judge to a report, so that none is omitted
    /// silently.
    fn complete(self, mut report: Report) -> Report {
        let beyond = self.beyond.into_iter();
        report.outcomes.extend(beyond.map(|(property, why)| Outcome::not_looked_at(property, why)));
        report
    }
}

/// Visits every reachable state of a system under the rules of Paxos. `progress` is called with the
/// number of states found so far.
pub fn check(
    system: &'static System,
    held: Held,
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let start = Instant::now();
    let plan = Plan::new(held, system, backend);
    let to = &plan.judged;
    let report = match backend {
        Backend::Stock if held == Held::ToSpecification => {
            return Err(CheckError::StepsInStock(system.name));
        }
        Backend::Stock => check_stock(system, to, progress)?,
        Backend::Explicit | Backend::Alike => check_explicit(system, to, backend, progress)?,
        Backend::Symbolic => check_symbolic(system, (&Paxos, DiskModel::Sound), to, progress)?,
    };
    Ok(plan.complete(Report { elapsed: start.elapsed(), ..report }))
}

fn check_stock(
    system: &'static System,
    held: &[&'static Property],
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let model = system.model(&Paxos)?;
    let config = model.cfg.clone();
    let finished = bfs::explore(model, HasDiscoveries::All, |n| progress(&n.into()))
        .ok_or(CheckError::Panicked(system.name))?;
    let mut outcomes = Vec::new();
    for property in held {
        let (holds, looked) = if property.kind == Kind::AlwaysReachable {
            let hunt = stock::hunt(system, &Paxos, property, &|n| progress(&n.into()))?;
            (hunt.run.is_none(), hunt.looked)
        } else {
            let found = finished.runs.contains_key(property.name);
            (found == (property.kind == Kind::Sometimes), config.looked(property))
        };
        outcomes.push(Outcome::new(system, property, holds, looked, None));
    }
    Ok(Report {
        system,
        backend: Backend::Stock,
        states: finished.unique_states.into(),
        visited: Some(finished.unique_states),
        steps: Some(finished.total_states as u64),
        judged: None,
        depth: Some(finished.depth),
        nodes: None,
        peak_nodes: None,
        elapsed: Duration::ZERO,
        complete: finished.complete,
        outcomes,
    })
}

pub(super) fn check_explicit(
    system: &'static System,
    held: &[&'static Property],
    backend: Backend,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let (mut universe, members) = system.universe(&Paxos, DiskModel::Sound)?;
    let now = |property: &&Property| matches!(property.kind, Kind::Always | Kind::Sometimes);
    let (now, of_runs): (Vec<&'static Property>, Vec<_>) = held.iter().copied().partition(now);
    let watch = |property: &&'static Property| watch(property, &members, &universe);
    let mut watches: Vec<_> = now.iter().map(watch).collect();
    let watched_steps = held.iter().any(|property| property.looks_at() == Scope::Steps);
    let alike = alike(system, backend)?;
    let symmetry = alike.as_ref().map(|alike| alike as &dyn Symmetry<Node>);
    let until = Until::Exhausted;
    let explored =
        explore_up_to(&mut universe, &mut watches, symmetry, until, |n| progress(&n.into()))?;
    let mut outcomes = Vec::new();
    let looked = watches.iter().map(Monitor::looked);
    for ((property, run), looked) in now.into_iter().zip(explored.found).zip(looked) {
        let holds = run.is_some() == (property.kind == Kind::Sometimes);
        let shows = run.filter(|_| property.kind == Kind::Always);
        let trace = shows.map(|run| Trace::of_run(system, &universe, &members, &run, property));
        outcomes.push(Outcome::new(system, property, holds, looked, trace.transpose()?));
    }
    for property in of_runs {
        outcomes.push(of_all_runs(system, (&Paxos, DiskModel::Sound), property, progress)?);
    }
    Ok(Report {
        system,
        backend,
        states: explored.with_images.into(),
        visited: Some(explored.states),
        steps: Some(explored.steps),
        judged: watched_steps.then_some(explored.judged),
        depth: Some(explored.depth),
        nodes: None,
        peak_nodes: None,
        elapsed: Duration::ZERO,
        complete: explored.exhausted,
        outcomes,
    })
}

/// Judges a property of all runs, which takes a search of its own.
fn of_all_runs<R: Rulebook>(
    system: &'static System,
    (rulebook, machine): (&R, DiskModel),
    property: &'static Property,
    progress: &dyn Fn(&BigUint),
) -> Result<Outcome, CheckError> {
    let hunt = hunt(system, rulebook, machine, property, Backend::Symbolic, progress)?;
    // Each state occurs at least once, however much history distinguishes its copies.
    let few =
        property.kind == Kind::AlwaysWithHistory && hunt.states < BigUint::from(system.states);
    if few && hunt.trace.is_none() {
        return Err(CheckError::Unfinished(property.name));
    }
    Ok(Outcome::new(system, property, hunt.trace.is_none(), hunt.looked, hunt.trace))
}

/// Visits every reachable state of a mutant's system, on diagrams.
#[cfg(test)]
pub fn check_mutant(
    mutant: &'static Mutant,
    held: Held,
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let start = Instant::now();
    let system = system(mutant.system).ok_or(mutant.misnamed(mutant.system))?;
    let plan = Plan::new(held, system, Backend::Symbolic);
    let report = check_symbolic(system, (&mutant, mutant.machine), &plan.judged, progress)?;
    Ok(plan.complete(Report { elapsed: start.elapsed(), ..report }))
}

fn check_symbolic<R: Rulebook>(
    system: &'static System,
    (rulebook, machine): (&R, DiskModel),
    held: &[&'static Property],
    progress: &dyn Fn(&BigUint),
) -> Result<Report, CheckError> {
    let (mut universe, members) = system.universe(rulebook, machine)?;
    let looks = |property| (property, watches(system, property, &members, &universe));
    let looks: Vec<_> = held.iter().copied().map(looks).collect();
    let acceptors = acceptors(&universe);
    let mut symbolic = Symbolic::new(&mut universe);
    symbolic.report_to(&progress);
    let reach = symbolic.reach()?;
    let states = symbolic.count(reach);
    progress(&states);
    let (nodes, peak_nodes) = (symbolic.diagram().size(reach), symbolic.diagram().peak());
    let complete = symbolic.is_closed(reach)?;
    let (mut outcomes, mut judged) = (Vec::new(), None);
    for (property, mut watches) in looks {
        if matches!(property.kind, Kind::Eventually | Kind::AlwaysWithHistory) {
            outcomes.push(of_all_runs(system, (rulebook, machine), property, progress)?);
            continue;
        }
        let mut holds = true;
        for watch in &mut watches {
            holds &= if property.looks_at() == Scope::Steps {
                let alone = alone(&mut symbolic, reach, &acceptors, watch)?;
                judged = Some(judged.unwrap_or(0) + alone.judged);
                alone.found.is_none()
            } else {
                holds_in(&mut symbolic, reach, watch)?
            };
        }
        let looked = watches.iter().map(Monitor::looked).sum();
        outcomes.push(Outcome::new(system, property, holds, looked, None));
    }
    let unexplained = |outcome: &&mut Outcome| {
        let Outcome { property, verdict, counterexample, .. } = &**outcome;
        let fails = *verdict == Verdict::Fails && property.kind != Kind::Sometimes;
        fails && counterexample.is_none()
    };
    for outcome in outcomes.iter_mut().filter(unexplained) {
        let property = outcome.property;
        let backend = Backend::Symbolic;
        let hunt = hunt(system, rulebook, machine, property, backend, progress)?;
        outcome.counterexample = hunt.trace;
    }
    Ok(Report {
        system,
        backend: Backend::Symbolic,
        states,
        visited: None,
        steps: None,
        judged,
        depth: None,
        nodes: Some(nodes),
        peak_nodes: Some(peak_nodes),
        elapsed: Duration::ZERO,
        complete,
        outcomes,
    })
}

/// Judges a property of states in this set. True if it holds.
fn holds_in<R: Rulebook>(
    symbolic: &mut Symbolic<'_, Node<R>>,
    reach: Set,
    watch: &mut Monitor<Node<R>, Lens>,
) -> Result<bool, CheckError> {
    let found = symbolic.finds(reach, watch);
    let kind = watch.observer().property.kind;
    if kind != Kind::AlwaysReachable {
        return Ok(found == (kind == Kind::Sometimes));
    }
    let goal = symbolic.select(reach, watch);
    Ok(symbolic.stuck(reach, goal)? == EMPTY)
}

/// The result of judging the steps of each of these actors alone.
fn alone<R: Rulebook>(
    symbolic: &mut Symbolic<'_, Node<R>>,
    reach: Set,
    actors: &[usize],
    watch: &mut Monitor<Node<R>, Lens>,
) -> Result<Alone, CheckError> {
    let mut all = Alone { judged: 0, found: None };
    for actor in actors {
        let Alone { judged, found } = symbolic.finds_alone(reach, *actor, watch)?;
        all = Alone { judged: all.judged + judged, found: all.found.or(found) };
    }
    Ok(all)
}

/// The places of the acceptors among the actors.
fn acceptors<R: Rulebook>(universe: &Universe<Node<R>>) -> Vec<usize> {
    let nodes = universe.actors().iter().enumerate();
    nodes.filter(|(_, node)| matches!(node.role(), Role::Acceptor(_))).map(|(i, _)| i).collect()
}

/// Monitors for a property of a whole diagram: one for everything, or one for each place, if the
/// property judges proposals one by one.
fn watches<R: Rulebook>(
    system: &System,
    property: &'static Property,
    members: &Members,
    universe: &Universe<Node<R>>,
) -> Vec<Monitor<Node<R>, Lens>> {
    if !property.one_by_one {
        return vec![watch(property, members, universe)];
    }
    let places = system.bounds.places().into_iter();
    let lens = |place| Lens::new(property, members, universe.actors()).at(place);
    places.map(|place| Monitor::new(lens(place))).collect()
}
