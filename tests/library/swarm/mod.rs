//! Whole clusters through seeded storms: loss, repetition, reordering, crashes; then calm.
//!
//! Not exhausted, unlike the model checks, but with all that those leave out: three leaders, catching
//! up, paged promises, full windows, timers that take their time. After a storm, every command must
//! be answered, once, and all leaders must show the same history.

mod world;

use crate::model::mutants::mutant;
use crate::paxos::{Paxos, Quorums, Rulebook};
use world::{Met, Storm, World};

/// Runs seeds until one goes wrong, and says which and how; or else, what clients have met with.
fn storms<R: Rulebook>(rulebook: &R, storm: &Storm, seeds: u64) -> Result<Met, (u64, String)> {
    let mut all = Met::default();
    for seed in 0..seeds {
        let outcome = World::new(rulebook.clone(), storm.clone(), seed).run();
        let Met { not_kept, forgotten, expired } = outcome.map_err(|what| (seed, what))?;
        all.not_kept += not_kept;
        all.forgotten += forgotten;
        all.expired += expired;
    }
    Ok(all)
}

/// How many seeds each kind of storm is run with: 150, or what SYNOD_STORMS says.
fn seeds() -> u64 {
    std::env::var("SYNOD_STORMS").map_or(150, |seeds| seeds.parse().unwrap())
}

fn survives(storm: Storm) -> Met {
    let met = storms(&Paxos, &storm, seeds());
    met.unwrap_or_else(|(seed, what)| panic!("seed {seed}: {what}"))
}

#[test]
fn three_leaders_and_three_acceptors_survive_any_storm() {
    let met = survives(Storm::default());
    assert!(met.not_kept > 0 && (met.forgotten, met.expired) == (0, 0), "{met:?}");
}

/// Clients that are slow are told that nobody knows any more, and nothing is applied twice.
#[test]
fn short_memories_survive_any_storm() {
    let met = survives(short_memory());
    assert!(met.not_kept > 0 && met.forgotten > 0 && met.expired > 0, "{met:?}");
}

fn short_memory() -> Storm {
    Storm { lease: 10, ..Storm::default() }
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
    noticed_in(&Storm::default(), name, words);
}

fn noticed_in(storm: &Storm, name: &str, words: &str) {
    let failure = storms(&mutant(name).unwrap(), storm, 400);
    let (seed, what) = failure.expect_err(&format!("{name} went unnoticed"));
    assert!(what.contains(words), "seed {seed}: {what}");
}

/// Were a panic to have an effect, or a client told otherwise, it would be seen.
#[test]
fn an_effect_of_a_panic_is_noticed() {
    let of_one = |payload: &[u8]| payload == b"13";
    let what = |storm| storms(&Paxos, &storm, 1).unwrap_err().1;
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
    noticed("late-gap", "the histories of");
}

#[test]
fn answer_lost_with_its_reply_is_noticed() {
    noticed("answer-lost-with-its-reply", "applied twice");
}

#[test]
fn forgotten_not_acknowledged_is_noticed() {
    noticed_in(&short_memory(), "forgotten-not-acknowledged", "applied twice");
}

#[test]
fn only_primaries_keep_replies_is_noticed() {
    noticed("only-primaries-keep-replies", "is remembered by one");
}
