//! A system: a small cluster of the real actors, with its bounds.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use stateright::actor::{Id, model_timeout};

use super::engine::faults::{DiskModel, Faults};
use super::engine::universe::Universe;
use super::error::CheckError;
use super::facts::Place;
use super::properties::{Kind, PROPERTIES, Property};
use crate::machine::ledger::Ledger;
use crate::paxos::{
    Acceptor, AcceptorId, AnyStateMachine, Audience, Ballot, Client, ClientId, Command, Instance,
    Leader, LeaderId, Limits, Members, MembersError, Node, Quorums, RequestId, Role, Rulebook,
    Saving, Script, Session, Setup, Start, Timer, Timing,
};

/// The bounds of one leader.
#[derive(Clone, Copy, Debug)]
pub struct LeaderBounds {
    /// Its behaviour at the start: to campaign at once, or to follow.
    pub start: Start,
    /// The acceptors that it asks, counted from 1.
    pub asks: &'static [u8],
    /// The number of its own commands.
    pub commands: u64,
    /// The timers that may fire, at any time and any number of times.
    pub timers: &'static [Timer],
}

/// The bounds of one client.
#[derive(Clone, Copy, Debug)]
pub struct ClientBounds {
    /// The leader that it asks first.
    pub first: LeaderId,
    /// The number of its commands.
    pub commands: u64,
    /// The commands; each that is not among them is its number in text.
    pub payloads: &'static [&'static [u8]],
    /// The most commands that may be unanswered at a time.
    pub at_once: u64,
    /// The timers that may fire, at any time and any number of times: to ask again at the next
    /// leader, to give up, and to let its lease go and rest before each command but the first.
    pub timers: &'static [Timer],
    /// True if it has a lease from the start; otherwise it opens a session first.
    pub is_original: bool,
    /// The requests that it resumes (client, sequence number), which it takes for those of its own
    /// earlier lives.
    pub resumes: &'static [(u128, u64)],
}

/// The bounds of a system. The checker reaches every state within them, and claims nothing beyond.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The leaders.
    pub leaders: &'static [LeaderBounds],
    /// The number of acceptors.
    pub acceptors: u8,
    /// The sets of acceptors that are quorums.
    pub quorums: &'static Quorums,
    /// The state machine before the first command; none for the ledger.
    pub machine: Option<&'static AnyStateMachine>,
    /// The number of instances.
    pub instances: u64,
    /// The most instances that a primary may have open.
    pub window: u64,
    /// The most commands that may wait for a place in the window.
    pub waiting: usize,
    /// The most requests of one client that leaders take at a time.
    pub client_window: u64,
    /// The number of instances for which a client is remembered.
    pub lease: u64,
    /// The most bytes of replies that are remembered.
    pub reply_bytes: u64,
    /// The number of rounds that each leader may use.
    pub rounds: u32,
    /// The leaders that votes are sent to.
    pub audience: Audience,
    /// True if acceptors send refusals.
    pub nacks: bool,
    /// True if leaders are told of other leaders' campaigns.
    pub candidacies: bool,
    /// True if heartbeats go to acceptors too.
    pub upkeep: bool,
    /// The bytes after which a page of votes or decrees is closed: with 1, each has a page of its
    /// own.
    pub page: usize,
    /// The most pages that are requested at a time.
    pub pages: u32,
    /// The clients.
    pub clients: &'static [ClientBounds],
    /// The actors that may crash and recover.
    pub crashes: Crashes,
}

/// The actors that may crash and recover, and the number of crashes.
///
/// Stock Stateright knows no such number: there, one at a time may be down, any number of times.
#[derive(Clone, Copy, Debug)]
pub struct Crashes {
    /// The actors, by name.
    pub who: &'static [&'static str],
    /// The most crashes of all of them together.
    pub total: u8,
}

impl Crashes {
    /// No crashes.
    pub const NONE: Crashes = Crashes { who: &[], total: 0 };
}

/// The effort of exhausting a system on two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: it is part of `cargo test`.
    Seconds,
    /// Minutes: it is part of `synod check --all` only.
    Minutes,
    /// Unknown: it is only explored by random walks.
    Never,
}

/// A property that a system cannot show: it has nothing to judge in any of its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The property's name.
    pub property: &'static str,
    /// The reason why there is nothing to judge.
    pub why: &'static str,
}

