//! The reading of a journal, which changes nothing.

use super::error::{JournalError, at, damaged};
use super::folder::Folder;
use super::identity::{Bound, Identity, Label, SEGMENTS};
use super::listing::{FIRST, IDENTITY, Listing, segment_name};
use super::owner::{Owner, read_label};
use super::segment::{self, Scanned};
use crate::paxos::Storage;
use crate::runtime::identity::ClusterIdentity;

/// The contents of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// All saved records; `None` if nothing was ever saved.
    pub storage: Option<Storage>,
    /// The number of entries.
    pub entries: u64,
    /// The number of segments.
    pub segments: u64,
    /// The bytes of a torn batch, which was never acknowledged.
    pub torn: usize,
    /// The files in its folder that are no part of a journal. They are left alone.
    pub foreign: Vec<String>,
}

/// The findings of [`inspect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The role of the owner, such as "n1/leader".
    pub member: String,
    /// The display name of the cluster.
    pub cluster: String,
    /// The identity of the cluster, which has the members' names, as far as it is known.
    pub identity: Option<ClusterIdentity>,
    /// The bytes of a segment.
    pub segment: usize,
    /// The bytes in use of all segments.
    pub used: usize,
    /// The contents that the member would recover.
    pub recovered: Recovered,
}

/// Reads the journal of any member, and changes nothing. While a node is writing to it, apparent damage may
/// be seen, which is gone at the next look.
pub fn inspect(folder: &dyn Folder) -> Result<Inspected, JournalError> {
    let read = read(folder, None)?;
    let Label { member, segment, cluster, .. } = read.owner.label.clone();
    let cluster = match (&read.owner.cluster, cluster) {
        (Some(cluster), _) => cluster.called(),
        (None, Bound::InWords(words)) => words,
        (None, Bound::To(digest)) => digest.to_string(),
    };
    let used = read.scanned.iter().map(|segment| segment.end).sum();
    let identity = read.owner.cluster.clone();
    Ok(Inspected { member, cluster, identity, segment, used, recovered: read.recovered() })
}

/// The files in a folder.
pub(super) fn list(folder: &dyn Folder) -> Result<Listing, JournalError> {
    folder.names().map(Listing::of).map_err(at("the data directory"))
}

/// Reads a journal, which must be that of `expected`, if given.
pub(super) fn read(folder: &dyn Folder, expected: Option<&Identity>) -> Result<Read, JournalError> {
    let listing = list(folder)?;
    if listing.is_empty() {
        return Err(JournalError::Missing);
    }
    if !listing.identity {
        let half_made = is_half_made(folder, &listing)?;
        let missing = damaged(IDENTITY, 0, "it is missing");
        return Err(if half_made { JournalError::HalfMade } else { missing });
    }
    let owner = read_label(folder, &listing, expected)?;
    let segment_size = owner.label.segment;
    let mut scanned: Vec<Scanned> = Vec::new();
    let (mut first, segments) = (FIRST, listing.segments);
    for number in FIRST..FIRST + segments.max(1) {
        let file = segment_name(number);
        let bytes = match folder.read(&file, segment_size + 1) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged(&file, 0, "it is missing"));
            }
            read => read.map_err(at(&file))?,
        };
        // The seals between segments do not count as entries.
        let before = first - FIRST - scanned.len() as u64;
        segment::version(&owner.bytes, &bytes, (number, first))
            .map_err(|damage| damage.of(&file, before))?;
        if bytes.len() != segment_size {
            return Err(damaged(&file, bytes.len(), "it ends here, and segments keep their size"));
        }
        let segment = segment::scan(&owner.bytes, &bytes, (number, first))
            .map_err(|damage| damage.of(&file, before))?;
        first += segment.entries.len() as u64 + u64::from(!segment.is_sealed());
        scanned.push(segment);
    }
    if scanned.last().is_some_and(Scanned::is_sealed) {
        return Err(damaged(&segment_name(FIRST + segments), 0, "it is missing"));
    }
    // The process that began the last segment may have ended before it sealed the one before.
    let made = scanned.last().is_some_and(|last| last.entries.is_empty());
    let may_be_open = |number: usize| number + 1 + usize::from(made) >= scanned.len();
    for (number, segment) in scanned.iter().enumerate() {
        if !segment.is_sealed() && !may_be_open(number) {
            let file = segment_name(FIRST + number as u64);
            return Err(damaged(&file, segment.end, "its last entries are missing"));
        }
    }
    Ok(Read { owner, scanned, listing })
}

/// True if the folder is what an interrupted making of a journal leaves. A member that has run has left more:
/// a label, remembered journals, or an entry.
pub(super) fn is_half_made(folder: &dyn Folder, listing: &Listing) -> Result<bool, JournalError> {
    if listing.identity || listing.segments > 1 || listing.trace().is_some() {
        return Ok(false);
    }
    let first = segment_name(FIRST);
    match listing.segments {
        0 => Ok(listing.cluster || !listing.leftovers.is_empty()),
        _ => match folder.read(&first, *SEGMENTS.end()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            read => read.map(|bytes| segment::is_empty(&bytes)).map_err(at(&first)),
        },
    }
}

/// A journal as it was read.
pub(super) struct Read {
    pub(super) owner: Owner,
    /// All segments, in order.
    pub(super) scanned: Vec<Scanned>,
    pub(super) listing: Listing,
}

impl Read {
    pub(super) fn recovered(self) -> Recovered {
        let mut recovered = Recovered {
            segments: self.scanned.len() as u64,
            foreign: self.listing.foreign,
            ..Recovered::default()
        };
        for Scanned { entries, end, torn_until, .. } in self.scanned {
            recovered.torn += torn_until - end;
            for entry in entries.into_iter().filter(|entry| !entry.records.is_empty()) {
                recovered.entries += 1;
                recovered.storage.get_or_insert_default().0.extend(entry.records);
            }
        }
        recovered
    }

    /// True if nothing was ever written to it, not even in part.
    pub(super) fn is_unused(&self) -> bool {
        let unused = |it: &Scanned| it.entries.is_empty() && it.torn_until == it.end;
        self.scanned.iter().all(unused)
    }
}
