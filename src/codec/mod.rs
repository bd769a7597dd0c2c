//! The codec: plain data as bytes, for datagrams, journals and state machines.
//!
//! The bytes are those of bincode 2 in its standard configuration. The difference is in what is
//! trusted, and how it is bounded:
//!
//! - A bound is a number of encoded bytes, the same for a writer and for a reader. (bincode's own
//!   limit counts the memory that a reader may need, so a reader may refuse what a writer wrote.)
//! - A length is compared with the bytes that are left before anything is allocated for it, and
//!   sequences grow as their elements are read. So the memory that a value takes is at most a
//!   constant factor of its encoded size.
//! - Bytes left over after the value are an error.
//!
//! Each element of a sequence must take at least one byte, which holds for all types used here.

mod careful;

use std::marker::PhantomData;

use bincode::config::standard;
use bincode::enc::write::Writer;
use bincode::error::EncodeError as Refusal;
use bincode::serde::{encode_into_writer, seed_decode_from_slice};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use careful::Careful;

/// The most bytes that the encoded length of a sequence takes.
pub(crate) const LENGTH: usize = 9;

/// The reason why a value cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The value takes more bytes than the bound.
    #[error("it takes more than {0} bytes")]
    TooLong(usize),
    /// The value itself objects, or is of a kind that has no encoding.
    #[error("{0}")]
    Value(String),
}

/// The reason why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There are more bytes than the bound.
    #[error("{bytes} bytes, and {most} are the most")]
    TooLong {
        /// The number of bytes given.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// Bytes follow the value.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// The bytes end within the value, or a length in them goes beyond what is left.
    #[error("a length or a value goes beyond the {0} bytes that there are")]
    End(usize),
    /// The bytes encode no value of this type.
    #[error("{0}")]
    Value(String),
}

/// A writer that appends to a vector, up to a bound.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    /// The most bytes that `out` may have.
    end: usize,
    /// True once something did not fit.
    full: bool,
}

impl Writer for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            self.full = true;
            return Err(Refusal::UnexpectedEnd);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Appends the encoding of a value, of at most `most` bytes. After an error `out` is unchanged.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let before = out.len();
    let mut bounded = Bounded { out, end: before.saturating_add(most), full: false };
    let written = encode_into_writer(value, &mut bounded, standard());
    written.map_err(|error| {
        let full = bounded.full;
        bounded.out.truncate(before);
        if full { EncodeError::TooLong(most) } else { EncodeError::Value(error.to_string()) }
    })
}

/// The encoding of a value, of at most `most` bytes.
pub(crate) fn to_vec<T: Serialize + ?Sized>(
    value: &T,
    most: usize,
) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode(value, most, &mut bytes).map(|()| bytes)
}

/// Decodes a value from all of these bytes, of which there may be at most `most`.
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

/// Decodes a value from the front of these bytes and advances past it. After an error they are
/// unchanged.
pub(crate) fn take<'de, T: Deserialize<'de>>(bytes: &mut &'de [u8]) -> Result<T, DecodeError> {
    let decoded = seed_decode_from_slice(Careful(PhantomData::<T>), bytes, standard());
    let (value, used) = decoded.map_err(|error| match error {
        bincode::error::DecodeError::UnexpectedEnd { .. } => DecodeError::End(bytes.len()),
        error => DecodeError::Value(error.to_string()),
    })?;
    *bytes = bytes.get(used..).unwrap_or_default();
    Ok(value)
}

#[cfg(test)]
mod tests;
