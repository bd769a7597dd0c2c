//! Many clients at one socket, each with a session of its own and one request at a time: load for
//! measurements. What they ask at the same time shares datagrams.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::{ClientError, Driver, Ended, SessionKey};
use crate::cluster::net::Net;
use crate::paxos::{Outcome, Rejected, RequestId, Unknown};

/// Clients that ask for one thing after another.
#[derive(Debug)]
pub struct LoadGenerator {
    driver: Driver,
    clients: Vec<SessionKey>,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Settled {
    /// Its name; none if it was never sent.
    pub id: Option<RequestId>,
    /// From the question to the end.
    pub latency: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// The outcomes of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They were applied.
    pub done: u64,
    /// They were not applied, and never will be.
    pub rejected: u64,
    /// They may have been applied.
    pub unknown: u64,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(_) => self.done += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.done + self.rejected + self.unknown
    }
}

/// True if it was waited for in vain.
fn is_given_up(outcome: &Outcome) -> bool {
    let unsent = [Rejected::Unreachable, Rejected::NoPrimary, Rejected::NoRoom];
    match outcome {
        Outcome::Rejected(reason) => unsent.contains(reason),
        Outcome::Unknown(reason) => *reason == Unknown::Silence,
        Outcome::Done(_) => false,
    }
}

impl LoadGenerator {
    /// So many clients of a cluster.
    pub fn new(config: &ClusterConfig, clients: usize) -> Result<Self, ClientError> {
        let mut driver = Driver::new(Arc::new(Net::new(config)?), config);
        let clients = (0..clients).map(|_| driver.new_session()).collect::<Result<_, _>>()?;
        Ok(LoadGenerator { driver, clients })
    }

    /// Lets all clients ask for `commands` one after another, and hands out what became of them as it
    /// is known. Each is waited for as long as `patience`. Once one was waited for in vain, the rest of the
    /// commands is not asked for.
    pub fn run(
        &mut self,
        commands: impl IntoIterator<Item = Vec<u8>>,
        patience: Duration,
        mut settled: impl FnMut(Settled),
    ) -> Result<Tally, ClientError> {
        let mut commands = commands.into_iter().fuse();
        let mut idle: VecDeque<SessionKey> = self.clients.iter().copied().collect();
        let (mut tally, mut goes_on) = (Tally::default(), true);
        loop {
            while goes_on
                && let Some(client) = idle.front().copied()
                && let Some(command) = commands.next()
            {
                let deadline = self.driver.now() + patience;
                self.driver.propose(client, command.into(), deadline)?;
                idle.pop_front();
            }
            if idle.len() == self.clients.len() {
                return Ok(tally);
            }
            self.driver.turn(self.driver.now() + patience)?;
            while let Some(Ended { session, settled: ended, took }) = self.driver.next_ended() {
                idle.push_back(session);
                tally.count(&ended.outcome);
                goes_on &= !is_given_up(&ended.outcome);
                settled(Settled { id: ended.id, latency: took, outcome: ended.outcome });
            }
        }
    }
}
