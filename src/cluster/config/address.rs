//! Addresses in a configuration file, and their reachability.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use super::MemberConfig;
use crate::runtime::udp::reaches;

/// A host and a port. The host is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Looks the host up: IPv4 addresses first, so that all members choose alike. Blocks for as long as the
    /// system waits for a name server.
    pub fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = (self.host(), self.port).to_socket_addrs()?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }

    /// Looks the host up, and takes the first address.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let nowhere = || io::Error::other("it has no address");
        self.look_up()?.first().copied().ok_or_else(nowhere)
    }

    /// The IP address, if the host is one: then there is nothing to look up.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True if the address is a loopback address, which no other machine can have.
    pub fn is_loopback(&self) -> bool {
        self.ip().map_or(self.host == "localhost", |ip| ip.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(())?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = bracketed.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
        let in_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let is_name = !host.is_empty() && host.chars().all(in_name);
        let host = host.to_owned();
        (is_address || is_name).then_some(Address { host, port }).ok_or(())
    }
}

/// The reason why no other member can reach this address, in words; `None` if some may.
pub(super) fn no_place(address: &Address) -> Option<String> {
    let ip = address.ip()?;
    let is_broadcast = ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    if ip.is_unspecified() {
        return Some(format!(
            "{address} says where to listen, and not where others reach it: write the address that they \
             reach, and beside it bind = \"{ip}\""
        ));
    }
    if matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
        return Some(format!(
            "{address} is another machine on each link: write an address that is the same for all"
        ));
    }
    (ip.is_multicast() || is_broadcast)
        .then(|| format!("{address} is not the address of one machine"))
}

/// The reason why this member cannot reach another, or be reached by it, in words; `None` if the numeric
/// addresses do not show any.
pub(super) fn no_way(member: &MemberConfig, others: &[MemberConfig]) -> Option<String> {
    let ips =
        |member: &MemberConfig| member.addresses().filter_map(Address::ip).collect::<Vec<_>>();
    let name = &member.name;
    for own in ips(member) {
        let socket = member.bind.unwrap_or(own);
        if !reaches(socket, own) {
            return Some(format!(
                "{name} listens at {socket}, and is not reached at {own} there: take a bind of the same \
                 kind, such as \"{}\"",
                if own.is_ipv6() { "::" } else { "0.0.0.0" }
            ));
        }
        for other in others {
            let alone = |ip: IpAddr| own.is_loopback() && !ip.is_loopback();
            let cannot = |ip: &IpAddr| !reaches(socket, *ip) || alone(*ip);
            let Some(ip) = ips(other).into_iter().find(cannot) else { continue };
            let to = &other.name;
            return Some(match alone(ip) && socket.is_ipv6() == ip.is_ipv6() {
                true => format!(
                    "{name} is at {own}, where only its machine reaches it, and {to} is at {ip}: give \
                     {name} the address that {to} reaches"
                ),
                false => format!(
                    "a socket at {socket} ({name}) does not reach {ip} ({to}), which is of the other \
                     version of IP: write bind = \"::\" into {name}, so that it listens at both"
                ),
            });
        }
    }
    None
}
