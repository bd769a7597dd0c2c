//! `synod`: a Multi-Paxos replicated log, written once, model-checked and run.

pub mod paxos;
