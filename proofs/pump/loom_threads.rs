//! The pump's primitives, on loom.

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Condvar, Mutex};
use synod::runtime::threads::{Fault, Flag, Offer, Put, Take, Threads, Wait};

/// Which fault the pump has.
pub(crate) trait Seeded: std::fmt::Debug + 'static {
    /// The fault, if any.
    const FAULT: Option<Fault>;
}

/// None.
#[derive(Debug)]
pub(crate) struct Faultless;

impl Seeded for Faultless {
    const FAULT: Option<Fault> = None;
}

/// Loom's threads, and a queue built from loom's mutex and condition variable: loom's own channel
/// has no bound and does not tell when its sender is gone.
#[derive(Debug)]
pub(crate) struct Loom<F>(PhantomData<F>);

#[derive(Debug)]
struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    bound: usize,
    no_sender: bool,
    no_receiver: bool,
}

#[derive(Debug)]
pub(crate) struct LoomPut<T>(Arc<Queue<T>>);

#[derive(Debug)]
pub(crate) struct LoomTake<T>(Arc<Queue<T>>);

#[derive(Clone, Debug)]
pub(crate) struct LoomFlag(Arc<AtomicBool>);

impl<F: Seeded> Threads for Loom<F> {
    type Put<T: Send + 'static> = LoomPut<T>;
    type Take<T: Send + 'static> = LoomTake<T>;
    type Flag = LoomFlag;
    type Handle<R: Send + 'static> = loom::thread::JoinHandle<R>;

    const FAULT: Option<Fault> = F::FAULT;

    fn queue<T: Send + 'static>(bound: usize) -> (LoomPut<T>, LoomTake<T>) {
        let inner = Inner { items: VecDeque::new(), bound, no_sender: false, no_receiver: false };
        let queue = Arc::new(Queue { inner: Mutex::new(inner), changed: Condvar::new() });
        (LoomPut(Arc::clone(&queue)), LoomTake(queue))
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

impl<T: Send + 'static> Put<T> for LoomPut<T> {
    fn offer(&self, item: T) -> Offer {
        let mut inner = self.0.inner.lock().unwrap();
        if inner.no_receiver {
            return Offer::Closed;
        }
        if inner.items.len() >= inner.bound {
            return Offer::Full;
        }
        inner.items.push_back(item);
        self.0.changed.notify_all();
        Offer::Taken
    }
}

impl<T> Take<T> for LoomTake<T> {
    /// A deadline passes as soon as the queue is found empty. Since loom lets everything else
    /// happen before or after, that covers every moment at which it could.
    fn wait(&self, deadline: Option<Instant>) -> Wait<T> {
        let mut inner = self.0.inner.lock().unwrap();
        loop {
            if let Some(item) = inner.items.pop_front() {
                return Wait::Item(item);
            }
            if inner.no_sender {
                return Wait::Closed;
            }
            if deadline.is_some() {
                return Wait::Deadline;
            }
            inner = self.0.changed.wait(inner).unwrap();
        }
    }

    fn take(&self) -> Option<T> {
        self.0.inner.lock().unwrap().items.pop_front()
    }
}

impl<T> Drop for LoomPut<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.inner.lock().unwrap().no_sender = true;
            self.0.changed.notify_all();
        }
    }
}

impl<T> Drop for LoomTake<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.inner.lock().unwrap().no_receiver = true;
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
