//! What is checked: systems, properties and mutants, over the very actors that run.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`facts`], [`lens`] | what can be observed of a system, and who looks |
//! | [`properties`] | what must hold, what must be reachable, what must stay so; `findings` and `order` look for it |
//! | [`system`], [`systems`] | small clusters, with their bounds and numbers of states |
//! | [`mutants`] | faults that the checks must find |
//! | [`check`], [`hunt`] | run the checks, and look for counterexamples; on a [`backend`], with an [`error`] if they cannot |
//! | [`report`] | what a check showed, and of how much |
//! | [`bfs`] | Stateright's own search |
//! | [`walk`] | walks through at random what is too large |
//! | [`engine`] | explores the states of any Stateright actors |
//! | [`alike`] | acceptors that may change places |
//! | [`stock`], [`reach`] | the same systems in Stateright's own actor model |
//! | [`refinement`] | that what runs is what was proved |
//! | [`trace`] | counterexamples in words |
//! | [`scope`] | what was checked and what was not, as a table |

pub mod alike;
pub mod backend;
pub mod bfs;
pub mod check;
pub mod engine;
pub mod error;
pub mod facts;
mod findings;
pub mod hunt;
pub mod lens;
pub mod mutants;
mod order;
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
