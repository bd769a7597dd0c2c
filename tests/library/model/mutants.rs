//! Every fault is found, and no property is trivial.

use std::collections::BTreeSet;

use crate::model::backend::Backend;
use crate::model::engine::faults::DiskModel;
use crate::model::hunt::{Hunt, catch, hunt};
use crate::model::mutants::{MUTANTS, mutant};
use crate::model::properties::{Kind, PROPERTIES, property};
use crate::model::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use crate::model::systems::system;
use crate::paxos::{
    Audience, Ballot, ClientId, Command, Decree, Instance, LeaderId, PAXOS, Quorums, RequestId,
    Rulebook, Rules, Start, Timer,
};

/// Catches a mutant, in so many steps: the shortest run is of the same length, whoever finds it.
/// The number changes only if the protocol, the system or the property does.
fn caught(name: &str, steps: usize) {
    for backend in [Backend::Symbolic, Backend::Explicit] {
        let hunt = catch(mutant(name).unwrap(), backend, &|_| {}).unwrap();
        let by = backend.name();
        let trace = hunt.trace.unwrap_or_else(|| panic!("{name} is not caught by {by}"));
        assert_eq!(trace.steps.len(), steps, "{by}: {trace}");
        let found = trace.finding.strip_prefix(&format!("violates '{}': ", hunt.property.name));
        assert!(found.is_some_and(|found| !found.is_empty()), "{trace}");
    }
}

/// Whatever stock Stateright can exhaust, it catches as well.
fn caught_by_stock(name: &str, steps: usize) {
    let mutant = mutant(name).unwrap();
    let small = system(mutant.system).unwrap().stock.is_some();
    if !small || mutant.machine != DiskModel::Sound {
        return;
    }
    let trace = catch(mutant, Backend::Stock, &|_| {}).unwrap().trace.unwrap();
    // An atomic step that ends in a crash is two: the step and the crash.
    assert!((steps..=steps + 1).contains(&trace.steps.len()), "{trace}");
}

