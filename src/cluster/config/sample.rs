//! The configuration file of a new cluster, with comments on its settings.

use std::fmt;
use std::io;

use super::{Address, ClusterConfig};
use crate::runtime::identity::ClusterId;

impl ClusterConfig {
    /// The file of a new cluster on this machine: `members` processes, each a leader and an acceptor, at
    /// ports from `port` on. Its id is drawn from the system's randomness.
    pub fn sample(cluster: &str, members: u16, port: u16) -> io::Result<String> {
        let mut ports = u32::from(port)..;
        ClusterConfig::sample_at(cluster, members, || ports.next().unwrap_or_default())
    }

    /// The file of a new cluster on this machine, at these ports.
    pub fn sample_at<P: fmt::Display>(
        cluster: &str,
        members: u16,
        mut port: impl FnMut() -> P,
    ) -> io::Result<String> {
        let mut text = head("A cluster on this machine.", cluster)?;
        for number in 1..=members {
            let (leader, acceptor): (P, P) = (port(), port());
            member(
                &mut text,
                number,
                &format!("127.0.0.1:{leader}"),
                &format!("127.0.0.1:{acceptor}"),
            );
        }
        text.push_str(SETTINGS);
        Ok(text)
    }

    /// The file of a new cluster with one member on each of these machines: a leader at the first address,
    /// and an acceptor at the second.
    ///
    /// A machine often resolves its own name to a loopback address, so members with names as hosts listen
    /// everywhere.
    pub fn sample_on(cluster: &str, machines: &[(Address, Address)]) -> io::Result<String> {
        let mut text = head("A cluster of machines. All of them have this very file.", cluster)?;
        let ips = || machines.iter().map(|(leader, _)| leader.ip());
        let some_v6 = ips().flatten().any(|ip| ip.is_ipv6());
        let all_v6 = ips().all(|ip| ip.is_some_and(|ip| ip.is_ipv6()));
        for (number, (leader, acceptor)) in (1..).zip(machines) {
            member(&mut text, number, &leader.to_string(), &acceptor.to_string());
            let bind = match leader.ip() {
                Some(_) if all_v6 || !some_v6 => continue,
                _ => "::",
            };
            text.push_str(&format!("bind = \"{bind}\"  # where it listens: everywhere\n"));
        }
        text.push_str(SETTINGS);
        Ok(text)
    }
}

/// The part before the members, with a new id.
fn head(title: &str, cluster: &str) -> io::Result<String> {
    let id = ClusterId::draw()?;
    Ok(format!(
        "# {title} Every member and every client reads this file, or a copy.\n\
         cluster = \"{cluster}\"\n\
         # Tells it apart from all other clusters.\n\
         id = \"{id}\"\n\
         # What it replicates: \"kv\", a key-value store, or \"ledger\", the list of all commands.\n\
         machine = \"kv\"\n\
         \n\
         # Once a member has run, these cannot be changed: the id, the machine, the members with\n\
         # their order, names and roles, the quorums, the lease and reply_bytes. A member with\n\
         # another file is refused, since two values might be chosen. Addresses, data directories,\n\
         # timings and the other limits can be changed while members are down.\n"
    ))
}

/// Appends a member at these addresses.
fn member(text: &mut String, number: u16, leader: &str, acceptor: &str) {
    text.push_str(&format!(
        "\n[[member]]\nname = \"n{number}\"\ndata = \"data/n{number}\"\n\
         leader = \"{leader}\"\nacceptor = \"{acceptor}\"\n"
    ));
}

/// The optional settings, with their defaults.
const SETTINGS: &str = "
# All of this may be left out.

# How many acceptors must promise, and how many must vote. Otherwise more than half, both times.
# [quorums]
# phase1 = 2
# phase2 = 2

# In milliseconds. A leader that hears of no primary for `election`, up to twice as long, makes itself
# primary; it waits for longer where disks are slow, and after it failed.
[timing]
heartbeat = 30
election = 120
resend = 20
retry = 50

[limits]
window = 4096           # instances that a primary may have open
waiting = 8192          # commands that may wait for one of these
client_window = 4096    # unanswered requests of one client
lease = 262144          # instances for which a client and its answers are remembered
reply_bytes = 33554432  # bytes of replies that are remembered, of all clients

# The most bytes of a datagram; larger messages go in parts. Otherwise 1232, and what the loopback
# interface takes if all members are there.
# [network]
# datagram = 1232
";
