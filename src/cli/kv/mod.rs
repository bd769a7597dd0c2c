//! `synod put`, `get`, `delete`, `cas` and `keys`: the key-value store of a running cluster; and
//! `synod propose`, for any state machine.

mod answer;
mod keys;

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use clap::Parser;

use self::answer::{Json, Told};
pub(super) use self::keys::{Args as KeysArgs, run as keys};
use super::Verdict;
use super::bytes::{self, for_terminal};
use super::config::ConfigFile;
use super::output::{fail, json, say, say_bytes, warn};
use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::cluster::request_name::RequestName;
use crate::machine::kv::KvCommand;
use crate::paxos::{Answer, Done, Outcome, Unknown};

/// The options of all commands of the key-value store.
#[derive(Debug, Parser)]
pub(super) struct Common {
    #[command(flatten)]
    file: ConfigFile,
    /// The most seconds to wait for an answer.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    timeout: f64,
    /// Print one line of JSON. Keys and values are strings if they are UTF-8, and {"hex": "00ff"}
    /// if not.
    #[arg(long)]
    json: bool,
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    let fits = (0.001..=86_400.0).contains(&seconds);
    if fits { Ok(seconds) } else { Err("take 0.001 to 86400 seconds".to_owned()) }
}

/// The option of commands that must not be done twice.
#[derive(Debug, Parser)]
struct Again {
    /// Ask again for this request, whose outcome is unknown: it is done once, however often it is asked for.
    /// Takes the name that was printed then, and all the other arguments as they were then.
    #[arg(long, value_name = "NAME")]
    again: Option<RequestName>,
}

/// Put a value under a key.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod put colour blue --config local/cluster.toml
  synod put colour blue --config local/cluster.toml --again 120-4f3a9c0b7d21e8564f3a9c0b7d21e856-0
  synod put photo - --config local/cluster.toml < photo.jpg")]
pub(super) struct PutArgs {
    /// The key: any bytes.
    key: OsString,
    /// The value: any bytes. - stands for all of the standard input.
    value: OsString,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    common: Common,
}

/// Print the value under a key. Exit code 1 if there is none.
///
/// A file or a pipe gets the value exactly as it was put, and no line end after it. On a terminal,
/// control characters are escaped. A read goes through the log like a write, so it sees every write
/// that was answered before it.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod get colour --config local/cluster.toml
  synod get photo --config local/cluster.toml > photo.jpg")]
pub(super) struct GetArgs {
    /// The key: any bytes.
    key: OsString,
    #[command(flatten)]
    common: Common,
}

/// Remove a key with its value. Exit code 0 too if there is no such key.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod delete colour --config local/cluster.toml")]
pub(super) struct DeleteArgs {
    /// The key: any bytes.
    key: OsString,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    common: Common,
}

/// Put a value under a key if its current value is the expected one (compare and set). Exit code 1
/// if it is not.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod cas colour green --expect blue --config local/cluster.toml
  synod cas colour blue --config local/cluster.toml      if there is nothing yet")]
pub(super) struct CasArgs {
    /// The key: any bytes.
    key: OsString,
    /// The new value: any bytes. - stands for all of the standard input.
    value: OsString,
    /// The expected current value; without this option, the key must be absent.
    #[arg(long)]
    expect: Option<OsString>,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    common: Common,
}

pub(super) fn put(PutArgs { key, value, again, common }: PutArgs) -> Verdict {
    match bytes::value(value) {
        Ok(value) => run(&KvCommand::Put { key: bytes::of(key), value }, Some(&again), &common),
        Err(error) => fail(error, Verdict::BadUse),
    }
}

pub(super) fn get(GetArgs { key, common }: GetArgs) -> Verdict {
    run(&KvCommand::Get { key: bytes::of(key) }, None, &common)
}

pub(super) fn delete(DeleteArgs { key, again, common }: DeleteArgs) -> Verdict {
    run(&KvCommand::Delete { key: bytes::of(key) }, Some(&again), &common)
}

pub(super) fn cas(CasArgs { key, value, expect, again, common }: CasArgs) -> Verdict {
    let (key, expected) = (bytes::of(key), expect.map(bytes::of));
    match bytes::value(value) {
        Ok(value) => run(&KvCommand::CompareAndSet { key, expected, value }, Some(&again), &common),
        Err(error) => fail(error, Verdict::BadUse),
    }
}

/// Put any bytes into the history, as they are.
///
/// Their meaning is up to the state machine: the key-value store answers that they are no command,
/// the ledger keeps them.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod propose 'a line of text' --config local/cluster.toml
  synod propose - --config local/cluster.toml < command.bin")]
