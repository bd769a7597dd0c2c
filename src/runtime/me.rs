//! The own role and cluster of a node.

use std::sync::Arc;

use super::identity::{ClusterDigest, ClusterIdentity};
use super::party::Party;
use super::wire::Header;

/// A role of a member of a cluster, or a client of it.
#[derive(Clone, Debug)]
pub struct Me {
    party: Party,
    cluster: Arc<ClusterIdentity>,
    digest: ClusterDigest,
}

impl Me {
    /// This role, or a client, of this cluster.
    pub fn new(party: Party, cluster: Arc<ClusterIdentity>) -> Self {
        let digest = cluster.digest();
        Me { party, cluster, digest }
    }

    /// The role.
    pub fn party(&self) -> Party {
        self.party
    }

    /// The display name of the role, such as "n2/acceptor".
    pub fn name(&self) -> String {
        self.cluster.role_name(self.party)
    }

    /// The cluster.
    pub fn cluster(&self) -> &ClusterIdentity {
        &self.cluster
    }

    /// The header of a datagram to `to`, from a role whose journal has this age.
    pub fn header(&self, to: Party, age: u64) -> Header {
        Header { cluster: self.digest, from: self.party, to, life: 0, age, sync: 0 }
    }

    /// True if a datagram with this header is from the same cluster, and for this role.
    pub fn is_meant(&self, header: &Header) -> bool {
        header.cluster == self.digest && header.to == self.party
    }
}
