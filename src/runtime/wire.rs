//! Frames: the encoding of messages in datagrams.
//!
//! ```text
//! 0..4    CRC-32 of all that follows
//! 4..6    the kind of what is in it: "sy" for messages of the protocol, "si" for inquiries, "sr" for
//!         reports, "sh" for handshakes, "sn" for notices, "sp" for a part of a larger frame
//! 6       version of the format
//! 7..23   digest of the cluster's identity
//! 23..26  the sender: its role, and its place among those of the role (u16)
//! 26..29  the addressee, likewise
//! 29..33  the sender's life: low bits of its name (u32); 0 of a client
//! 33..41  the age of the sender's journal (u64); 0 of a client
//! 41..43  the slowest of the sender's last syncs, in milliseconds (u16)
//! 43..    one or more messages, as the codec writes them, back to back; or a [part](super::parts)
//! ```
//!
//! All numbers are little-endian. Any other bytes are an error, to the last bit, and never a panic. The
//! header is the same for all kinds, so it alone tells the sender, the addressee, the cluster and the kind of
//! the contents.

use std::marker::PhantomData;
use std::net::SocketAddr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::identity::{ClusterDigest, DIGEST};
use super::party::{PARTY, Party};
use super::pump::Datagram;
use crate::codec::{self, DecodeError, EncodeError};
use crate::paxos::Message;
use crate::paxos::limits::MAX_DATAGRAM;

/// A message that travels in frames of one kind.
pub trait Framed: Serialize + DeserializeOwned {
    /// The kind of its frames.
    const KIND: Kind;
}

impl Framed for Message {
    const KIND: Kind = Kind::Protocol;
}

/// The kind of the contents of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Messages of the protocol.
    Protocol,
    /// A status request.
    StatusRequest,
    /// The report that answers a status request.
    Report,
    /// A handshake between roles of members.
    Handshake,
    /// A notice: the answer to a stranger.
    Notice,
    /// A part of a frame that is larger than a datagram may be on the path.
    Part,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [
        Kind::Protocol,
        Kind::StatusRequest,
        Kind::Report,
        Kind::Handshake,
        Kind::Notice,
        Kind::Part,
    ];

    const fn name(self) -> [u8; 2] {
        match self {
            Kind::Protocol => *b"sy",
            Kind::StatusRequest => *b"si",
            Kind::Report => *b"sr",
            Kind::Handshake => *b"sh",
            Kind::Notice => *b"sn",
            Kind::Part => *b"sp",
        }
    }
}

/// The header of a frame: sender, addressee and cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The digest of the sender's cluster.
    pub cluster: ClusterDigest,
    /// The sender.
    pub from: Party,
    /// The addressee.
    pub to: Party,
    /// The tag of the sender's life: see [`handshake`](super::handshake).
    pub life: u32,
    /// The age of the sender's journal: the number of entries ever written to it. Entries are durable before
    /// messages tell of them, so the age covers all that the datagram says.
    pub age: u64,
    /// The slowest of the sender's last syncs, in milliseconds.
    pub sync: u16,
}

impl Header {
    /// The header of messages of no cluster. Stateright's runtime sends and receives them between addresses,
    /// so they name no party.
    pub const NOBODYS: Header = Header {
        cluster: ClusterDigest([0; DIGEST]),
        from: Party::Client,
        to: Party::Client,
        life: 0,
        age: 0,
        sync: 0,
    };
}

const VERSION: u8 = 4;
/// The bytes before the header: checksum, kind and version.
const PREFIX: usize = 7;
/// The bytes before the first message.
pub const HEADER: usize = PREFIX + DIGEST + 2 * PARTY + 4 + 8 + 2;

/// The bytes at which a frame of several messages is closed, unless a datagram may have fewer on the path.
/// Large enough to spread the cost of a datagram, small enough for a burst to fit a kernel's receive buffer.
pub const BUNDLE: usize = 8 * 1024;

