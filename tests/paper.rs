//! The papers, sentence by sentence: each test checks one of theirs on a real member, and names it.
//!
//! "PMS" is Lamport, "Paxos Made Simple" (2001); "PMMC" is van Renesse and Altinbuken, "Paxos Made
//! Moderately Complex" (2015); "Flexible Paxos" is Howard, Malkhi and Spiegelman, "Flexible Paxos:
//! Quorum Intersection Revisited" (2016). "House rule" marks what no paper asks for. Every
//! comparison is tried with <, = and >.

#![expect(clippy::unwrap_used, reason = "whoever sets up a test may panic")]

#[path = "paper/acceptor.rs"]
mod acceptor;
#[path = "paper/bench.rs"]
mod bench;
#[path = "paper/client.rs"]
mod client;
#[path = "paper/laws.rs"]
mod laws;
#[path = "paper/learning.rs"]
mod learning;
#[path = "paper/members.rs"]
mod members;
#[path = "paper/phase1.rs"]
mod phase1;
#[path = "paper/phase2.rs"]
mod phase2;
#[path = "paper/rivals.rs"]
mod rivals;
