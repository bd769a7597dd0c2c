//! The environment of a member: time, randomness and files. By default they are the system's; a simulator
//! provides its own, to run the same code in one thread and in virtual time, by a seed.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::journal::folder::{FileSystem, Folder, SystemFiles};

/// A monotonic clock.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Instant;
}

/// A source of randomness.
pub trait Random: Debug + Send + Sync {
    /// A unique number of 128 bits, to name something. It must not depend on the time, so that it differs
    /// between machines that start at once.
    fn unique(&self) -> io::Result<u128>;

    /// A number in `0.0..1.0`. Only timing may depend on it.
    fn fraction(&self) -> f64;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// The randomness of the system.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn unique(&self) -> io::Result<u128> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(u128::from_le_bytes(bytes))
    }

    fn fraction(&self) -> f64 {
        // The system has no such thing as no random number, once it has started; if it had, half is a timer's
        // middle.
        let bits = getrandom::u64().unwrap_or(1 << 63);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The clock, randomness and files of one member.
#[derive(Clone, Debug)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    files: Arc<dyn FileSystem>,
}

impl Environment {
    /// An environment of these parts.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, files: Arc<dyn FileSystem>) -> Self {
        Environment { clock, random, files }
    }

    /// The environment of the operating system.
    pub fn system() -> Self {
        Environment::new(Arc::new(SystemClock), Arc::new(SystemRandom), Arc::new(SystemFiles))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A unique number of 128 bits: see [`Random::unique`].
    pub fn unique(&self) -> io::Result<u128> {
        self.random.unique()
    }

    /// A number in `0.0..1.0`: see [`Random::fraction`].
    pub fn fraction(&self) -> f64 {
        self.random.fraction()
    }

    /// Makes a folder: see [`FileSystem::create`].
    pub fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.files.create(path)
    }

    /// Locks a folder: see [`FileSystem::lock`].
    pub fn lock_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        self.files.lock(path)
    }

    /// Opens a folder without its lock: see [`FileSystem::look`].
    pub fn look_at_folder(&self, path: &Path) -> Box<dyn Folder> {
        self.files.look(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_drawn_of_all_bits() {
        let drawn: Vec<u128> = (0..64).map(|_| SystemRandom.unique().unwrap()).collect();
        let (some, all) = drawn.iter().fold((0, u128::MAX), |(or, and), it| (or | it, and & it));
        assert_eq!((some, all), (u128::MAX, 0), "each bit is drawn as 0 and as 1");
    }

    #[test]
    fn fractions_spread_over_the_whole_range_and_stay_in_it() {
        let drawn: Vec<f64> = (0..1000).map(|_| SystemRandom.fraction()).collect();
        assert!(drawn.iter().all(|it| (0.0..1.0).contains(it)));
        assert!(drawn.iter().any(|it| *it < 0.1) && drawn.iter().any(|it| *it > 0.9));
    }
}
