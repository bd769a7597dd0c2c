//! Whose journal it is: a small text file, so that people can read it too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::entry::crc;

/// Whose journal it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the member.
    pub member: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} of cluster {}", self.member, self.cluster)
    }
}

/// Tells apart journals that were made for the same member, such as one that was lost and one that
/// was made in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalId(pub u64);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for JournalId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(JournalId)
    }
}

const TITLE: &str = "synod journal 1";

/// The file that says whose journal it is, and how it is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) identity: Identity,
    /// How many bytes a segment has.
    pub(super) segment: usize,
    pub(super) id: JournalId,
}

impl Label {
    pub(super) fn encode(&self) -> String {
        let Label { identity: Identity { cluster, member }, segment, id } = self;
        let text =
            format!("{TITLE}\ncluster {cluster}\nmember {member}\nsegment {segment}\nid {id}\n");
        seal(&text)
    }

    /// What the file says; none if it is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = unseal(bytes)?.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let cluster = value("cluster")?.to_owned();
        let member = value("member")?.to_owned();
        let segment = value("segment")?.parse().ok()?;
        let id = value("id")?.parse().ok()?;
        Some(Label { identity: Identity { cluster, member }, segment, id })
    }
}

/// The text, with a checksum in a line of its own.
pub(super) fn seal(text: &str) -> String {
    format!("{text}crc {:08x}\n", crc(&[text.as_bytes()]))
}

/// What was sealed; none if it is damaged.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    let (sealed, _) = text.split_at_checked(text.rfind("crc ")?)?;
    (seal(sealed) == text).then_some(sealed)
}
