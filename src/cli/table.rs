//! Tables that adapt to the width of the terminal. No word is ever broken.
//!
//! | condition | layout |
//! | --- | --- |
//! | not on a terminal, such as in a pipe or a file | one line for each row, whatever its length |
//! | it fits the terminal | the same |
//! | it fits once texts are wrapped between words | rows of several lines |
//! | it fits without columns that may be left out | the same, and a line that names them |
//! | otherwise | each row as a block, a line for each cell |

use std::fmt;
use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

/// The width of a terminal that does not report one.
const USUAL: usize = 80;
/// The spaces between two columns.
const BETWEEN: usize = 2;
/// The least width that texts are wrapped to.
const NARROWEST: usize = 12;

/// Rows of cells under headings.
#[derive(Clone, Debug)]
pub(super) struct Table {
    headings: Vec<String>,
    /// True for columns of numbers, which are aligned to the right.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// Columns that are left out if there is no room, in this order.
    may_go: Vec<usize>,
}

impl Table {
    /// A table with these headings. Columns in `right` are numbers and aligned to the right.
    pub(super) fn new(headings: &[&str], right: &[usize]) -> Self {
        Table {
            headings: headings.iter().copied().map(str::to_owned).collect(),
            right: (0..headings.len()).map(|column| right.contains(&column)).collect(),
            rows: Vec::new(),
            may_go: Vec::new(),
        }
    }

    /// Names the columns that are left out if there is no room, in this order.
    pub(super) fn may_leave_out(&mut self, columns: &[usize]) {
        self.may_go = columns.to_vec();
    }

    /// Adds a row. Missing cells are empty.
    pub(super) fn add_row(&mut self, cells: impl IntoIterator<Item = impl fmt::Display>) {
        let mut row: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
    }

    /// The lines of the table, none longer than `width` unless a single word is.
    fn lines(&self, width: Option<usize>) -> Vec<String> {
        for count in 0..=self.may_go.len() {
            let gone = self.may_go.get(..count).unwrap_or_default();
            let table = self.without(gone);
            let (widths, fits) = table.widths(width);
            // A list of names and values keeps its form, even if a value has too long a word.
            if fits || self.headings.len() <= 2 {
                let rows = table.all().flat_map(|row| table.row(row, &widths));
                return rows.chain(self.left_out(gone, width)).collect();
            }
        }
        self.blocks(width.unwrap_or(USUAL))
    }

    /// The table without these columns.
    fn without(&self, gone: &[usize]) -> Self {
        fn kept<T: Clone>(all: &[T], gone: &[usize]) -> Vec<T> {
            let kept = all.iter().enumerate().filter(|(column, _)| !gone.contains(column));
            kept.map(|(_, it)| it.clone()).collect()
        }
        Table {
            headings: kept(&self.headings, gone),
            right: kept(&self.right, gone),
            rows: self.rows.iter().map(|row| kept(row, gone)).collect(),
            may_go: Vec::new(),
        }
    }

    /// The line that names the columns left out.
    fn left_out(&self, gone: &[usize], width: Option<usize>) -> Vec<String> {
        let names: Vec<&str> =
            gone.iter().filter_map(|it| self.headings.get(*it)).map(String::as_str).collect();
        let words = format!("(no room for: {})", names.join(", "));
        if gone.is_empty() { Vec::new() } else { wrap(&words, width.unwrap_or(USUAL)) }
    }

    fn all(&self) -> impl Iterator<Item = &Vec<String>> {
        let headed = self.headings.iter().any(|heading| !heading.is_empty());
        Some(&self.headings).filter(|_| headed).into_iter().chain(&self.rows)
    }

