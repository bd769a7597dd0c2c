//! The members' names in the configuration file, which replace those of the protocol in displays: `n2` and
//! `3.n2` in place of `L2` and `3.L2`.

use std::fmt;

use serde::Serialize;

use super::identity::ClusterIdentity;
use super::party::Party;
use crate::paxos::{Ballot, Decree, Instance, LeaderId, Record, Vote};

/// The names of members, by role. A role without a name keeps that of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<(Party, String)>);

impl Names {
    /// The names of a cluster's members.
    pub fn of(cluster: &ClusterIdentity) -> Self {
        let name = |at: usize| cluster.members.get(at).map(|member| member.name.clone());
        Names(cluster.roles().filter_map(|(party, _, at)| Some((party, name(at)?))).collect())
    }

    /// The name of the member in this role.
    pub fn party(&self, party: Party) -> String {
        let named = self.0.iter().find(|(other, _)| *other == party);
        named.map_or_else(|| party.to_string(), |(_, name)| name.clone())
    }

    /// The name of the member that is this leader.
    pub fn leader(&self, leader: LeaderId) -> String {
        self.party(Party::Leader(leader))
    }

    /// A ballot with the name of its leader; `None` for [`Ballot::NONE`].
    pub fn ballot(&self, ballot: Ballot) -> Option<NamedBallot> {
        let Ballot { round, leader } = ballot;
        (ballot != Ballot::NONE).then(|| NamedBallot { round, leader: self.leader(leader) })
    }

    /// A ballot in words, such as "3.n2", or "none" for [`Ballot::NONE`].
    pub fn ballot_in_words(&self, ballot: Ballot) -> String {
        self.ballot(ballot).map_or_else(|| ballot.to_string(), |ballot| ballot.to_string())
    }

    /// A record with leaders by name.
    pub fn record(&self, record: Record) -> NamedRecord {
        match record {
            Record::Round(round) => NamedRecord::Round(round),
            Record::Promised(ballot) => NamedRecord::Promised(self.ballot(ballot)),
            Record::Voted(Vote { instance, ballot, decree }) => {
                NamedRecord::Voted { instance, ballot: self.ballot(ballot), decree }
            }
        }
    }
}

/// A ballot for display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedBallot {
    /// The round.
    pub round: u32,
    /// The name of the leader that proposes under it.
    pub leader: String,
}

impl fmt::Display for NamedBallot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.leader)
    }
}

/// A record for display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum NamedRecord {
    /// A leader uses a round.
    Round(u32),
    /// An acceptor has promised a ballot.
    Promised(Option<NamedBallot>),
    /// An acceptor has voted.
    Voted {
        /// The instance voted in.
        instance: Instance,
        /// The ballot voted under.
        ballot: Option<NamedBallot>,
        /// The decree voted for.
        decree: Decree,
    },
}

impl fmt::Display for NamedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |ballot: &Option<NamedBallot>| {
            ballot.as_ref().map_or_else(|| Ballot::NONE.to_string(), NamedBallot::to_string)
        };
        match self {
            NamedRecord::Round(round) => write!(f, "round {round}"),
            NamedRecord::Promised(ballot) => write!(f, "promised {}", shown(ballot)),
            NamedRecord::Voted { instance, ballot, decree } => {
                write!(f, "voted in {instance} under {} for {decree}", shown(ballot))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::AcceptorId;
    use crate::runtime::identity::{ClusterId, MemberRoles};

    #[test]
    fn leaders_and_acceptors_are_called_as_in_the_file() {
        let member =
            |(name, leader, acceptor)| MemberRoles { name: String::from(name), leader, acceptor };
        let members = [("east", true, false), ("store", false, true), ("west", true, true)];
        let names = Names::of(&ClusterIdentity {
            id: ClusterId(1),
            name: "test".to_owned(),
            machine: "kv".to_owned(),
            lease: 1,
            reply_bytes: 1,
            quorums: (2, 1),
            members: members.map(member).to_vec(),
        });
        let ballot = Ballot { round: 3, leader: LeaderId(1) };
        assert_eq!(names.ballot_in_words(ballot), "3.west");
        assert_eq!(names.ballot_in_words(Ballot::NONE), "none");
        assert_eq!(names.party(Party::Acceptor(AcceptorId(0))), "store");
        assert_eq!(names.leader(LeaderId(2)), "L3", "the file has two leaders");
        assert_eq!(names.record(Record::Promised(ballot)).to_string(), "promised 3.west");
        assert_eq!(Names::default().ballot_in_words(ballot), "3.L2");
    }
}
