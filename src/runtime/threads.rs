//! The primitives that the pump needs of its threads, so that loom can supply its own.
//! [`handoff`](super::handoff) is built on them.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};

/// The result of an offer to a bounded queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// The item is in the queue.
    Taken,
    /// The queue is full; the item is dropped.
    Full,
    /// The receiver is gone; the item is dropped.
    Closed,
}

/// The result of a look into a queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// An item, taken out of the queue.
    Item(T),
    /// No item for now.
    Empty,
    /// The sender is gone, and the queue is empty.
    Closed,
}

/// The sending end of a bounded queue without waiting. Dropping it closes the queue.
pub trait QueueSender<T>: Debug + Send + 'static {
    /// Puts an item into the queue if there is room.
    fn try_send(&self, item: T) -> Offer;
}

/// The receiving end of a bounded queue without waiting.
pub trait QueueReceiver<T>: Debug {
    /// Takes an item, if there is one now.
    fn try_receive(&self) -> Look<T>;
}

/// A thread that can sleep and be woken, with one token as in [`std::thread::park`]: a wake-up that comes
/// first is not lost, and several count as one.
pub trait Sleeper: Clone + Debug + Send + 'static {
    /// The current thread.
    fn current() -> Self;

    /// The current time by this thread's clock.
    fn now(&self) -> Instant;

    /// Sleeps until woken, for at most this time if one is given. Only the thread itself may call this. It
    /// may return spuriously.
    fn sleep(&self, most: Option<Duration>);

    /// Wakes the thread, or makes its next sleep return at once.
    fn wake(&self);
}

/// A flag that is set once.
pub trait Flag: Clone + Debug + Send + Sync + 'static {
    /// Sets the flag.
    fn set(&self);

    /// True once the flag was set.
    fn is_set(&self) -> bool;
}

/// A fault of the pump, which a proof seeds to check that it can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A datagram that finds the queue full is not counted.
    UncountedDrop,
    /// On a stop, the actor thread leaves queued datagrams.
    LeavesQueued,
    /// A stop does not wake a reader that waits for the socket.
    LostWakeUp,
    /// An actor thread that gives up does not tell the reader.
    SilentEnd,
    /// The actor thread is woken before the item is in the queue.
    WakesBeforeItem,
    /// The actor thread is woken before the queue is closed.
    WakesBeforeEnd,
    /// The actor thread sleeps without looking into the queue again.
    SleepsUnlooked,
}

/// A family of threads and their primitives.
pub trait Threads: Debug + 'static {
    /// The seeded fault of the pump on these threads. It is a constant of the type, so the pump on [`Native`]
    /// threads has none, and is compiled without any trace of one.
    const FAULT: Option<Fault> = None;

    /// The sending end of a queue.
    type Sender<T: Debug + Send + 'static>: QueueSender<T>;
    /// The receiving end of a queue.
    type Receiver<T: Debug + Send + 'static>: QueueReceiver<T>;
    /// A thread that sleeps.
    type Sleeper: Sleeper;
    /// A flag.
    type Flag: Flag;
    /// A running thread.
    type Handle<R: Send + 'static>;

    /// A queue of at most `bound` items.
    fn queue<T: Debug + Send + 'static>(bound: usize) -> (Self::Sender<T>, Self::Receiver<T>);

    /// A flag that is not set.
    fn flag() -> Self::Flag;

    /// Starts a thread.
    fn spawn<R: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> std::io::Result<Self::Handle<R>>;

    /// Joins a thread; `None` if it panicked.
    fn join<R: Send + 'static>(handle: Self::Handle<R>) -> Option<R>;
}

/// The operating system's threads, and crossbeam's queue.
#[derive(Debug)]
pub struct Native;

impl Threads for Native {
    type Sender<T: Debug + Send + 'static> = Sender<T>;
    type Receiver<T: Debug + Send + 'static> = Receiver<T>;
    type Sleeper = Thread;
    type Flag = Arc<AtomicBool>;
    type Handle<R: Send + 'static> = thread::JoinHandle<R>;

    fn queue<T: Debug + Send + 'static>(bound: usize) -> (Sender<T>, Receiver<T>) {
        crossbeam_channel::bounded(bound)
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

impl<T: Debug + Send + 'static> QueueSender<T> for Sender<T> {
    fn try_send(&self, item: T) -> Offer {
        match Sender::try_send(self, item) {
            Ok(()) => Offer::Taken,
            Err(TrySendError::Full(_)) => Offer::Full,
            Err(TrySendError::Disconnected(_)) => Offer::Closed,
        }
    }
}

impl<T: Debug> QueueReceiver<T> for Receiver<T> {
    fn try_receive(&self) -> Look<T> {
        match self.try_recv() {
            Ok(item) => Look::Item(item),
            Err(TryRecvError::Empty) => Look::Empty,
            Err(TryRecvError::Disconnected) => Look::Closed,
        }
    }
}

impl Sleeper for Thread {
    fn current() -> Self {
        thread::current()
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, most: Option<Duration>) {
        match most {
            None => thread::park(),
            Some(most) => thread::park_timeout(most),
        }
    }

    fn wake(&self) {
        self.unpark();
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
