//! What a node counts, so that nothing is dropped in silence.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A count that only grows, and that any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A node's counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Datagrams taken off the socket: each was queued or dropped.
    pub received: Counter,
    /// Datagrams put into the queue: each is still there, or was handled or abandoned.
    pub queued: Counter,
    /// Datagrams dropped because the queue was full, or the actor thread had ended.
    pub dropped: Counter,
    /// Datagrams that were given to a turn.
    pub handled: Counter,
    /// Datagrams left in the queue when the node failed.
    pub abandoned: Counter,
    /// Of those handled, the ones that are no frame of ours.
    pub malformed: Counter,
    /// Of those handled, the ones of another cluster, or for another role than this.
    pub foreign: Counter,
    /// Frames that came in parts, and of which some were lost, or came too late.
    pub incomplete: Counter,
    /// Messages and handshakes from somebody who may not say them, and messages to a role that does
    /// not take part yet.
    pub rejected: Counter,
    /// Frames sent: datagrams, or what goes in several.
    pub sent: Counter,
    /// Frames that the system would not send, and messages that fit none.
    pub unsent: Counter,
}

/// What the counters of one node, or of several together, show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// See [`Counters::received`].
    pub received: u64,
    /// See [`Counters::queued`].
    pub queued: u64,
    /// See [`Counters::dropped`].
    pub dropped: u64,
    /// See [`Counters::handled`].
    pub handled: u64,
    /// See [`Counters::abandoned`].
    pub abandoned: u64,
    /// See [`Counters::malformed`].
    pub malformed: u64,
    /// See [`Counters::foreign`].
    pub foreign: u64,
    /// See [`Counters::incomplete`].
    pub incomplete: u64,
    /// See [`Counters::rejected`].
    pub rejected: u64,
    /// See [`Counters::sent`].
    pub sent: u64,
    /// See [`Counters::unsent`].
    pub unsent: u64,
}

impl Counters {
    /// What they show now.
    pub fn read(&self) -> Counts {
        Counts {
            received: self.received.get(),
            queued: self.queued.get(),
            dropped: self.dropped.get(),
            handled: self.handled.get(),
            abandoned: self.abandoned.get(),
            malformed: self.malformed.get(),
            foreign: self.foreign.get(),
            incomplete: self.incomplete.get(),
            rejected: self.rejected.get(),
            sent: self.sent.get(),
            unsent: self.unsent.get(),
        }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), |a, b| Counts {
            received: a.received + b.received,
            queued: a.queued + b.queued,
            dropped: a.dropped + b.dropped,
            handled: a.handled + b.handled,
            abandoned: a.abandoned + b.abandoned,
            malformed: a.malformed + b.malformed,
            foreign: a.foreign + b.foreign,
            incomplete: a.incomplete + b.incomplete,
            rejected: a.rejected + b.rejected,
            sent: a.sent + b.sent,
            unsent: a.unsent + b.unsent,
        })
    }
}
