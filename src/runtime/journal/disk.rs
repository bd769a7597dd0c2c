//! A journal on disk: entries in segments, one sync for each batch.
//!
//! **Architecture invariant: nothing is cut that may have been acknowledged.** The end of the last segment is
//! cut where sectors of the last batch were never written, which is what a power cut leaves before a sync has
//! returned. Any other deviation from what was written stops the node.
//!
//! **Architecture invariant: what a start has found is durable before it is used**, as if it had been
//! appended in this life.

use std::io;

use tracing::warn;

use super::ahead::{Filling, LONGEST_WAIT, Made, Maker, SPARE};
use super::entry::{self, Payload};
use super::error::at;
pub use super::error::{JournalError, advice};
use super::folder::{Folder, Medium};
use super::identity::{Identity, JournalId};
use super::listing::{FIRST, segment_name};
pub use super::new::{create, is_made};
pub use super::read::{Inspected, Recovered, inspect};
use super::read::{Read, read};
pub use super::segment::SEGMENT;
use super::segment::{self, SEAL, Scanned};
use super::{Journal, JournalStats};
use crate::paxos::{Invariants, Record, holds};

/// A journal on disk.
#[derive(Debug)]
pub struct DiskJournal {
    /// The maker of the next segment. Declared before the folder, so that it ends before the folder is
    /// unlocked.
    ahead: Ahead,
    folder: Box<dyn Folder>,
    id: JournalId,
    owner: Vec<u8>,
    /// The bytes of a segment.
    size: usize,
    open: Open,
    /// The sequence of the next entry.
    next: u64,
    /// True after an error: it is unknown what is durable, so nothing more is written.
    failed: bool,
    syncs: u64,
}

/// The next segment, which is made ahead once half of the current one is full.
#[derive(Debug)]
struct Ahead {
    maker: Box<dyn Maker>,
    /// True once it was begun, or could not be begun.
    tried: bool,
    /// The number of segments that a turn had to wait for.
    late: u64,
}

/// The segment that is written to.
#[derive(Debug)]
struct Open {
    file: Box<dyn Medium>,
    number: u64,
    /// The offset of the next entry.
    end: usize,
}

/// Turns a file of zeros into a segment, which is durable when this returns.
pub(super) fn begin_segment(
    folder: &mut dyn Folder,
    mut file: Box<dyn Medium>,
    owner: &[u8],
    (number, first): (u64, u64),
) -> io::Result<Box<dyn Medium>> {
    file.write_at(0, &segment::head(owner, number, first))?;
    file.sync()?;
    folder.rename(SPARE, &segment_name(number))?;
    folder.sync()?;
    Ok(file)
}

impl DiskJournal {
    /// Opens and reads the journal of a member, which [`create`] has made. When this returns, all that was
    /// found is durable, and the rest of a batch that was never acknowledged is cleared.
    pub fn open(
        mut folder: Box<dyn Folder>,
        identity: &Identity,
    ) -> Result<(Self, Recovered), JournalError> {
        let read = read(&*folder, Some(identity))?;
        clear_up(&mut *folder, identity, &read)?;
        let after = FIRST + read.scanned.len() as u64;
        let mut next = FIRST;
        let mut now = None;
        for (number, segment) in (FIRST..).zip(&read.scanned) {
            next += segment.entries.len() as u64;
            // Only the last two segments may have been written to at the end of the last life.
            if number + 2 < after {
                continue;
            }
            let file = segment_name(number);
            let opened = folder.open(&file).map_err(at(&file))?;
            let mut open = Open { file: opened, number, end: segment.end };
            open.renew(segment).map_err(at(&file))?;
            // All segments but the last must be sealed.
            if number + 1 < after && !segment.is_sealed() {
                open.seal(&read.owner.bytes, &mut next).map_err(at(&file))?;
            }
            now = Some(open);
        }
        let Some(open) = now else { return Err(JournalError::Missing) };
        let ahead = Ahead { maker: folder.maker(), tried: false, late: 0 };
        let (id, owner, size) =
            (read.owner.label.id, read.owner.bytes.clone(), read.owner.label.segment);
        let (failed, syncs) = (false, 0);
        let mut journal = DiskJournal { ahead, folder, id, owner, size, open, next, failed, syncs };
        journal.begin_ahead();
        Ok((journal, read.recovered()))
    }

    /// The id of this journal.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// The bytes that the entries of a batch may take: the room of a segment.
    fn room(&self) -> usize {
        self.size.saturating_sub(segment::START + SEAL)
    }

    /// Writes entries for these records, in one batch if a segment has room for them, else in several. All of
    /// them are durable when this returns.
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

    /// Begins the next segment, and only then seals the current one.
    fn begin_segment(&mut self) -> io::Result<()> {
        let (number, first) = (self.open.number + 1, self.next + 1);
        let file = self.spare()?;
        let file = begin_segment(&mut *self.folder, file, &self.owner, (number, first))?;
        self.open.seal(&self.owner, &mut self.next)?;
        self.open = Open { file, number, end: segment::START };
        self.ahead.tried = false;
        Ok(())
    }

