//! The network of a client: a link to the members, and the reassembly of frames that come in parts.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::config::{Address, ClusterConfig};
use super::resolver::keep_placed;
use crate::paxos::limits::MAX_DATAGRAM;
use crate::runtime::addresses::canonical;
use crate::runtime::environment::Environment;
use crate::runtime::me::Me;
use crate::runtime::parts::Assembly;
use crate::runtime::party::Party;
use crate::runtime::pump::{Datagram, Received, Source};
use crate::runtime::udp::Udp;
use crate::runtime::wire::{BUNDLE, Kind, OpenedDatagram, WireError};

/// Carries frames between a client and the members: a socket, or a simulated network.
pub(crate) trait Link: Debug + Send + Sync {
    /// Sends a frame to a role of a member.
    fn send(&self, to: Party, frame: &[u8]) -> io::Result<()>;

    /// Waits until `until` for a datagram, and writes it to the front of `buffer`. May return earlier with
    /// nothing.
    fn receive(&self, buffer: &mut [u8], until: Instant) -> io::Result<Received>;

    /// The address of a role of a member, as far as it is known.
    fn address(&self, of: Party) -> Option<SocketAddr>;

    /// Ends the wait of whoever waits for a datagram, if somebody may wait on another thread.
    fn wake(&self) {}
}

impl Link for Arc<Udp> {
    fn send(&self, to: Party, frame: &[u8]) -> io::Result<()> {
        let to = to.id().ok_or_else(|| io::Error::other("it is no member"))?;
        Udp::send(self, to, frame)
    }

    fn receive(&self, buffer: &mut [u8], until: Instant) -> io::Result<Received> {
        self.receive_by(buffer, until)
    }

    fn address(&self, of: Party) -> Option<SocketAddr> {
        self.addresses().address(of.id()?)
    }

    fn wake(&self) {
        Source::wake(&**self);
    }
}

/// The network of a client.
#[derive(Debug)]
pub(crate) struct Net {
    link: Box<dyn Link>,
    environment: Environment,
    bundle: usize,
    /// The client as a party of its cluster.
    me: Me,
    members: Vec<(Party, Address)>,
}

/// The buffers that a client receives into.
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
    /// A socket that sends to the members of this cluster. Names without an address are looked up again for
    /// as long as the socket exists.
    pub(crate) fn new(config: &ClusterConfig) -> io::Result<Self> {
        let only_v4 = config.parties().all(|(_, it)| it.ip().is_some_and(|ip| ip.is_ipv4()));
        let socket = Arc::new(Udp::bind_anywhere(config.path(), only_v4)?);
        keep_placed(&socket, config.parties());
        Ok(Net::over(Box::new(socket), config, Environment::system()))
    }

    /// The network of a client that reaches the members of this cluster by a link.
    pub(crate) fn over(
        link: Box<dyn Link>,
        config: &ClusterConfig,
        environment: Environment,
    ) -> Self {
        let members = config.parties().map(|(party, it)| (party, it.clone())).collect();
        let me = Me::new(Party::Client, Arc::new(config.identity()));
        Net { link, environment, bundle: config.path().min(BUNDLE), me, members }
    }

    /// The hosts of members that have no address now, as far as is known.
    pub(crate) fn without_address(&self) -> Vec<&str> {
        let missing = self.members.iter().filter(|(party, _)| !self.knows(*party));
        let mut hosts: Vec<&str> = missing.map(|(_, address)| address.host()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// Ends the wait of whoever waits for a datagram.
    pub(crate) fn wake(&self) {
        self.link.wake();
    }

    /// The time now.
    pub(crate) fn now(&self) -> Instant {
        self.environment.now()
    }

    /// True if an address of a role of a member is known.
    pub(crate) fn knows(&self, party: Party) -> bool {
        self.link.address(party).is_some()
    }

    /// The client, and its cluster.
    pub(crate) fn me(&self) -> &Me {
        &self.me
    }

    /// The number of leaders.
    pub(crate) fn leaders(&self) -> usize {
        self.members.iter().filter(|(party, _)| matches!(party, Party::Leader(_))).count()
    }

    /// The most bytes of a frame of several messages.
    pub(crate) fn bundle(&self) -> usize {
        self.bundle
    }

    /// Sends a frame to a role of a member. Returns false if it certainly was not sent. That is no error: UDP
    /// may lose any datagram.
    pub(crate) fn send(&self, to: Party, frame: &[u8]) -> bool {
        let sent = self.link.send(to, frame);
        if let Err(error) = &sent {
            tracing::debug!(%to, %error, "cannot send");
        }
        sent.is_ok()
    }

    /// True if a role of a member is at this address, as far as is known.
    pub(crate) fn is_at(&self, party: Party, address: SocketAddr) -> bool {
        self.link.address(party).map(canonical) == Some(canonical(address))
    }

    /// The environment of the client.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Waits for a frame; `None` if none came in time.
    pub(crate) fn receive(
        &self,
        inbox: &mut Inbox,
        until: Instant,
    ) -> io::Result<Option<OpenedDatagram>> {
        while self.now() < until {
            if let Some(frame) = self.receive_once(inbox, until)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Waits for a datagram, and returns the frame that it is, or that it completes; none if it is none,
    /// if none came in time, or if somebody [wakes](Self::wake) whoever waits.
    pub(crate) fn receive_once(
        &self,
        Inbox { buffer, assembly }: &mut Inbox,
        until: Instant,
    ) -> io::Result<Option<OpenedDatagram>> {
        if self.now() >= until {
            return Ok(None);
        }
        let Received::Datagram(length, from) = self.link.receive(buffer, until)? else {
            return Ok(None);
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        let frame = self.complete(assembly, Datagram { from, bytes });
        Ok(frame.unwrap_or_else(|error| {
            tracing::debug!(%from, %error, "malformed datagram");
            None
        }))
    }

    /// Lets time pass. What comes meanwhile comes too late.
    pub(crate) fn rest(&self, inbox: &mut Inbox, until: Instant) -> io::Result<()> {
        while self.receive(inbox, until)?.is_some() {}
        Ok(())
    }

    /// The frame in a datagram, or the one that it completes.
    fn complete(
        &self,
        assembly: &mut Assembly,
        datagram: Datagram,
    ) -> Result<Option<OpenedDatagram>, WireError> {
        let (from, datagram) = (datagram.from, OpenedDatagram::new(datagram)?);
        let opened = datagram.opened();
        if opened.kind != Kind::Part {
            return Ok(Some(datagram));
        }
        // Parts from strangers take no room.
        if !self.me.is_meant(&opened.header) {
            return Ok(None);
        }
        let whole = assembly.add(from, &opened, self.environment.now())?;
        whole.map(|bytes| OpenedDatagram::new(Datagram { from, bytes })).transpose()
    }
}
