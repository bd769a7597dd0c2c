//! Local configurations of actors as small integers, and tables of their successors.
//!
//! A local configuration (situation) is an actor's core together with everything that it ever sent.
//! The result of a delivery depends on two integers: the receiver's local configuration, and the
//! set of messages that the sender has for it.

use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::super::run::{LocalConfiguration, starts};
use super::super::universe::{NOTHING, Outcome, SetId, Universe};

/// A local configuration, as an integer. Each actor numbers its own from 0.
pub type SituationId = u32;

/// A state: a local configuration for each actor.
pub type State = Box<[SituationId]>;

/// An initial state. For each actor, the number of commands of its start after which it has
/// crashed, if it has.
pub type Start = (State, Vec<Option<usize>>);

/// The set of messages from one sender to one receiver, as an integer. Each receiver numbers its
/// own; 0 is the empty set.
type MailId = u32;

/// A list of local configurations, as an integer; 0 is the empty list.
type ListId = u32;

const UNKNOWN: ListId = ListId::MAX;

type Index<T> = IndexSet<T, FxBuildHasher>;

/// A missing table entry, needed for a state's successors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// The successors of this actor on its own: by timers, crashes and recovery.
    Alone(usize, SituationId),
    /// The successors of this actor on a delivery of one of these messages.
    Hears(usize, SituationId, MailId),
}

#[derive(Default)]
struct Table {
    situations: Index<LocalConfiguration>,
    crashes: Vec<u8>,
    /// For each local configuration and addressee, the messages sent.
    sent: Vec<Box<[MailId]>>,
    /// The distinct sets of messages to this actor.
    mail: Index<SetId>,
    alone: Vec<ListId>,
    hears: Vec<Vec<ListId>>,
}

/// The local configurations of all actors, as far as they were met.
pub struct Situations {
    tables: Vec<Table>,
    lists: Index<Box<[SituationId]>>,
}

impl Situations {
    /// Tables without any local configuration.
    pub fn new(actors: usize) -> Self {
        let table = || Table { mail: [NOTHING].into_iter().collect(), ..Table::default() };
        let lists = [Box::default()].into_iter().collect();
        Situations { tables: (0..actors).map(|_| table()).collect(), lists }
    }

    /// The number of local configurations of this actor met so far.
    pub fn len(&self, actor: usize) -> usize {
        self.tables[actor].situations.len()
    }

    /// The local configuration with this number.
    pub fn get(&self, actor: usize, id: SituationId) -> &LocalConfiguration {
        &self.tables[actor].situations[id as usize]
    }

    /// The number of crashes that the actor has suffered.
    pub fn crashes(&self, actor: usize, id: SituationId) -> u8 {
        self.tables[actor].crashes[id as usize]
    }

    /// The number of crashes of the budget that this state has left; none if it has used more.
    pub fn crashes_left(&self, state: &[SituationId], budget: u8) -> Option<u8> {
        let each = |(actor, id): (usize, &SituationId)| self.crashes(actor, *id);
        state.iter().enumerate().map(each).try_fold(budget, u8::checked_sub)
    }

    /// True if a step between these local configurations takes at most `left` crashes.
    pub fn within(&self, left: u8, actor: usize, now: SituationId, next: SituationId) -> bool {
        self.crashes(actor, next) - self.crashes(actor, now) <= left
    }