    /// Takes the file that was made ahead. If there is none, it is made now.
    fn spare(&mut self) -> io::Result<Box<dyn Medium>> {
        match self.ahead.maker.finish(LONGEST_WAIT) {
            Some(Made { file: Ok(file), late }) => {
                self.ahead.late += u64::from(late);
                Ok(file)
            }
            Some(Made { file: Err(error), .. }) if error.kind() == io::ErrorKind::TimedOut => {
                Err(error)
            }
            Some(Made { file: Err(_), .. }) | None => {
                self.ahead.late += 1;
                Filling::new(self.folder.make(SPARE)?, self.size).at_once()
            }
        }
    }

    /// Begins to make the next segment, if half of the current one is full. An error matters only once that
    /// segment is needed.
    fn begin_ahead(&mut self) {
        if self.ahead.tried || self.open.end < self.size / 2 {
            return;
        }
        self.ahead.tried = true;
        let begun = self.folder.make(SPARE).and_then(|file| {
            let filling = Filling::new(file, self.size);
            self.ahead.maker.begin(filling)
        });
        if let Err(error) = begun {
            warn!(%error, "cannot begin to make the next segment ahead; it is made when it is needed");
        }
    }
}

/// Makes names durable, in case the last life ended before it had, and removes leftovers.
fn clear_up(folder: &mut dyn Folder, identity: &Identity, read: &Read) -> Result<(), JournalError> {
    let foreign = &read.listing.foreign;
    if !foreign.is_empty() {
        let (member, files) = (&identity.member, foreign.join(", "));
        warn!(%member, %files, "files in the data directory that are no journal's; they are left alone");
    }
    for name in &read.listing.leftovers {
        folder.remove(name).map_err(at(name))?;
    }
    folder.sync().map_err(at("the data directory"))
}

impl Open {
    /// Makes the last batch durable, and clears a torn one. If the last life ended before a sync had
    /// returned, its last batch may have been read from the page cache only; and after a failed sync, the
    /// system may take that batch for written. So it is written again.
    fn renew(&mut self, segment: &Scanned) -> io::Result<()> {
        let mut bytes = segment.last_batch.clone();
        let from = self.end.saturating_sub(bytes.len());
        bytes.resize(segment.torn_until.saturating_sub(from), 0);
        self.file.write_at(from, &bytes)?;
        self.file.sync()
    }

    /// Appends entries, and makes them durable.
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

impl Journal for DiskJournal {
    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if self.failed {
            return Err(io::Error::other("this journal has failed before"));
        }
        // Records that cannot become entries fail before anything is written, so the journal stays as it was.
        let most = entry::payload_within(self.room()).min(entry::MOST);
        let payloads = entry::payloads(&records, most)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.failed = true;
        self.write(&records, &payloads)?;
        self.failed = false;
        self.begin_ahead();
        Ok(())
    }

    fn age(&self) -> u64 {
        self.next - FIRST
    }

    fn invariants(&self) -> Invariants {
        let Open { number, end, .. } = self.open;
        let (units, fits) = (end % entry::ALIGN == 0, (segment::START..=self.size).contains(&end));
        holds(units && fits, "the end of the journal is not between the units of its segment")?;
        // Each segment but the last ends with a seal.
        let seals = number.checked_sub(FIRST).ok_or("the first segment is not reached")?;
        holds(self.next >= FIRST + seals, "there are fewer entries than seals")?;
        let begins = self.ahead.tried || end < self.size / 2;
        holds(self.failed || begins, "the next segment is not made ahead")
    }

    fn stats(&self) -> Option<JournalStats> {
        Some(JournalStats {
            bytes: self.open.number * self.size as u64,
            used: (self.open.number - FIRST) * self.size as u64 + self.open.end as u64,
            entries: self.age(),
            syncs: self.syncs,
            late_segments: self.ahead.late,
            ..JournalStats::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::common::identity;
    use crate::tests::disk::Disk;

    #[test]
    fn a_broken_journal_is_found() {
        let mut disk = Disk::default();
        create(&mut disk, &identity(), segment::SMALLEST_SEGMENT, JournalId(7)).unwrap();
        let broken = |breaks: fn(&mut DiskJournal)| {
            let folder = Box::new(disk.clone());
            let (mut journal, _) = DiskJournal::open(folder, &identity()).unwrap();
            assert_eq!(journal.invariants(), Ok(()));
            breaks(&mut journal);
            journal.invariants().unwrap_err()
        };
        assert!(broken(|it| it.open.end += 1).contains("between the units"));
        assert!(broken(|it| it.open.end = 0).contains("between the units"));
        assert!(broken(|it| it.open.end = 2 * it.size).contains("between the units"));
        assert!(broken(|it| it.open.number = 0).contains("first segment"));
        assert!(broken(|it| it.open.number += 5).contains("seals"));
        assert!(broken(|it| it.open.end = it.size / 2).contains("ahead"));
    }
}
