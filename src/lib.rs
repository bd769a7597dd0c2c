//! `synod`: a Multi-Paxos replicated log, written once, model-checked and run.

#[path = "../model/mod.rs"]
pub mod model;
pub mod paxos;