macro_rules! mutants {
    ($($test:ident: $name:literal in $steps:literal;)*) => {
        mod each {
            $(#[test] fn $test() {
                super::caught($name, $steps);
                super::caught_by_stock($name, $steps);
            })*
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
    promise_reports_wrong_ballot: "promise-reports-wrong-ballot" in 14;
    only_last_promise_counts: "only-last-promise-counts" in 12;
    part_of_a_promise_counts: "part-of-a-promise-counts" in 14;
    duplicate_votes_count: "duplicate-votes-count" in 7;
    amnesia: "amnesia" in 13;
    ballot_reuse: "ballot-reuse" in 8;
    lost_command: "lost-command" in 9;
    double_decide: "double-decide" in 21;
    no_op_is_a_value: "no-op-is-a-value" in 9;
    silent_reject: "silent-reject" in 1;
    late_gap: "late-gap" in 5;
    send_before_save: "send-before-save" in 13;
    last_save_lost: "last-save-lost" in 13;
    promise_forgotten: "promise-forgotten" in 13;
    quorums_that_do_not_meet: "quorums-that-do-not-meet" in 8;
    one_vote_is_enough: "one-vote-is-enough" in 6;
    no_phase_one_after_crash: "no-phase-one-after-crash" in 9;
    catch_up_trusts_votes: "catch-up-trusts-votes" in 15;
    expired_sessions_open_again: "expired-sessions-open-again" in 25;
    answer_lost_with_its_reply: "answer-lost-with-its-reply" in 11;
    forgotten_not_acknowledged: "forgotten-not-acknowledged" in 17;
    only_primaries_keep_replies: "only-primaries-keep-replies" in 7;
    done_before_chosen: "done-before-chosen" in 1;
    expired_is_rejected: "expired-is-rejected" in 10;
    forgotten_is_rejected: "forgotten-is-rejected" in 16;
    overloaded_is_rejected: "overloaded-is-rejected" in 10;
    expired_is_asked_again: "expired-is-asked-again-under-a-new-name" in 15;
    given_up_is_rejected: "given-up-is-rejected" in 6;
    never_sent_is_unknown: "never-sent-is-unknown" in 1;
    sequence_starts_anew: "sequence-starts-anew" in 14;
    unanswered_is_acknowledged: "unanswered-is-acknowledged" in 0;
    resumed_acknowledges_all: "resumed-acknowledges-all" in 0;
}

/// Both leave no trace in any one state, but in what never comes.
#[test]
fn the_check_of_fair_runs_catches_what_stops_progress() {
    let chosen = property("a stable leader's commands are chosen").unwrap();
    let idle = Rules { still_waiting: |waiting, _| waiting.clear(), ..PAXOS };
    for (rules, steps) in [(mutant("silent-reject").unwrap().rules, 5), (idle, 9)] {
        let (comeback, backend) = (system("comeback").unwrap(), Backend::Explicit);
        let hunt =
            hunt(comeback, &Other(rules), DiskModel::Sound, chosen, backend, &|_| {}).unwrap();
        let trace = hunt.trace.unwrap();
        assert_eq!(trace.steps.len(), steps, "{trace}");
    }
}

/// A rulebook for a test.
#[derive(Clone)]
struct Other(Rules);

impl Rulebook for Other {
    fn rules(&self) -> &Rules {
        &self.0
    }
}

pub(super) fn look_for(name: &str, rules: Rules, in_system: &'static System) -> Hunt {
    let (rulebook, property) = (Other(rules), property(name).unwrap());
    hunt(in_system, &rulebook, DiskModel::Sound, property, Backend::Symbolic, &|_| {}).unwrap()
}

/// Every property that holds always is broken by some fault: none of them is true of any state.
#[test]
fn no_property_is_trivial() {
    let rules_of = |name| mutant(name).unwrap().rules;
    let forged = Rules {
        adopt: |adopted, _| {
            let id = RequestId { client: ClientId::original(9), sequence: 9 };
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
        ("done is chosen and applied", rules_of("duplicate-votes-count"), "retry"),
        ("only what was submitted is chosen", forged, "dueling"),
        ("one answer per request", rules_of("double-decide"), "retry"),
        ("what was chosen stays chosen", rules_of("amnesia"), "acceptor-crash"),
        ("clients see one order", rules_of("double-decide"), "retry"),
        ("a stable leader's commands are chosen", rules_of("silent-reject"), "comeback"),
        ("every request is answered", Rules { is_chosen: |_, _| false, ..PAXOS }, "retry"),
    ];
    let mut broken: BTreeSet<&str> = MUTANTS.iter().map(|mutant| mutant.property).collect();
    for (name, rules, in_system) in breakers {
        let in_system = system(in_system).unwrap();
        assert!(look_for(name, rules, in_system).trace.is_some(), "nothing breaks '{name}'");
        broken.insert(name);
    }
    let always = PROPERTIES.iter().filter(|property| property.kind != Kind::Sometimes);
    always.for_each(|p| assert!(broken.contains(p.name), "nothing breaks '{}'", p.name));
}

pub(super) const TWO_INSTANCES: &str = "a command is chosen at two instances";

/// The system `retry` with two acceptors instead of three, of which one promises and both vote.
const RETRY: System = System {
    name: "retry with two acceptors",
    about: "a client that gets no answer asks the other leader",
    bounds: Bounds {
        leaders: &[RETRY_LEADER, RETRY_LEADER],
        acceptors: 2,
        instances: 2,
        rounds: 1,
        audience: Audience::Proposer,
        nacks: true,
        candidacies: false,
        upkeep: false,
        page: usize::MAX,
        pages: 1,
        clients: &[RETRYING],
        crashes: Crashes::NONE,
        quorums: &Quorums::Sizes { phase1: 1, phase2: 2 },
        machine: None,
        window: u64::MAX,
        waiting: usize::MAX,
        client_window: u64::MAX,
        lease: u64::MAX,
        reply_bytes: u64::MAX,
    },
    also: &[],
    left_out: &[],
    states: 0,
    effort: Effort::Seconds,
    stock: None,
};

const RETRYING: ClientBounds = ClientBounds {
    first: LeaderId(0),
    commands: 1,
    payloads: &[],
    at_once: 1,
    timers: &[Timer::Retry],
    is_original: true,
    resumes: &[],
};

/// The same, but no reply is kept.
static RETRY_WITHOUT_REPLIES: System =
    System { bounds: Bounds { reply_bytes: 0, ..RETRY.bounds }, ..RETRY };

/// One leader has a command of its own, and a client asks for one thing after another.
pub(super) static IN_TURN: System = System {
    name: "in turn with one acceptor",
    about: "a client that gets no answer asks the other leader",
    bounds: Bounds {
        leaders: &[
            LeaderBounds { commands: 1, asks: &[1], ..RETRY_LEADER },
            LeaderBounds { asks: &[1], ..RETRY_LEADER },
        ],
        acceptors: 1,
        quorums: &Quorums::Majority,
        clients: &[ClientBounds { commands: 2, ..RETRYING }],
        ..RETRY.bounds
    },
    ..RETRY
};

const RETRY_LEADER: LeaderBounds =
    LeaderBounds { start: Start::Campaign, asks: &[1, 2], commands: 0, timers: &[] };

/// A new primary that proposes a forced command a second time is careless, but not wrong: the
/// command is chosen at two instances, and still applied once.
#[test]
fn a_command_that_is_chosen_twice_is_applied_once() {
    let careless = Rules { still_waiting: |_, _| {}, ..PAXOS };
    assert!(look_for(TWO_INSTANCES, careless, &RETRY).trace.is_some());
    for name in ["nothing is applied twice", "one value per instance"] {
        let hunt = look_for(name, careless, &RETRY);
        assert!(hunt.trace.is_none(), "{}", hunt.trace.unwrap());
    }
    // So it is if its reply is gone by then, but not if its answer is.
    let in_system = |rules| look_for("nothing is applied twice", rules, &RETRY_WITHOUT_REPLIES);
    let hunt = in_system(careless);
    assert!(hunt.trace.is_none(), "{}", hunt.trace.unwrap());
    assert!(in_system(Rules { without_reply: |_| None, ..careless }).trace.is_some());
}

/// A counterexample reads as people read Paxos.
#[test]
fn a_counterexample_in_words() {
    let trace = catch(mutant("lost-command").unwrap(), Backend::Explicit, &|_| {});
    let trace = trace.unwrap().trace.unwrap();
    let expected = "    At the start
          L1 saves: round 1\n          L2 saves: round 1\n          L1 sends A1 and A2: Prepare 1.L1 from 0
          L2 sends A2 and A3: Prepare 1.L2 from 0
  1. A1 hears from L1: Prepare 1.L1 from 0
          A1 saves: promised 1.L1\n          A1 sends L1: Promise 1.L1, no votes
  2. L1 hears from A1: Promise 1.L1, no votes
  3. A2 hears from L1: Prepare 1.L1 from 0
          A2 saves: promised 1.L1\n          A2 sends L1: Promise 1.L1, no votes
  4. L1 hears from A2: Promise 1.L1, no votes
          L1 sends A1 and A2: Accept 1.L1 at 0: C101#0
  5. A3 hears from L2: Prepare 1.L2 from 0
          A3 saves: promised 1.L2\n          A3 sends L2: Promise 1.L2, no votes
  6. L2 hears from A3: Promise 1.L2, no votes
  7. A2 hears from L1: Accept 1.L1 at 0: C101#0
          A2 saves: voted in 0 under 1.L1 for C101#0\n          A2 sends L1 and L2: Accepted 1.L1 at 0: C101#0
  8. A2 hears from L2: Prepare 1.L2 from 0
          A2 saves: promised 1.L2\n          A2 sends L2: Promise 1.L2, voted 1.L1 at 0: C101#0
  9. L2 hears from A2: Promise 1.L2, voted 1.L1 at 0: C101#0
          L2 sends A2 and A3: Accept 1.L2 at 0: C101#0
  => violates 'no request is forgotten': L2 has taken C102#0 on, but neither waits to propose it, nor has \
                    proposed it, nor knows it to be chosen";
    assert_eq!(trace.to_string(), expected);
}
