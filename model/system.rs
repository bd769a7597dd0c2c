//! A system: a small cluster of the real actors, with its bounds, as a Stateright model.

use std::fmt;
use std::sync::Arc;

use stateright::actor::{ActorModel, ActorModelState, Id, Network, model_timeout};
use stateright::{Expectation, Property as StaterightProperty};

use super::facts::{Facts, Situation, Topic, said};
use super::properties::{Kind, PROPERTIES, Property};
use crate::paxos::{
    Acceptor, AcceptorId, Audience, Client, ClientId, Command, Leader, LeaderId, Limits, Members,
    MembersError, Node, Quorums, RequestId, Role, Rulebook, Saving, Setup, Start, Timer, Timing,
};

/// What one leader may do.
#[derive(Clone, Copy, Debug)]
pub struct LeaderBounds {
    /// Whether it campaigns at once.
    pub start: Start,
    /// The acceptors that it asks, as people count them.
    pub asks: &'static [u8],
    /// How many commands it has of its own.
    pub commands: u64,
    /// The timers that may fire, at any time and any number of times.
    pub timers: &'static [Timer],
}

/// What one client may do.
#[derive(Clone, Copy, Debug)]
pub struct ClientBounds {
    /// The leader that it asks first.
    pub first: LeaderId,
    /// How many commands it wants done, all at once.
    pub commands: u64,
    /// Whether it asks again, at the next leader.
    pub retries: bool,
}

/// How large a system is. The checker reaches every state within these bounds; beyond them it
/// claims nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The leaders.
    pub leaders: &'static [LeaderBounds],
    /// How many acceptors.
    pub acceptors: u8,
    /// How many instances.
    pub instances: u64,
    /// How many rounds each leader may use.
    pub rounds: u32,
    /// Who hears of votes.
    pub audience: Audience,
    /// Whether refused leaders are told.
    pub nacks: bool,
    /// The clients.
    pub clients: &'static [ClientBounds],
    /// The actors that may crash and recover, one at a time, any number of times; by name.
    pub crashes: &'static [&'static str],
}

/// A system to be checked.
#[derive(Debug)]
pub struct System {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    /// How large it is.
    pub bounds: Bounds,
    /// The properties it is held to beside those that hold always.
    pub also: &'static [&'static str],
    /// How many states it has: a check that ends with another number is no check.
    pub states: u64,
}

/// What a property needs to know of the system that it is evaluated in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system.
    pub system: &'static System,
    /// Who takes part.
    pub members: Members,
}

/// A system as a stock Stateright model.
pub type Stock<R> = ActorModel<Node<R>, Config>;

/// A state of a stock Stateright model.
pub type StockState<R> = ActorModelState<Node<R>>;

impl System {
    /// The properties that this system is held to.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> + use<> {
        let also = self.also;
        let held = move |p: &&Property| p.kind == Kind::Always || also.contains(&p.name);
        PROPERTIES.iter().filter(held)
    }

    /// The system under a rulebook, [`crate::paxos::Paxos`] or a mutant's, held to all its
    /// properties.
    pub fn model<R: Rulebook>(&'static self, rulebook: &R) -> Result<Stock<R>, MembersError> {
        self.model_of(rulebook, self.properties())
    }

    /// The system under a rulebook, held to these properties only. Stateright has no place for
    /// those that are to stay possible: see [`super::reach`].
    pub fn model_of<R: Rulebook>(
        &'static self,
        rulebook: &R,
        properties: impl Iterator<Item = &'static Property>,
    ) -> Result<Stock<R>, MembersError> {
        let setup = Arc::new(self.bounds.setup()?);
        let config = Config { system: self, members: setup.members.clone() };
        let mut model = ActorModel::new(config, ())
            .actors(self.bounds.nodes(&setup, rulebook))
            .init_network(Network::new_unordered_duplicating([]))
            .max_crashes(usize::from(!self.bounds.crashes.is_empty()))
            .within_boundary(only_expected_crashes);
        for Property { name, kind, .. } in properties {
            let expectation = match kind {
                Kind::Always => Expectation::Always,
                Kind::Sometimes => Expectation::Sometimes,
                Kind::StaysPossible => continue,
            };
            let mut conditions = PROPERTIES.iter().zip(conditions::<R>());
            if let Some((_, condition)) = conditions.find(|(property, _)| property.name == *name) {
                model.properties.push(StaterightProperty { expectation, name, condition });
            }
        }
        Ok(model)
    }
}

impl Bounds {
    pub fn setup(&self) -> Result<Setup, MembersError> {
        let leaders = self.leaders.len();
        let ids = |range: std::ops::Range<usize>| range.map(Id::from).collect();
        let acceptors = leaders + usize::from(self.acceptors);
        let members = Members::new(ids(0..leaders), ids(leaders..acceptors), Quorums::Majority)?;
        let instances = self.instances;
        let limits = Limits { rounds: self.rounds, instances, ..Limits::default() };
        Ok(Setup { members, limits, audience: self.audience, nacks: self.nacks })
    }

