//! The diagram's operations compared with brute force, and seeded faults that these tests must
//! notice.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// A fault of the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model::engine) enum Fault {
    /// An operation starts at the variable of the first set, even if the second has one above it.
    TopOfTheFirst,
    /// Cached results outlive the nodes that they name.
    StaleCache,
    /// An existing node is created once more.
    MadeTwice,
}

/// A state of two blocks, each with a core and two outboxes.
type State = [Value; 6];
type States = BTreeSet<State>;

fn variables() -> Vec<Variable> {
    let block =
        |block| [Variable::core(block), Variable::outbox(block, 0), Variable::outbox(block, 1)];
    (0..2).flat_map(block).collect()
}

fn write(diagram: &mut Diagram, states: &States) -> Node {
    let mut all = EMPTY;
    for state in states {
        let levels = variables().into_iter().zip(state).rev();
        let path = levels.fold(END, |below, (v, value)| diagram.node(v, vec![(*value, below)]));
        all = diagram.union(all, path);
    }
    all
}

fn read(diagram: &Diagram, node: Node) -> States {
    let mut paths = vec![(node, Vec::new())];
    for variable in variables() {
        let step = |(node, path): (Node, Vec<Value>)| {
            let edges = diagram.edges_at(node, variable).into_owned().into_iter();
            edges.map(move |(value, child)| (child, [path.clone(), vec![value]].concat()))
        };
        paths = paths.into_iter().flat_map(step).collect();
    }
    assert!(paths.iter().all(|(end, _)| *end == END));
    paths.into_iter().map(|(_, path)| path.try_into().unwrap()).collect()
}

fn some_states() -> impl Strategy<Value = States> {
    proptest::collection::btree_set(proptest::array::uniform6(0u32..3), 0..40)
}

/// The laws of a diagram, on random sets.
fn laws(fault: Option<Fault>) -> Result<(), String> {
    let mut runner =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let sets = proptest::collection::vec(some_states(), 3);
    let outcome = runner.run(&sets, |sets| {
        let mut diagram = Diagram { fault, ..Diagram::default() };
        for pair in sets.windows(2).chain(sets.chunks(1)) {
            let (one, two) = (&pair[0], pair.last().unwrap());
            let (a, b) = (write(&mut diagram, one), write(&mut diagram, two));
            let results = [
                (diagram.union(a, b), one | two),
                (diagram.minus(a, b), one - two),
                (diagram.intersection(a, b), one & two),
                (diagram.union_all(vec![a, b, a]), one | two),
            ];
            for (node, expected) in &results {
                prop_assert_eq!(&read(&diagram, *node), expected);
                prop_assert_eq!(diagram.count(*node), BigUint::from(expected.len()));
                prop_assert_eq!(write(&mut diagram, expected), *node, "equal sets are one node");
            }
            // Collected nodes are gone, kept ones are intact, and later results are still right.
            let kept = results[0].0;
            diagram.collect([kept]);
            prop_assert_eq!(read(&diagram, kept), one | two);
            prop_assert_eq!(diagram.len(), diagram.size(kept));
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
fn operations_agree_with_brute_force() {
    laws(None).unwrap();
}

#[test]
fn seeded_faults_are_noticed() {
    for fault in [Fault::TopOfTheFirst, Fault::StaleCache, Fault::MadeTwice] {
        let noticed = catch_unwind(|| laws(Some(fault))).map_or(true, |laws| laws.is_err());
        assert!(noticed, "{fault:?} went unnoticed");
    }
}

#[test]
fn a_full_product_is_as_small_as_its_variables() {
    let mut diagram = Diagram::default();
    let full = variables().into_iter().rev().fold(END, |below, variable| {
        diagram.node(variable, (0..100).map(|value| (value, below)).collect())
    });
    assert_eq!(diagram.size(full), 6);
    assert_eq!(diagram.count(full), BigUint::from(100u64).pow(6));
}
