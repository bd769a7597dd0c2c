//! Words for a name that is not known.

/// The error for a name that is none of these: with the one that is nearly the same, or else with all.
pub(super) fn unknown<'n>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let shown = name.escape_debug();
    let far = |other: &&str| strsim::damerau_levenshtein(name, other);
    match known.iter().copied().min_by_key(far).filter(|near| far(near) <= 2) {
        Some(near) => format!("there is no {what} '{shown}'; did you mean '{near}'?"),
        None => format!("there is no {what} '{shown}'; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn a_name_that_is_nearly_known_is_named() {
        let known = ["dueling", "gap"];
        let near = unknown("system", "duelin", known);
        assert_eq!(near, "there is no system 'duelin'; did you mean 'dueling'?");
        let far = unknown("system", "no\nsuch", known);
        assert_eq!(far, "there is no system 'no\\nsuch'; there are dueling, gap");
    }
}
