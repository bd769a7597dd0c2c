//! All reachable states at once, on diagrams.
//!
//! Each actor has a block of variables: its core, and below it an outbox for each addressee, whose
//! value is the set of messages ever sent there. Blocks further up affect those below only by what
//! they have sent. So everything is computed *under an environment*: the messages that the blocks
//! above have sent to the blocks from here on, and the number of crashes left. A set is **closed**
//! under an environment if no step of these blocks, and no delivery of its messages to them, leads
//! out of it. [`Symbolic::reach`] closes the initial states under the empty environment.
//!
//! This is saturation ("Saturation unbound": Ciardo, Marmorstein and Siminiceanu 2003), without a
//! list of events: since what was sent stays sent, the part of a closed set in which a message was
//! sent is closed as well, and needs no work when it is delivered to a block above.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | environments and the closure |
//! | `moves` | one step, forwards and backwards |
//! | `offers` | the messages sent in the states of a set |
//! | `closed` | the check that no step leads out of a set |
//! | `select` | the states in which something is found |
//! | `path` | shortest runs |
//! | `alone` | the local configurations of one actor, and its steps |

mod alone;
mod closed;
mod moves;
mod offers;
mod path;
mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use indexmap::IndexSet;
use num_bigint::BigUint;
use rustc_hash::{FxBuildHasher, FxHashMap};
use stateright::actor::Actor;

use super::cache::Cache;
use super::diagram::{Diagram, EMPTY, END, Node, Value, Variable};
use super::universe::{MessageId, NOTHING, Outcome, SetId, Universe, UniverseError};

pub use alone::Alone;
use offers::Offers;

/// The effect of the blocks above on those from some block on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Environment {
    /// The messages sent, by addressee; the empty set for addressees above.
    sent: Box<[SetId]>,
    /// The number of crashes left.
    budget: u8,
}

type EnvironmentId = u32;

/// The part of a node under construction that lies below one value of a core.
#[derive(Debug, Default)]
struct Slot {
    /// The closed part.
    closed: Node,
    /// Sets to be added, and closed.
    pending: Vec<Node>,
}

type Slots = BTreeMap<Value, Slot>;

/// The least number of nodes at which garbage is collected. After a collection, the limit is at
/// least twice the nodes left.
const COLLECT_AT: usize = 1 << 20;

/// A callback that gets the number of states found so far, from time to time.
pub type ProgressFn<'u> = &'u dyn Fn(&BigUint);

/// The minimum interval between reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A callback that gets the number of states found so far, after each layer.
pub type Progress<'p> = &'p mut dyn FnMut(BigUint);

/// The states of a universe on diagrams.
pub struct Symbolic<'u, A: Actor> {
    universe: &'u mut Universe<A>,
    /// The actor of each block.
    order: Vec<usize>,
    /// The block of each actor.
    block: Vec<u8>,
    diagram: Diagram,
    environments: IndexSet<Environment, FxBuildHasher>,
    extended: FxHashMap<(EnvironmentId, usize, SetId), EnvironmentId>,
    below: FxHashMap<(EnvironmentId, u8, u8), EnvironmentId>,
    closed: FxHashMap<(Node, Node, EnvironmentId), Node>,
    stepped: FxHashMap<(Node, EnvironmentId), Node>,
    filtered: Cache<(Node, MessageId)>,
    noted: Cache<(Node, SetId)>,
    offers: Offers,
    trimmed: Cache<(Node, u8)>,
    /// Nodes under construction, which are roots of the garbage collection.
    frames: Vec<Slots>,
    /// Sets in use, which are roots of the garbage collection.
    kept: Vec<Node>,
    collect_at: usize,
    /// The progress callback, and the time of the last call.
    progress: Option<(ProgressFn<'u>, Instant)>,
}

