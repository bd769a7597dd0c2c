//! `synod put`, `get`, `delete` and `cas`: the key-value store of a running cluster; and
//! `synod propose`, for any state machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;

use super::Verdict;
use super::node::read;
use super::output::{fail, json, say, warn};
use crate::cluster::client::{Client, Outcome, WhyUnknown};
use crate::machine::kv::{Bytes, KvCommand, KvReply};
use crate::paxos::{Answer, Done};

/// What all of these commands take.
#[derive(Debug, Parser)]
pub(super) struct Common {
    /// The cluster's file.
    #[arg(long, default_value = "cluster.toml")]
    config: PathBuf,
    /// For how many seconds an answer is waited for.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    timeout: f64,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    let fits = (0.001..=86_400.0).contains(&seconds);
    if fits { Ok(seconds) } else { Err("take 0.001 to 86400 seconds".to_owned()) }
}

/// Put a value under a key.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod put colour blue --config local/cluster.toml")]
pub(super) struct PutArgs {
    key: String,
    value: String,
    #[command(flatten)]
    common: Common,
}

/// Print the value under a key. Exit code 1 if there is none.
///
/// A read goes through the log like a write, so it sees every write that was answered before it.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod get colour --config local/cluster.toml")]
pub(super) struct GetArgs {
    key: String,
    #[command(flatten)]
    common: Common,
}

/// Take away the value under a key.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod delete colour --config local/cluster.toml")]
pub(super) struct DeleteArgs {
    key: String,
    #[command(flatten)]
    common: Common,
}

/// Put a value under a key, if another is there now. Exit code 1 if it is not.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod cas colour green --expect blue --config local/cluster.toml
  synod cas colour blue --config local/cluster.toml      if there is nothing yet")]
