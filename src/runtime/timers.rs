//! The timers of one actor.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::paxos::Timer;

/// The timers that are set, with when they are due.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<Timer, Instant>,
    random: fastrand::Rng,
}

impl Timers {
    /// Sets a timer anew, to take so long; or cancels it.
    pub(super) fn change(&mut self, timer: Timer, to: Option<Range<Duration>>, now: Instant) {
        match to {
            None => drop(self.due.remove(&timer)),
            Some(Range { start, end }) => {
                let spread = end.saturating_sub(start).mul_f64(self.random.f64());
                self.due.insert(timer, now + start + spread);
            }
        }
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Timer> {
        self.due.extract_if(.., |_, due| *due <= now).map(|(timer, _)| timer).collect()
    }
}
