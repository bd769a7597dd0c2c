//! Parties: the senders and addressees of datagrams.
//!
//! A role of a member is named by its place in the cluster's file, which the
//! [`ClusterIdentity`](super::identity::ClusterIdentity) fixes. So the address that a datagram comes from
//! decides nothing: a member may move, and a stranger at its old address is not taken for it.

use std::fmt;

use stateright::actor::Id;

use crate::paxos::{AcceptorId, LeaderId};

/// The sender or addressee of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Any client, or any sender of status requests. Clients are told apart by the names in their requests,
    /// and answered at their address.
    Client,
    /// A leader, by its index among the leaders.
    Leader(LeaderId),
    /// An acceptor, by its index among the acceptors.
    Acceptor(AcceptorId),
}

/// The bytes of a party in a header: its role, and its index (little-endian).
pub(super) const PARTY: usize = 3;

/// The bit set in the ids of members. IPv4 ids have 48 bits; IPv6 ids have bit 63.
const MEMBER: usize = 1 << 62;

impl Party {
    /// The actor id of a member's role, the same at every node; `None` for clients, whose ids encode their
    /// addresses.
    pub fn id(self) -> Option<Id> {
        let [role, low, high] = self.encode();
        let place = usize::from(u16::from_le_bytes([low, high]));
        (self != Party::Client).then(|| Id::from(MEMBER | usize::from(role) << 16 | place))
    }

    /// The party of an actor id.
    pub fn of(id: Id) -> Self {
        let bits = usize::from(id);
        if bits >> 62 != 1 {
            return Party::Client;
        }
        let [low, high, role, ..] = bits.to_le_bytes();
        Party::decode([role, low, high]).unwrap_or(Party::Client)
    }

    pub(super) fn encode(self) -> [u8; PARTY] {
        let (role, place) = match self {
            Party::Client => (0, 0),
            Party::Leader(leader) => (1, leader.0),
            Party::Acceptor(acceptor) => (2, u16::from(acceptor.0)),
        };
        let [low, high] = place.to_le_bytes();
        [role, low, high]
    }

    pub(super) fn decode([role, low, high]: [u8; PARTY]) -> Option<Self> {
        let place = u16::from_le_bytes([low, high]);
        match role {
            0 if place == 0 => Some(Party::Client),
            1 => Some(Party::Leader(LeaderId(place))),
            2 => Some(Party::Acceptor(AcceptorId(place.try_into().ok()?))),
            _ => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Client => f.write_str("a client"),
            Party::Leader(leader) => leader.fmt(f),
            Party::Acceptor(acceptor) => acceptor.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddrV4;

    #[test]
    fn ids_and_bytes_stand_for_one_party_each() {
        let leaders = (0..=u16::MAX).map(|place| Party::Leader(LeaderId(place)));
        let acceptors = (0..=u8::MAX).map(|place| Party::Acceptor(AcceptorId(place)));
        for party in leaders.chain(acceptors) {
            assert_eq!(Party::decode(party.encode()), Some(party));
            assert_eq!(Party::of(party.id().unwrap()), party);
        }
        assert_eq!((Party::Client.id(), Party::decode([0, 0, 0])), (None, Some(Party::Client)));
    }

    #[test]
    fn what_names_nobody_is_refused_and_no_address_is_a_member() {
        for bytes in [[0, 1, 0], [2, 0, 1], [3, 0, 0], [255, 255, 255]] {
            assert_eq!(Party::decode(bytes), None);
        }
        let last = Id::from(SocketAddrV4::new([255; 4].into(), u16::MAX));
        for id in [last, Id::from(0), Id::from(1 << 63), Id::from(usize::MAX)] {
            assert_eq!(Party::of(id), Party::Client);
        }
    }
}
