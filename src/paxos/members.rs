//! The members of a cluster: leaders, acceptors, and the quorums of the acceptors.

use stateright::actor::Id;
use thiserror::Error;

use super::ballot::{Ballot, LeaderId};
use super::quorum::{AcceptorId, AcceptorSet, MAX_ACCEPTORS, QuorumError, Quorums};

/// The members of a cluster. Fixed for the life of the cluster, and the same at every node.
///
/// An [`Id`] is opaque here: an index in the model, a socket address over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    leaders: Vec<Id>,
    acceptors: Vec<Id>,
    quorums: Quorums,
}

/// The reason why these members cannot form a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MembersError {
    /// A role without any member.
    #[error("a cluster needs at least one {0}")]
    Nobody(&'static str),
    /// More members of a role than can be told apart.
    #[error("{count} {role}s are too many: at most {most} are possible")]
    TooMany {
        /// "leader" or "acceptor".
        role: &'static str,
        /// The number of members given.
        count: usize,
        /// The most members possible.
        most: usize,
    },
    /// One address for two members.
    #[error("two members have the same address {0}: each needs one of its own")]
    Twice(Id),
    /// A quorum system that would be unsafe or stuck.
    #[error(transparent)]
    Quorums(#[from] QuorumError),
}

impl Members {
    /// Checks that these members can form a safe cluster.
    pub fn new(
        leaders: Vec<Id>,
        acceptors: Vec<Id>,
        quorums: Quorums,
    ) -> Result<Self, MembersError> {
        let roles =
            [("leader", &leaders, usize::from(u16::MAX)), ("acceptor", &acceptors, MAX_ACCEPTORS)];
        for (role, ids, most) in roles {
            if ids.is_empty() {
                return Err(MembersError::Nobody(role));
            }
            if ids.len() > most {
                return Err(MembersError::TooMany { role, count: ids.len(), most });
            }
        }
        let mut ids: Vec<Id> = leaders.iter().chain(&acceptors).copied().collect();
        ids.sort_unstable();
        if let Some(id) = ids.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(MembersError::Twice(id.first().copied().unwrap_or_default()));
        }
        quorums.check(acceptors.len())?;
        Ok(Members { leaders, acceptors, quorums })
    }

    /// The address of each leader, indexed by [`LeaderId`].
    pub fn leaders(&self) -> &[Id] {
        &self.leaders
    }

    /// The address of each acceptor, indexed by [`AcceptorId`].
    pub fn acceptors(&self) -> &[Id] {
        &self.acceptors
    }

    /// The address of this leader.
    pub fn leader(&self, leader: LeaderId) -> Option<Id> {
        self.leaders.get(usize::from(leader.0)).copied()
    }

    /// The address of the leader that owns this ballot; `None` if the round or the leader does not exist.
    pub fn owner(&self, ballot: Ballot) -> Option<Id> {
        self.leader(ballot.leader).filter(|_| ballot.round > 0)
    }

    /// True if the leader at `id` owns this ballot.
    pub fn owns(&self, id: Id, ballot: Ballot) -> bool {
        self.owner(ballot) == Some(id)
    }

    /// The leader at `id`, if any.
    pub fn leader_at(&self, id: Id) -> Option<LeaderId> {
        self.leaders.iter().position(|leader| *leader == id).map(|i| LeaderId(i as u16))
    }

    /// The acceptor at `id`, if any.
    pub fn acceptor_at(&self, id: Id) -> Option<AcceptorId> {
        self.acceptors.iter().position(|acceptor| *acceptor == id).map(|i| AcceptorId(i as u8))
    }

    /// The acceptors with their addresses, in order.
    pub fn numbered_acceptors(&self) -> impl Iterator<Item = (AcceptorId, Id)> + '_ {
        self.acceptors.iter().enumerate().map(|(i, id)| (AcceptorId(i as u8), *id))
    }

    /// True if these acceptors are a phase-1 quorum: their promises suffice.
    pub fn phase1(&self, set: AcceptorSet) -> bool {
        self.quorums.phase1(set, self.acceptors.len())
    }

    /// True if these acceptors are a phase-2 quorum: their votes choose a decree.
    pub fn phase2(&self, set: AcceptorSet) -> bool {
        self.quorums.phase2(set, self.acceptors.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> Vec<Id> {
        range.map(Id::from).collect()
    }

    #[test]
    fn members_that_cannot_form_a_safe_cluster_are_refused() {
        let new = |leaders, acceptors| Members::new(leaders, acceptors, Quorums::Majority);
        assert_eq!(new(vec![], ids(0..3)), Err(MembersError::Nobody("leader")));
        assert_eq!(new(ids(0..2), vec![]), Err(MembersError::Nobody("acceptor")));
        assert_eq!(new(ids(0..2), ids(1..4)), Err(MembersError::Twice(Id::from(1))));
        assert!(matches!(new(ids(0..2), ids(2..67)), Err(MembersError::TooMany { .. })));
        let split = Quorums::Sizes { phase1: 1, phase2: 2 };
        assert!(matches!(
            Members::new(ids(0..1), ids(1..4), split),
            Err(MembersError::Quorums(QuorumError::Disjoint { .. }))
        ));
    }

    #[test]
    fn a_ballot_belongs_to_the_leader_that_it_names() {
        let members = Members::new(ids(0..2), ids(2..5), Quorums::Majority).unwrap();
        let ballot = Ballot { round: 3, leader: LeaderId(1) };
        assert!(members.owns(Id::from(1), ballot));
        assert!(!members.owns(Id::from(0), ballot));
        for round in [0, 1] {
            let nobodys = Ballot { round, leader: LeaderId(2) };
            assert_eq!(members.owner(nobodys), None);
        }
        assert_eq!(members.owner(Ballot { round: 0, leader: LeaderId(1) }), None);
        assert!(!members.owns(Id::from(0), Ballot::NONE));
    }
}
