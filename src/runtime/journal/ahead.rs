//! The next segment of a journal, made ahead of need as a file of zeros.
//!
//! Writing the 32 MiB of a segment and waiting for the disk takes a tenth of a second or more, which no actor
//! has within its turn. So a thread makes the next segment while the current one is written to. It makes one
//! file at a time, under a name that no journal reads (`spare.unfinished`), so that nothing is lost with it:
//! a leftover is removed at the next start.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tracing::warn;

use super::folder::Medium;

/// The name of the file that is made ahead.
pub(super) const SPARE: &str = "spare.unfinished";

/// The number of bytes written and synced at a time, so that no sync of the journal waits for more.
const PIECE: usize = 1 << 20;

/// The longest that a turn waits for a file that is being made.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A file that is being filled with zeros, one system call at a time.
#[derive(Debug)]
pub struct Filling {
    file: Box<dyn Medium>,
    size: usize,
    written: usize,
    synced: usize,
}

impl Filling {
    /// An empty file to be filled with `size` zeros.
    pub(super) fn new(file: Box<dyn Medium>, size: usize) -> Self {
        Filling { file, size, written: 0, synced: 0 }
    }

    /// Writes a piece, or syncs the piece written before. Returns true once the whole file is durable.
    pub fn step(&mut self) -> io::Result<bool> {
        if self.written > self.synced {
            self.file.sync()?;
            self.synced = self.written;
        } else {
            let piece = PIECE.min(self.size - self.written);
            self.file.write_at(self.written, &vec![0; piece])?;
            self.written += piece;
        }
        Ok(self.synced == self.size)
    }

    /// The file.
    pub fn into_file(self) -> Box<dyn Medium> {
        self.file
    }

    /// Fills the file in one go, with a single sync.
    pub(super) fn at_once(mut self) -> io::Result<Box<dyn Medium>> {
        self.file.write_at(self.written, &vec![0; self.size - self.written])?;
        self.file.sync()?;
        Ok(self.file)
    }
}

/// A file that was made ahead.
#[derive(Debug)]
pub struct Made {
    /// The file, full and durable.
    pub file: io::Result<Box<dyn Medium>>,
    /// True if the caller had to wait for it.
    pub late: bool,
}

/// Fills files concurrently with everything else.
pub trait Maker: Debug + Send {
    /// Begins to fill a file. The one before must have been taken by [`finish`](Maker::finish).
    fn begin(&mut self, filling: Filling) -> io::Result<()>;

    /// Takes the file that was begun, and waits at most `most` for it. `None` if none was begun.
    fn finish(&mut self, most: Duration) -> Option<Made>;
}

/// Fills files on a thread, which exists only while a file is being filled. Dropping this stops the thread,
/// and waits for it.
#[derive(Debug, Default)]
pub struct Helper(Option<Task>);

#[derive(Debug)]
struct Task {
    filled: Receiver<io::Result<Box<dyn Medium>>>,
    stop: Arc<AtomicBool>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<()>>,
}

impl Maker for Helper {
    fn begin(&mut self, filling: Filling) -> io::Result<()> {
        let (tell, filled) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || {
            if let Some(result) = fill(filling, &stopped) {
                let _ = tell.send(result);
            }
        };
        let thread = Some(thread::Builder::new().name("synod-segment".to_owned()).spawn(body)?);
        self.0 = Some(Task { filled, stop, thread });
        Ok(())
    }

    fn finish(&mut self, most: Duration) -> Option<Made> {
        let task = self.0.as_ref()?;
        let late = task.filled.is_empty();
        let file = match task.filled.recv_timeout(most) {
            Ok(file) => file,
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("the disk has not made the next segment within {most:?}");
                return Some(Made {
                    file: Err(io::Error::new(io::ErrorKind::TimedOut, why)),
                    late,
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(io::Error::other("the thread that makes the next segment has panicked"))
            }
        };
        self.0 = None;
        Some(Made { file, late })
    }
}

/// Fills a file; `None` if it was stopped.
fn fill(mut filling: Filling, stopped: &AtomicBool) -> Option<io::Result<Box<dyn Medium>>> {
    while !stopped.load(Ordering::Relaxed) {
        match filling.step() {
            Ok(false) => {}
            Ok(true) => return Some(Ok(filling.into_file())),
            Err(error) => {
                warn!(
                    %error,
                    "cannot make the next segment ahead; it is tried once more when this one is full, \
                     and if it fails then, the node stops: make room, or mend the disk"
                );
                return Some(Err(error));
            }
        }
    }
    None
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
