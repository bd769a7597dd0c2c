//! The protocol: Multi-Paxos as pure, deterministic actors.
//!
//! Nothing here uses a socket, a thread, a clock, a file, a codec or randomness. Every step is a function of
//! the state and one message or timer.
//!
//! # Names
//!
//! One name per thing. "PMS" is Lamport's "Paxos Made Simple" (2001); "PMMC" is van Renesse and Altinbuken's
//! "Paxos Made Moderately Complex" (2015).
//!
//! The last column has the names of the proof, in `proofs/spec/vocabulary.rs`. Safety does not depend on
//! messages for which the proof has none.
//!
//! | here | PMS | PMMC | proof |
//! | --- | --- | --- | --- |
//! | [`Ballot`] | proposal number | ballot number | sort `ballot` |
//! | [`Instance`] | instance | slot | sort `instance` |
//! | [`Decree`], [`Command`] | value, command | command | sort `value` |
//! | [`Message::Prepare`] | prepare request | `p1a` | none |
//! | [`Message::Promise`] | its response | `p1b` | `promised(n, b)`, `reported(n, b, i, x, v)`, `abstained(n, b, i, x)` |
//! | [`Message::Accept`] | accept request | `p2a` | `proposed(b, i, v)` |
//! | [`Message::Accepted`] | acceptance | `p2b` | `voted(n, b, i, v)` |
//! | [`Message::Nack`] | (2.2) inform the proposer | `p1b`, `p2b` with a higher ballot | none |
//! | [`Message::Chosen`] | chosen | decision | `learned(i, v)` |
//! | [`Quorums`] | majority | majority | sorts `quorum1`, `quorum2` |
//! | [`learner`] | learner | replica | `learned(i, v)` |
//! | [`Stance::Primary`](leader::Stance) | distinguished proposer | active leader | none |

pub mod acceptor;
mod ballot;
mod bytes;
pub mod catch_up;
mod checkpoint;
pub mod client;
mod command;
pub mod election;
mod executor;
mod invariants;
pub mod leader;
pub mod learner;
pub mod limits;
pub mod machine;
mod members;
mod message;
mod node;
mod outcome;
pub mod pending;
pub mod quorum;
mod renaming;
mod route;
mod rules;
mod session;
pub mod sessions;
pub mod step;
mod storage;
pub mod telling;

pub use acceptor::{Acceptor, Audience};
pub use ballot::{Ballot, LeaderId};
pub use checkpoint::Panic;
pub use client::{Client, Script};
pub use command::{ClientId, Command, Decree, Instance, RequestId};
pub use executor::Executor;
pub use invariants::{Checks, Invariants, holds};
pub use leader::{Leader, Stance, Start};
pub use limits::Limits;
pub use machine::{Answer, AnyStateMachine, RestoreError, StateMachine};
pub use members::{Members, MembersError};
pub use message::{Message, Refusal, Vote};
pub use node::{Node, Role, Setup, State, Timing};
pub use outcome::{Outcome, Rejected, Unknown, Verdict};
pub use quorum::{AcceptorId, AcceptorSet, MAX_ACCEPTORS, Quorums};
pub use rules::{Adopted, PAXOS, Paxos, Rulebook, Rules};
pub use session::{Asking, Handle, Session, Settled};
pub use sessions::{Done, Retention};
pub use step::Timer;
pub use storage::{Record, Saving, Storage};
