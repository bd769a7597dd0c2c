//! Ballots: the totally ordered names under which leaders make proposals.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The index of a leader among the cluster's leaders, from 0; displayed from `L1`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LeaderId(pub u16);

impl fmt::Display for LeaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", u32::from(self.0) + 1)
    }
}

/// A proposal number, ordered by round and then by leader, so that no two leaders ever share one ("Paxos Made
/// Simple", sections 2.2 and 2.5).
///
/// Round 0 belongs to no leader: [`Ballot::NONE`] is below every ballot that a leader can use.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// The round: roughly the number of attempts of its leader. The first round in use is 1.
    pub round: u32,
    /// The only leader that proposes under this ballot.
    pub leader: LeaderId,
}

impl Ballot {
    /// The ballot below all ballots in use: the promise of an acceptor that has promised nothing yet.
    pub const NONE: Ballot = Ballot { round: 0, leader: LeaderId(0) };

    /// The lowest ballot of `leader` that is above `seen` and in a round above `used`.
    ///
    /// `used` is the last round that the leader used in any of its lives, so that no ballot is used twice.
    /// `None` once the rounds have run out.
    pub fn next(leader: LeaderId, used: u32, seen: Ballot) -> Option<Ballot> {
        let round = used.checked_add(1)?.max(seen.round);
        let ballot = Ballot { round, leader };
        if ballot > seen {
            return Some(ballot);
        }
        Some(Ballot { round: round.checked_add(1)?, leader })
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Ballot::NONE {
            return f.write_str("none");
        }
        write!(f, "{}.{}", self.round, self.leader)
    }
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ballot(round: u32, leader: u16) -> Ballot {
        Ballot { round, leader: LeaderId(leader) }
    }

    #[test]
    fn ballots_are_ordered_by_round_and_then_by_leader() {
        assert!(ballot(1, 1) > ballot(1, 0));
        assert!(ballot(2, 0) > ballot(1, 1));
        assert!(Ballot::NONE < ballot(1, 0));
        assert_eq!(ballot(2, 0).to_string(), "2.L1");
    }

    #[test]
    fn rounds_that_have_run_out_give_no_ballot() {
        assert_eq!(Ballot::next(LeaderId(0), u32::MAX, Ballot::NONE), None);
        assert_eq!(Ballot::next(LeaderId(0), 3, ballot(u32::MAX, 0)), None);
    }

    proptest! {
        #[test]
        fn the_next_ballot_is_new_above_all_seen_and_the_lowest_such(
            me in 0u16..4, used in 0u32..9, round in 0u32..9, other in 0u16..4,
        ) {
            let seen = ballot(round, other);
            let next = Ballot::next(LeaderId(me), used, seen).unwrap();
            prop_assert!(next > seen && next.round > used);
            let lower = ballot(next.round - 1, me);
            prop_assert!(lower <= seen || lower.round <= used);
        }
    }
}