    pub fn nodes<R: Rulebook>(&self, setup: &Arc<Setup>, rulebook: &R) -> Vec<Node<R>> {
        let node = |role, timers: &[Timer]| {
            Node::with_rulebook(role, Saving::Everything, timing(timers), rulebook.clone())
        };
        let leaders = (0..).zip(self.leaders).map(|(i, bounds)| {
            let leader = Leader {
                me: LeaderId(i),
                start: bounds.start,
                asks: bounds.asks.iter().map(|a| AcceptorId(a - 1)).collect(),
                backlog: own_commands(i, bounds.commands),
                setup: Arc::clone(setup),
            };
            node(Role::Leader(leader), bounds.timers)
        });
        let acceptors = (0..self.acceptors)
            .map(AcceptorId)
            .map(|me| node(Role::Acceptor(Acceptor { me, setup: Arc::clone(setup) }), &[]));
        let clients = (0..).zip(self.clients).map(|(i, bounds)| {
            let ClientBounds { first, commands, retries } = *bounds;
            let (me, setup) = (ClientId(i), Arc::clone(setup));
            let client = Client { me, first, commands, window: commands, setup };
            node(Role::Client(client), if retries { &[Timer::Retry] } else { &[] })
        });
        leaders.chain(acceptors).chain(clients).collect()
    }

    /// What people call an actor: `L1`, `A2`, `C1`.
    pub fn name(&self, id: Id) -> String {
        let (index, leaders) = (usize::from(id), self.leaders.len());
        let acceptors = leaders + usize::from(self.acceptors);
        if index < leaders {
            LeaderId(index as u16).to_string()
        } else if index < acceptors {
            AcceptorId((index - leaders) as u8).to_string()
        } else {
            ClientId((index - acceptors) as u64).to_string()
        }
    }
}

/// Commands of a leader's own; their clients are counted from 101, apart from real ones.
fn own_commands(leader: u16, count: u64) -> Vec<Command> {
    let command = |sequence: u64| Command {
        id: RequestId { client: ClientId(100 + u64::from(leader)), sequence },
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
    }
}

fn only_expected_crashes<R: Rulebook>(config: &Config, state: &StockState<R>) -> bool {
    let bounds = &config.system.bounds;
    let down = (0..).zip(&state.crashed).filter(|(_, crashed)| **crashed);
    down.map(|(i, _): (usize, _)| bounds.name(Id::from(i)))
        .all(|name| bounds.crashes.contains(&name.as_str()))
}

/// What is to be seen of these topics in a state of a stock model.
fn facts<R: Rulebook>(model: &Stock<R>, state: &StockState<R>, topics: &[Topic]) -> Facts {
    let mut facts = Facts::new();
    let actors = model.actors.iter().zip(&state.actor_states);
    let durable = state.actor_storages.iter().zip(&state.crashed);
    for ((node, local), (storage, crashed)) in actors.zip(durable) {
        Situation::new(node, local, storage.as_ref(), *crashed).observe(topics, &mut facts);
    }
    let members = &model.cfg.members;
    facts.extend(state.network.iter_all().filter_map(|e| said(members, e.src, e.msg, topics)));
    facts
}

/// What a property finds in a state of a stock model.
pub fn find<R: Rulebook>(
    property: &Property,
    model: &Stock<R>,
    state: &StockState<R>,
) -> Option<String> {
    (property.find)(&model.cfg.members, &facts(model, state, property.topics))
}

type Condition<R> = fn(&Stock<R>, &StockState<R>) -> bool;

/// Stateright takes plain functions, so there is one for each place in [`PROPERTIES`].
fn conditions<R: Rulebook>() -> [Condition<R>; PROPERTIES.len()] {
    [
        condition::<R, 0>,
        condition::<R, 1>,
        condition::<R, 2>,
        condition::<R, 3>,
        condition::<R, 4>,
        condition::<R, 5>,
        condition::<R, 6>,
        condition::<R, 7>,
        condition::<R, 8>,
        condition::<R, 9>,
        condition::<R, 10>,
        condition::<R, 11>,
        condition::<R, 12>,
        condition::<R, 13>,
        condition::<R, 14>,
        condition::<R, 15>,
        condition::<R, 16>,
        condition::<R, 17>,
        condition::<R, 18>,
    ]
}

#[allow(clippy::indexing_slicing, reason = "the array of conditions is as long as PROPERTIES")]
fn condition<R: Rulebook, const N: usize>(model: &Stock<R>, state: &StockState<R>) -> bool {
    let property = &PROPERTIES[N];
    find(property, model, state).is_some() == (property.kind == Kind::Sometimes)
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
        if !self.crashes.is_empty() {
            parts.push(format!("{} may crash", self.crashes.join(" or ")));
        }
        f.write_str(&parts.join(", "))
    }
}
