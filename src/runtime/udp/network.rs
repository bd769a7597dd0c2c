//! The system's figures on a socket: the size of datagrams, and drops.

use std::net::UdpSocket;

use serde::{Deserialize, Serialize};

use super::super::parts::LEAST_PATH;
use super::super::wire::BUNDLE;
use crate::paxos::limits::MAX_DATAGRAM;

/// The default limit of a datagram to another machine, in bytes: every IPv6 link carries this much in one
/// piece (RFC 8200, section 5), and so do the usual tunnels.
pub const PATH: usize = 1280 - HEADERS;

/// The most bytes of the IP and UDP headers: those of IPv6.
const HEADERS: usize = 48;

/// The state of a socket, as the system reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The most bytes of a datagram that is sent; larger frames are sent in parts.
    pub datagram: usize,
    /// The bytes of receive buffer that were asked for.
    pub buffer_wanted: usize,
    /// The bytes of receive buffer that the system gave.
    pub buffer: usize,
    /// The number of datagrams dropped by the system since the start, mostly because the buffer was full;
    /// `None` where the system does not tell.
    pub dropped: Option<u64>,
}

impl Default for Network {
    fn default() -> Self {
        Network { datagram: MAX_DATAGRAM, buffer_wanted: 0, buffer: 0, dropped: None }
    }
}

/// The most bytes of a datagram over the loopback interface: as its MTU allows, or a size that every system
/// sends if the MTU is not known.
pub fn loopback_path() -> usize {
    let fits = |mtu: usize| mtu.saturating_sub(HEADERS).clamp(LEAST_PATH, MAX_DATAGRAM);
    mtu_of_loopback().map_or(BUNDLE, fits)
}

/// The MTU of the loopback interface in the network namespace of this process, as Linux tells it; `None` on
/// other systems.
fn mtu_of_loopback() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/sys/net/ipv6/conf/lo/mtu").ok()?;
    told.trim().parse().ok()
}

/// The number of datagrams that the system has dropped at this socket since it was made.
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

/// The drop count in a line of `/proc/net/udp`, if the line is that of the socket with this inode. The tenth
/// field is the inode, the last one the count.
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

    /// The count is that of this very socket: zero at first, and then the datagrams that did not fit its
    /// buffer.
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
