//! Reports of datagrams that the system drops before the host receives them, so that nothing is dropped in
//! silence.

use std::time::{Duration, Instant};

use super::super::udp::{Network, Transport};

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// The time for which the system's figures are cached: reading them takes milliseconds on a machine with many
/// sockets.
const GOOD: Duration = Duration::from_secs(1);
/// The least number of incomplete frames that is reported; any network loses a few.
const MANY: u64 = 10;

/// Looks from time to time for datagrams that the system has dropped, and for incomplete frames.
#[derive(Debug)]
pub(super) struct Drops {
    looks_at: Instant,
    /// The last figures of the system, and their time.
    said: (Network, Instant),
    dropped: u64,
    incomplete: u64,
}

impl Drops {
    /// Counts from the number of datagrams dropped so far.
    pub(super) fn new(network: Network, now: Instant) -> Self {
        let dropped = network.dropped.unwrap_or_default();
        Drops { looks_at: now + EVERY, said: (network, now), dropped, incomplete: 0 }
    }

    /// The system's figures on the network, at most [`GOOD`] old.
    pub(super) fn network(&mut self, transport: &impl Transport, now: Instant) -> Network {
        if now >= self.said.1 + GOOD {
            self.said = (transport.network(), now);
        }
        self.said.0
    }

    /// Words about datagrams dropped and frames incomplete since the last look, if there are any and it is
    /// time to look. `incomplete` is the number of all incomplete frames so far.
    pub(super) fn look(
        &mut self,
        transport: &impl Transport,
        incomplete: u64,
        now: Instant,
    ) -> impl Iterator<Item = String> {
        let due = now >= self.looks_at;
        let words = if due {
            [self.dropped(transport, now), self.incomplete(incomplete)]
        } else {
            [None, None]
        };
        if due {
            self.looks_at = now + EVERY;
        }
        words.into_iter().flatten()
    }

    fn dropped(&mut self, transport: &impl Transport, now: Instant) -> Option<String> {
        let Network { buffer, buffer_wanted, dropped, .. } = self.network(transport, now);
        let more = dropped?.checked_sub(self.dropped).filter(|more| *more > 0)?;
        self.dropped += more;
        let (kib, wanted) = (buffer >> 10, buffer_wanted);
        let advice = match buffer < wanted {
            true => format!(
                "allow a larger one with sysctl -w net.core.rmem_max={wanted}, and start the node again"
            ),
            false => "more comes than this machine can take".to_owned(),
        };
        Some(format!(
            "the system dropped {more} datagrams in {} s, most likely as the receive buffer of {kib} KiB was \
             full: {advice}",
            EVERY.as_secs()
        ))
    }

    fn incomplete(&mut self, incomplete: u64) -> Option<String> {
        let more = incomplete.saturating_sub(std::mem::replace(&mut self.incomplete, incomplete));
        (more >= MANY).then(|| {
            format!(
                "{more} messages came without all of their parts in {} s: the network loses some. If it \
                 loses all that are large, write less than {} as datagram into [network] of the file, at \
                 every member and client",
                EVERY.as_secs(),
                self.said.0.datagram
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::net::SocketAddr;

    use stateright::actor::Id;

    use super::*;

    struct Dropping(Cell<Option<u64>>, usize);

    // Not moved to another thread here.
    impl Transport for Dropping {
        fn id(&self, _: SocketAddr) -> Id {
            Id::from(0)
        }

        fn send(&self, _: Id, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn network(&self) -> Network {
            Network {
                datagram: 1400,
                buffer_wanted: 4 << 20,
                buffer: self.1,
                dropped: self.0.get(),
            }
        }
    }

    #[test]
    fn what_is_dropped_is_told_once_and_what_to_do_depends_on_the_buffer() {
        let (transport, start) = (Dropping(Cell::new(Some(7)), 208 << 10), Instant::now());
        let mut drops = Drops::new(transport.network(), start);
        let mut look = |at: u64, incomplete: u64| -> String {
            drops.look(&transport, incomplete, start + Duration::from_secs(at)).collect()
        };
        assert_eq!(look(11, 0), "");
        transport.0.set(Some(10));
        assert_eq!(look(12, 0), "", "too early");
        let words = look(22, 0);
        assert!(
            words.contains("dropped 3 datagrams") && words.contains("rmem_max=4194304"),
            "{words}"
        );
        assert_eq!(look(33, MANY - 1), "", "so many are lost anywhere");
        let words = look(44, 2 * MANY - 1);
        assert!(words.starts_with("10 messages") && words.contains("less than 1400"), "{words}");
        for (at, dropped) in [(60, None), (80, Some(2))] {
            transport.0.set(dropped);
            assert_eq!(look(at, 2 * MANY - 1), "");
        }
        let wide = Dropping(Cell::new(Some(1)), 4 << 20);
        let mut drops =
            Drops { looks_at: start, said: (wide.network(), start), dropped: 0, incomplete: 0 };
        let words: String = drops.look(&wide, 0, start).collect();
        assert!(words.contains("more comes"), "{words}");
    }

    /// Frequent questions do not cause frequent reads from the system.
    #[test]
    fn the_system_is_asked_once_a_second() {
        let (transport, start) = (Dropping(Cell::new(Some(7)), 1), Instant::now());
        let mut drops = Drops::new(transport.network(), start);
        transport.0.set(Some(8));
        let mut dropped = |after| drops.network(&transport, start + after).dropped;
        assert_eq!(dropped(GOOD / 2), Some(7));
        assert_eq!(dropped(GOOD * 2), Some(8));
    }
}
