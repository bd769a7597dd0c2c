//! The codec compared with plain bincode, and at its bounds.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;

/// One of each kind of value that the format has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Small(u8, bool, u16),
    Numbers { two: u16, four: u32, eight: u64, sixteen: u128 },
    Text(String),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    Maybe(Option<Box<Kind>>),
    Many(Vec<Kind>),
    Map(BTreeMap<String, u64>),
    Fixed([u8; 3], (), Wrapped),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(u32);

/// Numbers of all sizes, and those at which the encoding changes.
fn numbers() -> impl Strategy<Value = u128> {
    let edges = prop_oneof![
        Just(250u128),
        Just(251),
        Just(255),
        Just(1 << 16),
        Just(1 << 32),
        Just(1 << 64),
        Just(u128::MAX),
    ];
    prop_oneof![
        0u128..=251,
        any::<u128>(),
        any::<u64>().prop_map(u128::from),
        any::<u32>().prop_map(u128::from),
        (edges, any::<bool>()).prop_map(|(edge, below)| edge - u128::from(below)),
    ]
}

fn kinds() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        (any::<u8>(), any::<bool>(), numbers()).prop_map(|(a, b, n)| Kind::Small(a, b, n as u16)),
        numbers().prop_map(|n| Kind::Numbers {
            two: n as u16,
            four: n as u32,
            eight: n as u64,
            sixteen: n
        }),
        ".{0,300}".prop_map(Kind::Text),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(Kind::Bytes),
        proptest::collection::btree_map(".{0,3}", any::<u64>(), 0..6).prop_map(Kind::Map),
        (any::<[u8; 3]>(), any::<u32>()).prop_map(|(a, n)| Kind::Fixed(a, (), Wrapped(n))),
    ];
    leaf.prop_recursive(3, 400, 300, |inner| {
        let boxed = proptest::option::of(inner.clone().prop_map(Box::new));
        let many = proptest::collection::vec(inner, 0..300);
        prop_oneof![boxed.prop_map(Kind::Maybe), many.prop_map(Kind::Many)]
    })
}

fn by_bincode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap()
}

/// Decodes a value with plain bincode; none on an error or if bytes are left over.
fn from_bincode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let decoded = bincode::serde::borrow_decode_from_slice(bytes, bincode::config::standard());
    decoded.ok().filter(|(_, used)| *used == bytes.len()).map(|(value, _)| value)
}

/// Asserts equal bytes with bincode, a round trip, and that the size is accepted as a bound and one
/// less is not.
fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = by_bincode(value);
    let size = bytes.len();
    assert_eq!(to_vec(value, size).as_ref(), Ok(&bytes));
    assert_eq!(decode::<T>(&bytes, size).as_ref(), Ok(value));
    let mut out = vec![7];
    let (below, above) = (size.saturating_sub(1), [&bytes[..], &[0]].concat());
    if below < size {
        assert_eq!(encode(value, below, &mut out), Err(EncodeError::TooLong(below)));
        assert_eq!(out, [7], "what was begun is taken back");
        let read = decode::<T>(&bytes, below);
        assert_eq!(read, Err(DecodeError::TooLong { bytes: size, most: below }));
    }
    assert_eq!(decode::<T>(&above, size + 1), Err(DecodeError::Trailing(1)));
    let mut rest = &*above;
    assert_eq!(take::<T>(&mut rest).as_ref(), Ok(value));
    assert_eq!(rest, [0]);
    for cut in [0, size / 2, below] {
        assert!(cut == size || decode::<T>(&bytes[..cut], size).is_err(), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_bytes_are_those_of_bincode_and_come_back(kind in kinds()) {
        holds(&kind);
    }

    /// Decodes the same as bincode from bytes changed at random, and from noise.
    #[test]
    fn what_is_decoded_is_what_bincode_decodes(
        numbers in proptest::collection::vec(numbers(), 0..9),
        text in proptest::option::of(".{0,9}"),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        type Values = (Vec<(u128, u64, u32, u16)>, Option<String>, Vec<bool>);
        let row = |n: u128| (n, n as u64, n as u32, n as u16);
        let values: Values = (numbers.into_iter().map(row).collect(), text, vec![true; 3]);
        let mut bytes = by_bincode(&values);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for bytes in [bytes, noise] {
            let ours = decode::<Values>(&bytes, bytes.len()).ok();
            prop_assert_eq!(ours, from_bincode::<Values>(&bytes));
        }
    }
}

/// A length that is not true is refused before anything is allocated for it.
#[test]
fn a_length_is_compared_with_what_is_left() {
    let claims = [0, 1, 249, 250, 251, 1 << 16, 1 << 32, 1 << 63, u64::MAX];
    for left in [0, 1, 250, 251, 70_000] {
        let near = [left as u64, (left as u64).saturating_sub(1), left as u64 + 1];
        for claimed in claims.into_iter().chain(near) {
            let bytes = [by_bincode(&claimed), vec![0; left]].concat();
            let told = decode::<Vec<u8>>(&bytes, usize::MAX);
            match claimed.cmp(&(left as u64)) {
                std::cmp::Ordering::Equal => assert_eq!(told, Ok(vec![0; left])),
                std::cmp::Ordering::Less => {
                    assert_eq!(told, Err(DecodeError::Trailing(left - claimed as usize)));
                }
                std::cmp::Ordering::Greater => {
                    assert_eq!(told, Err(DecodeError::End(bytes.len())));
                    let text = decode::<String>(&bytes, usize::MAX);
                    assert_eq!(text, Err(DecodeError::End(bytes.len())));
                    let map = decode::<BTreeMap<u8, u8>>(&bytes, usize::MAX);
                    assert_eq!(map, Err(DecodeError::End(bytes.len())));
                    let owned = decode::<serde_bytes::ByteBuf>(&bytes, usize::MAX);
                    assert_eq!(owned, Err(DecodeError::End(bytes.len())));
                }
            }
        }
    }
}

#[test]
fn an_error_says_what_was_met() {
    let said = |bytes: &[u8]| decode::<Kind>(bytes, 100).unwrap_err().to_string();
    assert_eq!(said(&[0; 101]), "101 bytes, and 100 are the most");
    assert_eq!(said(&[0, 0]), "1 bytes too many");
    let beyond =
        |there| format!("a length or a value goes beyond the {there} bytes that there are");
    assert_eq!(said(&[]), beyond(0));
    assert_eq!(said(&[4, 253, 255, 255, 255, 255, 255, 255, 255, 255]), beyond(10));
    for bytes in [&[1, 0, 2, 0][..], &[255], &[3, 1, 255], &[9]] {
        assert!(matches!(decode::<Kind>(bytes, 100), Err(DecodeError::Value(_))), "{bytes:?}");
    }
}
