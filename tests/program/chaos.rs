//! A cluster of processes, put through it.

use std::path::PathBuf;

use synod::lab::{Chaos, run_with};

#[test]
fn what_is_killed_stopped_and_cut_off_loses_nothing() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_synod"));
    let data = std::env::temp_dir();
    let (leaders, acceptors, clients, keys) = (3, 3, 3, 3);
    let chaos = Chaos { rounds: 6, seed: 7, leaders, acceptors, clients, keys, data };
    let report = run_with(program, &chaos, |_| {}).unwrap();
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.rounds, 6);
    assert!(report.kills >= 6 && report.acknowledged >= 120, "{report:?}");
}
