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
    LeftOut { property: "what is answered is chosen", why: "there are no clients to be answered" },
    LeftOut { property: "one answer per request", why: "there are no clients to be answered" },
];

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
