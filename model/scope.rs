//! What was checked within which bounds, and what was not, as a table in Markdown.

use std::fmt::{Display, Write};

use super::system::{Bounds, System};
use super::systems::systems;
use crate::paxos::{Audience, Timer};

/// What a check of one system took, as measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The system.
    pub system: String,
    /// What explored it.
    pub backend: String,
    /// How many states it has.
    pub states: u128,
    /// How long it took.
    pub seconds: f64,
    /// The most memory that it took, if that is known.
    pub peak_bytes: Option<u64>,
}

impl Bounds {
    /// What this system leaves out of the protocol, or of what can happen to it.
    pub fn leaves_out(&self) -> Vec<&'static str> {
        let everybody = |asks: &[u8]| asks.len() == usize::from(self.acceptors);
        let fires = |timer| self.leaders.iter().any(|leader| leader.timers.contains(&timer));
        let out = [
            (!self.leaders.iter().all(|leader| everybody(leader.asks)), "acceptors not asked"),
            (self.audience == Audience::Proposer, "passive learning"),
            (!self.nacks, "refusals"),
            (!fires(Timer::Heartbeat), "heartbeats"),
            (!fires(Timer::Resend), "resending"),
            (self.crashes.total == 0, "crashes"),
            (self.clients.is_empty(), "clients"),
        ];
        out.into_iter().filter(|(left_out, _)| *left_out).map(|(_, what)| what).collect()
    }
}

/// The table's heading.
const HEADING: &str = "\
| system | what it shows | bounds | leaves out | states | back end | seconds | MB |
| --- | --- | --- | --- | ---: | --- | ---: | ---: |
";

/// The whole page.
pub fn page(measured: &[Measured]) -> String {
    let states: u128 = measured.iter().map(|one| one.states).sum();
    let mut page = format!(
        "# What was checked\n\n\
         Written by `synod check --all --table`; a test holds it to the systems. Every reachable \
         state of each system was visited, {} in all, and every property holds in it. Time and \
         memory are of one run on two shared cores.\n\n\
         Everywhere the network loses, delays, reorders and repeats without bound. Nothing is \
         claimed beyond the bounds.\n\n{HEADING}",
        grouped(states)
    );
    for system in systems() {
        let one = measured.iter().find(|one| one.system == system.name);
        let _ = writeln!(page, "{}{}", row(system), one.map_or(String::new(), measured_columns));
    }
    page
}

/// The part of a row that does not depend on the machine.
pub fn row(system: &System) -> String {
    format!(
        "| `{}` | {} | {} | {} | {} |",
        system.name,
        system.about,
        system.bounds,
        system.bounds.leaves_out().join(", "),
        grouped(system.states)
    )
}

fn measured_columns(one: &Measured) -> String {
    let memory = one.peak_bytes.map_or("-".to_owned(), |bytes| (bytes / 1_000_000).to_string());
    format!(" {} | {:.1} | {memory} |", one.backend, one.seconds)
}

/// Digits in groups of three.
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
    use super::grouped;

    #[test]
    fn digits_are_grouped_by_three() {
        let of = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        of.into_iter().for_each(|(number, text)| assert_eq!(grouped(number), text));
    }
}
