//! Solvers as processes: a query goes to the standard input, the answer comes from the standard
//! output.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::error::ProveError;
use crate::lab::offspring::Offspring;
use crate::proof::smt::{Answer, Query};

/// The most bytes of an answer that are read.
const MOST: u64 = 64 * 1024;

/// The time that a solver has to stop of its own accord.
const GRACE: Duration = Duration::from_secs(1);

/// A solver program.
pub(super) struct Solver {
    program: String,
    kind: Kind,
    seconds: u64,
}

/// The kind of solver, which decides the flags it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Z3,
    Cvc5,
    Other,
}

/// The stream that a solver writes to.
#[derive(Clone, Copy)]
enum Stream {
    Output,
    Errors,
}

/// The result of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Answer(Answer),
    TooLate,
    /// `unknown`, an error, or no answer.
    Other(String),
}

impl Solver {
    /// The solver of this name or path, with so many seconds for each query.
    pub(super) fn new(program: &str, seconds: u64) -> Self {
        let file = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let kind = match &*file {
            file if file.starts_with("z3") => Kind::Z3,
            file if file.starts_with("cvc5") => Kind::Cvc5,
            _ => Kind::Other,
        };
        Solver { program: program.to_owned(), kind, seconds }
    }

    fn flags(&self, expected: Answer) -> Vec<String> {
        let seconds = self.seconds;
        match (self.kind, expected) {
            (Kind::Z3, _) => vec!["-in".to_owned(), format!("-T:{seconds}")],
            (Kind::Cvc5, expected) => {
                // Without these flags cvc5 answers `unknown`. They choose a strategy; any answer
                // counts.
                let how = match expected {
                    Answer::Unsat => "--full-saturate-quant",
                    Answer::Sat => "--finite-model-find",
                };
                let time = format!("--tlimit={}", seconds * 1000);
                vec!["--lang=smt2".to_owned(), time, how.to_owned()]
            }
            (Kind::Other, _) => Vec::new(),
        }
    }

    /// The time after which it is killed. Solvers with a time limit of their own have a little
    /// longer.
    fn limit(&self) -> Duration {
        let seconds = Duration::from_secs(self.seconds);
        if self.kind == Kind::Other { seconds } else { seconds + GRACE }
    }

    /// The version that it reports; none if it reports none.
    pub(super) fn version(&self) -> Result<Option<String>, ProveError> {
        let heard = self.hear("(set-logic UF)\n(get-info :version)\n", Answer::Sat)?;
        let version = heard.as_deref().and_then(|heard| heard.trim().strip_prefix("(:version \""));
        Ok(version.and_then(|rest| rest.split('"').next()).map(str::to_owned))
    }

    /// Asks a query. Returns the result and the time taken.
    pub(super) fn ask(&self, query: &Query) -> Result<(Said, Duration), ProveError> {
        let start = Instant::now();
        let heard = self.hear(&query.text, query.expected)?;
        Ok((heard.as_deref().map_or(Said::TooLate, Said::new), start.elapsed()))
    }

    /// The output for a question; none if the process does not end its output in time.
    fn hear(&self, question: &str, expected: Answer) -> Result<Option<String>, ProveError> {
        let program = || self.program.clone();
        let mut command = Command::new(&self.program);
        command.args(self.flags(expected)).process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = Offspring::start_group(&mut command);
        let child = child.map_err(|source| ProveError::NoSolver { program: program(), source })?;
        let mut running = Running(child);
        let told = running.tell(question.to_owned());
        let told = told.map_err(|source| ProveError::Talk { program: program(), source })?;
        let end = Instant::now() + self.limit();
        let (mut heard, mut errors) = (String::new(), String::new());
        for _ in [Stream::Output, Stream::Errors] {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((from, part)) = told.recv_timeout(left) else { return Ok(None) };
            let part = String::from_utf8_lossy(&part);
            match from {
                Stream::Output => heard = part.into_owned(),
                // The standard error matters only if there is no answer.
                Stream::Errors => errors = part.into_owned(),
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        if heard.trim().is_empty() {
            heard = joined("no answer", errors.trim());
        } else if running.ended_well(left) == Some(false) {
            heard = joined(&format!("it failed, and said: {}", heard.trim()), errors.trim());
        }
        Ok(Some(heard))
    }
}

/// The output, followed by the standard error if there is any.
fn joined(said: &str, errors: &str) -> String {
    if errors.is_empty() { said.to_owned() } else { format!("{said}; {errors}") }
}

/// A process that is killed on drop, with all processes that it has started.
struct Running(Offspring);

impl Running {
    /// True if the process exits with 0, none if it does not exit in time. Call this after the end
    /// of its output. The process is not reaped.
    fn ended_well(&self, within: Duration) -> Option<bool> {
        let end = Instant::now() + within;
        let pid = self.0.with(|child| Pid::from_child(child));
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            match waitid(WaitId::Pid(pid), look) {
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
                Ok(status) => return status.map(|status| status.exit_status() == Some(0)),
                Err(_) => return None,
            }
        }
    }

    /// Writes the question. Each of the two output streams is received as a whole at its end.
    fn tell(&mut self, question: String) -> io::Result<Receiver<(Stream, Vec<u8>)>> {
        let (tell, told) = channel();
        if let Some(mut stdin) = self.0.take_stdin() {
            // A solver that does not read to the end may still answer.
            let write = move || drop(stdin.write_all(question.as_bytes()));
            thread::Builder::new().spawn(write)?;
        }
        let (stdout, stderr) = self.0.with(|child| (child.stdout.take(), child.stderr.take()));
        let stdout = stdout.map(|from| Box::new(from) as Box<dyn Read + Send>);
        let stderr = stderr.map(|from| Box::new(from) as Box<dyn Read + Send>);
        for (stream, from) in [(Stream::Output, stdout), (Stream::Errors, stderr)] {
            let Some(from) = from else { continue };
            let tell = tell.clone();
            let read = move || {
                let mut heard = Vec::new();
                let _ = from.take(MOST).read_to_end(&mut heard);
                let _ = tell.send((stream, heard));
            };
            thread::Builder::new().spawn(read)?;
        }
        Ok(told)
    }
}

impl Said {
    fn new(heard: &str) -> Self {
        let mut lines = heard.lines().map(str::trim).filter(|line| !line.is_empty());
        match (lines.next(), lines.next()) {
            (Some("unsat"), None) => Said::Answer(Answer::Unsat),
            (Some("sat"), None) => Said::Answer(Answer::Sat),
            (Some("timeout"), None) => Said::TooLate,
            (Some(line), _) if line.contains("interrupted by timeout") => Said::TooLate,
            (Some(line), _) => Said::Other(line.chars().take(200).collect()),
            (None, _) => Said::Other("no answer".to_owned()),
        }
    }
}
