//! A whole cluster in one process, on real UDP sockets of the loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use stateright::actor::Id;
use thiserror::Error;

use super::probe::{Probe, View};
use crate::lab::demo::adversary::{Adversary, AdversaryCounts};
use crate::lab::demo::spawn::spawn;
use crate::paxos::{
    Acceptor, AcceptorId, AcceptorSet, AnyStateMachine, Client, ClientId, Leader, LeaderId, Limits,
    Members, MembersError, Node, Quorums, Role, Saving, Setup, Start, State, Timing,
};
use crate::runtime::counters::{Counters, Counts};
use crate::runtime::environment::Environment;
use crate::runtime::host::Ready;
use crate::runtime::identity::{ClusterId, ClusterIdentity, MemberRoles};
use crate::runtime::journal::MemoryJournal;
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::run::{Running, run};
use crate::runtime::udp::Udp;

/// The runtime that drives the actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Synod's: a reader thread, a bounded queue and an actor thread for each member.
    Pump,
    /// Stateright's; memory only.
    Spawn,
}

/// The configuration of a demo cluster.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of leaders; all of them campaign at once.
    pub leaders: u16,
    /// The number of acceptors.
    pub acceptors: u8,
    /// The number of acceptors that have failed: their sockets are bound, and never read.
    pub failed: u8,
    /// The quorum system.
    pub quorums: Quorums,
    /// The number of the client's commands: the integers from 0.
    pub commands: u64,
    /// The runtime of the actors.
    pub runtime: Runtime,
    /// True if the network loses, repeats, delays and reorders datagrams.
    pub adversarial: bool,
    /// The seed of the adversarial network.
    pub seed: u64,
    /// The durations of the timers.
    pub timing: Timing,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            leaders: 2,
            acceptors: 5,
            failed: 2,
            quorums: Quorums::Majority,
            commands: 1000,
            runtime: Runtime::Pump,
            adversarial: false,
            seed: 0,
            timing: Timing::default(),
        }
    }
}

/// The reason why a cluster could not be started.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The members cannot form a cluster.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// A socket or a thread could not be made.
    #[error("cannot start a member: {0}; is the limit of open files or threads reached?")]
    Io(#[from] io::Error),
    /// The adversarial network is not possible with Stateright's runtime, which binds its sockets itself.
    #[error(
        "the adversarial network stands between a socket and its actor, and Stateright's spawn \
         lets nothing in there; use the pump runtime"
    )]
    AdversarialSpawn,
    /// The latency histogram could not be made.
    #[error("cannot measure latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// One member of a running cluster.
#[derive(Debug)]
pub struct Handle {
    /// The displayed name: `L1`, `A2`, `C1`.
    pub name: String,
    /// The address of its socket.
    pub address: SocketAddr,
    /// The observable state.
    pub view: Arc<View>,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Running on synod's runtime.
    Pumped(Running),
    /// Running on Stateright's runtime.
    Spawned,
    /// Failed from the start. The socket stays bound, and is never read.
    Failed { _socket: Arc<Udp> },
    /// Stopped, with its last state, and its counters under synod's runtime.
    Stopped(Option<Box<State>>, Option<Counts>),
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The members: leaders, acceptors, then the client.
    pub handles: Vec<Handle>,
    /// The identity, which no other cluster has.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests send as if they were of this cluster")
    )]
    pub identity: Arc<ClusterIdentity>,
    /// The counters of the adversarial network.
    pub(super) impairments: Arc<AdversaryCounts>,
    /// The time of the start.
    pub started: Instant,
    finished: Receiver<()>,
}

