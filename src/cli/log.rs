//! `synod log`: the history of a running cluster.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;

use super::Verdict;
use super::node::read;
use super::output::{fail, is_lost, say, warn};
use crate::cluster::config::ClusterConfig;
use crate::cluster::inquirer::{Inquirer, InquiryError};
use crate::machine::kv::KvCommand;
use crate::paxos::{Decree, Instance};

/// Print what was chosen, instance by instance, as one leader knows it.
///
/// Without `--leader` it is the primary's history, or that of whoever knows most. It may lag behind
/// what was chosen a moment ago; what it shows never changes.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod log --config local/cluster.toml
  synod log --config local/cluster.toml --from 1000 --follow
  synod log --config local/cluster.toml --leader n2 --json")]
pub(super) struct Args {
    /// The cluster's file.
    #[arg(long, default_value = "cluster.toml")]
    config: PathBuf,
    /// The first instance to print.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Go on printing what is chosen from now on, until interrupted.
    #[arg(long)]
    follow: bool,
    /// Whose history; a member that is a leader.
    #[arg(long)]
    leader: Option<String>,
    /// For how many seconds an answer is waited for.
    #[arg(long, default_value_t = 5.0, value_parser = super::kv::seconds)]
    timeout: f64,
    /// Print one line of JSON for each instance.
    #[arg(long)]
    json: bool,
}

/// How long to wait before asking for more, once there is none.
const REST: Duration = Duration::from_millis(100);

/// What a machine reads.
#[derive(Serialize)]
struct Line {
    instance: u64,
    /// None of a no-op.
    request: Option<String>,
    /// Whether it was applied there: not if it is a no-op, or a command that was applied before.
    applied: bool,
    /// The command, as the key-value store reads it, or its bytes.
    command: Option<String>,
}

impl Line {
    fn new(instance: u64, decree: &Decree, applied: bool) -> Self {
        let command = decree.command();
        let words = |payload: &[u8]| match KvCommand::decode(payload) {
            Some(command) => command.to_string(),
            None => payload.escape_ascii().to_string(),
        };
        Line {
            instance,
            request: command.map(|command| command.id.to_string()),
            applied,
            command: command.map(|command| words(&command.payload)),
        }
    }

    fn in_words(&self) -> String {
        let Line { instance, request, applied, command } = self;
        let (Some(request), Some(command)) = (request, command) else {
            return format!("{instance:>10}  no-op");
        };
        let again = if *applied { "" } else { "  (not applied here)" };
        format!("{instance:>10}  {request}  {command}{again}")
    }
}

/// Prints it.
pub(super) fn run(args: &Args) -> Verdict {
    let config = match read(&args.config) {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    if let Some(name) = &args.leader {
        match config.member(name) {
            Err(error) => return fail(error, Verdict::BadUse),
            Ok(member) if member.leader.is_none() => {
                return fail(
                    format_args!("{name} is no leader, so it has no history"),
                    Verdict::BadUse,
                );
            }
            Ok(_) => {}
        }
    }
    match print(args, &config) {
        Ok(()) => Verdict::Holds,
        Err(error) => fail(error, Verdict::NotDone),
    }
}

fn print(args: &Args, config: &ClusterConfig) -> Result<(), InquiryError> {
    let inquirer = Inquirer::new(config)?;
    let within = Duration::from_secs_f64(args.timeout);
    let mut from = Instance(args.from);
    let (mut heard, mut leader) = (Instant::now(), None);
    loop {
        let page = match leader {
            None => inquirer.historian(args.leader.as_deref(), within),
            Some(leader) => Ok(leader),
        }
        .and_then(|at| Ok((at, inquirer.page(at, from, within)?)));
        let page = match page {
            Ok((at, page)) => {
                leader = Some(at);
                page
            }
            // The leader may be gone; another will know.
            Err(error @ InquiryError::Silence(_)) if args.follow => {
                if heard.elapsed() >= within {
                    warn(format_args!("synod: {error}"));
                    heard = Instant::now();
                }
                leader = None;
                thread::sleep(REST);
                continue;
            }
            Err(error) => return Err(error),
        };
        heard = Instant::now();
        let end = page.entries.is_empty();
        for (instance, (decree, applied)) in (from.0..).zip(&page.entries) {
            let line = Line::new(instance, decree, *applied);
            let text = match args.json {
                true => serde_json::to_string(&line).unwrap_or_default(),
                false => line.in_words(),
            };
            say(text);
            if is_lost() {
                return Ok(());
            }
        }
        from = from.plus(page.entries.len() as u64);
        match (end, args.follow) {
            (true, false) => return Ok(()),
            (true, true) => thread::sleep(REST),
            (false, _) => {}
        }
    }
}
