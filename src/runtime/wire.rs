//! Frames: how messages travel in datagrams.
//!
//! ```text
//! 0..4  CRC-32 of all that follows, little-endian
//! 4..6  what is in it: "sy" for messages of the protocol, "si" for inquiries, "sr" for reports,
//!       "sg" for greetings
//! 6     version of the format
//! 7..   one or more of them, bincode, back to back
//! ```
//!
//! Whatever is not such a frame, to the last bit, is an error and never a panic.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::paxos::Message;
use crate::paxos::limits::MAX_DATAGRAM;

/// What travels in frames of a kind.
pub trait Framed: Serialize + DeserializeOwned {
    /// What its frames say that they hold.
    const NAME: [u8; 2];
}

impl Framed for Message {
    const NAME: [u8; 2] = *b"sy";
}

const VERSION: u8 = 1;
const HEADER: usize = 7;

/// Messages to one destination share a frame until it has this many bytes: large enough to spread
/// the cost of a datagram, small enough for a burst of them to fit a kernel's receive buffer.
const BUNDLE: usize = 8 * 1024;

/// Why bytes are not a frame, or a message cannot be put into one.
#[derive(Debug, Error)]
pub enum WireError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a frame")]
    Short(usize),
    /// Not a frame at all, or one of another version.
    #[error("not a frame of version {VERSION}")]
    Foreign,
    /// Something was changed on the way.
    #[error("the checksum is wrong")]
    Checksum,
    /// A well-formed frame that contains no messages of ours.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    /// A frame of several messages where one is expected.
    #[error("{0} messages in a frame that should hold one")]
    Count(usize),
    /// The message could not be encoded.
    #[error("the message cannot be encoded: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// Stateright's runtime was asked to keep something, which it cannot do safely.
    #[error("nothing may be saved here: memory only")]
    NoStorage,
    /// The message is larger than any datagram.
    #[error("a message of {0} bytes does not fit a datagram")]
    TooLarge(usize),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_DATAGRAM>()
}

/// Most messages have fewer bytes.
const USUAL: usize = 256;

/// A message's bytes, which go into as many frames as there are destinations.
#[derive(Debug)]
pub struct Encoded<T>(Vec<u8>, PhantomData<T>);

impl<T: Framed> Encoded<T> {
    /// Encodes a message, if it fits a datagram.
    pub fn new(message: &T) -> Result<Self, WireError> {
        let mut bytes = Vec::with_capacity(USUAL);
        bincode::serde::encode_into_std_write(message, &mut bytes, config())?;
        match HEADER + bytes.len() {
            0..=MAX_DATAGRAM => Ok(Encoded(bytes, PhantomData)),
            size => Err(WireError::TooLarge(size)),
        }
    }
}

/// A frame being filled with messages to one destination.
#[derive(Debug)]
pub struct Frame<T = Message>(Vec<u8>, PhantomData<T>);

impl<T> Default for Frame<T> {
    fn default() -> Self {
        Frame(Vec::new(), PhantomData)
    }
}

impl<T: Framed> Frame<T> {
    /// Adds a message. Gives back the bytes of a finished datagram if the message did not fit.
    pub fn push(&mut self, message: &T) -> Result<Option<Vec<u8>>, WireError> {
        Ok(self.push_encoded(&Encoded::new(message)?))
    }

    /// The same, with a message that is encoded already.
    pub fn push_encoded(&mut self, message: &Encoded<T>) -> Option<Vec<u8>> {
        let Encoded(bytes, _) = message;
        let has_room = self.0.len() <= HEADER || self.0.len() + bytes.len() <= BUNDLE;
        let full = if has_room { None } else { std::mem::take(self).finish() };
        if self.0.is_empty() {
            self.0.resize(HEADER, 0);
        }
        self.0.extend_from_slice(bytes);
        full
    }

    /// The bytes of the datagram; none if there is no message in it.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let (header, body) = self.0.split_at_mut_checked(HEADER)?;
        if body.is_empty() {
            return None;
        }
        let (checksum, name) = header.split_at_mut_checked(4)?;
        name.copy_from_slice(&name_of::<T>());
        checksum.copy_from_slice(&crc([&*name, &*body]).to_le_bytes());
        Some(self.0)
    }
}

fn name_of<T: Framed>() -> [u8; HEADER - 4] {
    let [one, two] = T::NAME;
    [one, two, VERSION]
}

