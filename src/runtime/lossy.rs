//! A lossy network for experiments: partitions and losses between named members. It sits between a socket and
//! its reader, so it works on any system.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::addresses::canonical;
use super::environment::Random;
use super::pump::{Received, Source};

/// The probability of losing a datagram, by source address. May be changed at any time.
#[derive(Debug)]
pub struct Losses {
    percent: Mutex<BTreeMap<SocketAddr, u8>>,
    random: Arc<dyn Random>,
}

impl Losses {
    /// No losses yet. What is lost later, this decides.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Losses { percent: Mutex::default(), random }
    }

    /// Sets the percentage of datagrams from this address that are lost.
    pub fn set(&self, from: SocketAddr, percent: u8) {
        self.percent().insert(canonical(from), percent);
    }

    fn loses(&self, from: SocketAddr) -> bool {
        let percent = self.percent().get(&canonical(from)).copied();
        percent.is_some_and(|percent| 100.0 * self.random.fraction() < f64::from(percent))
    }

    fn percent(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, u8>> {
        self.percent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source that loses datagrams.
#[derive(Debug)]
pub struct Lossy<S> {
    source: Arc<S>,
    losses: Arc<Losses>,
}

impl<S: Source> Lossy<S> {
    /// A lossy layer before a source.
    pub fn new(source: Arc<S>, losses: Arc<Losses>) -> Self {
        Lossy { source, losses }
    }
}

impl<S: Source> Source for Lossy<S> {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let received = self.source.receive(buffer)?;
        match received {
            Received::Datagram(_, from) if self.losses.loses(from) => Ok(Received::Nothing),
            _ => Ok(received),
        }
    }

    fn wake(&self) {
        self.source.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::SystemRandom;
    use super::*;

    /// A source that gives out datagrams from ports 1 and 2 in turn.
    struct Two(Mutex<u16>);

    impl Source for Two {
        fn receive(&self, _: &mut [u8]) -> io::Result<Received> {
            let mut turn = self.0.lock().unwrap();
            *turn = 3 - *turn;
            Ok(Received::Datagram(1, SocketAddr::from(([127, 0, 0, 1], *turn))))
        }

        fn wake(&self) {}
    }

    #[test]
    fn what_is_lost_goes_by_who_sent_it() {
        let losses = Arc::new(Losses::new(Arc::new(SystemRandom)));
        let lossy = Lossy::new(Arc::new(Two(Mutex::new(2))), Arc::clone(&losses));
        let port = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let heard = |from: u16| {
            let all = (0..2000).map(|_| lossy.receive(&mut []).unwrap());
            all.filter(|r| matches!(r, Received::Datagram(_, at) if *at == port(from))).count()
        };
        assert_eq!((heard(1), heard(2)), (1000, 1000));
        losses.set(port(1), 100);
        assert_eq!((heard(1), heard(2)), (0, 1000));
        losses.set(port(1), 20);
        assert!((700..900).contains(&heard(1)));
        losses.set(port(1), 0);
        assert_eq!(heard(1), 1000);
    }

    /// An IPv6 socket reports IPv4 senders by mapped addresses.
    #[test]
    fn an_address_is_the_same_by_both_versions_of_ip() {
        let (v4, mapped) = ("192.0.2.1:7101", "[::ffff:192.0.2.1]:7101");
        let other = "[::ffff:192.0.2.2]:7101".parse().unwrap();
        for (told, from) in [(v4, mapped), (mapped, v4), (v4, v4), (mapped, mapped)] {
            let losses = Losses::new(Arc::new(SystemRandom));
            losses.set(told.parse().unwrap(), 100);
            assert!(losses.loses(from.parse().unwrap()), "{told} {from}");
            assert!(!losses.loses(other));
        }
    }
}
