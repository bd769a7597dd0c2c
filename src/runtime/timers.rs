//! The timers of one actor.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::environment::Environment;
use crate::paxos::Timer;

/// The timers that are set, with the times at which they are due.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, anew if it was set already, to run out at a random time in this range from now.
    pub(super) fn set(&mut self, timer: Timer, after: Range<Duration>, environment: &Environment) {
        let Range { start, end } = after;
        let spread = end.saturating_sub(start).mul_f64(environment.fraction());
        self.due.insert(timer, environment.now() + start + spread);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        self.due.remove(&timer);
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Timer> {
        self.due.extract_if(.., |_, due| *due <= now).map(|(timer, _)| timer).collect()
    }
}
