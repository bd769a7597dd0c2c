//! What runs is what was proved: every state and every step of the actors is one of the
//! specification; with a fault that endangers agreement, some step is not.

use crate::model::backend::{Backend, Held};
use crate::model::check::{check, check_mutant};
use crate::model::engine::faults::DiskModel;
use crate::model::error::CheckError;
use crate::model::hunt::{catch_by_specification, hunt};
use crate::model::mutants::{MUTANTS, Mutant, Strays, mutant};
use crate::model::refinement::{self, ALONE, STATES, STEPS};
use crate::model::report::{Report, Verdict};
use crate::model::systems::{system, systems};
use crate::paxos::{
    Adopted, Ballot, ClientId, Command, Decree, Instance, LeaderId, PAXOS, RequestId, Rulebook,
    Rules, Vote,
};
use crate::proof::spec::paxos;

/// So many states are visited one by one in a test.
const VISITED: u128 = 2_000_000;

fn refines(name: &str, backend: Backend) -> Report {
    let report = check(system(name).unwrap(), Held::ToSpecification, backend, &|_| {}).unwrap();
    for outcome in &report.outcomes {
        let shown = outcome.counterexample.iter().map(ToString::to_string).collect::<String>();
        let (property, verdict) = (outcome.property, &outcome.verdict);
        let asked = !STEPS.iter().any(|step| step.name == property.name);
        let fits = match verdict {
            Verdict::Holds => outcome.looked > 0,
            Verdict::LeftOut(_) => outcome.looked == 0,
            Verdict::NotLookedAt(_) => backend == Backend::Symbolic && !asked,
            _ => false,
        };
        assert!(fits, "{name}: '{}' {verdict}\n{shown}", property.name);
    }
    assert!(report.passes(), "{name}");
    report
}

/// Every step of every system that is small enough.
#[test]
fn every_step_is_one_of_the_specification() {
    let (mut steps, mut judged) = (0, 0);
    for system in systems().filter(|system| system.states <= VISITED) {
        let report = refines(system.name, Backend::Explicit);
        assert_eq!(report.outcomes.len(), STATES.len() + STEPS.len());
        let new = report.judged.unwrap();
        assert!(new > 0, "{} says nothing", system.name);
        steps += report.steps.unwrap();
        judged += new;
    }
    assert!(steps > 10_000_000 && judged > 5_000_000, "{steps} steps, {judged} judged");
}

/// Acceptors that may change places are judged once.
#[test]
fn steps_of_states_that_are_alike_are_judged_once() {
    let (all, alike) = (refines("passive", Backend::Explicit), refines("passive", Backend::Alike));
    assert_eq!(all.states, alike.states);
    assert!(alike.judged < all.judged);
}

/// What is said of states is said of large systems too, and acceptors are judged alone.
#[test]
fn large_systems_refine_on_diagrams() {
    for name in [
        "heartbeats",
        "acceptor-crashes",
        "heartbeats-and-crashes",
        "flexible",
        "read-one-write-all",
        "retries",
        "two-rounds-refused",
        "pages",
        "candidacies",
        "missed-votes",
    ] {
        let report = refines(name, Backend::Symbolic);
        assert_eq!(report.outcomes.len(), STATES.len() + 1 + STEPS.len());
        assert!(report.judged.unwrap() > 0);
    }
}

#[test]
fn stock_stateright_does_not_look_at_steps() {
    let refused = check(system("dueling").unwrap(), Held::ToSpecification, Backend::Stock, &|_| {});
    assert!(matches!(refused, Err(CheckError::StepsInStock("dueling"))));
}

/// A fault shows in a step that is none of the specification, by which property and after how many
/// steps.
fn strays(name: &str, property: &str, steps: usize) {
    let hunt = catch_by_specification(mutant(name).unwrap(), &|_| {}).unwrap();
    let trace = hunt.trace.unwrap_or_else(|| panic!("{name} is not found"));
    assert_eq!((hunt.property.name, trace.steps.len()), (property, steps), "{trace}");
    assert!(trace.finding.contains("is not met"), "{trace}");
}

