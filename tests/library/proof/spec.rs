//! The specification: everything can happen, everything is needed, and it speaks of the code.

use std::collections::BTreeSet;
use std::path::Path;

use crate::proof::explanation::Explanation;
use crate::proof::ground::Problem;
use crate::proof::logic::{Structure, Valuation, Var, equal, exists, forall};
use crate::proof::sensitivity::{SMALL, Without, sensitivity};
use crate::proof::spec::faults::FAULTS;
use crate::proof::spec::vocabulary::*;
use crate::proof::spec::{Action, Change, Effect, paxos};

/// In some structure in which the invariant holds, each action may happen, and changes something.
#[test]
fn every_action_can_happen() {
    let paxos = paxos();
    for action in &paxos.actions {
        let idle = paxos.idle(action);
        let countermodel =
            idle.countermodel(&SMALL).unwrap_or_else(|| panic!("{} cannot", action.name));
        assert_eq!(action.unmet(&countermodel.structure, &countermodel.values), None);
        let after = action.perform(&countermodel.structure, &countermodel.values);
        assert_ne!(after, countermodel.structure, "{}", action.name);
        for part in paxos.invariant.iter().chain(&paxos.safety) {
            let mut values = countermodel.values.clone();
            assert!(after.satisfies(&part.formula, &mut values), "{}", action.name);
        }
    }
}

/// What cannot happen is noticed.
#[test]
fn an_action_that_cannot_happen_is_found_out() {
    let mut paxos = paxos();
    let learn = paxos.actions.iter_mut().find(|action| action.name == "learn").unwrap();
    let guard = learn.guards[0].clone();
    learn.guards[0].named.formula = !guard.named.formula.clone();
    learn.guards.push(guard);
    let learn = paxos.action("learn").unwrap();
    assert_eq!(paxos.idle(learn).countermodel(&SMALL), None);
}

#[test]
fn nothing_can_be_left_out_and_every_fault_is_found() {
    let rows = sensitivity().unwrap();
    for row in &rows {
        let first = row.fails.first().unwrap_or_else(|| panic!("{:?} is not needed", row.without));
        let Some((specification, countermodel)) = &row.countermodel else {
            panic!("{:?}: {first} has no small counterexample", row.without)
        };
        assert!(first.is_refuted_by(countermodel));
        let explanation = Explanation::new(specification, first, countermodel).to_string();
        assert!(
            explanation.contains("and yet") && explanation.contains("wrong for"),
            "{explanation}"
        );
    }
    let paxos = paxos();
    let guards: usize = paxos.actions.iter().map(|action| action.guards.len()).sum();
    let parts = paxos.axioms.len() + paxos.invariant.len() + guards + FAULTS.len();
    assert_eq!(rows.len(), parts);
    assert!(FAULTS.len() >= 10);
}

#[test]
fn a_fault_reads_as_a_story() {
    let row = Without::Fault("stale-accept").row().unwrap();
    let (specification, countermodel) = row.countermodel.unwrap();
    let explanation = Explanation::new(&specification, &row.fails[0], &countermodel).to_string();
    let expected = "  there are   b1; i1; n1; p1 = {n1}; q1 = {n1}; v1
  said so far proposed(b1, i1, v1), left(n1, b1), abstained(n1, b1, i1, b1)
  then        an acceptor votes (accept)
  where       b = b1, i = i1, n = n1, v = v1
  afterwards  + voted(n1, b1, i1, v1)
  and yet     whoever says that it has abstained from a ballot has not voted under it
  wrong for   n = n1, b = b1, i = i1, x = b1, v = v1, in  ";
    assert!(explanation.starts_with(expected), "{explanation}");
}

/// What was said stays said.
#[test]
fn relations_only_grow() {
    for action in &paxos().actions {
        assert!(action.changes.iter().all(|change| change.effect == Effect::Adds));
    }
}

/// A variable that nothing binds would be taken for the action's parameter of that name, and prove
/// anything.
#[test]
fn what_is_ill_formed_is_refused() {
    assert_eq!(paxos().ill_formed(), None);
    let mut open = paxos();
    open.invariant[2].formula = VOTED.of([N, B, I, W]).implies(equal(W, V));
    assert_eq!(open.ill_formed().unwrap(), "nothing binds b in 'votes are for proposals'");
    let mut open = paxos();
    let guard = open.action("accept").unwrap().guards[0].clone();
    open.actions[0].guards.push(guard);
    assert_eq!(open.ill_formed().unwrap(), "nothing binds b in 'it was proposed'");
    let mut other = paxos();
    other.axioms[0].formula = forall([B, I], VOTED.of([B, B, I, NOOP]));
    let wrong = "'ballots are in a row' relates things of other sorts";
    assert_eq!(other.ill_formed().unwrap(), wrong);
    for fault in &FAULTS {
        assert_eq!(fault.specification().ill_formed(), None, "{}", fault.name);
    }
}

