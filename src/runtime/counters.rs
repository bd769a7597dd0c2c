//! The counters of a node, so that nothing is dropped in silence.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A counter that only grows, and that any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A node's counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Datagrams read from the socket: each was queued or dropped.
    pub received: Counter,
    /// Datagrams put into the queue: each is still there, or was handled or abandoned.
    pub queued: Counter,
    /// Datagrams dropped because the queue was full, or the actor thread had ended.
    pub dropped: Counter,
    /// Datagrams passed to a turn.
    pub handled: Counter,
    /// Datagrams left in the queue when the node failed.
    pub abandoned: Counter,
    /// Handled datagrams that are no frames of this format.
    pub malformed: Counter,
    /// Handled datagrams from another cluster, or for another role.
    pub foreign: Counter,
    /// Frames of several parts of which some parts were lost, or came too late.
    pub incomplete: Counter,
    /// Messages and handshakes from senders that may not send them, and messages to a role that does not take
    /// part yet.
    pub rejected: Counter,
    /// Frames sent, of one datagram or several.
    pub sent: Counter,
    /// Frames that the system refused to send, and messages too large for a frame.
    pub unsent: Counter,
}

/// The values of the counters of one node, or the sums over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Datagrams read from the socket: each was queued or dropped.
    pub received: u64,
    /// Datagrams put into the queue: each is still there, or was handled or abandoned.
    pub queued: u64,
    /// Datagrams dropped because the queue was full, or the actor thread had ended.
    pub dropped: u64,
    /// Datagrams passed to a turn.
    pub handled: u64,
    /// Datagrams left in the queue when the node failed.
    pub abandoned: u64,
    /// Handled datagrams that are no frames of this format.
    pub malformed: u64,
    /// Handled datagrams from another cluster, or for another role.
    pub foreign: u64,
    /// Frames of several parts of which some parts were lost, or came too late.
    pub incomplete: u64,
    /// Messages and handshakes from senders that may not send them, and messages to a role that does not take
    /// part yet.
    pub rejected: u64,
    /// Frames sent, of one datagram or several.
    pub sent: u64,
    /// Frames that the system refused to send, and messages too large for a frame.
    pub unsent: u64,
}

impl Counters {
    /// The current values.
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
