//! A journal on disk: entries in segments, one sync for each batch.
//!
//! **Architecture invariant: nothing is cut that may have been acknowledged.** The end of the last
//! segment is cut where sectors of the last batch were never written, which is what a power cut
//! leaves before a sync has returned. All else that is not as it was written stops the node.
//!
//! **Architecture invariant: what a start has found is durable before anybody hears of it**, as if
//! it had been appended in this life.

use std::io;
use std::time::{Duration, Instant};

use super::entry::{self, Payload};
pub use super::error::JournalError;
use super::error::{at, damaged};
use super::folder::{Folder, Medium};
use super::identity::{Bound, Identity, JournalId, Label};
use super::owner::{Owner, new_label, read_label, write_label};
use super::segment::{self, SEAL, Scanned};
pub use super::segment::{SEGMENT, SMALLEST_SEGMENT};
use super::{Journal, JournalStats};
use crate::paxos::{Record, Storage};
use crate::runtime::identity::ClusterIdentity;

/// What was found in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// All that was saved; none if nothing ever was.
    pub storage: Option<Storage>,
    /// How many entries there are.
    pub entries: u64,
    /// How many segments.
    pub segments: u64,
    /// How many bytes were left over of a batch that was never acknowledged.
    pub torn: usize,
}

/// What [`inspect`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The role whose journal it is, such as "n1/leader".
    pub member: String,
    /// Its cluster, as a person refers to it.
    pub cluster: String,
    /// Its cluster's identity, as far as it is known: it has the members' names.
    pub identity: Option<ClusterIdentity>,
    /// How many bytes a segment has.
    pub segment: usize,
    /// How many bytes of all segments are in use.
    pub used: usize,
    /// What its member would find in it.
    pub recovered: Recovered,
}

