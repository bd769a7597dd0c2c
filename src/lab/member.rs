//! Members of experiments as processes: the program that they are started by, and what it does then.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use crossbeam_channel::Select;
use thiserror::Error;

use super::offspring::obey_parent;
use crate::cluster::config::{ClusterConfig, ConfigError};
use crate::cluster::member::{Conditions, Member, MemberError, RoleKind};
use crate::paxos::AnyStateMachine;
use crate::runtime::environment::SystemRandom;
use crate::runtime::lossy::Losses;
use crate::runtime::pump::End;

/// A program that members are started by, and the arguments that tell it to be one.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

impl Program {
    /// `synod`, which is here.
    pub fn synod(path: impl Into<PathBuf>) -> Self {
        let arguments = ["--log", "info", "node", "--faults"].map(str::to_owned).into();
        Program { path: path.into(), arguments }
    }

    /// This program. After these arguments of its own come those for [`run_member`].
    pub fn this(arguments: &[&str]) -> io::Result<Self> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Ok(Program { path: env::current_exe()?, arguments })
    }

    /// The command that starts a member, by a cluster's file; with new journals if it has never run.
    pub(super) fn command(&self, name: &str, file: &Path, is_new: bool) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).args([name, "--config"]).arg(file);
        command.args(is_new.then_some("--new"));
        command
    }
}

/// The reason why a member of an experiment did not run to the end of the experiment.
#[derive(Debug, Error)]
enum MemberFailed {
    #[error("say a member's name, --config FILE, and --new if it has never run")]
    Arguments,
    #[error("cannot read the cluster's file: {0}")]
    Read(#[source] io::Error),
    #[error("the cluster's file, {0}")]
    Config(#[from] ConfigError),
    #[error("cannot take orders: {0}")]
    Orders(#[source] io::Error),
    #[error(transparent)]
    Member(#[from] MemberError),
    #[error("the {role} has stopped: {why}")]
    Stopped { role: &'static str, why: String },
}

/// Runs a member of an experiment, until the experiment ends it. `arguments` are those that come after the
/// ones of [`Program::this`]. Commands are applied to `machine`.
pub fn run_member(
    machine: &AnyStateMachine,
    arguments: impl IntoIterator<Item = String>,
) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    match run(machine, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(machine: &AnyStateMachine, arguments: &[String]) -> Result<(), MemberFailed> {
    let [name, option, file, rest @ ..] = arguments else { return Err(MemberFailed::Arguments) };
    let is_new = rest.iter().any(|argument| argument == "--new");
    if option != "--config" {
        return Err(MemberFailed::Arguments);
    }
    let config: ClusterConfig = fs::read_to_string(file).map_err(MemberFailed::Read)?.parse()?;
    let losses = take_orders(&config).map_err(MemberFailed::Orders)?;
    let base = Path::new(file).parent().unwrap_or(Path::new("."));
    if is_new {
        Member::create(&config, base, name)?;
    }
    let conditions = Conditions { losses: Some(losses), ..Conditions::default() };
    let member = Member::start_with(&config, base, name, machine, &conditions)?;
    let mut select = Select::new();
    for ended in member.ended() {
        select.recv(ended);
    }
    select.ready();
    drop(select);
    for (role, ended) in member.stop() {
        let why = match ended.map(|ended| ended.end) {
            Some(End::Stopped) => continue,
            Some(End::Turn(error)) => error.to_string(),
            other => format!("{other:?}"),
        };
        return Err(MemberFailed::Stopped { role: role.name(), why });
    }
    Ok(())
}

/// Loses what the standard input says, such as `n2 100`, from now on: so many of a hundred datagrams from
/// that member. This process ends when its standard input does.
pub(crate) fn take_orders(config: &ClusterConfig) -> io::Result<Arc<Losses>> {
    let losses = Arc::new(Losses::new(Arc::new(SystemRandom)));
    let (ordered, config) = (Arc::clone(&losses), config.clone());
    obey_parent(move |line: &str| {
        if let Err(error) = obey(&config, &ordered, line) {
            say(&format!("cannot do '{}': {error}", line.escape_debug()));
        }
    })?;
    Ok(losses)
}

fn obey(config: &ClusterConfig, losses: &Losses, order: &str) -> Result<(), String> {
    let (name, percent) = order.split_once(' ').ok_or("say a member and how much is lost")?;
    let percent: u8 = percent.parse().map_err(|error| format!("{error}"))?;
    let member = config.member(name).map_err(|error| error.to_string())?;
    for address in [RoleKind::Leader, RoleKind::Acceptor].iter().filter_map(|it| it.address(member))
    {
        losses.set(address.resolve().map_err(|error| error.to_string())?, percent.min(100));
    }
    Ok(())
}

/// Writes a line to the standard error. Nobody may be reading it.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "synod: {line}");
}