impl Cluster {
    /// Starts all members.
    pub fn start(config: &Config) -> Result<Self, ClusterError> {
        if config.runtime == Runtime::Spawn && config.adversarial {
            return Err(ClusterError::AdversarialSpawn);
        }
        let count = usize::from(config.leaders) + usize::from(config.acceptors) + 1;
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sockets: Vec<Arc<Udp>> =
            (0..count).map(|_| Udp::bind(local).map(Arc::new)).collect::<io::Result<_>>()?;
        let cluster = Arc::new(identity(config)?);
        let ids: Vec<Id> = match config.runtime {
            // Stateright binds each actor to the address that its id stands for.
            Runtime::Spawn => sockets.iter().map(|socket| socket.id()).collect(),
            Runtime::Pump => cluster.roles().filter_map(|(party, ..)| party.id()).collect(),
        };
        let parties = || cluster.roles().map(|(party, ..)| party);
        for socket in &sockets {
            let places = parties().zip(&sockets).map(|(party, at)| (party, at.address()));
            places.for_each(|(party, at)| socket.addresses().place(party, at));
        }
        let setup = Arc::new(setup(config, ids)?);
        let (tell, finished) = crossbeam_channel::bounded(1);
        let impairments = Arc::new(AdversaryCounts::default());
        let started = Instant::now();
        let members = Plan { config, setup }.members(tell)?;
        let mut handles = Vec::new();
        let mut spawned = Vec::new();
        let parties = parties().chain([Party::Client]).collect::<Vec<_>>();
        for (((number, member), party), socket) in (0..).zip(members).zip(parties).zip(sockets) {
            let me = Me::new(party, Arc::clone(&cluster));
            let (name, address) = (member.name, socket.address());
            let leaves_word = config.runtime == Runtime::Spawn;
            let probe = Probe::new(member.node, Arc::clone(&member.view), leaves_word);
            let how = match config.runtime {
                _ if member.failed => How::Failed { _socket: socket },
                Runtime::Spawn => {
                    spawned.push((socket.id(), probe));
                    How::Spawned
                }
                Runtime::Pump => {
                    let seed = config.seed.wrapping_add(number);
                    let journal = MemoryJournal::default();
                    let ready = Ready { me, admission: None, actor: probe, storage: None, journal };
                    let (own, environment) = (Arc::clone(&socket), Environment::system());
                    How::Pumped(if config.adversarial {
                        let source = Adversary::new(own, seed, Arc::clone(&impairments));
                        run(ready, (socket, Arc::new(source)), environment)?
                    } else {
                        run(ready, (socket, own), environment)?
                    })
                }
            };
            handles.push(Handle { name, address, view: member.view, how });
        }
        if !spawned.is_empty() {
            spawn(spawned)?;
        }
        Ok(Cluster { handles, identity: cluster, impairments, started, finished })
    }

    /// The leaders.
    pub fn leaders(&self) -> impl Iterator<Item = &Handle> {
        self.handles.iter().filter(|handle| handle.name.starts_with('L'))
    }

    /// The number of commands answered so far.
    pub fn answered(&self) -> u64 {
        self.handles.iter().filter_map(|h| Some(h.view.client()?.answered)).sum()
    }

    /// Waits until every command is answered, and returns false once no answer has come for `patience`.
    /// `progress` is told the number of answers now and then.
    pub fn wait_until_answered(&self, patience: Duration, progress: impl Fn(u64)) -> bool {
        let (mut answered, mut since) = (0, Instant::now());
        loop {
            if self.finished.recv_timeout(Duration::from_millis(50)).is_ok() {
                progress(self.answered());
                return true;
            }
            let now = self.answered();
            progress(now);
            if now > answered {
                (answered, since) = (now, Instant::now());
            } else if since.elapsed() >= patience {
                return false;
            }
        }
    }

    /// Waits until all leaders know the same number of decided instances, and returns false if that takes
    /// longer than `patience`. A leader that has missed instances catches up at the primary's next heartbeat.
    pub fn wait_until_caught_up(&self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            let mut decided = self.leaders().map(|leader| leader.view.decided());
            let first = decided.next();
            if decided.all(|other| Some(other) == first) {
                return true;
            }
            if start.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops one member for good, as if its machine had failed. Does nothing if the member is stopped, failed
    /// or unknown.
    #[cfg(test)]
    pub fn kill(&mut self, name: &str) {
        if let Some(handle) = self.handles.iter_mut().find(|handle| handle.name == name) {
            handle.stop(Duration::from_secs(1));
        }
    }

    /// Stops all members.
    pub fn stop(&mut self) {
        self.handles.iter().for_each(|handle| handle.view.retire());
        self.handles.iter_mut().for_each(|handle| handle.stop(Duration::from_secs(1)));
    }

    /// The sum of all members' counters; `None` under Stateright's `spawn`, which does not count.
    pub fn counts(&self) -> Option<Counts> {
        let counted: Vec<Counts> = self.handles.iter().filter_map(Handle::counts).collect();
        (!counted.is_empty()).then(|| counted.into_iter().sum())
    }
}

/// A dropped member does nothing more. Under Stateright's `spawn` this is the only way to stop it.
impl Drop for Handle {
    fn drop(&mut self) {
        self.view.retire();
    }
}

impl Handle {
    /// The counters of the member; `None` under Stateright's `spawn`, or if it has failed.
    pub fn counts(&self) -> Option<Counts> {
        match &self.how {
            How::Pumped(running) => Some(running.counters().read()),
            How::Stopped(_, counts) => *counts,
            How::Spawned | How::Failed { .. } => None,
        }
    }

