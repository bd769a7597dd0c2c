//! A shell into which commands are copied, one after the other.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Begins the line after the last one of a command.
const MARK: &str = "-- ended with ";

/// The longest that a command may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A shell. When it is let go, all that it has started is killed: it is a process group of its own.
pub(crate) struct Shell {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Shell {
    /// Starts one in a folder, with these folders before all others in its PATH.
    pub(crate) fn new(folder: &Path, path: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-s"]).current_dir(folder).process_group(0);
        command.env("PATH", path).env_remove("SYNOD_LOG").env_remove("SYNOD_CONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("bash, which runs the commands");
        let (mut input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        writeln!(input, "exec 2>&1").unwrap();
        let (told, lines) = channel();
        thread::spawn(move || {
            BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| told.send(line))
        });
        Shell { process, input, lines }
    }

    /// Runs a command as it is written, for its exit code and what it prints.
    pub(crate) fn run(&mut self, command: &str) -> (i32, String) {
        writeln!(self.input, "{command}\nprintf '\\n{MARK}%s\\n' \"$?\"").unwrap();
        let mut output = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("'{command}': {error}, after {output}"));
            if let Some(code) = line.strip_prefix(MARK) {
                // The line break before the mark is not the command's, unless it left its line open.
                let ended = output.strip_suffix("\n\n").map(|output| format!("{output}\n"));
                let output = if output == "\n" { String::new() } else { ended.unwrap_or(output) };
                return (code.parse().unwrap(), output);
            }
            output.push_str(&line);
            output.push('\n');
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}
