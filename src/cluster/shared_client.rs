//! A client that many threads and tasks share: one socket, one session, many requests at a time.
//!
//! One thread drives the session. Whoever asks puts the request in a queue, and wakes that thread unless
//! somebody else has just done so; so requests that come at the same time share datagrams.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::client::LONGEST;
use super::config::ClusterConfig;
use super::driver::{ClientError, Driver, Ended, SessionKey};
use super::net::Net;
use super::pending::{Pending, Settler, request};
use crate::paxos::{Handle, Outcome, Rejected, RequestId};

/// The most requests of a shared client that have not ended.
pub const MOST_REQUESTS: usize = 8192;

/// The most bytes of commands of a shared client that have not ended.
pub const MOST_BYTES: usize = 32 << 20;

/// A client of a cluster that many threads and tasks share. Clones are the same client.
///
/// ```no_run
/// # use std::time::Duration;
/// # use synod::{ClusterConfig, Outcome, SharedClient};
/// # async fn ask(config: ClusterConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let (client, within) = (SharedClient::new(&config)?, Duration::from_secs(5));
/// let (first, second) = (client.submit(b"one", within)?, client.submit(b"two", within)?);
/// assert!(matches!(first.await, Outcome::Done(_))); // a task awaits it
/// assert!(matches!(second.wait(), Outcome::Done(_))); // a thread waits for it
/// # Ok(())
/// # }
/// ```
///
/// Its thread ends when the last clone is dropped and all that was asked for has ended, which it has at its
/// deadline, at the latest.
#[derive(Clone, Debug)]
pub struct SharedClient(Arc<Owner>);

/// The owner of the queue, as long as somebody may ask.
#[derive(Debug)]
struct Owner(Arc<Queue>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.net.wake();
    }
}

/// Requests on their way to the thread.
#[derive(Debug)]
struct Queue {
    net: Arc<Net>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    submissions: VecDeque<Submission>,
    /// The requests that have not ended, in the queue and beyond.
    requests: usize,
    /// The bytes of their commands.
    bytes: usize,
    /// A wake-up of the thread is under way: it has not looked at the queue since.
    is_woken: bool,
    /// Nobody will ask any more.
    is_closed: bool,
    /// The reason why the thread has ended.
    failure: Option<String>,
}

/// A request that the thread does not know yet.
#[derive(Debug)]
struct Submission {
    /// The name that it goes by already, if it was asked before.
    id: Option<RequestId>,
    command: Arc<[u8]>,
    deadline: Instant,
    settler: Settler,
}

impl SharedClient {
    /// A client of this cluster, with a name that nobody else has.
    pub fn new(config: &ClusterConfig) -> Result<Self, ClientError> {
        SharedClient::over(Arc::new(Net::new(config)?), config)
    }

    /// A client of this cluster by this network.
    pub(crate) fn over(net: Arc<Net>, config: &ClusterConfig) -> Result<Self, ClientError> {
        let mut driver = Driver::new(Arc::clone(&net), config);
        let session = driver.new_session()?;
        let queue = Arc::new(Queue { net, state: Mutex::default() });
        let (waiting, submissions) = (BTreeMap::new(), VecDeque::new());
        let worker = Worker { driver, session, queue: Arc::clone(&queue), submissions, waiting };
        thread::Builder::new().name("synod-client".to_owned()).spawn(move || worker.run())?;
        Ok(SharedClient(Arc::new(Owner(queue))))
    }

    /// Asks for a command to be applied, and does not wait for the outcome; that comes within this time.
    ///
    /// An error says that the command was not taken on, and never will be applied: too much is unanswered
    /// ([`MOST_REQUESTS`], [`MOST_BYTES`]), or the network has failed for good.
    pub fn submit(&self, command: &[u8], within: Duration) -> Result<Pending, ClientError> {
        self.0.0.submit(None, command, within)
    }

