//! The proof: every obligation is shown with nothing installed, nothing in it can be left out, and
//! what shows it is held to what it must not show.

mod logic;
mod smt;
mod spec;

use crate::proof::ground::check::Proof;
use crate::proof::ground::{Outcome, Problem, ProofError, prove};
use crate::proof::obligation::Obligation;
use crate::proof::spec::paxos;

fn proof(obligation: &Obligation) -> (Problem, Proof) {
    let problem = Problem::new(obligation);
    match prove(&problem) {
        Ok(Outcome::Proved(proof)) => (problem, proof),
        other => panic!("{obligation}: {other:?}"),
    }
}

#[test]
fn every_obligation_is_proved() {
    for obligation in paxos().obligations() {
        let (problem, proof) = proof(&obligation);
        assert!(problem.is_stratified(), "{obligation}");
        assert_eq!(proof.check(&problem), Ok(()), "{obligation}");
    }
}

/// The part that is trusted refuses a proof of which anything is missing or wrong.
#[test]
fn what_is_no_proof_is_refused() {
    let mut learned = 0;
    for obligation in paxos().obligations() {
        let (problem, proof) = proof(&obligation);
        for place in 0..proof.instances.len() {
            let mut less = proof.clone();
            less.instances.remove(place);
            less.learned.clear();
            assert_eq!(less.check(&problem), Err(ProofError::NoContradiction), "{obligation}");
            let mut other = proof.clone();
            let one = other.instances.iter().find_map(|i| i.values.first().cloned()).unwrap();
            other.instances[place].values.push(one);
            assert_eq!(other.check(&problem), Err(ProofError::NoInstance(place)), "{obligation}");
            let mut none = proof.clone();
            none.instances[place].clause = problem.clauses.len();
            assert_eq!(none.check(&problem), Err(ProofError::NoInstance(place)), "{obligation}");
        }
        for place in 0..proof.learned.len() {
            let mut more = proof.clone();
            more.learned[place] = vec![1_000_000];
            assert_eq!(more.check(&problem), Err(ProofError::NoLesson(place)), "{obligation}");
            learned += 1;
        }
    }
    assert!(learned > 0, "no proof needs a lesson");
}

/// A value of another sort makes no instance.
#[test]
fn instances_are_well_sorted() {
    let paxos = paxos();
    let obligation = paxos.obligations().into_iter().find(|o| o.holds == "agreement").unwrap();
    let (problem, proof) = proof(&obligation);
    let sort = |place: usize, value: usize| problem.sort_of(&proof.instances[place].values[value]);
    let values = (0..proof.instances.len())
        .flat_map(|place| (0..proof.instances[place].values.len()).map(move |v| (place, v)));
    let places: Vec<(usize, usize)> = values.collect();
    let mut swapped = 0;
    for (place, value) in &places {
        let other = places.iter().find(|(p, v)| sort(*p, *v) != sort(*place, *value)).unwrap();
        let mut wrong = proof.clone();
        wrong.instances[*place].values[*value] = proof.instances[other.0].values[other.1].clone();
        assert_eq!(wrong.check(&problem), Err(ProofError::NoInstance(*place)));
        swapped += 1;
    }
    assert!(swapped > 20);
}
