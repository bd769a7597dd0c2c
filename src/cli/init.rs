//! `synod init`: creates a cluster on this machine, or the file of a cluster on several machines.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::Verdict;
use super::output::{fail, grouped, say, warn};
use crate::cluster::config::{Address, ClusterConfig, ConfigError, MemberConfig, check_name};
use crate::cluster::member::Member;
use crate::runtime::journal::disk::SEGMENT;

/// Write the file of a cluster on this machine, and make empty journals for its members; with --host, write
/// the file of a cluster with one member on each of these machines.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod init local
  synod init five --members 5 --port 7501
  synod init prod --host node1.example.org --host node2.example.org --host node3.example.org")]
pub(super) struct Args {
    /// The cluster's name. A folder of this name is made, and must not exist.
    name: String,
    /// The number of members; each is a leader and an acceptor.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    members: u16,
    /// A machine that runs a member: its name, or its address. May be given several times, once for
    /// each machine. All take the same two ports, and no journals are made here.
    #[arg(long = "host", value_name = "HOST", conflicts_with = "members")]
    hosts: Vec<String>,
    /// The first port; each member takes two.
    #[arg(long, default_value_t = 7101, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,
}

/// The disk space, in MiB, from which on a warning tells of it before it is used.
const MUCH: usize = 512;

/// Writes the file and makes the journals.
pub(super) fn run(args: &Args) -> Verdict {
    if let Err(error) = check_name(&args.name, "a cluster, and of its folder") {
        return fail(error, Verdict::BadUse);
    }
    let machines = match machines(&args.hosts, args.port) {
        Ok(machines) => machines,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let text = match args.hosts.is_empty() {
        true => ClusterConfig::sample(&args.name, args.members, args.port),
        false => ClusterConfig::sample_on(&args.name, &machines),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return fail(format_args!("cannot draw an id: {error}"), Verdict::NotDone),
    };
    let config: ClusterConfig = match text.parse() {
        Ok(config) => config,
        // Nobody has seen the text yet, so its line numbers mean nothing to the user.
        Err(ConfigError { what, .. }) => return fail(what, Verdict::BadUse),
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
    let here = if args.hosts.is_empty() { config.members.as_slice() } else { &[] };
    // Each member has two journals: a leader's and an acceptor's.
    let mebibytes = here.len() * 2 * (SEGMENT >> 20);
    if mebibytes >= MUCH {
        warn(format_args!("the journals take {} MiB of disk to begin with", grouped(mebibytes)));
    }
    if let Err(error) = fill(&folder, &text, &config, here) {
        // The folder was created just now, so it contains nothing but incomplete files.
        let left = match fs::remove_dir_all(&folder) {
            Ok(()) => "nothing is left of it".to_owned(),
            Err(error) => format!("{} is incomplete: {error}; remove it", folder.display()),
        };
        return fail(format_args!("{error}; {left}"), Verdict::NotWritten);
    }
    explain(&folder.join("cluster.toml"), &config, &args.hosts);
    Verdict::Holds
}

/// The addresses of the leader and the acceptor of each machine.
fn machines(hosts: &[String], port: u16) -> Result<Vec<(Address, Address)>, String> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = hosts.iter().find(|host| !seen.insert(*host)) {
        let shown = twice.escape_debug();
        return Err(format!("--host {shown} stands there twice: each machine runs one member"));
    }
    let machine = |host: &String| {
        let bracketed = host.parse::<Ipv6Addr>().map(|ip| format!("[{ip}]"));
        let written = bracketed.unwrap_or_else(|_| host.clone());
        let at = |port: u16| {
            format!("{written}:{port}").parse::<Address>().map_err(|()| {
                let shown = host.escape_debug();
                format!("--host {shown} is no machine: say its name or its address, without a port")
            })
        };
        Ok((at(port)?, at(port + 1)?))
    };
    hosts.iter().map(machine).collect()
}

/// Writes the contents of the folder: the file, and the journals of the members that run here.
fn fill(
    folder: &Path,
    text: &str,
    config: &ClusterConfig,
    here: &[MemberConfig],
) -> Result<(), String> {
    let file = folder.join("cluster.toml");
    fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut names = here.iter().map(|member| &member.name);
    names
        .try_for_each(|name| Member::create(config, folder, name))
        .map_err(|error| error.to_string())
}

fn explain(file: &Path, config: &ClusterConfig, hosts: &[String]) {
    let (file, count) = (file.display(), config.members.len());
    if hosts.is_empty() {
        say(format_args!("{file} is written. Start its members, each in a terminal:\n"));
        for member in &config.members {
            say(format_args!("  synod node {} --config {file}", member.name));
        }
    } else {
        say(format_args!("{file} is written. Copy it to all machines, and start there:\n"));
        let width = hosts.iter().map(String::len).max().unwrap_or_default();
        for (member, host) in config.members.iter().zip(hosts) {
            let name = &member.name;
            say(format_args!("  {host:width$}  synod node {name} --config cluster.toml --new"));
        }
        say("\n--new is for the very first start. README.md has a section on machines.");
    }
    let others = count.saturating_sub(1);
    let first = if others == 0 { 1 } else { others / 2 + 2 };
    say(format_args!("\nThe first time, {first} of the {count} must be up before they take part."));
    say(failures(count));
}

/// A sentence about the number of members that may fail.
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
    use super::{failures, machines};

    fn machine(host: &str) -> Result<String, String> {
        let machines = machines(&[host.to_owned()], 7101)?;
        Ok(machines.iter().map(|(leader, acceptor)| format!("{leader} {acceptor}")).collect())
    }

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        for (host, expected) in [
            ("node-1.example.org", "node-1.example.org:7101 node-1.example.org:7102"),
            ("192.0.2.1", "192.0.2.1:7101 192.0.2.1:7102"),
            ("2001:db8::1", "[2001:db8::1]:7101 [2001:db8::1]:7102"),
            ("[2001:db8::1]", "[2001:db8::1]:7101 [2001:db8::1]:7102"),
        ] {
            assert_eq!(machine(host).as_deref(), Ok(expected));
        }
        for bad in ["", " ", "a:7101", "a/b", "a\"\nid = \"1", "[::", "ключ"] {
            assert!(machine(bad).unwrap_err().contains("is no machine"), "{bad}");
        }
        let twice = ["a".to_owned(), "a".to_owned()];
        assert!(machines(&twice, 7101).unwrap_err().contains("stands there twice"));
    }

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
