//! The vocabulary of the specification. The table of [`crate::paxos`] says what the words stand for
//! in the code, and `model/refinement` reads them off the running actors.

use super::super::logic::{Relation, Sort, Var};

/// Acceptors.
pub const NODE: Sort = Sort("node");
/// Sets of acceptors whose promises allow a leader to propose.
pub const QUORUM1: Sort = Sort("quorum1");
/// Sets of acceptors whose votes choose a value.
pub const QUORUM2: Sort = Sort("quorum2");
/// Proposal numbers.
pub const BALLOT: Sort = Sort("ballot");
/// Positions in the history.
pub const INSTANCE: Sort = Sort("instance");
/// Decrees: commands, and the no-op.
pub const VALUE: Sort = Sort("value");

/// `x < b`: ballot `x` is lower.
pub static BELOW: Relation = Relation::infix("below", "<", &[BALLOT, BALLOT]);
/// `n ∈ p`: the acceptor belongs to this phase-1 quorum.
pub static MEMBER1: Relation = Relation::infix("member1", "∈", &[NODE, QUORUM1]);
/// `n ∈ q`: the acceptor belongs to this phase-2 quorum.
pub static MEMBER2: Relation = Relation::infix("member2", "∈", &[NODE, QUORUM2]);

/// `submitted(v)`: a client has asked for this command.
pub static SUBMITTED: Relation = Relation::new("submitted", &[VALUE]);
/// `proposed(b, i, v)`: an `Accept` was sent.
pub static PROPOSED: Relation = Relation::new("proposed", &[BALLOT, INSTANCE, VALUE]);
/// `promised(n, b)`: a `Promise` was sent. It binds in all instances, also those that it does not
/// tell of.
pub static PROMISED: Relation = Relation::new("promised", &[NODE, BALLOT]);
/// `left(n, x)`: the acceptor has promised a ballot above `x`, so it votes under `x` no more.
pub static LEFT: Relation = Relation::new("left", &[NODE, BALLOT]);
/// `reported(n, b, i, x, v)`: a promise to `b` tells of a vote under `x`.
pub static REPORTED: Relation = Relation::new("reported", &[NODE, BALLOT, INSTANCE, BALLOT, VALUE]);
/// `abstained(n, b, i, x)`: a promise to `b` tells that there was no vote under `x`.
pub static ABSTAINED: Relation = Relation::new("abstained", &[NODE, BALLOT, INSTANCE, BALLOT]);
/// `voted(n, b, i, v)`: an `Accepted` was sent, or a promise that tells of this vote.
pub static VOTED: Relation = Relation::new("voted", &[NODE, BALLOT, INSTANCE, VALUE]);
/// `learned(i, v)`: some leader has taken this to be chosen at some time, even if it has crashed
/// since.
pub static LEARNED: Relation = Relation::new("learned", &[INSTANCE, VALUE]);

/// `tells(i)`: the instances that a promise tells of.
pub static TELLS: Relation = Relation::new("tells", &[INSTANCE]);
/// `report(i, x, v)`: the votes that a promise reports.
pub static REPORT: Relation = Relation::new("report", &[INSTANCE, BALLOT, VALUE]);
/// `abstain(i, x)`: the ballots under which the acceptor has not voted, as a promise says.
pub static ABSTAIN: Relation = Relation::new("abstain", &[INSTANCE, BALLOT]);

/// Relations that never change.
pub static FIXED: [&Relation; 3] = [&BELOW, &MEMBER1, &MEMBER2];
/// Relations that make up the state.
pub static STATE: [&Relation; 8] =
    [&SUBMITTED, &PROPOSED, &PROMISED, &LEFT, &REPORTED, &ABSTAINED, &VOTED, &LEARNED];

/// The decree that fills gaps. No client has to submit it.
pub const NOOP: Var = Var::new("noop", VALUE);

/// An acceptor.
pub const N: Var = Var::new("n", NODE);
/// Another acceptor.
pub const M: Var = Var::new("m", NODE);
/// A phase-1 quorum.
pub const P: Var = Var::new("p", QUORUM1);
/// A phase-2 quorum.
pub const Q: Var = Var::new("q", QUORUM2);
/// A ballot.
pub const B: Var = Var::new("b", BALLOT);
/// Another ballot.
pub const X: Var = Var::new("x", BALLOT);
/// A third ballot.
pub const Y: Var = Var::new("y", BALLOT);
/// An instance.
pub const I: Var = Var::new("i", INSTANCE);
/// A value.
pub const V: Var = Var::new("v", VALUE);
/// Another value.
pub const W: Var = Var::new("w", VALUE);

/// The name of an element of a sort, by its number.
pub fn name(sort: Sort, number: usize) -> String {
    let letter = match sort {
        NODE => "n",
        QUORUM1 => "p",
        QUORUM2 => "q",
        BALLOT => "b",
        INSTANCE => "i",
        _ => "v",
    };
    format!("{letter}{}", number + 1)
}
