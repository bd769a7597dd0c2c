//! Small histories, one for each thing that may go wrong, and its innocent likes.

use crate::lab::linear::{Checked, LinearizabilityError, Operation, Violation, check};
use crate::machine::kv::{KvCommand, KvReply};

use super::{delete, differs, get, is, lost, put, swap, told, was};

const BUDGET: u64 = 1000;

fn good(history: &[Operation]) {
    let mut turned = history.to_vec();
    turned.reverse();
    for history in [history, &turned] {
        let checked = check(history, BUDGET).unwrap_or_else(|doubt| panic!("{doubt}"));
        assert_eq!(checked.operations, history.len() as u64);
    }
}

/// Expects this operation of the history to fit nowhere.
fn bad(history: &[Operation], misfit: usize) -> Violation {
    match check(history, BUDGET) {
        Err(LinearizabilityError::Violation(violation)) => {
            assert_eq!(violation.misfit, history[misfit], "{violation}");
            *violation
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_happened() {
    assert_eq!(check(&[], 0), Ok(Checked::default()));
    good(&[lost(0, get("k")), lost(0, put("k", "a")), lost(0, delete("k"))]);
}

#[test]
fn one_after_the_other() {
    good(&[
        told(0, 1, get("k"), is("")),
        told(2, 3, put("k", "a"), was("")),
        told(4, 5, swap("k", "b", "c"), differs("a")),
        told(6, 7, swap("k", "a", "b"), was("a")),
        told(8, 9, swap("k", "b", "b"), was("b")),
        told(10, 11, delete("k"), was("b")),
        told(12, 13, delete("k"), was("")),
        told(14, 15, swap("k", "", "d"), was("")),
        told(16, 17, get("k"), is("d")),
        told(18, 19, get("l"), is("")),
    ]);
}

#[test]
fn writes_at_the_same_time_take_any_order_but_one_order() {
    let a = told(0, 9, put("k", "a"), was("b"));
    let b = told(0, 9, put("k", "b"), was(""));
    good(&[a.clone(), b.clone(), told(10, 11, get("k"), is("a"))]);
    bad(&[a, b, told(10, 11, get("k"), is("b"))], 2);
}

#[test]
fn an_end_at_the_start_of_another_overlaps_it() {
    good(&[told(0, 5, put("k", "a"), was("")), told(5, 9, get("k"), is(""))]);
    bad(&[told(0, 5, put("k", "a"), was("")), told(6, 9, get("k"), is(""))], 1);
}

#[test]
fn a_stale_read() {
    let history = [
        told(0, 1, put("k", "a"), was("")),
        told(2, 3, put("k", "b"), was("a")),
        told(4, 5, get("k"), is("a")),
    ];
    let violation = bad(&history, 2);
    let closest = violation.closest.unwrap();
    assert_eq!((closest.ordered, closest.all, closest.value), (2, 3, Some(b"b".into())));
    assert_eq!((closest.last, closest.open), (history[..2].to_vec(), vec![]));
}

#[test]
fn a_lost_update() {
    let b = told(2, 3, put("k", "b"), was("a"));
    let history = |last| [told(0, 1, put("k", "a"), was("")), b.clone(), last];
    bad(&history(told(4, 5, put("k", "c"), was("a"))), 2);
    bad(&history(told(4, 5, swap("k", "a", "c"), was("a"))), 2);
    bad(&history(told(4, 5, swap("k", "c", "d"), differs("a"))), 2);
    good(&history(told(4, 5, put("k", "c"), was("b"))));
}

#[test]
fn a_value_that_was_never_written() {
    bad(&[told(0, 1, put("k", "a"), was("")), told(0, 9, get("k"), is("b"))], 1);
    bad(&[told(0, 1, put("l", "a"), was("")), told(0, 9, get("k"), is("a"))], 1);
    bad(&[told(0, 1, put("k", "a"), was("b"))], 0);
}

#[test]
fn two_swaps_of_the_same_value() {
    let a = told(0, 1, put("k", "a"), was(""));
    let swaps = [("b", 8), ("c", 9)].map(|(to, end)| told(2, end, swap("k", "a", to), was("a")));
    let [b, c] = swaps;
    bad(&[a.clone(), b.clone(), c.clone()], 2);
    good(&[a, b, c, told(2, 7, put("k", "a"), was("b"))]);
}

#[test]
fn a_delete_undone() {
    let before = [told(0, 1, put("k", "a"), was("")), told(2, 3, delete("k"), was("a"))];
    let history = |last| [before[0].clone(), before[1].clone(), last];
    bad(&history(told(4, 5, get("k"), is("a"))), 2);
    bad(&history(told(4, 5, delete("k"), was("a"))), 2);
    good(&history(told(3, 5, get("k"), is("a"))));
}

#[test]
fn a_write_applied_twice() {
    let history = |b_ends| {
        [
            told(0, 1, put("k", "a"), was("")),
            told(2, b_ends, put("k", "b"), was("a")),
            told(4, 5, get("k"), is("b")),
            told(6, 7, get("k"), is("a")),
        ]
    };
    bad(&history(3), 3);
    bad(&history(9), 3);
    // Had it been asked for twice, and one answer been lost, it could be.
    let mut asked_twice = history(3).to_vec();
    asked_twice.push(lost(0, put("k", "a")));
    good(&asked_twice);
}

#[test]
fn a_read_that_goes_back() {
    let history = |first, second| {
        [
            told(0, 9, put("k", "a"), was("")),
            told(1, 2, get("k"), is(first)),
            told(3, 4, get("k"), is(second)),
        ]
    };
    bad(&history("a", ""), 2);
    good(&history("", "a"));
    good(&history("", ""));
    good(&history("a", "a"));
}

#[test]
fn a_lost_write_is_seen_and_then_it_is_not() {
    let seen = |value, time| told(time, time + 1, get("k"), is(value));
    let history = [told(0, 1, put("k", "a"), was("")), lost(2, put("k", "b"))];
    let with = |reads: &[Operation]| [&history[..], reads].concat();
    bad(&with(&[seen("b", 4), seen("a", 6)]), 3);
    bad(&with(&[seen("b", 4), told(6, 7, put("k", "c"), was("a"))]), 3);
    bad(&with(&[seen("b", 4), told(6, 7, put("k", "c"), was("b")), seen("b", 8)]), 4);
    good(&with(&[seen("b", 4), lost(5, put("k", "a")), seen("a", 6)]));
    good(&with(&[seen("b", 4), seen("b", 6)]));
}

#[test]
fn a_lost_write_takes_effect_late_or_never_but_not_early() {
    let seen = |value, time| told(time, time + 1, get("k"), is(value));
    let history = [told(0, 1, put("k", "a"), was("")), lost(10, put("k", "b"))];
    let with = |reads: &[Operation]| [&history[..], reads].concat();
    good(&with(&[seen("a", 12), seen("a", 1000), seen("b", 1002)]));
    good(&with(&[seen("a", 12), seen("a", 1000)]));
    good(&with(&[seen("b", 9)]));
    bad(&with(&[seen("b", 8)]), 2);
    bad(&[lost(10, delete("k")), history[0].clone(), told(2, 9, get("k"), is(""))], 2);
}

#[test]
fn lost_writes_lead_to_others() {
    let chain = [
        lost(0, swap("k", "a", "b")),
        lost(0, put("k", "a")),
        lost(0, swap("k", "b", "c")),
        lost(0, swap("k", "c", "a")),
        lost(0, swap("k", "a", "a")),
    ];
    let with = |reads: &[Operation]| [&chain[..], reads].concat();
    let seen = |value, time| told(time, time + 1, get("k"), is(value));
    good(&with(&[seen("c", 2)]));
    good(&with(&[seen("a", 2), seen("c", 4), seen("a", 6)]));
    bad(&with(&[seen("a", 2), seen("c", 4), seen("a", 6), seen("b", 8)]), 8);
    bad(&with(&[seen("c", 2), seen("", 4)]), 6);
    bad(&[&chain[..1], &chain[2..], &[seen("c", 2)]].concat(), 4);
}

/// Taken in the order of their ends, the three writes need both lost ones; in another, none.
#[test]
fn a_lost_write_is_saved_for_later() {
    good(&[
        lost(0, delete("k")),
        lost(0, put("k", "a")),
        told(1, 5, put("k", "a"), was("")),
        told(1, 9, put("k", "b"), was("")),
        told(1, 9, delete("k"), was("b")),
        told(10, 11, get("k"), is("a")),
        told(12, 13, get("k"), is("")),
    ]);
}

#[test]
fn a_reply_that_is_none_to_this_command() {
    for (command, reply) in [
        (get("k"), KvReply::NoCommand),
        (get("k"), was("")),
        (put("k", "a"), is("")),
        (delete("k"), differs("a")),
        (swap("k", "a", "b"), was("")),
        (swap("k", "a", "b"), differs("a")),
        (swap("k", "", "b"), KvReply::NoCommand),
    ] {
        let violation = bad(&[told(0, 1, command, reply)], 0);
        assert_eq!(violation.closest, None, "{violation}");
    }
}

#[test]
fn an_end_before_the_start_is_no_history() {
    let history = [told(0, 1, get("k"), is("")), told(5, 4, get("k"), is(""))];
    assert_eq!(check(&history, BUDGET), Err(LinearizabilityError::Backwards(1)));
}

#[test]
fn a_list_of_keys_is_not_judged_and_said_to_be_so() {
    let list = KvCommand::List { prefix: Vec::new(), after: None, limit: 9 };
    let keys = KvReply::Keys { keys: Vec::new(), more: false };
    let history = [told(0, 1, get("k"), is("")), told(2, 3, list, keys)];
    assert_eq!(check(&history, BUDGET), Err(LinearizabilityError::ManyKeys(1)));
}

#[test]
fn a_budget_leaves_one_key_undecided_and_says_which() {
    let puts = |key| [told(0, 9, put(key, "a"), was("")), told(0, 9, put(key, "b"), was("a"))];
    let history = puts("k");
    assert_eq!(check(&history, 2).map(|checked| checked.steps), Ok(2));
    let undecided = LinearizabilityError::Undecided { key: b"k".into(), budget: 1 };
    assert_eq!(check(&history, 1), Err(undecided.clone()));
    assert!(undecided.to_string().contains("\"k\" was given up after 1 steps"), "{undecided}");
    // What is surely wrong is not hidden by what may be.
    let wrong = told(0, 1, get("l"), is("a"));
    let history = [&history[..], &[wrong]].concat();
    assert!(
        matches!(check(&history, 1), Err(LinearizabilityError::Violation(found)) if found.key == b"l")
    );
}

#[test]
fn a_violation_can_be_read() {
    let history = [
        told(0, 1, put("k\n", "a"), was("")),
        told(2, 9, swap("k\n", "a", "b"), was("a")),
        told(3, 7, delete("k\n"), was("c")),
        lost(4, get("k\n")),
    ];
    let text = "not linearizable: of the operations upon \"k\\n\",
  client 3 from 3 ns to 7 ns: delete -> replaced \"c\"
fits nowhere; 2 of 4 operations can be ordered, and then there is \"b\"
the last of them:
  client 0 from 0 ns to 1 ns: put \"a\" -> replaced nothing
  client 2 from 2 ns to 9 ns: put \"b\" if there is \"a\" -> replaced \"a\"";
    assert_eq!(bad(&history, 2).to_string(), text);
}
