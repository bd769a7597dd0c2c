//! Tests of frames, from the smallest to the largest.

use super::*;
use crate::paxos::limits::{MAX_COMMAND, MAX_REPLY, PAGE};
use crate::paxos::{
    AcceptorId, Answer, Ballot, ClientId, Command, Decree, Done, Instance, LeaderId, Refusal,
    RequestId, Vote,
};
use crate::runtime::inquiry::StatusRequest;
use crate::tests::common::{KINDS, kind_of};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

fn ballots() -> impl Strategy<Value = Ballot> + Clone {
    (any::<u32>(), any::<u16>())
        .prop_map(|(round, leader)| Ballot { round, leader: LeaderId(leader) })
}

fn commands() -> impl Strategy<Value = Command> + Clone {
    let clients = (any::<u64>(), any::<u128>())
        .prop_map(|(born, number)| ClientId { lease_start: Instance(born), number });
    (clients, any::<u64>(), any::<u64>(), bytes(MAX_COMMAND)).prop_map(
        |(client, sequence, acknowledged, payload)| Command {
            id: RequestId { client, sequence },
            acknowledged,
            payload: payload.into(),
        },
    )
}

/// Payloads from none to `most` bytes; few of them are long.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> + Clone {
    prop_oneof![
        12 => proptest::collection::vec(any::<u8>(), 0..64),
        1 => proptest::sample::select(vec![0, 250, 251, most - 1, most]).prop_map(|n| vec![7; n]),
        1 => (0..=most).prop_map(|length| vec![0; length]),
    ]
}

/// The items of a page, which is closed by the item that fills it. Few pages are full.
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
        Just(Answer::Panicked),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let some_votes = page(votes(), |vote| vote.decree.size());
    let some_decrees = page(decrees(), Decree::size);
    let next = proptest::option::of(instances());
    prop_oneof![
        commands().prop_map(Message::Request),
        votes().prop_map(Message::Accepted),
        (ballots(), instances(), any::<u32>()).prop_map(|(ballot, from, pages)| Message::Prepare {
            ballot,
            from,
            pages
        }),
        (ballots(), instances(), some_votes, next.clone(), next).prop_map(
            |(ballot, from, votes, next, end)| Message::Promise { ballot, from, votes, next, end }
        ),
        votes().prop_map(|Vote { ballot, instance, decree }| {
            Message::Accept { ballot, instance, decree }
        }),
        (ballots(), ballots()).prop_map(|(ballot, promised)| Message::Nack { ballot, promised }),
        ballots().prop_map(|ballot| Message::Candidacy { ballot }),
        (ballots(), instances()).prop_map(|(ballot, chosen)| Message::Heartbeat { ballot, chosen }),
        (instances(), instances()).prop_map(|(from, until)| Message::CatchUp { from, until }),
        (instances(), some_decrees, instances())
            .prop_map(|(first, decrees, until)| { Message::Chosen { first, decrees, until } }),
        commands().prop_map(|c| Message::Redirect { id: c.id, primary: Some(LeaderId(1)) }),
        commands().prop_map(|c| Message::Refused { id: c.id, reason: Refusal::Overloaded }),
        any::<u128>().prop_map(|number| Message::Open { number }),
        commands().prop_map(|c| Message::Opened(c.id.client)),
        any::<u128>().prop_map(|number| Message::NotOpened { number, primary: Some(LeaderId(1)) }),
        (commands(), instances(), any::<u64>(), answers()).prop_map(
            |(c, instance, position, answer)| {
                Message::Reply { id: c.id, done: Done { instance, position, answer } }
            }
        ),
    ]
}

/// A message that is added is generated too, or this fails.
#[test]
fn every_message_is_tried() {
    let (mut runner, messages) = (TestRunner::deterministic(), messages());
    let tried = (0..1000).map(|_| kind_of(&messages.new_tree(&mut runner).unwrap().current()));
    assert_eq!(tried.collect::<std::collections::BTreeSet<_>>().len(), KINDS);
}

const HEADERS: Header = Header {
    cluster: ClusterDigest(*b"identity of test"),
    from: Party::Leader(LeaderId(2)),
    to: Party::Acceptor(AcceptorId(1)),
    life: 1 << 31,
    age: 1 << 40,
    sync: 300,
};

fn decode<T: Framed>(bytes: &[u8]) -> Result<Vec<T>, WireError> {
    open(bytes)?.messages()
}

/// A header and some bytes, with a correct checksum.
fn sealed(header: &[u8], body: &[u8]) -> Vec<u8> {
    let checked = [header, body].concat();
    [&crc(&checked).to_le_bytes(), &checked[..]].concat()
}

fn frames(messages: &[Message]) -> Vec<Vec<u8>> {
    let mut frame = Frame::new(HEADERS, BUNDLE);
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

    /// The bytes are the same as those of members of the version before.
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
    let client = ClientId { lease_start: Instance(u64::MAX), number: u128::MAX };
    let id = RequestId { client, sequence: u64::MAX };
    let decree = Decree::Command(Command { id, acknowledged: u64::MAX, payload });
    let count = PAGE.div_ceil(decree.size());
    let last = Instance(u64::MAX);
    let ballot = Ballot { round: u32::MAX, leader: LeaderId(u16::MAX) };
    let vote = Vote { instance: last, ballot, decree: decree.clone() };
    let promise = Message::Promise {
        ballot,
        from: last,
        votes: vec![vote; count],
        next: Some(last),
        end: None,
    };
    assert!(encode_one(HEADERS, &promise).unwrap().len() <= MAX_DATAGRAM);
    let chosen = Message::Chosen { first: last, decrees: vec![decree; count], until: last };
    assert!(encode_one(HEADERS, &chosen).unwrap().len() <= MAX_DATAGRAM);
}

#[test]
fn the_longest_reply_fits_a_datagram() {
    let client = ClientId { lease_start: Instance(u64::MAX), number: u128::MAX };
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
    let promise = Message::Promise { ballot, from, votes: vec![vote; count], next, end: None };
    assert!(encode_one(HEADERS, &promise).unwrap().len() <= MAX_DATAGRAM);
}

/// The longest message that can be sent can be read, and a longer one is refused.
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
    let prepare = Message::Prepare { ballot: Ballot::NONE, from, pages: 1 };
    let frames = frames(&[prepare.clone(), prepare]);
    let one = open(&frames[0]).unwrap().message::<Message>();
    assert!(matches!(one, Err(WireError::Count(2))));
}

#[test]
fn a_header_is_read_as_it_was_written_and_another_version_or_kind_is_named() {
    let prepare = Message::Prepare { ballot: Ballot::NONE, from: Instance(0), pages: 1 };
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
    assert!(matches!(changed(5, b'i'), Ok(Kind::StatusRequest)));
    assert!(matches!(opened.messages::<StatusRequest>(), Err(WireError::Kind(Kind::Protocol))));
    assert!(matches!(open(&bytes[..HEADER]), Err(WireError::Short(HEADER))));
}
