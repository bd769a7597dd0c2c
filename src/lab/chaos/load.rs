//! The load: clients that put, get, delete and compare-and-set a few keys, and record each answer with its
//! time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::verdict::{Endpoint, Told};
use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::lab::linear::Operation;
use crate::machine::kv::{Bytes, KvCommand, KvReply};
use crate::paxos::{Answer, Done, LeaderId, Outcome};

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
    clients: Vec<JoinHandle<Result<Vec<Endpoint>, ClientError>>>,
    pub(super) acknowledged: Receiver<Acknowledged>,
}

impl Load {
    /// Starts this many clients.
    pub(super) fn start(
        config: &ClusterConfig,
        clients: u64,
        keys: u64,
        seed: u64,
    ) -> Result<Self, ClientError> {
        let (stop, (tell, acknowledged)) = (Arc::new(AtomicBool::new(false)), unbounded());
        let start = Instant::now();
        let worker = |number: u64| {
            let random = fastrand::Rng::with_seed(seed.wrapping_add(number));
            let worker = Worker {
                client: Client::new(config)?,
                number,
                keys,
                random,
                start,
                seen: None,
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
    pub(super) fn finish(mut self) -> Result<Option<Vec<Endpoint>>, ClientError> {
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

struct Worker {
    client: Client,
    number: u64,
    keys: u64,
    random: fastrand::Rng,
    start: Instant,
    /// The value seen last, to compare with.
    seen: Option<Bytes>,
    tell: Sender<Acknowledged>,
}

impl Worker {
    fn work(mut self, stop: &AtomicBool) -> Result<Vec<Endpoint>, ClientError> {
        let mut all = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let command = self.command(all.len());
            // A command of this size can always be sent.
            let Ok(payload) = command.encode() else { continue };
            let (asked, asked_at) = (Instant::now(), self.now());
            let outcome = self.client.propose(&payload, PATIENCE)?;
            let answered_at = self.now();
            // An answer without a reply is judged like an unknown outcome, except for its instance and
            // position.
            let reply = match &outcome {
                Outcome::Done(Done { answer: Answer::Reply(bytes), .. }) => KvReply::decode(bytes),
                _ => None,
            };
            let told = match outcome {
                Outcome::Done(done) => {
                    let by = self.client.leader();
                    // An error means that no receiver is left.
                    let _ = self.tell.send(Acknowledged { asked, at: Instant::now(), by });
                    Told::Done(done)
                }
                Outcome::Rejected(_) => Told::Rejected,
                Outcome::Unknown(_) => Told::Unknown,
            };
            if let Some(KvReply::Value(value) | KvReply::Differs(value)) = &reply {
                self.seen = value.clone();
            }
            let outcome = reply.map(|reply| (answered_at, reply));
            let client = self.number;
            let operation = Operation { client, command, start: asked_at, outcome };
            all.push(Endpoint { operation, id: self.client.last_request(), told });
            thread::sleep(REST);
        }
        Ok(all)
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// A random command. All written values differ, so that no answer is right by chance.
    fn command(&mut self, count: usize) -> KvCommand {
        let key = format!("key-{}", self.random.u64(..self.keys)).into_bytes();
        let value = format!("{}-{count}", self.number).into_bytes();
        match self.random.u8(..10) {
            0..4 => KvCommand::Put { key, value },
            4..8 => KvCommand::Get { key },
            8 => KvCommand::Delete { key },
            _ => KvCommand::CompareAndSet { key, expected: self.seen.clone(), value },
        }
    }
}
