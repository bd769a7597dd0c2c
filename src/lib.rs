//! `synod`: a Multi-Paxos replicated log, written once, model-checked and run.

pub mod cli;
pub mod cluster;
#[path = "../model/mod.rs"]
pub mod model;
pub mod paxos;
pub mod runtime;
