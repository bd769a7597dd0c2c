//! The search for an order of the operations upon one key.

use std::collections::BTreeMap;
use std::rc::Rc;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::key::{Key, Known, Lost, Value};
use super::{Closest, LAST, Operation, Violation};

/// Why there is no order.
pub(super) enum Failure {
    /// There cannot be one.
    Violation(Box<Violation>),
    /// None was found in so many steps.
    Budget,
}

/// How many lost writes of each kind are in an order; a kind of which none is, is left out.
type Spent = BTreeMap<usize, usize>;

/// Where an order has come to.
struct Point<'k> {
    /// The answered operations that are not in the order, but started before any such has ended;
    /// by their starts.
    open: Vec<&'k Known<'k>>,
    /// The answered operations that started later; by their starts.
    rest: &'k [Known<'k>],
    /// When the first of the open operations ended. What started by then can be next.
    first_end: u64,
    value: Value,
    spent: Rc<Spent>,
    /// Whether a lost write came last. Then only what needs its value can be next: anything else
    /// could do without the lost write.
    lost_last: bool,
    /// How many operations are in the order.
    ordered: usize,
}

/// What can be next.
enum Choice<'k> {
    Known(&'k Known<'k>),
    Lost(&'k Lost<'k>),
}

/// The points that were gone on from.
///
/// The rest of a point follows from what is open. Along an order, the same operations are never
/// open twice, but for steps of lost writes, and these spend more each time: so a point that can do
/// no more than one that was seen is either on the way to nowhere, or on a detour. Whether a lost
/// write came last makes no difference here: what may not follow it may come in its place.
#[derive(Default)]
struct Seen(FxHashMap<Box<[usize]>, Vec<Rc<Spent>>>);

pub(super) struct Search<'k> {
    key: &'k Key<'k>,
    order: Vec<&'k Operation>,
    seen: Seen,
    closest: Option<(u64, &'k Known<'k>, Closest)>,
}

impl<'k> Point<'k> {
    /// The lost write of this kind that can be next: the first that is not spent.
    fn available(&self, lost: &Lost<'k>) -> Option<&'k Operation> {
        let spent = self.spent.get(&lost.place).copied().unwrap_or(0);
        let next = lost.operations.get(spent).copied();
        next.filter(|operation| operation.start <= self.first_end)
    }
}

impl Seen {
    /// Notes the point, unless one was seen that could do as much.
    fn is_new(&mut self, point: &Point<'_>) -> bool {
        let open = point.open.iter().map(|known| known.place);
        let key = open.chain([point.value]).collect();
        let alike = self.0.entry(key).or_default();
        if alike.iter().any(|less| within(less, &point.spent)) {
            return false;
        }
        alike.retain(|more| !within(&point.spent, more));
        alike.push(Rc::clone(&point.spent));
        true
    }
}

/// Whether no kind of lost write is spent more often in `less` than in `more`.
fn within(less: &Rc<Spent>, more: &Rc<Spent>) -> bool {
    let enough = |(kind, count)| more.get(kind).is_some_and(|other| count <= other);
    Rc::ptr_eq(less, more) || less.iter().all(enough)
}

impl<'k> Search<'k> {
    pub(super) fn new(key: &'k Key<'k>) -> Self {
        Search { key, order: Vec::new(), seen: Seen::default(), closest: None }
    }

    /// How many steps it took to find an order.
    pub(super) fn run(mut self, budget: u64) -> Result<u64, Failure> {
        let mut point = self.settled(Point {
            open: Vec::new(),
            rest: &self.key.known,
            first_end: u64::MAX,
            value: 0,
            spent: Rc::default(),
            lost_last: false,
            ordered: 0,
        });
        // What is still to be tried; the next is the last.
        let mut tries = Vec::new();
        let mut steps = 0;
        while !point.open.is_empty() {
            if self.seen.is_new(&point) {
                let choices = self.choices(&point);
                if choices.is_empty() {
                    self.note(&point);
                }
                let from = Rc::new(point);
                tries.extend(choices.into_iter().rev().map(|choice| (Rc::clone(&from), choice)));
            }
            // A search in vain has met a point that leads nowhere. If it had not, who knows?
            let Some((from, choice)) = tries.pop() else {
                return Err(self.violation().map_or(Failure::Budget, Failure::Violation));
            };
            if steps == budget {
                return Err(Failure::Budget);
            }
            steps += 1;
            self.order.truncate(from.ordered);
            point = self.chosen(&from, choice);
        }
        Ok(steps)
    }

