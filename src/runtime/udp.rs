//! Real sockets.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use socket2::SockRef;
use stateright::actor::Id;

use super::pump::{Received, Source};

/// How large a receive buffer the kernel is asked for; it may give less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The longest that a reader waits before it looks up, should a wake-up have been lost on the way.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);

/// A UDP socket.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    address: SocketAddrV4,
}

impl Udp {
    /// Binds to an address; port 0 lets the system choose one.
    pub fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let SocketAddr::V4(address) = socket.local_addr()? else {
            return Err(io::Error::from(ErrorKind::AddrNotAvailable));
        };
        Ok(Udp { socket, address })
    }

    /// Where it can be reached.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// The actor id that stands for its address.
    pub fn id(&self) -> Id {
        Id::from(self.address)
    }

    /// Waits no longer than this for a datagram.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(patience))
    }
}

/// Sends datagrams.
pub trait Outlet: Send + 'static {
    /// Sends one, or says why not. Whoever sends over UDP must live with losses anyway.
    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()>;
}

impl Outlet for std::sync::Arc<Udp> {
    fn send(&self, to: Id, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, SocketAddrV4::from(to)).map(drop)
    }
}

impl Source for Udp {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match self.socket.recv_from(buffer) {
            Ok((0, from)) if from == SocketAddr::V4(self.address) => Ok(Received::Nothing),
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
