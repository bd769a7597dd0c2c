//! What the system says of a socket: how large a datagram may be, and what it has dropped.

use std::net::UdpSocket;

use serde::{Deserialize, Serialize};

use super::super::parts::LEAST_PATH;
use super::super::wire::BUNDLE;
use crate::paxos::limits::MAX_DATAGRAM;

/// The most bytes of a datagram that is not for this machine, where nobody says otherwise: what every link
/// of IPv6 carries in one piece (RFC 8200, section 5), and so do the usual tunnels.
pub const PATH: usize = 1280 - HEADERS;

/// The most bytes that the headers of IP and UDP take: those of IPv6.
const HEADERS: usize = 48;

/// The state of a socket, as the system reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The most bytes of a datagram that is sent; larger frames go in parts.
    pub datagram: usize,
    /// The bytes of the receive buffer that were asked for.
    pub buffer_wanted: usize,
    /// The bytes of the receive buffer that the system gave.
    pub buffer: usize,
    /// Datagrams that the system dropped since the start, mostly because the buffer was full; none where
    /// it does not say.
    pub dropped: Option<u64>,
}

impl Default for Network {
    fn default() -> Self {
        Network { datagram: MAX_DATAGRAM, buffer_wanted: 0, buffer: 0, dropped: None }
    }
}

/// The most bytes of a datagram over the loopback interface: what its MTU allows, or what every system
/// sends where it does not say.
pub fn loopback_path() -> usize {
    let fits = |mtu: usize| mtu.saturating_sub(HEADERS).clamp(LEAST_PATH, MAX_DATAGRAM);
    mtu_of_loopback().map_or(BUNDLE, fits)
}

/// As Linux tells it, in the network namespace of this process; other systems tell nothing.
fn mtu_of_loopback() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/sys/net/ipv6/conf/lo/mtu").ok()?;
    told.trim().parse().ok()
}

/// The datagrams that the system has dropped at this socket since it was made.
#[cfg(target_os = "linux")]
pub(super) fn dropped(socket: &UdpSocket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    let inode = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?.ino();
    let table = if socket.local_addr().ok()?.is_ipv6() { "udp6" } else { "udp" };
    let table = std::fs::read_to_string(format!("/proc/self/net/{table}")).ok()?;
    table.lines().find_map(|line| dropped_of(line, inode))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn dropped(_: &UdpSocket) -> Option<u64> {
    None
}

/// What a line of `/proc/net/udp` says of the socket with this inode: its tenth field is the inode, its
/// last the count.
#[cfg(target_os = "linux")]
fn dropped_of(line: &str, inode: u64) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace();
    let is_it = fields.nth(9)?.parse() == Ok(inode);
    fields.last()?.parse().ok().filter(|_| is_it)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_takes_datagrams_of_what_it_says_and_no_fragment_is_needed() {
        let path = loopback_path();
        assert!((LEAST_PATH..=MAX_DATAGRAM).contains(&path));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&vec![0; path], socket.local_addr().unwrap()).unwrap();
        let mut buffer = vec![0; MAX_DATAGRAM + 1];
        assert_eq!(socket.recv(&mut buffer).unwrap(), path);
    }

    /// The count is of this very socket: nothing at first, and then what did not fit its buffer.
    #[test]
    fn what_the_kernel_drops_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(dropped(&socket), Some(0));
        socket2::SockRef::from(&socket).set_recv_buffer_size(4096).unwrap();
        let (to, mut received) = (socket.local_addr().unwrap(), 0);
        for _ in 0..100 {
            socket.send_to(&[0; 1000], to).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 1000]).is_ok() {
            received += 1;
        }
        assert_eq!(dropped(&socket), Some(100 - received));
        assert!(received < 100);
    }
}
