//! `synod node`: one member of a cluster, as a process.

use std::{io, thread};

use clap::Parser;
use crossbeam_channel::{Receiver, Select, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Verdict;
use super::config::ConfigFile;
use super::output::{fail, say, warn};
use crate::cluster::member::{Conditions, Member, MemberError, RunningRole};
use crate::lab::member::take_orders;
use crate::runtime::pump::End;

/// Run one member of a cluster, until it gets SIGTERM or SIGINT.
///
/// It keeps its promises and votes in its data directory, and does not start without it: a member
/// that forgets may undo what the cluster has decided. Data directories are relative to the folder
/// of the cluster's file.
///
/// Exit code 1 if it cannot start or go on for now, such as for a port in use or a full disk: start
/// it again. Exit code 2 or 4 if it must not be started again as it is: the file cannot be used, or
/// its journal is missing, damaged, older than it was or another's. RECOVERY.md says what to do
/// then.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod node n1 --config local/cluster.toml
  synod node n1 --config cluster.toml --new      the first time ever")]
pub(super) struct Args {
    /// The member's name in the file.
    name: String,
    #[command(flatten)]
    file: ConfigFile,
    /// Create its journals first: this member has never run.
    #[arg(long)]
    new: bool,
    /// A member that will never answer, so that this one does not wait for it before it takes part.
    /// If that member is only slow or cut off, it cannot warn that this one has lost its disk: read
    /// RECOVERY.md first. May be given several times.
    #[arg(long, value_name = "MEMBER")]
    without: Vec<String>,
    /// For experiments: read orders from the standard input. `n2 100` loses all messages from
    /// member n2 to this one, `n2 0` loses none any more. The member stops at once at the end of
    /// the standard input.
    #[arg(long)]
    faults: bool,
}

/// Runs the member until it stops.
pub(super) fn run(args: &Args) -> Verdict {
    let config = match args.file.read() {
        Ok(config) => config,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    if args.without.contains(&args.name) {
        let words = format!("{} cannot do without itself: --without is for others", args.name);
        return fail(words, Verdict::BadUse);
    }
    let signals = match listen() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(format_args!("cannot wait for signals: {error}"), Verdict::NotDone);
        }
    };
    let base = args.file.folder();
    let machine = config.machine.start();
    let made = if args.new { Member::create(&config, base, &args.name) } else { Ok(()) };
    let losses = args.faults.then(|| take_orders(&config)).transpose();
    let losses = match losses {
        Ok(losses) => losses,
        Err(error) => return fail(format_args!("cannot take orders: {error}"), Verdict::NotDone),
    };
    let conditions = Conditions { without: args.without.iter().cloned().collect(), losses };
    let start = || Member::start_with(&config, base, &args.name, &machine, &conditions);
    if !args.without.is_empty() {
        warn(format_args!(
            "{}: is not waiting for {}: if it has run before, they cannot say so; see RECOVERY.md",
            args.name,
            args.without.join(", ")
        ));
    }
    match made.and_then(|()| start()) {
        Err(MemberError::Unknown(error)) => fail(error, Verdict::BadUse),
        Err(error) => {
            let verdict = verdict(error.may_pass());
            fail(error, verdict)
        }
        Ok(member) => {
            member.roles().iter().for_each(|role| introduce(&args.name, role));
            wait(&signals, member)
        }
    }
}

/// The verdict on a member that cannot run. A supervisor such as systemd starts it again only if
/// the error `may_pass`.
fn verdict(may_pass: bool) -> Verdict {
    if may_pass { Verdict::Fails } else { Verdict::NotDone }
}

/// The signals SIGTERM and SIGINT, as they come.
fn listen() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (told, listens) = unbounded();
    let pass_on = move || signals.forever().try_for_each(|signal| told.send(signal));
    thread::Builder::new().name("synod-signals".to_owned()).spawn(pass_on)?;
    Ok(listens)
}

fn introduce(name: &str, RunningRole { kind, recovered, running }: &RunningRole) {
    let entries = recovered.entries;
    say(format_args!("{name}: {} at {}, {entries} entries", kind.name(), running.address()));
    if recovered.torn > 0 {
        warn(format_args!(
            "{name}: {}: the power failed while it was saving; {} bytes that nobody was told of \
             were cleared",
            kind.name(),
            recovered.torn
        ));
    }
}

/// Waits for a signal, or for a role to end by itself, and stops all roles.
fn wait(signals: &Receiver<i32>, member: Member) -> Verdict {
    let mut select = Select::new();
    select.recv(signals);
    for ended in member.ended() {
        select.recv(ended);
    }
    select.ready();
    drop(select);
    let mut ends = Verdict::Holds;
    for (kind, ended) in member.stop() {
        let (why, may_pass) = match ended.map(|ended| ended.end) {
            Some(End::Stopped) => continue,
            Some(End::Source(error)) => (format!("its socket failed: {error}"), true),
            Some(End::Turn(error)) => (error.to_string(), error.may_pass()),
            Some(End::Reader(error)) => (format!("its reader thread ended: {error:?}"), true),
            None => ("it panicked".to_owned(), true),
        };
        let ended = fail(format_args!("the {} has stopped: {why}", kind.name()), verdict(may_pass));
        // If one of its roles is refused, so is the member.
        ends = if ends == Verdict::NotDone { ends } else { ended };
    }
    if ends == Verdict::Holds {
        say("stopped");
    }
    ends
}
