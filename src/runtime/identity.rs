//! The identity of a cluster: all settings that decide safety, or the results of commands.
//!
//! Two members that differ in any of them may choose two values for one instance, or reach two states from
//! one history. So the digest of the identity is in every journal, and in the header of every datagram, and a
//! member with a different one is refused. (Of the state machine only the name in the file counts: an
//! embedding program decides which machine it really runs.) Addresses, data directories, timings and windows
//! are not included: those may change from one start to the next.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::environment::{Random, SystemRandom};
use super::party::Party;
use crate::paxos::{AcceptorId, LeaderId};

/// The random name of a cluster, drawn by `synod init`. Two clusters never share one, even if their display
/// names are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u128);

impl ClusterId {
    /// Draws a new id from the system's randomness.
    pub fn draw() -> io::Result<Self> {
        SystemRandom.unique().map(ClusterId)
    }

    /// The first eight hexadecimal digits, as displayed.
    fn short(self) -> u32 {
        (self.0 >> 96) as u32
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The error of text that is no [`ClusterId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cluster's id has 32 hexadecimal digits")]
pub struct ClusterIdError;

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, ClusterIdError> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(ClusterId).ok_or(ClusterIdError)
    }
}

/// The first 128 bits of the BLAKE3 hash of an identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterDigest(pub [u8; DIGEST]);

/// The number of bytes of a digest.
pub(super) const DIGEST: usize = 16;

impl fmt::Display for ClusterDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ClusterDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClusterDigest {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, ClusterIdError> {
        text.parse().map(|ClusterId(number)| ClusterDigest(number.to_be_bytes()))
    }
}

/// A member and its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRoles {
    /// The name of the member.
    pub name: String,
    /// True if it is a leader.
    pub leader: bool,
    /// True if it is an acceptor.
    pub acceptor: bool,
}

impl fmt::Display for MemberRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let roles = [(self.leader, " leader"), (self.acceptor, " acceptor")];
        roles.iter().filter(|(plays, _)| *plays).try_for_each(|(_, role)| f.write_str(role))
    }
}

/// All settings that decide safety, or the results of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterIdentity {
    /// The id of 128 bits.
    pub id: ClusterId,
    /// The display name.
    pub name: String,
    /// The name of the state machine.
    pub machine: String,
    /// The number of instances for which a client is remembered after its last command.
    pub lease: u64,
    /// The most bytes of replies that are kept for repeated requests.
    pub reply_bytes: u64,
    /// The number of acceptors that must promise, and that must vote.
    pub quorums: (usize, usize),
    /// The members, in the order by which leaders and acceptors are counted.
    pub members: Vec<MemberRoles>,
}

/// The most bytes of an identity as text: 128 members, each with a name of 32 bytes.
pub const MAX_IDENTITY: usize = 8 * 1024;

/// The first words of the text; the version follows.
pub(super) const TITLE: &str = "synod cluster";
/// The version of the text.
pub(super) const VERSION: u32 = 1;

impl ClusterIdentity {
    /// The digest that goes into journals and datagrams.
    pub fn digest(&self) -> ClusterDigest {
        let hash = blake3::hash(self.to_string().as_bytes());
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(hash.as_bytes().split_at(DIGEST).0);
        ClusterDigest(digest)
    }

    /// The display of the cluster: its name and the start of its id.
    pub fn called(&self) -> String {
        called(&self.name, self.id.short())
    }

    /// All roles of all members, leaders first: the role, its name, such as "n2/acceptor", and the index of
    /// the member in the file.
    pub fn roles(&self) -> impl Iterator<Item = (Party, String, usize)> {
        let members = || self.members.iter().enumerate();
        let leaders = members().filter(|(_, member)| member.leader);
        let acceptors = members().filter(|(_, member)| member.acceptor);
        let leaders = (0..).zip(leaders).map(|(place, (at, member))| {
            (Party::Leader(LeaderId(place)), format!("{}/leader", member.name), at)
        });
        let acceptors = (0..).zip(acceptors).map(|(place, (at, member))| {
            (Party::Acceptor(AcceptorId(place)), format!("{}/acceptor", member.name), at)
        });
        leaders.chain(acceptors)
    }

    /// The name of a role, such as "n2/acceptor".
    pub fn role_name(&self, party: Party) -> String {
        let named = self.roles().find(|(role, ..)| *role == party);
        named.map_or_else(|| party.to_string(), |(_, name, _)| name)
    }

    /// The differences between the identity `found` and the one `expected`, one clause each; empty if they
    /// are equal.
    pub fn differences(found: &Self, expected: &Self) -> Vec<String> {
        Brief::differences(&found.brief(), &expected.brief(), Some((found, expected)))
    }

    /// The summary for strangers.
    pub fn brief(&self) -> Brief {
        let members: Vec<String> = self.members.iter().map(ToString::to_string).collect();
        let hash = *blake3::hash(members.join("\n").as_bytes()).as_bytes();
        let first = hash.first_chunk().copied().unwrap_or_default();
        let few = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Brief {
            name: self.name.clone(),
            id: self.id.short(),
            machine: self.machine.clone(),
            lease: self.lease,
            reply_bytes: self.reply_bytes,
            quorums: (few(self.quorums.0), few(self.quorums.1)),
            members: few(members.len()),
            members_hash: u64::from_le_bytes(first),
        }
    }
}

/// The summary of an identity for strangers: enough to tell the differences, but without the digest by which
/// members know one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    name: String,
    id: u32,
    machine: String,
    lease: u64,
    reply_bytes: u64,
    quorums: (u16, u16),
    members: u16,
    members_hash: u64,
}

impl Brief {
    /// The display of the cluster: its name and the start of its id.
    pub fn called(&self) -> String {
        called(&self.name, self.id)
    }

    /// True if this is a summary of the cluster with this id, perhaps with other members.
    pub fn is_of(&self, cluster: &ClusterIdentity) -> bool {
        self.id == cluster.id.short()
    }

    /// The differences between the summary `found` and the one `expected`, one clause each.
    pub fn differences(
        found: &Brief,
        expected: &Brief,
        whole: Option<(&ClusterIdentity, &ClusterIdentity)>,
    ) -> Vec<String> {
        let differ = |what: &str, found: String, expected: String| {
            (found != expected).then(|| format!("{what} {found} and not {expected}"))
        };
        let quorums = |(phase1, phase2): (u16, u16)| format!("{phase1} and {phase2}");
        let clauses = [
            differ("it is cluster", found.called(), expected.called()),
            whole.and_then(|(it, other)| {
                differ("its id is", it.id.to_string(), other.id.to_string())
            }),
            match whole {
                Some((it, other)) => {
                    differ("its members are", listed(&it.members), listed(&other.members))
                }
                None => Brief::other_members(found, expected),
            },
            differ("its quorums are", quorums(found.quorums), quorums(expected.quorums)),
            differ("its state machine is", shown(&found.machine), shown(&expected.machine)),
            differ("its lease is", found.lease.to_string(), expected.lease.to_string()),
            differ(
                "its limit reply_bytes is",
                found.reply_bytes.to_string(),
                expected.reply_bytes.to_string(),
            ),
        ];
        clauses.into_iter().flatten().collect()
    }

    fn other_members(found: &Brief, expected: &Brief) -> Option<String> {
        let (count, wanted) = (found.members, expected.members);
        match found.members_hash == expected.members_hash {
            true => None,
            false if count == wanted => {
                Some(format!("its {count} members have other names, roles or places"))
            }
            false => Some(format!("it has {count} members and not {wanted}")),
        }
    }
}

fn called(name: &str, id: u32) -> String {
    format!("'{}' (id {id:08x}...)", shown(name))
}

/// A name, perhaps a stranger's, escaped for a terminal.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}

fn listed(members: &[MemberRoles]) -> String {
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    members.join(", ")
}

/// The text form, which is hashed for the digest, and stored beside each journal.
impl fmt::Display for ClusterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClusterIdentity { id, name, machine, lease, reply_bytes, quorums, members } = self;
        writeln!(f, "{TITLE} {VERSION}\nid {id}\nname {name}\nmachine {machine}\nlease {lease}")?;
        writeln!(f, "replies {reply_bytes}\nquorums {} {}", quorums.0, quorums.1)?;
        members.iter().try_for_each(|member| writeln!(f, "member {member}"))
    }
}

/// The error of text that is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the identity of a cluster")]
pub struct NoIdentity;

impl FromStr for ClusterIdentity {
    type Err = NoIdentity;

    fn from_str(text: &str) -> Result<Self, NoIdentity> {
        parse(text).filter(|identity| identity.to_string() == text).ok_or(NoIdentity)
    }
}

fn parse(text: &str) -> Option<ClusterIdentity> {
    let mut lines = text.lines();
    if text.len() > MAX_IDENTITY || lines.next()? != format!("{TITLE} {VERSION}") {
        return None;
    }
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let id = value("id")?.parse().ok()?;
    let (name, machine) = (value("name")?.to_owned(), value("machine")?.to_owned());
    let lease = value("lease")?.parse().ok()?;
    let reply_bytes = value("replies")?.parse().ok()?;
    let (phase1, phase2) = value("quorums")?.split_once(' ')?;
    let quorums = (phase1.parse().ok()?, phase2.parse().ok()?);
    let member = |line: &str| {
        let mut words = line.strip_prefix("member ")?.split(' ');
        let name = words.next()?.to_owned();
        let roles: Vec<&str> = words.collect();
        let plays = |role: &str| roles.contains(&role);
        Some(MemberRoles { name, leader: plays("leader"), acceptor: plays("acceptor") })
    };
    let members = lines.map(member).collect::<Option<_>>()?;
    Some(ClusterIdentity { id, name, machine, lease, reply_bytes, quorums, members })
}

#[cfg(test)]
mod tests;
