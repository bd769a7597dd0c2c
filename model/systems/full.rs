//! Systems for the engine. In most, every leader asks every acceptor.

use super::super::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use super::base::{
    BASE, CLIENT, NO_CLIENTS, NONE_FINAL, NONE_OVER, NONE_REJECTED, NONE_TRUE, NONE_UNKNOWN,
    RETRYING, campaigner, elector,
};
use crate::paxos::{Audience, Quorums, Timer};

pub(super) static FULL: [System; 22] = [
    System {
        name: "passive",
        about: "two leaders ask all acceptors, and all leaders learn from every vote",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 431_984,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "heartbeats",
        about: "the same, with elections by heartbeats and with refusals",
        bounds: Bounds { leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)], ..BASE },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 26_552_045,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "three-leaders",
        about: "three leaders ask all acceptors",
        bounds: Bounds {
            leaders: &[
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 0),
            ],
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 1_341_102_256,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "acceptor-crashes-once",
        about: "any acceptor crashes, within a step too",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "a recovered acceptor votes"],
        left_out: NO_CLIENTS,
        states: 76_809_623,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "acceptor-crashes",
        about: "two crashes of any acceptors, within a step too",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 2 },
            ..BASE
        },
        also: &["a command is chosen", "a recovered acceptor votes"],
        left_out: NO_CLIENTS,
        states: 634_319_519,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "leader-crashes",
        about: "a leader crashes, within a step too, and campaigns again beside another",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            rounds: 2,
            nacks: false,
            crashes: Crashes { who: &["L1"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 116_587_608,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "five-acceptors",
        about: "two leaders ask five acceptors",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3, 4, 5], 1), campaigner(&[1, 2, 3, 4, 5], 1)],
            acceptors: 5,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 21_030_058_048,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "five-acceptors-heartbeats",
        about: "two leaders ask five acceptors, with elections by heartbeats and with refusals",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3, 4, 5], 1), elector(&[1, 2, 3, 4, 5], 1)],
            acceptors: 5,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 3_015_531_837_825,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "three-leaders-refused",
        about: "three leaders ask all acceptors, which refuse aloud",
        bounds: Bounds {
            leaders: &[
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 0),
            ],
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 908_685_460_096,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "heartbeats-and-crashes",
        about: "elections and refusals, and two crashes of any acceptors, within a step too",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 2 },
            ..BASE
        },
        also: &["a command is chosen", "a primary steps down", "a recovered acceptor votes"],
        left_out: NO_CLIENTS,
        states: 4_402_767_698,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "flexible",
        about: "four acceptors: three must promise, but two votes choose",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3, 4], 1), campaigner(&[1, 2, 3, 4], 1)],
            acceptors: 4,
            quorums: &Quorums::Sizes { phase1: 3, phase2: 2 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 74_593_889,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "read-one-write-all",
        about: "one promise suffices to propose, and all must vote",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            quorums: &Quorums::Sizes { phase1: 1, phase2: 3 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 157_080_969,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "retries",
        about: "a client that gets no answer asks the other leader; everybody asks all acceptors",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 0), campaigner(&[1, 2, 3], 0)],
            instances: 2,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 2_020_170_064,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "answers",
        about: "one leader comes back after every refusal, and every request is answered",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 0) },
                campaigner(&[1], 1),
            ],
            acceptors: 1,
            instances: 2,
            rounds: 2,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "every request is answered"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 464_334,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "one-by-one",
        about: "a client asks for one thing after another, and asks the other leader if need be",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 0), campaigner(&[1], 0)],
            acceptors: 1,
            instances: 2,
            audience: Audience::Proposer,
            clients: &[ClientBounds { commands: 2, ..RETRYING }],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "clients see one order"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 16_300,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "expiry",
        about: "a client is forgotten after one instance, and asks again",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 0), campaigner(&[2, 3], 1)],
            instances: 3,
            lease: 1,
            audience: Audience::Proposer,
            clients: &[RETRYING],
            ..BASE
        },
        also: &[
            "a command is chosen",
            "a request is answered",
            "a session has expired",
            "two leaders have equal logs",
        ],
        left_out: &[NONE_REJECTED],
        states: 1_100_124,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "short-memory",
        about: "an answer is remembered for three instances, one byte of replies is kept, requests come again",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 0), campaigner(&[1], 0)],
            acceptors: 1,
            instances: 5,
            window: 1,
            lease: 3,
            reply_bytes: 1,
            nacks: false,
            audience: Audience::Proposer,
            clients: &[ClientBounds { commands: 4, at_once: 4, ..CLIENT }],
            ..BASE
        },
        also: &[
            "a command is chosen",
            "a request is answered",
            "a session has expired",
            "a reply is not kept",
            "an answer is forgotten",
            "two leaders have equal logs",
        ],
        left_out: &[NONE_REJECTED, NONE_FINAL, NONE_TRUE, NONE_OVER],
        states: 1_194_633,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "window",
        about: "two instances, of which one may be open at a time",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 2), campaigner(&[1, 2, 3], 1)],
            instances: 2,
            window: 1,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        left_out: NO_CLIENTS,
        states: 231_403_600,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "two-commands",
        about: "two leaders with two commands each, and a gap between them",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 2), campaigner(&[1, 2, 3], 2)],
            instances: 2,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        left_out: NO_CLIENTS,
        states: 21_089_570_624,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "catch-up",
        about: "a leader that hears of no vote learns from the primary what was chosen",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 2), elector(&[1, 2, 3], 0)],
            instances: 2,
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        left_out: NO_CLIENTS,
        states: 31_889_567_265,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "two-rounds",
        about: "two leaders, two rounds each, with elections by heartbeats",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            rounds: 2,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 176_307_747_249,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "two-rounds-refused",
        about: "two rounds each, heartbeats and refusals; each leader asks a majority",
        bounds: Bounds { leaders: &[elector(&[1, 2], 1), elector(&[2, 3], 1)], rounds: 2, ..BASE },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 4_128_296_714,
        effort: Effort::Seconds,
        stock: None,
    },
];