    /// The number of a local configuration; a new one gets the next number.
    pub fn number<A: Actor>(
        &mut self,
        universe: &Universe<A>,
        actor: usize,
        situation: LocalConfiguration,
    ) -> SituationId
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let (core, sent) = (situation.core, situation.sent.clone());
        let (number, new) = self.tables[actor].situations.insert_full(situation);
        if new {
            let to_mail =
                |(to, set): (usize, &SetId)| self.tables[to].mail.insert_full(*set).0 as MailId;
            let mail = sent.iter().enumerate().map(to_mail).collect();
            let table = &mut self.tables[actor];
            table.sent.push(mail);
            table.crashes.push(universe.crashes(actor, core));
            table.alone.push(UNKNOWN);
            table.hears.push(Vec::new());
        }
        number as SituationId
    }

    /// All initial states within the crash budget.
    pub fn starts<A: Actor>(&mut self, universe: &mut Universe<A>) -> Vec<Start>
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let mut all: Vec<(Vec<SituationId>, Vec<Option<usize>>)> = vec![Default::default()];
        for actor in 0..universe.actors().len() {
            let mut more = Vec::new();
            for (situation, cut) in starts(universe, actor) {
                let id = self.number(universe, actor, situation);
                more.extend(all.iter().cloned().map(|(mut state, mut cuts)| {
                    state.push(id);
                    cuts.push(cut);
                    (state, cuts)
                }));
            }
            all = more;
        }
        let budget = universe.crash_budget();
        all.retain(|(state, _)| self.crashes_left(state, budget).is_some());
        all.into_iter().map(|(state, cuts)| (state.into(), cuts)).collect()
    }

    /// Calls `each` with the successors of each actor in this state, or with a table entry that is
    /// missing.
    pub fn successors(
        &self,
        state: &[SituationId],
        mut each: impl FnMut(usize, Result<&[SituationId], Gap>),
    ) {
        for (actor, id) in state.iter().enumerate() {
            let table = &self.tables[actor];
            let alone = table.alone[*id as usize];
            each(actor, self.list(alone).ok_or(Gap::Alone(actor, *id)));
            let row = &table.hears[*id as usize];
            for (sender, other) in state.iter().enumerate() {
                let mail = self.tables[sender].sent[*other as usize][actor];
                if mail == 0 {
                    continue;
                }
                let list = row.get(mail as usize).copied().unwrap_or(UNKNOWN);
                each(actor, self.list(list).ok_or(Gap::Hears(actor, *id, mail)));
            }
        }
    }

    fn list(&self, list: ListId) -> Option<&[SituationId]> {
        (list != UNKNOWN).then(|| &*self.lists[list as usize])
    }

    /// All successors of this state, as an actor and its new local configuration. Missing table
    /// entries are computed.
    pub fn successors_of<A: Actor>(
        &mut self,
        universe: &mut Universe<A>,
        state: &[SituationId],
    ) -> Vec<(usize, SituationId)>
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        loop {
            let (mut next, mut gaps) = (Vec::new(), Vec::new());
            self.successors(state, |actor, list| match list {
                Err(gap) => gaps.push(gap),
                Ok(list) => next.extend(list.iter().map(|id| (actor, *id))),
            });
            if gaps.is_empty() {
                return next;
            }
            gaps.into_iter().for_each(|gap| self.fill(universe, gap));
        }
    }

    /// Computes a missing table entry.
    pub fn fill<A: Actor>(&mut self, universe: &mut Universe<A>, gap: Gap)
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        match gap {
            Gap::Alone(actor, id) => {
                let now = self.get(actor, id).clone();
                let outcomes = universe.alone(actor, now.core).to_vec();
                let list = self.follow(universe, actor, id, &now, outcomes);
                self.tables[actor].alone[id as usize] = list;
            }
            Gap::Hears(actor, id, mail) => {
                let now = self.get(actor, id).clone();
                let set = self.tables[actor].mail[mail as usize];
                let mut outcomes = Vec::new();
                for message in universe.members(set).to_vec() {
                    outcomes.extend_from_slice(universe.hear(now.core, message));
                }
                let list = self.follow(universe, actor, id, &now, outcomes);
                let row = &mut self.tables[actor].hears[id as usize];
                if row.len() <= mail as usize {
                    row.resize(mail as usize + 1, UNKNOWN);
                }
                row[mail as usize] = list;
            }
        }
    }

    fn follow<A: Actor>(
        &mut self,
        universe: &mut Universe<A>,
        actor: usize,
        id: SituationId,
        now: &LocalConfiguration,
        outcomes: Vec<Outcome>,
    ) -> ListId
    where
        A::State: Eq + Hash,
        A::Storage: Eq + Hash,
    {
        let mut next: Vec<SituationId> = Vec::with_capacity(outcomes.len());
        for Outcome { core, sent } in outcomes {
            let after = now.follow(universe, core, sent);
            next.push(self.number(universe, actor, after));
        }
        next.retain(|after| *after != id);
        next.sort_unstable();
        next.dedup();
        self.lists.insert_full(next.into()).0 as ListId
    }
}
