//! Observers of states and steps: the facts they see, and the verdicts on them.

use std::collections::BTreeSet;
use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use stateright::actor::Actor;

use super::run::LocalConfiguration;
use super::universe::{CoreId, MessageId, SetId, Universe};

/// The scope that an observer judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// States: the facts of all actors together.
    States,
    /// One actor at a time: the facts of its local configuration.
    EachActor,
    /// Steps. Nothing is found in states.
    Steps,
}

/// The result of judging the facts of a state, of an actor or of a step.
///
/// A property that judges nothing anywhere is true of everything, and shows nothing ("Efficient
/// detection of vacuity in temporal model checking": Beer, Ben-David, Eisner and Rodeh 2001). So a
/// judgement reports if there was anything to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judged<F = ()> {
    /// Nothing was judged: no fact was one that could be wrong, so nothing could be found.
    Nothing,
    /// Something was judged, without a finding.
    Clear,
    /// A finding.
    Found(F),
}

impl<F> Judged<F> {
    /// The finding, if there is one.
    pub fn found(self) -> Option<F> {
        match self {
            Judged::Found(found) => Some(found),
            Judged::Nothing | Judged::Clear => None,
        }
    }

    /// True if there is a finding.
    pub fn is_found(&self) -> bool {
        matches!(self, Judged::Found(_))
    }

    /// True if anything was judged.
    pub fn is_something(&self) -> bool {
        !matches!(self, Judged::Nothing)
    }

    /// The result without the details of the finding.
    pub fn bare(&self) -> Judged {
        match self {
            Judged::Nothing => Judged::Nothing,
            Judged::Clear => Judged::Clear,
            Judged::Found(_) => Judged::Found(()),
        }
    }
}

/// Collects judgements of single items: the first finding, if there is one.
impl<F> FromIterator<Option<F>> for Judged<F> {
    fn from_iter<I: IntoIterator<Item = Option<F>>>(each: I) -> Self {
        let mut judged = Judged::Nothing;
        for one in each {
            match one {
                Some(found) => return Judged::Found(found),
                None => judged = Judged::Clear,
            }
        }
        judged
    }
}

/// An observer of states or steps. Each core and each message ever sent has facts, and the facts of
/// a state are the union of these. So one definition serves single states as well as whole
/// diagrams.
pub trait Observer<A: Actor> {
    /// One observation.
    type Fact: Clone + Ord + Hash;

    /// The facts of an actor's local state, none if it is down, and of its storage.
    fn core(
        &self,
        actor: usize,
        state: Option<&A::State>,
        storage: Option<&A::Storage>,
    ) -> Vec<Self::Fact>;

    /// The facts of a message, however long ago it was sent.
    fn message(&self, from: usize, message: &A::Msg) -> Vec<Self::Fact>;

    /// The scope that it judges.
    fn looks_at(&self) -> Scope {
        Scope::States
    }

    /// Judges the facts of a state or of an actor. Not called for observers of steps.
    fn judge(&self, facts: &BTreeSet<Self::Fact>) -> Judged;

    /// Judges a step. `all` are the facts of the whole state before the step; `before` and `after`
    /// are those of the acting actor, with everything that it ever sent. `before` and `after`
    /// differ: a step that adds no facts is never judged. Called only for observers of steps.
    fn judge_step(
        &self,
        _all: &BTreeSet<Self::Fact>,
        _before: &BTreeSet<Self::Fact>,
        _after: &BTreeSet<Self::Fact>,
    ) -> Judged {
        Judged::Nothing
    }
}

/// An observer that also remembers facts of the run to a state: a history variable (Abadi and
/// Lamport, "The existence of refinement mappings", 1991).
pub trait Remember<A: Actor>: Observer<A> {
    /// True if it remembers anything. It must judge states then, not single actors or steps.
    fn remembers(&self) -> bool;

    /// The facts to remember for ever of a step, given the facts before it and after it. For the
    /// initial state, there are none before.
    fn remember(
        &self,
        before: &BTreeSet<Self::Fact>,
        after: &BTreeSet<Self::Fact>,
    ) -> Vec<Self::Fact>;
}

/// A set of facts, as an integer; 0 is the empty set.
pub type FactsId = u32;

