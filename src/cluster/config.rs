//! The cluster's configuration file, `cluster.toml`: members, addresses and settings. Every member reads the
//! same file.

mod address;
mod members;
mod name;
mod sample;

use std::fmt;
use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::machine::Machine;
use crate::paxos::limits::{MAX_DATAGRAM, MAX_REPLY};
use crate::paxos::{Limits, Quorums, Timing};
use crate::runtime::identity::{ClusterId, ClusterIdError, ClusterIdentity, MemberRoles};
use crate::runtime::parts::LEAST_PATH;
use crate::runtime::udp::{PATH, loopback_path};

pub use address::Address;
pub use name::check_name;

/// A validated cluster configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The id, 128 bits drawn at random by `synod init`.
    pub id: ClusterId,
    /// The display name.
    pub cluster: String,
    /// The state machine, unless an embedding program provides its own.
    pub machine: Machine,
    /// The members, in the order of the file, by which leaders and acceptors are counted.
    pub members: Vec<MemberConfig>,
    /// The quorum system.
    pub quorums: Quorums,
    /// The durations of the timers.
    pub timing: Timing,
    /// The bounds of sizes and counts.
    pub limits: Limits,
    /// The most bytes of a datagram; by default as many as the path allows.
    pub datagram: Option<usize>,
}

/// The configuration of one member: a process that plays one role at each of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// The name.
    pub name: String,
    /// The folder of its journals. A relative path begins at the configuration file.
    pub data: PathBuf,
    /// The address of its leader role, if it has one.
    pub leader: Option<Address>,
    /// The address of its acceptor role, if it has one.
    pub acceptor: Option<Address>,
    /// The IP address to listen at, with the ports of its addresses, if it differs from those that others
    /// reach.
    pub bind: Option<IpAddr>,
}

impl MemberConfig {
    /// The addresses of its roles.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        [&self.leader, &self.acceptor].into_iter().flatten()
    }
}

impl ClusterConfig {
    /// The identity of the cluster: all settings that decide safety, or the results of commands. It must be
    /// the same at every member, and never change. It is in every journal, and its digest in every datagram.
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

    /// The most bytes of a datagram between members, and to and from clients. Larger frames are sent in
    /// parts.
    pub fn path(&self) -> usize {
        let all = || self.members.iter().flat_map(MemberConfig::addresses);
        match self.datagram {
            Some(bytes) => bytes,
            None if all().all(Address::is_loopback) => loopback_path(),
            None => PATH,
        }
    }
}

/// The most bytes of a configuration file.
pub const MAX_FILE: usize = 1 << 20;

/// The most members of a cluster.
pub const MAX_MEMBERS: usize = 128;

/// An error in a configuration file, with advice.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct ConfigError {
    /// The line number, from 1.
    pub line: usize,
    /// The error, and advice.
    pub what: String,
}

/// The file before it is validated.
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
    #[serde(default)]
    network: WrittenNetwork,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMember {
    name: Spanned<String>,
    data: Spanned<PathBuf>,
    leader: Option<Spanned<String>>,
    acceptor: Option<Spanned<String>>,
    bind: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNetwork {
    datagram: Option<Spanned<usize>>,
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

/// The text of a file, in which error positions are looked up.
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
        let datagram = written.network.datagram.as_ref();
        let datagram =
            datagram.map(|bytes| file.within(bytes, LEAST_PATH..=MAX_DATAGRAM)).transpose()?;
        let machine = written.machine;
        Ok(ClusterConfig { id, cluster, machine, members, quorums, timing, limits, datagram })
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

    fn name(&self, name: &Spanned<String>, whose: &str) -> Result<String, ConfigError> {
        let text = name.get_ref();
        let checked = check_name(text, whose);
        checked.map(|()| text.clone()).or_else(|what| self.error(name.span(), what))
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
            ..Timing::NEVER
        })
    }

    fn limits(&self, written: &WrittenLimits) -> Result<Limits, ConfigError> {
        let (least, most) = (MAX_REPLY as u64, (MAX_REPLY as u64) << 20);
        let limits = Limits {
            window: self.within(&written.window, 1..=1 << 20)?,
            waiting: self.within(&written.waiting, 1..=1 << 20)?,
            client_window: self.within(&written.client_window, 1..=1 << 20)?,
            lease: self.within(&written.lease, 1..=1 << 20)?,
            // The replies that the longest lease can hold.
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
