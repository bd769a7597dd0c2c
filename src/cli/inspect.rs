//! `synod inspect`: shows the contents of journals, and verifies them.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use serde::Serialize;

use super::Verdict;
use super::output::{fail, grouped, json, say, table, warn};
use crate::cluster::member::ROLE_KINDS;
use crate::paxos::{Ballot, Decree, Instance, Record, Vote};
use crate::runtime::journal::disk::{Inspected, JournalError, inspect};
use crate::runtime::journal::folder::Directory;
use crate::runtime::names::{NamedBallot, NamedRecord, Names};

/// Show what is in a journal, and verify every byte of it. Nothing is changed.
///
/// The member may be running. Exit codes: 0 if all is sound; 1 if something is damaged or missing,
/// with the error that the member would stop with; 2 if the directory does not belong to a member.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod inspect local/data/n1                        all roles of a member
  synod inspect local/data/n1/acceptor --records     each record, in the order of writing
  synod inspect local/data/n1 --json")]
pub(super) struct Args {
    /// The data directory of a member, or of one of its roles.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// List every record too.
    #[arg(long)]
    records: bool,
    /// Print one line of JSON: an object, or an array of them if there are several journals.
    #[arg(long)]
    json: bool,
}

/// The most reads of a journal that seems damaged, each time with another error.
const LOOKS: usize = 8;
/// The pause between two reads. A node's write takes far less.
const MOMENT: Duration = Duration::from_millis(100);
/// The most bytes of a command that are shown.
const SHOWN: usize = 60;

/// The result of inspecting one journal.
#[derive(Serialize)]
struct Report {
    directory: PathBuf,
    sound: bool,
    /// The error that the member would stop with.
    error: Option<String>,
    /// The place of the damage; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<Damage>,
    #[serde(flatten)]
    contents: Option<Contents>,
}

/// The place at which a journal is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Damage {
    file: String,
    byte: usize,
    /// The number of the last entry before the damage, counted from 1; all entries up to it are
    /// sound. 0 if there is none, null if that is not known.
    last_sound_entry: Option<u64>,
}

/// An error of a journal, in words, and the place of the damage.
struct Unsound {
    error: String,
    damage: Option<Damage>,
}

impl From<JournalError> for Unsound {
    fn from(error: JournalError) -> Self {
        let words = error.to_string();
        let damage = match error {
            JournalError::Damaged { file, at, sound, .. } => {
                Some(Damage { file, byte: at, last_sound_entry: sound })
            }
            _ => None,
        };
        Unsound { error: words, damage }
    }
}

#[derive(Serialize)]
struct Contents {
    cluster: String,
    member: String,
    segments: u64,
    segment_bytes: usize,
    used_bytes: usize,
    /// The bytes of a torn batch, which the next start clears.
    torn_bytes: usize,
    entries: u64,
    rounds: u64,
    promises: u64,
    votes: u64,
    /// The last round that the leader has used.
    last_round: Option<u32>,
    /// The ballot below which the acceptor votes no more: a round, and the member that leads it.
    highest_promise: Option<NamedBallot>,
    /// The first and the last instance with a vote.
    instances: Option<(Instance, Instance)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<NamedRecord>>,
}

