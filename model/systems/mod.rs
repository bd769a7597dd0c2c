//! The systems that are checked, and what each leaves out.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `small` | what stock Stateright can exhaust too |
//! | `full` | everybody asks everybody; for the engine |
//! | `grid` | one bound grows; to measure |
//! | `upkeep` | pages of promises, campaigns that are heard of, votes that are made up for |
//! | `large` | what nobody can exhaust; for random walks |

mod base;
mod full;
mod grid;
mod large;
mod small;
mod upkeep;

use super::system::System;

pub use grid::{GRID, Point};
pub use large::LARGE;

/// All systems that are exhausted.
pub fn systems() -> impl Iterator<Item = &'static System> {
    small::SMALL.iter().chain(&full::FULL).chain(&upkeep::UPKEEP)
}

/// The system of this name.
pub fn system(name: &str) -> Option<&'static System> {
    systems().find(|system| system.name == name)
}

/// The system of this name, one that is only measured included.
pub fn measured_system(name: &str) -> Option<&'static System> {
    let measured = || GRID.iter().map(|point| &point.system);
    systems().chain(measured()).find(|system| system.name == name)
}
