//! Entries: the contents of a segment, byte by byte.
//!
//! ```text
//! entry   = header, groups            at a multiple of 32 bytes
//! header  = "syne", length of the payload (u32), sequence (u64), batch (u64),
//!           CRC-32 of the groups (u32), CRC-32 of all this and of the journal's label (u32)
//! group   = 15 bytes of the payload, or fewer and zeros, and the byte 0xa5; an even number of them
//! payload = records, as the codec writes a sequence of them
//! ```
//!
//! All numbers are little-endian. A **batch** is the entries that one sync makes durable; it is named after
//! its first entry.
//!
//! A disk writes sectors of 512 bytes whole or not at all, in any order. Before anything is written, a
//! segment is zeros. So a power cut leaves, of a batch that was not synced, some of its sectors, and zeros
//! for the others. Since no group is all zeros, that can be told from damage: a sector with a changed bit is
//! neither as written nor zeros.

use thiserror::Error;

use crate::codec::{self, DecodeError, EncodeError};
use crate::paxos::Record;

/// The unit that a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;
/// The alignment of entries, so that a header never spans two sectors.
pub(super) const ALIGN: usize = 32;
const HEADER: usize = 32;
const MAGIC: &[u8; 4] = b"syne";
/// The bytes of a group: payload bytes and the mark.
const GROUP: usize = 16;
/// The last byte of each group. It has four bits set, so that one flipped bit does not clear it.
const MARK: u8 = 0xa5;
/// The most bytes of a payload. Records that do not fit go into further entries.
pub(super) const MOST: usize = 1 << 20;

/// One entry, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of the entry in its journal, from 1.
    pub(super) sequence: u64,
    /// The sequence of the first entry of its batch.
    pub(super) batch: u64,
    pub(super) records: Vec<Record>,
}

/// The contents found at an offset of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An entry, and the offset of the next one.
    Entry(Entry, usize),
    /// The header of an entry of this batch, with missing sectors.
    Torn { batch: u64 },
    /// Zeros.
    Nothing,
    /// Bytes that were neither written so, nor can be left by a power cut.
    Damaged,
    /// An entry that is as it was written, by its checksums, but cannot be decoded.
    Unreadable(DecodeError),
}

/// The reason why records cannot become entries.
#[derive(Debug, Error)]
pub(super) enum EntryError {
    /// A record is too long.
    #[error("a record cannot be saved, since {0}")]
    Record(#[from] EncodeError),
    /// The entries would not be read as they were written.
    #[error("an entry for {0} records would not be read as it was written, so it is not")]
    Unfaithful(usize),
}

/// The payload of one entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// The number of records in it.
    pub(super) records: usize,
    pub(super) bytes: Vec<u8>,
}

impl Payload {
    /// The bytes that its entry takes.
    pub(super) fn space(&self) -> usize {
        space(self.bytes.len())
    }
}

/// Appends an entry. Its payload must not have more than [`MOST`] bytes.
pub(super) fn encode(
    owner: &[u8],
    (sequence, batch): (u64, u64),
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let mut groups = Vec::with_capacity(size(payload.len()));
    for part in payload.chunks(GROUP - 1) {
        groups.extend_from_slice(part);
        close_group(&mut groups);
    }
    if !groups.len().is_multiple_of(ALIGN) {
        close_group(&mut groups);
    }
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    header.extend_from_slice(&sequence.to_le_bytes());
    header.extend_from_slice(&batch.to_le_bytes());
    header.extend_from_slice(&crc(&[&groups]).to_le_bytes());
    let checksum = crc(&[owner, &header]);
    header.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&groups);
}

/// Pads the last group with zeros, and marks its end.
fn close_group(groups: &mut Vec<u8>) {
    groups.resize((groups.len() / GROUP + 1) * GROUP - 1, 0);
    groups.push(MARK);
}

/// The bytes that an entry with this payload takes.
pub(super) const fn space(payload: usize) -> usize {
    HEADER + size(payload)
}

/// The longest payload whose entry takes at most this many bytes.
pub(super) const fn payload_within(space: usize) -> usize {
    let groups = space.saturating_sub(HEADER) / ALIGN * ALIGN;
    groups / GROUP * (GROUP - 1)
}

/// An upper bound of the bytes that the entries of records take that have `bytes` bytes together and at most
/// `each` bytes each. An entry is closed where the next record does not fit.
pub(super) const fn space_of_all(bytes: usize, each: usize) -> usize {
    let entries = 1 + bytes / (MOST - codec::LENGTH - each);
    space(bytes) + entries * (space(codec::LENGTH) + ALIGN)
}

/// The bytes that the groups of a payload take.
const fn size(payload: usize) -> usize {
    (payload.div_ceil(GROUP - 1) * GROUP).next_multiple_of(ALIGN)
}

