//! One small integer for an actor's whole situation, and tables of what may follow.
//!
//! A situation is the core together with all that was ever sent. What follows a delivery depends
//! on two integers: the receiver's situation, and the set of messages that the sender has for it.

use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use stateright::actor::Actor;

use super::super::run::{LocalConfiguration, starts};
use super::super::universe::{NOTHING, Outcome, SetId, Universe};

/// A situation, as an integer. Each actor counts its own from 0.
pub type SituationId = u32;

/// A state: a situation for each actor.
pub type State = Box<[SituationId]>;

/// A state in which the system may begin, and for each actor after how many commands of its start
/// it has crashed there.
pub type Start = (State, Vec<Option<usize>>);

/// What one sender has for one receiver, as an integer; each receiver counts its own, and 0 is
/// nothing.
type MailId = u32;

/// A list of situations, as an integer; 0 is empty.
type ListId = u32;

const UNKNOWN: ListId = ListId::MAX;

type Index<T> = IndexSet<T, FxBuildHasher>;

/// Something that has to be worked out before a state's successors are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// What may become of this actor without any other.
    Alone(usize, SituationId),
    /// What may become of it when it hears some of this.
    Hears(usize, SituationId, MailId),
}

#[derive(Default)]
struct Table {
    situations: Index<LocalConfiguration>,
    crashes: Vec<u8>,
    /// By situation and addressee.
    sent: Vec<Box<[MailId]>>,
    /// The different sets of messages to this actor.
    mail: Index<SetId>,
    alone: Vec<ListId>,
    hears: Vec<Vec<ListId>>,
}

/// The situations of all actors, as far as they were met.
pub struct Situations {
    tables: Vec<Table>,
    lists: Index<Box<[SituationId]>>,
}

impl Situations {
    /// None was met yet.
    pub fn new(actors: usize) -> Self {
        let table = || Table { mail: [NOTHING].into_iter().collect(), ..Table::default() };
        let lists = [Box::default()].into_iter().collect();
        Situations { tables: (0..actors).map(|_| table()).collect(), lists }
    }

    /// How many situations of this actor were met.
    pub fn len(&self, actor: usize) -> usize {
        self.tables[actor].situations.len()
    }

    /// A situation in full.
    pub fn get(&self, actor: usize, id: SituationId) -> &LocalConfiguration {
        &self.tables[actor].situations[id as usize]
    }

    /// How often the actor has crashed.
    pub fn crashes(&self, actor: usize, id: SituationId) -> u8 {
        self.tables[actor].crashes[id as usize]
    }

    /// How many crashes of the budget this state has left; none if it took more.
    pub fn crashes_left(&self, state: &[SituationId], budget: u8) -> Option<u8> {
        let each = |(actor, id): (usize, &SituationId)| self.crashes(actor, *id);
        state.iter().enumerate().map(each).try_fold(budget, u8::checked_sub)
    }

    /// Whether an actor can get from one situation to another with so many crashes.
    pub fn within(&self, left: u8, actor: usize, now: SituationId, next: SituationId) -> bool {
        self.crashes(actor, next) - self.crashes(actor, now) <= left
    }

    /// The number of a situation.
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

    /// All states in which the system may begin.
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

    /// Calls `each` with what may become of one actor in this state, or with what has to be worked
    /// out first.
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

    /// What may become of any one actor in this state; what has to be worked out is.
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

    /// Works it out.
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