    /// What can be next: answered operations that find what is there, the first to end first; then
    /// lost writes that leave what an open operation has found, or that lead there by way of others.
    fn choices(&self, point: &Point<'k>) -> Vec<Choice<'k>> {
        let mut fitting: Vec<&'k Known<'k>> = Vec::new();
        let mut needed: IndexSet<Value, FxBuildHasher> = IndexSet::default();
        for known in &point.open {
            match known.found == point.value {
                true => fitting.push(known),
                false => drop(needed.insert(known.found)),
            }
        }
        fitting.sort_by_key(|known| known.end);
        let mut left: IndexSet<Value, FxBuildHasher> = IndexSet::default();
        fitting.retain(|known| left.insert(known.left));
        let mut choices: Vec<_> = fitting.into_iter().map(Choice::Known).collect();
        let mut done = 0;
        while let Some(value) = needed.get_index(done).copied() {
            done += 1;
            for lost in self.key.lost.get(&value).into_iter().flatten() {
                match lost.needs {
                    _ if point.available(lost).is_none() => {}
                    // What overwrites a lost write at once can do without it.
                    None if point.lost_last => {}
                    None => choices.push(Choice::Lost(lost)),
                    Some(needs) if needs == point.value => choices.push(Choice::Lost(lost)),
                    Some(needs) => drop(needed.insert(needs)),
                }
            }
        }
        choices
    }

    /// The point after one more operation.
    fn chosen(&mut self, from: &Point<'k>, choice: Choice<'k>) -> Point<'k> {
        let (mut open, mut spent) = (from.open.clone(), Rc::clone(&from.spent));
        let (operation, value) = match choice {
            Choice::Known(known) => {
                open.retain(|other| other.place != known.place);
                (Some(known.operation), known.left)
            }
            Choice::Lost(lost) => {
                *Rc::make_mut(&mut spent).entry(lost.place).or_default() += 1;
                (from.available(lost), lost.leaves)
            }
        };
        self.order.extend(operation);
        let lost_last = matches!(choice, Choice::Lost(_));
        let (rest, first_end, ordered) = (from.rest, from.first_end, self.order.len());
        self.settled(Point { open, rest, first_end, value, spent, lost_last, ordered })
    }

    /// The point after all has been ordered that changes nothing and can be next.
    fn settled(&mut self, mut point: Point<'k>) -> Point<'k> {
        loop {
            let ends = point.open.iter().map(|known| known.end);
            point.first_end = ends.min().unwrap_or(u64::MAX);
            while let Some((known, rest)) = point.rest.split_first()
                && known.operation.start <= point.first_end
            {
                point.first_end = point.first_end.min(known.end);
                point.open.push(known);
                point.rest = rest;
            }
            let (value, order) = (point.value, &mut self.order);
            point.open.retain(|known| {
                let idle = known.found == value && known.left == value;
                order.extend(idle.then_some(known.operation));
                !idle
            });
            if self.order.len() == point.ordered {
                return point;
            }
            point.ordered = self.order.len();
            point.lost_last = false;
        }
    }

    /// Notes a point that leads nowhere, if no other has come as close.
    fn note(&mut self, point: &Point<'k>) {
        let Some(misfit) = point.open.iter().copied().min_by_key(|known| known.end) else {
            return;
        };
        let come = (misfit.end, point.ordered);
        if self.closest.as_ref().is_some_and(|(end, _, other)| come <= (*end, other.ordered)) {
            return;
        }
        let last = self.order.iter().rev().take(LAST).rev();
        let others = point.open.iter().filter(|known| known.place != misfit.place);
        let closest = Closest {
            ordered: point.ordered,
            all: self.key.all,
            last: last.copied().cloned().collect(),
            value: self.key.slots.get_index(point.value).copied().flatten().cloned(),
            open: others.map(|known| known.operation.clone()).collect(),
        };
        self.closest = Some((misfit.end, misfit, closest));
    }

    /// What there is to say if all was tried in vain.
    fn violation(self) -> Option<Box<Violation>> {
        let (_, misfit, closest) = self.closest?;
        let (key, misfit) = (self.key.key.clone(), misfit.operation.clone());
        Some(Box::new(Violation { key, misfit, closest: Some(closest) }))
    }
}
