//! Whole clusters through seeded storms: loss, repetition, reordering, crashes; then calm.
//!
//! Not exhausted, unlike the model checks, but with all that those leave out: three leaders, catching
//! up, paged promises, full windows, timers that take their time. After a storm, every command must
//! be answered, once, and all leaders must show the same history.

#[path = "../common/touchy.rs"]
mod touchy;
mod world;

use synod::model::mutants::mutant;
use synod::paxos::{Paxos, Quorums, Rulebook};
use world::{Storm, World};

/// Runs seeds until one goes wrong, and says which and how.
fn first_failure<R: Rulebook>(rulebook: &R, storm: Storm, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let outcome = World::new(rulebook.clone(), storm.clone(), seed).run();
        outcome.err().map(|what| (seed, what))
    })
}

/// How many seeds each kind of storm is run with: 150, or what SYNOD_STORMS says.
fn seeds() -> u64 {
    std::env::var("SYNOD_STORMS").map_or(150, |seeds| seeds.parse().unwrap())
}

fn survives(storm: Storm) {
    let failure = first_failure(&Paxos, storm, seeds());
    assert_eq!(failure, None, "the seed, and what went wrong");
}

#[test]
fn three_leaders_and_three_acceptors_survive_any_storm() {
    survives(Storm::default());
}

#[test]
fn five_acceptors_of_which_two_crash_survive_any_storm() {
    survives(Storm { acceptors: 5, down: 2, ..Storm::default() });
}

#[test]
fn flexible_quorums_survive_any_storm() {
    let quorums = Quorums::Sizes { phase1: 3, phase2: 2 };
    survives(Storm { acceptors: 4, quorums, ..Storm::default() });
}

#[test]
fn a_network_that_only_reorders_is_survived_without_crashes() {
    survives(Storm { down: 0, loss: 0, ..Storm::default() });
}

/// Some commands of each client.
fn some(payload: &[u8]) -> bool {
    payload.ends_with(b"3") || payload.ends_with(b"7")
}

/// Leaders crash, come back, catch up and apply everything anew: their machines agree all the same,
/// and the clients are told the same by whoever answers.
#[test]
fn machines_that_panic_agree_after_any_storm() {
    survives(Storm { panics: some, in_vain: some, ..Storm::default() });
}

/// What a storm must bring to light, or it is no storm.
fn noticed(name: &str, words: &str) {
    let failure = first_failure(&mutant(name).unwrap(), Storm::default(), 400);
    let (seed, what) = failure.unwrap_or_else(|| panic!("{name} went unnoticed"));
    assert!(what.contains(words), "seed {seed}: {what}");
}

/// Were a panic to have an effect, or a client told otherwise, it would be seen.
#[test]
fn an_effect_of_a_panic_is_noticed() {
    let of_one = |payload: &[u8]| payload == b"13";
    let what = |storm| first_failure(&Paxos, storm, 1).unwrap().1;
    let told = what(Storm { in_vain: of_one, ..Storm::default() });
    assert!(told.contains("a wrong answer"), "{told}");
    let not_told = what(Storm { panics: of_one, ..Storm::default() });
    assert!(not_told.contains("a wrong answer"), "{not_told}");
}

#[test]
fn stale_accept_is_noticed() {
    noticed("stale-accept", "was decided");
}

#[test]
fn only_last_promise_counts_is_noticed() {
    noticed("only-last-promise-counts", "was decided");
}

#[test]
fn amnesia_is_noticed() {
    noticed("amnesia", "was decided");
}

#[test]
fn duplicate_votes_count_is_noticed() {
    noticed("duplicate-votes-count", "was decided");
}

#[test]
fn double_decide_is_noticed() {
    noticed("double-decide", "applied twice");
}

#[test]
fn late_gap_is_noticed() {
    noticed("late-gap", "not answered");
}
