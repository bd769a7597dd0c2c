//! A simulated environment: virtual time, and chance by a seed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::runtime::environment::{Clock, Environment, Random};
use crate::runtime::journal::folder::SystemFiles;

/// A clock that goes on only when it is told to.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    base: Instant,
    nanos: Arc<AtomicU64>,
}

impl Default for VirtualClock {
    fn default() -> Self {
        VirtualClock { base: Instant::now(), nanos: Arc::default() }
    }
}

impl VirtualClock {
    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.base + self.elapsed()
    }
}

/// Chance by a seed.
#[derive(Debug)]
pub(crate) struct Seeded(Mutex<fastrand::Rng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Seeded(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for Seeded {
    fn unique(&self) -> io::Result<u128> {
        Ok(self.0.lock().unwrap().u128(..))
    }

    fn fraction(&self) -> f64 {
        self.0.lock().unwrap().f64()
    }
}

/// An environment in which time passes by this clock, with the files of the system.
pub(crate) fn environment(clock: &VirtualClock, seed: u64) -> Environment {
    let (clock, random) = (Arc::new(clock.clone()), Arc::new(Seeded::new(seed)));
    Environment::new(clock, random, Arc::new(SystemFiles))
}
