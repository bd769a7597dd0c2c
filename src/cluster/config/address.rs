//! Addresses in a cluster's file, and which of them can reach one another.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use super::MemberConfig;
use crate::runtime::udp::reaches;

/// A host and a port. The host is a name, or an address of IPv4 or of IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Asks the system where that is: IPv4 first, so that all who ask choose alike. It may take as long as
    /// the system waits for an answer about a name.
    pub fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = (self.host(), self.port).to_socket_addrs()?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }

    /// Asks the system where that is, and takes the first answer.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let nowhere = || io::Error::other("it has no address");
        self.look_up()?.first().copied().ok_or_else(nowhere)
    }

    /// The address of IP, if it is written as one: there is nothing to resolve then.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The host, as it is asked for.
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True if only this machine can be there.
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

/// Why nobody reaches a member at this address, whatever it listens at; none if somebody may.
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

/// Why this member cannot reach another, or cannot be reached; none if the addresses that are written
/// out do not tell.
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
