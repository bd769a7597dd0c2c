//! The model checks: every system is exhausted and holds, and every fault is found.

mod mutants;

use std::collections::BTreeSet;

use crate::model::backend::{Backend, Held};
use crate::model::check::check;
use crate::model::engine::faults::DiskModel;
use crate::model::engine::observe::Judged;
use crate::model::engine::swarm::Walks;
use crate::model::error::CheckError;
use crate::model::facts::Facts;
use crate::model::hunt::{catch, explorable, search};
use crate::model::mutants::{MUTANTS, mutant};
use crate::model::properties::{Kind, PROPERTIES, property};
use crate::model::report::{Report, Verdict};
use crate::model::system::{Effort, System};
use crate::model::systems::{LARGE, system, systems};
use crate::model::walk::{Swarm, walk};
use crate::paxos::{PAXOS, Paxos};
use mutants::{IN_TURN, TWO_INSTANCES, look_for};
use stateright::{Checker, Model};

/// So many states are visited one by one in a test.
const VISITED: u128 = 2_000_000;

/// Exhausts a system, and holds it to its properties and its number of states. Each property has had
/// something to judge, but for those that the system leaves out, and for those of which stock
/// Stateright has nothing to say.
fn passes(system: &'static System, backend: Backend) -> Report {
    let report = check(system, Held::ToProperties, backend, &|_| {}).unwrap();
    let (name, by) = (system.name, backend.name());
    assert!(report.complete, "{name} was not exhausted by {by}");
    assert_eq!(Some(&report.states), report.expected().as_ref(), "{name} by {by}");
    assert!(report.outcomes.iter().any(|outcome| outcome.property.kind == Kind::Sometimes));
    for outcome in &report.outcomes {
        let shown = outcome.counterexample.iter().map(ToString::to_string).collect::<String>();
        let (property, looked) = (outcome.property, outcome.looked);
        let left_out = system.left_out.iter().any(|left_out| left_out.property == property.name);
        let fits = match outcome.verdict {
            Verdict::Holds => !left_out && looked > 0,
            Verdict::LeftOut(_) => left_out && looked == 0,
            Verdict::NotLookedAt(_) => {
                let of_runs = matches!(property.kind, Kind::AlwaysWithHistory | Kind::Eventually);
                backend == Backend::Stock && of_runs && looked == 0
            }
            Verdict::Fails | Verdict::Vacuous => false,
        };
        let verdict = &outcome.verdict;
        assert!(fits, "{name} by {by}: '{}' {verdict}, judged {looked}\n{shown}", property.name);
    }
    assert_eq!(report.outcomes.len(), system.properties().count(), "{name} by {by}");
    assert!(report.passes());
    report
}

/// The back ends agree to the state; stock Stateright counts otherwise, but comes to the same
/// verdicts.
fn exhaust(name: &str) {
    let system = system(name).unwrap();
    let symbolic = passes(system, Backend::Symbolic);
    if system.states <= VISITED {
        assert_eq!(passes(system, Backend::Explicit).states, symbolic.states);
    }
    if system.stock.is_some() {
        passes(system, Backend::Stock);
    }
}

