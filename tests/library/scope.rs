//! The page of all systems, `model/SCOPE.md`, says what is so.

use std::fs;
use std::path::Path;

use crate::model::scope::{self, Measured};
use crate::model::system::System;
use crate::model::systems::systems;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the project says of its systems is what they are.
#[test]
fn the_scope_table_names_every_system_with_its_bounds_and_states() {
    let path = root().join("model/SCOPE.md");
    let page = fs::read_to_string(&path).unwrap();
    let again = "write it anew by `synod check --all --table`";
    let measured: Vec<Measured> = systems().map(|system| in_page(&page, system)).collect();
    for (system, one) in systems().zip(&measured) {
        assert_eq!(one.states, Some(system.states), "{}; {again}", system.name);
        assert!(matches!(&*one.backend, "symbolic" | "explicit"), "{}; {again}", one.backend);
        assert!(one.least_judged.is_some_and(|judged| judged > 0), "{}; {again}", system.name);
    }
    // What is read off it, written once more, is the same page to the letter.
    assert_eq!(page, scope::page(&measured), "{again}");
}

/// What the page says of a system.
fn in_page(page: &str, system: &System) -> Measured {
    let again = "write it anew by `synod check --all --table`";
    let row = scope::row(system);
    let line = page.lines().find(|line| line.starts_with(&row));
    let line = line.unwrap_or_else(|| panic!("no row is '{row}'; {again}"));
    let columns: Vec<&str> = line[row.len()..].split('|').map(str::trim).collect();
    let [states, outcome, least_judged, backend, seconds, megabytes, ""] = columns[..] else {
        panic!("{line}; {again}");
    };
    let number = |text: &str| text.replace(',', "").parse::<u128>().ok();
    Measured {
        system: system.name.to_owned(),
        backend: backend.to_owned(),
        states: number(states),
        seconds: seconds.parse().unwrap(),
        peak_bytes: number(megabytes).map(|megabytes| megabytes as u64 * 1_000_000),
        least_judged: number(least_judged).map(|judged| judged as u64),
        outcome: match outcome {
            holds if holds.starts_with("all ") => Ok(holds.to_owned()),
            less => Err(less.to_owned()),
        },
    }
}
