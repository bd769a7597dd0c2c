//! The model checks: every system is exhausted and holds, and every fault is found.

use std::collections::BTreeSet;

use synod::model::check::{Hunt, catch, check, hunt};
use synod::model::facts::Facts;
use synod::model::mutants::{MUTANTS, mutant};
use synod::model::properties::{Kind, PROPERTIES, property};
use synod::model::system::{Bounds, ClientBounds, LeaderBounds, System};
use synod::model::systems::{SYSTEMS, system};
use synod::paxos::{
    Audience, Ballot, ClientId, Command, Decree, Instance, LeaderId, PAXOS, RequestId, Rulebook,
    Rules, Start,
};

/// Exhausts a system, and holds it to its properties and its number of states.
fn exhaust(name: &str) {
    let report = check(system(name).unwrap(), |_| {}).unwrap();
    assert!(report.complete, "{name} was not exhausted");
    assert_eq!(report.unique_states as u64, report.system.states, "{name}");
    assert!(report.outcomes.iter().any(|outcome| outcome.property.kind == Kind::Sometimes));
    for outcome in &report.outcomes {
        let shown = outcome.counterexample.iter().map(ToString::to_string).collect::<String>();
        assert!(outcome.holds, "{name}: '{}' fails\n{shown}", outcome.property.name);
    }
    assert!(report.passes());
}

