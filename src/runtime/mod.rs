//! One actor on one socket: everything that does IO.
//!
//! [`pump`] moves datagrams from the socket to the actor's thread, [`host`] performs the actor's effects,
//! [`run`] puts the two together.

pub mod addresses;
pub mod chain;
pub mod counters;
pub mod environment;
pub mod handoff;
pub mod handshake;
pub mod host;
pub mod identity;
pub mod inquiry;
pub mod journal;
pub mod lossy;
pub mod me;
pub mod names;
pub mod notice;
pub mod pace;
pub mod parts;
pub mod party;
pub mod pump;
pub mod run;
pub mod threads;
mod timers;
pub mod udp;
pub mod wire;
