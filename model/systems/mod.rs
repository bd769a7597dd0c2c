//! The systems that are checked.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `small` | systems that stock Stateright can exhaust too |
//! | `full` | systems for the engine, in which leaders ask all acceptors |
//! | `grid` | systems in which one bound varies, to measure |
//! | `sessions` | clients that retry, give up, come late, are forgotten, and come back |
//! | `upkeep` | promises in pages, announced campaigns, votes that are made up for |
//! | `large` | systems that are too large to exhaust, for random walks |

pub(super) mod base;
mod full;
mod grid;
mod large;
mod sessions;
mod small;
mod upkeep;

use super::system::System;

pub use grid::{GRID, Point};
pub use large::LARGE;

/// All systems that are exhausted.
pub fn systems() -> impl Iterator<Item = &'static System> {
    small::SMALL.iter().chain(&full::FULL).chain(&sessions::SESSIONS).chain(&upkeep::UPKEEP)
}

/// The system of this name.
pub fn system(name: &str) -> Option<&'static System> {
    systems().find(|system| system.name == name)
}

/// The system of this name, including those that are only measured.
pub fn measured_system(name: &str) -> Option<&'static System> {
    let measured = || GRID.iter().map(|point| &point.system);
    systems().chain(measured()).find(|system| system.name == name)
}
