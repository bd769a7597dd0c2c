//! Bounds that systems share.

use super::super::system::{Bounds, ClientBounds, Crashes, LeaderBounds, LeftOut};
use crate::paxos::{Audience, LeaderId, Quorums, Start, Timer};

/// A leader that campaigns at once, with commands of its own and no timers.
pub(in crate::model) const fn campaigner(asks: &'static [u8], commands: u64) -> LeaderBounds {
    LeaderBounds { start: Start::Campaign, asks, commands, timers: &[] }
}

/// A leader that waits for heartbeats, campaigns when none come, and sends them as primary.
pub(in crate::model) const fn elector(asks: &'static [u8], commands: u64) -> LeaderBounds {
    let timers = &[Timer::Election, Timer::Heartbeat];
    LeaderBounds { start: Start::Follow, asks, commands, timers }
}

/// Bounds that most systems share.
pub(in crate::model) const BASE: Bounds = Bounds {
    leaders: &[],
    acceptors: 3,
    quorums: &Quorums::Majority,
    machine: None,
    instances: 1,
    window: u64::MAX,
    waiting: usize::MAX,
    client_window: u64::MAX,
    lease: u64::MAX,
    reply_bytes: u64::MAX,
    rounds: 1,
    audience: Audience::AllLeaders,
    nacks: true,
    candidacies: false,
    upkeep: false,
    page: usize::MAX,
    pages: 1,
    clients: &[],
    crashes: Crashes::NONE,
};

/// The properties that a system without clients leaves out.
pub(in crate::model) const NO_CLIENTS: &[LeftOut] = &[
    LeftOut { property: "done is chosen and applied", why: "there are no clients to be answered" },
    LeftOut { property: "one answer per request", why: "there are no clients to be answered" },
    LeftOut { property: "rejected is never done", why: "there are no clients to be answered" },
    LeftOut {
        property: "unknown only if sent and not answered",
        why: "there are no clients to be answered",
    },
    LeftOut {
        property: "only what has ended is acknowledged",
        why: "there are no clients to be answered",
    },
];

/// There is one leader.
pub(super) const ALONE: LeftOut = LeftOut {
    property: "equal logs, equal histories",
    why: "there is no second leader to compare with",
};

const ONE_PROPOSES: &str = "only the first leader proposes anything: nobody asks another one, and what the \
                            acceptor has voted for is chosen";

/// Where one leader proposes, under one ballot.
pub(super) const NONE_FINAL: LeftOut =
    LeftOut { property: "abstentions are final", why: ONE_PROPOSES };

/// The same.
pub(super) const NONE_TRUE: LeftOut =
    LeftOut { property: "abstentions are true", why: ONE_PROPOSES };

/// The same.
pub(super) const NONE_OVER: LeftOut =
    LeftOut { property: "lower ballots are over", why: ONE_PROPOSES };

/// Where there is one ballot, so that nothing can be said below one that was promised.
pub(super) const NONE_BIND: LeftOut =
    LeftOut { property: "promises bind", why: "there is one ballot, and none below it" };

/// Where no request is refused for good, and none is given up.
pub(super) const NONE_REJECTED: LeftOut = LeftOut {
    property: "rejected is never done",
    why: "no request is refused for good, and none is given up",
};

/// Where no request is given up, and no answer is forgotten.
pub(super) const NONE_UNKNOWN: LeftOut = LeftOut {
    property: "unknown only if sent and not answered",
    why: "no request is given up, and no answer is forgotten",
};

/// A client that has a lease from the start, submits one command, and waits for the answer.
pub(in crate::model) const CLIENT: ClientBounds = ClientBounds {
    first: LeaderId(0),
    commands: 1,
    payloads: &[],
    at_once: 1,
    timers: &[],
    is_original: true,
    resumes: &[],
};

/// A client like [`CLIENT`] that retries.
pub(in crate::model) const RETRYING: ClientBounds =
    ClientBounds { timers: &[Timer::Retry], ..CLIENT };
