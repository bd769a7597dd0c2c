//! Frames: how messages travel in datagrams.
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
//! All numbers are little-endian. Whatever is not such a frame, to the last bit, is an error and never
//! a panic. The header is the same for all kinds, so one look at it says who speaks to whom, in which
//! cluster, and of what.

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

/// What travels in frames of a kind.
pub trait Framed: Serialize + DeserializeOwned {
    /// The kind of its frames.
    const KIND: Kind;
}

impl Framed for Message {
    const KIND: Kind = Kind::Protocol;
}

/// The kind of what is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Messages of the protocol.
    Protocol,
    /// An inquiry.
    StatusRequest,
    /// The report that answers an inquiry.
    Report,
    /// A handshake between roles of members.
    Handshake,
    /// The answer to a stranger.
    Notice,
    /// A part of a frame that is larger than a datagram may be on the way.
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

/// Who speaks to whom, and in which cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The digest of the sender's cluster.
    pub cluster: ClusterDigest,
    /// The sender.
    pub from: Party,
    /// The addressee.
    pub to: Party,
    /// Tells the sender's life from its others, see [`handshake`](super::handshake).
    pub life: u32,
    /// The age of the sender's journal: how many entries were ever written to it. It covers all
    /// that the datagram says, since entries are durable before they are spoken of.
    pub age: u64,
    /// The slowest of the sender's last syncs, in milliseconds.
    pub sync: u16,
}

impl Header {
    /// The header of messages that belong to no cluster. Stateright's runtime sends and receives
    /// them between addresses, so nobody is named.
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

/// Messages to one destination share a frame until it has this many bytes, or as many as a datagram may
/// have on the way: large enough to spread the cost of a datagram, small enough for a burst of them to
/// fit a kernel's receive buffer.
pub const BUNDLE: usize = 8 * 1024;

/// Why bytes are not a frame, or a message cannot be put into one.
#[derive(Debug, Error)]
pub enum WireError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a frame")]
    Short(usize),
    /// Something else, or changed on the way.
    #[error("not a frame: the checksum is wrong")]
    Checksum,
    /// A frame of another version of this program.
    #[error("a frame of version {0}, and this program speaks version {VERSION}")]
    Version(u8),
    /// A frame whose header makes no sense.
    #[error("the header cannot be read")]
    Header,
    /// A frame of another kind than was expected.
    #[error("a frame of kind {0:?}, which is not expected here")]
    Kind(Kind),
    /// A well-formed frame that contains no messages of ours.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// A frame of several messages where one is expected.
    #[error("{0} messages in a frame that should hold one")]
    Count(usize),
    /// The message could not be encoded, or is larger than any datagram.
    #[error("the message cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// Stateright's runtime was asked to keep something, which it cannot do safely.
    #[error("nothing may be saved here: memory only")]
    NoStorage,
    /// A part whose number or length makes no sense.
    #[error("a part that cannot be of any frame")]
    Part,
    /// More bytes than a datagram has.
    #[error("{0} bytes are more than the {MAX_DATAGRAM} of a datagram")]
    TooLarge(usize),
}

/// The most bytes of messages in a frame.
const BODY: usize = MAX_DATAGRAM - HEADER;

/// Most messages have fewer bytes.
const USUAL: usize = 256;

/// A message's bytes, which go into as many frames as there are destinations.
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
    /// The most bytes of a frame of several messages.
    bundle: usize,
    /// Room for the header, then the messages; empty if there is none.
    bytes: Vec<u8>,
    holds: PhantomData<T>,
}

impl<T: Framed> Frame<T> {
    /// An empty frame. Messages share it until it has `bundle` bytes; one alone may be larger.
    pub fn new(header: Header, bundle: usize) -> Self {
        Frame { header, bundle, bytes: Vec::new(), holds: PhantomData }
    }

    /// Adds a message. Gives back the bytes of a finished datagram if the message did not fit.
    pub fn push(&mut self, message: &T) -> Result<Option<Vec<u8>>, WireError> {
        Ok(self.push_encoded(&Encoded::new(message)?))
    }

    /// The same, with a message that is encoded already.
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

    /// The bytes of the frame; none if there is no message in it.
    pub fn finish(self) -> Option<Vec<u8>> {
        seal(T::KIND, self.header, self.bytes)
    }
}

/// Writes the header to the front of `bytes`, where there is room for it; none if nothing comes after.
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
    /// The kind of what is in it.
    pub kind: Kind,
    /// Who speaks to whom.
    pub header: Header,
    /// What comes after the header: at least a byte.
    pub(super) body: &'a [u8],
}

/// A datagram whose header was read, with its bytes.
#[derive(Clone, Debug)]
pub struct OpenedDatagram {
    /// Where it says that it comes from.
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

    /// Its header and its contents, as they were read.
    pub fn opened(&self) -> Opened<'_> {
        let body = self.bytes.get(HEADER..).unwrap_or_default();
        Opened { kind: self.kind, header: self.header, body }
    }
}

/// Reads a datagram's header. What is in it is read only if somebody wants to know.
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

/// True if this is a part of a frame, if it is anything of ours.
pub(super) fn is_part(bytes: &[u8]) -> bool {
    bytes.get(4..6) == Some(&Kind::Part.name())
}

impl Opened<'_> {
    /// The messages in it: at least one.
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

    /// The message of a frame of one.
    pub fn message<T: Framed>(&self) -> Result<T, WireError> {
        let mut messages = self.messages()?;
        match (messages.pop(), messages.len()) {
            (Some(message), 0) => Ok(message),
            (_, more) => Err(WireError::Count(more + 1)),
        }
    }
}

/// A frame of one message.
pub fn encode_one<T: Framed>(header: Header, message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = Frame::new(header, BUNDLE);
    frame.push(message)?;
    frame.finish().ok_or(WireError::Short(0))
}

#[cfg(test)]
mod tests;
