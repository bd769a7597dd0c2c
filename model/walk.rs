//! Random walks through systems that are too large to be exhausted.

use super::engine::faults::DiskModel;
use super::engine::swarm::{Swarmed, Walks, swarm};
use super::error::CheckError;
use super::lens::watch;
use super::properties::{Kind, Property};
use super::system::System;
use super::trace::Trace;
use crate::paxos::Rulebook;

/// The result of random walks. They never show that a property holds.
#[derive(Debug)]
pub struct Swarm {
    /// The states and steps visited.
    pub swarmed: Swarmed,
    /// Each property with the first walk in which something was found for it, and its trace.
    pub found: Vec<(&'static Property, Option<(u64, Trace)>)>,
}

/// Explores a system by random walks, under a rulebook and on disks of this model.
pub fn walk<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    machine: DiskModel,
    walks: Walks,
    progress: &dyn Fn(u64),
) -> Result<Swarm, CheckError> {
    let (mut universe, members) = system.universe(rulebook, machine)?;
    let seen = |kind| matches!(kind, Kind::Always | Kind::AlwaysWithHistory | Kind::Sometimes);
    let held: Vec<_> = system.properties().filter(|property| seen(property.kind)).collect();
    let watch = |property: &&'static Property| watch(property, &members, &universe);
    let mut watches: Vec<_> = held.iter().map(watch).collect();
    let swarmed = swarm(&mut universe, &mut watches, walks, progress)?;
    let mut found = Vec::new();
    for (property, first) in held.into_iter().zip(&swarmed.found) {
        let trace = first.as_ref().map(|(walk, run)| {
            let trace = Trace::of_run(system, &universe, &members, run, property);
            trace.map(|trace| (*walk, trace))
        });
        found.push((property, trace.transpose()?));
    }
    Ok(Swarm { swarmed, found })
}
