//! Quorums: the sets of acceptors that suffice for phase 1 and for phase 2.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The index of an acceptor among the cluster's acceptors, from 0; displayed from `A1`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct AcceptorId(pub u8);

impl fmt::Display for AcceptorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A{}", u16::from(self.0) + 1)
    }
}

/// The most acceptors of a cluster: one bit each in an [`AcceptorSet`].
pub const MAX_ACCEPTORS: usize = 64;

/// A set of acceptors. Votes and promises are sets, never counts: an acceptor that answers twice
/// is still one acceptor.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcceptorSet(u64);

impl AcceptorSet {
    /// All acceptors of a cluster with `count` of them.
    pub fn all(count: usize) -> Self {
        (0..count.min(MAX_ACCEPTORS)).map(|i| AcceptorId(i as u8)).collect()
    }

    /// Adds an acceptor; no change if it is in the set already.
    pub fn insert(&mut self, acceptor: AcceptorId) {
        self.0 |= Self::bit(acceptor);
    }

    /// True if the acceptor is in the set.
    pub fn contains(self, acceptor: AcceptorId) -> bool {
        self.0 & Self::bit(acceptor) != 0
    }

    /// The number of acceptors in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// True if no acceptor is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if every acceptor of `other` is in this set.
    pub fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if some acceptor is in both sets.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The acceptors, in order.
    pub fn iter(self) -> impl Iterator<Item = AcceptorId> {
        (0..MAX_ACCEPTORS as u8).map(AcceptorId).filter(move |a| self.contains(*a))
    }

    /// The bit of an acceptor. One beyond [`MAX_ACCEPTORS`] has no bit, and is never in a set.
    fn bit(acceptor: AcceptorId) -> u64 {
        1u64.checked_shl(u32::from(acceptor.0)).unwrap_or(0)
    }
}

impl FromIterator<AcceptorId> for AcceptorSet {
    fn from_iter<I: IntoIterator<Item = AcceptorId>>(acceptors: I) -> Self {
        let mut set = Self::default();
        acceptors.into_iter().for_each(|a| set.insert(a));
        set
    }
}

impl fmt::Display for AcceptorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.iter().map(|acceptor| acceptor.to_string()).collect();
        f.write_str(&if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") })
    }
}

impl fmt::Debug for AcceptorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The quorum system: the sets of acceptors that are quorums.
///
/// Safety needs one thing of it: every phase-1 quorum meets every phase-2 quorum ("Flexible Paxos", theorem
/// 1). [`Quorums::check`] verifies that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Quorums {
    /// More than half of the acceptors, in both phases.
    Majority,
    /// Any `phase1` acceptors and any `phase2` acceptors. `phase1: 1, phase2: n` is
    /// read-one-write-all.
    Sizes {
        /// The number of acceptors that must promise.
        phase1: usize,
        /// The number of acceptors that must vote.
        phase2: usize,
    },
    /// The minimal quorums, listed one by one, as for a grid.
    Sets {
        /// The phase-1 quorums.
        phase1: Vec<AcceptorSet>,
        /// The phase-2 quorums.
        phase2: Vec<AcceptorSet>,
    },
}

/// The reason why a quorum system cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuorumError {
    /// A phase-1 quorum and a phase-2 quorum of these sizes need not meet.
    #[error(
        "quorums of {phase1} in phase 1 and {phase2} in phase 2 need not meet among {acceptors} \
         acceptors, so two values could be chosen: the sizes must add up to more than {acceptors}"
    )]
    Disjoint {
        /// Configured size of phase-1 quorums.
        phase1: usize,
        /// Configured size of phase-2 quorums.
        phase2: usize,
        /// The number of acceptors.
        acceptors: usize,
    },
    /// Two listed quorums without a common acceptor.
    #[error(
        "phase-1 quorum {phase1} and phase-2 quorum {phase2} have no acceptor in common, so \
         two values could be chosen"
    )]
    DisjointSets {
        /// The phase-1 quorum.
        phase1: AcceptorSet,
        /// The phase-2 quorum.
        phase2: AcceptorSet,
    },
    /// A quorum that can never be complete.
    #[error("a quorum of {size} can never be reached with {acceptors} acceptors")]
    Unreachable {
        /// The number of acceptors that the quorum needs.
        size: usize,
        /// The number of acceptors.
        acceptors: usize,
    },
    /// A phase without any quorum.
    #[error("phase {0} has no quorum, so nothing could ever be decided")]
    Missing(u8),
}

impl Quorums {
    /// The size of the smallest quorum of phase 1 and of phase 2, with this many acceptors.
    pub fn sizes(&self, acceptors: usize) -> (usize, usize) {
        let fewest = |sets: &[AcceptorSet]| sets.iter().map(|set| set.len()).min().unwrap_or(0);
        match self {
            Quorums::Majority => (acceptors / 2 + 1, acceptors / 2 + 1),
            Quorums::Sizes { phase1, phase2 } => (*phase1, *phase2),
            Quorums::Sets { phase1, phase2 } => (fewest(phase1), fewest(phase2)),
        }
    }

