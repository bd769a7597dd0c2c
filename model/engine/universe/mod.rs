//! Actors, messages and cores as small integers, and the steps between them.
//!
//! An actor's **core** is its local state, its timers, its storage, and whether it is down:
//! everything except the messages that it ever sent. All of it is discovered on the fly: nothing is
//! interned before a reachable combination needs it.

mod error;
mod images;
mod react;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use stateright::actor::{Actor, Id};

use super::faults::{DiskModel, Faults};

pub use error::UniverseError;

/// The core of an actor, as an integer. Each actor counts its own from 0.
pub type CoreId = u32;

/// A message with its sender and its addressee, as an integer.
pub type MessageId = u32;

/// A set of messages, as an integer.
pub type SetId = u32;

/// The empty set of messages.
pub const NOTHING: SetId = 0;

type Index<T> = IndexSet<T, FxBuildHasher>;

/// The most actors: diagrams number them with a byte.
const MOST_ACTORS: usize = 128;
/// The most cores of one actor.
const MOST_CORES: usize = 1 << 24;
/// The most kinds of timers of one actor: one bit each.
const MOST_TIMERS: usize = 32;

/// The input of one step of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stimulus {
    /// The actor recovers after a crash.
    Recover,
    /// This message is delivered.
    Hear(MessageId),
    /// This timer fires, by its number among the actor's.
    Fire(u32),
    /// The actor crashes.
    Crash,
}

/// A possible result of one step of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome {
    /// The core after the step.
    pub core: CoreId,
    /// The messages sent in the step.
    pub sent: SetId,
}

/// A core: one actor without the messages that it ever sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LocalState {
    /// None while it is down.
    state: Option<u32>,
    /// A bit for each timer that is set.
    timers: u32,
    storage: Option<u32>,
    /// The storage before the last save since the start; kept only if a crash can undo that save.
    replaced: Option<Option<u32>>,
    crashes: u8,
}

/// A command of an actor, with numbers for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Save(u32),
    Send(MessageId),
    Set(u32),
    Cancel(u32),
}

/// The result of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reaction {
    state: u32,
    /// The commands, in the order in which the machine performs them.
    effects: Box<[Effect]>,
}

/// The tables of one actor.
struct Table<A: Actor> {
    states: Index<A::State>,
    timers: Index<A::Timer>,
    storages: Index<A::Storage>,
    cores: Index<LocalState>,
    /// The results of handlers, by stimulus and local state; by storage if the actor is started.
    reactions: FxHashMap<(Stimulus, Option<u32>), Reaction>,
    alone: FxHashMap<CoreId, Box<[Outcome]>>,
    hears: FxHashMap<(CoreId, MessageId), Box<[Outcome]>>,
    /// The messages ever sent to it.
    inbox: Vec<MessageId>,
}

/// A closed system of actors, as far as it was discovered.
pub struct Universe<A: Actor> {
    actors: Vec<A>,
    faults: Faults,
    tables: Vec<Table<A>>,
    messages: Index<(usize, usize, A::Msg)>,
    sets: Index<Box<[MessageId]>>,
    unions: FxHashMap<(SetId, SetId), SetId>,
    starts: Vec<Vec<Outcome>>,
    failure: Option<UniverseError>,
}

