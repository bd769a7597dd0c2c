//! Frames: how messages travel in datagrams.
//!
//! ```text
//! 0..4    CRC-32 of all that follows
//! 4..6    the kind of what is in it: "sy" for messages of the protocol, "si" for inquiries, "sr" for
//!         reports, "sh" for handshakes, "sn" for notices
//! 6       version of the format
//! 7..23   digest of the cluster's identity
//! 23..26  the sender: its role, and its place among those of the role (u16)
//! 26..29  the addressee, likewise
//! 29..37  the age of the sender's journal (u64); 0 of a client
//! 37..    one or more messages, as the codec writes them, back to back
//! ```
//!
//! All numbers are little-endian. Whatever is not such a frame, to the last bit, is an error and never
//! a panic. The header is the same for all kinds, so one look at it says who speaks to whom, in which
//! cluster, and of what.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::identity::{ClusterDigest, DIGEST};
use super::party::{PARTY, Party};
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
    Inquiry,
    /// The report that answers an inquiry.
    Report,
    /// A handshake between roles of members.
    Handshake,
    /// The answer to a stranger.
    Notice,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] =
        [Kind::Protocol, Kind::Inquiry, Kind::Report, Kind::Handshake, Kind::Notice];

    const fn name(self) -> [u8; 2] {
        match self {
            Kind::Protocol => *b"sy",
            Kind::Inquiry => *b"si",
            Kind::Report => *b"sr",
            Kind::Handshake => *b"sh",
            Kind::Notice => *b"sn",
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
    /// The age of the sender's journal: how many entries were ever written to it. It covers all
    /// that the datagram says, since entries are durable before they are spoken of.
    pub age: u64,
}

impl Header {
    /// The header of messages that belong to no cluster. Stateright's runtime sends and receives
    /// them between addresses, so nobody is named.
    pub const NOBODYS: Header = Header {
        cluster: ClusterDigest([0; DIGEST]),
        from: Party::Client,
        to: Party::Client,
        age: 0,
    };
}

const VERSION: u8 = 2;
/// The bytes before the header: checksum, kind and version.
const PREFIX: usize = 7;
/// The bytes before the first message.
pub(super) const HEADER: usize = PREFIX + DIGEST + 2 * PARTY + 8;

/// Messages to one destination share a frame until it has this many bytes: large enough to spread
/// the cost of a datagram, small enough for a burst of them to fit a kernel's receive buffer.
const BUNDLE: usize = 8 * 1024;

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
    /// Room for the header, then the messages; empty if there is none.
    bytes: Vec<u8>,
    holds: PhantomData<T>,
}

impl<T: Framed> Frame<T> {
    /// An empty frame.
    pub fn new(header: Header) -> Self {
        Frame { header, bytes: Vec::new(), holds: PhantomData }
    }

    /// Adds a message. Gives back the bytes of a finished datagram if the message did not fit.
    pub fn push(&mut self, message: &T) -> Result<Option<Vec<u8>>, WireError> {
        Ok(self.push_encoded(&Encoded::new(message)?))
    }

    /// The same, with a message that is encoded already.
    pub fn push_encoded(&mut self, message: &Encoded<T>) -> Option<Vec<u8>> {
        let Encoded(bytes, _) = message;
        let has_room = self.bytes.is_empty() || self.bytes.len() + bytes.len() <= BUNDLE;
        let full =
            if has_room { None } else { std::mem::replace(self, Frame::new(self.header)).finish() };
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER, 0);
        }
        self.bytes.extend_from_slice(bytes);
        full
    }

    /// The bytes of the datagram; none if there is no message in it.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.bytes.len() <= HEADER {
            return None;
        }
        let Header { cluster: ClusterDigest(digest), from, to, age } = self.header;
        let [one, two] = T::KIND.name();
        let (age, version) = (age.to_le_bytes(), [one, two, VERSION]);
        let parts = [&version[..], &digest, &from.encode(), &to.encode(), &age];
        self.bytes.get_mut(4..HEADER)?.copy_from_slice(&parts.concat());
        let crc = crc(self.bytes.get(4..)?).to_le_bytes();
        self.bytes.get_mut(..4)?.copy_from_slice(&crc);
        Some(self.bytes)
    }
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
    body: &'a [u8],
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
        let (age, body) = rest.split_first_chunk::<8>()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == *name)?;
        let (from, to) = (Party::decode(*from)?, Party::decode(*to)?);
        let (cluster, age) = (ClusterDigest(*digest), u64::from_le_bytes(*age));
        Some(Opened { kind, header: Header { cluster, from, to, age }, body })
    };
    match checked.get(2) {
        Some(&VERSION) => header().ok_or(WireError::Header),
        version => Err(WireError::Version(version.copied().unwrap_or_default())),
    }
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

