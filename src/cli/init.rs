//! `synod init`: a cluster on this machine, ready to be started.

use std::fs;
use std::path::PathBuf;

use clap::Parser;

use super::Verdict;
use super::output::{fail, say};
use crate::cluster::config::ClusterConfig;

/// Write the file of a cluster on this machine, and make empty journals for its members.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod init local
  synod init five --members 5 --port 7501")]
pub(super) struct Args {
    /// The cluster's name. A folder of this name is made, and must not exist.
    name: String,
    /// How many members; each is a leader and an acceptor.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    members: u16,
    /// The first port; each member takes two.
    #[arg(long, default_value_t = 7101, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,
}

/// Writes the file and makes the journals.
pub(super) fn run(args: &Args) -> Verdict {
    let text = ClusterConfig::sample(&args.name, args.members, args.port);
    let text = match text {
        Ok(text) => text,
        Err(error) => return fail(format_args!("cannot draw an id: {error}"), Verdict::NotDone),
    };
    let config: ClusterConfig = match text.parse() {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let folder = PathBuf::from(&args.name);
    let file = folder.join("cluster.toml");
    if let Err(error) = fs::create_dir(&folder).and_then(|()| fs::write(&file, text)) {
        return fail(format_args!("cannot make {}: {error}", folder.display()), Verdict::BadUse);
    }
    for member in &config.members {
        if let Err(error) = config.create_journals(&folder, &member.name) {
            return fail(error, Verdict::NotWritten);
        }
    }
    say(format_args!("{} is written. Start its members, each in a terminal:\n", file.display()));
    for member in &config.members {
        say(format_args!("  synod node {} --config {}", member.name, file.display()));
    }
    let others = config.members.len().saturating_sub(1);
    let first = if others == 0 { 1 } else { others / 2 + 2 };
    say(format_args!(
        "\nThe first time, {first} of the {} must be up before they take part.",
        config.members.len()
    ));
    Verdict::Holds
}
