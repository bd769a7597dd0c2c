//! Segments: files of one size, full of zeros before anything is written to them.
//!
//! ```text
//! segment = "synj", version (u32), number (u64), sequence of its first entry (u64), zeros,
//!           and at byte 508 the CRC-32 of all that and of the journal's label; then entries
//! ```
//!
//! A full segment is **sealed** by an entry without records, once there is a next segment. So a lost last
//! segment is noticed.

use super::entry::{self, ALIGN, Entry, Found};
use crate::codec::{self, DecodeError};
use crate::paxos::limits::MAX_DATAGRAM;
use crate::runtime::pump::BATCH;

/// The offset of the first entry.
pub(super) const START: usize = 512;
/// The room that is left for the entry that seals the segment.
pub(super) const SEAL: usize = entry::space(1);

/// The default size of a segment, in bytes.
pub const SEGMENT: usize = 32 << 20;

/// The fewest bytes of a segment. A record is never larger than the message that it comes from, so any record
/// that a datagram can bring fits.
pub const SMALLEST_SEGMENT: usize =
    (START + entry::space(codec::LENGTH + MAX_DATAGRAM) + SEAL).next_multiple_of(4096);

/// The entries of one turn fit one segment, so that a turn costs one sync.
const _: () = {
    let turn = entry::space_of_all(BATCH * MAX_DATAGRAM, MAX_DATAGRAM);
    assert!(START + turn + SEAL <= SEGMENT);
};

const MAGIC: &[u8; 4] = b"synj";
/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// The contents of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) entries: Vec<Entry>,
    /// The offset of the next entry.
    pub(super) end: usize,
    /// The bytes of the last batch, which ends at `end`.
    pub(super) last_batch: Vec<u8>,
    /// The end of the remains of a batch that was never acknowledged; `end` if there are none.
    pub(super) torn_until: usize,
}

impl Scanned {
    /// True if the segment is sealed, so that there must be a next one.
    pub(super) fn is_sealed(&self) -> bool {
        self.entries.last().is_some_and(|entry| entry.records.is_empty())
    }
}

/// Damage of a segment, and its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: usize,
    pub(super) why: Why,
    /// The number of entries before it in this segment, all of which are sound.
    pub(super) sound: u64,
}

/// A kind of damage.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The bytes are not as they were written.
    Changed(&'static str),
    /// The bytes are as they were written, but cannot be decoded.
    Unreadable(DecodeError),
    /// A version of the format that this program does not know.
    Newer(u32),
}

/// The first bytes of a segment.
pub(super) fn head(owner: &[u8], number: u64, first: u64) -> Vec<u8> {
    let mut head = Vec::with_capacity(START);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&number.to_le_bytes());
    head.extend_from_slice(&first.to_le_bytes());
    head.resize(START - 4, 0);
    let checksum = entry::crc(&[owner, &head]);
    head.extend_from_slice(&checksum.to_le_bytes());
    head
}

/// Checks that a segment is of a version that this program reads. In every version the magic bytes and the
/// version come first, and are read before any checksum. If only the version differs from what belongs here,
/// it is damage.
pub(super) fn version(
    owner: &[u8],
    bytes: &[u8],
    (number, first): (u64, u64),
) -> Result<(), Damage> {
    let version = bytes.strip_prefix(MAGIC).and_then(<[u8]>::first_chunk);
    let version = version.map_or(VERSION, |version| u32::from_le_bytes(*version));
    let (from, expected) = (MAGIC.len() + size_of::<u32>(), head(owner, number, first));
    if version <= VERSION || bytes.get(from..START) == expected.get(from..) {
        return Ok(());
    }
    Err(Damage { at: MAGIC.len(), why: Why::Newer(version), sound: 0 })
}

/// True if nothing was ever written after the head.
pub(super) fn is_empty(bytes: &[u8]) -> bool {
    bytes.get(START..).is_none_or(|entries| entries.iter().all(|byte| *byte == 0))
}

/// Reads a segment.
pub(super) fn scan(
    owner: &[u8],
    bytes: &[u8],
    (number, first): (u64, u64),
) -> Result<Scanned, Damage> {
    let head = head(owner, number, first);
    if let Some(at) = (0..START).find(|at| bytes.get(*at) != head.get(*at)) {
        let why = "its head, the first 512 bytes, is not the one that was written here";
        return Err(Damage { at, why: Why::Changed(why), sound: 0 });
    }
    let mut entries: Vec<Entry> = Vec::new();
    let (mut at, mut last) = (START, START);
    loop {
        let next = entries.last().map_or(first, |entry| entry.sequence + 1);
        let batch = entries.last().map_or(first, |entry| entry.batch);
        let may_be = |name: u64| name == batch || name == next;
        let seals = entries.last().is_some_and(|entry| entry.records.is_empty());
        let sound = entries.len() as u64 - u64::from(seals);
        let damage = |at, why| Err(Damage { at, why: Why::Changed(why), sound });
        match entry::decode(owner, bytes, at) {
            Found::Entry(entry, end) if entry.sequence == next && may_be(entry.batch) => {
                if entry.sequence == entry.batch {
                    last = at;
                }
                entries.push(entry);
                at = end;
            }
            Found::Entry(..) => return damage(at, "an entry that does not follow the one before"),
            Found::Damaged => {
                return damage(at, "neither an entry nor what a power cut leaves of one");
            }
            Found::Unreadable(error) => {
                return Err(Damage { at, why: Why::Unreadable(error), sound });
            }
            Found::Torn { batch } if !may_be(batch) => {
                return damage(at, "a part of an entry that does not follow the one before");
            }
            Found::Nothing | Found::Torn { .. } => {
                let torn_until = remains(owner, bytes, at, may_be).map_err(|(at, why)| Damage {
                    at,
                    why: Why::Changed(why),
                    sound,
                })?;
                let last_batch = bytes.get(last..at).unwrap_or_default().to_vec();
                return Ok(Scanned { entries, end: at, last_batch, torn_until });
            }
        }
    }
}

/// The end of the remains of one batch, given the sequence that its first entry may have.
fn remains(
    owner: &[u8],
    bytes: &[u8],
    from: usize,
    may_be: impl Fn(u64) -> bool,
) -> Result<usize, (usize, &'static str)> {
    let rest = bytes.get(from..).unwrap_or_default();
    let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let used = used.next_multiple_of(ALIGN);
    if !entry::plausible(from, rest.get(..used).unwrap_or(rest)) {
        return Err((from, "not what a power cut leaves of an entry"));
    }
    let mut of_batch = None;
    for at in (from..from + used).step_by(ALIGN) {
        let Some(batch) = entry::batch_at(owner, bytes, at) else { continue };
        if !may_be(batch) || of_batch.is_some_and(|other| other != batch) {
            return Err((at, "entries follow that were written after this place was durable"));
        }
        of_batch = Some(batch);
    }
    Ok(from + used)
}
