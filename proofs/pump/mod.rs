//! The pump loses nothing that it has received, whichever end stops first, in every interleaving.
//!
//! Each scenario runs on loom's threads, which explore all interleavings of the code that runs in
//! production (`pump.rs` and `handoff.rs`), and again on the operating system's threads with
//! crossbeam's queue. Seeded faults of both must make a scenario fail.

mod loom_threads;
mod scenarios;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::runtime::pump::Pump;
use crate::runtime::threads::{Fault, Native, Threads};
use loom_threads::{Faultless, Loom, Seeded};
use scenarios::World;

/// The number of runs of each scenario on the operating system's threads.
const REPEATS: usize = 300;

impl World for Native {
    type Script = scenarios::with_std::Script;

    fn begin() -> Instant {
        Instant::now()
    }

    fn spawn_stopper(body: impl FnOnce() + Send + 'static) {
        std::thread::spawn(body);
    }
}

impl<F: Seeded> World for Loom<F> {
    type Script = scenarios::with_loom::Script;

    fn begin() -> Instant {
        *loom_threads::BEGIN
    }

    fn spawn_stopper(body: impl FnOnce() + Send + 'static) {
        loom::thread::spawn(body);
    }
}

/// Runs a scenario in every interleaving with at most so many preemptions; in every interleaving if
/// no number is given.
fn explore(name: &str, preemptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let runs = runs.load(Ordering::Relaxed);
    println!("{name}: {runs} interleavings");
    assert!(runs > 1, "{name} has only one interleaving: it shows nothing");
}

macro_rules! scenarios {
    ($($scenario:ident: $preemptions:expr;)*) => {
        mod under_loom {
            use super::*;
            $(#[test] fn $scenario() {
                explore(stringify!($scenario), $preemptions, scenarios::$scenario::<Loom<Faultless>>);
            })*
        }
        mod on_os_threads {
            use super::*;
            $(#[test] fn $scenario() {
                (0..REPEATS).for_each(|_| scenarios::$scenario::<Native>());
            })*
        }
    };
}

scenarios! {
    // Two datagrams beside the stop: without a bound this takes an hour.
    stop_at_any_time: Some(4);
    stop_beside_one_datagram: None;
    stop_before_it_runs: None;
    // Four threads: without a bound this takes hours.
    two_stops_at_once: Some(2);
    the_socket_ends: None;
    the_actor_gives_up: None;
    the_actor_gives_up_at_once: None;
    the_queue_is_full: None;
    a_deadline_passes: None;
    a_deadline_comes_soon: Some(4);
    a_deadline_is_far: None;
}

/// A fault, as a type.
macro_rules! seed {
    ($name:ident) => {
        #[derive(Debug)]
        struct $name;
        impl Seeded for $name {
            const FAULT: Option<Fault> = Some(Fault::$name);
        }
    };
}

seed!(UncountedDrop);
seed!(LeavesQueued);
seed!(LostWakeUp);
seed!(SilentEnd);
seed!(WakesBeforeItem);
seed!(WakesBeforeEnd);
seed!(SleepsUnlooked);

/// Asserts that loom finds an interleaving in which the scenario fails with a message that contains
/// `words`.
///
/// Loom cannot always unwind from a failure, so a child process runs the scenario: this very test
/// again, with an environment variable that marks the child.
fn assert_fails(test: &str, scenario: impl Fn() + Send + Sync + 'static, words: &str) {
    const CHILD: &str = "SYNOD_SEEDED_FAULT";
    if std::env::var(CHILD).is_ok() {
        return loom::model(scenario);
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test.trim_start_matches("synod::"), "--nocapture"])
        .env(CHILD, test)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stderr).into_owned()
        + &String::from_utf8_lossy(&child.stdout);
    assert!(!child.status.success(), "the fault went unnoticed:\n{output}");
    assert!(output.contains(words), "failed for another reason:\n{output}");
}

macro_rules! noticed {
    ($($test:ident: $fault:ident in $scenario:ident by $words:literal;)*) => {
        $(#[test] fn $test() {
            assert_fails(concat!(module_path!(), "::", stringify!($test)), scenarios::$scenario::<Loom<$fault>>, $words);
        })*
    };
}

noticed! {
    a_drop_that_is_not_counted: UncountedDrop in the_queue_is_full by "dropped: 0";
    a_stop_that_leaves_what_is_queued: LeavesQueued in stop_at_any_time by "left: (0, ";
    a_stop_that_does_not_wake_the_reader: LostWakeUp in stop_at_any_time by "deadlock";
    an_actor_that_gives_up_in_silence: SilentEnd in the_actor_gives_up by "deadlock";
    an_item_that_comes_after_its_wake_up: WakesBeforeItem in the_actor_gives_up_at_once by "deadlock";
    an_end_that_comes_after_its_wake_up: WakesBeforeEnd in stop_at_any_time by "deadlock";
    a_sleep_without_a_look_before_it: SleepsUnlooked in stop_at_any_time by "deadlock";
}

/// The reader must not outlive an actor thread that panics.
#[test]
fn a_turn_that_panics_ends_the_reader_too() {
    let source = Arc::new(<scenarios::with_std::Script as scenarios::Scripted>::new(1, false));
    let pump = Pump::<Native, _>::new(Arc::clone(&source), 1, Arc::default());
    let ended = std::panic::catch_unwind(|| pump.run(&mut scenarios::Panics));
    assert!(ended.is_err());
    let start = Instant::now();
    while Arc::strong_count(&source) > 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "the reader is still there");
        std::thread::yield_now();
    }
}

#[test]
fn the_threads_of_the_operating_system_have_no_fault() {
    assert_eq!(<Native as Threads>::FAULT, None);
}
