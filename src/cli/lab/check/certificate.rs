//! The page that records what was checked.

use std::path::Path;

use super::super::new_file::NewFile;
use super::super::worker::{Checked, Entry};
use super::show;
use crate::cli::output::grouped;
use crate::model::report::Verdict;
use crate::model::scope::{self, Measured};

/// A page that is not written yet.
pub(super) struct Certificate(NewFile);

impl Certificate {
    /// A page to be written to this file. An error if it cannot be.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        NewFile::at(path).map(Certificate)
    }

    /// Writes the results, and nothing else.
    pub(super) fn write(self, entries: &[Entry]) -> Result<(), String> {
        let measured: Vec<Measured> = entries.iter().map(measured).collect();
        self.0.write(&scope::page(&measured))
    }
}

fn measured(entry: &Entry) -> Measured {
    match entry {
        Entry::Checked(checked) => Measured {
            system: checked.name.clone(),
            backend: checked.backend.clone(),
            states: checked.complete.then_some(checked.unique_states),
            seconds: checked.seconds,
            peak_bytes: checked.peak_bytes,
            least_judged: checked.least_looked_at(),
            outcome: outcome(checked),
        },
        Entry::Unfinished(unfinished) => Measured {
            system: unfinished.name.clone(),
            backend: unfinished.backend.clone(),
            states: None,
            seconds: unfinished.seconds,
            peak_bytes: None,
            least_judged: None,
            outcome: Err(format!(
                "not finished: {}; states found: {}",
                unfinished.error,
                grouped(unfinished.unique_states)
            )),
        },
    }
}

/// The verdict in words; an error if the check did not show what it should.
fn outcome(checked: &Checked) -> Result<String, String> {
    let words = show::verdict(checked);
    let shows_all = |verdict: &Verdict| matches!(verdict, Verdict::Holds | Verdict::LeftOut(_));
    let others = checked.properties.iter().filter(|property| !shows_all(&property.verdict));
    let others: Vec<String> =
        others.map(|property| format!("'{}' {}", property.name, property.verdict)).collect();
    match (checked.passes, others.is_empty()) {
        (true, true) => Ok(words),
        (_, true) => Err(words),
        (_, false) => Err(format!("{words}: {}", others.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::backend::{Backend, Held};
    use crate::model::check::check;
    use crate::model::system::System;
    use crate::model::systems::system;

    fn checked(system: &'static System) -> Checked {
        Checked::new(&check(system, Held::ToProperties, Backend::Explicit, &|_| {}).unwrap())
    }

    #[test]
    fn what_holds_of_something_is_shown() {
        let outcome = outcome(&checked(system("gap").unwrap()));
        assert_eq!(outcome.as_deref(), Ok("all 12 hold, 5 left out"));
    }

    /// A property that had nothing to judge fails the page, and so does one that a back end did not
    /// look at.
    #[test]
    fn what_holds_of_nothing_is_not() {
        let gap = system("gap").unwrap();
        let checked_of = |system: System| checked(Box::leak(Box::new(system)));
        let vacuous = outcome(&checked_of(System { left_out: &[], ..*gap })).unwrap_err();
        assert!(vacuous.starts_with("5 of 17 VACUOUS: 'done is chosen and applied' VACUOUS"));
        let unpinned = outcome(&checked_of(System { states: 294, ..*gap })).unwrap_err();
        assert_eq!(unpinned, "NOT THE 294 STATES EXPECTED");
        let mut unseen = checked(gap);
        unseen.properties[0].verdict = Verdict::NotLookedAt("for some reason".into());
        let unseen = outcome(&unseen).unwrap_err();
        assert!(unseen.contains("'one value per instance' not looked at: for some reason"));
        let mut incomplete = checked(gap);
        (incomplete.complete, incomplete.passes) = (false, false);
        assert_eq!(outcome(&incomplete).unwrap_err(), "NOT COMPLETE");
    }
}