    /// The state of the member when it was stopped.
    pub fn last_state(&self) -> Option<&State> {
        match &self.how {
            How::Stopped(state, _) => state.as_deref(),
            _ => None,
        }
    }

    /// True if the member has failed from the start.
    pub fn has_failed(&self) -> bool {
        matches!(self.how, How::Failed { .. })
    }

    fn stop(&mut self, patience: Duration) {
        self.view.retire();
        match std::mem::replace(&mut self.how, How::Spawned) {
            How::Pumped(running) => {
                let counters: Arc<Counters> = running.counters();
                let state = running.stop().and_then(|ended| ended.state);
                self.how = How::Stopped(state.map(Box::new), Some(counters.read()));
            }
            How::Spawned => {
                self.wait_until_retired(patience);
                self.how = How::Stopped(self.view.take_last().map(Box::new), None);
            }
            other => self.how = other,
        }
    }

    /// Waits until a member under Stateright's `spawn`, which cannot be stopped, has left its state at its
    /// next step. Only leaders are sure to have a next step.
    fn wait_until_retired(&self, patience: Duration) {
        let start = Instant::now();
        let leader = self.name.starts_with('L');
        while leader && !self.view.has_retired() && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The identity of a new cluster.
fn identity(config: &Config) -> io::Result<ClusterIdentity> {
    let Config { leaders, acceptors, .. } = *config;
    let member = |name: String, leader| MemberRoles { name, leader, acceptor: !leader };
    let leaders = (0..leaders).map(|leader| member(LeaderId(leader).to_string(), true));
    let acceptors = (0..acceptors).map(|acceptor| member(AcceptorId(acceptor).to_string(), false));
    Ok(ClusterIdentity {
        id: ClusterId::draw()?,
        name: "demo".to_owned(),
        machine: "none".to_owned(),
        lease: Limits::default().lease,
        reply_bytes: Limits::default().reply_bytes,
        quorums: config.quorums.sizes(config.acceptors.into()),
        members: leaders.chain(acceptors).collect(),
    })
}

fn setup(config: &Config, ids: Vec<Id>) -> Result<Setup, MembersError> {
    let mut ids = ids.into_iter();
    let leaders: Vec<Id> = ids.by_ref().take(config.leaders.into()).collect();
    let acceptors: Vec<Id> = ids.take(config.acceptors.into()).collect();
    let members = Members::new(leaders, acceptors, config.quorums.clone())?;
    Ok(Setup::new(members, Limits::default()))
}

/// A member to be started.
struct Planned {
    name: String,
    node: Node,
    view: Arc<View>,
    failed: bool,
}

struct Plan<'a> {
    config: &'a Config,
    setup: Arc<Setup>,
}

impl Plan<'_> {
    fn members(
        &self,
        finished: crossbeam_channel::Sender<()>,
    ) -> Result<Vec<Planned>, hdrhistogram::CreationError> {
        let Config { leaders, acceptors, failed, commands, .. } = *self.config;
        let plan = |name: String, role, view, failed| {
            let node = Node::new(role, Saving::Nothing, self.config.timing.clone());
            Planned { name, node, view: Arc::new(view), failed }
        };
        let leader = |me| {
            let (start, asks) = (Start::Campaign, AcceptorSet::all(acceptors.into()));
            let setup = Arc::clone(&self.setup);
            let role = Role::Leader(Leader {
                me,
                start,
                asks,
                backlog: Vec::new(),
                machine: AnyStateMachine::default(),
                setup,
            });
            plan(me.to_string(), role, View::default(), false)
        };
        let acceptor = |me: AcceptorId| {
            let role = Role::Acceptor(Acceptor { me, setup: Arc::clone(&self.setup) });
            plan(me.to_string(), role, View::default(), me.0 >= acceptors.saturating_sub(failed))
        };
        let window = self.setup.limits.client_window;
        let first = LeaderId(leaders.saturating_sub(1).min(1));
        let client = Client::new(0, first, commands, window, Arc::clone(&self.setup));
        let view = View::of_client(commands, finished)?;
        let name = ClientId::original(0).to_string();
        let client = plan(name, Role::Client(client), view, false);
        let leaders = (0..leaders).map(LeaderId).map(leader);
        Ok(leaders.chain((0..acceptors).map(AcceptorId).map(acceptor)).chain([client]).collect())
    }
}
