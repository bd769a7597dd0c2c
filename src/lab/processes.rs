//! A cluster of processes on this machine, for experiments: members are started, killed, stopped, continued
//! and cut off from one another.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use thiserror::Error;

use super::member::Program;
use super::offspring::Offspring;
use crate::cluster::config::{ClusterConfig, ConfigError};
use crate::cluster::driver::ClientError;
use crate::cluster::member::{Member, MemberError};
use crate::cluster::status_client::StatusError;
use crate::machine::kv::TooLong;

/// The reason why the cluster of an experiment could not be made.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// A system call failed.
    #[error("cannot {what}: {source}")]
    System {
        /// The attempted action, as a verb phrase.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The configuration file is wrong.
    #[error("the cluster's file, {0}")]
    Config(#[from] ConfigError),
    /// A journal could not be made.
    #[error(transparent)]
    Member(#[from] MemberError),
}

/// The reason why an experiment with a cluster of processes failed.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// The cluster could not be made.
    #[error(transparent)]
    Processes(#[from] ProcessError),
    /// No client could be made or used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No member could be asked for its status.
    #[error(transparent)]
    StatusRequest(#[from] StatusError),
    /// A command is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Answers stopped coming.
    #[error("no answer has come for {0:?}; {1}")]
    Stuck(Duration, String),
    /// This program could not be found.
    #[error("cannot find this program to start members by: {0}")]
    Program(#[source] io::Error),
    /// The latency histogram could not be made.
    #[error("cannot measure latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> ProcessError {
    let what = what.into();
    move |source| ProcessError::System { what, source }
}

/// The range of the ports that are reserved, in blocks. The system gives clients ports of another range.
const PORTS: Range<u16> = 10_000..30_000;
const BLOCK: u16 = 16;

/// The locks of the blocks that this process has taken. They are released when it ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Reserves free ports of the loopback, until this process ends, against all other experiments of this user.
/// Up to 16 are consecutive.
pub fn free_ports(count: usize) -> Result<Vec<u16>, ProcessError> {
    let locks = std::env::temp_dir().join("synod-ports");
    fs::create_dir_all(&locks).map_err(system("find free ports"))?;
    let mut ports = Vec::new();
    let blocks = (PORTS.end - PORTS.start) / BLOCK;
    let first = fastrand::u16(..blocks);
    for block in (0..blocks).map(|next| (first + next) % blocks) {
        if ports.len() >= count {
            break;
        }
        let mut block: Vec<u16> =
            (0..BLOCK).map(|port| PORTS.start + block * BLOCK + port).collect();
        let lock = locks.join(block.first().map_or(String::new(), u16::to_string));
        let opened = File::options().create(true).append(true).open(lock);
        let Ok(lock) = opened else { continue };
        let free = |port: &u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        if lock.try_lock().is_ok() && block.iter().all(free) {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            block.truncate(count - ports.len());
            ports.append(&mut block);
        }
    }
    match ports.len() >= count {
        true => Ok(ports),
        false => Err(system("find free ports")(io::ErrorKind::AddrInUse.into())),
    }
}

/// A cluster of processes. They are killed when this is dropped.
#[derive(Debug)]
pub struct Processes {
    program: Program,
    folder: PathBuf,
    config: ClusterConfig,
    up: BTreeMap<String, Offspring>,
}

impl Processes {
    /// Writes the configuration file of a cluster into a folder, and makes its members' journals. Members are
    /// started by `program`. Starts no member yet.
    pub fn new(program: Program, folder: &Path, file: &str) -> Result<Self, ProcessError> {
        let config: ClusterConfig = file.parse()?;
        let (folder, at) = (folder.to_owned(), folder.join("cluster.toml"));
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&at, file));
        written.map_err(system(format!("write {}", at.display())))?;
        for member in &config.members {
            Member::create(&config, &folder, &member.name)?;
        }
        Ok(Processes { program, folder, config, up: BTreeMap::new() })
    }

    /// The configuration of the cluster.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// The folder of the configuration file, the journals and the logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a member's journals.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    /// The log of a member so far.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Starts a member that is not up. Its output is appended to a log file of its name.
    pub fn start(&mut self, name: &str) -> Result<(), ProcessError> {
        self.start_by(name, "cluster.toml", false)
    }

    /// Starts a member with another configuration file of the same folder, or with new journals.
    pub fn start_by(&mut self, name: &str, file: &str, new: bool) -> Result<(), ProcessError> {
        let log = self.folder.join(format!("{name}.log"));
        let open = || File::options().create(true).append(true).open(&log);
        let child = open().and_then(|out| {
            let mut command = self.program.command(name, &self.folder.join(file), new);
            command.stdout(out.try_clone()?).stderr(out);
            Offspring::start(&mut command)
        });
        let child = child.map_err(system(format!("start {name}")))?;
        self.up.insert(name.to_owned(), child);
        Ok(())
    }

    /// Starts all members.
    pub fn start_all(&mut self) -> Result<(), ProcessError> {
        let names: Vec<String> = self.config.members.iter().map(|m| m.name.clone()).collect();
        names.iter().try_for_each(|name| self.start(name))
    }

    /// Kills a member as `kill -9` does, and waits until it is gone. Does nothing if it is not up.
    pub fn kill(&mut self, name: &str) -> Result<(), ProcessError> {
        let Some(child) = self.up.remove(name) else { return Ok(()) };
        child.kill().map(drop).map_err(system(format!("kill {name}")))
    }

    /// Stops a member with SIGSTOP: it takes no step until it is resumed.
    pub fn pause(&self, name: &str) -> Result<(), ProcessError> {
        self.signal(name, Signal::STOP)
    }

    /// Continues a stopped member.
    pub fn resume(&self, name: &str) -> Result<(), ProcessError> {
        self.signal(name, Signal::CONT)
    }

    fn signal(&self, name: &str, signal: Signal) -> Result<(), ProcessError> {
        let Some(child) = self.up.get(name) else { return Ok(()) };
        child.signal(signal).map_err(system(format!("signal {name}")))
    }

    /// Link loss: from now on, `hearer` loses this percentage of the datagrams from `speaker`.
    pub fn lose(&mut self, hearer: &str, speaker: &str, percent: u8) -> Result<(), ProcessError> {
        let Some(child) = self.up.get_mut(hearer) else { return Ok(()) };
        let told = child.order(&format!("{speaker} {percent}"));
        told.map_err(system(format!("give orders to {hearer}")))
    }

    /// Waits until a member ends by itself, and returns false if it does not in time. A member that has ended
    /// is no longer up.
    pub fn ends(&mut self, name: &str, within: Duration) -> Result<bool, ProcessError> {
        let deadline = Instant::now() + within;
        let Some(child) = self.up.get(name) else { return Ok(true) };
        while Instant::now() < deadline {
            if child.try_wait().map_err(system(format!("look after {name}")))?.is_some() {
                self.up.remove(name);
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    }

    /// A description of the first member that has ended by itself, with its last line of output; `None` if
    /// none has.
    pub fn first_end(&mut self) -> Result<Option<String>, ProcessError> {
        for (name, child) in &self.up {
            let status = child.try_wait().map_err(system(format!("look after {name}")))?;
            if status.is_some() {
                let log = fs::read_to_string(self.folder.join(format!("{name}.log")));
                let last = log.unwrap_or_default().lines().last().unwrap_or_default().to_owned();
                return Ok(Some(format!("{name} has ended by itself: {last}")));
            }
        }
        Ok(None)
    }
}
