//! An adversarial network: a source that loses, repeats, delays and reorders the datagrams that come in.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::runtime::counters::Counter;
use crate::runtime::pump::{Received, Source};
use crate::runtime::udp::{PATIENCE, Udp};

/// One in this many datagrams is lost, and one in this many is repeated.
const ODDS: u32 = 10;

/// The most datagrams that are held back.
const HELD: usize = 256;

/// The time that the next datagram is waited for while others are held back.
const GLANCE: Duration = Duration::from_millis(1);

/// A source that holds datagrams back, and gives out a random one of them, or none.
#[derive(Debug)]
pub(super) struct Adversary {
    socket: Arc<Udp>,
    impairment: Mutex<Impairment>,
    counts: Arc<AdversaryCounts>,
}

/// The counters of all adversaries of a cluster together.
#[derive(Debug, Default)]
pub(super) struct AdversaryCounts {
    /// The number of datagrams lost.
    pub lost: Counter,
    /// The number of datagrams repeated.
    pub repeated: Counter,
    /// The number of datagrams given out after a later one.
    pub overtaken: Counter,
}

#[derive(Debug)]
struct Impairment {
    random: fastrand::Rng,
    held: Vec<(SocketAddr, Vec<u8>)>,
}

impl Adversary {
    /// An adversary in front of a socket. The same seed makes the same choices.
    pub(super) fn new(socket: Arc<Udp>, seed: u64, counts: Arc<AdversaryCounts>) -> Self {
        let impairment = Impairment { random: fastrand::Rng::with_seed(seed), held: Vec::new() };
        Adversary { socket, impairment: Mutex::new(impairment), counts }
    }
}

impl Source for Adversary {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        // Only the reader thread ever locks this.
        let mut impairment = self.impairment.lock().unwrap_or_else(PoisonError::into_inner);
        if impairment.held.len() < HELD {
            self.socket.set_patience(if impairment.held.is_empty() { PATIENCE } else { GLANCE })?;
            if let Received::Datagram(length, from) = self.socket.receive(buffer)? {
                let bytes = buffer.get(..length).unwrap_or_default();
                impairment.take(from, bytes, &self.counts);
            }
        }
        Ok(impairment.give(buffer, &self.counts))
    }

    fn wake(&self) {
        self.socket.wake();
    }
}

impl Impairment {
    fn take(&mut self, from: SocketAddr, bytes: &[u8], counts: &AdversaryCounts) {
        let copies = match self.random.u32(..ODDS) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        match copies {
            0 => counts.lost.add(1),
            2 => counts.repeated.add(1),
            _ => {}
        }
        self.held.extend(std::iter::repeat_n((from, bytes.to_vec()), copies));
    }

    fn give(&mut self, buffer: &mut [u8], counts: &AdversaryCounts) -> Received {
        if self.held.is_empty() || (self.held.len() < HELD && self.random.bool()) {
            return Received::Nothing;
        }
        let at = self.random.usize(..self.held.len());
        counts.overtaken.add(u64::from(at > 0));
        let (from, bytes) = self.held.remove(at);
        let Some(room) = buffer.get_mut(..bytes.len()) else { return Received::Nothing };
        room.copy_from_slice(&bytes);
        Received::Datagram(bytes.len(), from)
    }
}
