//! Real clusters on real sockets, under both runtimes.

use std::time::Duration;

use crate::lab::demo::{Cluster, Config, Runtime};
use crate::lab::demo::{Report, run};
use crate::paxos::Quorums;

const PATIENCE: Duration = Duration::from_secs(20);

fn demo(config: &Config) -> Report {
    run(config, PATIENCE, |_| {}, |_| {}).unwrap()
}

fn assert_holds(report: &Report) {
    assert!(report.holds(), "{report:#?}");
}

#[test]
fn the_pump_orders_the_commands_of_the_demo() {
    let report = demo(&Config::default());
    assert_holds(&report);
    let pump = report.pump.unwrap();
    assert_eq!(pump.received, pump.queued + pump.dropped);
    assert_eq!((pump.malformed, pump.rejected, pump.abandoned), (0, 0, 0));
}

#[test]
fn staterights_spawn_orders_the_commands_of_the_demo() {
    let report = demo(&Config { runtime: Runtime::Spawn, ..Config::default() });
    assert_holds(&report);
    assert!(report.pump.is_none());
}

#[test]
fn a_network_that_loses_repeats_and_reorders_loses_no_command() {
    for seed in 0..3 {
        let report = demo(&Config { adversarial: true, seed, ..Config::default() });
        assert_holds(&report);
        let adversary = report.adversary.unwrap();
        assert!(adversary.lost > 0 && adversary.repeated > 0 && adversary.overtaken > 0);
    }
}

#[test]
fn four_leaders_agree_too() {
    assert_holds(&demo(&Config { leaders: 4, commands: 500, ..Config::default() }));
}

#[test]
fn one_leader_and_one_acceptor_are_a_cluster() {
    assert_holds(&demo(&Config { leaders: 1, acceptors: 1, failed: 0, ..Config::default() }));
}

#[test]
fn no_commands_are_done_at_once() {
    assert_holds(&demo(&Config { commands: 0, ..Config::default() }));
}

#[test]
fn without_a_quorum_nothing_is_decided_and_the_reason_is_given() {
    let config = Config { failed: 3, ..Config::default() };
    let report = run(&config, Duration::from_millis(500), |_| {}, |_| {}).unwrap();
    assert!(!report.holds());
    assert_eq!((report.decided, report.answered), (0, 0));
    let problem = report.problem.unwrap();
    assert!(problem.contains("only 2 of 5 acceptors are up"), "{problem}");
}

#[test]
fn writing_to_all_survives_no_failure_and_reading_from_one_suffices() {
    let rowa = Quorums::Sizes { phase1: 1, phase2: 3 };
    let config = Config { acceptors: 3, failed: 0, quorums: rowa, ..Config::default() };
    assert_holds(&demo(&config));
    let config = Config { failed: 1, ..config };
    let report = run(&config, Duration::from_millis(500), |_| {}, |_| {}).unwrap();
    assert_eq!(report.decided, 0);
}

#[test]
fn quorums_that_need_not_meet_are_refused_at_the_start() {
    let quorums = Quorums::Sizes { phase1: 2, phase2: 3 };
    let error = Cluster::start(&Config { quorums, ..Config::default() }).unwrap_err();
    assert!(error.to_string().contains("two values could be chosen"), "{error}");
}

/// Starts a cluster with a long list of commands, and waits until it is well under way.
fn under_way(config: &Config) -> Cluster {
    let cluster = Cluster::start(config).unwrap();
    let start = std::time::Instant::now();
    while cluster.answered() < 1000 {
        assert!(start.elapsed() < PATIENCE, "the cluster does not get under way");
        std::thread::yield_now();
    }
    cluster
}

#[test]
fn when_the_primary_dies_the_other_leader_takes_over_and_no_command_is_lost() {
    let config = Config { acceptors: 3, failed: 0, commands: 300_000, ..Config::default() };
    let mut cluster = under_way(&config);
    let primary = |handle: &&crate::lab::demo::Handle| handle.view.is_primary();
    let killed = cluster.leaders().find(primary).unwrap().name.clone();
    cluster.kill(&killed);
    assert!(cluster.answered() < config.commands, "all was done before the primary was killed");
    assert!(cluster.wait_until_answered(PATIENCE, |_| {}));
    cluster.stop();
    let heir = cluster.leaders().find(|leader| leader.name != killed).unwrap();
    let state = heir.last_state().unwrap().as_leader().unwrap();
    let mut ids: Vec<_> = state.commands().map(|command| command.id.sequence).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..config.commands).collect::<Vec<_>>());
}

#[test]
fn when_a_minority_of_the_acceptors_dies_nobody_notices() {
    let config = Config { failed: 0, commands: 50_000, ..Config::default() };
    let mut cluster = under_way(&config);
    cluster.kill("A1");
    cluster.kill("A4");
    assert!(cluster.wait_until_answered(PATIENCE, |_| {}));
    cluster.stop();
}
