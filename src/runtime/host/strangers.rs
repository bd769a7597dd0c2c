//! The treatment of strangers: datagrams of another cluster, or for another role.

use super::super::journal::Journal;
use super::super::notice::Notice;
use super::super::party::Party;
use super::super::pump::Datagram;
use super::super::udp::Transport;
use super::super::wire::{Header, Kind, Opened, encode_one};
use super::{Host, HostedActor};

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// Counts and ignores a datagram of another cluster, or for another role. If it asks for something, its
    /// sender is told which role of which cluster is here.
    pub(super) fn hear_stranger(&mut self, datagram: &Datagram, opened: &Opened<'_>) {
        self.counters.foreign.add(1);
        tracing::debug!(from = %datagram.from, header = ?opened.header, "foreign datagram");
        let from = opened.header.from;
        let asks = matches!(opened.kind, Kind::StatusRequest | Kind::Handshake)
            || matches!(opened.kind, Kind::Protocol | Kind::Part) && from == Party::Client;
        if asks
            && self.me.party() != Party::Client
            && self.notices.allow(from, self.environment.now())
        {
            let here = self.me.name();
            let notice = Notice { here, cluster: self.me.cluster().brief() };
            // Strangers are not told the digest.
            let header = Header { to: from, ..Header::NOBODYS };
            match encode_one(header, &notice) {
                Ok(bytes) => self.send_frame(self.transport.id(datagram.from), &bytes),
                Err(error) => self.cannot_send(self.transport.id(datagram.from), &error),
            }
        }
    }

    /// Handles a notice: the address of a member leads to another role or cluster.
    pub(super) fn hear_notice(&mut self, datagram: &Datagram, opened: &Opened<'_>) {
        self.counters.foreign.add(1);
        let Ok(notice) = opened.message::<Notice>() else { return };
        if let Some(admission) = &mut self.admission {
            admission.hear_of(&notice.cluster);
        }
        if self.warnings.allows(self.environment.now()) {
            let words = notice.in_words("a member", self.me.cluster());
            tracing::warn!(at = %datagram.from, "{words}");
        }
    }
}
