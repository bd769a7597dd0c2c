//! `cluster.toml`: who takes part, where, and how. Every member reads the same file.

mod sample;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::machine::Machine;
use crate::paxos::limits::MAX_REPLY;
use crate::paxos::{Limits, MAX_ACCEPTORS, Quorums, Timing};
use crate::runtime::identity::{ClusterId, ClusterIdError, ClusterIdentity, MemberRoles};

/// A cluster, as it is written down, and known to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The name of 128 bits that was drawn for it.
    pub id: ClusterId,
    /// The name that people call it by.
    pub cluster: String,
    /// What commands are applied to, where nobody says otherwise.
    pub machine: Machine,
    /// The members, in the order of the file: leaders and acceptors are counted in it.
    pub members: Vec<MemberConfig>,
    /// Which sets of acceptors suffice.
    pub quorums: Quorums,
    /// How long timers take.
    pub timing: Timing,
    /// How large and how many things may be.
    pub limits: Limits,
}

/// One process. It plays one role at each of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// Its name.
    pub name: String,
    /// Where its journals are. A path that is not absolute begins at the file.
    pub data: PathBuf,
    /// Where it is a leader, if it is one.
    pub leader: Option<Address>,
    /// Where it is an acceptor, if it is one.
    pub acceptor: Option<Address>,
}

/// A host and a port. The host is a name, or an address of IPv4 or of IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Asks the system where that is.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        let mut found = (self.host.trim_matches(['[', ']']), self.port).to_socket_addrs()?;
        found.next().ok_or_else(|| io::Error::other(format!("{self} has no address")))
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

impl ClusterConfig {
    /// The identity of the cluster: all that decides safety, or what commands come to. Every member
    /// must have the same, for ever. It stands in every journal, and its digest in every datagram.
    pub fn identity(&self) -> ClusterIdentity {
        let ClusterConfig { id, cluster, machine, members, quorums, limits, .. } = self;
        let acceptors = members.iter().filter(|member| member.acceptor.is_some()).count();
        let roles = |member: &MemberConfig| MemberRoles {
            name: member.name.clone(),
            leader: member.leader.is_some(),
            acceptor: member.acceptor.is_some(),
        };
        ClusterIdentity {
            id: *id,
            name: cluster.clone(),
            machine: machine.to_string(),
            lease: limits.lease,
            reply_bytes: limits.reply_bytes,
            quorums: quorums.sizes(acceptors),
            members: members.iter().map(roles).collect(),
        }
    }

    /// Where the leaders are, in order.
    pub fn leaders(&self) -> io::Result<Vec<SocketAddr>> {
        self.members.iter().filter_map(|m| m.leader.as_ref()).map(Address::resolve).collect()
    }
}

/// The most bytes of a cluster's file.
pub const MAX_FILE: usize = 1 << 20;

/// The most members of a cluster.
pub const MAX_MEMBERS: usize = 128;

/// What is wrong with a file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct ConfigError {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    cluster: Spanned<String>,
    id: Option<Spanned<String>>,
    #[serde(default)]
    machine: Machine,
    #[serde(default)]
    member: Vec<Spanned<WrittenMember>>,
    quorums: Option<Spanned<Sizes>>,
    #[serde(default)]
    timing: Option<Spanned<Millis>>,
    #[serde(default)]
    limits: WrittenLimits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMember {
    name: Spanned<String>,
    data: Spanned<PathBuf>,
    leader: Option<Spanned<String>>,
    acceptor: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    phase1: usize,
    phase2: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Millis {
    heartbeat: u64,
    election: u64,
    resend: u64,
    retry: u64,
}

impl Default for Millis {
    fn default() -> Self {
        Millis { heartbeat: 30, election: 120, resend: 20, retry: 50 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    window: Spanned<u64>,
    waiting: Spanned<usize>,
    client_window: Spanned<u64>,
    lease: Spanned<u64>,
    reply_bytes: Spanned<u64>,
}

impl Default for WrittenLimits {
    fn default() -> Self {
        let limits = Limits::default();
        let Limits { window, waiting, client_window, lease, reply_bytes, .. } = limits;
        WrittenLimits {
            window: Spanned::new(0..0, window),
            waiting: Spanned::new(0..0, waiting),
            client_window: Spanned::new(0..0, client_window),
            lease: Spanned::new(0..0, lease),
            reply_bytes: Spanned::new(0..0, reply_bytes),
        }
    }
}

/// The text of a file, to find lines in.
struct File<'t>(&'t str);

impl File<'_> {
    fn error<T>(&self, span: Range<usize>, what: impl Into<String>) -> Result<T, ConfigError> {
        let before = self.0.get(..span.start).unwrap_or(self.0);
        Err(ConfigError { line: before.matches('\n').count() + 1, what: what.into() })
    }
}

impl FromStr for ClusterConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let file = File(text);
        if text.len() > MAX_FILE {
            return file
                .error(0..0, format!("a file may have up to {MAX_FILE} bytes, and this has more"));
        }
        let written: Written = match toml::from_str(text) {
            Ok(written) => written,
            Err(error) => return file.error(error.span().unwrap_or(0..0), error.message()),
        };
        let cluster = file.name(&written.cluster, "a cluster")?;
        let id = file.id(written.id.as_ref(), written.cluster.span())?;
        let members = file.members(&written.member)?;
        let quorums = file.quorums(written.quorums.as_ref(), &members)?;
        let timing = file.timing(written.timing)?;
        let limits = file.limits(&written.limits)?;
        let machine = written.machine;
        Ok(ClusterConfig { id, cluster, machine, members, quorums, timing, limits })
    }
}

