//! What is said to somebody who has misspelt a name.

/// The least similarity (Jaro and Winkler, 0 to 1) of a name that may have been meant.
const SIMILAR: f64 = 0.8;
/// The most characters of a line.
const WIDTH: usize = 78;

/// The error for a name that is none of these: with the one that is nearly the same, or else with all, in
/// lines that fit a terminal.
pub(crate) fn unknown<'k>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let nearest = known.iter().copied().filter(|known| likeness(known) > SIMILAR);
    let shown = name.escape_debug();
    match nearest.max_by(|one, other| likeness(one).total_cmp(&likeness(other))) {
        Some(nearest) => format!("there is no {what} '{shown}'; did you mean '{nearest}'?"),
        None => format!("there is no {what} '{shown}'; there are{}", listed(&known)),
    }
}

/// Names with commas, on one line if they are few, or else on lines of their own.
fn listed(names: &[&str]) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (place, name) in names.iter().enumerate() {
        let quote = if name.contains(char::is_whitespace) { "'" } else { "" };
        let comma = if place + 1 < names.len() { "," } else { "" };
        let word = format!("{quote}{name}{quote}{comma}");
        if !line.is_empty() && line.len() + word.len() + 1 > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(&word);
    }
    lines.push(line);
    match lines.as_slice() {
        [line] if line.len() < WIDTH / 2 => format!(" {line}"),
        lines => format!(":\n  {}", lines.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_known_is_named() {
        let known = ["dueling", "gap"];
        let near = unknown("system", "duelin", known);
        assert_eq!(near, "there is no system 'duelin'; did you mean 'dueling'?");
        let far = unknown("system", "no\nsuch", known);
        assert_eq!(far, "there is no system 'no\\nsuch'; there are dueling, gap");
        let other = unknown("member", "n7", ["n1", "n2"]);
        assert_eq!(other, "there is no member 'n7'; there are n1, n2");
    }

    #[test]
    fn many_names_are_listed_in_lines_that_fit() {
        let names: Vec<String> = (0..40).map(|n| format!("some-system-{n}")).collect();
        let words = unknown("system", "other", names.iter().map(String::as_str));
        assert!(words.starts_with("there is no system 'other'; there are:\n  some-system-0,"));
        assert!(words.lines().count() > 5 && words.lines().all(|line| line.len() <= 80), "{words}");
        assert!(words.ends_with(" some-system-39"), "{words}");
    }
}