/// The facts of a step: those of the whole state before it, and those of the acting actor before
/// and after.
pub type StepFacts = (FactsId, FactsId, FactsId);

/// The empty set of facts.
pub const NO_FACTS: FactsId = 0;

/// An observer with caches of the facts and verdicts that it has computed.
pub struct Monitor<A: Actor, O: Observer<A>> {
    observer: O,
    sets: IndexSet<BTreeSet<O::Fact>, FxBuildHasher>,
    judged: Vec<Judged>,
    steps: FxHashMap<StepFacts, Judged>,
    looked: u64,
    unions: FxHashMap<(FactsId, FactsId), FactsId>,
    cores: FxHashMap<(usize, CoreId), FactsId>,
    messages: Vec<FactsId>,
    sent: FxHashMap<SetId, FactsId>,
}

impl<A: Actor, O: Observer<A>> Monitor<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// A monitor with empty caches.
    pub fn new(observer: O) -> Self {
        let mut watch = Monitor {
            observer,
            sets: IndexSet::default(),
            judged: Vec::new(),
            steps: FxHashMap::default(),
            looked: 0,
            unions: FxHashMap::default(),
            cores: FxHashMap::default(),
            messages: Vec::new(),
            sent: FxHashMap::default(),
        };
        watch.number(BTreeSet::new());
        watch
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// The number of judgements that had something to judge: of states or steps one by one; on
    /// diagrams, of distinct sets of facts of states or actors, and of steps of single actors.
    pub fn looked(&self) -> u64 {
        self.looked
    }

    /// Adds to the number of judgements.
    pub(super) fn look(&mut self, more: u64) {
        self.looked += more;
    }

    /// The number of a set of facts. A new set is judged.
    pub fn number(&mut self, facts: BTreeSet<O::Fact>) -> FactsId {
        let (number, new) = self.sets.insert_full(facts);
        if new {
            let states = self.observer.looks_at() != Scope::Steps;
            let judge = || self.observer.judge(&self.sets[number]);
            self.judged.push(if states { judge() } else { Judged::Nothing });
        }
        number as FactsId
    }

    /// The facts of a core.
    pub fn core(&mut self, universe: &Universe<A>, actor: usize, core: CoreId) -> FactsId {
        if let Some(known) = self.cores.get(&(actor, core)) {
            return *known;
        }
        let (state, storage) = universe.view(actor, core);
        let facts = self.observer.core(actor, state, storage);
        let facts = self.number(facts.into_iter().collect());
        self.cores.insert((actor, core), facts);
        facts
    }

    /// The facts of the messages of a set.
    pub fn sent(&mut self, universe: &Universe<A>, set: SetId) -> FactsId {
        if let Some(known) = self.sent.get(&set) {
            return *known;
        }
        let mut facts = NO_FACTS;
        for message in universe.members(set) {
            let shown = self.message(universe, *message);
            facts = self.union(facts, shown);
        }
        self.sent.insert(set, facts);
        facts
    }

    /// The facts of a local configuration: of its core, and of everything it has sent.
    pub fn situation(
        &mut self,
        universe: &Universe<A>,
        actor: usize,
        situation: &LocalConfiguration,
    ) -> FactsId {
        let mut all = self.core(universe, actor, situation.core);
        for set in &situation.sent {
            let more = self.sent(universe, *set);
            all = self.union(all, more);
        }
        all
    }

    /// The facts of a state.
    pub fn facts(&mut self, universe: &Universe<A>, state: &[&LocalConfiguration]) -> FactsId {
        let mut all = NO_FACTS;
        for (actor, situation) in state.iter().enumerate() {
            let shown = self.situation(universe, actor, situation);
            all = self.union(all, shown);
        }
        all
    }

    /// Judges a state. True if something is found.
    pub fn finds_in(&mut self, universe: &Universe<A>, state: &[&LocalConfiguration]) -> bool {
        let judged = if self.observer.looks_at() == Scope::EachActor {
            let mut judged = Judged::Nothing;
            for (actor, situation) in state.iter().enumerate() {
                let shown = self.situation(universe, actor, situation);
                judged = judged.max(self.judged(shown));
            }
            judged
        } else {
            let all = self.facts(universe, state);
            self.judged(all)
        };
        self.look(u64::from(judged.is_something()));
        judged.is_found()
    }

    /// The facts in a set.
    pub fn members(&self, facts: FactsId) -> &BTreeSet<O::Fact> {
        &self.sets[facts as usize]
    }

    fn message(&mut self, universe: &Universe<A>, message: MessageId) -> FactsId {
        while self.messages.len() <= message as usize {
            let (from, _, text) = universe.message(self.messages.len() as MessageId);
            let facts = self.observer.message(from, text).into_iter().collect();
            let facts = self.number(facts);
            self.messages.push(facts);
        }
        self.messages[message as usize]
    }

    /// The union of two sets of facts.
    pub fn union(&mut self, one: FactsId, two: FactsId) -> FactsId {
        if let Some(known) = self.lookup().union(one, two) {
            return known;
        }
        let key = (one.min(two), one.max(two));
        let both = self.sets[one as usize].union(&self.sets[two as usize]).cloned().collect();
        let union = self.number(both);
        self.unions.insert(key, union);
        union
    }

    /// The result of judging these facts.
    pub fn judged(&self, facts: FactsId) -> Judged {
        self.judged[facts as usize]
    }

    /// The result of judging a step with these facts.
    pub fn judged_step(&mut self, step: StepFacts) -> Judged {
        if let Some(known) = self.lookup().judged_step(step) {
            return known;
        }
        let (all, before, after) = step;
        let [all, before, after] = [all, before, after].map(|facts| self.members(facts));
        let judged = self.observer.judge_step(all, before, after);
        self.steps.insert(step, judged);
        judged
    }

    /// A read-only view of the caches, for many threads.
    pub fn lookup(&self) -> Lookup<'_> {
        let looks_at = self.observer.looks_at();
        Lookup { unions: &self.unions, judged: &self.judged, steps: &self.steps, looks_at }
    }
}

