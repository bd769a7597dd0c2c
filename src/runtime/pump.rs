//! The message pump: a reader thread that does nothing but empty the socket, a bounded queue, and the actor
//! thread, which takes the datagrams out in turns. It must lose no datagram that it has taken.
//!
//! It is generic over [`Threads`], so that `proofs/pump` can run this very code under loom.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::counters::Counters;
use super::handoff::{self, Receiver, Sender, Wait};
use super::threads::{Fault, Flag, Offer, Threads};
use crate::paxos::limits::MAX_DATAGRAM;

/// The most datagrams of a turn.
pub const BATCH: usize = 256;

/// A datagram as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The source address, which may be forged.
    pub from: SocketAddr,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// The result of [`Source::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A datagram of this many bytes, from this address.
    Datagram(usize, SocketAddr),
    /// No datagram for now.
    Nothing,
}

/// A source of datagrams.
pub trait Source: Send + Sync + 'static {
    /// Waits for a datagram, and writes it to the front of `buffer`. An error is final.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received>;

    /// Makes a waiting [`receive`](Source::receive), or else the next one, return early.
    fn wake(&self);
}

/// The consumer of datagrams.
pub trait Turn {
    /// The reason why it cannot continue.
    type Error;

    /// The time at which a turn is due even without a datagram.
    fn deadline(&self) -> Option<Instant>;

    /// Handles a batch, and leaves it empty. It is empty from the start if the deadline has passed.
    fn turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), Self::Error>;
}

/// A handle by which any thread can stop a pump.
#[derive(Debug)]
pub struct Stopper<T: Threads, S> {
    stopped: T::Flag,
    source: Arc<S>,
}

impl<T: Threads, S> Clone for Stopper<T, S> {
    fn clone(&self) -> Self {
        Stopper { stopped: self.stopped.clone(), source: Arc::clone(&self.source) }
    }
}

impl<T: Threads, S: Source> Stopper<T, S> {
    /// Stops taking datagrams. Those taken before are still handled.
    pub fn stop(&self) {
        self.stopped.set();
        if T::FAULT != Some(Fault::LostWakeUp) {
            self.source.wake();
        }
    }
}

/// The reason why a pump ended.
#[derive(Debug)]
pub enum End<E> {
    /// It was stopped.
    Stopped,
    /// The source failed.
    Source(io::Error),
    /// A turn failed.
    Turn(E),
    /// The reader thread panicked, or could not be started.
    Reader(Option<io::Error>),
}

/// A pump that does not run yet.
#[derive(Debug)]
pub struct Pump<T: Threads, S> {
    stopper: Stopper<T, S>,
    counters: Arc<Counters>,
    queue: usize,
}

impl<T: Threads, S: Source> Pump<T, S> {
    /// A pump with room for `queue` datagrams between its threads.
    pub fn new(source: Arc<S>, queue: usize, counters: Arc<Counters>) -> Self {
        Pump { stopper: Stopper { stopped: T::flag(), source }, counters, queue }
    }

    /// The handle that stops this pump.
    pub fn stopper(&self) -> Stopper<T, S> {
        self.stopper.clone()
    }

    /// Pumps until it is stopped, the source fails, or a turn fails. When one thread ends, the other ends
    /// too, and has ended when this returns.
    pub fn run<U: Turn>(self, turns: &mut U) -> End<U::Error> {
        let Pump { stopper, counters, queue } = self;
        let (sender, receiver) = handoff::queue::<T, Datagram>(queue);
        let reader = Reader { sender, stopper: stopper.clone(), counters: Arc::clone(&counters) };
        let reader = match T::spawn("synod-reader", move || reader.run()) {
            Ok(reader) => reader,
            Err(error) => return End::Reader(Some(error)),
        };
        let panicked = StopOnPanic(&stopper);
        let turned = take_turns::<T, U>(turns, &receiver, &stopper.stopped, &counters);
        drop(panicked);
        if turned.is_err() && T::FAULT != Some(Fault::SilentEnd) {
            stopper.stop();
        }
        let read = T::join(reader);
        while receiver.take().is_some() {
            counters.abandoned.add(1);
        }
        match (turned, read) {
            (Err(error), _) => End::Turn(error),
            (Ok(()), Some(Ok(()))) => End::Stopped,
            (Ok(()), Some(Err(error))) => End::Source(error),
            (Ok(()), None) => End::Reader(None),
        }
    }
}

/// Stops the reader if a turn panics.
struct StopOnPanic<'a, T: Threads, S: Source>(&'a Stopper<T, S>);

impl<T: Threads, S: Source> Drop for StopOnPanic<'_, T, S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// The reader thread. It owns the only sending end, so that the queue closes when it ends.
struct Reader<T: Threads, S> {
    sender: Sender<T, Datagram>,
    stopper: Stopper<T, S>,
    counters: Arc<Counters>,
}

impl<T: Threads, S: Source> Reader<T, S> {
    fn run(self) -> io::Result<()> {
        let mut buffer = vec![0; MAX_DATAGRAM + 1];
        while !self.stopper.stopped.is_set() {
            if let Received::Datagram(length, from) = self.stopper.source.receive(&mut buffer)? {
                let bytes = buffer.get(..length).unwrap_or(&buffer).to_vec();
                if !self.hand_over(Datagram { from, bytes }) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Hands a datagram over and counts it. Returns false once the receiver is gone.
    fn hand_over(&self, datagram: Datagram) -> bool {
        self.counters.received.add(1);
        let offer = self.sender.offer(datagram);
        if offer == Offer::Taken {
            self.counters.queued.add(1);
        } else if T::FAULT != Some(Fault::UncountedDrop) {
            self.counters.dropped.add(1);
        }
        offer != Offer::Closed
    }
}

/// The actor thread's loop: ends when the queue is closed, or a turn fails.
fn take_turns<T: Threads, U: Turn>(
    turns: &mut U,
    queue: &Receiver<T, Datagram>,
    stopped: &T::Flag,
    counters: &Counters,
) -> Result<(), U::Error> {
    let mut batch = Vec::new();
    loop {
        if T::FAULT == Some(Fault::LeavesQueued) && stopped.is_set() {
            return Ok(());
        }
        match queue.wait(turns.deadline()) {
            Wait::Closed => return Ok(()),
            Wait::Deadline => {}
            Wait::Item(first) => fill(&mut batch, first, queue),
        }
        counters.handled.add(batch.len() as u64);
        turns.turn(&mut batch)?;
        batch.clear();
    }
}

fn fill<T: Threads>(batch: &mut Vec<Datagram>, first: Datagram, queue: &Receiver<T, Datagram>) {
    batch.push(first);
    while batch.len() < BATCH
        && let Some(next) = queue.take()
    {
        batch.push(next);
    }
}
