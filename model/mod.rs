//! The checks: systems, properties and mutants, over the very actors that run.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`facts`], [`lens`] | the observations of a system, and the observer |
//! | [`properties`] | what must hold, be reachable, or stay reachable; `findings` and `order` are the predicates |
//! | [`system`], [`systems`] | small clusters, with their bounds and numbers of states |
//! | [`mutants`] | faults that the checks must find |
//! | [`check`], [`hunt`] | run the checks, and search for counterexamples, on a [`backend`]; an [`error`] if they cannot |
//! | [`custom`] | checks a user's own state machine |
//! | [`report`] | the result of a check, and how much was judged |
//! | [`bfs`] | Stateright's own search |
//! | [`walk`] | random walks through systems that are too large |
//! | [`engine`] | explores the states of any Stateright actors |
//! | [`alike`] | symmetry reduction over acceptors |
//! | [`stock`], [`reach`] | the same systems in Stateright's own actor model |
//! | [`refinement`] | checks that the steps of the code are steps of the specification |
//! | [`trace`] | counterexamples in words |
//! | [`scope`] | the page of what was checked, and what was not |

pub mod alike;
pub mod backend;
pub mod bfs;
pub mod check;
pub mod custom;
pub mod engine;
pub mod error;
pub mod facts;
mod findings;
pub mod hunt;
mod late;
pub mod lens;
pub mod mutants;
mod order;
pub mod outcomes;
pub mod properties;
pub mod reach;
pub mod refinement;
pub mod report;
pub mod scope;
pub mod stock;
pub mod system;
pub mod systems;
pub mod trace;
pub mod walk;
