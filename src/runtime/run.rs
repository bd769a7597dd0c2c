//! Runs one member on a thread of its own, over a real socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::adversary::{Adversary, AdversaryCounts};
use super::counters::Counters;
use super::host::{Host, HostError, Member};
use super::journal::Journal;
use super::pump::{End, Pump, Source, Stopper};
use super::threads::Native;
use super::udp::Udp;
use crate::paxos::{State, Storage};

/// How many datagrams may wait between the socket and the actor.
pub const QUEUE: usize = 4 * 1024;

/// A network that misbehaves: the seed of its choices, and where it counts them.
#[derive(Clone, Debug)]
pub struct Mischief {
    /// The same seed makes the same choices.
    pub seed: u64,
    /// What it has done.
    pub counts: Arc<AdversaryCounts>,
}

/// A member that is running.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: Stop,
    /// None once it was waited for.
    thread: Option<JoinHandle<Ended>>,
    ended: Receiver<()>,
}

/// How a member ended.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub end: End<HostError>,
    /// What it knew; none if it could not even start.
    pub state: Option<State>,
}

#[derive(Debug)]
enum Stop {
    Plain(Stopper<Native, Udp>),
    Adversarial(Stopper<Native, Adversary>),
}

/// Runs a member on this socket, with what it saved in earlier lives.
pub fn run<A: Member>(
    actor: A,
    socket: Arc<Udp>,
    storage: Option<Storage>,
    journal: impl Journal + 'static,
    mischief: Option<Mischief>,
) -> io::Result<Running> {
    let (address, counters) = (socket.address(), Arc::new(Counters::default()));
    let name = format!("synod-{}", actor.name());
    let outlet = Arc::clone(&socket);
    let counted = Arc::clone(&counters);
    let (alive, ended) = bounded(0);
    let start = move || Host::start(outlet.id(), actor, storage, (outlet, journal), counted);
    let (stop, thread) = match mischief {
        None => {
            let pump = Pump::new(socket, QUEUE, Arc::clone(&counters));
            (Stop::Plain(pump.stopper()), on_thread(name, pump, start, alive)?)
        }
        Some(Mischief { seed, counts }) => {
            let source = Arc::new(Adversary::new(socket, seed, counts));
            let pump = Pump::new(source, QUEUE, Arc::clone(&counters));
            (Stop::Adversarial(pump.stopper()), on_thread(name, pump, start, alive)?)
        }
    };
    Ok(Running { address, counters, stop, thread: Some(thread), ended })
}

fn on_thread<A: Member, S: Source, J: Journal + 'static>(
    name: String,
    pump: Pump<Native, S>,
    start: impl FnOnce() -> Result<Host<A, Arc<Udp>, J>, HostError> + Send + 'static,
    alive: Sender<()>,
) -> io::Result<JoinHandle<Ended>> {
    let body = move || {
        let ended = live(pump, start);
        drop(alive);
        ended
    };
    thread::Builder::new().name(name).spawn(body)
}

fn live<A: Member, S: Source, J: Journal + 'static>(
    pump: Pump<Native, S>,
    start: impl FnOnce() -> Result<Host<A, Arc<Udp>, J>, HostError>,
) -> Ended {
    match start() {
        Err(error) => Ended { end: End::Turn(error), state: None },
        Ok(mut host) => {
            let end = pump.run(&mut host);
            Ended { end, state: Some(host.into_state()) }
        }
    }
}

impl Running {
    /// Where it can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Is closed when it has ended, for whatever reason.
    pub fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    /// Stops it, and waits until it has dealt with what it had taken; none if it panicked.
    pub fn stop(mut self) -> Option<Ended> {
        self.stop.stop();
        self.thread.take()?.join().ok()
    }
}

/// Whoever lets go of a running member stops it.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Stop {
    fn stop(&self) {
        match self {
            Stop::Plain(stopper) => stopper.stop(),
            Stop::Adversarial(stopper) => stopper.stop(),
        }
    }
}
