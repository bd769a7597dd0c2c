//! One pass over some states: the work of one thread.

use std::collections::BTreeSet;

use super::super::observe::{FactsId, Judged, Lookup, NO_FACTS, Scope, StepFacts};
use super::images::Images;
use super::situations::{Gap, SituationId, Situations};
use super::store::{Batches, Store};
use super::word::{Layout, Word};

/// Counts over some states.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) judged: u64,
    pub(super) with_images: u64,
}

/// The place of a finding: a state, or a step from it.
pub(super) type Place<S> = (S, Option<Edge>);

/// For each observer, the place of a finding, if there is one.
pub(super) type Found<S> = Vec<Option<Place<S>>>;

/// A step from a given state: the actor, and its new local configuration.
pub(super) type Edge = (usize, SituationId);

impl Counts {
    pub(super) fn and(self, other: Self) -> Self {
        Counts {
            steps: self.steps + other.steps,
            judged: self.judged + other.judged,
            with_images: self.with_images + other.with_images,
        }
    }
}

/// The result of one pass over some states.
pub(super) struct Pass<W> {
    /// A buffer for one state, reused.
    pub(super) state: Vec<SituationId>,
    /// A buffer for the steps from that state that add facts, reused.
    pub(super) edges: Vec<Edge>,
    pub(super) counts: Counts,
    /// For each observer, the number of states or steps that it judged.
    pub(super) looked: Vec<u64>,
    /// The same for the current state, added once its expansion is complete.
    looking: Vec<u64>,
    pub(super) gaps: BTreeSet<Gap>,
    /// States with missing table entries, to be expanded again.
    pub(super) again: Vec<W>,
    /// For each observer, the lowest place with a finding.
    pub(super) found: Found<W>,
    /// Unions of facts that are not in the table.
    pub(super) unions: BTreeSet<(usize, FactsId, FactsId)>,
    /// Steps that were not judged before.
    pub(super) verdicts: BTreeSet<(usize, StepFacts)>,
}

/// The facts of a local configuration for all observers of steps, as an integer.
pub(super) type ViewId = u32;

/// The tables that a thread needs to expand states.
pub(super) struct Reader<'s, W> {
    pub(super) situations: &'s Situations,
    pub(super) facts: &'s [Vec<Vec<FactsId>>],
    /// For each actor and local configuration; none if there is no observer of steps.
    pub(super) views: Option<&'s [Vec<ViewId>]>,
    pub(super) layout: &'s Layout,
    pub(super) images: &'s Images,
    pub(super) store: &'s Store<W>,
    pub(super) budget: u8,
}

