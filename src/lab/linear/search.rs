//! The search for an order of the operations upon one key.

use std::collections::BTreeMap;
use std::rc::Rc;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::key::{Key, Known, Lost, Value};
use super::{Closest, LAST, Operation, Violation};

/// The reason why no order was found.
pub(super) enum Failure {
    /// There is no order.
    Violation(Box<Violation>),
    /// The budget of steps was used up.
    Budget,
}

/// The number of indeterminate writes of each kind in an order; kinds without any are left out.
type Spent = BTreeMap<usize, usize>;

/// The end of an order: the state from which it can be extended.
struct Point<'k> {
    /// The answered operations that are not in the order, but started before any such has ended; sorted by
    /// start.
    open: Vec<&'k Known<'k>>,
    /// The answered operations that started later; sorted by start.
    rest: &'k [Known<'k>],
    /// The earliest end of the open operations. Operations that started by then can be next.
    first_end: u64,
    value: Value,
    spent: Rc<Spent>,
    /// True if the last operation is an indeterminate write. Then only an operation that needs its value can
    /// be next: any other could do without that write.
    lost_last: bool,
    /// The number of operations in the order.
    ordered: usize,
}

/// An operation that can be next.
enum Choice<'k> {
    Known(&'k Known<'k>),
    Lost(&'k Lost<'k>),
}

/// The points that the search has continued from.
///
/// The rest of a point follows from its open operations. Along an order, the same operations are open twice
/// only through indeterminate writes, and each of these spends more. So a point that can do no more than one
/// seen before either is on the way to a dead end, or is a detour. `lost_last` makes no difference here: an
/// operation that may not follow the indeterminate write may take its place.
#[derive(Default)]
struct Seen(FxHashMap<Box<[usize]>, Vec<Rc<Spent>>>);

pub(super) struct Search<'k> {
    key: &'k Key<'k>,
    order: Vec<&'k Operation>,
    seen: Seen,
    closest: Option<(u64, &'k Known<'k>, Closest)>,
}

impl<'k> Point<'k> {
    /// The indeterminate write of this kind that can be next: the first that is not spent.
    fn available(&self, lost: &Lost<'k>) -> Option<&'k Operation> {
        let spent = self.spent.get(&lost.place).copied().unwrap_or(0);
        let next = lost.operations.get(spent).copied();
        next.filter(|operation| operation.start <= self.first_end)
    }
}

impl Seen {
    /// Records the point, and returns false if one was seen that can do as much.
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

/// True if no kind of indeterminate write is spent more often in `less` than in `more`.
fn within(less: &Rc<Spent>, more: &Rc<Spent>) -> bool {
    let enough = |(kind, count)| more.get(kind).is_some_and(|other| count <= other);
    Rc::ptr_eq(less, more) || less.iter().all(enough)
}

impl<'k> Search<'k> {
    pub(super) fn new(key: &'k Key<'k>) -> Self {
        Search { key, order: Vec::new(), seen: Seen::default(), closest: None }
    }

    /// Searches for an order, and returns the number of steps taken.
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
        // The choices still to be tried, as a stack.
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
            // A search in vain has met a dead end. Without one, the outcome stays undecided.
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

    /// The operations that can be next: answered ones that find the current value, by their ends; then
    /// indeterminate writes that leave a value which an open operation has found, or which another such write
    /// needs.
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
                    // A write that overwrites an indeterminate write at once can do without it.
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

    /// The point after ordering all operations that can be next and change nothing.
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

    /// Records a dead end, if it is the closest so far.
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

    /// The violation to report once everything was tried in vain.
    fn violation(self) -> Option<Box<Violation>> {
        let (_, misfit, closest) = self.closest?;
        let (key, misfit) = (self.key.key.clone(), misfit.operation.clone());
        Some(Box::new(Violation { key, misfit, closest: Some(closest) }))
    }
}
