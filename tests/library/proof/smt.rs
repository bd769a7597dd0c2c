//! Obligations as SMT-LIB 2.

use std::collections::BTreeSet;

use crate::proof::logic::{Formula, Relation, Sort, Var, equal, exists, forall};
use crate::proof::obligation::{Moment, Obligation};
use crate::proof::sensitivity::sensitivity;
use crate::proof::smt::{Answer, Query, smt2, smt2_countermodel};
use crate::proof::spec::paxos;

const THING: Sort = Sort("thing");
const A: Var = Var::new("a", THING);
const X: Var = Var::new("x", THING);
const Y: Var = Var { index: 1, ..X };
static BELOW: Relation = Relation::infix("below", "<", &[THING, THING]);

fn obligation(hypotheses: Vec<(&'static str, Formula)>, goal: Formula) -> Obligation {
    let also = vec![forall([X], !BELOW.of([X, X]))];
    Obligation { moment: Moment::After("climb"), holds: "there is more", hypotheses, goal, also }
}

fn small() -> Obligation {
    let some = forall([X], exists([Y], BELOW.of([X, Y]) & !equal(X, Y)));
    let premise = Formula::Or(Vec::new()) | BELOW.of([A, X]);
    let then = BELOW.of([X, Y]) | equal(X, Y) | equal(A, Y) | equal(A, X);
    let long = forall([X], premise.implies(forall([Y], then)));
    obligation(
        vec![("nothing is highest", some), ("all is in a row", long)],
        exists([X], BELOW.of([A, X])),
    )
}

#[test]
fn an_obligation_reads_as_smt_lib() {
    let expected = "\
; climb: there is more
; expected: unsat
(set-logic UF)

(declare-sort thing 0)
(declare-fun below (thing thing) Bool)
(declare-const a thing)

; known: nothing is highest
(assert (forall ((x thing)) (exists ((x1 thing)) (and (below x x1) (not (= x x1))))))

; known: all is in a row
(assert
  (forall ((x thing))
    (=> (below a x) (forall ((x1 thing)) (or (below x x1) (= x x1) (= a x1) (= a x))))))

; the goal is false: there is more
(assert (not (exists ((x thing)) (below a x))))

(check-sat)
";
    assert_eq!(smt2(&small()), expected);
}

/// No proof may use what is also true; what is to be possible must be possible with it.
#[test]
fn what_is_also_true_counts_only_where_something_is_to_be_possible() {
    let also = "(assert (forall ((x thing)) (not (below x x))))";
    assert!(!smt2(&small()).contains(also));
    let countermodel = smt2_countermodel(&small());
    assert!(
        countermodel.contains(also) && countermodel.contains("; expected: sat\n"),
        "{countermodel}"
    );
}

/// A term of SMT-LIB: a word, or a list.
#[derive(Debug, PartialEq)]
enum Term<'t> {
    Word(&'t str),
    List(Vec<Term<'t>>),
}

impl<'t> Term<'t> {
    fn word(&self) -> &'t str {
        let Term::Word(word) = self else { panic!("{self:?}") };
        word
    }

    fn list(&self) -> &[Term<'t>] {
        let Term::List(list) = self else { panic!("{self:?}") };
        list
    }
}

/// All terms of a text, without its comments.
fn terms(text: &str) -> Vec<Term<'_>> {
    let mut open = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        for part in line.split_inclusive(['(', ')', ' ']) {
            let word = part.trim_end_matches(['(', ')', ' ']);
            if !word.is_empty() {
                open.last_mut().unwrap().push(Term::Word(word));
            }
            if part.ends_with('(') {
                open.push(Vec::new());
            } else if part.ends_with(')') {
                let list = open.pop().unwrap();
                open.last_mut().unwrap().push(Term::List(list));
            }
        }
    }
    assert_eq!(open.len(), 1, "brackets that are not closed: {text}");
    open.pop().unwrap()
}

