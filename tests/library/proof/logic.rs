//! The two searches, for proofs and for counterexamples, against one another on random formulas.

use crate::proof::ground::{Outcome, Problem, prove};
use crate::proof::logic::{Formula, Relation, Sort, Var, equal};
use crate::proof::obligation::{Moment, Obligation};

const LOW: Sort = Sort("low");
const HIGH: Sort = Sort("high");
static ONE: Relation = Relation::new("one", &[LOW]);
static TWO: Relation = Relation::new("two", &[LOW, HIGH]);
static THREE: Relation = Relation::infix("three", "~", &[HIGH, HIGH]);

/// A random formula over these variables, so deep at most.
fn formula(random: &mut fastrand::Rng, vars: &[Var], depth: u32) -> Formula {
    let pick = |random: &mut fastrand::Rng, sort| {
        let of_sort: Vec<Var> = vars.iter().copied().filter(|var| var.sort == sort).collect();
        of_sort[random.usize(..of_sort.len())]
    };
    if depth == 0 {
        return match random.u8(..4) {
            0 => ONE.of([pick(random, LOW)]),
            1 => TWO.of([pick(random, LOW), pick(random, HIGH)]),
            2 => THREE.of([pick(random, HIGH), pick(random, HIGH)]),
            _ => {
                let sort = *random.choice(&[LOW, HIGH]).unwrap();
                equal(pick(random, sort), pick(random, sort))
            }
        };
    }
    let part = |random: &mut fastrand::Rng| formula(random, vars, depth - 1);
    match random.u8(..4) {
        0 => !part(random),
        1 => part(random) & part(random),
        2 => part(random) | part(random),
        _ => part(random).implies(part(random)),
    }
}

/// Something with quantifiers such that nothing of a sort depends on anything of the same sort.
fn closed(random: &mut fastrand::Rng) -> Formula {
    let constants = [Var::new("c", LOW), Var::new("d", HIGH)];
    let (x, y) = (Var::new("x", LOW), Var::new("y", HIGH));
    let all = [constants[0], constants[1], x, y];
    let body = Box::new(formula(random, &all, 2));
    match random.u8(..5) {
        0 => Formula::Forall(vec![x, y], body),
        1 => Formula::Exists(vec![x, y], body),
        2 => Formula::Forall(vec![x], Box::new(Formula::Exists(vec![y], body))),
        3 => Formula::Exists(vec![y], Box::new(Formula::Forall(vec![x], body))),
        _ => Formula::Exists(vec![x], Box::new(Formula::Forall(vec![y], body))),
    }
}

/// Formulas so small that whatever is wrong is wrong in a structure of few things: one for each
/// constant, each quantifier of the formulas, and each that one of another sort depends on.
#[test]
fn what_is_proved_has_no_counterexample_and_what_is_not_has_one() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut proved, mut wrong) = (0, 0);
    for _ in 0..1500 {
        let hypotheses: Vec<_> = (0..3).map(|_| ("known", closed(&mut random))).collect();
        let goal = {
            // Negated, the goal must stay in the fragment as well.
            let body = Box::new(formula(
                &mut random,
                &[Var::new("c", LOW), Var::new("d", HIGH), Var::new("x", LOW)],
                2,
            ));
            Formula::Forall(vec![Var::new("x", LOW)], body)
        };
        let obligation = Obligation {
            moment: Moment::Always,
            holds: "goal",
            hypotheses,
            goal,
            also: Vec::new(),
        };
        let problem = Problem::new(&obligation);
        assert!(problem.is_stratified());
        let countermodel = obligation.countermodel(&[(LOW, 4), (HIGH, 4)]);
        match prove(&problem).unwrap() {
            Outcome::Proved(_) => {
                assert_eq!(countermodel, None, "{obligation:?}");
                proved += 1;
            }
            Outcome::HasModel => {
                assert!(countermodel.is_some(), "{obligation:?}");
                wrong += 1;
            }
            Outcome::GivenUp => panic!("{obligation:?}"),
        }
    }
    assert!(proved > 200 && wrong > 200, "{proved} proved, {wrong} wrong");
}