impl File<'_> {
    fn id(
        &self,
        id: Option<&Spanned<String>>,
        cluster: Range<usize>,
    ) -> Result<ClusterId, ConfigError> {
        let Some(id) = id else {
            let id = ClusterId::draw()
                .map_or_else(|_| "32 hexadecimal digits".to_owned(), |id| id.to_string());
            let what = format!(
                "the cluster has no id, by which it is told apart from others: add this line to the \
                 file, the same for every member and client: id = \"{id}\""
            );
            return self.error(cluster, what);
        };
        id.get_ref()
            .parse()
            .or_else(|error: ClusterIdError| self.error(id.span(), error.to_string()))
    }

    /// Names stand in files, paths and logs, so they are kept plain.
    fn name(&self, name: &Spanned<String>, whose: &str) -> Result<String, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let text = name.get_ref();
        if (1..=32).contains(&text.len()) && text.chars().all(plain) {
            return Ok(text.clone());
        }
        let what = format!(
            "'{}' cannot be the name of {whose}: take up to 32 letters, digits, '-' and '_'",
            text.escape_default()
        );
        self.error(name.span(), what)
    }

    fn members(
        &self,
        written: &[Spanned<WrittenMember>],
    ) -> Result<Vec<MemberConfig>, ConfigError> {
        let mut members = Vec::new();
        let (mut names, mut folders) = (BTreeMap::new(), BTreeMap::new());
        let mut addresses = BTreeMap::new();
        for member in written {
            let WrittenMember { name, data, leader, acceptor } = member.get_ref();
            let name_ = self.name(name, "a member")?;
            self.once(&mut names, name_.clone(), name.span(), "a name")?;
            self.once(&mut folders, data.get_ref().clone(), data.span(), "a data directory")?;
            let mut address = |at: &Option<Spanned<String>>| {
                let Some(at) = at else { return Ok(None) };
                let address = self.address(at)?;
                self.once(&mut addresses, address.clone(), at.span(), "an address")?;
                Ok(Some(address))
            };
            let (leader, acceptor) = (address(leader)?, address(acceptor)?);
            if leader.is_none() && acceptor.is_none() {
                let what = format!(
                    "member '{name_}' has no role: say where it is a leader or an acceptor, as in \
                     acceptor = \"127.0.0.1:7201\""
                );
                return self.error(name.span(), what);
            }
            members.push(MemberConfig {
                name: name_,
                data: data.get_ref().clone(),
                leader,
                acceptor,
            });
        }
        if members.len() > MAX_MEMBERS {
            let what = format!("{} members are too many: take up to {MAX_MEMBERS}", members.len());
            return self.error(self.0.len()..self.0.len(), what);
        }
        let leaders = members.iter().filter(|member| member.leader.is_some()).count();
        let acceptors = members.iter().filter(|member| member.acceptor.is_some()).count();
        if acceptors > MAX_ACCEPTORS {
            let what = format!("{acceptors} acceptors are too many: take up to {MAX_ACCEPTORS}");
            return self.error(self.0.len()..self.0.len(), what);
        }
        for (role, count) in [("leader", leaders), ("acceptor", acceptors)] {
            if count == 0 {
                let what = format!(
                    "no member is {role}: give at least one an address, as in {role} = \
                     \"127.0.0.1:7101\""
                );
                return self.error(self.0.len()..self.0.len(), what);
            }
        }
        Ok(members)
    }

    /// What only one member may have.
    fn once<K: Ord + fmt::Debug>(
        &self,
        seen: &mut BTreeMap<K, usize>,
        key: K,
        span: Range<usize>,
        what: &str,
    ) -> Result<(), ConfigError> {
        let shown = format!("{key:?}");
        let shown = self.0.get(span.clone()).unwrap_or(&shown).to_owned();
        let line = self.0.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
        match seen.insert(key, line) {
            None => Ok(()),
            Some(first) => self.error(
                span,
                format!("{shown} stands in line {first} already: give each {what} of its own"),
            ),
        }
    }

    fn address(&self, written: &Spanned<String>) -> Result<Address, ConfigError> {
        let text = written.get_ref();
        match text.parse() {
            Ok(address) => Ok(address),
            Err(()) => self.error(
                written.span(),
                format!(
                    "'{}' is no address: say host:port, as in 127.0.0.1:7101, [::1]:7101 or \
                     node1.example.org:7101",
                    text.escape_default()
                ),
            ),
        }
    }

    fn quorums(
        &self,
        written: Option<&Spanned<Sizes>>,
        members: &[MemberConfig],
    ) -> Result<Quorums, ConfigError> {
        let acceptors = members.iter().filter(|member| member.acceptor.is_some()).count();
        let (quorums, span) = match written {
            None => (Quorums::Majority, self.0.len()..self.0.len()),
            Some(sizes) => {
                let Sizes { phase1, phase2 } = *sizes.get_ref();
                (Quorums::Sizes { phase1, phase2 }, sizes.span())
            }
        };
        match quorums.check(acceptors) {
            Ok(()) => Ok(quorums),
            Err(error) => self.error(span, error.to_string()),
        }
    }

    fn timing(&self, written: Option<Spanned<Millis>>) -> Result<Timing, ConfigError> {
        let span = written.as_ref().map_or(0..0, Spanned::span);
        let millis = written.map(Spanned::into_inner).unwrap_or_default();
        let Millis { heartbeat, election, resend, retry } = millis;
        for (name, value) in
            [("heartbeat", heartbeat), ("election", election), ("resend", resend), ("retry", retry)]
        {
            if !(1..=3_600_000).contains(&value) {
                let what = format!("{name} = {value}: take 1 to 3600000 milliseconds");
                return self.error(span, what);
            }
        }
        if election < 2 * heartbeat {
            let what = format!(
                "with election = {election} and heartbeat = {heartbeat}, one late heartbeat ends a \
                 primary's time: take an election of at least {}",
                2 * heartbeat
            );
            return self.error(span, what);
        }
        let range =
            |from: u64, to: u64| Some(Duration::from_millis(from)..Duration::from_millis(to));
        Ok(Timing {
            election: range(election, 2 * election),
            heartbeat: range(heartbeat, heartbeat + heartbeat.div_ceil(4)),
            resend: range(resend, resend + resend.div_ceil(4)),
            retry: range(retry, retry + retry.div_ceil(5)),
        })
    }

    fn limits(&self, written: &WrittenLimits) -> Result<Limits, ConfigError> {
        let (least, most) = (MAX_REPLY as u64, (MAX_REPLY as u64) << 20);
        let limits = Limits {
            window: self.within(&written.window, 1..=1 << 20)?,
            waiting: self.within(&written.waiting, 1..=1 << 20)?,
            client_window: self.within(&written.client_window, 1..=1 << 20)?,
            lease: self.within(&written.lease, 1..=1 << 20)?,
            // The longest lease brings no more.
            reply_bytes: self.within(&written.reply_bytes, least..=most)?,
            ..Limits::default()
        };
        let lease = limits.lease;
        for (name, other) in [("window", limits.window), ("client_window", limits.client_window)] {
            if lease < other {
                let what = format!(
                    "with lease = {lease} and {name} = {other}, a client may be forgotten while it \
                     waits: take a lease of at least {other}, or a {name} of at most {lease}"
                );
                return self.error(written.lease.span(), what);
            }
        }
        Ok(limits)
    }

    fn within<N: Copy + PartialOrd + fmt::Display>(
        &self,
        written: &Spanned<N>,
        bounds: RangeInclusive<N>,
    ) -> Result<N, ConfigError> {
        let (value, least, most) = (*written.get_ref(), bounds.start(), bounds.end());
        let what = || format!("{value}: take {least} to {most}");
        if bounds.contains(&value) { Ok(value) } else { self.error(written.span(), what()) }
    }
}
