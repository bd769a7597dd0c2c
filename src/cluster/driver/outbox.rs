//! What sessions have to send: packed in frames, one after another for each leader.

use std::collections::BTreeMap;

use super::SessionKey;
use crate::cluster::net::Net;
use crate::paxos::{LeaderId, Message};
use crate::runtime::party::Party;
use crate::runtime::wire::{Frame, WireError};

/// Messages that were not sent yet, but for those that have filled a frame.
#[derive(Debug, Default)]
pub(super) struct Outbox(BTreeMap<LeaderId, Outgoing>);

/// Messages for one leader.
#[derive(Debug)]
struct Outgoing {
    frame: Frame,
    /// The sessions that they are from.
    from: Vec<SessionKey>,
    /// False if a frame cannot have come there.
    is_sent: bool,
}

impl Outbox {
    /// Adds a message. A frame that is full is sent.
    pub(super) fn push(
        &mut self,
        net: &Net,
        from: SessionKey,
        (leader, message): (LeaderId, &Message),
    ) -> Result<(), WireError> {
        let to = Party::Leader(leader);
        let new = || Outgoing {
            frame: Frame::new(net.me().header(to, 0), net.bundle()),
            from: Vec::new(),
            is_sent: true,
        };
        let outgoing = self.0.entry(leader).or_insert_with(new);
        outgoing.from.push(from);
        if let Some(full) = outgoing.frame.push(message)? {
            outgoing.is_sent &= net.send(to, &full);
        }
        Ok(())
    }

    /// Sends all that is left. Hands out each session that has sent something, and true if it can have
    /// come there.
    pub(super) fn flush(&mut self, net: &Net, mut sent: impl FnMut(SessionKey, bool)) {
        for (leader, Outgoing { frame, from, mut is_sent }) in std::mem::take(&mut self.0) {
            if let Some(bytes) = frame.finish() {
                is_sent &= net.send(Party::Leader(leader), &bytes);
            }
            from.into_iter().for_each(|session| sent(session, is_sent));
        }
    }
}
