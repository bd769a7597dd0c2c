//! A cluster of processes, put through it.

use synod::lab::{Chaos, Program, StoreWorkload};

#[test]
fn what_is_killed_stopped_and_cut_off_loses_nothing() {
    let program = Program::synod(env!("CARGO_BIN_EXE_synod"));
    let chaos = Chaos { rounds: 6, seed: 7, ..Chaos::default() };
    let report = chaos.run(program, &StoreWorkload::new(3), |_| {}).unwrap();
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.rounds, 6);
    assert!(report.kills >= 6 && report.acknowledged >= 120, "{report:?}");
}
