//! Sets of states as multi-valued decision diagrams.
//!
//! A node has a variable, and maps values of the variable to nodes of variables further down; a
//! path from a root to the end is one state. Equal nodes are one node, so equality of sets is
//! equality of numbers ("Graph-based algorithms for Boolean function manipulation": Bryant 1986;
//! with many values: Srinivasan and others 1990).
//!
//! A variable is a **core**, which has any number of values, or an **outbox**. A path that skips an
//! outbox has value 0 there, nothing sent ("Zero-suppressed BDDs": Minato 1993). So an outbox that
//! is never used costs nothing.
//!
//! Nodes are immutable; [`Diagram::collect`] frees those that are unreachable. (Libraries for
//! decision diagrams, such as OxiDD, have two values for each variable, and need all variables to
//! be known beforehand.)

use std::borrow::Cow;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use num_bigint::BigUint;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::cache::Cache;

/// A node: the set of the assignments to the variables from its own one down.
pub type Node = u32;

/// A value of a core or an outbox.
pub type Value = u32;

/// The empty set.
pub const EMPTY: Node = 0;
/// The end of every path, below the last core and the last nonempty outbox.
pub const END: Node = 1;

/// A value, and the node below it.
pub type Edge = (Value, Node);

/// A variable: the core of a block, or one of its outboxes below that. Smaller variables lie
/// further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(u32);

impl Variable {
    const PLACES: u32 = 1 << 16;
    /// The variable of the terminals, below all others.
    const LAST: Variable = Variable(u32::MAX);

    /// The core of a block.
    pub fn core(block: u8) -> Self {
        Variable(u32::from(block) * Self::PLACES)
    }

    /// The outbox of a block for one addressee.
    pub fn outbox(block: u8, addressee: usize) -> Self {
        Variable(Self::core(block).0 + addressee as u32 + 1)
    }

    /// The block that it belongs to.
    pub fn block(self) -> u8 {
        (self.0 / Self::PLACES) as u8
    }

