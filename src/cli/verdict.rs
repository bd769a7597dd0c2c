//! The result of a command, and its exit code.

use std::process::ExitCode;

/// The exit codes of all commands, for their help.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done, or all that was checked holds
  1  the answer is no: no such key, another value than expected, something does not hold
  2  bad use: arguments, a file or a configuration that cannot be used
  3  outcome unknown: it may have been done, or may yet be
  4  not done, and this command will never do it: no leader answered, refused, not started
  5  output not written, whatever else was done";

/// The result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The command was done, or all that was checked holds.
    Holds,
    /// The answer is no: something is missing, differs from what was expected, or does not hold.
    Fails,
    /// The command line cannot be used, or asks for something impossible.
    BadUse,
    /// The outcome is unknown: it may have been done, or may yet be.
    Unknown,
    /// It was not done, and never will be by this command.
    NotDone,
    /// The output, or a file that was asked for, could not be written.
    NotWritten,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        ExitCode::from(match verdict {
            Verdict::Holds => 0,
            Verdict::Fails => 1,
            Verdict::BadUse => 2,
            Verdict::Unknown => 3,
            Verdict::NotDone => 4,
            Verdict::NotWritten => 5,
        })
    }
}
