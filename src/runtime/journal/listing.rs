//! The files in a journal's folder, by kind.

use super::ahead::SPARE;
use super::folder::{LOCK, UNFINISHED};

/// The file of the journal's label; see [`owner`](super::owner).
pub(super) const IDENTITY: &str = "identity";
/// The file with the cluster's identity in words.
pub(super) const CLUSTER: &str = "cluster";
/// The file of the remembered journals of other roles; see [`peers`](super::peers).
pub(super) const PEERS: &str = "peers";
/// The number of the first segment.
pub(super) const FIRST: u64 = 1;

/// The prefix of a segment's name.
const SEGMENT: &str = "journal-";

/// The name of a segment.
pub(super) fn segment_name(number: u64) -> String {
    format!("{SEGMENT}{number:08}")
}

/// The contents of a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The number of segments, with any numbers.
    pub(super) segments: u64,
    pub(super) identity: bool,
    pub(super) cluster: bool,
    pub(super) peers: bool,
    /// Unfinished files of a life that ended while it wrote them. They hold no information.
    pub(super) leftovers: Vec<String>,
    /// Files that are no part of a journal, such as `lost+found` or an editor's backup.
    pub(super) foreign: Vec<String>,
}

impl Listing {
    /// Sorts the names in a folder by kind.
    pub(super) fn of(names: Vec<String>) -> Self {
        let mut listing = Listing::default();
        for name in names {
            match name.as_str() {
                IDENTITY => listing.identity = true,
                CLUSTER => listing.cluster = true,
                PEERS => listing.peers = true,
                LOCK => {}
                SPARE => listing.leftovers.push(name),
                _ if is_segment(&name) => listing.segments += 1,
                _ if name.strip_suffix(UNFINISHED).is_some_and(is_own) => {
                    listing.leftovers.push(name);
                }
                _ => listing.foreign.push(name),
            }
        }
        listing
    }

    /// A file that only a member that has run can have left, or a copy of such a file, if there is one.
    pub(super) fn trace(&self) -> Option<&str> {
        let copy = |name: &&String| {
            [SEGMENT, IDENTITY, CLUSTER, PEERS].iter().any(|own| name.starts_with(own))
        };
        let peers = self.peers.then_some(PEERS);
        peers.or(self.foreign.iter().find(copy).map(String::as_str))
    }

    /// True if there is no file of a journal, finished or not.
    pub(super) fn is_empty(&self) -> bool {
        self.segments == 0 && !self.identity && !self.cluster && !self.peers
    }
}

fn is_own(name: &str) -> bool {
    [IDENTITY, CLUSTER, PEERS].contains(&name) || is_segment(name)
}

fn is_segment(name: &str) -> bool {
    let number = name.strip_prefix(SEGMENT).and_then(|number| number.parse().ok());
    number.is_some_and(|number: u64| segment_name(number) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let own = ["identity", "cluster", "peers", "lock", "journal-00000001", "journal-100000000"];
        let leftovers = ["spare.unfinished", "identity.unfinished", "journal-00000007.unfinished"];
        let foreign = [
            "journal-00000001.bak",
            "journal-1",
            "journal-000000001",
            "journal-00000001~",
            "journal-+0000001",
            "journal-",
            ".identity.swp",
            "#peers#",
            "lost+found",
            "notes.unfinished",
            "Journal-00000001",
        ];
        let names = own.iter().chain(&leftovers).chain(&foreign).map(|name| (*name).to_owned());
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected = Listing {
            segments: 2,
            identity: true,
            cluster: true,
            peers: true,
            leftovers: strings(&leftovers),
            foreign: strings(&foreign),
        };
        assert_eq!(Listing::of(names.collect()), expected);
    }

    #[test]
    fn what_only_a_member_that_has_run_leaves_is_a_trace() {
        let trace = |names: &[&str]| {
            let listing = Listing::of(names.iter().map(|name| (*name).to_owned()).collect());
            listing.trace().map(ToOwned::to_owned)
        };
        for none in [&["lost+found", "README"][..], &["identity.unfinished"], &[]] {
            assert_eq!(trace(none), None);
        }
        for some in ["peers", "journal-00000001.bak", "identity~", "cluster.old"] {
            assert_eq!(trace(&["lock", "lost+found", some]).as_deref(), Some(some));
        }
    }
}
