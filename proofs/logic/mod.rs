//! Many-sorted first-order logic, as far as the proof needs it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `formula` | sorts, relations, formulas, as data |
//! | `display` | formulas in mathematical notation |
//! | `structure` | finite structures, and the evaluation of formulas in them |

mod display;
mod formula;
mod structure;

pub use formula::{Formula, Relation, Sort, Var, equal, exists, forall};
pub use structure::{Element, Structure, Valuation};
