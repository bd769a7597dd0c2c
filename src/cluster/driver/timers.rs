//! The times at which something is due for one session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::paxos::Handle;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The session's retry.
    Retry,
    /// The end of the wait for a request.
    GiveUp(Handle),
    /// The end of a lease that was not used for long.
    Close,
}

/// The timers of one session.
#[derive(Debug, Default)]
pub(super) struct Timers {
    retry: Option<Instant>,
    close: Option<Instant>,
    /// Invariant: those of `waits`, by time.
    deadlines: BTreeSet<(Instant, Handle)>,
    /// The wait for each request that is unanswered.
    waits: BTreeMap<Handle, Wait>,
}

/// The wait for a request.
#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    deadline: Instant,
}

impl Timers {
    /// Sets or cancels the retry.
    pub(super) fn set_retry(&mut self, at: Option<Instant>) {
        self.retry = at;
    }

    /// Brings the retry forward, if there is one.
    pub(super) fn hurry(&mut self, at: Instant) {
        self.retry = self.retry.map(|retry| retry.min(at));
    }

    /// Puts the retry off, if there is one.
    pub(super) fn postpone(&mut self, at: Instant) {
        self.retry = self.retry.map(|retry| retry.max(at));
    }

    /// Keeps the time at which the lease is let go: a while after the session was last in use.
    pub(super) fn rest(&mut self, is_at_rest: bool, now: Instant, time: Duration) {
        self.close = is_at_rest.then(|| self.close.unwrap_or(now + time));
    }

    /// A request is waited for from now until then.
    pub(super) fn wait(&mut self, handle: Handle, since: Instant, deadline: Instant) {
        self.end(handle);
        self.waits.insert(handle, Wait { since, deadline });
        self.deadlines.insert((deadline, handle));
    }

    /// A request has ended. The time from which on it was waited for.
    pub(super) fn end(&mut self, handle: Handle) -> Option<Instant> {
        let Wait { since, deadline } = self.waits.remove(&handle)?;
        self.deadlines.remove(&(deadline, handle));
        Some(since)
    }

    /// The requests that are waited for.
    pub(super) fn waited_for(&self) -> Vec<Handle> {
        self.waits.keys().copied().collect()
    }

    /// The next time at which something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        [self.retry, self.close, deadline].into_iter().flatten().min()
    }

    /// Takes something that is due by now. Who has waited long enough is told so before a retry.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let is_due = |at: &mut Instant| *at <= now;
        if let Some((at, handle)) = self.deadlines.first().copied()
            && at <= now
        {
            self.end(handle);
            Some(Due::GiveUp(handle))
        } else if self.retry.take_if(is_due).is_some() {
            Some(Due::Retry)
        } else {
            self.close.take_if(is_due).map(|_| Due::Close)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_taken_once_and_nothing_before_its_time() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!((timers.next(), timers.take_due(at(9))), (None, None));
        timers.postpone(at(3));
        timers.set_retry(Some(at(2)));
        timers.postpone(at(9));
        timers.hurry(at(5));
        timers.hurry(at(6));
        timers.wait(Handle(1), at(0), at(7));
        timers.wait(Handle(2), at(0), at(4));
        timers.wait(Handle(2), at(3), at(6));
        timers.wait(Handle(3), at(0), at(1));
        assert_eq!(timers.end(Handle(3)), Some(at(0)));
        assert_eq!(timers.end(Handle(3)), None);
        assert_eq!((timers.next(), timers.take_due(at(4))), (Some(at(5)), None));
        let due: Vec<Due> = std::iter::from_fn(|| timers.take_due(at(6))).collect();
        assert_eq!(due, [Due::GiveUp(Handle(2)), Due::Retry]);
        assert_eq!((timers.next(), timers.waited_for()), (Some(at(7)), vec![Handle(1)]));
    }

    #[test]
    fn a_lease_is_let_go_a_while_after_its_last_use() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let at = |millis| start + Duration::from_millis(millis);
        timers.rest(true, at(0), Duration::from_millis(10));
        timers.rest(true, at(5), Duration::from_millis(10));
        assert_eq!(timers.next(), Some(at(10)), "it counts from the first moment of rest");
        timers.rest(false, at(6), Duration::from_millis(10));
        assert_eq!(timers.next(), None);
        timers.rest(true, at(7), Duration::from_millis(10));
        assert_eq!((timers.take_due(at(16)), timers.take_due(at(17))), (None, Some(Due::Close)));
    }
}