    /// True if these acceptors are a phase-1 quorum.
    pub fn phase1(&self, set: AcceptorSet, acceptors: usize) -> bool {
        match self {
            Quorums::Majority => set.len() > acceptors / 2,
            Quorums::Sizes { phase1, .. } => set.len() >= *phase1,
            Quorums::Sets { phase1, .. } => phase1.iter().any(|quorum| set.includes(*quorum)),
        }
    }

    /// True if these acceptors are a phase-2 quorum: their votes choose a decree.
    pub fn phase2(&self, set: AcceptorSet, acceptors: usize) -> bool {
        match self {
            Quorums::Majority => set.len() > acceptors / 2,
            Quorums::Sizes { phase2, .. } => set.len() >= *phase2,
            Quorums::Sets { phase2, .. } => phase2.iter().any(|quorum| set.includes(*quorum)),
        }
    }

    /// Checks that all quorums of phase 1 and 2 meet, and that each can be reached.
    pub fn check(&self, acceptors: usize) -> Result<(), QuorumError> {
        match self {
            Quorums::Majority => Ok(()),
            Quorums::Sizes { phase1, phase2 } => check_sizes(*phase1, *phase2, acceptors),
            Quorums::Sets { phase1, phase2 } => check_sets(phase1, phase2, acceptors),
        }
    }
}

fn check_sizes(phase1: usize, phase2: usize, acceptors: usize) -> Result<(), QuorumError> {
    if let Some(size) = [phase1, phase2].into_iter().find(|size| *size > acceptors) {
        return Err(QuorumError::Unreachable { size, acceptors });
    }
    if phase1 + phase2 <= acceptors {
        return Err(QuorumError::Disjoint { phase1, phase2, acceptors });
    }
    Ok(())
}

fn check_sets(
    phase1: &[AcceptorSet],
    phase2: &[AcceptorSet],
    acceptors: usize,
) -> Result<(), QuorumError> {
    for (phase, quorums) in [(1, phase1), (2, phase2)] {
        if quorums.is_empty() {
            return Err(QuorumError::Missing(phase));
        }
        let everyone = AcceptorSet::all(acceptors);
        if let Some(quorum) = quorums.iter().find(|quorum| !everyone.includes(**quorum)) {
            return Err(QuorumError::Unreachable { size: quorum.len(), acceptors });
        }
    }
    for &phase1 in phase1 {
        if let Some(&phase2) = phase2.iter().find(|phase2| !phase1.meets(**phase2)) {
            return Err(QuorumError::DisjointSets { phase1, phase2 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(members: &[u8]) -> AcceptorSet {
        members.iter().map(|a| AcceptorId(*a)).collect()
    }

    #[test]
    fn the_same_acceptor_twice_is_one_acceptor() {
        let twice = set(&[1, 1]);
        assert_eq!(twice.len(), 1);
        assert!(!Quorums::Majority.phase2(twice, 3));
        assert!(Quorums::Majority.phase2(set(&[1, 2]), 3));
    }

    #[test]
    fn a_majority_is_more_than_half() {
        assert!(!Quorums::Majority.phase1(set(&[0, 1]), 4));
        assert!(Quorums::Majority.phase1(set(&[0, 1, 2]), 4));
    }

    #[test]
    fn read_one_write_all_is_a_quorum_system() {
        let rowa = Quorums::Sizes { phase1: 1, phase2: 3 };
        assert_eq!(rowa.check(3), Ok(()));
        assert!(rowa.phase1(set(&[2]), 3) && !rowa.phase2(set(&[0, 1]), 3));
    }

    #[test]
    fn quorums_that_need_not_meet_are_refused_with_the_reason() {
        let error = Quorums::Sizes { phase1: 2, phase2: 2 }.check(4).unwrap_err();
        assert!(error.to_string().contains("need not meet among 4 acceptors"), "{error}");
        let grid = Quorums::Sets { phase1: vec![set(&[0, 1])], phase2: vec![set(&[2, 3])] };
        assert!(matches!(grid.check(4), Err(QuorumError::DisjointSets { .. })));
        let empty = Quorums::Sets { phase1: vec![set(&[])], phase2: vec![set(&[0])] };
        assert!(matches!(empty.check(1), Err(QuorumError::DisjointSets { .. })));
        let none = Quorums::Sets { phase1: vec![], phase2: vec![set(&[0])] };
        assert_eq!(none.check(1), Err(QuorumError::Missing(1)));
    }

    #[test]
    fn quorums_that_can_never_be_reached_are_refused() {
        let all_of_four = Quorums::Sizes { phase1: 4, phase2: 1 };
        assert!(matches!(all_of_four.check(3), Err(QuorumError::Unreachable { .. })));
    }

    proptest! {
        /// The property that safety depends on, for every pair of sets of up to six acceptors.
        #[test]
        fn quorums_that_pass_the_check_always_meet(
            n in 1usize..=6, phase1 in 0usize..=6, phase2 in 0usize..=6,
            one in 0u64..64, two in 0u64..64,
        ) {
            let (one, two) = (AcceptorSet(one & ((1 << n) - 1)), AcceptorSet(two & ((1 << n) - 1)));
            for quorums in [Quorums::Majority, Quorums::Sizes { phase1, phase2 }] {
                if quorums.check(n).is_ok() && quorums.phase1(one, n) && quorums.phase2(two, n) {
                    prop_assert!(one.meets(two));
                }
            }
        }
    }
}
