//! The timers of one actor.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::paxos::Timer;

/// What an actor wants done with a timer.
#[derive(Debug)]
pub(super) enum TimerCommand {
    Set(Timer, Range<Duration>),
    Cancel(Timer),
}

/// The timers that are set, with when they are due.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<Timer, Instant>,
    random: fastrand::Rng,
}

impl Timers {
    pub(super) fn change(&mut self, command: TimerCommand, now: Instant) {
        match command {
            TimerCommand::Cancel(timer) => drop(self.due.remove(&timer)),
            TimerCommand::Set(timer, Range { start, end }) => {
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
