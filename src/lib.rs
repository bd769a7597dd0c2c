//! `synod` is a Multi-Paxos replicated log. Leader and acceptor logic is written once, as
//! Stateright actors. The same code is model-checked, and run over real UDP sockets.
//!
//! The types below are what an embedder needs: the file of a cluster, its members, its clients, and a
//! state machine to replicate. With the feature `lab` there are experiments on clusters as well, and with
//! `cli` the command line. `ARCHITECTURE.md` says what is inside.
//!
//! # Your own state machine
//!
//! ```
#![doc = include_str!("../examples/embedded.rs")]
//! ```

// Without the checks, the laboratory and the command line some of what they use is used by nobody.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(feature = "cli")]
pub mod cli;
/// Checks of a user's own state machine, exhaustively, in a small cluster of the real actors.
#[cfg(feature = "check")]
pub mod check {
    pub use crate::model::custom::report::{CheckReport, CheckVerdict, Checked};
    pub use crate::model::custom::{Applied, Check, CheckFailed};
}
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
pub use cluster::request_name::{NoRequestName, RequestName};
pub use cluster::shared_client::{MOST_BYTES, MOST_REQUESTS, SharedClient};
pub use cluster::status_client::{Endpoint, Found, StatusClient, StatusError};
pub use machine::Machine;
pub use machine::kv::{KvCommand, KvReply, KvStore, MAX_ENTRY, TooLong};
pub use paxos::{
    AcceptorId, Answer, AnyStateMachine, Ballot, ClientId, Decree, Done, Instance, LeaderId,
    Limits, Outcome, Quorums, Rejected, RequestId, RestoreError, StateMachine, Timing, Unknown,
};
pub use runtime::counters::{Counters, Counts};
pub use runtime::host::HostError;
pub use runtime::identity::ClusterId;
pub use runtime::inquiry::{AcceptorStatus, LeaderStatus, RoleStatus, Status};
pub use runtime::journal::disk::Recovered;
pub use runtime::pump::End;
pub use runtime::run::{Ended, Running};
