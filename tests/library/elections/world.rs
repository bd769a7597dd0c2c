//! A cluster in virtual time: the real actors, on disks that take what they are told to take, and on a
//! network with a delay. Hosts take turns as the real ones do: all that has come, then one sync, then
//! what is to be sent, then timers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::paxos::*;
use crate::runtime::pace::Pace;
use crate::runtime::party::Party;
use fastrand::Rng;
use stateright::actor::{Actor, Command as Effect, Id, Out};

/// Since the start.
pub(crate) type Time = Duration;

/// The most datagrams of a turn.
const BATCH: usize = 256;

enum Event {
    /// From whom, whose syncs take so long.
    Deliver(usize, Duration, Message),
    Fire(Timer),
    /// What has waited for the disk.
    Saved,
}

/// An actor and its machine.
struct Host {
    node: Node,
    state: State,
    sync: Duration,
    pace: Pace,
    due: BTreeMap<Timer, Time>,
    /// What has come while the disk was being waited for.
    inbox: Vec<Event>,
    is_saving: bool,
    /// What is to be done once the disk is done.
    held: Vec<Effect<Message, Timer, (), Storage>>,
    checks: Checks,
}

/// What is the same for all, and what goes wrong.
pub(crate) struct Network {
    pub(crate) one_way: Duration,
    /// Pairs that do not hear one another.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// One of so many messages is lost; none is if this is 0.
    pub(crate) lost_of: u32,
}

pub(crate) struct World {
    hosts: Vec<Option<Host>>,
    events: BTreeMap<(Time, u64), (usize, Event)>,
    network: Network,
    random: Rng,
    planned: u64,
    pub(crate) now: Time,
    /// Who has begun a campaign, in order.
    pub(crate) campaigns: Vec<usize>,
    /// Who became primary, in order.
    pub(crate) primaries: Vec<usize>,
    /// What clients were told.
    pub(crate) told: Vec<Message>,
    pub(crate) sent: u64,
}

/// A host to be: its role, what is on its disk, and how long that takes to save.
pub(crate) struct Machine {
    pub(crate) role: Role,
    pub(crate) disk: Option<Storage>,
    pub(crate) sync: Duration,
}

impl World {
    /// Starts these hosts; those that are none are down.
    pub(crate) fn start(machines: Vec<Option<Machine>>, network: Network, seed: u64) -> Self {
        let mut world = World {
            hosts: Vec::new(),
            events: BTreeMap::new(),
            network,
            random: Rng::with_seed(seed),
            planned: 0,
            now: Time::ZERO,
            campaigns: Vec::new(),
            primaries: Vec::new(),
            told: Vec::new(),
            sent: 0,
        };
        let mut outs = Vec::new();
        for (at, machine) in machines.into_iter().enumerate() {
            let host = machine.map(|Machine { role, disk, sync }| {
                let node = Node::new(role, Saving::Changes, Timing::default());
                let mut out = Out::new();
                let state = node.on_start(Id::from(at), &disk, &mut out);
                outs.push((at, out));
                let (pace, due, inbox) = (Pace::new((2, 2)), BTreeMap::new(), Vec::new());
                let (is_saving, held, checks) = (false, Vec::new(), Checks::default());
                Host { node, state, sync, pace, due, inbox, is_saving, held, checks }
            });
            world.hosts.push(host);
        }
        outs.into_iter().for_each(|(at, out)| world.perform(at, out.into_iter().collect()));
        world
    }

    /// Cuts two off from one another.
    pub(crate) fn cut(&mut self, one: usize, two: usize) {
        self.network.cut.extend([(one, two), (two, one)]);
    }

    /// From now on one of so many messages is lost; none is if this is 0.
    pub(crate) fn lose(&mut self, one_of: u32) {
        self.network.lost_of = one_of;
    }

    /// Nobody is cut off, and nothing is lost any more.
    pub(crate) fn heal(&mut self) {
        self.network.cut.clear();
        self.network.lost_of = 0;
    }

    /// A client, which is nobody's machine, says this to a host.
    pub(crate) fn ask(&mut self, to: usize, message: Message) {
        let from = self.hosts.len();
        self.plan(
            self.now + self.network.one_way,
            to,
            Event::Deliver(from, Duration::ZERO, message),
        );
    }

    /// Who takes itself for primary.
    pub(crate) fn acting(&self) -> Vec<usize> {
        let is = |host: &Option<Host>| {
            let leader = host.as_ref().and_then(|host| host.state.as_leader());
            leader.is_some_and(|leader| matches!(leader.stance(), Stance::Primary(_)))
        };
        (0..self.hosts.len()).filter(|at| is(&self.hosts[*at])).collect()
    }

    pub(crate) fn state(&self, at: usize) -> &State {
        &self.hosts[at].as_ref().unwrap().state
    }

