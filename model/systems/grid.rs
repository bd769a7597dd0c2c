//! Systems that differ in one bound at a time, to measure the growth of states, time and memory.

use super::super::system::{Bounds, Crashes, Effort, LeaderBounds, System};
use super::base::{BASE, NO_CLIENTS, campaigner};
use crate::paxos::Timer;

/// A system of the grid.
#[derive(Debug)]
pub struct Point {
    /// The bound that varies.
    pub dimension: &'static str,
    /// The value of that bound.
    pub value: u32,
    /// The system. Its number of states is not pinned.
    pub system: System,
}

const fn point(dimension: &'static str, value: u32, name: &'static str, bounds: Bounds) -> Point {
    let about = "one bound grows, all others stay";
    let (states, effort, stock) = (0, Effort::Minutes, None);
    let (also, left_out) = (&[], NO_CLIENTS);
    let system = System { name, about, bounds, also, left_out, states, effort, stock };
    Point { dimension, value, system }
}

const ALL: &[u8] = &[1, 2, 3];
const ONE: LeaderBounds = campaigner(ALL, 1);
const AGAIN: LeaderBounds = LeaderBounds { timers: &[Timer::Election], ..ONE };
const QUIET: Bounds = Bounds { nacks: false, ..BASE };
const TWO: Bounds = Bounds { leaders: &[ONE, ONE], ..QUIET };
const ACCEPTORS: &[&str] = &["A1", "A2", "A3"];

const fn with_acceptors(leaders: &'static [LeaderBounds], acceptors: u8) -> Bounds {
    Bounds { leaders, acceptors, ..QUIET }
}

const fn with_crashes(total: u8) -> Bounds {
    Bounds { crashes: Crashes { who: ACCEPTORS, total }, ..TWO }
}

/// All points. The centre has two leaders with a command each, three acceptors, one round and no
/// crash.
pub static GRID: [Point; 16] = [
    point("leaders", 1, "leaders-1", Bounds { leaders: &[ONE], ..QUIET }),
    point("leaders", 2, "leaders-2", TWO),
    point("leaders", 3, "leaders-3", Bounds { leaders: &[ONE, ONE, ONE], ..QUIET }),
    point(
        "acceptors",
        2,
        "acceptors-2",
        with_acceptors(&[campaigner(&[1, 2], 1), campaigner(&[1, 2], 1)], 2),
    ),
    point("acceptors", 3, "acceptors-3", TWO),
    point(
        "acceptors",
        4,
        "acceptors-4",
        with_acceptors(&[campaigner(&[1, 2, 3, 4], 1), campaigner(&[1, 2, 3, 4], 1)], 4),
    ),
    point(
        "acceptors",
        5,
        "acceptors-5",
        with_acceptors(&[campaigner(&[1, 2, 3, 4, 5], 1), campaigner(&[1, 2, 3, 4, 5], 1)], 5),
    ),
    point("rounds", 1, "rounds-1", Bounds { leaders: &[AGAIN, AGAIN], acceptors: 3, ..QUIET }),
    point("rounds", 2, "rounds-2", Bounds { leaders: &[AGAIN, AGAIN], rounds: 2, ..QUIET }),
    point("commands", 0, "commands-0", Bounds { leaders: &[campaigner(ALL, 0), ONE], ..QUIET }),
    point("commands", 1, "commands-1", TWO),
    point(
        "commands",
        2,
        "commands-2",
        Bounds { leaders: &[campaigner(ALL, 2), ONE], instances: 2, ..QUIET },
    ),
    point("crashes", 0, "crashes-0", TWO),
    point("crashes", 1, "crashes-1", with_crashes(1)),
    point("crashes", 2, "crashes-2", with_crashes(2)),
    point("crashes", 3, "crashes-3", with_crashes(3)),
];
