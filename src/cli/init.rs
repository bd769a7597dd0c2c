//! `synod init`: a cluster on this machine, ready to be started.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::Verdict;
use super::output::{fail, grouped, say, warn};
use crate::cluster::config::{ClusterConfig, check_name};
use crate::runtime::journal::disk::SEGMENT;

/// Write the file of a cluster on this machine, and make empty journals for its members.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod init local
  synod init five --members 5 --port 7501")]
pub(super) struct Args {
    /// The cluster's name. A folder of this name is made, and must not exist.
    name: String,
    /// The number of members; each is a leader and an acceptor.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    members: u16,
    /// The first port; each member takes two.
    #[arg(long, default_value_t = 7101, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,
}

/// The disk space, in MiB, from which on it is said before it is taken.
const MUCH: usize = 512;

/// Writes the file and makes the journals.
pub(super) fn run(args: &Args) -> Verdict {
    if let Err(error) = check_name(&args.name, "a cluster, and of its folder") {
        return fail(error, Verdict::BadUse);
    }
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
    if let Err(error) = fs::create_dir(&folder) {
        let name = folder.display();
        return match error.kind() {
            ErrorKind::AlreadyExists => fail(
                format_args!(
                    "cannot make {name}: it exists already; nothing was changed; take another name, \
                     or remove it"
                ),
                Verdict::BadUse,
            ),
            _ => fail(
                format_args!("cannot make {name}: {error}; nothing was changed"),
                Verdict::NotWritten,
            ),
        };
    }
    // Of each member, a leader's journal and an acceptor's.
    let mebibytes = config.members.len() * 2 * (SEGMENT >> 20);
    if mebibytes >= MUCH {
        warn(format_args!("the journals take {} MiB of disk to begin with", grouped(mebibytes)));
    }
    if let Err(error) = fill(&folder, &text, &config) {
        // It was made just now, so there is nothing in it but what is incomplete.
        let left = match fs::remove_dir_all(&folder) {
            Ok(()) => "nothing is left of it".to_owned(),
            Err(error) => format!("{} is incomplete: {error}; remove it", folder.display()),
        };
        return fail(format_args!("{error}; {left}"), Verdict::NotWritten);
    }
    explain(&folder, &config);
    Verdict::Holds
}

/// Writes all that belongs into the folder.
fn fill(folder: &Path, text: &str, config: &ClusterConfig) -> Result<(), String> {
    let file = folder.join("cluster.toml");
    fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut names = config.members.iter().map(|member| &member.name);
    names
        .try_for_each(|name| config.create_journals(folder, name))
        .map_err(|error| error.to_string())
}

fn explain(folder: &Path, config: &ClusterConfig) {
    let (file, count) = (folder.join("cluster.toml"), config.members.len());
    say(format_args!("{} is written. Start its members, each in a terminal:\n", file.display()));
    for member in &config.members {
        say(format_args!("  synod node {} --config {}", member.name, file.display()));
    }
    let others = count.saturating_sub(1);
    let first = if others == 0 { 1 } else { others / 2 + 2 };
    say(format_args!("\nThe first time, {first} of the {count} must be up before they take part."));
    say(failures(count));
}

/// How many members may fail.
fn failures(count: usize) -> String {
    let others = count.saturating_sub(1);
    let stands = match others / 2 {
        0 => "none of them may be down".to_owned(),
        down => format!("{down} of the {count} may be down"),
    };
    let odd = match count.is_multiple_of(2) {
        true => format!("; {count} stand no more failures than {others} would"),
        false => String::new(),
    };
    format!("From then on, {stands}{odd}.")
}

#[cfg(test)]
mod tests {
    use super::failures;

    #[test]
    fn an_even_number_of_members_stands_no_more_failures() {
        for (count, expected) in [
            (1, "From then on, none of them may be down."),
            (2, "From then on, none of them may be down; 2 stand no more failures than 1 would."),
            (3, "From then on, 1 of the 3 may be down."),
            (4, "From then on, 1 of the 4 may be down; 4 stand no more failures than 3 would."),
            (5, "From then on, 2 of the 5 may be down."),
        ] {
            assert_eq!(failures(count), expected);
        }
    }
}
