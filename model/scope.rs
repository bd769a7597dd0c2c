//! The page in Markdown that states what was checked, within which bounds, and what was not.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::system::{Bounds, LeftOut, System};
use super::systems::systems;
use crate::paxos::{Audience, Timer};

/// The result of checking one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The system.
    pub system: String,
    /// The back end that explored it.
    pub backend: String,
    /// The number of states; none if not all were visited.
    pub states: Option<u128>,
    /// The time taken, in seconds.
    pub seconds: f64,
    /// The peak memory in bytes, if known.
    pub peak_bytes: Option<u64>,
    /// The least that any property of kind `Always` had to judge, if any was judged.
    pub least_judged: Option<u64>,
    /// The verdict in words. An error if the check did not show everything it should; the reason
    /// follows a colon.
    pub outcome: Result<String, String>,
}

impl Bounds {
    /// The parts of the protocol, and of its environment, that this system leaves out.
    pub fn leaves_out(&self) -> Vec<&'static str> {
        let everybody = |asks: &[u8]| asks.len() == usize::from(self.acceptors);
        let fires = |timer| self.leaders.iter().any(|leader| leader.timers.contains(&timer));
        let out = [
            (!self.leaders.iter().all(|leader| everybody(leader.asks)), "acceptors not asked"),
            (self.audience == Audience::Proposer, "passive learning"),
            (!self.nacks, "refusals"),
            (!fires(Timer::Heartbeat), "heartbeats"),
            (!fires(Timer::Resend), "resending"),
            (self.page == usize::MAX, "pages"),
            (!self.candidacies, "candidacies"),
            (!self.upkeep, "upkeep"),
            (self.crashes.total == 0, "crashes"),
            (self.clients.is_empty(), "clients"),
        ];
        out.into_iter().filter(|(left_out, _)| *left_out).map(|(_, what)| what).collect()
    }
}

/// The heading of the table.
const HEADING: &str = "\
| system | what it shows | bounds | leaves out | states | outcome | least judged | back end | seconds | MB |
| --- | --- | --- | --- | ---: | --- | ---: | --- | ---: | ---: |
";

/// The whole page. It claims nothing of a system without a measurement, and nothing of all systems
/// together if there is such a one.
pub fn page(measured: &[Measured]) -> String {
    let each: Vec<(&System, Option<&Measured>)> = systems()
        .map(|system| (system, measured.iter().find(|one| one.system == system.name)))
        .collect();
    let mut page = format!(
        "# What was checked\n\n\
         Written by `synod check --all --table`; a test holds it to the systems. {} Time and \
         memory are of one run on two shared cores.\n\n\
         Everywhere the network loses, delays, reorders and repeats without bound. Nothing is \
         claimed beyond the bounds.\n\n{}{HEADING}",
        claim(&each),
        missing(&each)
    );
    for (system, one) in &each {
        let _ = writeln!(page, "{}{}", row(system), columns(*one));
    }
    page + &left_out()
}

/// The claim about all systems, or the statement that the page is incomplete.
fn claim(each: &[(&System, Option<&Measured>)]) -> String {
    let shown = each.iter().filter_map(|(_, one)| one.filter(|one| one.outcome.is_ok()));
    let states: Vec<u128> = shown.filter_map(|one| one.states).collect();
    if states.len() == each.len() {
        return format!(
            "Every reachable state of each system was visited, {} in all, and every property holds \
             in it, but for those left out below the table.",
            grouped(states.iter().sum::<u128>())
        );
    }
    format!(
        "**Incomplete: {} of {} systems were checked, and hold.** The others are listed here, and \
         nothing is claimed of them.",
        states.len(),
        each.len()
    )
}

/// The list of the systems of which nothing is claimed, with reasons.
fn missing(each: &[(&System, Option<&Measured>)]) -> String {
    let mut list = String::new();
    for (system, one) in each {
        let why = match one.map(|one| &one.outcome) {
            Some(Ok(_)) => continue,
            Some(Err(why)) => why,
            None => NOT_CHECKED,
        };
        let _ = writeln!(list, "- `{}`: {}", system.name, in_one_line(why));
    }
    if list.is_empty() { list } else { list + "\n" }
}

const NOT_CHECKED: &str = "not checked";

