//! The hand-off from one thread to another: a bounded queue, whose receiver sleeps while it is empty.
//!
//! It is generic over its [`Threads`], so that `proofs/pump` can put this very code under loom: which end
//! wakes and sleeps when is decided here alone. Of the queue it needs that each `try_send`, each
//! `try_receive` and the end of the sender take effect at one moment, and of [`Sleeper::wake`] that what
//! was done before it is seen after the [`Sleeper::sleep`] that it ends.
//!
//! Crossbeam's own waiting spins and yields before it sleeps. Where there are more threads than
//! processors, that takes time from those that have something to do. Here the receiver sleeps at once.

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
    /// Nobody sends any more, and the queue is empty.
    Closed,
}

/// A queue for at most `bound` items. The current thread is the one that takes them.
pub fn queue<T: Threads, I: Debug + Send + 'static>(bound: usize) -> (Put<T, I>, Take<T, I>) {
    let (sender, receiver) = T::queue(bound);
    let taker = T::Sleeper::current();
    let put = Put { sender: Some(sender), taker: taker.clone() };
    (put, Take { receiver, taker, stays: PhantomData })
}

/// The sending end, and the thread to wake. It is not [`Clone`]: the reader thread owns the only one.
#[derive(Debug)]
pub struct Put<T: Threads, I: Debug + Send + 'static> {
    /// None once this is being dropped.
    sender: Option<T::Sender<I>>,
    taker: T::Sleeper,
}

/// The receiving end. It cannot leave the thread that made the queue, which is the one that is woken.
#[derive(Debug)]
pub struct Take<T: Threads, I: Debug + Send + 'static> {
    receiver: T::Receiver<I>,
    taker: T::Sleeper,
    stays: PhantomData<*const ()>,
}

impl<T: Threads, I: Debug + Send + 'static> Put<T, I> {
    /// Puts an item into the queue if there is room, and never waits.
    pub fn offer(&self, item: I) -> Offer {
        let Some(sender) = &self.sender else { return Offer::Closed };
        if T::FAULT == Some(Fault::WakesBeforeItem) {
            self.taker.wake();
            return sender.try_send(item);
        }
        let offer = sender.try_send(item);
        self.taker.wake();
        offer
    }
}

/// The queue ends first, and then the taker is woken to see it.
impl<T: Threads, I: Debug + Send + 'static> Drop for Put<T, I> {
    fn drop(&mut self) {
        if T::FAULT == Some(Fault::WakesBeforeEnd) {
            self.taker.wake();
            self.sender = None;
            return;
        }
        self.sender = None;
        self.taker.wake();
    }
}

impl<T: Threads, I: Debug + Send + 'static> Take<T, I> {
    /// Waits for an item until the deadline, or for ever if there is none.
    pub fn wait(&self, deadline: Option<Instant>) -> Wait<I> {
        loop {
            match self.receiver.try_receive() {
                Look::Item(item) => return Wait::Item(item),
                Look::Closed => return Wait::Closed,
                Look::Empty => {}
            }
            let left = deadline.map(|it| it.saturating_duration_since(self.taker.now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Wait::Deadline;
            }
            // What is put from here on leaves a token, with which this returns at once.
            self.taker.sleep(left);
            if T::FAULT == Some(Fault::SleepsUnlooked) {
                self.taker.sleep(left);
            }
        }
    }

    /// An item, if there is one now.
    pub fn take(&self) -> Option<I> {
        match self.receiver.try_receive() {
            Look::Item(item) => Some(item),
            Look::Empty | Look::Closed => None,
        }
    }
}
