//! Tables for people, JSON for machines, progress for the impatient.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Verdict;
pub(super) use crate::model::scope::grouped;

/// Writes a line to the standard output. Nobody may be reading any more, as with `| head`; that
/// is no failure.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes a line to the standard output, and says whether anybody can still read it.
pub(super) fn try_say(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Writes a line to the standard error.
pub(super) fn warn(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes why the command cannot be carried out.
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

/// A table with these headings, whose columns named in `right` are numbers.
pub(super) fn table<const N: usize>(headings: [&str; N], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(headings);
    // On a terminal, cells are wrapped to fit its width.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Progress bars on the standard error, if it is a terminal and they are to be shown.
pub(super) struct Bars(MultiProgress);

impl Bars {
    /// No bars yet.
    pub(super) fn new(shown: bool) -> Self {
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bars(MultiProgress::with_draw_target(target))
    }

    /// Another bar, for work whose size may be known.
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
