//! Notices: the answers to strangers, so that no sender has to guess why it gets no answer.
//!
//! A datagram of another cluster, or for another role, is counted and dropped. If it asks for something, its
//! sender is told which role of which cluster is here, in one small datagram, and at a bounded rate. A notice
//! decides nothing: it is only put into words for people.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::identity::{Brief, ClusterIdentity, shown};
use super::party::Party;
use super::wire::{Framed, Kind};

/// The answer to a stranger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The role that is here, such as "n2/leader".
    pub here: String,
    /// The cluster of that role.
    pub cluster: Brief,
}

impl Framed for Notice {
    const KIND: Kind = Kind::Notice;
}

impl Notice {
    /// The notice in words, for a sender that expected this role of this cluster.
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

/// A limit of events per period.
#[derive(Debug)]
pub(super) struct Rate {
    most: u32,
    period: Duration,
    /// The start of the current period; `None` before the first event.
    since: Option<Instant>,
    count: u32,
}

/// The rate at which strangers are answered: ten clients a second, and ten members. They are counted apart,
/// so that members of another cluster, which ask without end, do not starve clients.
#[derive(Debug)]
pub(super) struct Notices {
    clients: Rate,
    members: Rate,
}

impl Notices {
    pub(super) fn new() -> Self {
        let ten = || Rate::new(10, Duration::from_secs(1));
        Notices { clients: ten(), members: ten() }
    }

    /// True if one more may be answered now.
    pub(super) fn allow(&mut self, to: Party, now: Instant) -> bool {
        match to {
            Party::Client => self.clients.allows(now),
            Party::Leader(_) | Party::Acceptor(_) => self.members.allows(now),
        }
    }
}

impl Rate {
    /// The rate of log lines about strangers: two in ten seconds.
    pub(super) fn of_warnings() -> Self {
        Rate::new(2, Duration::from_secs(10))
    }

    /// The rate of log lines about elections and peers: twenty in ten seconds.
    pub(super) fn of_events() -> Self {
        Rate::new(20, Duration::from_secs(10))
    }

    fn new(most: u32, period: Duration) -> Self {
        Rate { most, period, since: None, count: 0 }
    }

    /// True if one more may pass now.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let goes_on = |since| now.saturating_duration_since(since) < self.period;
        if !self.since.is_some_and(goes_on) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::LeaderId;

    #[test]
    fn so_many_are_answered_in_a_second_and_members_starve_no_clients() {
        let (mut notices, now) = (Notices::new(), Instant::now());
        let passed =
            |notices: &mut Notices, to, now| (0..100).filter(|_| notices.allow(to, now)).count();
        let member = Party::Leader(LeaderId(1));
        assert_eq!(passed(&mut notices, member, now), 10);
        assert_eq!(passed(&mut notices, Party::Client, now), 10);
        for to in [member, Party::Client] {
            assert_eq!(passed(&mut notices, to, now + Duration::from_millis(900)), 0);
            assert_eq!(passed(&mut notices, to, now + Duration::from_secs(2)), 10);
        }
    }
}
