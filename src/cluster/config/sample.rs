//! The file of a new cluster, with what may be set in it.

use std::{fmt, io};

use super::ClusterConfig;
use crate::runtime::identity::ClusterId;

impl ClusterConfig {
    /// The text of a file for a new cluster on this machine: so many processes, each a leader and an
    /// acceptor, at ports from `port` on. Its id is drawn from the system's randomness.
    pub fn sample(cluster: &str, members: u16, port: u16) -> io::Result<String> {
        let mut ports = u32::from(port)..;
        ClusterConfig::sample_at(cluster, members, || ports.next().unwrap_or_default())
    }

    /// The same, at these ports.
    pub fn sample_at<P: fmt::Display>(
        cluster: &str,
        members: u16,
        mut port: impl FnMut() -> P,
    ) -> io::Result<String> {
        let id = ClusterId::draw()?;
        let mut text = format!(
            "# A cluster on this machine. Every member and every client reads this file, or a copy.\n\
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
        );
        for name in 1..=members {
            let (leader, acceptor): (P, P) = (port(), port());
            text.push_str(&format!(
                "\n[[member]]\nname = \"n{name}\"\ndata = \"data/n{name}\"\n\
                 leader = \"127.0.0.1:{leader}\"\nacceptor = \"127.0.0.1:{acceptor}\"\n"
            ));
        }
        text.push_str(SAMPLE_SETTINGS);
        Ok(text)
    }
}

/// What may be set beside the members, with what it is otherwise.
const SAMPLE_SETTINGS: &str = "
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

# The most bytes of a datagram; larger messages go in parts. Otherwise 1400, and what the loopback
# interface takes if all members are there.
# [network]
# datagram = 1400
";