fn crc<const N: usize>(parts: [&[u8]; N]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// The messages of a datagram: at least one.
pub fn decode<T: Framed>(bytes: &[u8]) -> Result<Vec<T>, WireError> {
    let short = || WireError::Short(bytes.len());
    let (checksum, checked) = bytes.split_at_checked(4).ok_or_else(short)?;
    let (name, mut body) = checked.split_at_checked(HEADER - 4).ok_or_else(short)?;
    if name != name_of::<T>() {
        return Err(WireError::Foreign);
    }
    if checksum != crc([checked]).to_le_bytes() {
        return Err(WireError::Checksum);
    }
    if body.is_empty() {
        return Err(short());
    }
    let mut messages = Vec::new();
    while !body.is_empty() {
        let (message, used) = bincode::serde::decode_from_slice(body, config())?;
        messages.push(message);
        body = body.get(used..).unwrap_or_default();
    }
    Ok(messages)
}

/// A frame of one message, as Stateright's runtime wants it.
pub fn encode_one<T: Framed>(message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = Frame::default();
    frame.push(message)?;
    frame.finish().ok_or(WireError::Short(0))
}

/// The message of a frame of one, as Stateright's runtime wants it.
pub fn decode_one<T: Framed>(bytes: &[u8]) -> Result<T, WireError> {
    let mut messages = decode(bytes)?;
    match (messages.pop(), messages.len()) {
        (Some(message), 0) => Ok(message),
        (_, more) => Err(WireError::Count(more + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::limits::{MAX_COMMAND, MAX_REPLY, PAGE};
    use crate::paxos::{
        Answer, Ballot, ClientId, Command, Decree, Done, Instance, LeaderId, Refusal, RequestId,
        Vote,
    };
    use proptest::prelude::*;

    fn ballots() -> impl Strategy<Value = Ballot> {
        (any::<u32>(), any::<u16>())
            .prop_map(|(round, leader)| Ballot { round, leader: LeaderId(leader) })
    }

    fn commands() -> impl Strategy<Value = Command> {
        let clients = (any::<u64>(), any::<u64>())
            .prop_map(|(born, number)| ClientId { born: Instance(born), number });
        (clients, any::<u64>(), any::<u64>(), proptest::collection::vec(any::<u8>(), 0..64))
            .prop_map(|(client, sequence, acknowledged, payload)| Command {
                id: RequestId { client, sequence },
                acknowledged,
                payload: payload.into(),
            })
    }

    fn decrees() -> impl Strategy<Value = Decree> {
        prop_oneof![Just(Decree::Noop), commands().prop_map(Decree::Command)]
    }

    fn instances() -> impl Strategy<Value = Instance> {
        any::<u64>().prop_map(Instance)
    }

    fn votes() -> impl Strategy<Value = Vote> {
        (instances(), ballots(), decrees()).prop_map(|(instance, ballot, decree)| Vote {
            instance,
            ballot,
            decree,
        })
    }

    fn answers() -> impl Strategy<Value = Answer> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..64);
        prop_oneof![
            bytes.prop_map(|bytes| Answer::Reply(bytes.into())),
            any::<u64>().prop_map(Answer::TooLong),
            any::<u64>().prop_map(Answer::NotKept),
        ]
    }

    fn messages() -> impl Strategy<Value = Message> {
        let some_votes = proptest::collection::vec(votes(), 0..4);
        let some_decrees = proptest::collection::vec(decrees(), 0..4);
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

    fn frames(messages: &[Message]) -> Vec<Vec<u8>> {
        let mut frame = Frame::default();
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

        #[test]
        fn a_flipped_bit_is_noticed(message in messages(), bit in any::<prop::sample::Index>()) {
            let mut bytes = encode_one(&message).unwrap();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode::<Message>(&bytes).is_err());
        }

        #[test]
        fn a_truncated_frame_is_noticed(message in messages(), at in any::<prop::sample::Index>()) {
            let bytes = encode_one(&message).unwrap();
            prop_assert!(decode::<Message>(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode::<Message>(&bytes).is_err());
            let mut sealed = vec![0; 4];
            sealed.extend([&name_of::<Message>()[..], &bytes].concat());
            let checksum = crc([&sealed[4..]]).to_le_bytes();
            sealed[..4].copy_from_slice(&checksum);
            let _: Result<Vec<Message>, _> = decode(&sealed);
        }
    }

    #[test]
    fn the_largest_page_of_the_largest_commands_fits_a_datagram() {
        let payload: std::sync::Arc<[u8]> = vec![0; MAX_COMMAND].into();
        let client = ClientId { born: Instance(u64::MAX), number: u64::MAX };
        let id = RequestId { client, sequence: u64::MAX };
        let decree = Decree::Command(Command { id, acknowledged: u64::MAX, payload });
        let count = PAGE.div_ceil(decree.size());
        let last = Instance(u64::MAX);
        let ballot = Ballot { round: u32::MAX, leader: LeaderId(u16::MAX) };
        let vote = Vote { instance: last, ballot, decree: decree.clone() };
        let promise =
            Message::Promise { ballot, from: last, votes: vec![vote; count], next: Some(last) };
        assert!(encode_one(&promise).unwrap().len() <= MAX_DATAGRAM);
        let chosen = Message::Chosen { first: last, decrees: vec![decree; count], until: last };
        assert!(encode_one(&chosen).unwrap().len() <= MAX_DATAGRAM);
    }

    #[test]
    fn the_longest_reply_fits_a_datagram() {
        let client = ClientId { born: Instance(u64::MAX), number: u64::MAX };
        let id = RequestId { client, sequence: u64::MAX };
        let answer = Answer::Reply(vec![0; MAX_REPLY].into());
        let instance = Instance(u64::MAX);
        let done = Done { instance, position: u64::MAX, answer };
        let reply = Message::Reply { id, done };
        assert!(encode_one(&reply).unwrap().len() <= MAX_DATAGRAM);
    }

    #[test]
    fn a_page_of_the_smallest_decrees_fits_a_datagram() {
        let ballot = Ballot { round: u32::MAX, leader: LeaderId(u16::MAX) };
        let vote = Vote { instance: Instance(u64::MAX), ballot, decree: Decree::Noop };
        let count = PAGE.div_ceil(Decree::Noop.size());
        let (from, next) = (Instance(u64::MAX), None);
        let promise = Message::Promise { ballot, from, votes: vec![vote; count], next };
        assert!(encode_one(&promise).unwrap().len() <= MAX_DATAGRAM);
    }

    #[test]
    fn a_frame_of_several_is_no_frame_of_one() {
        let from = Instance(0);
        let prepare = Message::Prepare { ballot: Ballot::NONE, from };
        let frames = frames(&[prepare.clone(), prepare]);
        assert!(matches!(decode_one::<Message>(&frames[0]), Err(WireError::Count(2))));
    }
}
