//! The few primitives that the pump needs of its threads, so that loom can supply its own.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};

/// What became of an offer to a bounded queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is in the queue.
    Taken,
    /// The queue is full; the item is gone.
    Full,
    /// Nobody receives any more; the item is gone.
    Closed,
}

/// What waiting at a queue brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Wait<T> {
    /// An item.
    Item(T),
    /// The deadline has passed.
    Deadline,
    /// Nobody sends any more, and the queue is empty.
    Closed,
}

/// The sending end of a bounded queue. It is not [`Clone`]: the reader thread owns the only one.
pub trait Put<T>: Send + 'static {
    /// Puts an item into the queue if there is room, and never waits.
    fn offer(&self, item: T) -> Offer;
}

/// The receiving end of a bounded queue.
pub trait Take<T> {
    /// Waits for an item until the deadline, or for ever if there is none.
    fn wait(&self, deadline: Option<Instant>) -> Wait<T>;

    /// An item, if there is one now.
    fn take(&self) -> Option<T>;
}

/// A flag that is set once.
pub trait Flag: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Sets it.
    fn set(&self);

    /// Whether it was set.
    fn is_set(&self) -> bool;
}

/// A fault of the hand-off, which a proof can seed to see itself fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A datagram that finds the queue full is not counted.
    UncountedDrop,
    /// On a stop, the actor thread leaves what is queued.
    LeavesQueued,
    /// A stop does not wake a reader that waits for the socket.
    LostWakeUp,
    /// An actor thread that gives up does not tell the reader.
    SilentEnd,
}

/// The primitives.
pub trait Threads: 'static {
    /// The fault that the pump has on these threads. It is a constant of the type, so the pump on
    /// [`Native`] threads has none, and is compiled without a trace of any.
    const FAULT: Option<Fault> = None;

    /// The sending end of a queue.
    type Put<T: Send + 'static>: Put<T>;
    /// The receiving end of a queue.
    type Take<T: Send + 'static>: Take<T>;
    /// A flag.
    type Flag: Flag;
    /// A running thread.
    type Handle<R: Send + 'static>;

    /// A queue for at most `bound` items.
    fn queue<T: Send + 'static>(bound: usize) -> (Self::Put<T>, Self::Take<T>);

    /// A flag that is not set.
    fn flag() -> Self::Flag;

    /// Starts a thread.
    fn spawn<R: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> std::io::Result<Self::Handle<R>>;

    /// Waits for a thread to end; none if it panicked.
    fn join<R: Send + 'static>(handle: Self::Handle<R>) -> Option<R>;
}

/// The operating system's threads, and crossbeam's queue.
#[derive(Debug)]
pub struct Native;

impl Threads for Native {
    type Put<T: Send + 'static> = NativePut<T>;
    type Take<T: Send + 'static> = NativeTake<T>;
    type Flag = Arc<AtomicBool>;
    type Handle<R: Send + 'static> = thread::JoinHandle<R>;

    fn queue<T: Send + 'static>(bound: usize) -> (NativePut<T>, NativeTake<T>) {
        let (put, take) = crossbeam_channel::bounded(bound);
        let put = NativePut { queue: Some(put), taker: thread::current() };
        (put, NativeTake { queue: take, stays: PhantomData })
    }

    fn flag() -> Arc<AtomicBool> {
        Arc::default()
    }

    fn spawn<R: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> std::io::Result<thread::JoinHandle<R>> {
        thread::Builder::new().name(name.to_owned()).spawn(body)
    }

    fn join<R: Send + 'static>(handle: thread::JoinHandle<R>) -> Option<R> {
        handle.join().ok()
    }
}

/// The sending end of crossbeam's queue, and the thread to wake.
///
/// Crossbeam's own waiting spins and yields before it sleeps. Where there are more threads than
/// processors, that takes time from those that have something to do. Here the taker sleeps at once.
#[derive(Debug)]
pub struct NativePut<T> {
    /// None once this is being dropped.
    queue: Option<Sender<T>>,
    taker: Thread,
}

/// The receiving end. It cannot leave the thread that made the queue, which is the one that is woken.
#[derive(Debug)]
pub struct NativeTake<T> {
    queue: Receiver<T>,
    stays: PhantomData<*const ()>,
}

impl<T: Send + 'static> Put<T> for NativePut<T> {
    fn offer(&self, item: T) -> Offer {
        let Some(queue) = &self.queue else { return Offer::Closed };
        let offer = match queue.try_send(item) {
            Ok(()) => Offer::Taken,
            Err(TrySendError::Full(_)) => Offer::Full,
            Err(TrySendError::Disconnected(_)) => Offer::Closed,
        };
        self.taker.unpark();
        offer
    }
}

/// The queue ends first, and then the taker is woken to see it.
impl<T> Drop for NativePut<T> {
    fn drop(&mut self) {
        self.queue = None;
        self.taker.unpark();
    }
}

impl<T> Take<T> for NativeTake<T> {
    fn wait(&self, deadline: Option<Instant>) -> Wait<T> {
        loop {
            match self.queue.try_recv() {
                Ok(item) => return Wait::Item(item),
                Err(TryRecvError::Disconnected) => return Wait::Closed,
                Err(TryRecvError::Empty) => {}
            }
            // What is put from here on leaves a token, with which this returns at once.
            let Some(deadline) = deadline else {
                thread::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wait::Deadline;
            }
            thread::park_timeout(left);
        }
    }

    fn take(&self) -> Option<T> {
        self.queue.try_recv().ok()
    }
}

impl Flag for Arc<AtomicBool> {
    fn set(&self) {
        self.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.load(Ordering::SeqCst)
    }
}
