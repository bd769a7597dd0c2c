//! The roles that a member can play.

use crate::cluster::config::{Address, MemberConfig};
use crate::paxos::{AcceptorId, LeaderId};
use crate::runtime::party::Party;

/// A role that a member plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// A leader.
    Leader,
    /// An acceptor.
    Acceptor,
}

impl RoleKind {
    /// Its name, which its directory has too.
    pub fn name(self) -> &'static str {
        match self {
            RoleKind::Leader => "leader",
            RoleKind::Acceptor => "acceptor",
        }
    }

    /// The role of this kind that is at this place among those of the cluster.
    pub fn party(self, place: usize) -> Party {
        match self {
            RoleKind::Leader => Party::Leader(LeaderId(place as u16)),
            RoleKind::Acceptor => Party::Acceptor(AcceptorId(place as u8)),
        }
    }

    /// Where a member plays it, if it does.
    pub fn address(self, member: &MemberConfig) -> Option<&Address> {
        match self {
            RoleKind::Leader => member.leader.as_ref(),
            RoleKind::Acceptor => member.acceptor.as_ref(),
        }
    }
}

/// All roles.
pub const ROLE_KINDS: [RoleKind; 2] = [RoleKind::Leader, RoleKind::Acceptor];
