//! The roles that a member can play.

use crate::cluster::config::{Address, MemberConfig};
use crate::paxos::{AcceptorId, LeaderId};
use crate::runtime::party::Party;

/// The kind of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// A leader.
    Leader,
    /// An acceptor.
    Acceptor,
}

impl RoleKind {
    /// The name of the role, and of its directory.
    pub fn name(self) -> &'static str {
        match self {
            RoleKind::Leader => "leader",
            RoleKind::Acceptor => "acceptor",
        }
    }

    /// The role of this kind at this index.
    pub fn party(self, place: usize) -> Party {
        match self {
            RoleKind::Leader => Party::Leader(LeaderId(place as u16)),
            RoleKind::Acceptor => Party::Acceptor(AcceptorId(place as u8)),
        }
    }

    /// The address at which a member plays this role, if it does.
    pub fn address(self, member: &MemberConfig) -> Option<&Address> {
        match self {
            RoleKind::Leader => member.leader.as_ref(),
            RoleKind::Acceptor => member.acceptor.as_ref(),
        }
    }
}

/// All kinds of roles.
pub const ROLE_KINDS: [RoleKind; 2] = [RoleKind::Leader, RoleKind::Acceptor];
