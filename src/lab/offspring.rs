//! Processes that end when the one that started them does, however that ends.
//!
//! | how the parent ends | how its children do |
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

/// All that must not outlive this process. It stays locked once a signal ends the process, so that
/// nothing is added meanwhile, and nobody takes a killed child for one that has ended by itself.
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

/// Leaves a folder to its owner.
pub(super) fn forget_folder(folder: &PathBuf) {
    left().folders.retain(|other| other != folder);
}

/// A child process, which is killed when this is dropped.
#[derive(Debug)]
pub struct Offspring {
    child: Arc<Mutex<Killable>>,
    /// Its end tells the child that this process is gone.
    stdin: Option<ChildStdin>,
}

#[derive(Debug)]
struct Killable {
    child: Child,
    /// True if it leads a process group, which is killed with it, even after it has ended.
    group: bool,
    /// True once it has been waited for: its number may be another's then.
    gone: bool,
}

impl Killable {
    /// Kills the child, and waits until it is gone. Nothing is done if it has been waited for.
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
    /// Starts a child that calls [`obey_parent`]. The thread that starts it must live as long as it is
    /// to: Linux takes the end of that thread for the end of the parent.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Self::spawn(command, false)
    }

    /// Starts a child that leads a process group, and does not know of its parent. It must not be waited
    /// for, but with all others of its group, by [`kill`](Offspring::kill) or by dropping this.
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

    /// The process, for what is not offered here.
    pub fn with<T>(&self, act: impl FnOnce(&mut Child) -> T) -> T {
        act(&mut self.lock().child)
    }

    /// The pipe to its standard input, if it was not taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Writes a line to its standard input.
    pub fn order(&mut self, line: &str) -> io::Result<()> {
        self.stdin
            .as_mut()
            .map_or(Ok(()), |pipe| writeln!(pipe, "{line}").and_then(|()| pipe.flush()))
    }

    /// Sends it a signal, unless it has been waited for.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.with(|child| match child.try_wait()? {
            None => Ok(kill_process(Pid::from_child(child), signal)?),
            Some(_) => Ok(()),
        })
    }

    /// Its exit status, if it has ended.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.with(Child::try_wait)
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
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

/// Ends this process when its parent does, and passes on each line that the parent writes to the
/// standard input.
pub fn obey_parent(mut obey: impl FnMut(&str) + Send + 'static) -> io::Result<()> {
    // A parent that is gone already cannot stop this process any more, so that it comes to read the
    // end of its standard input.
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

/// From now on, SIGINT and SIGTERM end this process as they would have anyway, but its children first,
/// and they remove its scratch folders.
pub fn end_on_signals() {
    let listening = Signals::new([SIGINT, SIGTERM]).and_then(|mut signals| {
        let listen = move || signals.forever().next().into_iter().for_each(end_by);
        thread::Builder::new().name("synod-signals".to_owned()).spawn(listen)
    });
    if let Err(error) = listening {
        tracing::warn!("cannot wait for signals, so that one may leave files behind: {error}");
    }
}

/// Ends this process and all that it has started.
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
