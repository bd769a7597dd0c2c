//! Tests of parts: laws and bounds.

use proptest::prelude::*;

use super::*;
use crate::paxos::{LeaderId, Message, RequestId};
use crate::runtime::party::Party;
use crate::runtime::wire::{Header, encode_one};

const HEADERS: Header = Header { to: Party::Leader(LeaderId(2)), age: 7, ..Header::NOBODYS };

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// A frame of this length, as nearly as there is one.
fn frame(length: usize) -> Vec<u8> {
    let payload = vec![0xa5; length.saturating_sub(HEADER + 64)];
    let command = crate::paxos::Command {
        id: RequestId::default(),
        acknowledged: 0,
        payload: payload.into(),
    };
    encode_one(HEADERS, &Message::Request(command)).unwrap()
}

fn add(assembly: &mut Assembly, from: u16, bytes: &[u8], now: Instant) -> Option<Vec<u8>> {
    assembly.add(at(from), &open(bytes).unwrap(), now).unwrap()
}

proptest! {
    #[test]
    fn a_frame_is_itself_again_in_any_order_and_among_others(
        lengths in prop::collection::vec(200_usize..40_000, 1..6),
        path in LEAST_PATH..3000,
        seed in any::<u64>(),
    ) {
        let mut assembly = Assembly::default();
        let frames: Vec<Vec<u8>> = lengths.into_iter().map(frame).collect();
        // Two senders may choose the same name.
        let mut parts: Vec<(u16, Vec<u8>)> = Vec::new();
        for (sender, frame) in (0..).zip(&frames) {
            let cut = cut(frame, path, u64::from(sender) / 2);
            let cut = if frame.len() <= path { vec![frame.clone()] } else { cut.unwrap() };
            prop_assert!(cut.iter().all(|part| part.len() <= path));
            parts.extend(cut.into_iter().map(|part| (sender, part)));
        }
        parts.sort_by_cached_key(|(_, part)| crc32fast::hash(&[&seed.to_le_bytes()[..], part].concat()));
        let now = Instant::now();
        let mut whole = vec![None; frames.len()];
        for (sender, part) in parts {
            let opened = open(&part).unwrap();
            prop_assert_eq!(opened.header, HEADERS);
            whole[usize::from(sender)] = match opened.kind {
                Kind::Part => {
                    let news = add(&mut assembly, sender, &part, now);
                    prop_assert!(news.is_none() || whole[usize::from(sender)].is_none());
                    news.or(whole[usize::from(sender)].take())
                }
                _ => Some(part),
            };
        }
        prop_assert_eq!(whole.into_iter().flatten().collect::<Vec<_>>(), frames);
        prop_assert_eq!((assembly.frames.len(), assembly.bytes, assembly.given_up()), (0, 0, 0));
    }
}

#[test]
fn the_largest_frame_fits_the_narrowest_path_and_no_part_is_larger_than_it() {
    let frame = frame(32 * 1024 + HEADER + 64);
    for path in [0, LEAST_PATH, 1400, frame.len() - 1] {
        let parts = cut(&frame, path, 1).unwrap();
        assert!(parts.iter().all(|part| part.len() <= path.max(LEAST_PATH)));
    }
}

/// A missing part leaves its frame incomplete, and a repeated part does no harm.
#[test]
fn a_part_that_is_missing_makes_no_frame_and_one_that_repeats_is_none_more() {
    let (mut assembly, now) = (Assembly::default(), Instant::now());
    let parts = cut(&frame(5000), 1400, 9).unwrap();
    for part in parts[1..].iter().chain(&parts[1..]) {
        assert_eq!(add(&mut assembly, 1, part, now), None);
        assert_eq!(add(&mut assembly, 2, part, now), None, "another sender's");
    }
    assert!(add(&mut assembly, 1, &parts[0], now).is_some());
    assert_eq!(assembly.frames.len(), 1);
}

#[test]
fn what_cannot_be_a_part_is_an_error_and_nothing_is_kept_of_it() {
    let (mut assembly, now) = (Assembly::default(), Instant::now());
    let part = |number, count, bytes: &[u8]| {
        let body = [&[0; HEADER + 8][..], &[number, count], bytes].concat();
        seal(Kind::Part, HEADERS, body).unwrap()
    };
    for bad in [part(0, 0, b"x"), part(0, 1, b"x"), part(2, 2, b"x"), part(0, 2, b"")] {
        assert!(matches!(assembly.add(at(1), &open(&bad).unwrap(), now), Err(WireError::Part)));
    }
    let short = seal(Kind::Part, HEADERS, vec![0; HEADER + 3]).unwrap();
    assert!(assembly.add(at(1), &open(&short).unwrap(), now).is_err());
    assert!(assembly.add(at(1), &open(&frame(100)).unwrap(), now).is_err(), "no part");
    assert_eq!(assembly.frames.len(), 0);
    // Parts that tell different numbers of parts, or together have more bytes than a datagram.
    add(&mut assembly, 1, &part(0, 2, b"x"), now);
    assert!(assembly.add(at(1), &open(&part(1, 3, b"x")).unwrap(), now).is_err());
    let large = vec![0; MAX_DATAGRAM - PREFIX];
    add(&mut assembly, 2, &part(0, 3, &large), now);
    assert!(assembly.add(at(2), &open(&part(1, 3, &large)).unwrap(), now).is_err());
    // A part cut into parts.
    let inner = cut(&frame(4000), 1400, 5).unwrap().remove(0);
    let [one, two] = <[_; 2]>::try_from(cut(&inner, 800, 6).unwrap()).unwrap();
    add(&mut assembly, 3, &one, now);
    assert!(assembly.add(at(3), &open(&two).unwrap(), now).is_err());
    // A repeated part of another length is not counted twice.
    add(&mut assembly, 2, &part(0, 3, b"short"), now);
    assert_eq!(assembly.bytes, large.len() + 1);
}

/// Count, bytes and age are bounded: at the bound no frame is given up, one above it the oldest is.
#[test]
fn whoever_sends_halves_without_end_takes_no_more_than_the_bounds() {
    let now = Instant::now();
    let half = |name: u64, bytes: usize| {
        let body = [&[0; HEADER][..], &name.to_le_bytes(), &[0, 2], &vec![1; bytes]].concat();
        seal(Kind::Part, HEADERS, body).unwrap()
    };
    let mut many = Assembly::default();
    for name in 0..MOST as u64 {
        add(&mut many, 1, &half(name, 1), now);
    }
    assert_eq!((many.frames.len(), many.given_up()), (MOST, 0));
    add(&mut many, 1, &half(MOST as u64, 1), now);
    assert_eq!((many.frames.len(), many.given_up()), (MOST, 1));

    let mut large = Assembly::default();
    let fit = MOST_BYTES / 60_000;
    for name in 0..2 * fit as u64 {
        add(&mut large, 1, &half(name, 60_000), now);
        assert!(large.bytes <= MOST_BYTES);
    }
    assert_eq!((large.frames.len(), large.given_up()), (fit, fit as u64));

    add(&mut large, 1, &half(1 << 40, 1), now + LONGEST);
    assert_eq!(large.frames.len(), fit + 1);
    add(&mut large, 1, &half(1 << 41, 1), now + LONGEST + Duration::from_millis(1));
    assert_eq!(large.frames.len(), 2);
}
