//! Commands of the laboratory: the checks, the proof, and the experiments on clusters.

pub(super) mod bench;
pub(super) mod chaos;
pub(super) mod check;
mod compare;
pub(super) mod demo;
pub(super) mod explore;
pub(super) mod load;
pub(super) mod mutants;
mod new_file;
mod parallel;
pub(super) mod prove;
mod swarm;
mod worker;
