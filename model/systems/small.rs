//! Systems that stock Stateright can exhaust too, in seconds.

use super::super::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use super::base::{
    ALONE, BASE, CLIENT, NO_CLIENTS, NONE_REJECTED, NONE_UNKNOWN, RETRYING, campaigner, elector,
};
use crate::paxos::{Audience, LeaderId, Timer};

pub(super) static SMALL: [System; 12] = [
    System {
        name: "dueling",
        about: "two leaders campaign at once and fight over one instance",
        bounds: Bounds { leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1)], ..BASE },
        also: &["a command is chosen", "two primaries at once"],
        left_out: NO_CLIENTS,
        states: 7_861,
        effort: Effort::Seconds,
        stock: Some(57_749),
    },
    System {
        name: "gap",
        about: "a new primary finds a vote above an instance that nobody has voted in",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 2), campaigner(&[1], 0)],
            acceptors: 1,
            instances: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        left_out: NO_CLIENTS,
        states: 293,
        effort: Effort::Seconds,
        stock: Some(1_297),
    },
    System {
        name: "acceptor-crash",
        about: "the acceptor that both quorums share crashes and recovers",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1)],
            audience: Audience::Proposer,
            crashes: Crashes { who: &["A2"], total: 2 },
            ..BASE
        },
        also: &[
            "a command is chosen",
            "a recovered acceptor votes",
            "what was chosen stays chosen",
        ],
        left_out: NO_CLIENTS,
        states: 34_915,
        effort: Effort::Seconds,
        stock: Some(117_256),
    },
    System {
        name: "leader-crash",
        about: "a leader crashes, recovers and campaigns again, and never reuses a ballot",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 0)],
            acceptors: 1,
            rounds: 2,
            clients: &[ClientBounds { commands: 2, at_once: 2, ..CLIENT }],
            crashes: Crashes { who: &["L1"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "clients see one order"],
        left_out: &[ALONE, NONE_UNKNOWN],
        states: 1_359,
        effort: Effort::Seconds,
        stock: Some(49_386),
    },
    System {
        name: "retry",
        about: "a client that gets no answer asks the other leader",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 0), campaigner(&[2, 3], 0)],
            instances: 2,
            audience: Audience::Proposer,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "clients see one order"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 30_292,
        effort: Effort::Seconds,
        stock: Some(254_892),
    },
    System {
        name: "election",
        about: "two leaders elect a primary by heartbeats; the lower one steps down",
        bounds: Bounds {
            leaders: &[elector(&[1, 2], 1), elector(&[2, 3], 0)],
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 7_677,
        effort: Effort::Seconds,
        stock: Some(48_660),
    },
    System {
        name: "takeover",
        about: "two leaders take over from one another, and the higher id does not always win",
        bounds: Bounds {
            leaders: &[elector(&[1], 1), elector(&[1], 0)],
            acceptors: 1,
            rounds: 2,
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 1_297,
        effort: Effort::Seconds,
        stock: Some(3_373),
    },
    System {
        name: "progress",
        about: "a refused leader tries again under a higher ballot, so that a decision stays possible",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 1) },
                campaigner(&[1], 0),
            ],
            acceptors: 1,
            rounds: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "every command can still be chosen"],
        left_out: NO_CLIENTS,
        states: 367,
        effort: Effort::Seconds,
        stock: Some(1_372),
    },
    System {
        name: "comeback",
        about: "a refused leader comes back under a higher ballot and learns from the other's votes",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 1) },
                campaigner(&[1], 1),
            ],
            acceptors: 1,
            instances: 2,
            rounds: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "a stable leader's commands are chosen"],
        left_out: NO_CLIENTS,
        states: 1_195,
        effort: Effort::Seconds,
        stock: Some(5_310),
    },
    System {
        name: "three-ballots",
        about: "a third leader finds two different votes and has to take the one of the higher ballot",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1), campaigner(&[1, 3], 0)],
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        left_out: NO_CLIENTS,
        states: 31_881,
        effort: Effort::Seconds,
        stock: Some(203_031),
    },
    System {
        name: "two-clients",
        about: "two clients ask two leaders, which campaign at once",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 0), campaigner(&[2, 3], 0)],
            instances: 2,
            audience: Audience::Proposer,
            nacks: false,
            clients: &[CLIENT, ClientBounds { first: LeaderId(1), ..CLIENT }],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "clients see one order"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 28_996,
        effort: Effort::Seconds,
        stock: Some(250_893),
    },
    System {
        name: "clients-in-turn",
        about: "a client asks for one thing after another, while another client asks too",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 0), campaigner(&[1], 0)],
            acceptors: 1,
            instances: 3,
            audience: Audience::Proposer,
            nacks: false,
            clients: &[
                ClientBounds { commands: 2, ..CLIENT },
                ClientBounds { first: LeaderId(1), ..CLIENT },
            ],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "clients see one order"],
        left_out: &[NONE_REJECTED, NONE_UNKNOWN],
        states: 408,
        effort: Effort::Seconds,
        stock: Some(1_701),
    },
];
