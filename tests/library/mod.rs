//! Tests of the library from inside: the checks, the proof, the papers, the journal, the host.

mod ahead;
mod before;
mod cluster;
mod common;
mod config;
mod disk;
mod elections;
mod embedded;
mod engine;
mod fuzz;
mod handshake;
mod host;
mod hostile;
mod journal;
mod linear;
mod memory;
mod model;
mod new;
mod panics;
mod paper;
mod proof;
mod recovery;
mod refinement;
mod swarm;
mod sync;
mod touchy;