impl<A: Actor, O: Remember<A>> Monitor<A, O>
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    /// The facts to remember of a step from one set of facts to another that are not in memory yet.
    pub fn news(
        &self,
        before: Option<FactsId>,
        after: FactsId,
        memory: &BTreeSet<O::Fact>,
    ) -> Vec<O::Fact> {
        if before == Some(after) {
            return Vec::new();
        }
        let before = self.members(before.unwrap_or(NO_FACTS));
        let mut news = self.observer.remember(before, self.members(after));
        news.retain(|fact| !memory.contains(fact));
        news
    }

    /// Judges a state together with the facts remembered of the run to it. True if something is
    /// found.
    pub fn finds_with(
        &mut self,
        universe: &Universe<A>,
        state: &[&LocalConfiguration],
        memory: &BTreeSet<O::Fact>,
    ) -> bool {
        if !self.observer.remembers() {
            return self.finds_in(universe, state);
        }
        let (now, memory) = (self.facts(universe, state), self.number(memory.clone()));
        let all = self.union(now, memory);
        let judged = self.judged(all);
        self.look(u64::from(judged.is_something()));
        judged.is_found()
    }
}

/// A read-only view of a monitor's caches, for many threads.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'w> {
    unions: &'w FxHashMap<(FactsId, FactsId), FactsId>,
    judged: &'w [Judged],
    steps: &'w FxHashMap<StepFacts, Judged>,
    /// The scope that the observer judges.
    pub looks_at: Scope,
}

impl Lookup<'_> {
    /// The union of two sets of facts; none if it is not cached.
    pub fn union(&self, one: FactsId, two: FactsId) -> Option<FactsId> {
        if one == two || two == NO_FACTS {
            return Some(one);
        }
        if one == NO_FACTS {
            return Some(two);
        }
        self.unions.get(&(one.min(two), one.max(two))).copied()
    }

    /// The result of judging these facts.
    pub fn judged(&self, facts: FactsId) -> Judged {
        self.judged[facts as usize]
    }

    /// The result of judging a step with these facts; none if it is not cached. A step that adds no
    /// facts has nothing to judge.
    pub fn judged_step(&self, step: StepFacts) -> Option<Judged> {
        let (_, before, after) = step;
        if before == after { Some(Judged::Nothing) } else { self.steps.get(&step).copied() }
    }
}