pub(super) struct ProposeArgs {
    /// The command: any bytes. - stands for all of the standard input.
    command: OsString,
    #[command(flatten)]
    again: Again,
    #[command(flatten)]
    common: Common,
}

pub(super) fn propose(ProposeArgs { command, again, common }: ProposeArgs) -> Verdict {
    match (bytes::value(command), Asker::new(&common)) {
        (Err(error), _) => fail(error, Verdict::BadUse),
        (_, Err(verdict)) => verdict,
        (Ok(payload), Ok(mut asker)) => {
            let machine = asker.config.machine;
            asker.ask_and_show(&payload, Some(&again), &|answer| answer::of_any(machine, answer))
        }
    }
}

fn run(command: &KvCommand, again: Option<&Again>, common: &Common) -> Verdict {
    match (command.encode(), Asker::new(common)) {
        (Err(error), _) => fail(error, Verdict::BadUse),
        (_, Err(verdict)) => verdict,
        (Ok(payload), Ok(mut asker)) => {
            asker.ask_and_show(&payload, again, &|answer| answer::of_command(command, answer))
        }
    }
}

/// A client of the cluster that the options name.
struct Asker<'a> {
    common: &'a Common,
    config: ClusterConfig,
    client: Client,
}

impl<'a> Asker<'a> {
    /// Reads the file and opens a client; an error is printed, and its verdict returned.
    fn new(common: &'a Common) -> Result<Self, Verdict> {
        let config = common.file.read().map_err(|error| fail(error, Verdict::BadUse))?;
        let client = Client::new(&config).map_err(|error| fail(error, Verdict::NotDone))?;
        Ok(Asker { common, config, client })
    }

    /// Asks for a command, or again for the request of this name.
    fn ask(&mut self, payload: &[u8], again: Option<RequestName>) -> Result<Outcome, ClientError> {
        let within = Duration::from_secs_f64(self.common.timeout);
        let outcome = match again {
            Some(RequestName(id)) => self.client.ask_again(id, payload, within)?,
            None => self.client.propose(payload, within)?,
        };
        if !matches!(outcome, Outcome::Done(_)) {
            let stranger = self.client.stranger().map(str::to_owned);
            let causes = stranger.into_iter().chain(self.client.without_address());
            causes.for_each(|words| warn(format_args!("synod: {words}")));
        }
        Ok(outcome)
    }

    /// Asks, and shows the answer. Whoever may ask again is told by which name.
    fn ask_and_show(
        &mut self,
        payload: &[u8],
        again: Option<&Again>,
        reading: &dyn Fn(&Answer) -> Told,
    ) -> Verdict {
        match self.ask(payload, again.and_then(|it| it.again)) {
            Err(error) => fail(error, Verdict::NotDone),
            Ok(outcome) => {
                let name = again.and_then(|_| self.client.last_request().map(RequestName));
                self.show(&outcome, name, reading)
            }
        }
    }

    fn show(
        &self,
        outcome: &Outcome,
        name: Option<RequestName>,
        reading: &dyn Fn(&Answer) -> Told,
    ) -> Verdict {
        let (at, mut told) = match outcome {
            Outcome::Done(Done { instance, position, answer }) => {
                (Some((*instance, *position)), reading(answer))
            }
            undone => (None, self.undone(undone)),
        };
        if let (Outcome::Unknown(Unknown::Silence), Some(name)) = (outcome, name) {
            told.words +=
                &format!("; to ask again, without doing it twice: the same, and --again {name}");
        }
        match (self.common.json, &told.value, told.verdict) {
            (true, ..) => json(&Json::new(at, name, &told)),
            (false, Some(value), Verdict::Holds) if stdout().is_terminal() => {
                say(for_terminal(value))
            }
            (false, Some(value), Verdict::Holds) => say_bytes(value),
            (false, None, Verdict::Holds) => say(&told.words),
            (false, ..) => return fail(&told.words, told.verdict),
        }
        told.verdict
    }

    /// The words for an outcome other than done: rejected or unknown.
    fn undone(&self, outcome: &Outcome) -> Told {
        match outcome {
            Outcome::Unknown(Unknown::Silence) => {
                let words = format!(
                    "outcome unknown: no answer within {} s; it may have been done, or may yet be",
                    self.common.timeout
                );
                Told::new(Verdict::Unknown, words)
            }
            Outcome::Unknown(why @ Unknown::Forgotten) => {
                let words =
                    format!("outcome unknown: {why}; see what is there before you ask again");
                Told::new(Verdict::Unknown, words)
            }
            Outcome::Rejected(why) => {
                Told::new(Verdict::NotDone, format!("not done, and never will be: {why}"))
            }
            Outcome::Done(_) => Told::new(Verdict::Holds, "done"),
        }
    }
}
