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

use thiserror::Error;

use super::entry::{self, Payload};
use super::folder::{Folder, Medium};
use super::identity::{Identity, JournalId, Label};
use super::segment::{self, Damage, SEAL, Scanned, Why};
pub use super::segment::{SEGMENT, SMALLEST_SEGMENT};
use super::{Journal, JournalStats};
use crate::codec::DecodeError;
use crate::paxos::{Record, Storage};

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The operating system would not.
    #[error("cannot use {what}: {source}")]
    Io {
        /// What was being used.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing, which is how a lost disk looks.
    #[error(
        "there is no journal here. If this member has never run, make one with `synod init`; if it \
         has, its disk is lost, and to start it empty would break promises that it made: restore \
         the disk, or leave the member out"
    )]
    Missing,
    /// There is something already.
    #[error("there is something here already ({0}), so no journal is made")]
    Exists(String),
    /// Somebody else's.
    #[error(
        "this is the journal of {found}, not of {expected}: look at the data directory, and whether \
         the file was changed"
    )]
    Foreign {
        /// Whose it is.
        found: Identity,
        /// Whose it should be.
        expected: Identity,
    },
    /// Something is there that was not written so.
    #[error(
        "{file} is damaged at byte {at}: {why}. What this member promised is not known any more, so \
         it must not vote: restore the disk, or leave the member out"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where, in bytes.
        at: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Something is there that was written so, and that this version cannot read.
    #[error(
        "the entry at byte {at} of {file} is as it was written, by its checksums, but this version \
         cannot read it: {why}. Start the member with the version that wrote it; until then nothing \
         is lost, and nothing here was changed"
    )]
    Unreadable {
        /// Which file.
        file: String,
        /// Where, in bytes.
        at: usize,
        /// What was met.
        why: DecodeError,
    },
    /// A segment is to be made in which a record may not fit.
    #[error("segments of {0} bytes are too small: the least is {SMALLEST_SEGMENT}")]
    Segment(usize),
}

impl Damage {
    fn of(self, file: &str) -> JournalError {
        let (file, at) = (file.to_owned(), self.at);
        match self.why {
            Why::Changed(why) => JournalError::Damaged { file, at, why: why.to_owned() },
            Why::Unreadable(why) => JournalError::Unreadable { file, at, why },
        }
    }
}

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
    /// Whose journal it is.
    pub identity: Identity,
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

const IDENTITY: &str = "identity";
const FIRST: u64 = 1;

fn name(number: u64) -> String {
    format!("journal-{number:08}")
}

fn at(what: &str) -> impl FnOnce(io::Error) -> JournalError {
    let what = what.to_owned();
    move |source| JournalError::Io { what, source }
}

/// Makes an empty journal, in segments of so many bytes, for a member that has never run. They must
/// not be fewer than [`SMALLEST_SEGMENT`].
pub fn create<D: Folder>(
    folder: &mut D,
    identity: &Identity,
    segment: usize,
) -> Result<(), JournalError> {
    if segment < SMALLEST_SEGMENT {
        return Err(JournalError::Segment(segment));
    }
    let found = folder.names().map_err(at("the data directory"))?;
    if let Some(other) = found.first() {
        return Err(JournalError::Exists(other.clone()));
    }
    let label = Label { identity: identity.clone(), segment, id: JournalId(fastrand::u64(..)) };
    let label = label.encode();
    let made = create_segment(folder, label.as_bytes(), segment, FIRST, FIRST);
    made.map_err(at(&name(FIRST)))?;
    folder.create(IDENTITY, label.as_bytes()).map_err(at(IDENTITY))
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
    let Label { identity, segment, .. } = read.label.clone();
    let used = read.scanned.iter().map(|segment| segment.end).sum();
    Ok(Inspected { identity, segment, used, recovered: read.recovered() })
}

/// Reads a journal, which must be of this member, if one is named.
fn read<D: Folder>(folder: &D, expected: Option<&Identity>) -> Result<Read, JournalError> {
    let names = folder.names().map_err(at("the data directory"))?;
    if names.is_empty() {
        return Err(JournalError::Missing);
    }
    let damaged = |file: &str, at, why: &str| JournalError::Damaged {
        file: file.to_owned(),
        at,
        why: why.to_owned(),
    };
    let segments = names.iter().filter(|name| name.starts_with("journal-")).count() as u64;
    if !names.iter().any(|name| name == IDENTITY) {
        return Err(damaged(IDENTITY, 0, "it is missing"));
    }
    let owner = folder.read(IDENTITY).map_err(at(IDENTITY))?;
    let label = Label::decode(&owner).ok_or(damaged(IDENTITY, 0, "its checksum is wrong"))?;
    if let Some(expected) = expected.filter(|expected| **expected != label.identity) {
        return Err(JournalError::Foreign { found: label.identity, expected: expected.clone() });
    }
    let mut scanned: Vec<Scanned> = Vec::new();
    let mut first = FIRST;
    for number in FIRST..FIRST + segments.max(1) {
        let file = name(number);
        if !names.contains(&file) {
            return Err(damaged(&file, 0, "it is missing"));
        }
        let bytes = folder.read(&file).map_err(at(&file))?;
        if bytes.len() != label.segment {
            return Err(damaged(&file, bytes.len(), "it ends here, and segments keep their size"));
        }
        let segment =
            segment::scan(&owner, &bytes, (number, first)).map_err(|damage| damage.of(&file))?;
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
    Ok(Read { owner, label, scanned })
}

/// A journal as it was read.
struct Read {
    /// The file that the label is in.
    owner: Vec<u8>,
    label: Label,
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
                open.seal(&read.owner, &mut next).map_err(at(&file))?;
            }
            now = Some(open);
        }
        let Some(open) = now else { return Err(JournalError::Missing) };
        let (id, owner, size) = (read.label.id, read.owner.clone(), read.label.segment);
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

    fn stats(&self) -> Option<JournalStats> {
        let ago = |(at, took): (Instant, Duration)| at.elapsed().saturating_sub(took);
        Some(JournalStats {
            bytes: self.open.number * self.size as u64,
            entries: self.next - FIRST,
            syncs: self.syncs,
            last_sync_us: self.last_sync.map_or(0, |(_, took)| took.as_micros() as u64),
            last_sync_ms_ago: self.last_sync.map(|last| ago(last).as_millis() as u64),
        })
    }
}
