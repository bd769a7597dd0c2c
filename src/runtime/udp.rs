//! Real sockets.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use stateright::actor::Id;

use super::addresses::Addresses;
use super::pump::{Received, Source};

/// How large a receive buffer the kernel is asked for; it may give less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The longest that a reader waits before it looks up, should a wake-up have been lost on the way.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

/// A UDP socket.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    address: SocketAddr,
    addresses: Addresses,
}

impl Udp {
    /// Binds to an address; port 0 lets the system choose one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let (address, addresses) = (socket.local_addr()?, Addresses::default());
        addresses.keep(address);
        Ok(Udp { socket, address, addresses })
    }

    /// Where it can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ids of addresses, as this node knows them.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The actor id that stands for its address.
    pub fn id(&self) -> Id {
        self.addresses.id(self.address)
    }

    /// Waits no longer than this for a datagram.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(patience))
    }
}

/// Sends datagrams.
pub trait Outlet: Send + 'static {
    /// The id of an address.
    fn id(&self, address: SocketAddr) -> Id;

    /// Sends one, or says why not. Whoever sends over UDP must live with losses anyway.
    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()>;
}

impl Outlet for Arc<Udp> {
    fn id(&self, address: SocketAddr) -> Id {
        self.addresses.id(address)
    }

    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        let forgotten = || io::Error::other("too many others have sent since that address did");
        let address = self.addresses.address(to).ok_or_else(forgotten)?;
        self.socket.send_to(bytes, address).map(drop)
    }
}

impl Source for Udp {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match self.socket.recv_from(buffer) {
            Ok((0, from)) if from == self.address => Ok(Received::Nothing),
            Ok((length, from)) => Ok(Received::Datagram(length, from)),
            Err(error) if is_passing(&error) => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    /// An empty datagram to itself. Should it be lost, the reader looks up soon anyway.
    fn wake(&self) {
        if let Err(error) = self.socket.send_to(&[], self.address) {
            tracing::debug!(%error, address = %self.address, "cannot wake the reader");
        }
    }
}

/// Whether a socket that reports this is still good: nothing came, or an earlier datagram found
/// nobody at its destination.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram goes there and back between two sockets, and a wake-up is not taken for one.
    fn there_and_back(local: &str) -> io::Result<()> {
        let bind = || Udp::bind(local.parse().unwrap()).map(Arc::new);
        let (one, two) = (bind()?, bind()?);
        let mut buffer = [0; 16];
        one.wake();
        assert_eq!(one.receive(&mut buffer)?, Received::Nothing);
        one.send(one.addresses().keep(two.address()), b"there")?;
        let Received::Datagram(5, from) = two.receive(&mut buffer)? else { panic!("nothing came") };
        assert_eq!(from, one.address());
        Outlet::send(&two, Outlet::id(&two, from), b"back")?;
        assert_eq!(one.receive(&mut buffer)?, Received::Datagram(4, two.address()));
        Ok(())
    }

    #[test]
    fn datagrams_go_there_and_back_by_ip_of_both_kinds() {
        there_and_back("127.0.0.1:0").unwrap();
        if let Err(error) = UdpSocket::bind("[::1]:0") {
            return eprintln!("skipped, as this machine has no IPv6: {error}");
        }
        there_and_back("[::1]:0").unwrap();
    }
}
