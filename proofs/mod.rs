//! Why what is chosen stays chosen, whatever the number of acceptors, quorums, ballots, instances
//! and values: a proof by induction, in first-order logic.
//!
//! Nothing here knows the code that runs. That its steps are steps of what is proved is checked by
//! `model/refinement`.
//!
//! | folder | what it holds |
//! | --- | --- |
//! | [`logic`] | formulas, and finite structures in which they are true or false |
//! | [`spec`] | the specification: what may happen, what always holds, what follows |
//! | [`obligation`] | what is to be shown, one formula each |
//! | [`ground`] | shows it: instances of the hypotheses that cannot all be true |
//! | [`counter`] | small structures in which something does not follow |
//! | [`sensitivity`] | that everything in it is needed, and that faults are found |
//! | [`story`] | such a structure, in words |
//! | [`smt`] | obligations for other solvers, as SMT-LIB 2 |
//! | `pump` | another proof: loom scenarios of the message pump, compiled for tests only |

pub mod counter;
pub mod ground;
pub mod logic;
pub mod obligation;
#[cfg(test)]
mod pump;
pub mod sensitivity;
pub mod smt;
pub mod spec;
pub mod story;