/// Inspects all journals in the directory.
pub(super) fn run(args: &Args) -> Verdict {
    let directories = match journals(&args.directory) {
        Ok(directories) => directories,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let reports: Vec<Report> = directories.into_iter().map(|it| look(it, args.records)).collect();
    if args.json {
        match reports.as_slice() {
            [report] => json(report),
            several => json(&several),
        }
    } else {
        reports.iter().for_each(show);
    }
    reports.iter().all(|report| report.sound).into()
}

/// The directories of journals to inspect: those of a member's roles, or else this one.
fn journals(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let roles = ROLE_KINDS.map(|part| directory.join(part.name()));
    let roles: Vec<PathBuf> = roles.into_iter().filter(|role| role.is_dir()).collect();
    if !roles.is_empty() {
        return Ok(roles);
    }
    let shown = directory.display();
    let is_journal = |it: io::Result<DirEntry>| {
        it.is_ok_and(|it| it.file_name().to_str().is_some_and(belongs_to_a_journal))
    };
    let named = ROLE_KINDS.iter().any(|part| directory.ends_with(part.name()));
    let take = "take one like local/data/n1, or local/data/n1/acceptor";
    match fs::read_dir(directory) {
        Err(error) => Err(format!("cannot look into {shown}: {error}; {take}")),
        Ok(mut files) => match named || files.any(is_journal) {
            true => Ok(vec![directory.to_owned()]),
            false => Err(format!(
                "{shown} is no data directory of a member or of a role, for there is no journal in it: {take}"
            )),
        },
    }
}

/// True for the names of a journal's files.
fn belongs_to_a_journal(name: &str) -> bool {
    name == "identity" || name.starts_with("journal-")
}

fn look(directory: PathBuf, records: bool) -> Report {
    match verify(&directory) {
        Ok(inspected) => {
            let contents = Some(Contents::new(inspected, records));
            Report { directory, sound: true, error: None, damage: None, contents }
        }
        Err(Unsound { error, damage }) => {
            Report { directory, sound: false, error: Some(error), damage, contents: None }
        }
    }
}

/// Reads a journal. A node may be writing to it, and a batch that is half written may look damaged;
/// so an error is believed only if the next read finds the same one.
fn verify(directory: &Path) -> Result<Inspected, Unsound> {
    let folder = Directory::look(directory);
    let mut before = String::new();
    for _ in 0..LOOKS {
        let error = match inspect(&folder) {
            Ok(inspected) => return Ok(inspected),
            Err(error) => Unsound::from(error),
        };
        if error.error == before {
            return Err(error);
        }
        before = error.error;
        thread::sleep(MOMENT);
    }
    let error = format!(
        "a node is writing here, so that nothing can be said: look again, or stop it first; the last \
         look has found: {before}"
    );
    Err(Unsound { error, damage: None })
}

impl Contents {
    fn new(
        Inspected { cluster, member, identity, segment, used, recovered }: Inspected,
        listed: bool,
    ) -> Self {
        let records = recovered.storage.unwrap_or_default().0;
        let names = identity.as_ref().map(Names::of).unwrap_or_default();
        let counted = Counted::of(&records);
        Contents {
            cluster,
            member,
            segments: recovered.segments,
            segment_bytes: segment,
            used_bytes: used,
            torn_bytes: recovered.torn,
            entries: recovered.entries,
            rounds: counted.rounds,
            promises: counted.promises,
            votes: counted.votes,
            last_round: counted.last_round,
            highest_promise: names.ballot(counted.highest_promise),
            instances: counted.instances,
            records: listed.then(|| records.into_iter().map(|it| names.record(it)).collect()),
        }
    }
}

/// A summary of the records of a journal.
#[derive(Default)]
struct Counted {
    rounds: u64,
    promises: u64,
    votes: u64,
    last_round: Option<u32>,
    highest_promise: Ballot,
    instances: Option<(Instance, Instance)>,
}

impl Counted {
    fn of(records: &[Record]) -> Self {
        let mut counted = Counted::default();
        records.iter().for_each(|record| counted.count(record));
        counted
    }

    fn count(&mut self, record: &Record) {
        match record {
            Record::Round(round) => {
                self.rounds += 1;
                self.last_round = self.last_round.max(Some(*round));
            }
            Record::Promised(ballot) => {
                self.promises += 1;
                self.highest_promise = self.highest_promise.max(*ballot);
            }
            // A vote promises its ballot.
            Record::Voted(Vote { instance, ballot, .. }) => {
                self.votes += 1;
                self.highest_promise = self.highest_promise.max(*ballot);
                let (first, last) = self.instances.unwrap_or((*instance, *instance));
                self.instances = Some((first.min(*instance), last.max(*instance)));
            }
        }
    }
}

fn show(report: &Report) {
    let directory = report.directory.display();
    let mut shown = table(["journal", &directory.to_string()], &[]);
    let Some(contents) = &report.contents else {
        if let Some(Damage { file, byte, last_sound_entry }) = &report.damage {
            shown.add_row(["damaged", &format!("{file}, at byte {}", grouped(*byte as u64))]);
            let last = last_sound_entry.map_or("not known".to_owned(), |last| match last {
                0 => "none".to_owned(),
                last => grouped(last),
            });
            shown.add_row(["last sound entry", &last]);
        }
        shown.add_row(["verdict", "cannot be used"]);
        say(format_args!("{shown}\n"));
        let error = report.error.as_deref().unwrap_or_default();
        return warn(format_args!("synod: {directory}: {error}"));
    };
    let Contents { cluster, member, segments, segment_bytes, used_bytes, entries, .. } = contents;
    let counted = [
        count(contents.rounds, "round"),
        count(contents.promises, "promise"),
        count(contents.votes, "vote"),
    ];
    let torn = match contents.torn_bytes {
        0 => None,
        torn => Some(format!(
            "{}, of a batch that nobody was told of; the next start clears them, \
             unless a node is writing them now",
            count(torn as u64, "byte")
        )),
    };
    let voted = contents.instances.map(|(first, last)| format!("instances {first} to {last}"));
    let or_none = |it: Option<String>| it.unwrap_or_else(|| "none".to_owned());
    let rows = [
        ("cluster", cluster.clone()),
        ("member", member.clone()),
        ("segments", format!("{} of {} bytes", grouped(segments), grouped(segment_bytes))),
        ("in use", count(*used_bytes as u64, "byte")),
        ("torn", or_none(torn)),
        ("entries", grouped(entries)),
        ("records", counted.join(", ")),
        ("last round", or_none(contents.last_round.map(grouped))),
        ("highest promise", or_none(contents.highest_promise.as_ref().map(NamedBallot::to_string))),
        ("voted in", or_none(voted)),
        ("verdict", "sound".to_owned()),
    ];
    for (name, value) in rows {
        shown.add_row([name, &value]);
    }
    say(format_args!("{shown}\n"));
    for (number, record) in (1u64..).zip(contents.records.iter().flatten()) {
        say(format_args!("{number:>8}  {}", in_words(record)));
    }
}

fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A record in words, with the beginning of its command, escaped.
fn in_words(record: &NamedRecord) -> String {
    let NamedRecord::Voted { decree: Decree::Command(command), .. } = record else {
        return record.to_string();
    };
    let begins = command.payload.get(..SHOWN).unwrap_or(&command.payload).escape_ascii();
    let more = if command.payload.len() > SHOWN { "..." } else { "" };
    format!("{record}, {} bytes: {begins}{more}", command.payload.len())
}
