//! Tables of the results, for people.

use serde::Serialize;

use super::super::worker::{Checked, CheckedProperty, Entry};
use crate::cli::output::{grouped, json, say, table};
use crate::model::backend::Backend;
use crate::model::report::Verdict;
use crate::model::system::{LeftOut, System};
use crate::model::systems::systems;

/// Prints all systems with their purpose.
pub(super) fn list(as_json: bool) {
    if !as_json {
        let mut rows = table(["system", "states", "what it is for"], &[1]);
        for system in systems() {
            rows.add_row([system.name, &grouped(system.states), system.about]);
        }
        return say(rows);
    }
    let systems = systems().map(Listed::new).collect();
    json(&List { systems });
}

#[derive(Serialize)]
struct List {
    systems: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    about: &'static str,
    bounds: String,
    leaves_out: Vec<&'static str>,
    states: u128,
    properties: Vec<&'static str>,
    /// The properties that judge nothing in it, and the reasons.
    left_out: &'static [LeftOut],
}

impl Listed {
    fn new(system: &'static System) -> Self {
        Listed {
            name: system.name,
            about: system.about,
            bounds: system.bounds.to_string(),
            leaves_out: system.bounds.leaves_out(),
            states: system.states,
            properties: system.properties().map(|property| property.name).collect(),
            left_out: system.left_out,
        }
    }
}

/// Prints a row for each system; with `each_property`, a table of properties for each too.
pub(super) fn table_of(entries: &[Entry], each_property: bool) {
    let headings =
        ["system", "bounds", "back end", "states", "seconds", "MB", "least judged", "verdict"];
    let mut rows = table(headings, &[3, 4, 5, 6]);
    rows.may_leave_out(&[1, 6, 5]);
    for entry in entries {
        rows.add_row(match entry {
            Entry::Checked(checked) => row(checked),
            Entry::Unfinished(unfinished) => [
                unfinished.name.clone(),
                unfinished.bounds.clone(),
                unfinished.backend.clone(),
                so_far(unfinished.unique_states),
                format!("{:.2}", unfinished.seconds),
                "-".to_owned(),
                "-".to_owned(),
                "NOT FINISHED".to_owned(),
            ],
        });
    }
    say(format_args!("{rows}\n\n{}", in_all(entries)));
    if !each_property {
        say("The properties by name, and what each had to judge: --properties.");
    }
    let checked = || entries.iter().filter_map(Entry::checked);
    if each_property {
        checked().for_each(properties);
    }
    for checked in checked() {
        for property in checked.properties.iter().filter(|it| it.verdict.is_failure()) {
            let CheckedProperty { name, kind, verdict, counterexample, .. } = property;
            say(format_args!("\n{}: '{name}' ({kind}) {verdict}", checked.name));
            counterexample.iter().for_each(say);
        }
    }
}

fn row(checked: &Checked) -> [String; 8] {
    [
        checked.name.clone(),
        checked.bounds.clone(),
        checked.backend.clone(),
        grouped(checked.unique_states),
        format!("{:.2}", checked.seconds),
        checked.peak_bytes.map_or("-".to_owned(), |bytes| (bytes / 1_000_000).to_string()),
        least_judged(checked),
        verdict(checked),
    ]
}

/// The least that any property had to judge, with the unit that the back end counts in.
fn least_judged(checked: &Checked) -> String {
    let unit = if checked.backend == Backend::Symbolic.name() { "sets" } else { "states" };
    checked.least_looked_at().map_or("-".to_owned(), |least| format!("{} {unit}", grouped(least)))
}

/// The number of states that were found before a check ended early.
pub(super) fn so_far(states: u128) -> String {
    if states == 0 { "-".to_owned() } else { format!("over {}", grouped(states)) }
}

fn in_all(entries: &[Entry]) -> String {
    let finished: Vec<&Checked> = entries.iter().filter_map(Entry::checked).collect();
    let states: u128 = finished.iter().map(|checked| checked.unique_states).sum();
    let (states, systems) = (grouped(states), count(entries.len(), "system"));
    if finished.len() == entries.len() {
        format!("{systems}, {states} states")
    } else {
        format!("{} of {systems} finished, {states} states", finished.len())
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Prints the verdict on each property of a system.
fn properties(checked: &Checked) {
    let mut rows = table(["property", "", "judged", "verdict"], &[2]);
    for property in &checked.properties {
        rows.add_row([
            property.name.clone(),
            property.kind.clone(),
            grouped(property.looked_at),
            property.verdict.to_string(),
        ]);
    }
    say(format_args!("\n{} by {}\n\n{rows}", checked.name, checked.backend));
}

/// Prints the number of steps that were held to the specification.
pub(super) fn steps(entries: &[Entry]) {
    let checked = || entries.iter().filter_map(Entry::checked);
    let steps: u64 = checked().filter_map(|checked| checked.total_states).sum();
    let new: u64 = checked().filter_map(|checked| checked.judged_steps).sum();
    say(format_args!(
        "{} steps one by one; {} that say something new were held to the specification",
        grouped(steps),
        grouped(new)
    ));
}

/// The verdict on a system, in a few words.
pub(super) fn verdict(checked: &Checked) -> String {
    let with = |is: fn(&Verdict) -> bool| {
        checked.properties.iter().filter(|property| is(&property.verdict)).count()
    };
    let all = checked.properties.len();
    let (fail, vacuous) = (
        with(|verdict| matches!(verdict, Verdict::Fails)),
        with(|verdict| matches!(verdict, Verdict::Vacuous)),
    );
    if !checked.complete {
        return "NOT COMPLETE".to_owned();
    }
    if fail > 0 {
        return format!("{fail} of {all} FAIL");
    }
    if vacuous > 0 {
        return format!("{vacuous} of {all} VACUOUS");
    }
    if !checked.as_expected() {
        return match checked.expected_states {
            Some(states) => format!("NOT THE {} STATES EXPECTED", grouped(states)),
            None => "NOT PINNED".to_owned(),
        };
    }
    let mut words = format!("all {} hold", with(|verdict| matches!(verdict, Verdict::Holds)));
    let others = [
        (with(|verdict| matches!(verdict, Verdict::LeftOut(_))), "left out"),
        (with(|verdict| matches!(verdict, Verdict::NotLookedAt(_))), "not looked at"),
    ];
    for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
        words += &format!(", {number} {what}");
    }
    words
}
