//! `synod check --compare-stock`: the same system on stock Stateright and on both back ends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::worker::{Checked, Died, Ended, check_in_child};
use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::model::backend::{Backend, Held};
use crate::model::system::System;

/// The time limit of stock Stateright, as a multiple of the time of the faster back end, bounded
/// below by [`LEAST`] and above by [`MOST`].
const PATIENCE: f64 = 1000.0;
const LEAST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Json<'a> {
    system: &'a str,
    stock: Side,
    explicit: Side,
    symbolic: Side,
    /// True if all sides give the same verdicts on the properties that both judge, and the engine's
    /// back ends the same number of states.
    agree: bool,
}

#[derive(Serialize)]
struct Side {
    seconds: f64,
    unique_states: u128,
    peak_bytes: Option<u64>,
    complete: bool,
    #[serde(skip)]
    failed: BTreeSet<String>,
    /// The properties that it has judged.
    #[serde(skip)]
    judged: BTreeSet<String>,
}

impl Side {
    fn checked(checked: &Checked) -> Self {
        Side {
            seconds: checked.seconds,
            unique_states: checked.unique_states,
            peak_bytes: checked.peak_bytes,
            complete: checked.complete,
            failed: checked.failed().map(|property| property.name.clone()).collect(),
            judged: checked.judged().map(|property| property.name.clone()).collect(),
        }
    }

    fn given_up(died: &Died) -> Self {
        let (failed, judged) = (BTreeSet::new(), BTreeSet::new());
        let (seconds, unique_states) = (died.after.as_secs_f64(), died.states);
        Side { seconds, unique_states, peak_bytes: None, complete: false, failed, judged }
    }
}

/// Runs the sides one after another, so that they do not disturb each other's times.
pub(super) fn run(system: &'static System, as_json: bool) -> Verdict {
    match compare(system, as_json) {
        Ok(verdict) => verdict,
        Err(error) => fail(error, Verdict::NotDone),
    }
}

fn compare(system: &'static System, as_json: bool) -> Result<Verdict, String> {
    let side = |backend: Backend, limit| {
        let bar = Bars::new(!as_json).add(backend.name(), None);
        let progress = |states: u128| bar.set_position(states.try_into().unwrap_or(u64::MAX));
        let ended = check_in_child(system, Held::ToProperties, backend, limit, &progress);
        bar.finish_and_clear();
        match ended {
            Ok(Ended::Checked(checked)) => Ok(Side::checked(&checked)),
            Ok(Ended::GivenUp(died)) => Ok(Side::given_up(&died)),
            Err(died) => Err(format!("cannot check {} by {}: {died}", system.name, backend.name())),
        }
    };
    let symbolic = side(Backend::Symbolic, None)?;
    let explicit = side(Backend::Explicit, Some(MOST))?;
    let quickest = symbolic.seconds.min(explicit.seconds);
    let limit = Duration::from_secs_f64(quickest * PATIENCE).clamp(LEAST, MOST);
    let stock = side(Backend::Stock, Some(limit))?;
    let same = |one: &Side, two: &Side| {
        let mut both = one.judged.intersection(&two.judged);
        both.all(|property| one.failed.contains(property) == two.failed.contains(property))
    };
    let counts = !explicit.complete || explicit.unique_states == symbolic.unique_states;
    let agree = counts && same(&stock, &symbolic) && same(&explicit, &symbolic);
    if as_json {
        json(&Json { system: system.name, stock, explicit, symbolic, agree });
    } else {
        show(system, &[("stock", stock), ("explicit", explicit), ("symbolic", symbolic)], agree);
    }
    Ok(agree.into())
}

fn show(system: &System, sides: &[(&str, Side)], agree: bool) {
    say(format_args!("{}: {}\n", system.name, system.bounds));
    let headings = ["", "states", "seconds", "states/s", "MB", "complete", "violated"];
    let mut rows = table(headings, &[1, 2, 3, 4]);
    for (name, side) in sides {
        let failed: Vec<&str> = side.failed.iter().map(String::as_str).collect();
        rows.add_row([
            (*name).to_owned(),
            grouped(side.unique_states),
            format!("{:.2}", side.seconds),
            grouped((side.unique_states as f64 / side.seconds.max(1e-3)) as u128),
            side.peak_bytes.map_or("-".to_owned(), |bytes| (bytes / 1_000_000).to_string()),
            if side.complete { "yes" } else { "given up" }.to_owned(),
            if failed.is_empty() { "nothing".to_owned() } else { failed.join(", ") },
        ]);
    }
    say(rows);
    say(format_args!("\nThey {}.", if agree { "agree" } else { "DO NOT AGREE" }));
}
