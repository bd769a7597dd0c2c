//! `synod status`: how each member of a running cluster is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;

use super::Verdict;
use super::node::read;
use super::output::{fail, grouped, json, say, table};
use crate::cluster::inquirer::{Asked, Found, Inquirer};
use crate::runtime::inquiry::{RoleStatus, Status};

/// Show how each member of a running cluster is.
///
/// Exit code 1 if a member does not answer, or nobody is primary.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod status --config local/cluster.toml
  synod status --config local/cluster.toml --json")]
pub(super) struct Args {
    /// The cluster's file.
    #[arg(long, default_value = "cluster.toml")]
    config: PathBuf,
    /// For how many seconds answers are waited for.
    #[arg(long, default_value_t = 1.0, value_parser = super::kv::seconds)]
    timeout: f64,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// One role of one member.
#[derive(Serialize)]
struct Row {
    member: String,
    part: &'static str,
    address: String,
    /// None if it does not answer.
    status: Option<Status>,
    /// Who answers in its place, and what to do; none if nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    stranger: Option<String>,
}

impl Row {
    fn is_primary(&self) -> bool {
        let role = self.status.as_ref().map(|status| &status.role);
        matches!(role, Some(RoleStatus::Leader(leader)) if leader.standing == "primary")
    }
}

/// Asks, and shows.
pub(super) fn run(args: &Args) -> Verdict {
    let config = match read(&args.config) {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let within = Duration::from_secs_f64(args.timeout);
    let asked = Inquirer::new(&config).map_err(|error| error.to_string()).and_then(|inquirer| {
        let statuses = inquirer.survey(within).map_err(|error| error.to_string())?;
        Ok(inquirer.members().iter().cloned().zip(statuses).map(row).collect::<Vec<Row>>())
    });
    let rows = match asked {
        Ok(rows) => rows,
        Err(error) => return fail(error, Verdict::NotDone),
    };
    if args.json {
        json(&rows);
    } else {
        show(&rows);
    }
    let mut strangers: Vec<&String> = rows.iter().filter_map(|row| row.stranger.as_ref()).collect();
    strangers.dedup();
    if let Some(words) = strangers.first() {
        return fail(words, Verdict::Fails);
    }
    let silent = rows.iter().filter(|row| row.status.is_none()).count();
    let led = rows.iter().any(Row::is_primary);
    match (silent, led) {
        (0, true) => Verdict::Holds,
        (0, false) => fail("nobody is primary now", Verdict::Fails),
        (silent, _) => {
            let of = rows.len();
            let words = format!("{silent} of {of} do not answer: not up, or not to be reached");
            fail(words, Verdict::Fails)
        }
    }
}

fn row((asked, found): (Asked, Found)) -> Row {
    let Asked { member, part, address, .. } = asked;
    let (status, stranger) = match found {
        Found::Up(status) => (Some(*status), None),
        Found::Stranger(words) => (None, Some(words)),
        Found::Silence => (None, None),
    };
    Row { member, part: part.name(), address: address.to_string(), status, stranger }
}

fn show(rows: &[Row]) {
    let headings = [
        "member",
        "role",
        "standing",
        "primary",
        "ballot",
        "chosen",
        "applied",
        "gaps",
        "dropped",
        "journal",
        "last sync",
    ];
    let mut lines = table(headings, &[5, 6, 7, 8, 9, 10]);
    for Row { member, part, status, stranger, .. } in rows {
        let mut cells = vec![member.clone(), (*part).to_owned()];
        match status {
            None if stranger.is_some() => cells.push("a stranger".to_owned()),
            Some(status) if !status.waits_for.is_empty() => {
                cells.push(format!("waits for {}", status.waits_for.join(", ")));
            }
            None => cells.push("no answer".to_owned()),
            Some(status) => cells.extend(words(status)),
        }
        cells.resize(headings.len(), String::new());
        lines.add_row(cells);
    }
    say(lines);
}

/// What a role says of itself, from its standing on.
fn words(Status { role, counts, journal, .. }: &Status) -> Vec<String> {
    let mut cells = match role {
        RoleStatus::Client => vec!["client".to_owned()],
        RoleStatus::Leader(leader) => vec![
            leader.standing.clone(),
            leader.primary.map_or("nobody known".to_owned(), |primary| primary.to_string()),
            leader.ballot.to_string(),
            grouped(leader.first_unchosen.0),
            grouped(leader.applied),
            grouped(leader.gaps),
        ],
        RoleStatus::Acceptor(acceptor) => vec![
            "votes".to_owned(),
            String::new(),
            acceptor.promised.to_string(),
            format!("{} voted", grouped(acceptor.votes)),
            String::new(),
            String::new(),
        ],
    };
    cells.push(grouped(counts.dropped));
    if let Some(journal) = journal {
        cells.push(format!("{} MiB", grouped(journal.bytes >> 20)));
        let ago = journal.last_sync_ms_ago.map(|ms| Duration::from_millis(ms).as_secs_f64());
        let took = journal.last_sync_us;
        cells.push(ago.map_or("none yet".to_owned(), |s| format!("{took} us, {s:.1} s ago")));
    }
    cells
}