macro_rules! faults {
    ($($test:ident: $name:literal, $property:literal, $steps:literal;)*) => {
        mod faults {
            $(#[test] fn $test() { super::strays($name, $property, $steps); })*
        }
        const STRAY: &[&str] = &[$($name),*];
    };
}

faults! {
    swapped_ballot_order: "swapped-ballot-order", "acceptors vote as specified", 7;
    stale_accept: "stale-accept", "acceptors vote as specified", 6;
    wrong_ballot: "promise-reports-wrong-ballot", "acceptors vote as specified", 6;
    last_promise: "only-last-promise-counts", "leaders propose as specified", 9;
    duplicate_votes: "duplicate-votes-count", "leaders learn as specified", 7;
    amnesia: "amnesia", "acceptors vote as specified", 7;
    ballot_reuse: "ballot-reuse", "leaders propose as specified", 6;
    send_before_save: "send-before-save", "acceptors vote as specified", 7;
    last_save_lost: "last-save-lost", "acceptors vote as specified", 7;
    promise_forgotten: "promise-forgotten", "acceptors vote as specified", 7;
    quorums_apart: "quorums-that-do-not-meet", "leaders propose as specified", 2;
    one_vote: "one-vote-is-enough", "leaders learn as specified", 6;
    no_phase_one: "no-phase-one-after-crash", "leaders propose as specified", 1;
    part_of_a_promise: "part-of-a-promise-counts", "leaders propose as specified", 10;
    catch_up: "catch-up-trusts-votes", "leaders learn as specified", 15;
}

/// Faults elsewhere stray nowhere. Those of clients are not held to the specification.
#[test]
fn only_what_endangers_agreement_strays() {
    for mutant in &MUTANTS {
        assert_eq!(mutant.strays == Strays::Yes, STRAY.contains(&mutant.name), "{}", mutant.name);
        if mutant.strays == Strays::No {
            let hunt = catch_by_specification(mutant, &|_| {}).unwrap();
            assert_eq!(hunt.trace, None, "{}", mutant.name);
        }
    }
    let of_clients = MUTANTS.iter().filter(|mutant| mutant.strays == Strays::OfClient);
    assert_eq!(of_clients.count(), 9);
}

/// What is looked at in states is the invariant that is proved, and what follows from it.
#[test]
fn the_parts_of_the_invariant_are_those_that_are_proved() {
    let paxos = paxos();
    let proved = paxos.invariant.iter().chain(&paxos.safety).map(|named| named.name);
    let looked_at = STATES.iter().map(|property| property.name);
    let own = ["what is assumed is true", "proposals are explained"];
    let looked_at: Vec<_> = looked_at.filter(|name| !own.contains(name)).collect();
    assert_eq!(proved.collect::<Vec<_>>(), looked_at);
}

/// What diagrams are asked, of states and of acceptors alone, finds the same faults.
#[test]
fn diagrams_tell_who_strays() {
    let (mut stray, mut keep) = (0, 0);
    let small = |mutant: &&Mutant| system(mutant.system).unwrap().states <= VISITED;
    let held = MUTANTS.iter().filter(|mutant| mutant.strays != Strays::OfClient);
    for mutant in held.filter(small) {
        let report = check_mutant(mutant, Held::ToSpecification, &|_| {}).unwrap();
        let broken = report.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fails);
        let broken: Vec<&str> = broken.map(|outcome| outcome.property.name).collect();
        assert_eq!(!broken.is_empty(), mutant.strays == Strays::Yes, "{}: {broken:?}", mutant.name);
        if mutant.strays == Strays::Yes { stray += 1 } else { keep += 1 }
    }
    assert!(stray >= 9 && keep >= 5, "{stray} stray, {keep} do not");
}

/// Rules with a fault that no mutant has: a leader proposes a command that nobody has asked for.
#[derive(Clone)]
struct MakesUp(Rules);

impl Rulebook for MakesUp {
    fn rules(&self) -> &Rules {
        &self.0
    }
}

fn make_up(adopted: &mut Adopted, votes: Vec<Vote>) {
    (PAXOS.adopt)(adopted, votes);
    let id = RequestId { client: ClientId::original(999), sequence: 0 };
    let command = Command { id, acknowledged: 0, payload: b"made up"[..].into() };
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    adopted.entry(Instance(0)).or_insert((ballot, Decree::Command(command)));
}

/// Whether a fault breaks a property of the specification, state by state and on diagrams.
fn broken<R: Rulebook>(by: &R, machine: DiskModel, name: &str, property: &str) {
    let (system, property) = (system(name).unwrap(), refinement::property(property).unwrap());
    for backend in [Backend::Explicit, Backend::Symbolic] {
        let hunt = hunt(system, by, machine, property, backend, &|_| {}).unwrap();
        let trace = hunt.trace.unwrap_or_else(|| panic!("'{}' holds in {name}", property.name));
        assert!(trace.finding.starts_with(&format!("violates '{}': ", property.name)), "{trace}");
    }
}

/// No property holds whatever the actors do, except for what is true of every promise as it is read:
/// that it binds, and that the votes that it tells of are told of.
#[test]
fn every_property_is_broken_by_some_fault() {
    let faults = [
        ("ballot-reuse", "one value a ballot"),
        ("promise-reports-wrong-ballot", "votes are for proposals"),
        ("amnesia", "abstentions are true"),
        ("stale-accept", "lower ballots are over"),
        ("one-vote-is-enough", "what is learned was chosen"),
        ("stale-accept", "one value is chosen"),
        ("stale-accept", "agreement"),
        ("only-last-promise-counts", "proposals are explained"),
        ("only-last-promise-counts", "leaders propose as specified"),
        ("stale-accept", "acceptors vote as specified"),
        ("amnesia", "acceptors promise as specified"),
        ("one-vote-is-enough", "leaders learn as specified"),
        ("stale-accept", "acceptors keep their promises"),
    ];
    for (name, property) in faults {
        let mutant = mutant(name).unwrap();
        broken(&mutant, mutant.machine, mutant.system, property);
    }
    let makes_up = MakesUp(Rules { adopt: make_up, ..PAXOS });
    for property in ["nothing is made up", "validity"] {
        broken(&makes_up, DiskModel::Sound, "dueling", property);
    }
    // And no quorums can be configured that do not meet.
    let by_reading =
        ["promises bind", "abstentions are final", "reports are true", "what is assumed is true"];
    let all = STATES.iter().chain(&STEPS).chain([&ALONE]).map(|property| property.name);
    let broken = faults.map(|(_, property)| property);
    let open = |name: &&str| !broken.contains(name) && !by_reading.contains(name);
    assert_eq!(all.filter(open).collect::<Vec<_>>(), ["nothing is made up", "validity"]);
}