/// A journal on disk.
#[derive(Debug)]
pub struct DiskJournal<D: Folder> {
    folder: D,
    id: JournalId,
    owner: Vec<u8>,
    /// How many bytes a segment has.
    size: usize,
    open: Open<D::File>,
    /// The sequence of the next entry.
    next: u64,
    /// Once something went wrong, nobody knows what is durable.
    failed: bool,
    syncs: u64,
    /// When the last one began, and how long it took.
    last_sync: Option<(Instant, Duration)>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Open<F> {
    file: F,
    number: u64,
    /// Where the next entry goes.
    end: usize,
}

const FIRST: u64 = 1;

fn name(number: u64) -> String {
    format!("journal-{number:08}")
}

/// Makes an empty journal, in segments of so many bytes, for a member that has never run. They must
/// not be fewer than [`SMALLEST_SEGMENT`].
pub fn create<D: Folder>(
    folder: &mut D,
    identity: &Identity,
    segment: usize,
) -> Result<(), JournalError> {
    let found = folder.names().map_err(at("the data directory"))?;
    if let Some(other) = found.first() {
        return Err(JournalError::Exists(other.clone()));
    }
    let label = new_label(identity, segment)?;
    let made = create_segment(folder, label.encode().as_bytes(), segment, FIRST, FIRST);
    made.map_err(at(&name(FIRST)))?;
    write_label(folder, identity, &label)
}

fn create_segment<D: Folder>(
    folder: &mut D,
    owner: &[u8],
    size: usize,
    number: u64,
    first: u64,
) -> io::Result<()> {
    let mut bytes = segment::head(owner, number, first);
    bytes.resize(size, 0);
    folder.create(&name(number), &bytes)
}

/// Reads anybody's journal, and changes nothing. If a node is writing to it meanwhile, damage may
/// be seen that is none, and is gone when one looks again.
pub fn inspect<D: Folder>(folder: &D) -> Result<Inspected, JournalError> {
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

/// Reads a journal, which must be of this member, if one is named.
fn read<D: Folder>(folder: &D, expected: Option<&Identity>) -> Result<Read, JournalError> {
    let names = folder.names().map_err(at("the data directory"))?;
    if names.is_empty() {
        return Err(JournalError::Missing);
    }
    let segments = names.iter().filter(|name| name.starts_with("journal-")).count() as u64;
    let owner = read_label(folder, &names, expected)?;
    let segment_size = owner.label.segment;
    let mut scanned: Vec<Scanned> = Vec::new();
    let mut first = FIRST;
    for number in FIRST..FIRST + segments.max(1) {
        let file = name(number);
        if !names.contains(&file) {
            return Err(damaged(&file, 0, "it is missing"));
        }
        let bytes = folder.read(&file, segment_size + 1).map_err(at(&file))?;
        if bytes.len() != segment_size {
            return Err(damaged(&file, bytes.len(), "it ends here, and segments keep their size"));
        }
        let segment = segment::scan(&owner.bytes, &bytes, (number, first))
            // The seals between them are no entries to anybody else.
            .map_err(|damage| damage.of(&file, first - FIRST - scanned.len() as u64))?;
        first += segment.entries.len() as u64 + u64::from(!segment.is_sealed());
        scanned.push(segment);
    }
    if scanned.last().is_some_and(Scanned::is_sealed) {
        return Err(damaged(&name(FIRST + segments), 0, "it is missing"));
    }
    // Whoever made the last segment may not have come to seal the one before.
    let made = scanned.last().is_some_and(|last| last.entries.is_empty());
    let may_be_open = |number: usize| number + 1 + usize::from(made) >= scanned.len();
    for (number, segment) in scanned.iter().enumerate() {
        if !segment.is_sealed() && !may_be_open(number) {
            let file = name(FIRST + number as u64);
            return Err(damaged(&file, segment.end, "its last entries are missing"));
        }
    }
    Ok(Read { owner, scanned })
}

/// A journal as it was read.
struct Read {
    owner: Owner,
    /// All segments, in order.
    scanned: Vec<Scanned>,
}

impl Read {
    fn recovered(self) -> Recovered {
        let mut recovered =
            Recovered { segments: self.scanned.len() as u64, ..Recovered::default() };
        for Scanned { entries, end, torn_until, .. } in self.scanned {
            recovered.torn += torn_until - end;
            for entry in entries.into_iter().filter(|entry| !entry.records.is_empty()) {
                recovered.entries += 1;
                recovered.storage.get_or_insert_default().0.extend(entry.records);
            }
        }
        recovered
    }
}

impl<D: Folder> DiskJournal<D> {
    /// Opens the journal of a member that was made by [`create`], and reads it. When this returns, all
    /// that was found is durable; what is left over of a batch that was never acknowledged is
    /// cleared.
    pub fn open(mut folder: D, identity: &Identity) -> Result<(Self, Recovered), JournalError> {
        let read = read(&folder, Some(identity))?;
        let after = FIRST + read.scanned.len() as u64;
        let mut next = FIRST;
        let mut now = None;
        for (number, segment) in (FIRST..).zip(&read.scanned) {
            next += segment.entries.len() as u64;
            // Only the last two may have been written to when the last life ended.
            if number + 2 < after {
                continue;
            }
            let file = name(number);
            let opened = folder.open(&file).map_err(at(&file))?;
            let mut open = Open { file: opened, number, end: segment.end };
            open.renew(segment).map_err(at(&file))?;
            // All but the last segment were to be sealed.
            if number + 1 < after && !segment.is_sealed() {
                open.seal(&read.owner.bytes, &mut next).map_err(at(&file))?;
            }
            now = Some(open);
        }
        let Some(open) = now else { return Err(JournalError::Missing) };
        let (id, owner, size) =
            (read.owner.label.id, read.owner.bytes.clone(), read.owner.label.segment);
        let (failed, syncs, last_sync) = (false, 0, None);
        let journal = DiskJournal { folder, id, owner, size, open, next, failed, syncs, last_sync };
        Ok((journal, read.recovered()))
    }

    /// Which journal of its member this is.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// How many bytes the entries of a batch may take: what a segment has room for.
    fn room(&self) -> usize {
        self.size.saturating_sub(segment::START + SEAL)
    }

    /// Writes entries for these records, in one batch if a segment has room for them, else in several.
    /// The last is durable when this returns, and so are those before it.
    fn write(&mut self, mut records: &[Record], payloads: &[Payload]) -> io::Result<()> {
        let (room, mut rest) = (self.room(), payloads);
        while !rest.is_empty() {
            let mut space = 0;
            let fits = rest.iter().take_while(|payload| {
                space += payload.space();
                space <= room
            });
            let (batch, later) = rest.split_at(fits.count().max(1));
            let count = batch.iter().map(|payload| payload.records).sum();
            let (now, others) = records.split_at_checked(count).unwrap_or((records, &[]));
            self.write_batch(now, batch)?;
            (records, rest) = (others, later);
        }
        Ok(())
    }

    fn write_batch(&mut self, records: &[Record], payloads: &[Payload]) -> io::Result<()> {
        let space: usize = payloads.iter().map(Payload::space).sum();
        if self.open.end + space + SEAL > self.size {
            self.begin_segment()?;
        }
        let batch = self.next;
        let mut bytes = Vec::with_capacity(space);
        for Payload { bytes: payload, .. } in payloads {
            entry::encode(&self.owner, (self.next, batch), payload, &mut bytes);
            self.next += 1;
        }
        if cfg!(debug_assertions) {
            entry::verify(&self.owner, &bytes, records).map_err(io::Error::other)?;
        }
        self.open.write(&bytes)?;
        self.syncs += 1;
        Ok(())
    }

    /// Makes the next segment, and only then seals this one.
    fn begin_segment(&mut self) -> io::Result<()> {
        let (number, first) = (self.open.number + 1, self.next + 1);
        create_segment(&mut self.folder, &self.owner, self.size, number, first)?;
        self.open.seal(&self.owner, &mut self.next)?;
        let file = self.folder.open(&name(number))?;
        self.open = Open { file, number, end: segment::START };
        Ok(())
    }
}

impl<F: Medium> Open<F> {
    /// Makes durable what was read, and clears what is torn. If the last life ended before a sync
    /// had returned, its last batch may have been read from the system's memory only; and after a
    /// sync that failed, the system may hold that batch for written. So it is written again.
    fn renew(&mut self, segment: &Scanned) -> io::Result<()> {
        let mut bytes = segment.last_batch.clone();
        let from = self.end.saturating_sub(bytes.len());
        bytes.resize(segment.torn_until.saturating_sub(from), 0);
        self.file.write_at(from, &bytes)?;
        self.file.sync()
    }

    /// Writes entries behind the others, and makes them durable.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.end, bytes)?;
        self.end += bytes.len();
        self.file.sync()
    }

    fn seal(&mut self, owner: &[u8], next: &mut u64) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(SEAL);
        for payload in entry::payloads(&[], entry::MOST).map_err(io::Error::other)? {
            entry::encode(owner, (*next, *next), &payload.bytes, &mut bytes);
        }
        *next += 1;
        self.write(&bytes)
    }
}

impl<D: Folder> Journal for DiskJournal<D> {
    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if self.failed {
            return Err(io::Error::other("this journal has failed before"));
        }
        // What cannot be an entry fails before anything is written, so the journal is as it was.
        let most = entry::payload_within(self.room()).min(entry::MOST);
        let payloads = entry::payloads(&records, most)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.failed = true;
        let start = Instant::now();
        self.write(&records, &payloads)?;
        self.failed = false;
        self.last_sync = Some((start, start.elapsed()));
        Ok(())
    }

    fn age(&self) -> u64 {
        self.next - FIRST
    }

    fn stats(&self) -> Option<JournalStats> {
        let ago = |(at, took): (Instant, Duration)| at.elapsed().saturating_sub(took);
        Some(JournalStats {
            bytes: self.open.number * self.size as u64,
            used: (self.open.number - FIRST) * self.size as u64 + self.open.end as u64,
            entries: self.age(),
            syncs: self.syncs,
            last_sync_us: self.last_sync.map_or(0, |(_, took)| took.as_micros() as u64),
            last_sync_ms_ago: self.last_sync.map(|last| ago(last).as_millis() as u64),
        })
    }
}
