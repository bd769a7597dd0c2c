//! Systems in which promises come in several pages, and in which leaders and acceptors send more
//! than safety needs.

use super::super::system::{Bounds, Effort, System};
use super::base::{BASE, NO_CLIENTS, campaigner, elector};
use crate::paxos::{Audience, Quorums};

pub(super) static UPKEEP: [System; 6] = [
    System {
        name: "pages",
        about: "a promise has a page for each vote; two are asked for at a time",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 3), campaigner(&[1, 2], 1)],
            acceptors: 2,
            instances: 3,
            audience: Audience::Proposer,
            nacks: false,
            page: 1,
            pages: 2,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        left_out: NO_CLIENTS,
        states: 43_299_649,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "pages-of-three",
        about: "a promise has a page for each vote, and all leaders ask all acceptors",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 2), campaigner(&[1, 2, 3], 1)],
            instances: 2,
            nacks: false,
            page: 1,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        left_out: NO_CLIENTS,
        states: 11_006_904_704,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "candidacies",
        about: "leaders hear of one another's campaigns",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            candidacies: true,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 26_928_893,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "three-electors",
        about: "three leaders elect a primary by heartbeats, and hear of one another's campaigns",
        bounds: Bounds {
            leaders: &[elector(&[1], 1), elector(&[1], 1), elector(&[1], 0)],
            acceptors: 1,
            nacks: false,
            candidacies: true,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        left_out: NO_CLIENTS,
        states: 79_049,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "missed-votes",
        about: "acceptors pass heartbeats on, and are asked to vote for what was chosen without them",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            audience: Audience::Proposer,
            upkeep: true,
            ..BASE
        },
        also: &["a command is chosen", "an acceptor makes up for a vote"],
        left_out: NO_CLIENTS,
        states: 2_192_087_061,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "missed-by-one",
        about: "one vote chooses, and the other acceptor is asked to vote for what was chosen without it",
        bounds: Bounds {
            leaders: &[elector(&[1, 2], 1), elector(&[1, 2], 0)],
            acceptors: 2,
            quorums: &Quorums::Sizes { phase1: 2, phase2: 1 },
            nacks: false,
            upkeep: true,
            ..BASE
        },
        also: &["a command is chosen", "an acceptor makes up for a vote"],
        left_out: NO_CLIENTS,
        states: 40_696,
        effort: Effort::Seconds,
        stock: None,
    },
];
