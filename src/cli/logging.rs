//! Logging to the standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The environment variable that sets the log level.
pub(super) const VARIABLE: &str = "SYNOD_LOG";

/// Starts logging with a filter: a level, or levels of modules, such as
/// `warn,synod::runtime=debug`. Colours are for terminals only.
pub(super) fn start(wanted: &str) -> Result<(), String> {
    let filter = filter(wanted).map_err(|why| {
        format!(
            "--log or {VARIABLE} is not understood: {why}; take off, error, warn, info, debug or trace"
        )
    })?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_target(false)
        .with_writer(io::stderr)
        .init();
    Ok(())
}

fn filter(wanted: &str) -> Result<EnvFilter, String> {
    // Otherwise a word that is no level would be taken for the name of a module.
    let is_level = |word: &&str| word.contains(['=', '[']) || word.parse::<LevelFilter>().is_ok();
    if let Some(word) = wanted.split(',').find(|word| !is_level(word)) {
        return Err(format!("'{}' is no level", word.escape_debug()));
    }
    EnvFilter::try_new(wanted).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for wanted in ["warn", "off", "INFO", "warn,synod::runtime=debug"] {
            assert!(filter(wanted).is_ok(), "{wanted}");
        }
        for wanted in ["nonsense", "warn,nonsense", "synod=loud"] {
            assert!(filter(wanted).is_err(), "{wanted}");
        }
    }
}
