//! Whose journal it is: a small text file, so that people can read it too.

use std::fmt;

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

const TITLE: &str = "synod journal 1";

/// The file that says whose journal it is, and how it is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) identity: Identity,
    /// How many bytes a segment has.
    pub(super) segment: usize,
    /// Tells apart journals that were made for the same member.
    pub(super) id: u64,
}

impl Label {
    pub(super) fn encode(&self) -> String {
        let Label { identity: Identity { cluster, member }, segment, id } = self;
        let text = format!(
            "{TITLE}\ncluster {cluster}\nmember {member}\nsegment {segment}\nid {id:016x}\n"
        );
        let checksum = crc(&[text.as_bytes()]);
        format!("{text}crc {checksum:08x}\n")
    }

    /// What the file says; none if it is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (checked, checksum) = text.split_at_checked(text.rfind("crc ")?)?;
        if checksum != format!("crc {:08x}\n", crc(&[checked.as_bytes()])) {
            return None;
        }
        let mut lines = checked.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let cluster = value("cluster")?.to_owned();
        let member = value("member")?.to_owned();
        let segment = value("segment")?.parse().ok()?;
        let id = u64::from_str_radix(value("id")?, 16).ok()?;
        Some(Label { identity: Identity { cluster, member }, segment, id })
    }
}
