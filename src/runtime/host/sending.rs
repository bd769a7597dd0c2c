//! The sending side of a host: messages to one destination share frames.

use std::collections::BTreeMap;

use stateright::actor::Id;

use super::super::handshake::Admission;
use super::super::journal::Journal;
use super::super::party::Party;
use super::super::udp::Transport;
use super::super::wire::{Encoded, Frame, Framed, Header, WireError, encode_one};
use super::{Host, HostedActor};
use crate::paxos::Message;

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// Sends messages to the same destination together, in order.
    pub(super) fn send(&self, sends: Vec<(Id, Message)>) {
        let mut frames: BTreeMap<Id, Frame> = BTreeMap::new();
        // A broadcast message is encoded once.
        let mut last: Option<(Message, Encoded<Message>)> = None;
        for (to, message) in sends {
            let encoded = match last.take() {
                Some(same) if same.0 == message => Ok(same),
                _ => Encoded::new(&message).map(|encoded| (message, encoded)),
            };
            match encoded {
                Ok(encoded) => {
                    let new = || Frame::new(self.header(to), self.bundle);
                    let frame = frames.entry(to).or_insert_with(new);
                    let full = frame.push_encoded(&encoded.1);
                    full.into_iter().for_each(|bytes| self.send_frame(to, &bytes));
                    last = Some(encoded);
                }
                Err(error) => self.cannot_send(to, &error),
            }
        }
        for (to, frame) in frames {
            frame.finish().into_iter().for_each(|bytes| self.send_frame(to, &bytes));
        }
    }

    fn header(&self, to: Id) -> Header {
        let sync = self.pace.own().as_millis() as u16; // SLOWEST fits
        let life = self.admission.as_ref().map_or(0, Admission::life);
        Header { life, sync, ..self.me.header(Party::of(to), self.journal.age()) }
    }

    pub(super) fn send_one(&self, to: Id, message: &impl Framed) {
        match encode_one(self.header(to), message) {
            Ok(bytes) => self.send_frame(to, &bytes),
            Err(error) => self.cannot_send(to, &error),
        }
    }

    pub(super) fn cannot_send(&self, to: Id, error: &WireError) {
        tracing::error!(%to, %error, "cannot send");
        self.counters.unsent.add(1);
    }

    pub(super) fn send_frame(&self, to: Id, bytes: &[u8]) {
        match self.transport.send(to, bytes) {
            Ok(()) => self.counters.sent.add(1),
            Err(error) => {
                tracing::debug!(%to, %error, "the system would not send");
                self.counters.unsent.add(1);
            }
        }
    }
}
