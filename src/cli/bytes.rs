//! Keys and values, which are arbitrary bytes: parsed from arguments, printed for people, and
//! written as JSON.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;

use serde::Serialize;

use super::output::grouped;
use crate::machine::kv::{Bytes, MAX_ENTRY};

/// The argument that stands for the standard input.
const STANDARD_INPUT: &str = "-";

/// The bytes of an argument.
pub(super) fn of(argument: OsString) -> Bytes {
    argument.into_vec()
}

/// The bytes of a value: those of the argument, or of the standard input if it is `-`.
pub(super) fn value(argument: OsString) -> Result<Bytes, String> {
    if argument == STANDARD_INPUT { read(io::stdin().lock()) } else { Ok(argument.into_vec()) }
}

/// Reads to the end; an error if there are more bytes than the longest value has.
fn read(from: impl Read) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let read = from.take(MAX_ENTRY as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot read the standard input: {error}"))?;
    if bytes.len() > MAX_ENTRY {
        return Err(format!(
            "the standard input has more than {} bytes, which are the most that a key and a value may \
             have together; nothing was sent",
            grouped(MAX_ENTRY)
        ));
    }
    Ok(bytes)
}

/// Bytes as JSON, without loss: UTF-8 is a string, and anything else is `{"hex": "00ff"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum JsonBytes {
    /// Bytes that are UTF-8.
    Text(String),
    /// Bytes that are not UTF-8.
    Hex {
        /// Two digits for each byte.
        hex: String,
    },
}

impl From<&[u8]> for JsonBytes {
    fn from(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => JsonBytes::Text(text.to_owned()),
            Err(_) => {
                JsonBytes::Hex { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
            }
        }
    }
}

/// The most characters of a key or a value within a line.
const IN_A_LINE: usize = 60;
/// The most characters of a value that is shown alone.
const ALONE: usize = 4000;

/// Bytes in quotes, on one line, shortened if they are long.
pub(super) fn quoted(bytes: &[u8]) -> String {
    escaped(bytes, IN_A_LINE)
}

/// Bytes without quotes if they cannot be misread, or else as [`quoted`] shows them.
pub(super) fn word(bytes: &[u8]) -> String {
    let plain = |text: &&str| {
        let simple = |c: char| is_printable(c) && !c.is_whitespace() && !"\"'\\".contains(c);
        !text.is_empty() && text.chars().count() <= IN_A_LINE && text.chars().all(simple)
    };
    let text = str::from_utf8(bytes).ok().filter(plain);
    text.map_or_else(|| quoted(bytes), str::to_owned)
}

/// A value for a terminal. Text is shown as it is, unless it has control characters or is too long.
pub(super) fn for_terminal(bytes: &[u8]) -> String {
    let harmless = |text: &&str| {
        let harmless = |c: char| is_printable(c) || c == '\n' || c == '\t';
        text.chars().count() <= ALONE && text.chars().all(harmless)
    };
    let text = str::from_utf8(bytes).ok().filter(harmless);
    text.map_or_else(|| escaped(bytes, ALONE), str::to_owned)
}

/// True for a visible character: not a control, formatting or zero-width one.
fn is_printable(c: char) -> bool {
    "\"'\\".contains(c) || c.escape_debug().len() == 1
}

/// Bytes in quotes, shortened to at most so many characters.
fn escaped(bytes: &[u8], most: usize) -> String {
    let (mut text, mut count) = (String::from('"'), 0);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().take(most.saturating_sub(count)) {
            count += 1;
            if c == '\'' { text.push(c) } else { text.extend(c.escape_debug()) }
        }
        for byte in chunk.invalid().iter().take(most.saturating_sub(count)) {
            count += 1;
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    let all: usize =
        bytes.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum();
    if all > count {
        text.push_str(&format!("... ({} bytes)", grouped(bytes.len())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_they_could_be_misread() {
        for (bytes, expected) in [
            (&b"blue"[..], "blue"),
            ("ключ🦀".as_bytes(), "ключ🦀"),
            (b"", "\"\""),
            (b"a b", "\"a b\""),
            (b"it's", "\"it's\""),
            (b"say \"x\"", "\"say \\\"x\\\"\""),
            (b"a\\n", "\"a\\\\n\""),
            (b"\x1b[31m", "\"\\u{1b}[31m\""),
            ("\u{202e}x".as_bytes(), "\"\\u{202e}x\""),
            ("\u{9b}31m".as_bytes(), "\"\\u{9b}31m\""),
            (b"line\n", "\"line\\n\""),
            (b"\xff\x00k", "\"\\xff\\0k\""),
        ] {
            assert_eq!(word(bytes), expected);
        }
        let long = word(&[b'x'; 32_000]);
        assert_eq!(long, format!("\"{}\"... (32,000 bytes)", "x".repeat(60)));
        assert_eq!(word(&[b'x'; 60]), "x".repeat(60));
    }

    #[test]
    fn a_terminal_gets_no_control_character() {
        assert_eq!(for_terminal(b"two\nlines of \"C:\\\""), "two\nlines of \"C:\\\"");
        for byte in (0..=255u8).filter(|byte| !b"\n\t".contains(byte)) {
            let shown = for_terminal(&[b'a', byte, b'\n']);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{byte}: {shown}");
        }
        assert!(for_terminal(&[b'x'; 5000]).ends_with("x\"... (5,000 bytes)"));
    }

    #[test]
    fn the_standard_input_is_bounded() {
        assert_eq!(read(&[7; MAX_ENTRY][..]).map(|bytes| bytes.len()), Ok(MAX_ENTRY));
        let error = read(io::repeat(7)).unwrap_err();
        assert!(error.contains("more than 32,704 bytes"), "{error}");
    }
}