macro_rules! systems {
    ($($test:ident: $name:literal;)*) => {
        mod systems {
            $(#[test] fn $test() { super::exhaust($name); })*
        }
        #[test]
        fn every_system_is_exhausted() {
            let tested = BTreeSet::from([$($name),*]);
            assert_eq!(tested, SYSTEMS.iter().map(|system| system.name).collect());
        }
    };
}

systems! {
    dueling: "dueling";
    gap: "gap";
    acceptor_crash: "acceptor-crash";
    leader_crash: "leader-crash";
    retry: "retry";
    election: "election";
    takeover: "takeover";
    progress: "progress";
    comeback: "comeback";
    three_ballots: "three-ballots";
}

/// Catches a mutant, in so many steps. Breadth-first search finds a shortest run, so the number
/// changes only if the protocol, the system or the property does.
fn caught(name: &str, steps: usize) {
    let hunt = catch(mutant(name).unwrap(), |_| {}).unwrap();
    let trace = hunt.trace().unwrap_or_else(|| panic!("{name} is not caught"));
    assert_eq!(trace.steps.len(), steps, "{trace}");
    assert!(trace.finding.contains(hunt.property.name), "{trace}");
}

macro_rules! mutants {
    ($($test:ident: $name:literal in $steps:literal;)*) => {
        mod mutants {
            $(#[test] fn $test() { super::caught($name, $steps); })*
        }
        #[test]
        fn every_mutant_is_caught() {
            let tested = BTreeSet::from([$($name),*]);
            assert_eq!(tested, MUTANTS.iter().map(|mutant| mutant.name).collect());
        }
    };
}

mutants! {
    swapped_ballot_order: "swapped-ballot-order" in 9;
    stale_accept: "stale-accept" in 12;
    promise_reports_wrong_ballot: "promise-reports-wrong-ballot" in 17;
    only_last_promise_counts: "only-last-promise-counts" in 12;
    duplicate_votes_count: "duplicate-votes-count" in 10;
    amnesia: "amnesia" in 14;
    ballot_reuse: "ballot-reuse" in 9;
    lost_command: "lost-command" in 5;
    double_decide: "double-decide" in 21;
    no_op_is_a_value: "no-op-is-a-value" in 9;
    silent_reject: "silent-reject" in 1;
    late_gap: "late-gap" in 5;
}

/// A rulebook for a test.
#[derive(Clone)]
struct Other(Rules);

impl Rulebook for Other {
    fn rules(&self) -> &Rules {
        &self.0
    }
}

fn look_for(name: &str, rules: Rules, in_system: &str) -> Hunt<Other> {
    hunt(system(in_system).unwrap(), &Other(rules), property(name).unwrap(), &|_| {}).unwrap()
}

/// Every property that holds always is broken by some fault: none of them is true of any state.
#[test]
fn no_property_is_trivial() {
    let rules_of = |name| mutant(name).unwrap().rules;
    let forged = Rules {
        adopt: |adopted, _| {
            let id = RequestId { client: ClientId(9), sequence: 9 };
            let command = Command { id, acknowledged: 0, payload: [][..].into() };
            let ballot = Ballot { round: 9, leader: LeaderId(0) };
            adopted.insert(Instance(0), (ballot, Decree::Command(command)));
        },
        ..PAXOS
    };
    let breakers = [
        ("one value per ballot", rules_of("ballot-reuse"), "leader-crash"),
        ("memory never goes back", rules_of("amnesia"), "acceptor-crash"),
        ("only what is chosen is learned", rules_of("duplicate-votes-count"), "dueling"),
        ("what is answered is chosen", rules_of("duplicate-votes-count"), "retry"),
        ("only what was submitted is chosen", forged, "dueling"),
        ("one answer per request", rules_of("double-decide"), "retry"),
    ];
    let mut broken: BTreeSet<&str> = MUTANTS.iter().map(|mutant| mutant.property).collect();
    for (name, rules, in_system) in breakers {
        assert!(look_for(name, rules, in_system).run.is_some(), "nothing breaks '{name}'");
        broken.insert(name);
    }
    let always = PROPERTIES.iter().filter(|property| property.kind != Kind::Sometimes);
    always.for_each(|p| assert!(broken.contains(p.name), "nothing breaks '{}'", p.name));
}

/// Every property that is to be reached is asked of some system, and is not there from the start.
#[test]
fn no_example_is_trivial() {
    for property in PROPERTIES.iter().filter(|property| property.kind == Kind::Sometimes) {
        let members = system("dueling").unwrap().model(&synod::paxos::Paxos).unwrap().cfg.members;
        assert_eq!((property.find)(&members, &Facts::new()), None, "'{}'", property.name);
        let asked = SYSTEMS.iter().any(|system| system.also.contains(&property.name));
        assert!(asked || property.name == TWO_INSTANCES, "nobody asks for '{}'", property.name);
    }
    let names: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    assert_eq!(names.len(), PROPERTIES.len());
    SYSTEMS.iter().flat_map(|s| s.also).for_each(|name| assert!(names.contains(name), "{name}"));
}

const TWO_INSTANCES: &str = "a command is chosen at two instances";

/// The system `retry` with one acceptor instead of three.
static RETRY: System = System {
    name: "retry with one acceptor",
    about: "a client that gets no answer asks the other leader",
    bounds: Bounds {
        leaders: &[RETRY_LEADER, RETRY_LEADER],
        acceptors: 1,
        instances: 2,
        rounds: 1,
        audience: Audience::Proposer,
        nacks: true,
        clients: &[ClientBounds { first: LeaderId(0), commands: 1, retries: true }],
        crashes: &[],
    },
    also: &[],
    states: 0,
};

const RETRY_LEADER: LeaderBounds =
    LeaderBounds { start: Start::Campaign, asks: &[1], commands: 0, timers: &[] };

/// A new primary that proposes a forced command a second time is careless, but not wrong: the
/// command is chosen at two instances, and still applied once.
#[test]
fn a_command_that_is_chosen_twice_is_applied_once() {
    let careless = Other(Rules { still_waiting: |_, _| {}, ..PAXOS });
    let look_for = |name| hunt(&RETRY, &careless, property(name).unwrap(), &|_| {}).unwrap();
    assert!(look_for(TWO_INSTANCES).run.is_some());
    for name in ["nothing is applied twice", "one value per instance"] {
        assert!(look_for(name).run.is_none(), "{}", look_for(name).trace().unwrap());
    }
}

/// A counterexample reads as people read Paxos.
#[test]
fn a_counterexample_in_words() {
    let trace = catch(mutant("lost-command").unwrap(), |_| {}).unwrap().trace().unwrap();
    let expected = "    At the start
          L1 sends A1: Prepare 1.L1 from 0
          L2 sends A1: Prepare 1.L2 from 0
  1. A1 hears from L1: Prepare 1.L1 from 0
          A1 sends L1: Promise 1.L1, no votes
  2. L1 hears from A1: Promise 1.L1, no votes
          L1 sends A1: Accept 1.L1 at 0: C101#0
  3. A1 hears from L1: Accept 1.L1 at 0: C101#0
          A1 sends L1: Accepted 1.L1 at 0: C101#0
  4. A1 hears from L2: Prepare 1.L2 from 0
          A1 sends L2: Promise 1.L2, voted 1.L1 at 0: C101#0
  5. L2 hears from A1: Promise 1.L2, voted 1.L1 at 0: C101#0
          L2 sends A1: Accept 1.L2 at 0: C101#0
  => violates 'no request is forgotten': L2 has taken C102#0 on, but neither waits to propose it, nor has \
                    proposed it, nor knows it to be chosen";
    assert_eq!(trace.to_string(), expected);
}
