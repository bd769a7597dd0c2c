//! The checking engine: explores the reachable states of any Stateright actors, where possible
//! without visiting them one by one.
//!
//! The whole local configuration of an actor (local state, timers, storage, whether it is down, and
//! every message that it ever sent) is interned to one small integer, its **id**; a state of the
//! system is one id for each actor. The network is the union of the messages ever sent. It only
//! grows, so it includes unbounded loss, delay, reordering and duplication: a message that is never
//! delivered is a lost one. A delivery reads two actors and changes one id, and a handler runs once
//! for each (local state, message).
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`universe`] | actors, messages and cores as integers, and the steps between them |
//! | [`faults`] | the crashes that may happen, and the model of the disk |
//! | [`observe`] | the facts of states and steps, and the judgement of observers |
//! | [`run`], [`replay`] | runs step by step, and their replay on the actors themselves |
//! | [`explicit`] | reachable states one by one, as machine words |
//! | [`steps`] | steps one by one, each with its stimulus |
//! | [`bridge`] | the same states for Stateright's own checkers and its Explorer |
//! | [`symmetry`] | permutations of actors |
//! | [`liveness`], [`fair`] | checks that every fair run reaches a goal |
//! | [`swarm`] | random walks through systems that are too large |
//! | [`diagram`], [`cache`] | sets of states as decision diagrams |
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