/// The CRC-32 of these parts, one after another.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Reads the contents of a segment at an offset, a multiple of [`ALIGN`].
pub(super) fn decode(owner: &[u8], segment: &[u8], at: usize) -> Found {
    let Some(header) = segment.get(at..at + HEADER) else { return Found::Nothing };
    if header.iter().all(|byte| *byte == 0) {
        return Found::Nothing;
    }
    let Some(Header { length, sequence, batch, checksum }) = Header::decode(owner, header) else {
        return Found::Damaged;
    };
    if length > MOST {
        return Found::Unreadable(DecodeError::TooLong { bytes: length, most: MOST });
    }
    let start = at + HEADER;
    let end = start + size(length);
    let Some(groups) = segment.get(start..end) else { return Found::Damaged };
    if crc(&[groups]) == checksum {
        return match codec::decode(&payload(groups, length), MOST) {
            Ok(records) => Found::Entry(Entry { sequence, batch, records }, end),
            Err(error) => Found::Unreadable(error),
        };
    }
    match sectors(start, groups).any(|part| part.iter().all(|byte| *byte == 0)) {
        true => Found::Torn { batch },
        false => Found::Damaged,
    }
}

/// The batch of the entry whose header is at this offset, if there is one.
pub(super) fn batch_at(owner: &[u8], segment: &[u8], at: usize) -> Option<u64> {
    Header::decode(owner, segment.get(at..at + HEADER)?).map(|header| header.batch)
}

/// True if each sector of these bytes is zeros, or groups as they are written. `start` is their offset in the
/// segment, a multiple of [`ALIGN`].
pub(super) fn plausible(start: usize, bytes: &[u8]) -> bool {
    let marked = |group: &[u8]| group.last() == Some(&MARK);
    let header = |two: &[u8]| two.starts_with(MAGIC);
    sectors(start, bytes).all(|sector| {
        sector.iter().all(|byte| *byte == 0)
            || sector.chunks(ALIGN).all(|two| {
                let zeros = two.iter().all(|byte| *byte == 0);
                zeros || header(two) || two.chunks(GROUP).all(marked)
            })
    })
}

/// Splits bytes at sector boundaries.
fn sectors(start: usize, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first = (SECTOR - start % SECTOR).min(bytes.len());
    let (first, rest) = bytes.split_at_checked(first).unwrap_or((bytes, &[]));
    std::iter::once(first).chain(rest.chunks(SECTOR))
}

/// The payload in these groups. Allocates no more than they have.
fn payload(groups: &[u8], length: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(groups.len());
    for group in groups.chunks_exact(GROUP) {
        payload.extend_from_slice(group.split_last().map_or(&[], |(_, part)| part));
    }
    payload.truncate(length);
    payload
}

struct Header {
    length: usize,
    sequence: u64,
    batch: u64,
    checksum: u32,
}

impl Header {
    fn decode(owner: &[u8], bytes: &[u8]) -> Option<Self> {
        let (checked, own) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*own) != crc(&[owner, checked]) {
            return None;
        }
        let (magic, rest) = checked.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (batch, rest) = rest.split_first_chunk::<8>()?;
        let (checksum, _) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        (magic == MAGIC).then_some(Header {
            length,
            sequence: u64::from_le_bytes(*sequence),
            batch: u64::from_le_bytes(*batch),
            checksum: u32::from_le_bytes(*checksum),
        })
    }
}

/// The payloads that hold these records, of at most `most` bytes each.
pub(super) fn payloads(records: &[Record], most: usize) -> Result<Vec<Payload>, EntryError> {
    let room = most.saturating_sub(codec::LENGTH);
    let (mut payloads, mut open) = (Vec::new(), Part::default());
    for record in records {
        let before = open.bytes.len();
        codec::encode(record, room, &mut open.bytes)?;
        if open.bytes.len() > room {
            let last = open.bytes.split_off(before);
            payloads.push(std::mem::replace(&mut open, Part { records: 0, bytes: last }).close()?);
        }
        open.records += 1;
    }
    payloads.push(open.close()?);
    Ok(payloads)
}

/// Records, encoded one after another.
#[derive(Default)]
struct Part {
    records: usize,
    bytes: Vec<u8>,
}

impl Part {
    /// The payload: the number of records, then the records.
    fn close(self) -> Result<Payload, EncodeError> {
        let mut bytes = Vec::with_capacity(codec::LENGTH + self.bytes.len());
        codec::encode(&(self.records as u64), codec::LENGTH, &mut bytes)?;
        bytes.extend_from_slice(&self.bytes);
        Ok(Payload { records: self.records, bytes })
    }
}