    /// Asks what became of a request, and for it to be done if it was not: see
    /// [`Client::ask_again`](super::client::Client::ask_again). Its name is one that
    /// [`Pending::request`] or [`Client::name`](super::client::Client::name) gave.
    pub fn ask_again(
        &self,
        request: RequestId,
        command: &[u8],
        within: Duration,
    ) -> Result<Pending, ClientError> {
        self.0.0.submit(Some(request), command, within)
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(
        &self,
        id: Option<RequestId>,
        command: &[u8],
        within: Duration,
    ) -> Result<Pending, ClientError> {
        let deadline = self.net.now() + within.min(LONGEST);
        let mut state = self.state();
        if let Some(reason) = &state.failure {
            return Err(ClientError::Ended(reason.clone()));
        }
        if state.requests >= MOST_REQUESTS || state.bytes + command.len() > MOST_BYTES {
            return Err(ClientError::Full { requests: state.requests, bytes: state.bytes });
        }
        state.requests += 1;
        state.bytes += command.len();
        let (settler, pending) = request();
        state.submissions.push_back(Submission { id, command: command.into(), deadline, settler });
        let is_woken = std::mem::replace(&mut state.is_woken, true);
        drop(state);
        if !is_woken {
            self.net.wake();
        }
        Ok(pending)
    }

    /// Moves what was submitted to the thread. True if nobody will ask any more.
    fn take(&self, submissions: &mut VecDeque<Submission>) -> bool {
        let mut state = self.state();
        submissions.append(&mut state.submissions);
        state.is_woken = false;
        state.is_closed
    }

    /// A request has ended, whose command had so many bytes.
    fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.requests = state.requests.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(bytes);
    }
}

/// The thread that drives.
struct Worker {
    driver: Driver,
    session: SessionKey,
    queue: Arc<Queue>,
    submissions: VecDeque<Submission>,
    /// Whoever waits for a request, and the bytes of its command. There may be several, if a request is
    /// asked again while it is under way.
    waiting: BTreeMap<Handle, Vec<(Settler, usize)>>,
}

impl Worker {
    fn run(mut self) {
        if let Err(error) = self.work() {
            tracing::error!(%error, "a shared client ends");
            self.queue.state().failure = Some(error.to_string());
            self.queue.take(&mut self.submissions);
            for Submission { settler, .. } in self.submissions.drain(..) {
                settler.settle(None, Outcome::Rejected(Rejected::Unreachable));
            }
            if let Err(error) = self.driver.give_up() {
                tracing::debug!(%error, "some outcomes stay unknown");
            }
            self.settle();
        }
    }

    /// Drives until nobody asks any more, and nothing is unanswered.
    fn work(&mut self) -> Result<(), ClientError> {
        loop {
            let is_closed = self.queue.take(&mut self.submissions);
            while let Some(submission) = self.submissions.pop_front() {
                self.ask(submission)?;
            }
            if is_closed && self.waiting.is_empty() {
                return Ok(());
            }
            self.driver.turn(self.driver.now() + LONGEST)?;
            self.settle();
        }
    }

    fn ask(&mut self, submission: Submission) -> Result<(), ClientError> {
        let Submission { id, command, deadline, settler } = submission;
        let bytes = command.len();
        let handle = match id {
            Some(id) => self.driver.resume(self.session, (id, command), deadline)?,
            None => self.driver.propose(self.session, command, deadline)?,
        };
        self.waiting.entry(handle).or_default().push((settler, bytes));
        Ok(())
    }

    /// Tells whoever waits what has ended.
    fn settle(&mut self) {
        while let Some(Ended { settled, .. }) = self.driver.next_ended() {
            for (settler, bytes) in self.waiting.remove(&settled.handle).unwrap_or_default() {
                self.queue.release(bytes);
                settler.settle(settled.id, settled.outcome.clone());
            }
        }
    }
}

#[cfg(test)]
impl SharedClient {
    /// Stands for the client's thread: nothing is left of it once that has ended.
    pub(crate) fn thread(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.0.0)
    }
}