pub(super) struct CasArgs {
    key: String,
    value: String,
    /// What must be there; nothing, if this is left out.
    #[arg(long)]
    expect: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn put(PutArgs { key, value, common }: PutArgs) -> Verdict {
    run(&KvCommand::Put { key: key.into(), value: value.into() }, &common)
}

pub(super) fn get(GetArgs { key, common }: GetArgs) -> Verdict {
    run(&KvCommand::Get { key: key.into() }, &common)
}

pub(super) fn delete(DeleteArgs { key, common }: DeleteArgs) -> Verdict {
    run(&KvCommand::Delete { key: key.into() }, &common)
}

pub(super) fn cas(CasArgs { key, value, expect, common }: CasArgs) -> Verdict {
    let expected = expect.map(String::into_bytes);
    run(&KvCommand::CompareAndSet { key: key.into(), expected, value: value.into() }, &common)
}

/// Put any bytes into the history, as they are.
///
/// What they mean is up to the state machine: the key-value store says that they are no command, the
/// ledger keeps them.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod propose 'a line of text' --config local/cluster.toml")]
pub(super) struct ProposeArgs {
    /// The bytes, as text.
    command: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn propose(ProposeArgs { command, common }: ProposeArgs) -> Verdict {
    send(command.as_bytes(), &common, &of_any_answer)
}

/// What a machine reads.
#[derive(Serialize)]
struct Json {
    /// "done", "not done" or "unknown".
    outcome: &'static str,
    /// Whether it was done as asked for: a compare-and-set may find something else.
    applied: bool,
    /// What is there, or was before.
    value: Option<String>,
    instance: Option<u64>,
    position: Option<u64>,
    reason: Option<String>,
}

fn run(command: &KvCommand, common: &Common) -> Verdict {
    let payload = match command.encode() {
        Ok(payload) => payload,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    send(&payload, common, &|answer| of_answer(command, answer))
}

/// The value in an answer, what to make of it, and that in words.
type Reading<'r> = &'r dyn Fn(&Answer) -> (Option<Bytes>, Verdict, String);

fn send(payload: &[u8], common: &Common, reading: Reading<'_>) -> Verdict {
    let config = match read(&common.config) {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let within = Duration::from_secs_f64(common.timeout);
    let asked = Client::new(&config).and_then(|mut client| {
        let outcome = client.propose(payload, within)?;
        let stranger = client.stranger().filter(|_| !matches!(outcome, Outcome::Done(_)));
        stranger.into_iter().for_each(|words| warn(format_args!("synod: {words}")));
        Ok(outcome)
    });
    match asked {
        Err(error) => fail(error, Verdict::NotDone),
        Ok(outcome) => show(&outcome, common, reading),
    }
}

fn show(outcome: &Outcome, common: &Common, reading: Reading<'_>) -> Verdict {
    let nothing = Json {
        outcome: "unknown",
        applied: false,
        value: None,
        instance: None,
        position: None,
        reason: None,
    };
    let (shown, verdict, words) = match outcome {
        Outcome::Unknown(why) => {
            let words = match why {
                WhyUnknown::Silence => format!(
                    "nobody has said within {} s what became of it: it may have been done, or may yet be",
                    common.timeout
                ),
                WhyUnknown::Forgotten => format!("{why}; see what is there before you ask again"),
            };
            (Json { reason: Some(words.clone()), ..nothing }, Verdict::Unknown, words)
        }
        Outcome::NotDone(refusal) => {
            let reason = Some(refusal.to_string());
            let words = format!("not done, and never will be: {refusal}");
            (Json { outcome: "not done", reason, ..nothing }, Verdict::NotDone, words)
        }
        Outcome::Done(Done { instance, position, answer }) => {
            let (value, verdict, words) = reading(answer);
            let done = Json {
                outcome: "done",
                applied: verdict == Verdict::Holds,
                value: value.as_deref().map(in_words),
                instance: Some(instance.0),
                position: Some(*position),
                reason: (verdict == Verdict::Unknown).then(|| words.clone()),
            };
            (done, verdict, words)
        }
    };
    match (common.json, verdict) {
        (true, _) => json(&shown),
        (false, Verdict::Holds) => say(words),
        (false, _) => return fail(words, verdict),
    }
    verdict
}

/// Whatever a state machine says.
fn of_any_answer(answer: &Answer) -> (Option<Bytes>, Verdict, String) {
    let value = match answer {
        Answer::Reply(bytes) => Some(bytes.to_vec()),
        Answer::TooLong(_) | Answer::NotKept(_) => None,
        Answer::Panicked => return panicked(),
    };
    (value, Verdict::Holds, format!("done; the state machine said {answer}"))
}

fn panicked() -> (Option<Bytes>, Verdict, String) {
    let words = "the state machine panicked at this command, which has no effect".to_owned();
    (None, Verdict::Fails, words)
}

fn of_answer(command: &KvCommand, answer: &Answer) -> (Option<Bytes>, Verdict, String) {
    let reply = match answer {
        Answer::Reply(bytes) => KvReply::decode(bytes),
        Answer::NotKept(_) => return without_reply(command),
        Answer::TooLong(_) => None,
        Answer::Panicked => return panicked(),
    };
    let there = |value: &Option<Bytes>| value.as_deref().map_or("nothing".to_owned(), in_words);
    match reply {
        Some(KvReply::Value(None)) => (None, Verdict::Fails, "there is nothing".to_owned()),
        Some(KvReply::Value(Some(value))) => {
            let words = in_words(&value);
            (Some(value), Verdict::Holds, words)
        }
        Some(KvReply::Replaced(before)) => {
            let words = format!("done; before, there was {}", there(&before));
            (before, Verdict::Holds, words)
        }
        Some(KvReply::Differs(now)) => {
            let words = format!("nothing was changed: there is {}", there(&now));
            (now, Verdict::Fails, words)
        }
        Some(KvReply::NoCommand) | None => {
            (None, Verdict::Fails, format!("this is no key-value store: it said {answer}"))
        }
    }
}

/// The command was applied, and the first answer got lost; by the time that the cluster was asked again it
/// did not keep the reply any more.
fn without_reply(command: &KvCommand) -> (Option<Bytes>, Verdict, String) {
    let (verdict, words) = match command {
        KvCommand::Put { .. } | KvCommand::Delete { .. } => {
            (Verdict::Holds, "done; the cluster does not keep any more what was there before")
        }
        KvCommand::Get { .. } => {
            (Verdict::Unknown, "the cluster does not keep the reply any more; get it again")
        }
        KvCommand::CompareAndSet { .. } => (
            Verdict::Unknown,
            "the cluster does not keep any more whether something was changed; get what is there now",
        ),
    };
    (None, verdict, words.to_owned())
}

fn in_words(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).unwrap_or_else(|_| value.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write was done all the same; whoever wanted to read does not know, and is told what to do.
    #[test]
    fn a_reply_that_is_not_kept_is_said_to_be_so() {
        let (key, value) = (|| b"k".to_vec(), b"v".to_vec());
        let compare = KvCommand::CompareAndSet { key: key(), expected: None, value: value.clone() };
        let commands = [
            (KvCommand::Put { key: key(), value }, Verdict::Holds, "done"),
            (KvCommand::Delete { key: key() }, Verdict::Holds, "done"),
            (KvCommand::Get { key: key() }, Verdict::Unknown, "get it again"),
            (compare, Verdict::Unknown, "get what is there now"),
        ];
        for (command, expected, remedy) in commands {
            let (value, verdict, words) = of_answer(&command, &Answer::NotKept(9));
            assert_eq!((value, verdict), (None, expected), "{command}");
            assert!(
                words.contains("does not keep") && words.contains(remedy),
                "{command}: {words}"
            );
        }
    }
}
