//! Systems that are too large to exhaust, for random walks.

use super::super::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use super::base::{BASE, RETRYING};
use crate::paxos::{LeaderId, Quorums, Start, Timer};

/// A leader with every timer.
const RESTLESS: LeaderBounds = LeaderBounds {
    start: Start::Follow,
    asks: &[1, 2, 3],
    commands: 1,
    timers: &[Timer::Election, Timer::Heartbeat, Timer::Resend],
};

/// The properties to look for, in addition to those of kind `Always`.
const LOOKED_FOR: [&str; 6] = [
    "a command is chosen",
    "a request is answered",
    "a primary steps down",
    "a recovered acceptor votes",
    "what was chosen stays chosen",
    "clients see one order",
];

/// Systems that are too large to exhaust, and are only explored by random walks. Their numbers of
/// states are unknown.
pub static LARGE: [System; 2] = [
    System {
        name: "everything",
        about: "three leaders, clients that retry, resending, small windows, crashes of everybody",
        bounds: Bounds {
            leaders: &[RESTLESS, RESTLESS, RESTLESS],
            instances: 5,
            window: 2,
            lease: 3,
            reply_bytes: 2,
            rounds: 4,
            clients: &[
                ClientBounds { commands: 2, ..RETRYING },
                ClientBounds { first: LeaderId(2), ..RETRYING },
            ],
            crashes: Crashes { who: &["L1", "L2", "L3", "A1", "A2", "A3"], total: 4 },
            ..BASE
        },
        also: &LOOKED_FOR,
        left_out: &[],
        states: 0,
        effort: Effort::Never,
        stock: None,
    },
    System {
        name: "everything-flexible",
        about: "the same with four acceptors, of which two choose",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
            ],
            acceptors: 4,
            quorums: &Quorums::Sizes { phase1: 3, phase2: 2 },
            instances: 4,
            window: 2,
            rounds: 4,
            clients: &[ClientBounds { commands: 2, ..RETRYING }],
            crashes: Crashes { who: &["L1", "L2", "L3", "A1", "A2", "A3", "A4"], total: 4 },
            ..BASE
        },
        also: &LOOKED_FOR,
        left_out: &[],
        states: 0,
        effort: Effort::Never,
        stock: None,
    },
];