    /// The addressee of an outbox; none for a core.
    pub fn addressee(self) -> Option<usize> {
        (self.0 % Self::PLACES).checked_sub(1).map(|addressee| addressee as usize)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Entry {
    variable: Variable,
    /// Sorted by value, each value once; no child is empty.
    edges: Box<[Edge]>,
}

/// The set of nodes that are in use.
#[derive(Debug)]
pub struct Live(Vec<bool>);

impl Live {
    /// True if this node is in use.
    pub fn has(&self, node: Node) -> bool {
        self.0[node as usize]
    }
}

/// A store of nodes, with the operations on the sets that they represent.
#[derive(Debug)]
pub struct Diagram {
    entries: Vec<Entry>,
    unique: HashTable<Node>,
    free: Vec<Node>,
    unions: Cache<(Node, Node)>,
    differences: Cache<(Node, Node)>,
    intersections: Cache<(Node, Node)>,
    peak: usize,
    #[cfg(test)]
    pub(super) fault: Option<tests::Fault>,
}

impl Default for Diagram {
    fn default() -> Self {
        let terminal = || Entry { variable: Variable::LAST, edges: Box::default() };
        Diagram {
            entries: vec![terminal(), terminal()],
            unique: HashTable::new(),
            free: Vec::new(),
            unions: Cache::default(),
            differences: Cache::default(),
            intersections: Cache::default(),
            peak: 0,
            #[cfg(test)]
            fault: None,
        }
    }
}

impl Diagram {
    /// The node with these edges, which must be sorted by value, each value once. Edges to the
    /// empty set are dropped.
    pub fn node(&mut self, variable: Variable, mut edges: Vec<Edge>) -> Node {
        edges.retain(|(_, child)| *child != EMPTY);
        match *edges {
            [] => return EMPTY,
            [(0, left_out)] if variable.addressee().is_some() => return left_out,
            _ => {}
        }
        debug_assert!(edges.is_sorted_by(|one, two| one.0 < two.0));
        debug_assert!(edges.iter().all(|edge| self.variable(edge.1) > variable));
        let entry = Entry { variable, edges: edges.into() };
        let key = FxBuildHasher.hash_one(&entry);
        let entries = &self.entries;
        if let Some(known) = self.unique.find(key, |node| entries[*node as usize] == entry) {
            #[cfg(test)]
            if self.fault == Some(tests::Fault::MadeTwice) {
                self.entries.push(entry);
                return (self.entries.len() - 1) as Node;
            }
            return *known;
        }
        let node = match self.free.pop() {
            Some(node) => {
                self.entries[node as usize] = entry;
                node
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as Node
            }
        };
        let entries = &self.entries;
        self.unique
            .insert_unique(key, node, |node| FxBuildHasher.hash_one(&entries[*node as usize]));
        self.peak = self.peak.max(self.unique.len());
        node
    }

    /// The variable of a node.
    pub fn variable(&self, node: Node) -> Variable {
        self.entries[node as usize].variable
    }

    /// The edges of a node.
    pub fn edges(&self, node: Node) -> &[Edge] {
        &self.entries[node as usize].edges
    }

    /// The edges of a node, as seen from a variable at or above its own. A skipped outbox has one
    /// edge, with value 0.
    pub fn edges_at(&self, node: Node, variable: Variable) -> Cow<'_, [Edge]> {
        if node == EMPTY || self.variable(node) == variable {
            Cow::Borrowed(self.edges(node))
        } else {
            Cow::Owned(vec![(0, node)])
        }
    }

    /// The node below this value; the empty set if there is none.
    pub fn child(&self, node: Node, variable: Variable, value: Value) -> Node {
        let edges = self.edges_at(node, variable);
        edges.binary_search_by_key(&value, |edge| edge.0).map_or(EMPTY, |place| edges[place].1)
    }

    /// The upper variable of two nodes.
    pub fn top(&self, one: Node, two: Node) -> Variable {
        self.variable(one).min(self.variable(two))
    }

    /// The edges of two nodes merged: for each value of the variable, the node below it in each.
    pub fn overlay(&self, one: Node, two: Node, variable: Variable) -> Vec<(Value, Node, Node)> {
        let (left, right) = (self.edges_at(one, variable), self.edges_at(two, variable));
        let mut both = Vec::with_capacity(left.len().max(right.len()));
        let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (Some(l), Some(r)) if l.0 == r.0 => {
                    both.push((l.0, l.1, r.1));
                    left.next();
                    right.next();
                }
                (Some(l), r) if r.is_none_or(|r| l.0 < r.0) => {
                    both.push((l.0, l.1, EMPTY));
                    left.next();
                }
                (_, Some(r)) => {
                    both.push((r.0, EMPTY, r.1));
                    right.next();
                }
                _ => return both,
            }
        }
    }

    /// The union of two sets.
    pub fn union(&mut self, one: Node, two: Node) -> Node {
        if one == two || two == EMPTY {
            return one;
        }
        if one == EMPTY {
            return two;
        }
        let key = (one.min(two), one.max(two));
        if let Some(known) = self.unions.get(key) {
            return known;
        }
        let union = self.combine(one, two, Diagram::union);
        self.unions.put(key, union);
        union
    }

    /// The union of any number of sets.
    pub fn union_all(&mut self, mut sets: Vec<Node>) -> Node {
        sets.sort_unstable();
        sets.dedup();
        while sets.len() > 1 {
            let pairs = sets.chunks(2).map(|pair| match pair {
                [one, two] => self.union(*one, *two),
                _ => pair[0],
            });
            sets = pairs.collect();
        }
        sets.first().copied().unwrap_or(EMPTY)
    }

    /// The difference of two sets: the states of the first that are not in the second.
    pub fn minus(&mut self, one: Node, two: Node) -> Node {
        if one == two || one == EMPTY {
            return EMPTY;
        }
        if two == EMPTY {
            return one;
        }
        if let Some(known) = self.differences.get((one, two)) {
            return known;
        }
        let rest = self.combine(one, two, Diagram::minus);
        self.differences.put((one, two), rest);
        rest
    }

    /// The intersection of two sets.
    pub fn intersection(&mut self, one: Node, two: Node) -> Node {
        if one == two {
            return one;
        }
        if one == EMPTY || two == EMPTY {
            return EMPTY;
        }
        let key = (one.min(two), one.max(two));
        if let Some(known) = self.intersections.get(key) {
            return known;
        }
        let common = self.combine(one, two, Diagram::intersection);
        self.intersections.put(key, common);
        common
    }

    /// Applies an operation below each value of the topmost variable.
    fn combine(&mut self, one: Node, two: Node, how: fn(&mut Self, Node, Node) -> Node) -> Node {
        let top = self.top(one, two);
        #[cfg(test)]
        let top = self.faulty_top(top, one);
        let both = self.overlay(one, two, top);
        let edges = both.into_iter().map(|(value, l, r)| (value, how(self, l, r))).collect();
        self.node(top, edges)
    }

    /// The exact number of states in the set.
    pub fn count(&self, node: Node) -> BigUint {
        let mut counts = FxHashMap::from_iter([(EMPTY, BigUint::ZERO), (END, BigUint::from(1u8))]);
        self.count_into(node, &mut counts);
        counts.remove(&node).unwrap_or_default()
    }

    fn count_into(&self, node: Node, counts: &mut FxHashMap<Node, BigUint>) {
        if counts.contains_key(&node) {
            return;
        }
        let mut sum = BigUint::ZERO;
        for (_, child) in self.edges(node) {
            self.count_into(*child, counts);
            if let Some(count) = counts.get(child) {
                sum += count;
            }
        }
        counts.insert(node, sum);
    }

    /// The number of nodes, garbage included.
    pub fn len(&self) -> usize {
        self.unique.len()
    }

    /// The most nodes at any time, garbage included.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// The number of nodes reachable from this one, terminals excluded.
    pub fn size(&self, node: Node) -> usize {
        self.mark([node]).0.iter().filter(|live| **live).count().saturating_sub(2)
    }

    fn mark(&self, roots: impl IntoIterator<Item = Node>) -> Live {
        let mut live = vec![false; self.entries.len()];
        (live[EMPTY as usize], live[END as usize]) = (true, true);
        let mut found: Vec<Node> = roots.into_iter().collect();
        while let Some(node) = found.pop() {
            if !std::mem::replace(&mut live[node as usize], true) {
                found.extend(self.edges(node).iter().map(|(_, child)| *child));
            }
        }
        Live(live)
    }

    /// Frees all nodes that are unreachable from these roots. Returns the nodes in use, so that
    /// other caches of nodes can be cleaned.
    pub fn collect(&mut self, roots: impl IntoIterator<Item = Node>) -> Live {
        let live = self.mark(roots);
        self.unique.retain(|node| live.has(*node));
        for node in 0..self.entries.len() as Node {
            let entry = &mut self.entries[node as usize];
            if !live.has(node) && !entry.edges.is_empty() {
                entry.edges = Box::default();
                self.free.push(node);
            }
        }
        #[cfg(test)]
        if self.fault == Some(tests::Fault::StaleCache) {
            return live;
        }
        let pair = |(one, two), result| live.has(one) && live.has(two) && live.has(result);
        self.unions.retain(pair);
        self.differences.retain(pair);
        self.intersections.retain(pair);
        live
    }

    #[cfg(test)]
    fn faulty_top(&self, top: Variable, one: Node) -> Variable {
        let fault = self.fault == Some(tests::Fault::TopOfTheFirst);
        if fault && self.variable(one) != Variable::LAST { self.variable(one) } else { top }
    }
}

#[cfg(test)]
mod tests;