/// Checks that the encoded entries are read back as these records.
pub(super) fn verify(owner: &[u8], entries: &[u8], records: &[Record]) -> Result<(), EntryError> {
    let (mut at, mut rest) = (0, records);
    while let Found::Entry(entry, end) = decode(owner, entries, at) {
        let Some(left) = rest.strip_prefix(&*entry.records) else { break };
        (at, rest) = (end, left);
    }
    let faithful = at == entries.len() && rest.is_empty();
    faithful.then_some(()).ok_or(EntryError::Unfaithful(records.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::{Ballot, ClientId, Command, Decree, Instance, LeaderId, RequestId, Vote};

    const OWNER: &[u8] = b"somebody";

    /// A vote that takes this many bytes.
    fn vote(bytes: usize) -> Record {
        let ballot = Ballot { round: 1, leader: LeaderId(0) };
        let vote = |decree| Record::Voted(Vote { instance: Instance(9), ballot, decree });
        let id = RequestId { client: ClientId::original(1), sequence: 2 };
        let command = |payload: usize| {
            let payload = vec![7; payload].into();
            vote(Decree::Command(Command { id, acknowledged: 1, payload }))
        };
        let size = |record: &Record| codec::to_vec(record, usize::MAX).unwrap().len();
        let noop = vote(Decree::Noop);
        if size(&noop) == bytes {
            return noop;
        }
        let fits = |payload: &usize| size(&command(*payload)) == bytes;
        (0..=bytes).rev().find(fits).map(command).unwrap()
    }

    fn entries(records: &[Record], most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, payload) in (1..).zip(payloads(records, most).unwrap()) {
            encode(OWNER, (at, 1), &payload.bytes, &mut bytes);
        }
        bytes
    }

    /// Payloads are sequences of records, none is too long, and none leaves room that the next record would
    /// have fitted.
    #[test]
    fn records_are_split_by_their_bytes() {
        for most in [100, 1000, MOST] {
            let room = most - codec::LENGTH;
            for size in
                [5, 20, room / 3, room / 3 + 1, room - 1, room].into_iter().map(|s| s.max(20))
            {
                let records = vec![vote(size); 3 * room / size + 2];
                let payloads = payloads(&records, most).unwrap();
                let mut left = &*records;
                for (index, payload) in payloads.iter().enumerate() {
                    let (here, rest) = left.split_at(payload.records);
                    assert_eq!(
                        codec::decode::<Vec<Record>>(&payload.bytes, most).as_deref(),
                        Ok(here)
                    );
                    let last = index + 1 == payloads.len();
                    assert!(last || (payload.records + 1) * size > room, "{most}: {size}");
                    left = rest;
                }
                assert!(left.is_empty());
                verify(OWNER, &entries(&records, most), &records).unwrap();
            }
            let error = super::payloads(&[vote(5), vote(room + 1)], most).unwrap_err();
            assert!(
                matches!(error, EntryError::Record(EncodeError::TooLong(most)) if most == room)
            );
        }
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let records = [vote(5), vote(40), Record::Round(3)];
        let good = entries(&records, 50);
        verify(OWNER, &good, &records).unwrap();
        assert!(verify(OWNER, &good, &records[..2]).is_err(), "more is read");
        assert!(verify(OWNER, &good[..good.len() / 2], &records).is_err(), "less is read");
        let other = [vote(5), vote(41), Record::Round(3)];
        assert!(verify(OWNER, &good, &other).is_err(), "something else is read");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(OWNER, &bad, &records).is_err(), "bit {bit}");
        }
    }

    /// Correct checksums around bytes that this version does not write.
    #[test]
    fn what_was_written_so_and_cannot_be_read_is_not_taken_for_damage() {
        let found = |payload: &[u8]| {
            let mut bytes = Vec::new();
            encode(OWNER, (1, 1), payload, &mut bytes);
            decode(OWNER, &bytes, 0)
        };
        assert!(matches!(found(&[0]), Found::Entry(..)));
        assert_eq!(found(&[0, 0]), Found::Unreadable(DecodeError::Trailing(1)));
        assert!(matches!(found(&[1, 99]), Found::Unreadable(DecodeError::Value(_))));
        assert!(matches!(found(&[9]), Found::Unreadable(DecodeError::End(1))));
        let long = DecodeError::TooLong { bytes: MOST + 1, most: MOST };
        assert_eq!(found(&vec![0; MOST + 1]), Found::Unreadable(long));
    }

    #[test]
    fn a_payload_within_a_space_is_the_longest_that_fits() {
        for space_left in HEADER..4000 {
            let most = payload_within(space_left);
            assert!(space(most) <= space_left && space(most + 1) > space_left, "{space_left}");
        }
        for (count, each) in [(1, 5), (40, 40_000), (300_000, 7), (200, 65_000)] {
            let records = vec![vote(each.max(20)); count];
            let bytes = count * each.max(20);
            assert!(entries(&records, MOST).len() <= space_of_all(bytes, each.max(20)));
        }
    }
}
