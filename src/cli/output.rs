//! Tables for people, JSON for machines, progress for the impatient.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Verdict;

/// Writes a line to the standard output. Nobody may be reading any more, as with `| head`; that
/// is no failure.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
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
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
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

/// A progress bar on the standard error, for a terminal only.
pub(super) fn bar(length: u64, name: &str, shown: bool) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target((length > 0).then_some(length), target);
    let template = "{prefix:28} {wide_bar} {human_pos} of {human_len} in {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
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
