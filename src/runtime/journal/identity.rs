//! The label of a journal, which says whose it is: two small text files, which people can read too.
//!
//! | file | contents | since |
//! | --- | --- | --- |
//! | `identity` | the member, the layout, and the digest of the cluster's identity | version 1, which names the cluster in words |
//! | `cluster` | the cluster's identity, all of it | version 2 |
//!
//! The bytes of `identity` are part of each checksum in the journal, so it never changes. A journal of
//! version 1 gets its `cluster` when it is opened for the first time by this version, and is bound to
//! that from then on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::entry::crc;
use super::error::{JournalError, damaged};
use crate::runtime::identity::{ClusterDigest, ClusterIdentity};

/// The owner of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// The role of the member, such as "n1/leader".
    pub member: String,
}

/// The id of a journal: 128 bits from the system's randomness. It tells apart journals that were made for the
/// same member, such as one that was lost and the one made in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalId(pub u128);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Reads an id of 128 bits, or of 64 bits in version 1.
impl FromStr for JournalId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(JournalId)
    }
}

/// The most bytes of a small text file.
pub(super) const MAX_TEXT: usize = 64 * 1024;
/// The fewest and the most bytes of a segment.
pub(super) const SEGMENTS: std::ops::RangeInclusive<usize> = 1024..=1 << 30;

const TITLE: &str = "synod journal";
/// The newest version of the label that this program reads.
const VERSION: u32 = 2;

/// The label of a journal: its owner, its id and its layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) cluster: Bound,
    pub(super) member: String,
    /// The bytes of a segment.
    pub(super) segment: usize,
    pub(super) id: JournalId,
}

/// The cluster of a journal, as its label has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Version 1: the name, the machine and the lease, in words.
    InWords(String),
    /// Version 2: the digest of the identity.
    To(ClusterDigest),
}

impl Bound {
    /// The words of version 1 for a cluster.
    pub(super) fn in_words(cluster: &ClusterIdentity) -> String {
        let ClusterIdentity { name, machine, lease, .. } = cluster;
        format!("{name} ({machine}, lease {lease})")
    }

    /// True if the label allows that the journal is of this cluster.
    pub(super) fn admits(&self, cluster: &ClusterIdentity) -> bool {
        match self {
            Bound::InWords(words) => *words == Bound::in_words(cluster),
            Bound::To(digest) => *digest == cluster.digest(),
        }
    }
}

/// The reason why a small text file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadText {
    /// A version that this program does not know.
    Newer {
        /// The version of the file.
        version: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// The text is not as it was written.
    Damaged,
}

impl BadText {
    /// The error of a journal's file of this name.
    pub(super) fn of(self, file: &str) -> JournalError {
        match self {
            BadText::Newer { version, known } => {
                JournalError::Newer { file: file.to_owned(), version, known }
            }
            BadText::Damaged => damaged(file, 0, "its checksum is wrong"),
        }
    }
}

impl Label {
    pub(super) fn encode(&self) -> String {
        let Label { cluster, member, segment, id } = self;
        let rest = format!("member {member}\nsegment {segment}\nid {id}\n");
        seal(&match cluster {
            Bound::InWords(words) => format!("{TITLE} 1\ncluster {words}\n{rest}"),
            Bound::To(digest) => format!("{TITLE} 2\ncluster {digest}\n{rest}"),
        })
    }

    /// Reads the contents of the file.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadText> {
        let (version, text) = unseal(bytes, TITLE, VERSION)?;
        Label::parse(text, version).ok_or(BadText::Damaged)
    }

    fn parse(text: &str, version: u32) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let cluster = value("cluster")?;
        let cluster = match version {
            1 => Bound::InWords(cluster.to_owned()),
            _ => Bound::To(cluster.parse().ok()?),
        };
        let member = value("member")?.to_owned();
        let segment = value("segment")?.parse().ok().filter(|size| SEGMENTS.contains(size))?;
        let id = value("id")?.parse().ok()?;
        Some(Label { cluster, member, segment, id })
    }
}

/// Appends a line with a checksum of the text.
pub(super) fn seal(text: &str) -> String {
    format!("{text}crc {:08x}\n", crc(&[text.as_bytes()]))
}

