//! `synod status`: the health of a running cluster, and of each of its members.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Parser;
use serde::Serialize;
use serde_json::Value;

use super::Verdict;
use super::config::ConfigFile;
use super::output::{fail, grouped, is_lost, json, say, table};
use super::table::{columns, wrap};
use crate::cluster::config::ClusterConfig;
use crate::cluster::health::{Digests, Health, Place, State, ends, judge};
use crate::cluster::member::RoleKind;
use crate::cluster::status_client::{Endpoint, Found, StatusClient, StatusError};
use crate::runtime::inquiry::{RoleStatus, Status};
use crate::runtime::journal::JournalStats;
use crate::runtime::names::Names;

/// Show the health of a running cluster, and of each of its members.
///
/// Exit code 0 if it is healthy: all members answer, one is primary, and all histories agree. Otherwise
/// 1, and the lines under the verdict say why.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod status --config local/cluster.toml
  synod status --config local/cluster.toml --watch        until Ctrl-C
  synod status --config local/cluster.toml --json")]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// The most seconds to wait for answers.
    #[arg(long, default_value_t = 1.0, value_parser = super::kv::seconds)]
    timeout: f64,
    /// Show it again every so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
        value_parser = super::kv::seconds)]
    watch: Option<f64>,
    /// Print one line of JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// The status as JSON.
#[derive(Serialize)]
struct Json<'a> {
    cluster: &'a str,
    #[serde(flatten)]
    health: &'a Health,
    members: Vec<Row<'a>>,
}

/// The status of one role of one member.
#[derive(Serialize)]
struct Row<'a> {
    member: &'a str,
    part: &'static str,
    address: String,
    /// The status that it reports; none if it does not answer.
    status: Option<Value>,
    /// A description of the stranger that answers in its place, with advice; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    stranger: Option<&'a str>,
}

