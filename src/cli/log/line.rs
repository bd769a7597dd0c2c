//! One instance of a history, for people and as JSON.

use std::fmt;

use serde::Serialize;

use crate::cli::bytes::{JsonBytes, word};
use crate::cluster::request_name::RequestName;
use crate::machine::Machine;
use crate::machine::kv::KvCommand;
use crate::paxos::Decree;

/// One instance of a history.
#[derive(Debug, Serialize)]
pub(super) struct Line<'d> {
    instance: u64,
    /// True if the decree was applied there; false for a no-op, or a command that was applied
    /// before.
    applied: bool,
    /// The name of the request; none for a no-op.
    request: Option<String>,
    #[serde(flatten)]
    shown: Shown<'d>,
}

/// A decree, as the state machine decodes it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'d> {
    NoOp {
        operation: &'static str,
    },
    Kv(#[serde(serialize_with = "operands")] KvCommand<&'d [u8]>),
    Bytes {
        operation: &'static str,
        #[serde(serialize_with = "as_json")]
        bytes: &'d [u8],
    },
}

/// A command of the key-value store, as JSON.
#[derive(Serialize)]
struct Operands {
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<JsonBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<JsonBytes>,
    /// The expected value of a compare-and-set; the inner `None` expects the key to be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Option<JsonBytes>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<JsonBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Option<JsonBytes>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

fn as_json<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    JsonBytes::from(bytes).serialize(serializer)
}

fn operands<S: serde::Serializer>(
    command: &KvCommand<&[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut all = Operands {
        operation: operation(command),
        key: None,
        value: None,
        expected: None,
        prefix: None,
        after: None,
        limit: None,
    };
    match *command {
        KvCommand::Get { key } | KvCommand::Delete { key } => all.key = Some(key.into()),
        KvCommand::Put { key, value } => {
            (all.key, all.value) = (Some(key.into()), Some(value.into()));
        }
        KvCommand::CompareAndSet { key, expected, value } => {
            (all.key, all.value) = (Some(key.into()), Some(value.into()));
            all.expected = Some(expected.map(JsonBytes::from));
        }
        KvCommand::List { prefix, after, limit } => {
            (all.prefix, all.limit) = (Some(prefix.into()), Some(limit));
            all.after = Some(after.map(JsonBytes::from));
        }
    }
    all.serialize(serializer)
}

fn operation(command: &KvCommand<&[u8]>) -> &'static str {
    match command {
        KvCommand::Get { .. } => "get",
        KvCommand::Put { .. } => "put",
        KvCommand::Delete { .. } => "delete",
        KvCommand::CompareAndSet { .. } => "cas",
        KvCommand::List { .. } => "list",
    }
}

impl<'d> Line<'d> {
    /// A line of the history of a cluster that replicates this state machine.
    pub(super) fn new(
        machine: Machine,
        instance: u64,
        decree: &'d Decree,
        applied: bool,
    ) -> Line<'d> {
        let command = decree.command();
        let shown = match command.map(|command| &*command.payload) {
            None => Shown::NoOp { operation: "no-op" },
            Some(bytes) => match KvCommand::decode(bytes).filter(|_| machine == Machine::Kv) {
                Some(command) => Shown::Kv(command),
                None => Shown::Bytes { operation: "propose", bytes },
            },
        };
        let request = command.map(|command| RequestName(command.id).to_string());
        Line { instance, applied, request, shown }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { instance, applied, request, shown } = self;
        write!(f, "{instance:>10}  ")?;
        if let Some(request) = request {
            write!(f, "{request}  ")?;
        }
        match shown {
            Shown::NoOp { operation } => return f.write_str(operation),
            Shown::Bytes { operation, bytes } => write!(f, "{operation} {}", word(bytes))?,
            Shown::Kv(command) => words(command, f)?,
        }
        if *applied { Ok(()) } else { f.write_str("  (not applied here)") }
    }
}

