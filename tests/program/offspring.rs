//! Commands that start other processes: whatever ends them, nobody goes on, and no files stay.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A command that runs in the background, with temporary files in a folder of its own.
struct Running {
    command: Child,
    folder: PathBuf,
}

impl Running {
    fn start(name: &str, args: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("synod-off-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let command = synod(&folder, args).spawn().unwrap();
        Running { command, folder }
    }

    /// The processes that it has started, once there are so many.
    fn children(&self, count: usize) -> Vec<Process> {
        let parent = self.command.id();
        wait_for("children", || {
            let children: Vec<Process> =
                processes().filter(|process| process.parent == parent).collect();
            (children.len() >= count).then_some(children)
        })
    }

    fn end(&mut self, signal: &str) {
        kill(self.command.id(), signal);
        self.command.wait().unwrap();
    }

    /// What is left of its temporary files, but for the locks of ports.
    fn left(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| !path.ends_with("synod-ports")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn synod(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(args).env("TMPDIR", folder).env_remove("SYNOD_LOG");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn kill(id: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().unwrap().success());
}

/// A process that is no zombie. When it was started tells it from others of the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    started: String,
}

impl Process {
    fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let parent = fields.get(1)?.parse().ok()?;
        (fields.first() != Some(&"Z")).then(|| Process {
            id,
            parent,
            started: fields[19].to_owned(),
        })
    }

    fn lives(&self) -> bool {
        Process::read(self.id).is_some_and(|other| other.started == self.started)
    }
}

fn processes() -> impl Iterator<Item = Process> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
}

fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn wait_until_gone(children: &[Process]) {
    wait_for("end of all", || children.iter().all(|child| !child.lives()).then_some(()));
}

const CHAOS: [&str; 4] = ["chaos", "--rounds", "100000", "--json"];
const BENCH: [&str; 5] = ["bench", "durable", "--commands", "100000000", "--json"];
const CHECK: [&str; 5] = ["check", "dueling", "--backend", "stock", "--json"];

#[test]
fn a_signal_ends_all_and_removes_the_files() {
    for (name, args, signal) in [
        ("chaos-term", &CHAOS[..], "-TERM"),
        ("chaos-int", &CHAOS, "-INT"),
        ("bench", &BENCH, "-INT"),
    ] {
        let mut running = Running::start(name, args);
        let children = running.children(3);
        assert_eq!(running.left().len(), 1);
        running.end(signal);
        assert!(children.iter().all(|child| !child.lives()), "{name}");
        assert!(running.left().is_empty(), "{name}: {:?}", running.left());
    }
}

#[test]
fn a_check_that_is_ended_leaves_nobody_who_goes_on() {
    for signal in ["-TERM", "-INT", "-KILL"] {
        let mut running = Running::start(&format!("check{signal}"), &CHECK);
        let children = running.children(1);
        running.end(signal);
        wait_until_gone(&children);
    }
}

/// Also members that are stopped, as chaos stops some.
#[test]
fn after_a_kill_nobody_goes_on_and_the_next_run_removes_the_files() {
    let mut running = Running::start("killed", &CHAOS);
    let children = running.children(6);
    kill(children[0].id, "-STOP");
    running.end("-KILL");
    wait_until_gone(&children);
    let left = running.left();
    assert_eq!(left.len(), 1, "{left:?}");

    let kept = running.folder.join("synod-chaos-of-mine");
    fs::create_dir(&kept).unwrap();
    let next = synod(&running.folder, &["chaos", "--rounds", "1"]).output().unwrap();
    let said = String::from_utf8(next.stderr).unwrap();
    let removed = format!("removed {}, left by a run that was killed", left[0].display());
    assert!(next.status.success() && said.contains(&removed), "{said}");
    assert!(!said.contains('\u{1b}'), "colours in a file: {said}");
    assert_eq!(running.left(), [kept]);
}

#[test]
fn a_bench_that_is_killed_leaves_nobody_who_goes_on() {
    let mut running = Running::start("bench-killed", &BENCH);
    let children = running.children(3);
    running.end("-KILL");
    wait_until_gone(&children);
    assert_eq!(running.left().len(), 1);
}
