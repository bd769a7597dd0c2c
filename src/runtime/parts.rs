//! Parts: fragmentation of frames that are larger than a datagram may be on the path.
//!
//! The system cuts a datagram that is larger than the path allows into IP fragments, which many networks
//! lose. So no such datagram is sent: a large frame is cut here, each part is a frame of its own with the
//! same header, and the receiver reassembles them. The body of a part:
//!
//! ```text
//! 0..8    the name of the frame (u64), which its sender gives to no other
//! 8       the number of the part, from 0
//! 9       the number of parts of the frame, at least 2
//! 10..    bytes of the frame
//! ```
//!
//! The loss of a part loses the whole frame, like the loss of a datagram: the receiver asks again if it needs
//! it. A reassembled frame is checked as if it had come in one piece.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pace::SLOWEST;
use super::wire::{HEADER, Kind, Opened, WireError, is_part, open, seal};
use crate::paxos::limits::MAX_DATAGRAM;

/// The bytes of a part before those of the frame.
const PREFIX: usize = HEADER + 10;

/// The least limit of a datagram. Every IPv4 link carries this many bytes (RFC 791).
pub const LEAST_PATH: usize = 512;

/// The largest frame has few enough parts to be counted in a byte, even on the narrowest path.
const _: () = assert!(MAX_DATAGRAM.div_ceil(LEAST_PATH - PREFIX) <= u8::MAX as usize);

/// The most frames that are being reassembled at a time.
pub const MOST: usize = 256;

/// The most bytes of parts that wait for others.
pub const MOST_BYTES: usize = 4 << 20;

/// The time after its first part for which a frame is waited for: twice as long as the slowest sync, as a
/// member may save between two parts.
pub const LONGEST: Duration = Duration::from_secs(2 * SLOWEST.as_secs());

/// Cuts a frame into parts of at most `path` bytes each, under this name.
pub fn cut(frame: &[u8], path: usize, name: u64) -> Result<Vec<Vec<u8>>, WireError> {
    let header = open(frame)?.header;
    let pieces = frame.chunks(path.max(LEAST_PATH) - PREFIX);
    let count = u8::try_from(pieces.len()).map_err(|_| WireError::TooLarge(frame.len()))?;
    let part = |(number, piece): (u8, &[u8])| {
        let mut bytes = vec![0; HEADER];
        bytes.extend(name.to_le_bytes());
        bytes.extend([number, count]);
        bytes.extend(piece);
        seal(Kind::Part, header, bytes).ok_or(WireError::Part)
    };
    (0..count).zip(pieces).map(part).collect()
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part<'a> {
    name: u64,
    number: u8,
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(opened: &Opened<'a>) -> Result<Self, WireError> {
        let part = || {
            let (name, rest) = opened.body.split_first_chunk::<8>()?;
            let ([number, count], bytes) = rest.split_first_chunk::<2>()?;
            let part =
                Part { name: u64::from_le_bytes(*name), number: *number, count: *count, bytes };
            (opened.kind == Kind::Part && number < count && *count > 1 && !bytes.is_empty())
                .then_some(part)
        };
        part().ok_or(WireError::Part)
    }
}

/// Reassembles frames, within bounds of count, bytes and age: beyond a bound the oldest frame is given up.
#[derive(Debug, Default)]
pub struct Assembly {
    /// Oldest first.
    frames: VecDeque<Incomplete>,
    bytes: usize,
    given_up: u64,
}

/// A frame with missing parts.
#[derive(Debug)]
struct Incomplete {
    from: SocketAddr,
    name: u64,
    count: u8,
    since: Instant,
    parts: BTreeMap<u8, Vec<u8>>,
    /// The sum of the bytes of its parts.
    bytes: usize,
}

impl Assembly {
    /// Adds a part from this address. Returns the frame once it is complete.
    pub fn add(
        &mut self,
        from: SocketAddr,
        opened: &Opened<'_>,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, WireError> {
        let part = Part::read(opened)?;
        self.give_up_the_old(now);
        let place = self.place(from, &part, now);
        let Some(frame) = self.frames.get_mut(place) else { return Ok(None) };
        if frame.count != part.count || frame.bytes + part.bytes.len() > MAX_DATAGRAM {
            return Err(WireError::Part);
        }
        // A repeated part has the same bytes, or else the checksum of the frame fails.
        if let Entry::Vacant(missing) = frame.parts.entry(part.number) {
            missing.insert(part.bytes.to_vec());
            frame.bytes += part.bytes.len();
            self.bytes += part.bytes.len();
        }
        if frame.parts.len() < usize::from(frame.count) {
            self.keep_within_bounds();
            return Ok(None);
        }
        let Some(frame) = self.frames.remove(place) else { return Ok(None) };
        self.bytes -= frame.bytes;
        let whole: Vec<u8> = frame.parts.into_values().flatten().collect();
        // A part is never cut into parts.
        if is_part(&whole) { Err(WireError::Part) } else { Ok(Some(whole)) }
    }

    /// The number of frames given up so far, because parts were lost or late.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    fn place(&mut self, from: SocketAddr, part: &Part<'_>, now: Instant) -> usize {
        let Part { name, count, .. } = *part;
        let is_it = |frame: &Incomplete| (frame.from, frame.name) == (from, name);
        self.frames.iter().rposition(is_it).unwrap_or_else(|| {
            let (parts, bytes) = (BTreeMap::new(), 0);
            self.frames.push_back(Incomplete { from, name, count, since: now, parts, bytes });
            self.frames.len() - 1
        })
    }

    fn give_up_the_old(&mut self, now: Instant) {
        while self.frames.front().is_some_and(|frame| now.duration_since(frame.since) > LONGEST) {
            self.give_up_the_oldest();
        }
    }

    fn keep_within_bounds(&mut self) {
        while self.frames.len() > MOST || self.bytes > MOST_BYTES {
            self.give_up_the_oldest();
        }
    }

    fn give_up_the_oldest(&mut self) {
        let Some(frame) = self.frames.pop_front() else { return };
        self.bytes -= frame.bytes;
        self.given_up += 1;
    }
}

#[cfg(test)]
mod tests;
