//! The papers, sentence by sentence: each test checks one of theirs on a real member, and names it.
//!
//! "PMS" is Lamport, "Paxos Made Simple" (2001); "PMMC" is van Renesse and Altinbuken, "Paxos Made
//! Moderately Complex" (2015); "Flexible Paxos" is Howard, Malkhi and Spiegelman, "Flexible Paxos:
//! Quorum Intersection Revisited" (2016). "House rule" marks what no paper asks for. Every
//! comparison is tried with <, = and >.

#![expect(clippy::unwrap_used, reason = "whoever sets up a test may panic")]

mod acceptor;
mod bench;
mod client;
mod faults;
mod laws;
mod learning;
mod members;
mod panics;
mod phase1;
mod phase2;
mod rivals;
