//! Many-sorted first-order logic, as far as the proof needs it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `formula` | sorts, relations, formulas, as data |
//! | `display` | formulas as people write them |
//! | `structure` | finite structures, and what is true in them |

mod display;
mod formula;
mod structure;

pub use formula::{Formula, Relation, Sort, Var, equal, exists, forall};
pub use structure::{Element, Structure, Valuation};
