//! A client that asks for one thing after another, and never leaves one guessing.
//!
//! However often it is sent, a request keeps its name, so that it is applied once. Reads are requests
//! like any other: they go through the log, and so they are linearizable.

use std::sync::Arc;
use std::time::Duration;

use super::config::ClusterConfig;
use super::driver::{ClientError, Driver, Ended, SessionKey};
use super::net::Net;
use crate::paxos::{Handle, LeaderId, Outcome, RequestId};

/// Nobody waits longer than this: a year.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A client of a cluster. It has no thread: whoever asks drives it.
#[derive(Debug)]
pub struct Client {
    driver: Driver,
    session: SessionKey,
    last: Option<RequestId>,
}

impl Client {
    /// A client of this cluster, with a name that nobody else has.
    pub fn new(config: &ClusterConfig) -> Result<Self, ClientError> {
        Client::over(Arc::new(Net::new(config)?), config)
    }

    /// A client of this cluster by this network.
    pub(crate) fn over(net: Arc<Net>, config: &ClusterConfig) -> Result<Self, ClientError> {
        let mut driver = Driver::new(net, config);
        let session = driver.new_session()?;
        Ok(Client { driver, session, last: None })
    }

    /// Asks for a command to be applied, and waits for the outcome, no longer than `within`.
    pub fn propose(&mut self, command: &[u8], within: Duration) -> Result<Outcome, ClientError> {
        let deadline = self.driver.now() + within.min(LONGEST);
        let handle = self.driver.propose(self.session, command.into(), deadline)?;
        self.wait(handle)
    }

    /// Asks what became of a request, and for it to be done if it was not: the same command under its
    /// old name, so that it is applied once. It may have been made by another client, also by one in
    /// another process that has ended.
    ///
    /// It must be the very command that the request was made with. If the cluster has forgotten the
    /// request by now, the outcome is unknown, and stays so.
    pub fn ask_again(
        &mut self,
        request: RequestId,
        command: &[u8],
        within: Duration,
    ) -> Result<Outcome, ClientError> {
        let deadline = self.driver.now() + within.min(LONGEST);
        let handle = self.driver.resume(self.session, (request, command.into()), deadline)?;
        self.wait(handle)
    }

    /// A name for a request that is not asked for yet. Whoever writes it down before it asks by
    /// [`ask_again`](Self::ask_again) can ask again whatever happens, to either side, and have the command
    /// applied once. It is good for a [`lease`](crate::paxos::Limits::lease) from now on.
    pub fn name(&mut self, within: Duration) -> Result<RequestId, ClientError> {
        let deadline = self.driver.now() + within.min(LONGEST);
        let (session, handle) = self.driver.name(deadline)?;
        loop {
            while let Some((named, id)) = self.driver.next_named() {
                if named == handle {
                    return Ok(id);
                }
            }
            while let Some(Ended { session: key, settled, .. }) = self.driver.next_ended() {
                if let Outcome::Rejected(reason) = settled.outcome
                    && (key, settled.handle) == (session, handle)
                {
                    return Err(ClientError::Unnamed(reason));
                }
            }
            self.driver.turn(self.driver.now() + LONGEST)?;
        }
    }

    fn wait(&mut self, handle: Handle) -> Result<Outcome, ClientError> {
        self.last = None;
        loop {
            while let Some(Ended { session: key, settled, .. }) = self.driver.next_ended() {
                if (key, settled.handle) == (self.session, handle) {
                    self.last = settled.id;
                    return Ok(settled.outcome);
                }
            }
            self.driver.turn(self.driver.now() + LONGEST)?;
        }
    }

    /// The name of the last request; none if it was never sent. Asked again under it, by any client, the
    /// command is applied once.
    pub fn last_request(&self) -> Option<RequestId> {
        self.last
    }

    /// The leader that requests go to.
    pub fn leader(&self) -> LeaderId {
        self.driver.leader(self.session).unwrap_or_default()
    }

    /// Words about somebody who is where a leader of this cluster should be, if one was heard.
    pub fn stranger(&self) -> Option<&str> {
        self.driver.stranger()
    }

    /// Words about names in the file that have no address now; none if all have one.
    pub fn without_address(&self) -> Option<String> {
        let hosts = self.driver.net().without_address();
        (!hosts.is_empty()).then(|| format!("no address is known of {}", hosts.join(", ")))
    }
}