impl<'u, A: Actor> Symbolic<'u, A>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// The states of a universe, with blocks in the order of its actors from the top down.
    pub fn new(universe: &'u mut Universe<A>) -> Self {
        let actors = universe.actors().len();
        Self::with_order(universe, (0..actors).collect())
    }

    /// The states of a universe, with blocks in another order. The order affects time and memory
    /// only: actors that all others talk to belong to the top.
    pub fn with_order(universe: &'u mut Universe<A>, order: Vec<usize>) -> Self {
        let mut block = vec![0; order.len()];
        (0..).zip(&order).for_each(|(place, actor)| block[*actor] = place);
        Symbolic {
            universe,
            order,
            block,
            diagram: Diagram::default(),
            environments: IndexSet::default(),
            extended: FxHashMap::default(),
            below: FxHashMap::default(),
            closed: FxHashMap::default(),
            stepped: FxHashMap::default(),
            filtered: Cache::default(),
            noted: Cache::default(),
            offers: Offers::default(),
            trimmed: Cache::default(),
            frames: Vec::new(),
            kept: Vec::new(),
            collect_at: COLLECT_AT,
            progress: None,
        }
    }

    /// The diagram that holds the sets.
    pub fn diagram(&self) -> &Diagram {
        &self.diagram
    }

    /// The number of states in a set.
    pub fn count(&self, states: Node) -> BigUint {
        self.diagram.count(states)
    }

    /// Calls `progress` from time to time with the number of states found, while
    /// [`Symbolic::reach`] runs.
    pub fn report_to(&mut self, progress: ProgressFn<'u>) {
        self.progress = Some((progress, Instant::now()));
    }

    /// The set of all reachable states.
    pub fn reach(&mut self) -> Result<Node, UniverseError> {
        let start = self.start();
        let nothing = self.nothing();
        let reach = self.close(EMPTY, start, nothing);
        self.universe.healthy()?;
        self.kept.push(reach);
        Ok(reach)
    }

    /// The set of initial states.
    fn start(&mut self) -> Node {
        let mut below = END;
        for block in (0..self.order.len()).rev() {
            let mut start = EMPTY;
            for Outcome { core, sent } in self.universe.starts(self.order[block]).to_vec() {
                let noted = self.note(below, sent);
                let one = self.diagram.node(Variable::core(block as u8), vec![(core, noted)]);
                start = self.diagram.union(start, one);
            }
            below = start;
        }
        self.trim(below, self.universe.crash_budget())
    }

    /// The empty environment: nothing sent, and all crashes left.
    fn nothing(&mut self) -> EnvironmentId {
        let sent = vec![NOTHING; self.order.len()].into();
        let budget = self.universe.crash_budget();
        self.environment(Environment { sent, budget })
    }

    fn environment(&mut self, environment: Environment) -> EnvironmentId {
        self.environments.insert_full(environment).0 as EnvironmentId
    }

    /// The environment below an outbox with these messages.
    fn below_outbox(&mut self, env: EnvironmentId, outbox: Variable, sent: SetId) -> EnvironmentId {
        let goes_down = |to: &usize| self.block[*to] > outbox.block();
        let Some(to) = outbox.addressee().filter(goes_down) else { return env };
        if let Some(known) = self.extended.get(&(env, to, sent)) {
            return *known;
        }
        let mut environment = self.environments[env as usize].clone();
        environment.sent[to] = self.universe.union(environment.sent[to], sent);
        let extended = self.environment(environment);
        self.extended.insert((env, to, sent), extended);
        extended
    }

    /// The environment below a core with this number of crashes.
    fn below_core(&mut self, env: EnvironmentId, block: u8, crashes: u8) -> EnvironmentId {
        if let Some(known) = self.below.get(&(env, block, crashes)) {
            return *known;
        }
        let mut environment = self.environments[env as usize].clone();
        environment.sent[self.order[usize::from(block)]] = NOTHING;
        environment.budget -= crashes;
        let below = self.environment(environment);
        self.below.insert((env, block, crashes), below);
        below
    }

    /// The closure of the union of two sets, of which the first is closed already.
    fn close(&mut self, old: Node, add: Node, env: EnvironmentId) -> Node {
        if old == add || add == EMPTY {
            return old;
        }
        if add == END && old == EMPTY {
            return END;
        }
        if let Some(known) = self.closed.get(&(old, add, env)) {
            return *known;
        }
        self.kept.extend([old, add]);
        self.collect_garbage();
        let top = self.diagram.top(old, add);
        let closed = match top.addressee() {
            None => self.close_core(old, add, top, env),
            Some(_) => self.close_outbox(old, add, top, env),
        };
        self.kept.truncate(self.kept.len() - 2);
        self.closed.insert((old, add, env), closed);
        closed
    }

    /// Closes the blocks below each value of an outbox, which affects only their environment.
    fn close_outbox(&mut self, old: Node, add: Node, top: Variable, env: EnvironmentId) -> Node {
        let before = self.kept.len();
        let mut edges = Vec::new();
        for (sent, old, add) in self.diagram.overlay(old, add, top) {
            let below = self.below_outbox(env, top, sent);
            let closed = self.close(old, add, below);
            self.kept.push(closed);
            edges.push((sent, closed));
        }
        self.kept.truncate(before);
        self.diagram.node(top, edges)
    }

    /// Closes an actor's block: follows its steps from core to core until nothing is new.
    fn close_core(&mut self, old: Node, add: Node, top: Variable, env: EnvironmentId) -> Node {
        let actor = self.order[usize::from(top.block())];
        let mut slots = Slots::new();
        for (core, closed) in self.diagram.edges(old) {
            slots.entry(*core).or_default().closed = *closed;
        }
        for (core, child) in self.diagram.edges(add) {
            slots.entry(*core).or_default().pending.push(*child);
        }
        let mut open: BTreeSet<Value> = self.diagram.edges(add).iter().map(|edge| edge.0).collect();
        self.frames.push(slots);
        // Cores are numbered as they are met, so the first open one is likely to be final.
        while let Some(core) = open.pop_first() {
            let slot = self.slot(core);
            let (closed, pending) = (slot.closed, std::mem::take(&mut slot.pending));
            let pending = self.diagram.union_all(pending);
            let crashes = self.universe.crashes(actor, core);
            let below = self.below_core(env, top.block(), crashes);
            let more = self.close(closed, pending, below);
            if more == closed {
                continue;
            }
            self.slot(core).closed = more;
            self.report();
            for (outcome, states) in self.moves(actor, core, more, env) {
                let states = self.note(states, outcome.sent);
                let slot = self.slot(outcome.core);
                if slot.closed != states {
                    slot.pending.push(states);
                    open.insert(outcome.core);
                }
            }
        }
        let slots = self.frames.pop().into_iter().flatten();
        let edges = slots.map(|(core, slot)| (core, slot.closed)).collect();
        self.diagram.node(top, edges)
    }

    /// Reports the number of states so far: those closed in the topmost block.
    fn report(&mut self) {
        let Some((progress, last)) = self.progress else { return };
        let [slots] = &self.frames[..] else { return };
        if last.elapsed() < REPORT_EVERY {
            return;
        }
        progress(&slots.values().map(|slot| self.diagram.count(slot.closed)).sum());
        self.progress = Some((progress, Instant::now()));
    }

    /// The slot of a core in the node under construction, which is the last of the frames.
    fn slot(&mut self, core: Value) -> &mut Slot {
        let now = self.frames.len() - 1;
        self.frames[now].entry(core).or_default()
    }

    /// Frees unused nodes if there are many.
    fn collect_garbage(&mut self) {
        if self.diagram.len() < self.collect_at {
            return;
        }
        let slots = self.frames.iter().flat_map(BTreeMap::values);
        let slots = slots.flat_map(|slot| slot.pending.iter().copied().chain([slot.closed]));
        let roots: Vec<Node> = slots.chain(self.kept.iter().copied()).collect();
        let live = self.diagram.collect(roots);
        self.closed.retain(|key, result| [key.0, key.1, *result].iter().all(|n| live.has(*n)));
        self.stepped.retain(|key, result| live.has(key.0) && live.has(*result));
        self.filtered.retain(|key, result| live.has(key.0) && live.has(result));
        self.offers.retain(&live);
        self.noted.retain(|key, result| live.has(key.0) && live.has(result));
        self.trimmed.retain(|key, result| live.has(key.0) && live.has(result));
        self.collect_at = COLLECT_AT.max(self.diagram.len() * 2);
    }
}