impl<A: Actor> Universe<A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// Starts these actors, with these faults. An error if they cannot be checked.
    pub fn new(actors: Vec<A>, faults: Faults) -> Result<Self, UniverseError> {
        if actors.len() > MOST_ACTORS {
            let (actor, most) = ("the system".to_owned(), MOST_ACTORS);
            return Err(UniverseError::TooMany { actor, what: "actors", most });
        }
        let mut universe = Universe {
            tables: actors.iter().map(|_| Table::new()).collect(),
            actors,
            faults,
            messages: Index::default(),
            sets: [Box::default()].into_iter().collect(),
            unions: FxHashMap::default(),
            starts: Vec::new(),
            failure: None,
        };
        for actor in 0..universe.actors.len() {
            let off =
                LocalState { state: None, timers: 0, storage: None, replaced: None, crashes: 0 };
            let starts = universe.start(actor, off);
            universe.starts.push(starts);
        }
        universe.healthy()?;
        Ok(universe)
    }

    /// The actors.
    pub fn actors(&self) -> &[A] {
        &self.actors
    }

    /// The outcomes of an actor's start: the whole start, or a crash within it.
    pub fn starts(&self, actor: usize) -> &[Outcome] {
        &self.starts[actor]
    }

    /// A message, with its sender and its addressee.
    pub fn message(&self, message: MessageId) -> (usize, usize, &A::Msg) {
        let (from, to, text) = &self.messages[message as usize];
        (*from, *to, text)
    }

    /// All messages ever sent to this actor, in any state.
    pub fn inbox(&self, to: usize) -> &[MessageId] {
        &self.tables[to].inbox
    }

    /// The order of a step's commands, and the loss of saves.
    pub fn machine(&self) -> DiskModel {
        self.faults.machine
    }

    /// The most crashes of all actors together.
    pub fn crash_budget(&self) -> u8 {
        self.faults.total
    }

    /// The number of crashes of an actor.
    pub fn crashes(&self, actor: usize, core: CoreId) -> u8 {
        self.tables[actor].cores[core as usize].crashes
    }

    /// The error by which actors cannot be checked, if one has occurred. After an error, steps are
    /// missing, and no result may be used.
    pub fn healthy(&self) -> Result<(), UniverseError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// The local state of a core, none while it is down, and its storage.
    pub fn view(&self, actor: usize, core: CoreId) -> (Option<&A::State>, Option<&A::Storage>) {
        let table = &self.tables[actor];
        let LocalState { state, storage, .. } = &table.cores[core as usize];
        let state = state.map(|state| &table.states[state as usize]);
        (state, storage.map(|storage| &table.storages[storage as usize]))
    }

    /// The storage that a crash would restore in place of the last save, if it can undo that save.
    /// The inner `None` is an empty storage.
    pub fn replaced(&self, actor: usize, core: CoreId) -> Option<Option<&A::Storage>> {
        let table = &self.tables[actor];
        let older = table.cores[core as usize].replaced?;
        Some(older.map(|storage| &table.storages[storage as usize]))
    }

    /// The timers of a core that are set.
    pub fn timers(&self, actor: usize, core: CoreId) -> impl Iterator<Item = &A::Timer> {
        let table = &self.tables[actor];
        let set = table.cores[core as usize].timers;
        let timers = (0..).zip(&table.timers).filter(move |(number, _)| set & (1 << number) != 0);
        timers.map(|(_, timer)| timer)
    }

    /// The messages of a set, in order.
    pub fn members(&self, set: SetId) -> &[MessageId] {
        &self.sets[set as usize]
    }

    /// The number of a set of messages.
    pub fn set(&mut self, mut messages: Vec<MessageId>) -> SetId {
        messages.sort_unstable();
        messages.dedup();
        self.sets.insert_full(messages.into()).0 as SetId
    }

    /// The messages of a set, by addressee.
    pub fn by_addressee(&mut self, set: SetId) -> Vec<(usize, SetId)> {
        let mut parts = BTreeMap::<usize, Vec<MessageId>>::new();
        for message in self.members(set) {
            parts.entry(self.messages[*message as usize].1).or_default().push(*message);
        }
        parts.into_iter().map(|(to, messages)| (to, self.set(messages))).collect()
    }

    /// The union of two sets of messages.
    pub fn union(&mut self, one: SetId, two: SetId) -> SetId {
        if one == two || two == NOTHING {
            return one;
        }
        if one == NOTHING {
            return two;
        }
        let key = (one.min(two), one.max(two));
        if let Some(known) = self.unions.get(&key) {
            return *known;
        }
        let all = [one, two].map(|set| self.members(set)).concat();
        let union = self.set(all);
        self.unions.insert(key, union);
        union
    }

    /// The outcomes of an actor on its own: by timers, crashes and recovery.
    pub fn alone(&mut self, actor: usize, core: CoreId) -> &[Outcome] {
        if !self.tables[actor].alone.contains_key(&core) {
            let stimuli = self.own_stimuli(actor, core).into_iter();
            let outcomes = stimuli.flat_map(|stimulus| self.outcomes(actor, core, stimulus));
            let outcomes = steps(core, outcomes.collect());
            self.tables[actor].alone.insert(core, outcomes);
        }
        self.tables[actor].alone.get(&core).map_or(&[], |outcomes| outcomes)
    }

    /// The outcomes of delivering a message to its addressee.
    pub fn hear(&mut self, core: CoreId, message: MessageId) -> &[Outcome] {
        let actor = self.messages[message as usize].1;
        if !self.tables[actor].hears.contains_key(&(core, message)) {
            let outcomes = self.outcomes(actor, core, Stimulus::Hear(message));
            let outcomes = steps(core, outcomes);
            self.tables[actor].hears.insert((core, message), outcomes);
        }
        self.tables[actor].hears.get(&(core, message)).map_or(&[], |outcomes| outcomes)
    }

    /// True if it is known that this message changes nothing for its addressee.
    pub fn ignores(&self, actor: usize, core: CoreId, message: MessageId) -> bool {
        self.tables[actor].hears.get(&(core, message)).is_some_and(|outcomes| outcomes.is_empty())
    }

    /// The stimuli of an actor on its own: timers, crashes and recovery.
    pub fn own_stimuli(&self, actor: usize, core: CoreId) -> Vec<Stimulus> {
        let core = &self.tables[actor].cores[core as usize];
        if core.state.is_none() {
            return vec![Stimulus::Recover];
        }
        let timers = (0..MOST_TIMERS as u32).filter(|t| core.timers & (1 << t) != 0);
        let crash = (core.crashes < self.faults.most(actor)).then_some(Stimulus::Crash);
        timers.map(Stimulus::Fire).chain(crash).collect()
    }

    /// The outcomes of a stimulus: a crash after each of the step's commands, if the actor may
    /// crash, and the whole step last.
    pub fn outcomes(&mut self, actor: usize, core: CoreId, stimulus: Stimulus) -> Vec<Outcome> {
        let mut before = self.tables[actor].cores[core as usize].clone();
        match (stimulus, before.state) {
            (Stimulus::Crash, _) => {
                let core = self.number(actor, self.crashed(&before));
                return core.map(|core| Outcome { core, sent: NOTHING }).into_iter().collect();
            }
            (Stimulus::Recover, None) => return self.start(actor, before),
            (Stimulus::Recover, Some(_)) | (_, None) => return Vec::new(),
            (Stimulus::Fire(timer), Some(_)) => before.timers &= !(1 << timer),
            (Stimulus::Hear(_), Some(_)) => {}
        }
        let reaction = self.react(actor, stimulus, before.state);
        reaction.map_or_else(Vec::new, |reaction| self.perform(actor, before, &reaction))
    }

    fn start(&mut self, actor: usize, before: LocalState) -> Vec<Outcome> {
        let reaction = self.react(actor, Stimulus::Recover, before.storage);
        reaction.map_or_else(Vec::new, |reaction| self.perform(actor, before, &reaction))
    }

    /// The event that a stimulus stands for.
    pub fn describe(&self, actor: usize, stimulus: Stimulus) -> Event<A> {
        match stimulus {
            Stimulus::Recover => Event::Recover,
            Stimulus::Crash => Event::Crash,
            Stimulus::Fire(timer) => Event::Fire(self.tables[actor].timers[timer as usize].clone()),
            Stimulus::Hear(message) => {
                let (from, _, text) = self.messages[message as usize].clone();
                Event::Hear(Id::from(from), text)
            }
        }
    }

    /// A hash of a stimulus that does not depend on the numbering of this universe.
    pub fn fingerprint(&self, actor: usize, stimulus: Stimulus) -> u64 {
        match stimulus {
            Stimulus::Recover => 0,
            Stimulus::Crash => 1,
            Stimulus::Fire(timer) => {
                FxBuildHasher.hash_one(&self.tables[actor].timers[timer as usize])
            }
            Stimulus::Hear(message) => FxBuildHasher.hash_one(self.message(message)),
        }
    }

    /// Performs a step's commands one by one. The outcomes are a crash after each, if the actor may
    /// crash, and the whole step last.
    fn perform(&mut self, actor: usize, mut core: LocalState, reaction: &Reaction) -> Vec<Outcome> {
        let may_crash = core.crashes < self.faults.most(actor);
        let (mut after, mut sent) = (Vec::new(), NOTHING);
        for effect in &reaction.effects {
            match *effect {
                Effect::Save(storage) => {
                    if self.faults.machine == DiskModel::LosesLastSave && may_crash {
                        core.replaced = Some(core.storage);
                    }
                    core.storage = Some(storage);
                }
                Effect::Send(message) => {
                    let only = self.set(vec![message]);
                    sent = self.union(sent, only);
                }
                Effect::Set(timer) => core.timers |= 1 << timer,
                Effect::Cancel(timer) => core.timers &= !(1 << timer),
            }
            if may_crash {
                let down = self.number(actor, self.crashed(&core));
                after.extend(down.map(|core| Outcome { core, sent }));
            }
        }
        core.state = Some(reaction.state);
        let whole = self.number(actor, core);
        after.extend(whole.map(|core| Outcome { core, sent }));
        after
    }

    /// The core after a crash.
    fn crashed(&self, core: &LocalState) -> LocalState {
        let storage = match self.faults.machine {
            DiskModel::LosesLastSave => core.replaced.unwrap_or(core.storage),
            DiskModel::Sound | DiskModel::SendsFirst => core.storage,
        };
        let crashes = core.crashes + 1;
        LocalState { state: None, timers: 0, storage, replaced: None, crashes }
    }

    fn number(&mut self, actor: usize, core: LocalState) -> Option<CoreId> {
        let (number, new) = self.tables[actor].cores.insert_full(core);
        if new && number >= MOST_CORES {
            return self.fail_too_many(actor, "cores", MOST_CORES);
        }
        Some(number as CoreId)
    }
}

/// The distinct outcomes that change anything.
fn steps(core: CoreId, mut outcomes: Vec<Outcome>) -> Box<[Outcome]> {
    outcomes.retain(|outcome| *outcome != Outcome { core, sent: NOTHING });
    outcomes.sort_unstable();
    outcomes.dedup();
    outcomes.into()
}

/// An event of an actor, with the message or timer itself.
pub enum Event<A: Actor> {
    /// The actor recovers after a crash.
    Recover,
    /// The actor crashes.
    Crash,
    /// A timer fires.
    Fire(A::Timer),
    /// A message is delivered, from this sender.
    Hear(Id, A::Msg),
}

impl<A: Actor> Table<A> {
    fn new() -> Self {
        Table {
            states: Index::default(),
            timers: Index::default(),
            storages: Index::default(),
            cores: Index::default(),
            reactions: FxHashMap::default(),
            alone: FxHashMap::default(),
            hears: FxHashMap::default(),
            inbox: Vec::new(),
        }
    }
}