/// Reads a sealed text: its version, and the text without the seal. In every version the first line has the
/// title and the version. It is read before the checksum, which may be of another kind in a newer version. If
/// the checksum would be right with a known version in that line, then the version is damaged.
pub(super) fn unseal<'a>(
    bytes: &'a [u8],
    title: &str,
    known: u32,
) -> Result<(u32, &'a str), BadText> {
    let version = version(bytes, title).ok_or(BadText::Damaged)?;
    if version > known {
        let flipped = (1..=known).any(|other| {
            let rest =
                bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.get(end..));
            let as_other =
                [format!("{title} {other}").as_bytes(), rest.unwrap_or_default()].concat();
            open_seal(&as_other).is_some()
        });
        return Err(if flipped { BadText::Damaged } else { BadText::Newer { version, known } });
    }
    open_seal(bytes).map(|text| (version, text)).ok_or(BadText::Damaged)
}

/// The version in the first line; `None` if that is no such line.
fn version(bytes: &[u8], title: &str) -> Option<u32> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let number = bytes.get(..end)?.strip_prefix(title.as_bytes())?.strip_prefix(b" ")?;
    let number = str::from_utf8(number).ok()?;
    number.parse().ok().filter(|version: &u32| *version > 0 && version.to_string() == number)
}

/// The text without its seal; `None` if it is damaged.
fn open_seal(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    let (sealed, _) = text.split_at_checked(text.rfind("crc ")?)?;
    (seal(sealed) == text).then_some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> impl Strategy<Value = Label> {
        let bound = prop_oneof![
            "[a-z]{1,9} \\([a-z]{1,9}, lease [0-9]{1,9}\\)".prop_map(Bound::InWords),
            any::<[u8; 16]>().prop_map(|digest| Bound::To(ClusterDigest(digest))),
        ];
        let member = "[a-zA-Z0-9_-]{1,32}/(leader|acceptor)";
        (bound, member, SEGMENTS, any::<u128>()).prop_map(|(cluster, member, segment, id)| Label {
            cluster,
            member,
            segment,
            id: JournalId(id),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_written_is_read(label in labels()) {
            let text = label.encode();
            prop_assert!(text.len() <= MAX_TEXT);
            prop_assert_eq!(Label::decode(text.as_bytes()), Ok(label));
        }

        #[test]
        fn no_text_panics(text in "(synod journal [0-9]\n)?(cluster a\n)?(\\PC{0,9}\n){0,5}") {
            let _ = Label::decode(text.as_bytes());
            prop_assert!(Label::decode(seal(&text).as_bytes()).is_err());
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage_whatever_its_checksum_is() {
        let newer = |version| Err(BadText::Newer { version, known: 2 });
        for (text, version) in [
            (seal("synod journal 3\nanything\n"), 3),
            ("synod journal 3\nblake 00\n".to_owned(), 3),
            ("synod journal 4294967295\n".to_owned(), u32::MAX),
        ] {
            assert_eq!(Label::decode(text.as_bytes()), newer(version), "{text}");
        }
        assert_eq!(Label::decode(b"synod journal 7\n\xff\xfe\0"), newer(7));
        for text in [
            "synod journal 3",
            "synod journal 0\n",
            "synod journal 03\n",
            "synod journal +3\n",
            "synod journal 4294967296\n",
            "synod journal three\n",
            "synod peers 3\n",
            "synod journal 2\nblake 00\n",
        ] {
            for text in [text.to_owned(), seal(text)] {
                assert_eq!(Label::decode(text.as_bytes()), Err(BadText::Damaged), "{text}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Any flipped bit, even one that makes another version of the version number.
        #[test]
        fn a_flipped_bit_is_damage(label in labels(), bit in any::<prop::sample::Index>()) {
            let mut bytes = label.encode().into_bytes();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Label::decode(&bytes), Err(BadText::Damaged));
        }
    }

    #[test]
    fn sizes_beyond_the_bounds_are_damage() {
        let label = |segment: usize| {
            seal(&format!("synod journal 1\ncluster c\nmember m\nsegment {segment}\nid 7\n"))
        };
        for (segment, sound) in
            [(1023, false), (1024, true), (1 << 30, true), ((1 << 30) + 1, false)]
        {
            assert_eq!(Label::decode(label(segment).as_bytes()).is_ok(), sound, "{segment}");
        }
    }
}
