//! The names of requests in text, so that people and scripts can ask again.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::paxos::{ClientId, Instance, RequestId};

/// The name of a request in text: the start of its client's lease, the client's number (hexadecimal), and the
/// request's sequence, such as `120-4f3a9c…-0`. It is read as it is written, to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestName(pub RequestId);

/// The reason why a text is no name of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no name of a request: it is as it was printed, such as 120-4f3a9c0b7d21e8564f3a9c0b7d21e856-0"
)]
pub struct NoRequestName;

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestId { client: ClientId { lease_start, number }, sequence } = self.0;
        write!(f, "{lease_start}-{number:032x}-{sequence}")
    }
}

impl FromStr for RequestName {
    type Err = NoRequestName;

    fn from_str(text: &str) -> Result<Self, NoRequestName> {
        let read = || {
            let (lease_start, rest) = text.split_once('-')?;
            let (number, sequence) = rest.split_once('-')?;
            let lease_start = Instance(lease_start.parse().ok()?);
            let number = u128::from_str_radix(number, 16).ok()?;
            let client = ClientId { lease_start, number };
            Some(RequestName(RequestId { client, sequence: sequence.parse().ok()? }))
        };
        // A name that lacks a digit is another one.
        read().filter(|name| name.to_string() == text).ok_or(NoRequestName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is() {
        for (lease_start, number, sequence) in
            [(0, 0, 0), (120, 0x4f3a, 7), (u64::MAX, !0, u64::MAX)]
        {
            let client = ClientId { lease_start: Instance(lease_start), number };
            let name = RequestName(RequestId { client, sequence });
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let number = "00000000000000000000000000004f3a";
        assert!(format!("1-{number}-0").parse::<RequestName>().is_ok());
        let bad = [
            "", "1", "1-4f3a-0", "C5#0", "+1-{}-0", "1-{}-", "1-{}0-0", "1-{}-0-0", "01-{}-0",
            " 1-{}-0",
        ];
        for text in bad.map(|bad| bad.replace("{}", number)) {
            assert_eq!(text.parse::<RequestName>(), Err(NoRequestName), "{text}");
        }
    }
}