/// The reason why bytes are not a frame, or a message cannot be put into one.
#[derive(Debug, Error)]
pub enum WireError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a frame")]
    Short(usize),
    /// Bytes of another format, or changed on the way.
    #[error("not a frame: the checksum is wrong")]
    Checksum,
    /// A frame of another version of this program.
    #[error("a frame of version {0}, and this program speaks version {VERSION}")]
    Version(u8),
    /// A header that cannot be read.
    #[error("the header cannot be read")]
    Header,
    /// A frame of an unexpected kind.
    #[error("a frame of kind {0:?}, which is not expected here")]
    Kind(Kind),
    /// A valid frame whose messages cannot be decoded.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// A frame of several messages where one is expected.
    #[error("{0} messages in a frame that should hold one")]
    Count(usize),
    /// The message could not be encoded, or is larger than any datagram.
    #[error("the message cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// Stateright's runtime was asked to save something, which it cannot do safely.
    #[error("nothing may be saved here: memory only")]
    NoStorage,
    /// A part whose number or length is impossible.
    #[error("a part that cannot be of any frame")]
    Part,
    /// More bytes than a datagram can have.
    #[error("{0} bytes are more than the {MAX_DATAGRAM} of a datagram")]
    TooLarge(usize),
}

/// The most bytes of messages in a frame.
const BODY: usize = MAX_DATAGRAM - HEADER;

/// The capacity to start with: most messages have fewer bytes.
const USUAL: usize = 256;

/// An encoded message, which goes into as many frames as there are destinations.
#[derive(Debug)]
pub struct Encoded<T>(Vec<u8>, PhantomData<T>);

impl<T: Framed> Encoded<T> {
    /// Encodes a message, if it fits a datagram.
    pub fn new(message: &T) -> Result<Self, WireError> {
        let mut bytes = Vec::with_capacity(USUAL);
        codec::encode(message, BODY, &mut bytes)?;
        Ok(Encoded(bytes, PhantomData))
    }
}

/// A frame being filled with messages to one destination.
#[derive(Debug)]
pub struct Frame<T = Message> {
    header: Header,
    /// The bytes at which a frame of several messages is closed.
    bundle: usize,
    /// Room for the header, then the messages; empty if there is no message.
    bytes: Vec<u8>,
    holds: PhantomData<T>,
}

impl<T: Framed> Frame<T> {
    /// An empty frame. Messages share it up to `bundle` bytes; a single message may be larger.
    pub fn new(header: Header, bundle: usize) -> Self {
        Frame { header, bundle, bytes: Vec::new(), holds: PhantomData }
    }

    /// Adds a message. Returns the bytes of the frame before if the message did not fit into it.
    pub fn push(&mut self, message: &T) -> Result<Option<Vec<u8>>, WireError> {
        Ok(self.push_encoded(&Encoded::new(message)?))
    }

    /// Adds a message that is encoded already.
    pub fn push_encoded(&mut self, message: &Encoded<T>) -> Option<Vec<u8>> {
        let Encoded(bytes, _) = message;
        let has_room = self.bytes.is_empty() || self.bytes.len() + bytes.len() <= self.bundle;
        let next = || Frame::new(self.header, self.bundle);
        let full = if has_room { None } else { std::mem::replace(self, next()).finish() };
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER, 0);
        }
        self.bytes.extend_from_slice(bytes);
        full
    }

    /// The bytes of the frame; `None` if it has no message.
    pub fn finish(self) -> Option<Vec<u8>> {
        seal(T::KIND, self.header, self.bytes)
    }
}

/// Writes the header to the room at the front of `bytes`; `None` if nothing follows it.
pub(super) fn seal(kind: Kind, header: Header, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.len() <= HEADER {
        return None;
    }
    let Header { cluster: ClusterDigest(digest), from, to, life, age, sync } = header;
    let [one, two] = kind.name();
    let (life, age, sync) = (life.to_le_bytes(), age.to_le_bytes(), sync.to_le_bytes());
    let (from, to) = (from.encode(), to.encode());
    let fields = [&[one, two, VERSION][..], &digest, &from, &to, &life, &age, &sync];
    bytes.get_mut(4..HEADER)?.copy_from_slice(&fields.concat());
    let crc = crc(bytes.get(4..)?).to_le_bytes();
    bytes.get_mut(..4)?.copy_from_slice(&crc);
    Some(bytes)
}

fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// A datagram whose header was read.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// The kind of the contents.
    pub kind: Kind,
    /// The header.
    pub header: Header,
    /// The bytes after the header: one at least.
    pub(super) body: &'a [u8],
}

/// A datagram whose header was read, with its bytes.
#[derive(Clone, Debug)]
pub struct OpenedDatagram {
    /// The source address, which may be forged.
    pub from: SocketAddr,
    kind: Kind,
    header: Header,
    bytes: Vec<u8>,
}

impl OpenedDatagram {
    /// Reads the header of a datagram.
    pub fn new(datagram: Datagram) -> Result<Self, WireError> {
        let Datagram { from, bytes } = datagram;
        let Opened { kind, header, .. } = open(&bytes)?;
        Ok(OpenedDatagram { from, kind, header, bytes })
    }

    /// The header and the contents.
    pub fn opened(&self) -> Opened<'_> {
        let body = self.bytes.get(HEADER..).unwrap_or_default();
        Opened { kind: self.kind, header: self.header, body }
    }
}

/// Reads the header of a datagram. The contents are decoded only on demand.
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, WireError> {
    if bytes.len() > MAX_DATAGRAM {
        return Err(WireError::TooLarge(bytes.len()));
    }
    let short = WireError::Short(bytes.len());
    let Some((checksum, checked)) = bytes.split_first_chunk::<4>() else { return Err(short) };
    if bytes.len() <= HEADER {
        return Err(short);
    }
    if *checksum != crc(checked).to_le_bytes() {
        return Err(WireError::Checksum);
    }
    let header = || {
        let (name, rest) = checked.split_first_chunk::<2>()?;
        let (_version, rest) = rest.split_first_chunk::<1>()?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (from, rest) = rest.split_first_chunk::<PARTY>()?;
        let (to, rest) = rest.split_first_chunk::<PARTY>()?;
        let (life, rest) = rest.split_first_chunk::<4>()?;
        let (age, rest) = rest.split_first_chunk::<8>()?;
        let (sync, body) = rest.split_first_chunk::<2>()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == *name)?;
        let (from, to) = (Party::decode(*from)?, Party::decode(*to)?);
        let (life, age) = (u32::from_le_bytes(*life), u64::from_le_bytes(*age));
        let (cluster, sync) = (ClusterDigest(*digest), u16::from_le_bytes(*sync));
        let header = Header { cluster, from, to, life, age, sync };
        Some(Opened { kind, header, body })
    };
    match checked.get(2) {
        Some(&VERSION) => header().ok_or(WireError::Header),
        version => Err(WireError::Version(version.copied().unwrap_or_default())),
    }
}

/// True if a frame of ours with these bytes is a part.
pub(super) fn is_part(bytes: &[u8]) -> bool {
    bytes.get(4..6) == Some(&Kind::Part.name())
}

impl Opened<'_> {
    /// Decodes the messages: one at least.
    pub fn messages<T: Framed>(&self) -> Result<Vec<T>, WireError> {
        if self.kind != T::KIND {
            return Err(WireError::Kind(self.kind));
        }
        let (mut messages, mut body) = (Vec::new(), self.body);
        while !body.is_empty() {
            messages.push(codec::take(&mut body)?);
        }
        Ok(messages)
    }

    /// Decodes the only message.
    pub fn message<T: Framed>(&self) -> Result<T, WireError> {
        let mut messages = self.messages()?;
        match (messages.pop(), messages.len()) {
            (Some(message), 0) => Ok(message),
            (_, more) => Err(WireError::Count(more + 1)),
        }
    }
}

/// Encodes a frame of one message.
pub fn encode_one<T: Framed>(header: Header, message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = Frame::new(header, BUNDLE);
    frame.push(message)?;
    frame.finish().ok_or(WireError::Short(0))
}

#[cfg(test)]
mod tests;