/// Asks all members, and shows their status.
pub(super) fn run(args: &Args) -> Verdict {
    let config = match args.file.read() {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let status_client = match StatusClient::new(&config) {
        Ok(status_client) => status_client,
        Err(error) => return fail(error, Verdict::NotDone),
    };
    let within = Duration::from_secs_f64(args.timeout);
    loop {
        let (found, digests) = match survey(&status_client, within) {
            Ok(surveyed) => surveyed,
            Err(error) => return fail(error, Verdict::NotDone),
        };
        let health = judge((&config.identity(), config.limits.window), &found, &digests);
        if args.json {
            let names = Names::of(&config.identity());
            let members = found.iter().map(|found| Row::new(found, &names)).collect();
            json(&Json { cluster: &config.cluster, health: &health, members });
        } else {
            let text = text(&config, &health, &found);
            let drawn = args.watch.is_some() && io::stdout().is_terminal();
            // Drawn over the last one: from the upper left corner on, with the rest of each line
            // and of the screen cleared.
            say(match drawn {
                true => format!("\u{1b}[H{}\u{1b}[K\u{1b}[J", text.replace('\n', "\u{1b}[K\n")),
                false if args.watch.is_some() => format!("{text}\n"),
                false => text,
            });
        }
        match args.watch {
            Some(seconds) if !is_lost() => std::thread::sleep(Duration::from_secs_f64(seconds)),
            _ => return (health.verdict == State::Healthy).into(),
        }
    }
}

/// The status of all members, and digests of the leaders' histories at the instances where they can
/// be compared.
fn survey(
    status_client: &StatusClient,
    within: Duration,
) -> Result<(Vec<Place>, Vec<Digests>), StatusError> {
    let found = status_client.survey(within)?;
    let found: Vec<Place> = status_client.members().iter().cloned().zip(found).collect();
    let digests = |at| Ok((at, status_client.digests(at, found.as_slice(), within)?));
    let digests = ends(&found).into_iter().map(digests).collect::<Result<_, StatusError>>()?;
    Ok((found, digests))
}

impl<'a> Row<'a> {
    fn new((asked, found): &'a (Endpoint, Found), names: &Names) -> Self {
        let (status, stranger) = match found {
            Found::Up(status) => (Some(named(status, names)), None),
            Found::Stranger(words) => (None, Some(words.as_str())),
            Found::Silence => (None, None),
        };
        let Endpoint { member, part, address, .. } = asked;
        Row { member, part: part.name(), address: address.to_string(), status, stranger }
    }
}

/// A status as JSON, with members' names in place of their numbers.
fn named(status: &Status, names: &Names) -> Value {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    let ballot = |ballot| serde_json::to_value(names.ballot(ballot)).unwrap_or_default();
    let mut put = |at: &str, named: Value| {
        value.pointer_mut(at).into_iter().for_each(|place| *place = named.clone());
    };
    match &status.role {
        RoleStatus::Leader(leader) => {
            let primary = leader.primary.map(|primary| names.leader(primary));
            put("/role/leader/primary", primary.into());
            put("/role/leader/ballot", ballot(leader.ballot));
        }
        RoleStatus::Acceptor(acceptor) => put("/role/acceptor/promised", ballot(acceptor.promised)),
        RoleStatus::Client => {}
    }
    value
}

fn text(config: &ClusterConfig, health: &Health, found: &[Place]) -> String {
    let mut lines = vec![format!("{} is {}", config.cluster, health.verdict.name())];
    let width = columns().unwrap_or(usize::MAX);
    for finding in &health.findings {
        let (mark, next) =
            if finding.state == State::Healthy { ("  ", "  ") } else { ("! ", "  ") };
        let wrapped = wrap(&finding.words, width.saturating_sub(mark.len()));
        let marks = std::iter::once(mark).chain(std::iter::repeat(next));
        lines.extend(marks.zip(wrapped).map(|(mark, line)| format!("{mark}{line}")));
    }
    let names = Names::of(&config.identity());
    format!("{}\n\n{}\n\n{}", lines.join("\n"), leaders(found, &names), acceptors(found, &names))
}

fn leaders(found: &[Place], names: &Names) -> String {
    let headings =
        ["leader", "stance", "primary", "ballot", "chosen", "applied", "gaps", "dropped"];
    let mut rows = table(headings, &[4, 5, 6, 7]);
    rows.may_leave_out(&[5, 7]);
    for (asked, found) in found.iter().filter(|(asked, _)| asked.part == RoleKind::Leader) {
        let mut cells = vec![asked.member.clone()];
        match taking_part(found) {
            Err(words) => cells.push(words),
            Ok(status) => {
                let RoleStatus::Leader(leader) = &status.role else { continue };
                let primary = leader.primary.map(|primary| names.leader(primary));
                cells.extend([
                    leader.stance.clone(),
                    primary.unwrap_or_else(|| "not known".to_owned()),
                    names.ballot_in_words(leader.ballot),
                    grouped(leader.first_unchosen.0),
                    grouped(leader.applied),
                    grouped(leader.gaps),
                    grouped(dropped(status)),
                ]);
            }
        }
        rows.add_row(cells);
    }
    rows.to_string()
}

fn acceptors(found: &[Place], names: &Names) -> String {
    let headings = ["acceptor", "state", "promised", "votes", "dropped", "journal", "last sync"];
    let mut rows = table(headings, &[3, 4, 5]);
    rows.may_leave_out(&[6, 4]);
    for (asked, found) in found.iter().filter(|(asked, _)| asked.part == RoleKind::Acceptor) {
        let mut cells = vec![asked.member.clone()];
        match taking_part(found) {
            Err(words) => cells.push(words),
            Ok(status) => {
                let RoleStatus::Acceptor(acceptor) = &status.role else { continue };
                cells.extend([
                    "takes part".to_owned(),
                    names.ballot_in_words(acceptor.promised),
                    grouped(acceptor.votes),
                    grouped(dropped(status)),
                ]);
                cells.extend(status.journal.iter().flat_map(on_disk));
            }
        }
        rows.add_row(cells);
    }
    rows.to_string()
}

/// The status of a role that takes part; an error in words if it does not.
fn taking_part(found: &Found) -> Result<&Status, String> {
    match found {
        Found::Silence => Err("no answer".to_owned()),
        Found::Stranger(_) => Err("a stranger".to_owned()),
        Found::Up(status) if status.waits_for.is_empty() => Ok(status),
        Found::Up(status) => Err(format!("waits for {}", status.waits_for.join(", "))),
    }
}

/// The number of datagrams dropped by the role's queue and by the system.
fn dropped(status: &Status) -> u64 {
    status.counts.dropped + status.network.dropped.unwrap_or(0)
}

/// The bytes in use and the last sync of a journal, in words.
fn on_disk(journal: &JournalStats) -> [String; 2] {
    let used = match journal.used {
        bytes if bytes < 10 << 10 => format!("{bytes} B"),
        bytes if bytes < 10 << 20 => format!("{} KiB", bytes >> 10),
        bytes => format!("{} MiB", grouped(bytes >> 20)),
    };
    let ago = journal.last_sync_ms_ago.map(|ms| Duration::from_millis(ms).as_secs_f64());
    let took = journal.last_sync_us;
    [used, ago.map_or("none yet".to_owned(), |s| format!("{took} us, {s:.1} s ago"))]
}
