//! A proof by induction, in first-order logic, that what is chosen stays chosen, for any number of
//! acceptors, quorums, ballots, instances and values.
//!
//! Nothing here depends on the code that runs. `model/refinement` checks that each step of the code
//! is a step of the specification.
//!
//! | folder | what it holds |
//! | --- | --- |
//! | [`logic`] | formulas, and finite structures in which they are true or false |
//! | [`spec`] | the specification: actions, invariant, safety properties |
//! | [`obligation`] | the proof obligations, one formula each |
//! | [`ground`] | the prover: instances of the hypotheses that cannot all be true |
//! | [`countermodel`] | countermodels: small structures in which an obligation fails |
//! | [`sensitivity`] | checks that every part is needed, and that faults are found |
//! | [`explanation`] | the explanation of a countermodel in words |
//! | [`smt`] | obligations for other solvers, as SMT-LIB 2 |
//! | `pump` | a separate proof: loom scenarios of the message pump, compiled for tests only |

pub mod countermodel;
pub mod explanation;
pub mod ground;
pub mod logic;
pub mod obligation;
#[cfg(test)]
mod pump;
pub mod sensitivity;
pub mod smt;
pub mod spec;