/// Whatever is used is declared or bound, and every relation relates as many things as it does.
fn holds_together(term: &Term, declared: &BTreeSet<(&str, usize)>, bound: &[&str]) {
    let list = match term {
        Term::Word(word) => {
            let known = bound.contains(word) || declared.contains(&(*word, 0));
            assert!(known || ["true", "false"].contains(word), "{word}");
            return;
        }
        Term::List(list) => list,
    };
    let (head, rest) = (list[0].word(), &list[1..]);
    if ["forall", "exists"].contains(&head) {
        let vars = rest[0].list().iter().map(|var| var.list()[0].word());
        let bound: Vec<&str> = bound.iter().copied().chain(vars).collect();
        return holds_together(&rest[1], declared, &bound);
    }
    let logical = ["and", "or", "not", "=>", "="].contains(&head);
    assert!(logical || declared.contains(&(head, rest.len())), "{head} of {}", rest.len());
    rest.iter().for_each(|term| holds_together(term, declared, bound));
}

/// The names that a text declares, with the number of things that they are of.
fn check(text: &str) -> Vec<&str> {
    let terms = terms(text);
    let (mut names, mut declared, mut asserted) = (Vec::new(), BTreeSet::new(), 0);
    for term in &terms {
        let list = term.list();
        match list[0].word() {
            "declare-sort" => names.push(list[1].word()),
            "declare-fun" => {
                names.push(list[1].word());
                declared.insert((list[1].word(), list[2].list().len()));
            }
            "declare-const" => {
                names.push(list[1].word());
                declared.insert((list[1].word(), 0));
            }
            "assert" => {
                holds_together(&list[1], &declared, &[]);
                asserted += 1;
            }
            "set-logic" | "check-sat" => {}
            other => panic!("{other}"),
        }
    }
    assert!(asserted > 0);
    let once: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "{names:?}");
    names
}

#[test]
fn everything_that_is_asked_is_declared() {
    let mut queries = paxos().queries();
    let obligations = paxos().obligations().len();
    queries.extend(sensitivity().unwrap().iter().filter_map(Query::of_row));
    for Query { name, expected, text, .. } in &queries {
        check(text);
        assert!(text.contains(&format!("\n; expected: {expected}\n")), "{name}");
        assert!(text.lines().all(|line| line.is_ascii() && line.len() <= 120), "{text}");
        assert!(name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')), "{name}");
    }
    let names: BTreeSet<&String> = queries.iter().map(|query| &query.name).collect();
    assert_eq!(names.len(), queries.len());
    let unsat = queries.iter().filter(|query| query.expected == Answer::Unsat).count();
    assert_eq!(unsat, obligations);
}

/// Names that mean something to a solver, that are the same for different things, or that are none.
#[test]
fn any_name_will_do() {
    const ODD: Sort = Sort("1 (odd)");
    const BOOL: Sort = Sort("Bool");
    static FORALL: Relation = Relation::new("forall", &[ODD, BOOL]);
    static SAME: Relation = Relation::new("x1", &[ODD]);
    static SPACE: Relation = Relation::new("a b", &[ODD]);
    static LINE: Relation = Relation::new("a_b", &[ODD]);
    static ASSERT: Relation = Relation::new("assert", &[]);
    let named = |name| Var::new(name, ODD);
    let other = Var { index: 1, ..named("x") };
    let bound = Var::new("x1", BOOL);
    let hypotheses = vec![
        ("two\n(assert false)", forall([other, bound], FORALL.of([other, bound]))),
        ("names", SAME.of([named("x1")]) & SPACE.of([named("")]) & LINE.of([named("ü")])),
        ("none", ASSERT.of([]) | equal(named("|"), named("true"))),
    ];
    let text = smt2(&obligation(hypotheses, exists([named("not")], SAME.of([named("not")]))));
    let names = check(&text);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(names.iter().all(|name| name.chars().all(plain)), "{names:?}");
    assert!(!names.iter().any(|name| ["Bool", "forall", "assert", "true", "not"].contains(name)));
}
