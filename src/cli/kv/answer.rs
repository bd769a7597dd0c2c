//! The answers of state machines, in words and as JSON.

use serde::Serialize;

use crate::cli::Verdict;
use crate::cli::bytes::{JsonBytes, quoted};
use crate::cluster::request_name::RequestName;
use crate::machine::Machine;
use crate::machine::kv::{Bytes, KvCommand, KvReply};
use crate::paxos::{Answer, Instance};

/// An answer in the form in which it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) words: String,
    /// The value that was asked for. If there is one, nothing else is printed.
    pub(super) value: Option<Bytes>,
    named: Named,
}

/// The values in an answer, each under the name that says what it is. The inner `None` is an absent
/// key.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Named {
    /// The current value: the answer to a get.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<JsonBytes>>,
    /// The value before it was replaced or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Option<JsonBytes>>,
    /// The current value, where another one was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Option<JsonBytes>>,
    /// The reply of a state machine to arbitrary bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<JsonBytes>,
}

impl Told {
    pub(super) fn new(verdict: Verdict, words: impl Into<String>) -> Self {
        Told { verdict, words: words.into(), value: None, named: Named::default() }
    }
}

/// An answer as one line of JSON.
#[derive(Serialize)]
pub(super) struct Json<'t> {
    /// "done", "not done" or "unknown".
    outcome: &'static str,
    /// True if the command had the effect asked for: a compare-and-set may find another value.
    applied: bool,
    #[serde(flatten)]
    named: &'t Named,
    /// The name of the request, by which it can be asked again; none of reads, and if it was never sent.
    request: Option<String>,
    instance: Option<u64>,
    position: Option<u64>,
    /// The reason why it was not done, or why the outcome is unknown.
    reason: Option<&'t str>,
}

impl<'t> Json<'t> {
    /// The JSON of an answer; `at` is the instance and the position at which the command was
    /// applied, if it was, and `name` that of the request.
    pub(super) fn new(
        at: Option<(Instance, u64)>,
        name: Option<RequestName>,
        told: &'t Told,
    ) -> Self {
        Json {
            outcome: match (at, told.verdict) {
                (Some(_), _) => "done",
                (None, Verdict::Unknown) => "unknown",
                (None, _) => "not done",
            },
            applied: told.verdict == Verdict::Holds,
            named: &told.named,
            request: name.map(|name| name.to_string()),
            instance: at.map(|(instance, _)| instance.0),
            position: at.map(|(_, position)| position),
            reason: (told.verdict != Verdict::Holds).then_some(&*told.words),
        }
    }
}

fn as_json(value: Option<&Bytes>) -> Option<JsonBytes> {
    value.map(|value| JsonBytes::from(&**value))
}

/// The answer of any state machine, in a cluster that replicates this one.
pub(super) fn of_any(machine: Machine, answer: &Answer) -> Told {
    let bytes = match answer {
        Answer::Reply(bytes) => bytes,
        Answer::Panicked => return panicked(),
        Answer::TooLong(_) | Answer::NotKept(_) => {
            let words = format!("done; the state machine's reply: {answer}");
            return Told::new(Verdict::Holds, words);
        }
    };
    let reply = Some(JsonBytes::from(&**bytes));
    let is_no_command =
        machine == Machine::Kv && KvReply::decode(bytes) == Some(KvReply::NoCommand);
    let told = match is_no_command {
        true => no_command(),
        false => {
            let words = format!("done; the state machine said {}", quoted(bytes));
            Told::new(Verdict::Holds, words)
        }
    };
    Told { named: Named { reply, ..Named::default() }, ..told }
}

fn no_command() -> Told {
    let words = "the key-value store says that this is no command of its own; it is in the history, and \
                 has changed nothing";
    Told::new(Verdict::Fails, words)
}

fn panicked() -> Told {
    let words = "the state machine panicked at this command, which has no effect";
    Told::new(Verdict::Fails, words)
}

/// The key-value store's answer to a command.
pub(super) fn of_command(command: &KvCommand, answer: &Answer) -> Told {
    let reply = match answer {
        Answer::Reply(bytes) => KvReply::decode(bytes),
        Answer::NotKept(_) => return without_reply(command),
        Answer::TooLong(_) => None,
        Answer::Panicked => return panicked(),
    };
    match reply {
        Some(KvReply::Value(value)) => {
            let named = Named { value: Some(as_json(value.as_ref())), ..Named::default() };
            let told = match &value {
                None => Told::new(Verdict::Fails, "there is no such key"),
                Some(value) => Told::new(Verdict::Holds, quoted(value)),
            };
            Told { named, value, ..told }
        }
        Some(KvReply::Replaced(before)) => {
            let named = Named { previous: Some(as_json(before.as_ref())), ..Named::default() };
            let words = replaced(command, before.as_deref());
            Told { named, ..Told::new(Verdict::Holds, words) }
        }
        Some(KvReply::Differs(now)) => {
            let named = Named { current: Some(as_json(now.as_ref())), ..Named::default() };
            let words = match &now {
                Some(now) => format!("nothing was changed: there is {}", quoted(now)),
                None => "nothing was changed: there is no such key".to_owned(),
            };
            Told { named, ..Told::new(Verdict::Fails, words) }
        }
        Some(KvReply::NoCommand | KvReply::Keys { .. }) | None => {
            let words = format!("this is no key-value store: it said {answer}");
            Told::new(Verdict::Fails, words)
        }
    }
}

