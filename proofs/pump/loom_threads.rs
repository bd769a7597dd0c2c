//! The pump's primitives on loom.
//!
//! Crossbeam's queue does not run under loom. Its replacement here has the two properties that the
//! hand-off needs, and no others: each operation is atomic, and what was done before a wake-up is
//! visible after the sleep that it ends.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::runtime::threads::{
    Fault, Flag, Look, Offer, QueueReceiver, QueueSender, Sleeper, Threads,
};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Mutex, Notify};

/// The fault seeded into the pump, as a type.
pub(crate) trait Seeded: std::fmt::Debug + 'static {
    /// The fault, if any.
    const FAULT: Option<Fault>;
}

/// No fault.
#[derive(Debug)]
pub(crate) struct Faultless;

impl Seeded for Faultless {
    const FAULT: Option<Fault> = None;
}

/// Loom's threads, and a queue behind loom's mutex: loom's own channel is unbounded and does not
/// report that its sender is gone.
#[derive(Debug)]
pub(crate) struct Loom<F>(PhantomData<F>);

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    bound: usize,
    no_sender: bool,
    no_receiver: bool,
}

#[derive(Debug)]
pub(crate) struct LoomSender<T>(Arc<Mutex<Queue<T>>>);

#[derive(Debug)]
pub(crate) struct LoomReceiver<T>(Arc<Mutex<Queue<T>>>);

#[derive(Clone, Debug)]
pub(crate) struct LoomFlag(Arc<AtomicBool>);

/// A thread that sleeps until it is given a token: loom's version of `park` and `unpark`, with
/// spurious wake-ups. (Loom's `thread::unpark` would also end a `join`, and is not a point at which
/// loom switches threads.)
#[derive(Clone, Debug)]
pub(crate) struct LoomSleeper {
    token: Arc<Notify>,
    /// The virtual time that has passed, which only the thread itself reads and changes.
    passed: Arc<std::sync::Mutex<Duration>>,
}

/// A time that does not pass while a scenario lasts.
pub(crate) const FAR: Duration = Duration::from_secs(3600);

/// The time at which every run begins. It advances only while a thread sleeps until a deadline.
pub(crate) static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl<F: Seeded> Threads for Loom<F> {
    type Sender<T: Debug + Send + 'static> = LoomSender<T>;
    type Receiver<T: Debug + Send + 'static> = LoomReceiver<T>;
    type Sleeper = LoomSleeper;
    type Flag = LoomFlag;
    type Handle<R: Send + 'static> = loom::thread::JoinHandle<R>;

    const FAULT: Option<Fault> = F::FAULT;

    fn queue<T: Debug + Send + 'static>(bound: usize) -> (LoomSender<T>, LoomReceiver<T>) {
        let queue = Queue { items: VecDeque::new(), bound, no_sender: false, no_receiver: false };
        let queue = Arc::new(Mutex::new(queue));
        (LoomSender(Arc::clone(&queue)), LoomReceiver(queue))
    }

    fn flag() -> LoomFlag {
        LoomFlag(Arc::new(AtomicBool::new(false)))
    }

    fn spawn<R: Send + 'static>(
        _name: &str,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<loom::thread::JoinHandle<R>> {
        Ok(loom::thread::spawn(body))
    }

    fn join<R: Send + 'static>(handle: loom::thread::JoinHandle<R>) -> Option<R> {
        handle.join().ok()
    }
}

impl<T: Debug + Send + 'static> QueueSender<T> for LoomSender<T> {
    fn try_send(&self, item: T) -> Offer {
        let mut queue = self.0.lock().unwrap();
        if queue.no_receiver {
            return Offer::Closed;
        }
        if queue.items.len() >= queue.bound {
            return Offer::Full;
        }
        queue.items.push_back(item);
        Offer::Taken
    }
}

impl<T: Debug> QueueReceiver<T> for LoomReceiver<T> {
    fn try_receive(&self) -> Look<T> {
        let mut queue = self.0.lock().unwrap();
        match queue.items.pop_front() {
            Some(item) => Look::Item(item),
            None if queue.no_sender => Look::Closed,
            None => Look::Empty,
        }
    }
}

impl Sleeper for LoomSleeper {
    fn current() -> Self {
        LoomSleeper { token: Arc::new(Notify::new()), passed: Arc::default() }
    }

    fn now(&self) -> Instant {
        *BEGIN + *self.passed.lock().unwrap()
    }

    /// Sleeps until a deadline, or until woken. A sleep with a near deadline ends at once, and
    /// advances the time. Since loom orders all other events before or after it in every way, that
    /// covers every moment at which it could end. One with a far deadline ends by a token.
    fn sleep(&self, most: Option<Duration>) {
        match most.filter(|most| *most < FAR) {
            Some(soon) => *self.passed.lock().unwrap() += soon,
            None => self.token.wait(),
        }
    }

    fn wake(&self) {
        self.token.notify();
    }
}

impl<T> Drop for LoomSender<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.lock().unwrap().no_sender = true;
        }
    }
}

impl<T> Drop for LoomReceiver<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.lock().unwrap().no_receiver = true;
        }
    }
}

impl Flag for LoomFlag {
    fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
