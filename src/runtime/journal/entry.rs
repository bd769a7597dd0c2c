//! Entries: what one segment of a journal holds, byte by byte.
//!
//! ```text
//! entry   = header, groups            at a multiple of 32 bytes
//! header  = "syne", length of the payload (u32), sequence (u64), batch (u64),
//!           CRC-32 of the groups (u32), CRC-32 of all this and of whose journal it is (u32)
//! group   = 15 bytes of the payload, or fewer and zeros, and the byte 0xa5; an even number of them
//! payload = records, bincode
//! ```
//!
//! All numbers are little-endian. A **batch** is what one sync makes durable; it is named after its
//! first entry.
//!
//! A disk writes sectors of 512 bytes whole or not at all, in any order. Before anything is written,
//! a segment is zeros. So what a power cut leaves of a batch that was not synced is sectors of it,
//! and zeros for the others; and since no group is all zeros, that can be told from damage: a sector
//! with a changed bit is neither what was written nor zeros.

use crate::paxos::Record;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Entries begin at multiples of this, so that a header never spans two sectors.
pub(super) const ALIGN: usize = 32;
const HEADER: usize = 32;
const MAGIC: &[u8; 4] = b"syne";
/// A group of payload bytes, with its mark.
const GROUP: usize = 16;
/// Ends each group. Four bits are set, so that one that flips does not clear it.
const MARK: u8 = 0xa5;
/// The most bytes of a payload. More records than fit go into several entries of one batch.
pub(super) const MOST: usize = 1 << 20;

/// One entry, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Entries of a journal are counted from 1.
    pub(super) sequence: u64,
    /// The first entry of its batch.
    pub(super) batch: u64,
    pub(super) records: Vec<Record>,
}

/// What is at some place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An entry, and where the next one would begin.
    Entry(Entry, usize),
    /// The header of an entry of this batch, of which sectors are missing.
    Torn { batch: u64 },
    /// Zeros.
    Nothing,
    /// What was neither written so, nor can be what a power cut leaves.
    Damaged,
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MOST>()
}

/// Adds an entry. Its payload must not have more than [`MOST`] bytes.
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

/// Fills the last group up with zeros, and marks its end.
fn close_group(groups: &mut Vec<u8>) {
    groups.resize((groups.len() / GROUP + 1) * GROUP - 1, 0);
    groups.push(MARK);
}

/// How many bytes an entry takes.
pub(super) const fn space(payload: usize) -> usize {
    HEADER + size(payload)
}

/// How many bytes the groups of a payload take.
const fn size(payload: usize) -> usize {
    (payload.div_ceil(GROUP - 1) * GROUP).next_multiple_of(ALIGN)
}

/// A checksum of these parts, one after another.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Looks at what is in a segment at this place, a multiple of [`ALIGN`].
pub(super) fn decode(owner: &[u8], segment: &[u8], at: usize) -> Found {
    let Some(header) = segment.get(at..at + HEADER) else { return Found::Nothing };
    if header.iter().all(|byte| *byte == 0) {
        return Found::Nothing;
    }
    let Some(Header { length, sequence, batch, checksum }) = Header::decode(owner, header) else {
        return Found::Damaged;
    };
    let start = at + HEADER;
    let end = start + size(length);
    let Some(groups) = segment.get(start..end) else { return Found::Damaged };
    if crc(&[groups]) == checksum {
        let payload = payload(groups, length);
        return match bincode::serde::decode_from_slice(&payload, config()) {
            Ok((records, used)) if used == length => {
                Found::Entry(Entry { sequence, batch, records }, end)
            }
            _ => Found::Damaged,
        };
    }
    match sectors(start, groups).any(|part| part.iter().all(|byte| *byte == 0)) {
        true => Found::Torn { batch },
        false => Found::Damaged,
    }
}

/// The batch of the entry whose header is here, if there is one.
pub(super) fn batch_at(owner: &[u8], segment: &[u8], at: usize) -> Option<u64> {
    Header::decode(owner, segment.get(at..at + HEADER)?).map(|header| header.batch)
}

/// Whether each sector of this is zeros, or groups as they are written. `start` is where it lies in
/// the segment, a multiple of [`ALIGN`].
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

/// The parts of these bytes that lie in different sectors.
fn sectors(start: usize, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first = (SECTOR - start % SECTOR).min(bytes.len());
    let (first, rest) = bytes.split_at_checked(first).unwrap_or((bytes, &[]));
    std::iter::once(first).chain(rest.chunks(SECTOR))
}

fn payload(groups: &[u8], length: usize) -> Vec<u8> {
    let parts = groups.chunks(GROUP).flat_map(|group| group.iter().take(GROUP - 1));
    parts.take(length).copied().collect()
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
        (magic == MAGIC && length <= MOST).then_some(Header {
            length,
            sequence: u64::from_le_bytes(*sequence),
            batch: u64::from_le_bytes(*batch),
            checksum: u32::from_le_bytes(*checksum),
        })
    }
}

/// The payloads of so many records, each as long as it may be.
pub(super) fn payloads(records: &[Record]) -> Result<Vec<Vec<u8>>, bincode::error::EncodeError> {
    let mut payloads = Vec::new();
    let mut first = 0;
    let mut bytes = 0;
    for (index, record) in records.iter().enumerate() {
        let more = bincode::serde::encode_to_vec(record, config())?.len();
        if bytes + more + COUNT > MOST && index > first {
            payloads.push(encode_records(records.get(first..index).unwrap_or_default())?);
            (first, bytes) = (index, 0);
        }
        bytes += more;
    }
    payloads.push(encode_records(records.get(first..).unwrap_or_default())?);
    Ok(payloads)
}

/// How many bytes bincode takes for the number of records, at most.
const COUNT: usize = 9;

fn encode_records(records: &[Record]) -> Result<Vec<u8>, bincode::error::EncodeError> {
    bincode::serde::encode_to_vec(records, config())
}