fn replaced(command: &KvCommand, before: Option<&[u8]>) -> String {
    match (command, before) {
        (KvCommand::Delete { .. }, Some(before)) => {
            format!("done; it was {}", quoted(before))
        }
        (KvCommand::Delete { .. }, None) => "nothing to delete: there was no such key".to_owned(),
        (_, Some(before)) => format!("done; before, there was {}", quoted(before)),
        (_, None) => "done; before, there was no such key".to_owned(),
    }
}

/// The answer to a command that was applied and whose reply was lost. By the time the client asked
/// again, the cluster had dropped the reply.
fn without_reply(command: &KvCommand) -> Told {
    let (verdict, words) = match command {
        KvCommand::Put { .. } | KvCommand::Delete { .. } => {
            (Verdict::Holds, "done; the cluster does not keep any more what was there before")
        }
        KvCommand::Get { .. } | KvCommand::List { .. } => {
            (Verdict::Unknown, "the cluster does not keep the reply any more; get it again")
        }
        KvCommand::CompareAndSet { .. } => (
            Verdict::Unknown,
            "the cluster does not keep any more whether something was changed; get what is there now",
        ),
    };
    Told::new(verdict, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Bytes {
        b"k".to_vec()
    }

    /// A write is reported as done; a read or a compare-and-set as unknown, with advice.
    #[test]
    fn a_reply_that_is_not_kept_is_said_to_be_so() {
        let value = || b"v".to_vec();
        let compare = KvCommand::CompareAndSet { key: key(), expected: None, value: value() };
        let list = KvCommand::List { prefix: key(), after: None, limit: 9 };
        let commands = [
            (KvCommand::Put { key: key(), value: value() }, Verdict::Holds, "done"),
            (KvCommand::Delete { key: key() }, Verdict::Holds, "done"),
            (KvCommand::Get { key: key() }, Verdict::Unknown, "get it again"),
            (list, Verdict::Unknown, "get it again"),
            (compare, Verdict::Unknown, "get what is there now"),
        ];
        for (command, expected, remedy) in commands {
            let told = of_command(&command, &Answer::NotKept(9));
            assert_eq!((&told.value, told.verdict), (&None, expected), "{command}");
            let words = told.words;
            assert!(words.contains("does not keep") && words.contains(remedy), "{words}");
        }
    }

    /// An absent key is distinguished from a key with any value.
    #[test]
    fn no_value_is_told_apart_from_any() {
        let get = KvCommand::Get { key: key() };
        let put = KvCommand::Put { key: key(), value: key() };
        let delete = KvCommand::Delete { key: key() };
        let shown = |command: &KvCommand, reply: KvReply| {
            let told = of_command(command, &Answer::Reply(reply.encode().into()));
            let json = Json::new(Some((Instance(7), 6)), None, &told);
            (told.words.clone(), serde_json::to_value(json).unwrap())
        };
        let there = |text: &[u8]| Some(text.to_vec());
        for (command, named) in [(&put, "previous"), (&delete, "previous")] {
            let (none, json) = shown(command, KvReply::Replaced(None));
            assert!(json.get(named).unwrap().is_null() && none.contains("no such key"), "{none}");
            let (nothing, json) = shown(command, KvReply::Replaced(there(b"nothing")));
            assert_eq!(json[named], "nothing");
            assert!(nothing.contains("\"nothing\""), "{nothing}");
        }
        let (escaped, json) = shown(&put, KvReply::Replaced(there(b"\x1b[31m\xff")));
        assert_eq!(json["previous"]["hex"], "1b5b33316dff");
        assert!(escaped.contains("\"\\u{1b}[31m\\xff\""), "{escaped}");
        let (_, json) = shown(&get, KvReply::Value(None));
        assert!(json.get("value").unwrap().is_null() && json.get("previous").is_none());
    }

    #[test]
    fn a_store_that_knows_no_such_command_is_heard() {
        let reply = Answer::Reply(KvReply::NoCommand.encode().into());
        let told = of_any(Machine::Kv, &reply);
        assert_eq!(told.verdict, Verdict::Fails);
        assert!(told.words.contains("no command of its own"), "{}", told.words);
        assert_eq!(of_any(Machine::Ledger, &reply).verdict, Verdict::Holds);
    }
}