/// Writes a command as it would be given to `synod`, with long values shortened.
fn words(command: &KvCommand<&[u8]>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(operation(command))?;
    match *command {
        KvCommand::Get { key } | KvCommand::Delete { key } => write!(f, " {}", word(key)),
        KvCommand::Put { key, value } => write!(f, " {} {}", word(key), word(value)),
        KvCommand::CompareAndSet { key, expected, value } => {
            write!(f, " {} {}", word(key), word(value))?;
            expected.map_or(Ok(()), |expected| write!(f, " --expect {}", word(expected)))
        }
        KvCommand::List { prefix, after, limit } => {
            write!(f, " {} --limit {limit}", word(prefix))?;
            let rest = |after: &[u8]| word(&[prefix, after].concat());
            after.map_or(Ok(()), |after| write!(f, " --after {}", rest(after)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::machine::kv::{Bytes, commands};
    use crate::paxos::{Command, RequestId};

    fn decree(payload: &[u8]) -> Decree {
        Decree::Command(Command {
            id: RequestId::default(),
            acknowledged: 0,
            payload: payload.into(),
        })
    }

    fn bytes(value: &Value) -> Bytes {
        if let Some(text) = value.as_str() {
            return text.as_bytes().to_vec();
        }
        let hex = value["hex"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    /// Decodes the command in a line of JSON.
    fn command(line: &Value) -> KvCommand {
        let of = |name: &str| bytes(&line[name]);
        let maybe = |name: &str| {
            let value = line.get(name).unwrap();
            (!value.is_null()).then(|| bytes(value))
        };
        match line["operation"].as_str().unwrap() {
            "get" => KvCommand::Get { key: of("key") },
            "put" => KvCommand::Put { key: of("key"), value: of("value") },
            "delete" => KvCommand::Delete { key: of("key") },
            "cas" => KvCommand::CompareAndSet {
                key: of("key"),
                expected: maybe("expected"),
                value: of("value"),
            },
            "list" => KvCommand::List {
                prefix: of("prefix"),
                after: maybe("after"),
                limit: line["limit"].as_u64().unwrap(),
            },
            other => unreachable!("{other}"),
        }
    }

    fn shown(machine: Machine, payload: &[u8]) -> (Value, String) {
        let decree = decree(payload);
        let line = Line::new(machine, 7, &decree, true);
        let json = serde_json::to_string(&line).unwrap();
        assert!(!json.contains('\n'));
        (serde_json::from_str(&json).unwrap(), line.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn json_is_the_command_that_was_put_in(
            made in prop_oneof![commands(any::<u8>()), commands(0x20u8..0x7f)],
        ) {
            let (line, words) = shown(Machine::Kv, &made.encode().unwrap());
            prop_assert_eq!(command(&line), made);
            prop_assert!(!words.chars().any(char::is_control));
        }

        #[test]
        fn json_is_the_bytes_that_were_put_in(
            payload in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let (line, words) = shown(Machine::Ledger, &payload);
            prop_assert_eq!(&line["operation"], "propose");
            prop_assert_eq!(bytes(&line["bytes"]), payload);
            prop_assert!(!words.chars().any(char::is_control));
        }
    }

    #[test]
    fn two_commands_do_not_look_the_same() {
        let put = |key: &str, value: &str| {
            let command = KvCommand::Put { key: key.into(), value: value.into() };
            shown(Machine::Kv, &command.encode().unwrap())
        };
        let ((one, in_words), (other, differently)) = (put("a b", "c d"), put("a", "b c d"));
        assert_ne!(one, other);
        assert!(in_words.ends_with("put \"a b\" \"c d\""), "{in_words}");
        assert!(differently.ends_with("put a \"b c d\""), "{differently}");
        assert!(put("ключ", "🦀").1.ends_with("put ключ 🦀"));
        assert!(put("k", &"x".repeat(32_000)).1.len() < 200);
    }
}