/// Each change looks at what was before the action, whatever else the action changes.
#[test]
fn changes_are_made_at_once() {
    let mut paxos = paxos();
    let v = Var { index: 1, ..V };
    let change = |relation, effect, of| Change { relation, vars: vec![v], effect, of };
    let tells_all = exists([I], LEARNED.of([I, v]));
    paxos.actions = vec![Action {
        name: "both",
        words: "",
        parameters: vec![],
        claims: vec![],
        guards: vec![],
        changes: vec![
            change(&SUBMITTED, Effect::Adds, tells_all),
            Change {
                relation: &LEARNED,
                vars: vec![Var { index: 1, ..I }, v],
                effect: Effect::Drops,
                of: equal(v, v),
            },
            change(&SUBMITTED, Effect::Drops, equal(v, NOOP)),
        ],
    }];
    let nothing_submitted = forall([V], !SUBMITTED.of([V]));
    for learned in [vec![], vec![0], vec![1], vec![0, 1]] {
        let mut state = Structure::new(SMALL);
        for value in &learned {
            state.insert(&LEARNED, vec![0, *value]);
        }
        let mut values = vec![(NOOP, 0)];
        let before = paxos.actions[0].before(&nothing_submitted);
        let after = paxos.actions[0].perform(&state, &values);
        assert_eq!(state.satisfies(&before, &mut values), !learned.contains(&1), "{learned:?}");
        assert_eq!(after.satisfies(&nothing_submitted, &mut values), !learned.contains(&1));
    }
}

/// The weakest precondition is true exactly where the formula is true after the action.
#[test]
fn what_is_true_before_is_what_is_true_after() {
    let paxos = paxos();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut held, mut broken) = (0, 0);
    for _ in 0..300 {
        let mut state = Structure::new(SMALL);
        let claims = paxos.actions.iter().flat_map(|action| &action.claims);
        for relation in paxos.fixed.iter().chain(&paxos.state).chain(claims) {
            for tuple in state.all(relation.sorts) {
                if random.u8(..8) == 0 {
                    state.insert(relation, tuple);
                }
            }
        }
        for action in &paxos.actions {
            let mut values: Valuation = vec![(NOOP, 0)];
            for parameter in &action.parameters {
                values.push((*parameter, random.u8(state.elements(parameter.sort))));
            }
            let after = action.perform(&state, &values);
            for part in paxos.invariant.iter().chain(&paxos.safety) {
                let is = after.satisfies(&part.formula, &mut values.clone());
                let was = state.satisfies(&action.before(&part.formula), &mut values.clone());
                assert_eq!(is, was, "{} and {}", action.name, part.name);
                if is { held += 1 } else { broken += 1 }
            }
        }
    }
    assert!(held > 1000 && broken > 1000, "{held} {broken}");
}

/// What stands for things of one sort never depends on things of the same sort.
#[test]
fn a_formula_outside_the_fragment_is_noticed() {
    let mut paxos = paxos();
    paxos.axioms[0].formula = forall([X], exists([B], BELOW.of([X, B])));
    let mut all = paxos.obligations().into_iter();
    assert!(!all.any(|obligation| Problem::new(&obligation).is_stratified()));
}

#[test]
fn every_guard_names_lines_of_the_code_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for guard in paxos().actions.iter().flat_map(|action| &action.guards) {
        assert!(!guard.upheld.is_empty(), "{}", guard.named.name);
        for (file, line) in guard.upheld {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let lines = text.lines().filter(|other| other.contains(line)).count();
            assert_eq!(lines, 1, "'{line}' in {file}, for '{}'", guard.named.name);
        }
    }
}

#[test]
fn names_are_used_once() {
    let paxos = paxos();
    let parts = paxos.axioms.iter().chain(&paxos.invariant).chain(&paxos.safety);
    let names: Vec<&str> = parts.map(|part| part.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for action in &paxos.actions {
        let names: BTreeSet<_> = action.guards.iter().map(|guard| guard.named.name).collect();
        assert_eq!(names.len(), action.guards.len());
    }
    let sorts: BTreeSet<_> = SMALL.iter().map(|(sort, _)| *sort).collect();
    assert!(sorts.is_superset(&BTreeSet::from([NODE, BALLOT, VALUE])));
}

/// For each part of the invariant that a guard upholds, the guard and where it stands, as in the
/// README.
#[test]
fn the_readme_says_which_guard_upholds_what() {
    let mut table = "| part of the invariant | without this guard it fails | which stands on |\n\
                     | --- | --- | --- |\n"
        .to_owned();
    let paxos = paxos();
    for part in &paxos.invariant {
        for action in &paxos.actions {
            for guard in &action.guards {
                let without = Without::Guard(action.name, guard.named.name);
                let fails = without.specification().unprovable().unwrap();
                if fails.iter().any(|obligation| obligation.holds == part.name) {
                    let lines = guard.upheld.iter().map(|(file, line)| format!("{file}: `{line}`"));
                    let lines = lines.collect::<Vec<_>>().join("<br>").replace('|', "\\|");
                    let (action, guard) = (action.name, guard.named.name);
                    table += &format!("| {} | {action}: {guard} | {lines} |\n", part.name);
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("proofs/README.md")).unwrap();
    assert!(readme.contains(&table), "the table in proofs/README.md should be\n\n{table}");
    let unguarded: Vec<&str> = paxos.invariant.iter().map(|part| part.name).collect();
    let unguarded = unguarded.into_iter().filter(|name| !table.contains(&format!("| {name} |")));
    assert_eq!(unguarded.collect::<Vec<_>>(), ["promises bind", "abstentions are final"]);
}
