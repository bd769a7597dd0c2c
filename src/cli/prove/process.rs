//! Solvers as processes: a question goes to the standard input, the answer comes from the standard output.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::ProveError;
use crate::proof::smt::Answer;

/// No answer is longer.
const MOST: u64 = 64 * 1024;

/// A solver has so long to stop of its own accord.
const GRACE: Duration = Duration::from_secs(1);

/// A program that answers questions.
pub(super) struct Solver {
    program: String,
    flags: Vec<String>,
    limit: Duration,
}

/// What a solver has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Answer(Answer),
    TooLate,
    /// `unknown`, an error, or nothing.
    Other(String),
}

impl Solver {
    /// The solver of this name or path, which has so many seconds for each question.
    pub(super) fn new(program: &str, seconds: u64) -> Self {
        let file = Path::new(program).file_name().map(|name| name.to_string_lossy());
        let is = |name: &str| file.as_ref().is_some_and(|file| file.starts_with(name));
        let limit = Duration::from_secs(seconds);
        let (flags, limit) = if is("z3") {
            (vec!["-in".to_owned(), format!("-T:{seconds}")], limit + GRACE)
        } else if is("cvc5") {
            let time = format!("--tlimit={}", seconds * 1000);
            // Without the last one it does not know some of what is so.
            let flags = ["--lang=smt2", &time, "--finite-model-find"];
            (flags.map(str::to_owned).to_vec(), limit + GRACE)
        } else {
            (Vec::new(), limit)
        };
        Solver { program: program.to_owned(), flags, limit }
    }

    /// Its version, if it tells.
    pub(super) fn version(&self) -> Result<Option<String>, ProveError> {
        let heard = self.hear("(set-logic UF)\n(get-info :version)\n")?;
        let version = heard.as_deref().and_then(|heard| heard.trim().strip_prefix("(:version \""));
        Ok(version.and_then(|rest| rest.split('"').next()).map(str::to_owned))
    }

    /// What it says, and how long it takes for that.
    pub(super) fn ask(&self, question: &str) -> Result<(Said, Duration), ProveError> {
        let start = Instant::now();
        let heard = self.hear(question)?;
        Ok((heard.as_deref().map_or(Said::TooLate, Said::new), start.elapsed()))
    }

    /// What comes from its output; none if it does not come to an end in time.
    fn hear(&self, question: &str) -> Result<Option<String>, ProveError> {
        let program = || self.program.clone();
        let mut command = Command::new(&self.program);
        command.args(&self.flags).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let child = child.map_err(|source| ProveError::NoSolver { program: program(), source })?;
        let mut running = Running(child);
        let told = running.tell(question.to_owned());
        let told = told.map_err(|source| ProveError::Talk { program: program(), source })?;
        let end = Instant::now() + self.limit;
        let mut heard = String::new();
        for _ in ["output", "errors"] {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(part) = told.recv_timeout(left) else { return Ok(None) };
            heard += &String::from_utf8_lossy(&part);
        }
        Ok(Some(heard))
    }
}

/// A process that is ended, and all that it has started, when nobody listens any more.
struct Running(Child);

impl Running {
    /// Asks the question. What comes from the output and from the errors is received at their ends.
    fn tell(&mut self, question: String) -> io::Result<Receiver<Vec<u8>>> {
        let (tell, told) = channel();
        if let Some(mut stdin) = self.0.stdin.take() {
            // Whoever does not listen to the end may still answer.
            let write = move || drop(stdin.write_all(question.as_bytes()));
            thread::Builder::new().spawn(write)?;
        }
        let stdout = self.0.stdout.take().map(|from| Box::new(from) as Box<dyn Read + Send>);
        let stderr = self.0.stderr.take().map(|from| Box::new(from) as Box<dyn Read + Send>);
        for from in [stdout, stderr].into_iter().flatten() {
            let tell = tell.clone();
            let read = move || {
                let mut heard = Vec::new();
                let _ = from.take(MOST).read_to_end(&mut heard);
                let _ = tell.send(heard);
            };
            thread::Builder::new().spawn(read)?;
        }
        Ok(told)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has not been waited for yet, so its number is nobody else's.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
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
            (None, _) => Said::Other("nothing".to_owned()),
        }
    }
}
