//! What the system drops before the host can hear it is told of, so that nothing is dropped in silence.

use std::time::{Duration, Instant};

use super::super::udp::{Network, Outlet};

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(10);

/// Looks now and then for datagrams that the system has dropped.
#[derive(Debug)]
pub(super) struct Drops {
    looks_at: Instant,
    seen: u64,
}

impl Drops {
    /// Counts from what was dropped by now.
    pub(super) fn new(network: Network) -> Self {
        Drops { looks_at: Instant::now() + EVERY, seen: network.dropped.unwrap_or_default() }
    }

    /// Words about what was dropped since the last look; none if nothing was, or it is too early to look.
    pub(super) fn look(&mut self, outlet: &impl Outlet, now: Instant) -> Option<String> {
        if now < self.looks_at {
            return None;
        }
        self.looks_at = now + EVERY;
        let Network { buffer, buffer_wanted, dropped, .. } = outlet.network();
        let more = dropped?.checked_sub(self.seen).filter(|more| *more > 0)?;
        self.seen += more;
        let (kib, wanted) = (buffer >> 10, buffer_wanted);
        let advice = match buffer < wanted {
            true => format!(
                "allow a larger one with sysctl -w net.core.rmem_max={wanted}, and start the node again"
            ),
            false => "more comes than this machine can take".to_owned(),
        };
        Some(format!(
            "the system dropped {more} datagrams in {} s, as the receive buffer of {kib} KiB was full: \
             {advice}",
            EVERY.as_secs()
        ))
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

    // It is moved to no other thread here.
    impl Outlet for Dropping {
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
        let (outlet, start) = (Dropping(Cell::new(Some(7)), 208 << 10), Instant::now());
        let mut drops = Drops::new(outlet.network());
        let mut look = |at: u64| drops.look(&outlet, start + Duration::from_secs(at));
        assert_eq!(look(11), None);
        outlet.0.set(Some(10));
        assert_eq!(look(12), None, "too early");
        let words = look(22).unwrap();
        assert!(
            words.contains("dropped 3 datagrams") && words.contains("rmem_max=4194304"),
            "{words}"
        );
        assert_eq!(look(33), None);
        for dropped in [None, Some(2)] {
            outlet.0.set(dropped);
            assert_eq!(look(60), None);
        }
        let wide = Dropping(Cell::new(Some(1)), 4 << 20);
        let words = Drops { looks_at: start, seen: 0 }.look(&wide, start).unwrap();
        assert!(words.contains("more comes"), "{words}");
    }
}