    /// The widths of the columns, and true if they fit.
    fn widths(&self, most: Option<usize>) -> (Vec<usize>, bool) {
        let columns = 0..self.headings.len();
        let widest = |of: fn(&str) -> usize| -> Vec<usize> {
            let cell = |column: usize| self.all().filter_map(move |row| row.get(column));
            columns.clone().map(|it| cell(it).map(|cell| of(cell)).max().unwrap_or(0)).collect()
        };
        let mut widths = widest(UnicodeWidthStr::width);
        let Some(most) = most else { return (widths, true) };
        let words = widest(|cell| cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0));
        let most = most.saturating_sub(BETWEEN * self.headings.len().saturating_sub(1));
        let mut left = widths.iter().sum::<usize>().saturating_sub(most);
        while left > 0 {
            // Columns of text shrink, the widest first; columns of numbers do not.
            let can_shrink = |(column, width): &(usize, &mut usize)| {
                let word = words.get(*column).copied().unwrap_or(0);
                **width > word.max(NARROWEST) && self.right.get(*column) == Some(&false)
            };
            let columns = widths.iter_mut().enumerate().filter(can_shrink);
            let Some((_, width)) = columns.max_by_key(|(_, width)| **width) else {
                return (widths, false);
            };
            *width -= 1;
            left -= 1;
        }
        (widths, true)
    }

    fn row(&self, cells: &[String], widths: &[usize]) -> Vec<String> {
        let wrapped: Vec<Vec<String>> =
            cells.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let line = |at: usize| {
            let mut line = String::new();
            for ((cell, width), right) in wrapped.iter().zip(widths).zip(&self.right) {
                let text = cell.get(at).map_or("", String::as_str);
                let space = " ".repeat(width.saturating_sub(text.width()));
                let (before, after) = if *right { (&*space, "") } else { ("", &*space) };
                line = format!("{line}{before}{text}{after}{}", " ".repeat(BETWEEN));
            }
            line.trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }

    /// The lines of the rows as blocks. Empty cells are left out.
    fn blocks(&self, width: usize) -> Vec<String> {
        let indent = self.headings.iter().map(|it| it.width()).max().unwrap_or(0) + BETWEEN;
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            lines.extend((number > 0).then(String::new));
            let cells = self.headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            for (heading, cell) in cells {
                let mut heading = heading.as_str();
                for part in wrap(cell, width.saturating_sub(indent)) {
                    let space = " ".repeat(indent.saturating_sub(heading.width()));
                    lines.push(format!("{heading}{space}{part}"));
                    heading = "";
                }
            }
        }
        lines
    }
}

/// Breaks a text into lines of this width, between words only.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Breaks a paragraph into lines that fit the terminal; one line if there is none.
pub(super) fn paragraph(text: &str) -> String {
    columns().map_or_else(|| text.to_owned(), |width| wrap(text, width).join("\n"))
}

/// The width of the terminal at the standard output; none if it is not a terminal.
pub(super) fn columns() -> Option<usize> {
    let stdout = io::stdout();
    stdout.is_terminal().then(|| match tcgetwinsize(stdout).map(|size| size.ws_col) {
        Ok(0) | Err(_) => USUAL,
        Ok(columns) => columns.into(),
    })
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(columns()).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["name", "states", "what it is"], &[1]);
        table.add_row(["dueling", "1,234", "two leaders that compete for one instance"]);
        table.add_row(["gap", "7", "repair"]);
        table
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let natural = [
            "name     states  what it is",
            "dueling   1,234  two leaders that compete for one instance",
            "gap           7  repair",
        ];
        assert_eq!(table().lines(None), natural);
        assert_eq!(table().lines(Some(58)), natural);
        assert_eq!(
            table().lines(Some(40)),
            [
                "name     states  what it is",
                "dueling   1,234  two leaders that",
                "                 compete for one",
                "                 instance",
                "gap           7  repair",
            ]
        );
        assert_eq!(
            table().lines(Some(24)),
            [
                "name        dueling",
                "states      1,234",
                "what it is  two leaders",
                "            that compete",
                "            for one",
                "            instance",
                "",
                "name        gap",
                "states      7",
                "what it is  repair",
            ]
        );
    }

    #[test]
    fn what_may_go_is_left_out_before_rows_become_blocks() {
        let mut table = table();
        table.may_leave_out(&[2, 1]);
        assert_eq!(table.lines(Some(40)).len(), 5, "texts are wrapped first");
        let lines = table.lines(Some(24));
        assert_eq!(lines[1..3], ["dueling   1,234", "gap           7"]);
        assert_eq!(lines[3..], ["(no room for: what it", "is)"]);
        assert_eq!(table.lines(Some(12))[..3], ["name", "dueling", "gap"]);
    }

    #[test]
    fn a_list_of_values_stays_one() {
        let mut table = Table::new(&["journal", "/a/path/that/is/long"], &[]);
        table.add_row(["verdict", "it cannot be used any more"]);
        assert_eq!(
            table.lines(Some(24)),
            ["journal  /a/path/that/is/long", "verdict  it cannot be used", "         any more",]
        );
    }

    #[test]
    fn no_word_is_broken_and_no_line_is_longer_than_it_must_be() {
        let table = table();
        let words: Vec<&str> = table.rows.iter().flatten().flat_map(|it| it.split(' ')).collect();
        for width in 0..70 {
            let lines = table.lines(Some(width));
            let shown = lines.join(" ");
            let found: Vec<&str> = shown.split_whitespace().collect();
            assert!(words.iter().all(|word| found.contains(word)), "{width}: {lines:?}");
            let longest = lines.iter().map(|line| line.width()).max().unwrap();
            assert!(longest <= width.max(20), "{width}: {lines:?}");
        }
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let mut table = Table::new(&["key", "n"], &[1]);
        table.add_row(["漢字", "1"]);
        table.add_row(["four", "22"]);
        assert_eq!(table.lines(None), ["key    n", "漢字   1", "four  22"]);
    }
}
