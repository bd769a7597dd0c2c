//! The checking engine: every reachable state of any Stateright actors, without visiting them one
//! by one where that can be helped.
//!
//! An actor's whole situation (local state, timers, storage, whether it is down, and every message
//! that it ever sent) is interned to one small integer, its **id**; a state of the system is one id
//! for each actor. The network is the union of what was ever sent. It only grows, so loss, delay,
//! reordering and repetition without bound are all in it: a message that is never delivered is a
//! lost one. A delivery looks at two actors and changes one id, and a handler runs once for each
//! (local state, message).
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`universe`] | actors, messages and situations as integers, and the steps between them |
//! | [`faults`] | who may crash how often, and what a disk does to what was saved |
//! | [`observe`] | what is seen of a state or a step, as facts, and what is found in them |
//! | [`run`], [`replay`] | runs, step by step, and once more on the actors themselves |
//! | [`explicit`] | reachable states one by one, as machine words |
//! | [`steps`] | steps one by one, each with what happened |
//! | [`bridge`] | the same states for Stateright's own checkers and its Explorer |
//! | [`symmetry`] | actors that may change places |
//! | [`liveness`], [`fair`] | whether every fair run reaches a goal |
//! | [`swarm`] | random walks, for what cannot be exhausted |
//! | [`diagram`], [`cache`] | sets of states as decision diagrams, one level for each actor |
//! | [`symbolic`] | all reachable states at once, on diagrams |

#![allow(
    clippy::indexing_slicing,
    reason = "ids index the tables that handed them out, and nothing else"
)]

pub mod bridge;
pub mod cache;
pub mod diagram;
pub mod explicit;
pub mod fair;
pub mod faults;
pub mod liveness;
pub mod observe;
pub mod replay;
pub mod run;
pub mod steps;
pub mod swarm;
pub mod symbolic;
pub mod symmetry;
pub mod universe;
