//! Explicit-state search: reachable states one by one, each a machine word, in breadth-first layers.
//!
//! Handlers have run before, so a successor is a table look-up and a word put together. Threads
//! expand the states of a layer. Missing table entries are computed between two passes, by one
//! thread and in a fixed order, so the result does not depend on timing.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | the search |
//! | [`situations`] | an actor's local configuration as one integer, and its successors |
//! | [`word`] | states as machine words |
//! | `store` | the set of states seen |
//! | `pass` | the work of one thread |
//! | `path` | shortest runs |
//! | `images` | images of states under permutations of actors |

mod images;
mod pass;
mod path;
pub mod situations;
mod store;
pub mod word;

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use self::images::Images;
use self::pass::{Counts, Found, Pass, Reader, ViewId, add};
use self::situations::{SituationId, Situations, State};
use self::store::{Batches, Store};
use self::word::{Layout, Word};
use super::observe::{FactsId, Monitor, Observer, Scope};
use super::run::Run;
use super::symmetry::{Group, Symmetry};
use super::universe::{Universe, UniverseError};

/// The number of states that a thread takes at a time.
const CHUNK: usize = 1024;

/// The condition that ends a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Every reachable state was visited.
    Exhausted,
    /// Something was found in the last layer.
    Found,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Explored {
    /// True if every reachable state was visited: the search ended because no state had a successor
    /// that was new.
    pub exhausted: bool,
    /// The number of states visited.
    pub states: usize,
    /// The number of steps from them, those into known states included.
    pub steps: u64,
    /// The number of these steps that add facts for the observers of steps. The others are
    /// stutters, in which nothing can be found.
    pub judged: u64,
    /// The number of states, with all images under symmetry.
    pub with_images: u64,
    /// The number of steps to the state that is furthest from the start.
    pub depth: usize,
    /// For each observer, a shortest run into a state, or through a last step, in which it finds
    /// something.
    pub found: Vec<Option<Run>>,
}

/// The reason why a search ended early.
#[derive(Debug)]
enum Stop {
    Universe(UniverseError),
    /// States take so many bits, more than the word has.
    TooWide(u32),
}

/// Visits all reachable states, in words as short as possible. Each monitor counts the states or
/// steps that it judged.
#[cfg(test)]
pub fn explore<A: Actor, O: Observer<A>>(
    universe: &mut Universe<A>,
    watches: &mut [Monitor<A, O>],
    until: Until,
    progress: impl FnMut(usize),
) -> Result<Explored, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    explore_up_to(universe, watches, None, until, progress)
}

/// Visits all reachable states up to symmetry: of the states that are images of one another, only
/// the one with the lowest word. Words are as short as possible. Each monitor counts the states or
/// steps that it judged.
pub fn explore_up_to<A: Actor, O: Observer<A>>(
    universe: &mut Universe<A>,
    watches: &mut [Monitor<A, O>],
    symmetry: Option<&dyn Symmetry<A>>,
    until: Until,
    mut progress: impl FnMut(usize),
) -> Result<Explored, UniverseError>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let mut situations = Situations::new(universe.actors().len());
    let short = Search::<A, O, u64>::new(universe, watches, symmetry, &mut situations);
    match short.run(until, &mut progress) {
        Err(Stop::Universe(error)) => return Err(error),
        Ok(explored) => return Ok(explored),
        Err(Stop::TooWide(_)) => {}
    }
    let long = Search::<A, O, u128>::new(universe, watches, symmetry, &mut situations);
    long.run(until, &mut progress).map_err(|stop| match stop {
        Stop::Universe(error) => error,
        Stop::TooWide(bits) => UniverseError::TooWide { bits, most: <u128 as Word>::BITS },
    })
}

/// A layer: all states at the same distance from the start, in pieces.
type Layer<W> = Vec<Vec<W>>;

struct Search<'u, A: Actor, O: Observer<A>, W> {
    universe: &'u mut Universe<A>,
    watches: &'u mut [Monitor<A, O>],
    situations: &'u mut Situations,
    /// For each observer, actor and local configuration, its facts.
    facts: Vec<Vec<Vec<FactsId>>>,
    /// For each actor and local configuration, its facts for all observers of steps together.
    views: Vec<Vec<ViewId>>,
    different_views: IndexSet<Box<[FactsId]>, FxBuildHasher>,
    layout: Layout,
    store: Store<W>,
    layers: Vec<Layer<W>>,
    group: Option<Group<'u, A>>,
    images: Images,
}

