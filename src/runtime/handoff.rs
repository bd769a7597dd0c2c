//! The hand-off between two threads: a bounded queue whose receiver sleeps while it is empty.
//!
//! It is generic over [`Threads`], so that `proofs/pump` can run this very code under loom: only this file
//! decides when each end sleeps and wakes. It relies on two properties: each `try_send`, each `try_receive`
//! and the end of the sender take effect at one moment; and all that was done before a [`Sleeper::wake`] is
//! visible after the [`Sleeper::sleep`] that it ends.
//!
//! Crossbeam's own receive spins and yields before it sleeps. With more threads than processors, that takes
//! time from threads that have work. Here the receiver sleeps at once.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Instant;

use super::threads::{Fault, Look, Offer, QueueReceiver, QueueSender, Sleeper, Threads};

/// The result of waiting at a queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Wait<T> {
    /// An item.
    Item(T),
    /// The deadline has passed.
    Deadline,
    /// The sender is gone, and the queue is empty.
    Closed,
}

/// A queue of at most `bound` items. The calling thread becomes the receiver.
pub fn queue<T: Threads, I: Debug + Send + 'static>(
    bound: usize,
) -> (Sender<T, I>, Receiver<T, I>) {
    let (sender, receiver) = T::queue(bound);
    let thread = T::Sleeper::current();
    let sender = Sender { queue: Some(sender), thread: thread.clone() };
    (sender, Receiver { queue: receiver, thread, stays: PhantomData })
}

/// The sending end, with the thread to wake. It is not [`Clone`]: the reader thread owns the only one.
#[derive(Debug)]
pub struct Sender<T: Threads, I: Debug + Send + 'static> {
    /// `None` once this is being dropped.
    queue: Option<T::Sender<I>>,
    thread: T::Sleeper,
}

/// The receiving end. It cannot leave the thread that made the queue, which is the one that is woken.
#[derive(Debug)]
pub struct Receiver<T: Threads, I: Debug + Send + 'static> {
    queue: T::Receiver<I>,
    thread: T::Sleeper,
    stays: PhantomData<*const ()>,
}

impl<T: Threads, I: Debug + Send + 'static> Sender<T, I> {
    /// Puts an item into the queue if there is room. Never blocks.
    pub fn offer(&self, item: I) -> Offer {
        let Some(queue) = &self.queue else { return Offer::Closed };
        if T::FAULT == Some(Fault::WakesBeforeItem) {
            self.thread.wake();
            return queue.try_send(item);
        }
        let offer = queue.try_send(item);
        self.thread.wake();
        offer
    }
}

/// Closes the queue first, and then wakes the receiver to see it.
impl<T: Threads, I: Debug + Send + 'static> Drop for Sender<T, I> {
    fn drop(&mut self) {
        if T::FAULT == Some(Fault::WakesBeforeEnd) {
            self.thread.wake();
            self.queue = None;
            return;
        }
        self.queue = None;
        self.thread.wake();
    }
}

impl<T: Threads, I: Debug + Send + 'static> Receiver<T, I> {
    /// Waits for an item until the deadline, or for ever if there is none.
    pub fn wait(&self, deadline: Option<Instant>) -> Wait<I> {
        loop {
            match self.queue.try_receive() {
                Look::Item(item) => return Wait::Item(item),
                Look::Closed => return Wait::Closed,
                Look::Empty => {}
            }
            let left = deadline.map(|it| it.saturating_duration_since(self.thread.now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Wait::Deadline;
            }
            // An item put from here on leaves a token, which makes this return at once.
            self.thread.sleep(left);
            if T::FAULT == Some(Fault::SleepsUnlooked) {
                self.thread.sleep(left);
            }
        }
    }

    /// Takes an item, if there is one now.
    pub fn take(&self) -> Option<I> {
        match self.queue.try_receive() {
            Look::Item(item) => Some(item),
            Look::Empty | Look::Closed => None,
        }
    }
}
