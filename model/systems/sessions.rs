//! Systems of clients: what they are told when they retry, give up, come late, are forgotten or come back.
//!
//! The network repeats whatever was sent, at any time, so that a request may be done long after its
//! client was told something of it.

use super::super::system::{Bounds, ClientBounds, Effort, LeaderBounds, System};
use super::base::{
    ALONE, BASE, CLIENT, NONE_BIND, NONE_FINAL, NONE_OVER, NONE_REJECTED, NONE_TRUE, NONE_UNKNOWN,
    campaigner, elector,
};
use crate::paxos::{Audience, Timer};

/// One acceptor, so that what is chosen is a matter of one vote.
const ONE: Bounds = Bounds { acceptors: 1, audience: Audience::Proposer, ..BASE };

/// A leader that campaigns at once.
const FIRST: LeaderBounds = campaigner(&[1], 0);

const ASKED: &str = "a request is answered";
const REJECTED: &str = "a request is rejected";
const UNKNOWN: &str = "an outcome is unknown";
const LATE: &str = "a client that came late is served";

pub(super) static SESSIONS: [System; 10] = [
    System {
        name: "given-up",
        about: "a client gives requests up at any time, sent or not",
        bounds: Bounds {
            leaders: &[FIRST, FIRST],
            instances: 2,
            clients: &[ClientBounds {
                commands: 2,
                timers: &[Timer::Retry, Timer::GiveUp],
                ..CLIENT
            }],
            ..ONE
        },
        also: &[ASKED, REJECTED, UNKNOWN],
        left_out: &[],
        states: 3_441_390,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "redirected",
        about: "two leaders take over from one another, and send a client to and fro",
        bounds: Bounds {
            leaders: &[elector(&[1], 0), elector(&[1], 0)],
            clients: &[ClientBounds { timers: &[Timer::Retry], ..CLIENT }],
            ..ONE
        },
        also: &[ASKED, "a primary steps down"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 45_940,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "overloaded",
        about: "one command may wait for a place in a window of one, and a client has three",
        bounds: Bounds {
            leaders: &[FIRST],
            instances: 3,
            window: 1,
            waiting: 1,
            clients: &[ClientBounds { commands: 3, at_once: 3, timers: &[Timer::Retry], ..CLIENT }],
            ..ONE
        },
        also: &[ASKED],
        left_out: &[
            NONE_REJECTED,
            NONE_UNKNOWN,
            ALONE,
            NONE_FINAL,
            NONE_TRUE,
            NONE_OVER,
            NONE_BIND,
        ],
        states: 11_109,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "too-many-at-once",
        about: "leaders take one request of a client at a time, and it has two",
        bounds: Bounds {
            leaders: &[FIRST, FIRST],
            client_window: 1,
            clients: &[ClientBounds {
                commands: 2,
                at_once: 2,
                timers: &[Timer::Retry, Timer::GiveUp],
                ..CLIENT
            }],
            ..ONE
        },
        also: &[ASKED, UNKNOWN],
        left_out: &[NONE_REJECTED],
        states: 49_024,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "full-history",
        about: "a client has two commands, and the history holds one",
        bounds: Bounds {
            leaders: &[FIRST, FIRST],
            clients: &[ClientBounds { commands: 2, at_once: 2, timers: &[Timer::Retry], ..CLIENT }],
            ..ONE
        },
        also: &[ASKED, REJECTED],
        left_out: &[NONE_UNKNOWN],
        states: 13_100,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "two-at-once",
        about: "a client has two requests under way, and gives up what takes too long",
        bounds: Bounds {
            leaders: &[FIRST],
            instances: 3,
            clients: &[ClientBounds {
                commands: 3,
                at_once: 2,
                timers: &[Timer::Retry, Timer::GiveUp],
                ..CLIENT
            }],
            ..ONE
        },
        also: &[ASKED, REJECTED, UNKNOWN],
        left_out: &[ALONE, NONE_FINAL, NONE_TRUE, NONE_OVER, NONE_BIND],
        states: 360_555,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "late",
        about: "a client comes late, asks for a lease, and gives up if it takes too long",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 1), FIRST],
            instances: 3,
            clients: &[ClientBounds {
                is_original: false,
                timers: &[Timer::Retry, Timer::GiveUp],
                ..CLIENT
            }],
            ..ONE
        },
        also: &[ASKED, REJECTED, UNKNOWN, LATE],
        left_out: &[],
        states: 310_252,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "expired",
        about: "two clients are each forgotten after one instance, and ask for other leases",
        bounds: Bounds {
            leaders: &[FIRST],
            instances: 4,
            lease: 1,
            clients: &[
                ClientBounds { commands: 2, timers: &[Timer::Retry], ..CLIENT },
                ClientBounds { commands: 2, ..CLIENT },
            ],
            ..ONE
        },
        also: &[ASKED, UNKNOWN, LATE, "a session has expired"],
        left_out: &[NONE_REJECTED, ALONE, NONE_FINAL, NONE_TRUE, NONE_OVER, NONE_BIND],
        states: 619_853,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "rests",
        about: "a client lets its lease go between two requests, and asks for another",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 1)],
            instances: 4,
            lease: 2,
            clients: &[ClientBounds {
                commands: 2,
                timers: &[Timer::Retry, Timer::GiveUp, Timer::Idle],
                ..CLIENT
            }],
            ..ONE
        },
        also: &[ASKED, REJECTED, UNKNOWN, LATE],
        left_out: &[ALONE, NONE_FINAL, NONE_TRUE, NONE_OVER, NONE_BIND],
        states: 31_564,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "next-life",
        about: "a client's next life asks what became of its requests, while they may still be under way",
        bounds: Bounds {
            leaders: &[FIRST],
            instances: 3,
            lease: 2,
            clients: &[
                ClientBounds { commands: 2, at_once: 2, ..CLIENT },
                ClientBounds {
                    commands: 0,
                    at_once: 2,
                    timers: &[Timer::Retry, Timer::GiveUp],
                    resumes: &[(0, 0), (0, 1)],
                    ..CLIENT
                },
            ],
            ..ONE
        },
        also: &[ASKED, UNKNOWN],
        left_out: &[NONE_REJECTED, ALONE, NONE_FINAL, NONE_TRUE, NONE_OVER, NONE_BIND],
        states: 6_677,
        effort: Effort::Seconds,
        stock: None,
    },
];
