//! The codec: plain data as bytes, for datagrams, journals and state machines.
//!
//! ```text
//! u8, bool         one byte
//! other number     if it is below 251, one byte; else 251, 252, 253 or 254, and then its
//!                  2, 4, 8 or 16 bytes, little-endian
//! option           0; or 1 and the value
//! bytes, string    the number of bytes, then they
//! sequence, map    the number of elements, then they
//! variant          its number in the order of declaration, then its fields
//! struct, tuple    its fields
//! ```
//!
//! These are the bytes of bincode 2 in its standard configuration; tests hold the codec to that. It
//! differs in what it believes:
//!
//! - A bound is a number of encoded bytes, for a writer and for a reader.
//! - A length is compared with the bytes that are left before anything is allocated for it. So each
//!   element of a sequence has at least one byte, which the writer sees to.
//! - Sequences grow as their elements are read. What a value takes in memory is at most some factor
//!   of its bytes, whatever they say.
//! - Bytes that are left over are an error.

mod decoder;
mod encoder;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use decoder::Decoder;
use encoder::Encoder;

/// Below this, a number is its own only byte.
const SMALL: u8 = 251;
/// What a number begins with that has so many bytes more.
const TWO: u8 = SMALL;
const FOUR: u8 = 252;
const EIGHT: u8 = 253;
const SIXTEEN: u8 = 254;

/// The most bytes of a sequence's length.
pub(crate) const LENGTH: usize = 9;

/// The reason why a value cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The value takes more bytes than the bound.
    #[error("it takes more than {0} bytes")]
    TooLong(usize),
    /// The format has no such values.
    #[error("there is no encoding for {0}")]
    Unsupported(&'static str),
    /// The value itself objects.
    #[error("{0}")]
    Value(String),
}

/// The reason why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There are more bytes than the bound.
    #[error("{bytes} bytes, and {most} are the most")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The value goes on where the bytes end.
    #[error("{needed} bytes should follow, and {left} are left")]
    End {
        /// How many bytes are needed for the next part of the value.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// Bytes, a string, a sequence or a map is said to be longer than what is left.
    #[error("a length of {claimed}, and {left} bytes are left")]
    Length {
        /// What is said.
        claimed: u64,
        /// How many bytes follow.
        left: usize,
    },
    /// Bytes follow the value.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A byte that stands for nothing in this place.
    #[error("{byte} does not begin {what}")]
    Tag {
        /// The byte.
        byte: u8,
        /// What should be there.
        what: &'static str,
    },
    /// A string is not UTF-8.
    #[error("a string that is not UTF-8")]
    Utf8,
    /// The format has no such values.
    #[error("there is no encoding for that kind of value")]
    Unsupported,
    /// There is no such value of the type.
    #[error("{0}")]
    Value(String),
}

/// Appends the encoding of a value, of at most `most` bytes. After an error `out` is as before.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let before = out.len();
    let written = value.serialize(&mut Encoder::new(out, most));
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// The encoding of a value, of at most `most` bytes.
pub(crate) fn to_vec<T: Serialize + ?Sized>(
    value: &T,
    most: usize,
) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode(value, most, &mut bytes).map(|()| bytes)
}

/// The value that these bytes are the encoding of: all of them, and no more than `most`.
pub(crate) fn decode<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    most: usize,
) -> Result<T, DecodeError> {
    if bytes.len() > most {
        return Err(DecodeError::TooLong { bytes: bytes.len(), most });
    }
    let mut rest = bytes;
    let value = take(&mut rest)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Trailing(rest.len())) }
}

/// Takes a value off the front of these bytes. After an error they are as before.
pub(crate) fn take<'de, T: Deserialize<'de>>(bytes: &mut &'de [u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder)?;
    *bytes = decoder.rest();
    Ok(value)
}

#[cfg(test)]
mod tests;