/// A system to be checked.
#[derive(Debug)]
pub struct System {
    /// Its name on the command line.
    pub name: &'static str,
    /// The purpose of the system, in a sentence.
    pub about: &'static str,
    /// Its bounds.
    pub bounds: Bounds,
    /// The properties that it is held to in addition to those of kind `Always`.
    pub also: &'static [&'static str],
    /// The properties that have nothing to judge in it, with reasons. A check fails if any other
    /// has nothing to judge.
    pub left_out: &'static [LeftOut],
    /// The number of its states. A check that ends with another number fails.
    pub states: u128,
    /// The effort of exhausting it.
    #[cfg_attr(not(test), expect(dead_code, reason = "it says what tests exhaust"))]
    pub effort: Effort,
    /// The number of its states in stock Stateright, if that can exhaust it.
    pub stock: Option<u64>,
}

impl System {
    /// The properties that this system is held to.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> + use<> {
        let also = self.also;
        let held = move |p: &&Property| p.kind == Kind::Always || also.contains(&p.name);
        PROPERTIES.iter().filter(held)
    }

    /// The system's actors under a rulebook, [`crate::paxos::Paxos`] or a mutant's, on disks of
    /// this model; and the members.
    pub fn universe<R: Rulebook>(
        &self,
        rulebook: &R,
        machine: DiskModel,
    ) -> Result<(Universe<Node<R>>, Members), CheckError> {
        let (nodes, members) = self.bounds.nodes(rulebook)?;
        let Crashes { who, total } = self.bounds.crashes;
        let may_crash = |i: usize| who.contains(&self.bounds.name(Id::from(i)).as_str());
        let crashes = (0..nodes.len()).map(|i| if may_crash(i) { total } else { 0 }).collect();
        let faults = Faults { crashes, total, machine };
        Ok((Universe::new(nodes, faults)?, members))
    }
}

impl ClientBounds {
    /// The client with this number.
    fn client(&self, number: u128, setup: &Arc<Setup>) -> Client {
        let ClientBounds { first, commands, payloads, at_once, timers, is_original, resumes } =
            *self;
        let payloads = payloads.iter().map(|payload| Arc::from(*payload)).collect();
        let leaders = setup.members.leaders().len();
        let closed = Session::new(number, first, leaders, at_once);
        let resumes = resumes.iter().map(|(number, sequence)| RequestId {
            client: ClientId::original(*number),
            sequence: *sequence,
        });
        let rests = timers.contains(&Timer::Idle);
        Client {
            session: if is_original { closed.open_from_the_start() } else { closed },
            script: Script { commands, payloads, rests, resumes: resumes.collect() },
            setup: Arc::clone(setup),
        }
    }
}

impl Bounds {
    fn setup(&self) -> Result<Setup, MembersError> {
        let leaders = self.leaders.len();
        let ids = |range: std::ops::Range<usize>| range.map(Id::from).collect();
        let acceptors = leaders + usize::from(self.acceptors);
        let quorums = self.quorums.clone();
        let members = Members::new(ids(0..leaders), ids(leaders..acceptors), quorums)?;
        let Bounds { rounds, instances, window, waiting, client_window, .. } = *self;
        let Bounds { lease, reply_bytes, page, pages, .. } = *self;
        let (backoff, missed) = (0, 1);
        let limits = Limits {
            rounds,
            instances,
            window,
            waiting,
            client_window,
            lease,
            reply_bytes,
            page,
            pages,
            backoff,
            missed,
            ..Limits::default()
        };
        let Bounds { audience, nacks, candidacies, upkeep, .. } = *self;
        Ok(Setup { members, limits, audience, nacks, candidacies, upkeep })
    }

