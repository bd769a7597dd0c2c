//! Child processes that end with their parent, however it ends.
//!
//! | the parent ends | its children end |
//! | --- | --- |
//! | by itself | [`Offspring`] kills them when it is dropped |
//! | by SIGINT or SIGTERM | [`end_on_signals`] kills them, and removes [`Scratch`](super::scratch::Scratch) folders |
//! | by SIGKILL, or it crashes | their standard input ends, which [`obey_parent`] notices |
//! | the same, and they are stopped by SIGSTOP | the kernel kills them, where it can be told to: on Linux |

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::scratch::remove;

/// The children and folders that must not outlive this process. It stays locked once a signal ends the
/// process, so that nothing is added meanwhile, and no killed child is taken for one that has ended by
/// itself.
static LEFT: Mutex<Left> = Mutex::new(Left { children: Vec::new(), folders: Vec::new() });

struct Left {
    children: Vec<Weak<Mutex<Killable>>>,
    folders: Vec<PathBuf>,
}

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a folder that a signal removes.
pub(super) fn add_folder(folder: PathBuf) {
    left().folders.push(folder);
}

/// Leaves a folder to its owner: a signal no longer removes it.
pub(super) fn forget_folder(folder: &PathBuf) {
    left().folders.retain(|other| other != folder);
}

/// A child process that is killed when this is dropped.
#[derive(Debug)]
pub struct Offspring {
    child: Arc<Mutex<Killable>>,
    /// The pipe whose end tells the child that this process is gone.
    stdin: Option<ChildStdin>,
}

#[derive(Debug)]
struct Killable {
    child: Child,
    /// True if the child leads a process group, which is killed with it, even after the child has ended.
    group: bool,
    /// True once the child has been waited for: its pid may belong to another process then.
    gone: bool,
}

impl Killable {
    /// Kills the child, and waits until it is gone. Does nothing if it has been waited for.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if self.group && !self.gone {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        self.child.kill()?;
        self.gone = true;
        self.child.wait()
    }
}

impl Offspring {
    /// Starts a child that calls [`obey_parent`]. The thread that calls this must live as long as the child
    /// is to: Linux takes the end of that thread for the end of the parent.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Self::spawn(command, false)
    }

    /// Starts a child that leads a process group, and does not call [`obey_parent`]. Wait for it only
    /// together with its group, by [`kill`](Offspring::kill) or by dropping this.
    pub fn start_group(command: &mut Command) -> io::Result<Self> {
        Self::spawn(command, true)
    }

    fn spawn(command: &mut Command, group: bool) -> io::Result<Self> {
        let mut left = left();
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let child = Arc::new(Mutex::new(Killable { child, group, gone: false }));
        left.children.retain(|child| child.strong_count() > 0);
        left.children.push(Arc::downgrade(&child));
        Ok(Offspring { child, stdin })
    }

    fn lock(&self) -> MutexGuard<'_, Killable> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives access to the process, for operations without a method here.
    pub fn with<T>(&self, act: impl FnOnce(&mut Child) -> T) -> T {
        act(&mut self.lock().child)
    }

    /// The pipe to the child's standard input, unless it was taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Writes a line to the child's standard input.
    pub fn order(&mut self, line: &str) -> io::Result<()> {
        self.stdin
            .as_mut()
            .map_or(Ok(()), |pipe| writeln!(pipe, "{line}").and_then(|()| pipe.flush()))
    }

    /// Sends the child a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.with(|child| match child.try_wait()? {
            None => Ok(kill_process(Pid::from_child(child), signal)?),
            Some(_) => Ok(()),
        })
    }

    /// The exit status, if the child has ended.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.with(Child::try_wait)
    }

    /// Kills the child as `kill -9` does, and waits until it is gone.
    pub fn kill(&self) -> io::Result<ExitStatus> {
        self.lock().end()
    }
}

impl Drop for Offspring {
    fn drop(&mut self) {
        let ended = Arc::downgrade(&self.child);
        left().children.retain(|child| !child.ptr_eq(&ended));
        let _ = self.kill();
    }
}

/// Ends this process when its parent ends, and passes each line that the parent writes to its standard input
/// to `obey`.
pub fn obey_parent(mut obey: impl FnMut(&str) + Send + 'static) -> io::Result<()> {
    // A parent that is gone already cannot have stopped this process, so the thread below reads the end of
    // the standard input.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        tracing::debug!(%error, "the kernel will not say that the parent is gone");
    }
    let listen = move || {
        io::stdin().lock().lines().map_while(Result::ok).for_each(|line| obey(&line));
        std::process::exit(0);
    };
    thread::Builder::new().name("synod-parent".to_owned()).spawn(listen).map(drop)
}

/// Handles SIGINT and SIGTERM from now on: they end this process as usual, after its children were killed and
/// its scratch folders removed.
pub fn end_on_signals() {
    let listening = Signals::new([SIGINT, SIGTERM]).and_then(|mut signals| {
        let listen = move || signals.forever().next().into_iter().for_each(end_by);
        thread::Builder::new().name("synod-signals".to_owned()).spawn(listen)
    });
    if let Err(error) = listening {
        tracing::warn!("cannot wait for signals, so that one may leave files behind: {error}");
    }
}

/// Kills all children, removes all folders, and ends this process by the signal.
fn end_by(signal: i32) {
    let mut left = left();
    for child in left.children.drain(..).filter_map(|child| child.upgrade()) {
        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
    for folder in left.folders.drain(..) {
        if let Err(error) = remove(&folder) {
            tracing::warn!("cannot remove {}: {error}", folder.display());
        }
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
