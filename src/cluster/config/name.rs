//! The names of clusters and members.

/// Checks a name. Names are used in files, paths and logs, so only plain ones are allowed; the error says so.
pub fn check_name(name: &str, whose: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    // A command line would take a name with a leading dash for an option.
    if (1..=32).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-') {
        return Ok(());
    }
    Err(format!(
        "'{}' cannot be the name of {whose}: take up to 32 letters, digits, '_' and, but \
         at the start, '-'",
        name.escape_debug()
    ))
}