/// The columns of a row that do not depend on a measurement.
pub fn row(system: &System) -> String {
    let System { name, about, bounds, .. } = system;
    format!("| `{name}` | {about} | {bounds} | {} |", bounds.leaves_out().join(", "))
}

/// The columns of a row that come from the measurement.
fn columns(one: Option<&Measured>) -> String {
    let none = || "-".to_owned();
    let Some(one) = one else { return format!(" - | {NOT_CHECKED} | - | - | - | - |") };
    let (Ok(outcome) | Err(outcome)) = &one.outcome;
    let verdict = outcome.split(':').next().unwrap_or_default();
    format!(
        " {} | {} | {} | {} | {:.1} | {} |",
        one.states.map_or_else(none, grouped),
        in_one_line(verdict),
        one.least_judged.map_or_else(none, grouped),
        one.backend,
        one.seconds,
        one.peak_bytes.map_or_else(none, |bytes| (bytes / 1_000_000).to_string())
    )
}

/// Text as a cell of a table. It may come from a process that failed.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The table of the properties that systems leave out.
fn left_out() -> String {
    let mut all: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for system in systems() {
        for LeftOut { property, why } in system.left_out {
            all.entry((property, why)).or_default().push(format!("`{}`", system.name));
        }
    }
    let mut list = "\n\
        *Least judged*: each property that holds always had so much to judge at least: states, or on \
        diagrams different sets of facts that states show. A check fails if one had nothing to judge, \
        but for these:\n\n\
        | property | left out by | because |\n| --- | --- | --- |\n"
        .to_owned();
    for ((property, why), systems) in all {
        let _ = writeln!(list, "| {property} | {} | {why} |", systems.join(", "));
    }
    list
}

/// A number with its digits in groups of three.
pub fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let of = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        of.into_iter().for_each(|(number, text)| assert_eq!(grouped(number), text));
    }

    const CLAIM: &str = "Every reachable state of each system was visited";

    fn all_hold() -> Vec<Measured> {
        let measured = |system: &System| Measured {
            system: system.name.to_owned(),
            backend: "explicit".to_owned(),
            states: Some(2),
            seconds: 0.1,
            peak_bytes: None,
            least_judged: Some(1),
            outcome: Ok("all hold".to_owned()),
        };
        systems().map(measured).collect()
    }

    #[test]
    fn what_is_claimed_is_what_was_found() {
        let all = page(&all_hold());
        let states = format!("{CLAIM}, {} in all,", 2 * systems().count());
        assert!(all.contains(&states) && !all.contains("Incomplete"), "{all}");
    }

    /// If any system is not fully checked, the page says so, in its head and in its row.
    #[test]
    fn nothing_is_claimed_that_was_not_found() {
        let measured = all_hold();
        let (first, others) = measured.split_first().unwrap();
        let unfinished = "not finished: a pipe | and\nanother line".to_owned();
        let fails = "1 of 2 FAIL: 'this one' FAILS".to_owned();
        let lesser = [
            (vec![], NOT_CHECKED, NOT_CHECKED, "-"),
            (
                vec![Measured { outcome: Err(fails.clone()), ..first.clone() }],
                &fails,
                "1 of 2 FAIL",
                "2",
            ),
            (
                vec![Measured { states: None, outcome: Err(unfinished), ..first.clone() }],
                "not finished: a pipe \\| and another line",
                "not finished",
                "-",
            ),
        ];
        for (lesser, why, verdict, states) in lesser {
            let page = page(&[&lesser[..], others].concat());
            assert!(!page.contains(CLAIM) && !page.contains("in all, and"), "{page}");
            let head = format!("**Incomplete: {} of {} systems", others.len(), measured.len());
            assert!(page.contains(&head), "{page}");
            assert!(page.contains(&format!("- `{}`: {why}\n", first.system)), "{page}");
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}`", first.system)));
            assert!(row.unwrap().contains(&format!(" | {states} | {verdict} | ")), "{row:?}");
        }
    }

    /// A system that was not fully visited does not count, even if no violation was found.
    #[test]
    fn a_system_without_its_states_does_not_count() {
        let mut measured = all_hold();
        measured[0].states = None;
        assert!(!page(&measured).contains(CLAIM));
    }
}
