//! The prover: finds instances of the hypotheses and of the negated goal that cannot all be true,
//! and checks that they cannot.
//!
//! The formulas are Skolemised into clauses. If no sort depends on itself through the Skolem
//! functions, only finitely many ground terms exist (the EPR fragment: Bernays and Schönfinkel
//! 1928; Padon et al., "Paxos made EPR", 2017), so the search ends, with a proof or with a model.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `clause` | formulas as clauses; dependencies between sorts |
//! | `check` | the trusted checker of instances and learned clauses |
//! | `search` | finds the instances |
//! | `matching` | instances that are false in a candidate model |
//! | `sat` | the SAT solver |

#![allow(
    clippy::indexing_slicing,
    reason = "numbers of terms, variables and clauses index what handed them out"
)]

pub mod check;
pub mod clause;
mod matching;
mod sat;
mod search;

pub use check::ProofError;
pub use clause::Problem;
pub(super) use sat::Sat;
pub use search::{Outcome, prove};