    /// Goes on until this is so, or until then. True if it is.
    pub(crate) fn run(&mut self, until: Time, done: impl Fn(&World) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let Some(((at, _), (host, event))) = self.events.pop_first() else { return false };
            if at > until {
                self.plan(at, host, event);
                self.now = until;
                return false;
            }
            self.now = at;
            self.happen(host, event);
        }
    }

    fn plan(&mut self, at: Time, host: usize, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), (host, event));
    }

    fn happen(&mut self, at: usize, event: Event) {
        let Some(host) = self.hosts[at].as_mut() else { return };
        let batch = match event {
            Event::Saved => {
                host.is_saving = false;
                let held = std::mem::take(&mut host.held);
                self.finish(at, held);
                let inbox = &mut self.hosts[at].as_mut().unwrap().inbox;
                let rest = inbox.split_off(inbox.len().min(BATCH));
                std::mem::replace(inbox, rest)
            }
            event if host.is_saving => return host.inbox.push(event),
            event => vec![event],
        };
        self.turn(at, batch);
    }

    fn turn(&mut self, at: usize, batch: Vec<Event>) {
        let mut effects = Vec::new();
        for event in batch {
            let before = self.acts(at);
            let host = self.hosts[at].as_mut().unwrap();
            let mut state =
                Cow::Owned(std::mem::replace(&mut host.state, State::Acceptor(Default::default())));
            let mut out = Out::new();
            match event {
                Event::Deliver(from, sync, message) => {
                    host.pace.hear(party(&host.node, from), sync);
                    host.node.on_msg(Id::from(at), &mut state, Id::from(from), message, &mut out);
                }
                Event::Fire(timer) if host.due.get(&timer).is_some_and(|due| *due <= self.now) => {
                    host.due.remove(&timer);
                    host.node.on_timeout(Id::from(at), &mut state, &timer, &mut out);
                }
                Event::Fire(_) | Event::Saved => {}
            }
            host.state = state.into_owned();
            assert_eq!(host.checks.check(&host.state), Ok(()));
            effects.extend(out);
            match (before, self.acts(at)) {
                ("candidate", "candidate") | ("primary", "primary") => {}
                (_, "candidate") => self.campaigns.push(at),
                (_, "primary") => self.primaries.push(at),
                _ => {}
            }
        }
        self.perform(at, effects);
    }

    fn acts(&self, at: usize) -> &'static str {
        let state = self.hosts[at].as_ref().and_then(|host| host.state.as_leader());
        state.map_or("", |leader| leader.stance_name().0)
    }

    /// Saves first, which takes its time.
    fn perform(&mut self, at: usize, effects: Vec<Effect<Message, Timer, (), Storage>>) {
        let host = self.hosts[at].as_mut().unwrap();
        let saves = effects.iter().any(|effect| matches!(effect, Effect::Save(_)));
        if saves && host.sync > Duration::ZERO {
            (host.held, host.is_saving) = (effects, true);
            host.pace.measure(host.sync);
            let then = self.now + host.sync;
            self.plan(then, at, Event::Saved);
        } else {
            self.finish(at, effects);
        }
    }

    fn finish(&mut self, at: usize, effects: Vec<Effect<Message, Timer, (), Storage>>) {
        for effect in effects {
            match effect {
                Effect::Send(to, message) => self.send(at, usize::from(to), message),
                Effect::SetTimer(timer, range) => {
                    let host = self.hosts[at].as_mut().unwrap();
                    let range = host.pace.stretch(timer, range);
                    let micros = |time: Duration| time.as_micros() as u64;
                    let after = self.random.u64(micros(range.start)..=micros(range.end));
                    let due = self.now + Duration::from_micros(after);
                    host.due.insert(timer, due);
                    self.plan(due, at, Event::Fire(timer));
                }
                Effect::CancelTimer(timer) => {
                    self.hosts[at].as_mut().unwrap().due.remove(&timer);
                }
                Effect::Save(_) | Effect::ChooseRandom(..) => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        self.sent += 1;
        if to >= self.hosts.len() {
            return self.told.push(message);
        }
        let lost = self.network.lost_of;
        if self.network.cut.contains(&(from, to)) || lost > 0 && self.random.u32(..lost) == 0 {
            return;
        }
        let sync = self.hosts[from].as_ref().unwrap().pace.own();
        self.plan(self.now + self.network.one_way, to, Event::Deliver(from, sync, message));
    }
}

fn party(node: &Node, from: usize) -> Party {
    let members = match node.role() {
        Role::Leader(leader) => &leader.setup.members,
        Role::Acceptor(acceptor) => &acceptor.setup.members,
        Role::Client(client) => &client.setup.members,
    };
    let acceptor = members.acceptor_at(Id::from(from)).map(Party::Acceptor);
    acceptor.or(members.leader_at(Id::from(from)).map(Party::Leader)).unwrap_or(Party::Client)
}

/// Leaders and acceptors, by number: leaders first.
pub(crate) fn cluster(
    leaders: usize,
    limits: Limits,
    sync: impl Fn(usize) -> Duration,
    mut disk: impl FnMut(usize) -> Option<Option<Storage>>,
) -> Vec<Option<Machine>> {
    let ids = |range: std::ops::Range<usize>| range.map(Id::from).collect::<Vec<_>>();
    let members = Members::new(ids(0..leaders), ids(leaders..leaders + 3), Quorums::Majority);
    let setup = Arc::new(Setup::new(members.unwrap(), limits));
    let role = |at: usize| match at.checked_sub(leaders) {
        Some(acceptor) => {
            Role::Acceptor(Acceptor { me: AcceptorId(acceptor as u8), setup: Arc::clone(&setup) })
        }
        None => Role::Leader(Leader {
            me: LeaderId(at as u16),
            start: Start::Follow,
            asks: AcceptorSet::all(3),
            backlog: Vec::new(),
            machine: AnyStateMachine::default(),
            setup: Arc::clone(&setup),
        }),
    };
    (0..leaders + 3)
        .map(|at| disk(at).map(|disk| Machine { role: role(at), disk, sync: sync(at) }))
        .collect()
}
