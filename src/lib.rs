//! `synod` is a Multi-Paxos replicated log. Leader and acceptor logic is written once, as
//! Stateright actors. The same code is model-checked, and run over real UDP sockets.
//!
//! Data flows one way: `main` -> [`cli`] -> ([`model`], [`cluster`]) -> [`runtime`] -> [`machine`] ->
//! [`paxos`].
//!
//! - [`paxos`] is the protocol: pure and deterministic, and nothing else.
//! - [`machine`] holds state machines to replicate: a key-value store.
//! - [`runtime`] does the IO: one actor on one socket.
//! - [`cluster`] is a whole cluster in one process.
//! - [`model`] is what the checker checks.
//! - [`cli`] is the command line.
//!
//! A cluster that orders a hundred commands:
//!
//! ```
//! use std::time::Duration;
//! use synod::cluster::{Config, demo};
//!
//! let config = Config { acceptors: 3, failed: 1, commands: 100, ..Config::default() };
//! let report = demo::run(&config, Duration::from_secs(5), |_cluster| {}, |_answered| {})?;
//! assert!(report.holds());
//! # Ok::<(), synod::cluster::ClusterError>(())
//! ```

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod cli;
pub mod cluster;
pub mod machine;
#[path = "../model/mod.rs"]
pub mod model;
pub mod paxos;
pub mod runtime;
