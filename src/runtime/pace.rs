//! The pace of the cluster's disks, so that a member that waits for its disk is not taken for dead.
//!
//! Safety never depends on time; progress does. A leader that waits for less than a disk takes would give up
//! just before the answer. So each member measures its own syncs and tells the others, and leaders wait for
//! longer while a quorum of acceptors cannot answer sooner.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use super::party::Party;
use crate::paxos::Timer;

/// The number of last syncs that count: the slowest of them is the pace.
const LAST: usize = 8;

/// The longest sync that counts: beyond it a disk is taken to hang.
pub const SLOWEST: Duration = Duration::from_secs(5);

/// The number of syncs that a leader waits for a sign of life, beyond its usual patience.
pub const ELECTION_SYNCS: u32 = 4;

/// The durations of disk syncs, as far as a member knows them.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The number of acceptors in the larger of the two quorums.
    quorum: usize,
    /// The last syncs of the member itself, the newest last.
    own: VecDeque<Duration>,
    /// The last duration that each acceptor told.
    told: BTreeMap<Party, Duration>,
}

impl Pace {
    /// No measurements yet, in a cluster with quorums of these sizes.
    pub fn new((phase1, phase2): (usize, usize)) -> Self {
        Pace { quorum: phase1.max(phase2), own: VecDeque::new(), told: BTreeMap::new() }
    }

    /// Adds a sync of the member itself.
    pub fn measure(&mut self, took: Duration) {
        if self.own.len() == LAST {
            self.own.pop_front();
        }
        self.own.push_back(took.min(SLOWEST));
    }

    /// The slowest of the member's last syncs.
    pub fn own(&self) -> Duration {
        self.own.iter().copied().max().unwrap_or_default()
    }

    /// Takes note of the duration that another role tells. Only acceptors count: no other role waits for a
    /// leader's disk.
    pub fn hear(&mut self, from: Party, took: Duration) {
        if matches!(from, Party::Acceptor(_)) {
            self.told.insert(from, took.min(SLOWEST));
        }
    }

    /// The time that a quorum of acceptors takes to save, if the fastest answer first.
    pub fn of_quorum(&self) -> Duration {
        let mut all: Vec<Duration> = self.told.values().copied().collect();
        all.sort_unstable();
        self.quorum.checked_sub(1).and_then(|last| all.get(last)).copied().unwrap_or_default()
    }

    /// The duration of a timer, made longer by this pace.
    pub fn stretch(&self, timer: Timer, Range { start, end }: Range<Duration>) -> Range<Duration> {
        let more = match timer {
            Timer::Election => self.of_quorum() * ELECTION_SYNCS,
            Timer::Resend => self.of_quorum(),
            Timer::Heartbeat | Timer::Retry | Timer::GiveUp | Timer::Idle => Duration::ZERO,
        };
        start + more..end + more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::{AcceptorId, LeaderId};

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_slowest_of_the_last_syncs_counts() {
        let mut pace = Pace::new((2, 2));
        assert_eq!(pace.own(), millis(0));
        for (took, slowest) in [(3, 3), (500, 500), (1, 500), (90_000, 5000)] {
            pace.measure(millis(took));
            assert_eq!(pace.own(), millis(slowest));
        }
        (0..LAST).for_each(|_| pace.measure(millis(2)));
        assert_eq!(pace.own(), millis(2), "what is long ago does not");
    }

    /// One slow disk of three delays no quorum; two do.
    #[test]
    fn a_leader_waits_as_long_as_a_quorum_takes() {
        let mut pace = Pace::new((2, 2));
        let cases = [(0, 300, 0), (1, 2, 300), (2, 4, 4), (1, 200, 200), (0, 70_000, 200)];
        for (acceptor, took, expected) in cases {
            pace.hear(Party::Acceptor(AcceptorId(acceptor)), millis(took));
            assert_eq!(pace.of_quorum(), millis(expected), "{acceptor} {took}");
        }
        pace.hear(Party::Leader(LeaderId(0)), millis(900));
        assert_eq!(pace.of_quorum(), millis(200));
        let election = pace.stretch(Timer::Election, millis(120)..millis(240));
        assert_eq!(election, millis(920)..millis(1040));
        let resend = pace.stretch(Timer::Resend, millis(20)..millis(25));
        assert_eq!(resend, millis(220)..millis(225));
        let heartbeat = millis(30)..millis(38);
        assert_eq!(pace.stretch(Timer::Heartbeat, heartbeat.clone()), heartbeat);
    }
}
