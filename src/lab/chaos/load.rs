//! The load: clients that ask for the commands of a workload, and record each answer with its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::verdict::{Exchange, Told};
use super::workload::Workload;
use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::paxos::{LeaderId, Outcome};

/// The time that a client waits between an answer and its next question. It keeps the history of a long
/// experiment small.
const REST: Duration = Duration::from_millis(1);
/// The time that a client waits for an answer before it counts the outcome as unknown.
const PATIENCE: Duration = Duration::from_secs(2);

/// An acknowledgement of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    /// The time at which the command was asked for first.
    pub(super) asked: Instant,
    /// The time of the answer.
    pub(super) at: Instant,
    /// The leader that answered, as far as the client knows.
    pub(super) by: LeaderId,
}

/// Clients at work.
#[derive(Debug)]
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<Vec<Exchange>, ClientError>>>,
    pub(super) acknowledged: Receiver<Acknowledged>,
}

impl Load {
    /// Starts this many clients.
    pub(super) fn start(
        config: &ClusterConfig,
        clients: u64,
        workload: &impl Workload,
        seed: u64,
    ) -> Result<Self, ClientError> {
        let (stop, (tell, acknowledged)) = (Arc::new(AtomicBool::new(false)), unbounded());
        let start = Instant::now();
        let worker = |number: u64| {
            let random = fastrand::Rng::with_seed(seed.wrapping_add(number));
            let worker = Worker {
                client: Client::new(config)?,
                number,
                workload: workload.clone(),
                random,
                start,
                tell: tell.clone(),
            };
            let stop = Arc::clone(&stop);
            Ok(thread::Builder::new()
                .name(format!("synod-client-{number}"))
                .spawn(move || worker.work(&stop))?)
        };
        let clients = (0..clients).map(worker).collect::<Result<_, ClientError>>()?;
        Ok(Load { stop, clients, acknowledged })
    }

    /// Lets all clients finish their current request, and returns their records; `None` if a client has
    /// panicked.
    pub(super) fn finish(mut self) -> Result<Option<Vec<Exchange>>, ClientError> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for client in std::mem::take(&mut self.clients) {
            let Ok(asked) = client.join() else { return Ok(None) };
            all.extend(asked?);
        }
        Ok(Some(all))
    }
}

/// Stops the clients when the load is dropped.
impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Worker<W> {
    client: Client,
    number: u64,
    workload: W,
    random: fastrand::Rng,
    start: Instant,
    tell: Sender<Acknowledged>,
}

impl<W: Workload> Worker<W> {
    fn work(mut self, stop: &AtomicBool) -> Result<Vec<Exchange>, ClientError> {
        let mut all = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            all.push(self.ask(all.len() as u64)?);
            thread::sleep(REST);
        }
        Ok(all)
    }

    /// Asks for the command of this number.
    fn ask(&mut self, number: u64) -> Result<Exchange, ClientError> {
        let random = &mut self.random;
        let mut draw = |below: u64| random.u64(..below.max(1));
        let command = self.workload.command(self.number, number, &mut draw);
        let (since, asked) = (Instant::now(), self.now());
        let outcome = self.client.propose(&command, PATIENCE)?;
        let answered = self.now();
        let told = match outcome {
            Outcome::Done(done) => {
                let by = self.client.leader();
                // Nobody may be listening any more.
                let _ = self.tell.send(Acknowledged { asked: since, at: Instant::now(), by });
                self.workload.on_answer(&done.answer);
                Told::Done(done)
            }
            Outcome::Rejected(_) => Told::Rejected,
            Outcome::Unknown(_) => Told::Unknown,
        };
        let (client, id) = (self.number, self.client.last_request());
        Ok(Exchange { client, command, asked, answered, id, told })
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}
