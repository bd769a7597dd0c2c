//! The names of clusters and members.

/// Says what is wrong with a name, if anything is. Names stand in files, paths and logs, so they are
/// kept plain.
pub fn check_name(name: &str, whose: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    // A dash at the start is taken for an option wherever a command line has the name.
    if (1..=32).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-') {
        return Ok(());
    }
    Err(format!(
        "'{}' cannot be the name of {whose}: take up to 32 letters, digits, '_' and, but \
         at the start, '-'",
        name.escape_debug()
    ))
}
