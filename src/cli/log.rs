//! `synod log`: the history of a running cluster.

mod line;

use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use self::line::Line;
use super::Verdict;
use super::config::ConfigFile;
use super::output::{fail, is_lost, json, say, warn};
use crate::cluster::config::ClusterConfig;
use crate::cluster::status_client::{StatusClient, StatusError};
use crate::paxos::Instance;
use crate::runtime::inquiry::Page;

/// Print what was chosen, instance by instance, as one leader knows it.
///
/// Without `--leader` it is the history of the most advanced leader. It may lag behind what was
/// chosen a moment ago; what it shows never changes.
///
/// With `--json` nothing is lost. Each line has the instance; the operation: put, get, delete, cas,
/// list, propose (bytes that are no command of the key-value store) or no-op; its operands: key,
/// value, expected, prefix, after, limit, bytes; the name of the request; and whether it was
/// applied there. A no-op is not applied, nor is a command that was applied before. Keys and values
/// are strings if they are UTF-8, and {"hex": "00ff"} if not.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod log --config local/cluster.toml
  synod log --config local/cluster.toml --from 1000 --follow
  synod log --config local/cluster.toml --leader n2 --json > backup.json")]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// The first instance to print.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Keep printing what is chosen from now on, until interrupted.
    #[arg(long)]
    follow: bool,
    /// The member whose history is printed, which must be a leader.
    #[arg(long)]
    leader: Option<String>,
    /// The most seconds to wait for an answer.
    #[arg(long, default_value_t = 5.0, value_parser = super::kv::seconds)]
    timeout: f64,
    /// Print one line of JSON for each instance.
    #[arg(long)]
    json: bool,
}

/// The pause before asking again once there is nothing new.
const REST: Duration = Duration::from_millis(100);
/// The time after which `--follow` asks another leader, at first: a leader that does not answer, or
/// has nothing new, may be down or cut off.
const TURN: Duration = Duration::from_millis(300);

/// Prints the history.
pub(super) fn run(args: &Args) -> Verdict {
    let config = match args.file.read() {
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
    let within = Duration::from_secs_f64(args.timeout);
    let printed = StatusClient::new(&config).map_err(StatusError::from).and_then(|status_client| {
        let printer = Printer { args, config: &config, status_client: &status_client };
        if args.follow { printer.follow(within) } else { printer.print(within) }
    });
    match printed {
        Ok(()) => Verdict::Holds,
        Err(error) => fail(error, Verdict::NotDone),
    }
}

struct Printer<'a> {
    args: &'a Args,
    config: &'a ClusterConfig,
    status_client: &'a StatusClient,
}

impl Printer<'_> {
    /// Prints all that one leader knows.
    fn print(&self, within: Duration) -> Result<(), StatusError> {
        let leader =
            self.status_client.most_advanced_leader(self.args.leader.as_deref(), within)?;
        let mut from = Instance(self.args.from);
        loop {
            let page = self.status_client.page(leader, from, within)?;
            from = self.show(from, &page);
            if page.entries.is_empty() || is_lost() {
                return Ok(());
            }
        }
    }

    /// Prints what leaders learn, without end. A leader that does not answer soon, or has had
    /// nothing new for a while, is replaced by the most advanced one. Each time that none answers,
    /// the time to wait grows, up to `within`, since the network may be slow.
    fn follow(&self, within: Duration) -> Result<(), StatusError> {
        let (mut from, mut turn) = (Instance(self.args.from), TURN.min(within));
        let (mut heard, mut news, mut leader) = (Instant::now(), Instant::now(), None);
        while !is_lost() {
            let at = match leader {
                Some(at) => Ok(at),
                None => self.status_client.most_advanced_leader(self.args.leader.as_deref(), turn),
            };
            match at.and_then(|at| Ok((at, self.status_client.page(at, from, turn)?))) {
                Ok((at, page)) => {
                    let now = Instant::now();
                    (heard, turn) = (now, TURN.min(within));
                    let next = self.show(from, &page);
                    if next > from || leader.is_none() {
                        news = now;
                    }
                    leader = (news.elapsed() < TURN).then_some(at);
                    if next == from {
                        thread::sleep(REST);
                    }
                    from = next;
                }
                Err(error @ (StatusError::Silence(_) | StatusError::Stranger(_))) => {
                    if heard.elapsed() >= within {
                        warn(format_args!("synod: {error}"));
                        heard = Instant::now();
                    }
                    (leader, turn) = (None, (turn * 2).min(within));
                    thread::sleep(REST);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Prints a page, and returns the instance after it.
    fn show(&self, from: Instance, page: &Page) -> Instance {
        // The entries come first in the zip: there may be no instance number after that of the last
        // one.
        for ((decree, applied), instance) in page.entries.iter().zip(from.0..) {
            let line = Line::new(self.config.machine, instance, decree, *applied);
            if self.args.json { json(&line) } else { say(line) }
        }
        from.plus(page.entries.len() as u64)
    }
}