/// A datagram of one message.
pub fn encode_one<T: Framed>(header: Header, message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = Frame::new(header);
    frame.push(message)?;
    frame.finish().ok_or(WireError::Short(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::limits::{MAX_COMMAND, MAX_REPLY, PAGE};
    use crate::paxos::{
        AcceptorId, Answer, Ballot, ClientId, Command, Decree, Done, Instance, LeaderId, Refusal,
        RequestId, Vote,
    };
    use crate::runtime::inquiry::Inquiry;
    use proptest::prelude::*;

    fn ballots() -> impl Strategy<Value = Ballot> + Clone {
        (any::<u32>(), any::<u16>())
            .prop_map(|(round, leader)| Ballot { round, leader: LeaderId(leader) })
    }

    fn commands() -> impl Strategy<Value = Command> + Clone {
        let clients = (any::<u64>(), any::<u128>())
            .prop_map(|(born, number)| ClientId { born: Instance(born), number });
        (clients, any::<u64>(), any::<u64>(), bytes(MAX_COMMAND)).prop_map(
            |(client, sequence, acknowledged, payload)| Command {
                id: RequestId { client, sequence },
                acknowledged,
                payload: payload.into(),
            },
        )
    }

    /// From none to the most; few of them are long.
    fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> + Clone {
        prop_oneof![
            12 => proptest::collection::vec(any::<u8>(), 0..64),
            1 => proptest::sample::select(vec![0, 250, 251, most - 1, most]).prop_map(|n| vec![7; n]),
            1 => (0..=most).prop_map(|length| vec![0; length]),
        ]
    }

    /// What fits a page: it is closed by the one that fills it. Few pages are full.
    fn page<T: Clone + std::fmt::Debug>(
        items: impl Strategy<Value = T> + Clone,
        size: impl Fn(&T) -> usize,
    ) -> impl Strategy<Value = Vec<T>> {
        let some = proptest::collection::vec(items.clone(), 0..4);
        let many = proptest::collection::vec(items, 0..500);
        prop_oneof![12 => some, 1 => many].prop_map(move |mut items| {
            let mut left = PAGE;
            items.retain(|item| {
                let fits = left > 0;
                left = left.saturating_sub(size(item));
                fits
            });
            items
        })
    }

    fn decrees() -> impl Strategy<Value = Decree> + Clone {
        prop_oneof![Just(Decree::Noop), commands().prop_map(Decree::Command)]
    }

    fn instances() -> impl Strategy<Value = Instance> + Clone {
        any::<u64>().prop_map(Instance)
    }

    fn votes() -> impl Strategy<Value = Vote> + Clone {
        (instances(), ballots(), decrees()).prop_map(|(instance, ballot, decree)| Vote {
            instance,
            ballot,
            decree,
        })
    }

    fn answers() -> impl Strategy<Value = Answer> {
        prop_oneof![
            bytes(MAX_REPLY).prop_map(|bytes| Answer::Reply(bytes.into())),
            any::<u64>().prop_map(Answer::TooLong),
        ]
    }

    fn messages() -> impl Strategy<Value = Message> {
        let some_votes = page(votes(), |vote| vote.decree.size());
        let some_decrees = page(decrees(), Decree::size);
        let next = proptest::option::of(instances());
        prop_oneof![
            commands().prop_map(Message::Request),
            votes().prop_map(Message::Accepted),
            (ballots(), instances()).prop_map(|(ballot, from)| Message::Prepare { ballot, from }),
            (ballots(), instances(), some_votes, next).prop_map(|(ballot, from, votes, next)| {
                Message::Promise { ballot, from, votes, next }
            }),
            votes().prop_map(|Vote { ballot, instance, decree }| {
                Message::Accept { ballot, instance, decree }
            }),
            (ballots(), ballots())
                .prop_map(|(ballot, promised)| Message::Nack { ballot, promised }),
            (ballots(), instances())
                .prop_map(|(ballot, chosen)| Message::Heartbeat { ballot, chosen }),
            (instances(), instances()).prop_map(|(from, until)| Message::CatchUp { from, until }),
            (instances(), some_decrees, instances())
                .prop_map(|(first, decrees, until)| { Message::Chosen { first, decrees, until } }),
            commands().prop_map(|c| Message::Redirect { id: c.id, primary: Some(LeaderId(1)) }),
            commands().prop_map(|c| Message::Refused { id: c.id, reason: Refusal::Overloaded }),
            (commands(), instances(), any::<u64>(), answers()).prop_map(
                |(c, instance, position, answer)| {
                    Message::Reply { id: c.id, done: Done { instance, position, answer } }
                }
            ),
        ]
    }

    const HEADERS: Header = Header {
        cluster: ClusterDigest(*b"identity of test"),
        from: Party::Leader(LeaderId(2)),
        to: Party::Acceptor(AcceptorId(1)),
        age: 1 << 40,
    };

    fn decode<T: Framed>(bytes: &[u8]) -> Result<Vec<T>, WireError> {
        open(bytes)?.messages()
    }

    /// A header and some bytes, with a checksum that is right.
    fn sealed(header: &[u8], body: &[u8]) -> Vec<u8> {
        let checked = [header, body].concat();
        [&crc(&checked).to_le_bytes(), &checked[..]].concat()
    }

    fn frames(messages: &[Message]) -> Vec<Vec<u8>> {
        let mut frame = Frame::new(HEADERS);
        let mut full: Vec<_> =
            messages.iter().filter_map(|message| frame.push(message).unwrap()).collect();
        full.extend(frame.finish());
        full
    }

    proptest! {
        #[test]
        fn what_is_framed_comes_out_the_same(
            messages in proptest::collection::vec(messages(), 0..200),
        ) {
            let frames = frames(&messages);
            prop_assert!(frames.iter().all(|frame| frame.len() <= MAX_DATAGRAM));
            let decoded: Vec<_> = frames.iter().flat_map(|f| decode::<Message>(f).unwrap()).collect();
            prop_assert_eq!(decoded, messages);
        }

        /// Members of the version before say the same by the same bytes.
        #[test]
        fn the_bytes_are_those_of_bincode(
            message in messages(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let standard = bincode::config::standard();
            let mut bytes = bincode::serde::encode_to_vec(&message, standard).unwrap();
            prop_assert_eq!(&Encoded::new(&message).unwrap().0, &bytes);
            let at = at.index(bytes.len().min(60));
            bytes[at] = byte;
            let theirs = bincode::serde::borrow_decode_from_slice(&bytes, standard);
            let theirs: Option<(Message, usize)> = theirs.ok();
            let mut rest = &*bytes;
            let ours = codec::take::<Message>(&mut rest).ok();
            prop_assert_eq!(ours.map(|ours| (ours, bytes.len() - rest.len())), theirs);
        }

        #[test]
        fn a_flipped_bit_is_noticed(message in messages(), bit in any::<prop::sample::Index>()) {
            let mut bytes = encode_one(HEADERS, &message).unwrap();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode::<Message>(&bytes).is_err());
        }

        #[test]
        fn a_truncated_frame_is_noticed(message in messages(), at in any::<prop::sample::Index>()) {
            let bytes = encode_one(HEADERS, &message).unwrap();
            prop_assert!(decode::<Message>(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode::<Message>(&bytes).is_err());
            let good = encode_one(HEADERS, &Message::Nack {
                ballot: Ballot::NONE,
                promised: Ballot::NONE,
            }).unwrap();
            let _: Result<Vec<Message>, _> = decode(&sealed(&good[4..HEADER], &bytes));
            let _: Result<Vec<Message>, _> = decode(&sealed(&[], &bytes));
        }
    }

    #[test]
    fn the_largest_page_of_the_largest_commands_fits_a_datagram() {
        let payload: std::sync::Arc<[u8]> = vec![0; MAX_COMMAND].into();
        let client = ClientId { born: Instance(u64::MAX), number: u128::MAX };
        let id = RequestId { client, sequence: u64::MAX };
        let decree = Decree::Command(Command { id, acknowledged: u64::MAX, payload });
        let count = PAGE.div_ceil(decree.size());
        let last = Instance(u64::MAX);
        let ballot = Ballot { round: u32::MAX, leader: LeaderId(u16::MAX) };
        let vote = Vote { instance: last, ballot, decree: decree.clone() };
        let promise =
            Message::Promise { ballot, from: last, votes: vec![vote; count], next: Some(last) };
        assert!(encode_one(HEADERS, &promise).unwrap().len() <= MAX_DATAGRAM);
        let chosen = Message::Chosen { first: last, decrees: vec![decree; count], until: last };
        assert!(encode_one(HEADERS, &chosen).unwrap().len() <= MAX_DATAGRAM);
    }

    #[test]
    fn the_longest_reply_fits_a_datagram() {
        let client = ClientId { born: Instance(u64::MAX), number: u128::MAX };
        let id = RequestId { client, sequence: u64::MAX };
        let answer = Answer::Reply(vec![0; MAX_REPLY].into());
        let instance = Instance(u64::MAX);
        let done = Done { instance, position: u64::MAX, answer };
        let reply = Message::Reply { id, done };
        assert!(encode_one(HEADERS, &reply).unwrap().len() <= MAX_DATAGRAM);
    }

    #[test]
    fn a_page_of_the_smallest_decrees_fits_a_datagram() {
        let ballot = Ballot { round: u32::MAX, leader: LeaderId(u16::MAX) };
        let vote = Vote { instance: Instance(u64::MAX), ballot, decree: Decree::Noop };
        let count = PAGE.div_ceil(Decree::Noop.size());
        let (from, next) = (Instance(u64::MAX), None);
        let promise = Message::Promise { ballot, from, votes: vec![vote; count], next };
        assert!(encode_one(HEADERS, &promise).unwrap().len() <= MAX_DATAGRAM);
    }

    /// The longest message that can be sent can be read, and none is longer.
    #[test]
    fn a_message_fits_a_datagram_to_the_byte() {
        let request = |payload: usize| {
            let payload = vec![7; payload].into();
            Message::Request(Command { id: RequestId::default(), acknowledged: 0, payload })
        };
        let fixed = Encoded::new(&request(MAX_COMMAND)).unwrap().0.len() - MAX_COMMAND;
        for less in 0..300 {
            let message = request(BODY - fixed - less);
            let frame = encode_one(HEADERS, &message).unwrap();
            assert_eq!(frame.len(), MAX_DATAGRAM - less);
            assert_eq!(open(&frame).unwrap().message::<Message>().unwrap(), message);
        }
        for more in 1..300 {
            let error = encode_one(HEADERS, &request(BODY - fixed + more)).unwrap_err();
            assert!(matches!(error, WireError::Encode(EncodeError::TooLong(BODY))), "{error}");
            let read = decode::<Message>(&vec![0; MAX_DATAGRAM + more]);
            assert!(matches!(read, Err(WireError::TooLarge(_))));
        }
    }

    #[test]
    fn a_frame_of_several_is_no_frame_of_one() {
        let from = Instance(0);
        let prepare = Message::Prepare { ballot: Ballot::NONE, from };
        let frames = frames(&[prepare.clone(), prepare]);
        let one = open(&frames[0]).unwrap().message::<Message>();
        assert!(matches!(one, Err(WireError::Count(2))));
    }

    #[test]
    fn a_header_is_read_as_it_was_written_and_another_version_or_kind_is_named() {
        let prepare = Message::Prepare { ballot: Ballot::NONE, from: Instance(0) };
        let bytes = encode_one(HEADERS, &prepare).unwrap();
        let opened = open(&bytes).unwrap();
        assert_eq!((opened.kind, opened.header), (Kind::Protocol, HEADERS));
        let changed = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            open(&sealed(&bytes[4..], &[])).map(|opened| opened.kind)
        };
        assert!(matches!(changed(6, 1), Err(WireError::Version(1))));
        assert!(matches!(changed(4, b'z'), Err(WireError::Header)));
        assert!(matches!(changed(23, 9), Err(WireError::Header)), "no such role");
        assert!(matches!(changed(5, b'i'), Ok(Kind::Inquiry)));
        assert!(matches!(opened.messages::<Inquiry>(), Err(WireError::Kind(Kind::Protocol))));
        assert!(matches!(open(&bytes[..HEADER]), Err(WireError::Short(HEADER))));
    }
}
