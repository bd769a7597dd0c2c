//! Output: tables for people, JSON for machines, and progress bars.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Verdict;
use super::table::Table;
pub(super) use crate::model::scope::grouped;

/// The first error of writing to the standard output. A process has one standard output, so this is
/// one static.
static FAILED: OnceLock<io::Error> = OnceLock::new();

/// Records an error of writing to the standard output.
fn remember(written: io::Result<()>) {
    if let Err(error) = written {
        FAILED.get_or_init(|| error);
    }
}

/// Writes a line to the standard output. After an error nothing more is written: see [`end`].
pub(super) fn say(text: impl Display) {
    if !is_lost() {
        remember(writeln!(io::stdout(), "{text}"));
    }
}

/// Writes bytes to the standard output, as they are.
pub(super) fn say_bytes(bytes: &[u8]) {
    if !is_lost() {
        remember(io::stdout().write_all(bytes));
    }
}

/// True if the standard output cannot be written any more, so that a command may stop.
pub(super) fn is_lost() -> bool {
    FAILED.get().is_some()
}

/// Prints the help or the version that was asked for, or an error of the command line.
pub(super) fn explain(error: &clap::Error) -> Verdict {
    if error.use_stderr() {
        let _ = error.print();
        return Verdict::BadUse;
    }
    remember(error.print());
    Verdict::Holds
}

/// The verdict at the end of a command. Output that could not be written makes it `NotWritten`,
/// except into a closed pipe, as with `| head`.
pub(super) fn end(verdict: Verdict) -> Verdict {
    remember(io::stdout().flush());
    match FAILED.get() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let words = "cannot write the output";
            fail(
                format_args!("{words}: {error}; what was printed is not complete"),
                Verdict::NotWritten,
            )
        }
        _ => verdict,
    }
}

/// Writes a line to the standard error.
pub(super) fn warn(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes an error to the standard error, and returns the verdict.
pub(super) fn fail(error: impl Display, verdict: Verdict) -> Verdict {
    warn(format_args!("synod: {error}"));
    verdict
}

/// Writes a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => say(text),
        Err(error) => warn(format_args!("synod: cannot write JSON: {error}")),
    }
}

/// A table with these headings. Columns in `right` are numbers and aligned to the right.
pub(super) fn table<const N: usize>(headings: [&str; N], right: &[usize]) -> Table {
    Table::new(&headings, right)
}

/// Progress bars on the standard error, if it is a terminal and they are to be shown.
pub(super) struct Bars(MultiProgress);

impl Bars {
    /// A set without bars.
    pub(super) fn new(shown: bool) -> Self {
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bars(MultiProgress::with_draw_target(target))
    }

    /// Adds a bar, for work of this size if it is known.
    pub(super) fn add(&self, name: &str, size: Option<u64>) -> ProgressBar {
        let template = match size {
            Some(_) => "{prefix:28} {wide_bar} {human_pos} of {human_len} in {elapsed}",
            None => "{prefix:28} {spinner} {human_pos} states in {elapsed}",
        };
        let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = self.0.add(bar);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}