impl<W: Word> Reader<'_, W> {
    pub(super) fn expand(
        &self,
        word: W,
        watches: &[Lookup<'_>],
        pass: &mut Pass<W>,
        batches: &mut Batches<W>,
    ) {
        let mut state = std::mem::take(&mut pass.state);
        self.layout.unpack(word, &mut state);
        let mut complete = self.look(word, &state, watches, pass);
        let left = self.situations.crashes_left(&state, self.budget).unwrap_or_default();
        // Most systems have no crashes, and this is evaluated for every step.
        let within =
            |actor, now, next| self.budget == 0 || self.situations.within(left, actor, now, next);
        let mut edges = std::mem::take(&mut pass.edges);
        let mut steps = 0;
        self.situations.successors(&state, |actor, list| match list {
            Err(gap) => {
                complete = false;
                pass.gaps.insert(gap);
            }
            Ok(next) => {
                let now = state[actor];
                let views = self.views.map(|views| &views[actor]);
                for id in next.iter().filter(|id| within(actor, now, **id)) {
                    steps += 1;
                    if views.is_some_and(|views| views[*id as usize] != views[now as usize]) {
                        edges.push((actor, *id));
                    }
                    let next = self.layout.replace(word, actor, now, *id);
                    self.store.add(self.images.lowest(self.layout, next).0, batches);
                }
            }
        });
        if !edges.is_empty() {
            complete &= self.judge(word, &state, &edges, watches, pass);
        }
        if complete {
            let with_images = self.images.lowest(self.layout, word).1;
            let judged = edges.len() as u64;
            pass.counts = pass.counts.and(Counts { steps, judged, with_images });
            add(&mut pass.looked, &pass.looking);
        } else {
            pass.again.push(word);
        }
        edges.clear();
        (pass.state, pass.edges) = (state, edges);
    }

    /// Judges a state. Returns false if a table entry was missing.
    fn look(
        &self,
        word: W,
        state: &[SituationId],
        watches: &[Lookup<'_>],
        pass: &mut Pass<W>,
    ) -> bool {
        let mut complete = true;
        for (number, watch) in watches.iter().enumerate() {
            let judged = match watch.looks_at {
                Scope::Steps => Judged::Nothing,
                Scope::EachActor => {
                    let each = self.facts[number].iter().zip(state);
                    let judged = each.map(|(facts, id)| watch.judged(facts[*id as usize]));
                    judged.max().unwrap_or(Judged::Nothing)
                }
                Scope::States => {
                    let all = self.all_facts(number, state, *watch, pass);
                    complete &= all.is_some();
                    all.map_or(Judged::Nothing, |all| watch.judged(all))
                }
            };
            pass.looking[number] = u64::from(judged.is_something());
            if judged.is_found() {
                pass.find(number, (word, None));
            }
        }
        complete
    }

    /// Judges these steps from a state. Returns false if a table entry was missing.
    fn judge(
        &self,
        word: W,
        state: &[SituationId],
        edges: &[Edge],
        watches: &[Lookup<'_>],
        pass: &mut Pass<W>,
    ) -> bool {
        let mut complete = true;
        let at_steps = |watch: &Lookup<'_>| watch.looks_at == Scope::Steps;
        for (number, watch) in watches.iter().enumerate().filter(|(_, watch)| at_steps(watch)) {
            let Some(all) = self.all_facts(number, state, *watch, pass) else {
                complete = false;
                continue;
            };
            let mut looking = 0;
            for (actor, next) in edges {
                let facts = &self.facts[number][*actor];
                let step = (all, facts[state[*actor] as usize], facts[*next as usize]);
                let Some(judged) = watch.judged_step(step) else {
                    pass.verdicts.insert((number, step));
                    complete = false;
                    continue;
                };
                looking += u64::from(judged.is_something());
                if judged.is_found() {
                    pass.find(number, (word, Some((*actor, *next))));
                }
            }
            pass.looking[number] = looking;
        }
        complete
    }

    /// The facts of the whole state; none if a union is not in the table, which is then noted.
    fn all_facts(
        &self,
        number: usize,
        state: &[SituationId],
        watch: Lookup<'_>,
        pass: &mut Pass<W>,
    ) -> Option<FactsId> {
        let mut each = self.facts[number].iter().zip(state);
        each.try_fold(NO_FACTS, |all, (facts, id)| {
            let more = facts[*id as usize];
            let union = watch.union(all, more);
            if union.is_none() {
                pass.unions.insert((number, all, more));
            }
            union
        })
    }
}

impl<W: Word> Pass<W> {
    pub(super) fn new(watches: usize) -> Self {
        Pass {
            state: Vec::new(),
            edges: Vec::new(),
            counts: Counts::default(),
            looked: vec![0; watches],
            looking: vec![0; watches],
            gaps: BTreeSet::new(),
            again: Vec::new(),
            found: vec![None; watches],
            unions: BTreeSet::new(),
            verdicts: BTreeSet::new(),
        }
    }

    fn find(&mut self, number: usize, place: Place<W>) {
        let found = &mut self.found[number];
        *found = Some(found.map_or(place, |other| other.min(place)));
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.counts = self.counts.and(other.counts);
        add(&mut self.looked, &other.looked);
        self.gaps.extend(other.gaps);
        self.again.extend(other.again);
        self.unions.extend(other.unions);
        self.verdicts.extend(other.verdicts);
        for (number, place) in (0..).zip(other.found) {
            if let Some(place) = place {
                self.find(number, place);
            }
        }
        self
    }
}

/// Adds element by element.
pub(super) fn add(sums: &mut [u64], more: &[u64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
