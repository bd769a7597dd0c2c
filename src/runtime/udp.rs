//! UDP sockets.

mod network;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use stateright::actor::Id;

use super::addresses::Addresses;
use super::environment::{Clock, Random, SystemClock, SystemRandom};
use super::parts;
use super::pump::{Received, Source};

pub use network::{Network, PATH, loopback_path};

/// The bytes of receive buffer that the kernel is asked for; it may give less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The longest that a reader waits before it looks for a stop, in case a wake-up was lost.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// A UDP socket, which sends frames larger than the path allows in [parts].
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    address: SocketAddr,
    addresses: Addresses,
    /// The most bytes of a datagram that is sent.
    path: usize,
    /// The bytes of receive buffer that the kernel gave.
    buffer: usize,
    /// The name of the next frame sent in parts.
    name: AtomicU64,
}

impl Udp {
    /// Binds to an address; port 0 lets the system choose one. Datagrams have at most [`loopback_path`] bytes
    /// if the address is a loopback, and at most [`PATH`] otherwise.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let path = if address.ip().is_loopback() { loopback_path() } else { PATH };
        Udp::bind_to_path(address, path)
    }

    /// Binds to an address, with datagrams of at most `path` bytes. The IPv6 wildcard address includes all
    /// IPv4 addresses, and stands for them alone if the system has no IPv6.
    pub fn bind_to_path(address: SocketAddr, path: usize) -> io::Result<Self> {
        let everywhere = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let socket = match Socket::new(Domain::for_address(address), Type::DGRAM, None) {
            Err(_) if everywhere => {
                return Udp::bind_to_path((Ipv4Addr::UNSPECIFIED, address.port()).into(), path);
            }
            socket => socket?,
        };
        if everywhere {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        // Some systems refuse sizes that are too large, others give less.
        if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
            tracing::debug!(%error, "the receive buffer stays as it is");
        }
        // Linux reports twice the usable size, to allow for its own overhead.
        let doubled = if cfg!(target_os = "linux") { 2 } else { 1 };
        let buffer = socket.recv_buffer_size()? / doubled;
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(PATIENCE))?;
        let (address, addresses) = (socket.local_addr()?, Addresses::default());
        addresses.keep(address);
        let name = AtomicU64::new(SystemRandom.unique()? as u64);
        Ok(Udp { socket, address, addresses, path, buffer, name })
    }

    /// A socket that can send to any address, at a port that the system chooses: by IPv4, and by IPv6 too
    /// unless `only_v4` is set or the system has none.
    pub fn bind_anywhere(path: usize, only_v4: bool) -> io::Result<Self> {
        let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
        let ip: IpAddr = if only_v4 { v4 } else { v6 };
        Udp::bind_to_path((ip, 0).into(), path)
    }

    /// The address of the socket.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ids of addresses at this node.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The actor id of the socket's own address.
    pub fn id(&self) -> Id {
        self.addresses.id(self.address)
    }

    /// Waits until `until` for a datagram, and writes it to the front of `buffer`.
    pub fn receive_by(&self, buffer: &mut [u8], until: Instant) -> io::Result<Received> {
        let left = until.saturating_duration_since(SystemClock.now());
        // A time-out of zero would wait for ever.
        self.set_patience(left.max(Duration::from_millis(1)))?;
        self.receive(buffer)
    }

    /// Sets the longest wait for a datagram.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(patience))
    }

    /// The form in which this socket addresses another: an IPv6 socket reaches IPv4 addresses in their mapped
    /// form.
    fn mapped(&self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(ip) if self.address.is_ipv6() => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), address.port())
            }
            _ => address,
        }
    }
}

/// True if a socket bound to `own` can send to `other`.
pub fn reaches(own: IpAddr, other: IpAddr) -> bool {
    let version = own.is_ipv6() == other.is_ipv6() || own == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    version && (!own.is_loopback() || other.is_loopback())
}

/// The sending side of a network.
pub trait Transport: Send + 'static {
    /// The id of an address.
    fn id(&self, address: SocketAddr) -> Id;

    /// Sends a frame. Even without an error it may be lost.
    fn send(&self, to: Id, frame: &[u8]) -> io::Result<()>;

    /// The state of the network, as the system reports it.
    fn network(&self) -> Network {
        Network::default()
    }
}

impl Transport for Arc<Udp> {
    fn id(&self, address: SocketAddr) -> Id {
        self.addresses.id(address)
    }

    fn send(&self, to: Id, frame: &[u8]) -> io::Result<()> {
        Udp::send(self, to, frame)
    }

    fn network(&self) -> Network {
        Udp::network(self)
    }
}

impl Udp {
    /// Sends a frame, in parts if it is larger than the path allows.
    pub fn send(&self, to: Id, frame: &[u8]) -> io::Result<()> {
        let nowhere =
            || io::Error::other("no address: its name has none, or it was forgotten since");
        let address = self.mapped(self.addresses.address(to).ok_or_else(nowhere)?);
        if frame.len() <= self.path {
            return self.socket.send_to(frame, address).map(drop);
        }
        let name = self.name.fetch_add(1, Ordering::Relaxed);
        let parts = parts::cut(frame, self.path, name).map_err(io::Error::other)?;
        parts.iter().try_for_each(|part| self.socket.send_to(part, address).map(drop))
    }

    /// The state of the socket, as the system reports it.
    pub fn network(&self) -> Network {
        let (buffer, dropped) = (self.buffer, network::dropped(&self.socket));
        Network { datagram: self.path, buffer_wanted: RECEIVE_BUFFER, buffer, dropped }
    }
}

impl Source for Udp {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match self.socket.recv_from(buffer) {
            // A wake-up, or an empty datagram of another sender: nothing to read either way.
            Ok((0, _)) => Ok(Received::Nothing),
            Ok((length, from)) => Ok(Received::Datagram(length, from)),
            Err(error) if is_passing(&error) => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Sends an empty datagram to the socket itself. If it is lost, the reader looks for a stop after
    /// [`PATIENCE`] anyway.
    fn wake(&self) {
        let local: IpAddr = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            own => own,
        };
        let own = SocketAddr::new(local, self.address.port());
        if let Err(error) = self.socket.send_to(&[], own) {
            tracing::debug!(%error, address = %self.address, "cannot wake the reader");
        }
    }
}

/// True if the socket is still good after this error: nothing came, or an earlier datagram found no receiver
/// at its destination.
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

    /// Sends a datagram there and back between two sockets. A wake-up must not count as a datagram.
    fn there_and_back(local: &str) -> io::Result<()> {
        let bind = || Udp::bind(local.parse().unwrap()).map(Arc::new);
        let (one, two) = (bind()?, bind()?);
        let mut buffer = [0; 16];
        one.wake();
        assert_eq!(one.receive(&mut buffer)?, Received::Nothing);
        one.send(one.addresses().keep(two.address()), b"there")?;
        let Received::Datagram(5, from) = two.receive(&mut buffer)? else { panic!("nothing came") };
        assert_eq!(from, one.address());
        Transport::send(&two, Transport::id(&two, from), b"back")?;
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
