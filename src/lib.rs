//! `synod` is a Multi-Paxos replicated log. Leader and acceptor logic is written once, as
//! Stateright actors. The same code is model-checked, and run over real UDP sockets.
//!
//! The types below are what an embedder needs: the file of a cluster, its members, its clients, and a
//! state machine to replicate. With the feature `lab` there are experiments on clusters as well, and with
//! `cli` the command line. `ARCHITECTURE.md` says what is inside.
//!
//! # Your own state machine
//!
//! Three members in one process, over real sockets and with journals on disk. In earnest each is a
//! process of its own, on a machine of its own; they share the file.
//!
//! ```
//! use std::time::Duration;
//! use synod::lab::free_ports;
//! use synod::{
//!     Answer, AnyStateMachine, Client, ClusterConfig, Member, Outcome, RestoreError, StateMachine,
//! };
//!
//! /// Adds up.
//! #[derive(Clone, Default)]
//! struct Sum(u64);
//!
//! impl StateMachine for Sum {
//!     fn apply(&mut self, command: &[u8]) -> Vec<u8> {
//!         self.0 += command.iter().map(|byte| u64::from(*byte)).sum::<u64>();
//!         self.0.to_string().into_bytes()
//!     }
//!
//!     fn snapshot(&self) -> Vec<u8> {
//!         self.0.to_le_bytes().to_vec()
//!     }
//!
//!     fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
//!         let bytes = snapshot.try_into().map_err(|_| RestoreError::new("not eight bytes"))?;
//!         Ok(Sum(u64::from_le_bytes(bytes)))
//!     }
//! }
//!
//! let base = std::env::temp_dir().join(format!("synod-sum-{}", std::process::id()));
//! let mut ports = free_ports(6)?.into_iter();
//! let file = ClusterConfig::sample_at("sum", 3, || ports.next().unwrap_or_default())?;
//! let config: ClusterConfig = file.parse()?;
//! let mut members = Vec::new();
//! for member in &config.members {
//!     Member::create(&config, &base, &member.name)?; // the first time ever
//!     let machine = AnyStateMachine::new(Sum::default());
//!     members.push(Member::start(&config, &base, &member.name, &machine)?);
//! }
//!
//! let mut client = Client::new(&config)?;
//! let within = Duration::from_secs(10);
//! client.propose(&[1, 2], within)?;
//! let Outcome::Done(done) = client.propose(&[3], within)? else { panic!("not done in time") };
//! assert_eq!(done.answer, Answer::Reply(b"6"[..].into()));
//! # drop(members);
//! # std::fs::remove_dir_all(base)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Without the checks, the laboratory and the command line some of what they use is used by nobody.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(feature = "cli")]
pub mod cli;
mod cluster;
mod codec;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
#[cfg(feature = "lab")]
pub mod lab;
mod machine;
#[cfg(feature = "check")]
#[path = "../model/mod.rs"]
mod model;
mod nearest;
mod paxos;
#[cfg(feature = "check")]
#[path = "../proofs/mod.rs"]
mod proof;
mod runtime;
#[cfg(test)]
#[path = "../tests/library/mod.rs"]
mod tests;

pub use cluster::client::Client;
pub use cluster::config::{Address, ClusterConfig, ConfigError, MemberConfig};
pub use cluster::driver::ClientError;
pub use cluster::health::{Finding, Health, State as HealthState, judge};
pub use cluster::member::{Conditions, Member, MemberError, RoleKind, RunningRole};
pub use cluster::pending::Pending;
pub use cluster::shared_client::{MOST_BYTES, MOST_REQUESTS, SharedClient};
pub use cluster::status_client::{Endpoint, Found, StatusClient, StatusError};
pub use machine::Machine;
pub use machine::kv::{KvCommand, KvReply, KvStore, MAX_ENTRY, TooLong};
pub use paxos::{
    AcceptorId, Answer, AnyStateMachine, Ballot, ClientId, Decree, Done, Instance, LeaderId,
    Limits, Outcome, Quorums, Rejected, RequestId, RestoreError, StateMachine, Timing, Unknown,
};
pub use runtime::counters::Counts;
pub use runtime::host::HostError;
pub use runtime::inquiry::{AcceptorStatus, LeaderStatus, RoleStatus, Status};
pub use runtime::pump::End;
pub use runtime::run::{Ended, Running};