    /// The actors under a rulebook, and the members.
    pub fn nodes<R: Rulebook>(
        &self,
        rulebook: &R,
    ) -> Result<(Vec<Node<R>>, Members), MembersError> {
        let setup = Arc::new(self.setup()?);
        let ledger = || AnyStateMachine::new(Ledger::default());
        let machine = self.machine.cloned().unwrap_or_else(ledger);
        let node = |role, timers: &[Timer]| {
            Node::with_rulebook(role, Saving::Everything, timing(timers), rulebook.clone())
        };
        let leaders = (0..).zip(self.leaders).map(|(i, bounds)| {
            let leader = Leader {
                me: LeaderId(i),
                start: bounds.start,
                asks: bounds.asks.iter().map(|a| AcceptorId(a - 1)).collect(),
                backlog: own_commands(i, bounds.commands),
                machine: machine.clone(),
                setup: Arc::clone(&setup),
            };
            node(Role::Leader(leader), bounds.timers)
        });
        let acceptors = (0..self.acceptors)
            .map(AcceptorId)
            .map(|me| node(Role::Acceptor(Acceptor { me, setup: Arc::clone(&setup) }), &[]));
        let clients = (0..)
            .zip(self.clients)
            .map(|(i, bounds)| node(Role::Client(bounds.client(i, &setup)), bounds.timers));
        let nodes = leaders.chain(acceptors).chain(clients).collect();
        Ok((nodes, setup.members.clone()))
    }

    /// The places where something can be proposed: each ballot of each leader in each instance.
    pub fn places(&self) -> Vec<Place> {
        let leaders = (0..self.leaders.len() as u16).map(LeaderId);
        let rounds = 1..=self.rounds;
        let ballots =
            rounds.flat_map(|round| leaders.clone().map(move |leader| Ballot { round, leader }));
        let instances = (0..self.instances).map(Instance);
        ballots
            .flat_map(|ballot| instances.clone().map(move |instance| (ballot, instance)))
            .collect()
    }

    /// The name of an actor: `L1`, `A2`, `C1`.
    pub fn name(&self, id: Id) -> String {
        let (index, leaders) = (usize::from(id), self.leaders.len());
        let acceptors = leaders + usize::from(self.acceptors);
        if index < leaders {
            LeaderId(index as u16).to_string()
        } else if index < acceptors {
            AcceptorId((index - leaders) as u8).to_string()
        } else {
            ClientId::original((index - acceptors) as u128).to_string()
        }
    }
}

/// A leader's own commands. Their clients are numbered from 100 on, to differ from real ones.
fn own_commands(leader: u16, count: u64) -> Vec<Command> {
    let command = |sequence: u64| Command {
        id: RequestId { client: ClientId::original(100 + u128::from(leader)), sequence },
        acknowledged: 0,
        payload: sequence.to_string().into_bytes().into(),
    };
    (0..count).map(command).collect()
}

fn timing(timers: &[Timer]) -> Timing {
    let fires = |timer| timers.contains(&timer).then(model_timeout);
    Timing {
        election: fires(Timer::Election),
        heartbeat: fires(Timer::Heartbeat),
        resend: fires(Timer::Resend),
        retry: fires(Timer::Retry),
        give_up: fires(Timer::GiveUp),
        idle: fires(Timer::Idle),
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let own: u64 = self.leaders.iter().map(|leader| leader.commands).sum();
        let asked: u64 = self.clients.iter().map(|client| client.commands).sum();
        let mut parts = vec![
            count(self.leaders.len() as u64, "leader"),
            count(u64::from(self.acceptors), "acceptor"),
            count(self.instances, "instance"),
            count(u64::from(self.rounds), "round"),
            count(own + asked, "command"),
        ];
        if !self.clients.is_empty() {
            parts.push(count(self.clients.len() as u64, "client"));
        }
        match self.quorums {
            Quorums::Majority => {}
            Quorums::Sizes { phase1, phase2 } => {
                parts.push(format!("quorums of {phase1} and {phase2}"));
            }
            Quorums::Sets { .. } => parts.push("quorums by name".to_owned()),
        }
        if self.window < self.instances {
            parts.push(format!("window of {}", self.window));
        }
        if self.waiting < usize::MAX {
            parts.push(format!("{} waiting", self.waiting));
        }
        if self.client_window < u64::MAX {
            parts.push(format!("{} of a client unanswered", self.client_window));
        }
        if self.lease < self.instances {
            parts.push(format!("lease of {}", self.lease));
        }
        if self.reply_bytes < u64::MAX {
            parts.push(format!("{} of replies", count(self.reply_bytes, "byte")));
        }
        let Crashes { who, total } = self.crashes;
        if total > 0 {
            let times = if total == 1 { "once".to_owned() } else { format!("{total} times") };
            parts.push(format!("{} may crash, {times} in all", who.join(" or ")));
        }
        f.write_str(&parts.join(", "))
    }
}
