//! Parts: how a frame travels that is larger than a datagram may be on the way.
//!
//! A datagram that is larger than what a link carries is cut by the system into fragments of IP, which
//! many networks lose. So nothing larger is sent: a large frame is cut here, each part is a frame of its
//! own with the same header, and whoever hears them puts them together again. The body of a part:
//!
//! ```text
//! 0..8    the name of the frame (u64), which its sender gives to no other
//! 8       the number of the part, from 0
//! 9       the number of parts of the frame, at least 2
//! 10..    bytes of the frame
//! ```
//!
//! A part that is lost makes the frame a lost one, like any datagram: whoever needs it asks again. What
//! comes out is checked as if it had come in one piece.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pace::SLOWEST;
use super::wire::{HEADER, Kind, Opened, WireError, is_part, open, seal};
use crate::paxos::limits::MAX_DATAGRAM;

/// The bytes of a part before those of the frame.
const PREFIX: usize = HEADER + 10;

/// The fewest bytes that a datagram may be held to. Every link of IPv4 carries this much (RFC 791).
pub const LEAST_PATH: usize = 512;

/// The largest frame has few enough parts to be counted in a byte, also on the narrowest path.
const _: () = assert!(MAX_DATAGRAM.div_ceil(LEAST_PATH - PREFIX) <= u8::MAX as usize);

/// The most frames that are being put together at a time.
pub const MOST: usize = 256;

/// The most bytes of parts that wait for others.
pub const MOST_BYTES: usize = 4 << 20;

/// The time that a frame is waited for after its first part was heard: twice as long as the slowest sync,
/// as a member may save between two parts.
pub const LONGEST: Duration = Duration::from_secs(2 * SLOWEST.as_secs());

/// The parts of a frame, each of at most `path` bytes, under this name.
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

/// Puts frames together of their parts, within bounds of count, bytes and age: what exceeds them makes
/// the oldest be given up.
#[derive(Debug, Default)]
pub struct Assembly {
    /// The oldest first.
    frames: VecDeque<Incomplete>,
    bytes: usize,
    given_up: u64,
}

/// A frame of which parts are missing.
#[derive(Debug)]
struct Incomplete {
    from: SocketAddr,
    name: u64,
    count: u8,
    since: Instant,
    parts: BTreeMap<u8, Vec<u8>>,
    /// Of all of them.
    bytes: usize,
}

impl Assembly {
    /// Adds a part that came from there. Gives back the frame, once it is complete.
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
        // One that comes twice has the same bytes, or the checksum of the frame tells.
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
        // No part is cut in parts.
        if is_part(&whole) { Err(WireError::Part) } else { Ok(Some(whole)) }
    }

    /// How many frames were given up so far, as not all of their parts came in time.
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
