//! Notices: what a stranger is told, so that nobody is left guessing why nothing is answered.
//!
//! A datagram of another cluster, or for another role than is here, is counted and dropped. Whoever
//! asked for something by it is told who is here, in one small datagram, and not too often. A notice
//! decides nothing: it is put into words for people.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::identity::{Brief, ClusterIdentity, shown};
use super::wire::{Framed, Kind};

/// The answer to a stranger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The role that is here, such as "n2/leader".
    pub here: String,
    /// The cluster that it is of.
    pub cluster: Brief,
}

impl Framed for Notice {
    const KIND: Kind = Kind::Notice;
}

impl Notice {
    /// In words, for somebody who expected this role of this cluster.
    pub fn in_words(&self, expected: &str, cluster: &ClusterIdentity) -> String {
        let here = shown(&self.here);
        let differences = Brief::differences(&self.cluster, &cluster.brief(), None).join("; ");
        if !self.cluster.is_of(cluster) {
            format!(
                "{here} of another cluster, {}, is where {expected} of {} should be: look at the \
                 addresses in the file",
                self.cluster.called(),
                cluster.called()
            )
        } else if differences.is_empty() {
            format!("{here} is where {expected} should be: look at the addresses in the file")
        } else {
            format!(
                "{here} is of this cluster by another file: {differences}. All members and clients \
                 must have the file that the journals were made with"
            )
        }
    }
}

/// Lets so many things through in each period, and no more.
#[derive(Debug)]
pub(super) struct Rate {
    most: u32,
    period: Duration,
    since: Instant,
    count: u32,
}

impl Rate {
    /// The rate at which strangers are answered: ten a second.
    pub(super) fn of_notices() -> Self {
        Rate::new(10, Duration::from_secs(1))
    }

    /// The rate at which the log tells of strangers: two in ten seconds.
    pub(super) fn of_warnings() -> Self {
        Rate::new(2, Duration::from_secs(10))
    }

    fn new(most: u32, period: Duration) -> Self {
        Rate { most, period, since: Instant::now(), count: 0 }
    }

    /// True if one more may pass now.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= self.period {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pass_in_a_second() {
        let (mut rate, now) = (Rate::of_notices(), Instant::now());
        let passed = |rate: &mut Rate, now| (0..100).filter(|_| rate.allows(now)).count();
        assert_eq!(passed(&mut rate, now), 10);
        assert_eq!(passed(&mut rate, now + Duration::from_millis(900)), 0);
        assert_eq!(passed(&mut rate, now + Duration::from_secs(2)), 10);
    }
}