macro_rules! systems {
    ($($test:ident: $name:literal;)*) => {
        mod systems {
            $(#[test] fn $test() { super::exhaust($name); })*
        }
        #[test]
        fn every_system_is_exhausted() {
            let tested = BTreeSet::from([$($name),*]);
            let quick = systems().filter(|system| system.effort == Effort::Seconds);
            assert_eq!(tested, quick.map(|system| system.name).collect());
        }
    };
}

systems! {
    dueling: "dueling";
    gap: "gap";
    acceptor_crash: "acceptor-crash";
    leader_crash: "leader-crash";
    two_clients: "two-clients";
    clients_in_turn: "clients-in-turn";
    retry: "retry";
    election: "election";
    takeover: "takeover";
    progress: "progress";
    comeback: "comeback";
    three_ballots: "three-ballots";
    passive: "passive";
    heartbeats: "heartbeats";
    three_leaders: "three-leaders";
    acceptor_crashes_once: "acceptor-crashes-once";
    acceptor_crashes: "acceptor-crashes";
    leader_crashes: "leader-crashes";
    five_acceptors: "five-acceptors";
    flexible: "flexible";
    read_one_write_all: "read-one-write-all";
    retries: "retries";
    window: "window";
    catch_up: "catch-up";
    expiry: "expiry";
    short_memory: "short-memory";
    answers: "answers";
    one_by_one: "one-by-one";
    two_rounds_refused: "two-rounds-refused";
    heartbeats_and_crashes: "heartbeats-and-crashes";
    given_up: "given-up";
    redirected: "redirected";
    overloaded: "overloaded";
    too_many_at_once: "too-many-at-once";
    full_history: "full-history";
    two_at_once: "two-at-once";
    late: "late";
    expired: "expired";
    rests: "rests";
    next_life: "next-life";
    pages: "pages";
    candidacies: "candidacies";
    three_electors: "three-electors";
    missed_votes: "missed-votes";
    missed_by_one: "missed-by-one";
}

/// Stateright visits the engine's states one by one, and the Explorer can show every mutant's run.
#[test]
fn stateright_explores_the_states_of_the_engine() {
    for name in ["dueling", "gap", "progress"] {
        let system = system(name).unwrap();
        let model = explorable(system, &Paxos, DiskModel::Sound).unwrap();
        let checker = model.checker().spawn_bfs().join();
        assert_eq!(checker.unique_state_count() as u128, system.states, "{name}");
        checker.assert_properties();
    }
    for mutant in &MUTANTS {
        let (system, property) =
            (system(mutant.system).unwrap(), property(mutant.property).unwrap());
        let by = Backend::Symbolic;
        let sought = search(system, &mutant, mutant.machine, property, by, &|_| {}).unwrap();
        let (model, run) = (sought.bridge, sought.run.unwrap());
        let path = model.path(&run).unwrap();
        assert_eq!(model.run(path.clone()).unwrap(), run, "{}", mutant.name);
        let picture = model.as_svg(path).unwrap();
        assert_eq!(picture.matches("svg-event-label").count(), run.steps.len(), "{}", mutant.name);
    }
}

/// What is remembered of the way to a state tells states apart where clients ask for one thing after
/// another; and a fault shows by it.
#[test]
fn memory_tells_states_apart() {
    let order = property("clients see one order").unwrap();
    let in_turn = system("clients-in-turn").unwrap();
    let hunt = look_for(order.name, PAXOS, in_turn);
    assert!(hunt.trace.is_none() && hunt.states > in_turn.states.into(), "nothing is remembered");
    let rules = mutant("stale-accept").unwrap().rules;
    let hunt = look_for(order.name, rules, &IN_TURN);
    assert_eq!(hunt.trace.unwrap().steps.len(), 15);
}

/// Random walks find faults where nothing can be exhausted, and find nothing where there is none.
#[test]
fn random_walks_find_faults_in_what_cannot_be_exhausted() {
    let walks = Walks { seed: 1, walks: 50, steps: 300, part: (0, 1) };
    let broken = |swarm: Swarm| -> BTreeSet<&str> {
        let forbids = |kind| matches!(kind, Kind::Always | Kind::AlwaysWithHistory);
        let found = swarm.found.into_iter();
        let found = found.filter(|(property, found)| forbids(property.kind) && found.is_some());
        found.map(|(property, _)| property.name).collect()
    };
    for large in &LARGE {
        let sound = walk(large, &Paxos, DiskModel::Sound, walks, &|_| {}).unwrap();
        assert!(sound.found.iter().any(|(property, _)| property.kind == Kind::AlwaysWithHistory));
        assert_eq!(broken(sound), BTreeSet::new());
    }
    for name in ["stale-accept", "amnesia", "send-before-save", "catch-up-trusts-votes"] {
        let mutant = mutant(name).unwrap();
        let walks = Walks { walks: 200, ..walks };
        let faulty = walk(&LARGE[0], &mutant, mutant.machine, walks, &|_| {}).unwrap();
        assert!(broken(faulty).contains(mutant.property), "{name}");
    }
}

/// Of states that differ in the acceptors' names only, one is enough: together with its images they
/// are all there are, and verdicts and shortest runs are the same.
#[test]
fn alike_acceptors_make_no_difference() {
    let report = passes(system("passive").unwrap(), Backend::Alike);
    let visited = report.visited.unwrap();
    assert!(visited * 6 >= 431_984 && visited * 5 < 431_984, "{visited}");
    for name in ["quorums-that-do-not-meet", "one-vote-is-enough", "promise-forgotten"] {
        let mutant = mutant(name).unwrap();
        let [alike, all] = [Backend::Alike, Backend::Symbolic].map(|backend| {
            let trace = catch(mutant, backend, &|_| {}).unwrap().trace;
            trace.unwrap_or_else(|| panic!("{name} is not caught by {}", backend.name()))
        });
        assert_eq!(alike.steps.len(), all.steps.len(), "{name}");
        assert!(alike.finding.contains(mutant.property), "{alike}");
    }
    // Not all are asked; a leader that crashes has sent to the first of them only.
    for name in ["dueling", "leader-crashes"] {
        let refused = check(system(name).unwrap(), Held::ToProperties, Backend::Alike, &|_| {});
        assert!(matches!(refused, Err(CheckError::NotAlike(other)) if other == name));
    }
}

/// Every property that is to be reached is asked of some system, and is not there from the start.
#[test]
fn no_example_is_trivial() {
    for property in PROPERTIES.iter().filter(|property| property.kind == Kind::Sometimes) {
        let members = system("dueling").unwrap().model(&crate::paxos::Paxos).unwrap().cfg.members;
        let nothing = property.judge(&members, &Facts::new());
        assert_eq!(nothing, Judged::Nothing, "'{}'", property.name);
        let asked = systems().any(|system| system.also.contains(&property.name));
        assert!(asked || property.name == TWO_INSTANCES, "nobody asks for '{}'", property.name);
    }
    let names: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    assert_eq!(names.len(), PROPERTIES.len());
    systems().flat_map(|s| s.also).for_each(|name| assert!(names.contains(name), "{name}"));
}