impl<'u, A: Actor, O: Observer<A>, W: Word> Search<'u, A, O, W>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    fn new(
        universe: &'u mut Universe<A>,
        watches: &'u mut [Monitor<A, O>],
        symmetry: Option<&'u dyn Symmetry<A>>,
        situations: &'u mut Situations,
    ) -> Self {
        let actors = universe.actors().len();
        let facts = watches.iter().map(|_| vec![Vec::new(); actors]).collect();
        let layout = Layout::new((0..actors).map(|_| 1));
        let (store, layers) = (Store::new(), Vec::new());
        let group = symmetry.map(Group::new);
        let images = Images::new(group.as_ref(), actors);
        let (views, different_views) = (vec![Vec::new(); actors], IndexSet::default());
        Search {
            universe,
            watches,
            situations,
            facts,
            views,
            different_views,
            layout,
            store,
            layers,
            group,
            images,
        }
    }

    fn run(mut self, until: Until, progress: &mut dyn FnMut(usize)) -> Result<Explored, Stop> {
        self.start()?;
        let mut found = vec![None; self.watches.len()];
        let mut counts = Counts::default();
        let mut looked = vec![0; self.watches.len()];
        let exhausted = loop {
            let layer = self.store.take_fresh();
            if layer.is_empty() {
                break true;
            }
            self.layers.push(layer);
            let (expanded, new) = self.expand_layer(&mut looked)?;
            counts = counts.and(expanded);
            for (found, new) in found.iter_mut().zip(new) {
                if found.is_none() {
                    *found = new.map(|place| (self.layers.len() - 1, place));
                }
            }
            progress(self.store.len());
            if until == Until::Found && found.iter().any(Option::is_some) {
                break false;
            }
        };
        self.watches.iter_mut().zip(looked).for_each(|(watch, looked)| watch.look(looked));
        let runs = found
            .into_iter()
            .map(|found| found.map(|(depth, place)| self.run_to(depth, place)).transpose());
        let found = runs.collect::<Result<Vec<_>, _>>().map_err(Stop::Universe)?;
        Ok(Explored {
            exhausted,
            states: self.layers.iter().flatten().map(Vec::len).sum(),
            steps: counts.steps,
            judged: counts.judged,
            with_images: counts.with_images,
            depth: self.layers.len() - 1,
            found,
        })
    }

    /// Adds all initial states.
    fn start(&mut self) -> Result<(), Stop> {
        let starts = self.situations.starts(self.universe);
        self.note_images();
        self.note_facts();
        self.make_room()?;
        let mut batches = Batches::new();
        for (state, _) in starts {
            let word = self.images.lowest(&self.layout, self.layout.pack(&state)).0;
            self.store.add(word, &mut batches);
        }
        self.store.flush(&mut batches);
        Ok(())
    }

    /// Expands the last layer, with repeated passes until no table entry is missing. Returns the
    /// counts, and for each observer a place with a finding. Adds to `looked` the numbers of states
    /// or steps judged.
    fn expand_layer(&mut self, looked: &mut [u64]) -> Result<(Counts, Found<State>), Stop> {
        let layer = self.layers.len() - 1;
        let mut pass = self.pass(&self.layers[layer]);
        let mut found = vec![None; self.watches.len()];
        let mut counts = Counts::default();
        loop {
            counts = counts.and(pass.counts);
            add(looked, &pass.looked);
            for (found, new) in found.iter_mut().zip(&pass.found) {
                let place = |(word, edge)| (self.layout.state(word), edge);
                *found = found.take().or_else(|| new.map(place));
            }
            if pass.again.is_empty() {
                return Ok((counts, found));
            }
            for gap in pass.gaps {
                self.situations.fill(self.universe, gap);
            }
            for (watch, one, two) in pass.unions {
                self.watches[watch].union(one, two);
            }
            for (watch, step) in pass.verdicts {
                self.watches[watch].judged_step(step);
            }
            self.note_images();
            self.universe.healthy().map_err(Stop::Universe)?;
            self.note_facts();
            let old = self.layout.clone();
            let again = if self.make_room()? { self.repack(&old, pass.again) } else { pass.again };
            pass = self.pass(&vec![again]);
        }
    }

    /// Computes the images of new local configurations, and adds the local configurations that
    /// these give.
    fn note_images(&mut self) {
        if let Some(group) = &mut self.group {
            self.images.complete(self.universe, self.situations, group);
        }
    }

    /// Computes the facts of new local configurations.
    fn note_facts(&mut self) {
        for (watch, facts) in self.watches.iter_mut().zip(&mut self.facts) {
            for (actor, facts) in facts.iter_mut().enumerate() {
                for id in facts.len()..self.situations.len(actor) {
                    let situation = self.situations.get(actor, id as SituationId);
                    facts.push(watch.situation(self.universe, actor, situation));
                }
            }
        }
        let at_steps: Vec<usize> =
            (0..self.watches.len()).filter(|watch| self.looks_at_steps(*watch)).collect();
        for (actor, views) in self.views.iter_mut().enumerate() {
            for id in views.len()..self.situations.len(actor) {
                let view = at_steps.iter().map(|watch| self.facts[*watch][actor][id]).collect();
                views.push(self.different_views.insert_full(view).0 as ViewId);
            }
        }
    }

    fn looks_at_steps(&self, watch: usize) -> bool {
        self.watches[watch].observer().looks_at() == Scope::Steps
    }

    /// Widens the words if there are more local configurations than they have room for. Returns
    /// true if it did.
    fn make_room(&mut self) -> Result<bool, Stop> {
        let actors = self.universe.actors().len();
        if self.layout.bits() > W::BITS {
            return Err(Stop::TooWide(self.layout.bits()));
        }
        if self.layout.holds((0..actors).map(|actor| self.situations.len(actor))) {
            return Ok(false);
        }
        let wider = Layout::new((0..actors).map(|actor| self.situations.len(actor)));
        if wider.bits() > W::BITS {
            return Err(Stop::TooWide(wider.bits()));
        }
        let old = std::mem::replace(&mut self.layout, wider);
        let fresh = self.store.take_fresh();
        self.store = Store::new();
        let layers = std::mem::take(&mut self.layers);
        let repack = |layer: Layer<W>| layer.into_iter().map(|p| self.repack(&old, p)).collect();
        let layers: Vec<Layer<W>> = layers.into_iter().map(repack).collect();
        let fresh: Layer<W> = repack(fresh);
        let mut batches = Batches::new();
        let known = layers.iter().flatten().flatten();
        known.for_each(|word| self.store.add(*word, &mut batches));
        self.store.flush(&mut batches);
        drop(self.store.take_fresh());
        fresh.iter().flatten().for_each(|word| self.store.add(*word, &mut batches));
        self.store.flush(&mut batches);
        self.layers = layers;
        Ok(true)
    }

    fn repack(&self, old: &Layout, mut piece: Vec<W>) -> Vec<W> {
        let mut state = Vec::new();
        for word in &mut piece {
            old.unpack(*word, &mut state);
            *word = self.layout.pack(&state);
        }
        piece
    }

    /// Expands states on all processors.
    fn pass(&self, states: &Layer<W>) -> Pass<W> {
        let chunks: Vec<&[W]> = states.iter().flat_map(|piece| piece.chunks(CHUNK)).collect();
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let judges = (0..self.watches.len()).any(|watch| self.looks_at_steps(watch));
        let reader = Reader {
            situations: &*self.situations,
            facts: &self.facts,
            views: judges.then_some(&*self.views),
            layout: &self.layout,
            images: &self.images,
            store: &self.store,
            budget: self.universe.crash_budget(),
        };
        let watches: Vec<_> = self.watches.iter().map(Monitor::lookup).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut pass = Pass::new(watches.len());
            let mut batches = Batches::new();
            while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                chunk
                    .iter()
                    .for_each(|word| reader.expand(*word, &watches, &mut pass, &mut batches));
            }
            reader.store.flush(&mut batches);
            pass
        };
        if chunks.len() < 2 || processors < 2 {
            return work();
        }
        thread::scope(|scope| {
            let threads: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            let passes = threads.into_iter().map(|thread| match thread.join() {
                Ok(pass) => pass,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            passes.fold(Pass::new(watches.len()), Pass::and)
        })
    }
}
