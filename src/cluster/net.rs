//! The network of whoever asks a cluster for something: a socket that knows where the members are, and
//! that puts frames together which come in parts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::{Address, ClusterConfig};
use super::resolver::keep_placed;
use crate::paxos::limits::MAX_DATAGRAM;
use crate::runtime::me::Me;
use crate::runtime::parts::Assembly;
use crate::runtime::party::Party;
use crate::runtime::pump::{Datagram, Received, Source};
use crate::runtime::udp::Udp;
use crate::runtime::wire::{BUNDLE, Kind, open};

/// A socket of a client.
#[derive(Debug)]
pub(crate) struct Net {
    socket: Arc<Udp>,
    bundle: usize,
    /// Who asks, and in which cluster.
    me: Me,
    members: Vec<(Party, Address)>,
}

/// The room that a client needs to receive.
#[derive(Debug)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    assembly: Assembly,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox { buffer: vec![0; MAX_DATAGRAM + 1], assembly: Assembly::default() }
    }
}

impl Net {
    /// A socket that sends to the members of this cluster. Names that have no address now are looked up
    /// again, as long as there is the socket.
    pub(crate) fn new(config: &ClusterConfig) -> io::Result<Self> {
        let path = config.path();
        let only_v4 = config.parties().all(|(_, it)| it.ip().is_some_and(|ip| ip.is_ipv4()));
        let socket = Arc::new(Udp::bind_anywhere(path, only_v4)?);
        keep_placed(&socket, config.parties());
        let members = config.parties().map(|(party, it)| (party, it.clone())).collect();
        let me = Me::new(Party::Client, Arc::new(config.identity()));
        Ok(Net { socket, bundle: path.min(BUNDLE), me, members })
    }

    /// The hosts of members that have no address now, as far as is known.
    pub(crate) fn without_address(&self) -> Vec<&str> {
        let missing = |party: &Party| {
            party.id().is_some_and(|id| self.socket.addresses().address(id).is_none())
        };
        let missing = self.members.iter().filter(|(party, _)| missing(party));
        let mut hosts: Vec<&str> = missing.map(|(_, address)| address.host()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// Who asks, and in which cluster.
    pub(crate) fn me(&self) -> &Me {
        &self.me
    }

    /// How many leaders there are.
    pub(crate) fn leaders(&self) -> usize {
        self.members.iter().filter(|(party, _)| matches!(party, Party::Leader(_))).count()
    }

    /// The most bytes of a frame of several messages.
    pub(crate) fn bundle(&self) -> usize {
        self.bundle
    }

    /// Sends a frame to a role of a member. False if it cannot have come there: whoever sends over UDP must
    /// live with losses anyway, so that is no error.
    pub(crate) fn send(&self, to: Party, frame: &[u8]) -> bool {
        let sent = to.id().map(|id| self.socket.send(id, frame));
        if let Some(Err(error)) = &sent {
            tracing::debug!(%to, %error, "cannot send");
        }
        matches!(sent, Some(Ok(())))
    }

    /// True if that is where a role of a member is, as far as is known.
    pub(crate) fn is_at(&self, party: Party, address: SocketAddr) -> bool {
        let there = party.id().and_then(|id| self.socket.addresses().address(id));
        let canonical = |at: SocketAddr| (at.ip().to_canonical(), at.port());
        there.map(canonical) == Some(canonical(address))
    }

    /// Waits for a frame; none if none came in time.
    pub(crate) fn receive(
        &self,
        inbox: &mut Inbox,
        until: Instant,
    ) -> io::Result<Option<Datagram>> {
        let Inbox { buffer, assembly } = inbox;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_patience(left.max(Duration::from_millis(1)))?;
            let Received::Datagram(length, from) = self.socket.receive(buffer)? else { continue };
            let bytes = buffer.get(..length).unwrap_or_default();
            match open(bytes) {
                Ok(opened) if opened.kind == Kind::Part => {
                    // Strangers do not take the room of members.
                    if self.me.is_meant(&opened.header)
                        && let Ok(Some(bytes)) = assembly.add(from, &opened, Instant::now())
                    {
                        return Ok(Some(Datagram { from, bytes }));
                    }
                }
                _ => return Ok(Some(Datagram { from, bytes: bytes.to_vec() })),
            }
        }
    }
}
