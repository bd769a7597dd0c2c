//! Runs one member on a thread of its own, over a real socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};

use super::counters::Counters;
use super::environment::Environment;
use super::host::{Host, HostError, HostedActor, Ready};
use super::journal::Journal;
use super::pump::{End, Pump, Source};
use super::threads::Native;
use super::udp::Udp;
use crate::paxos::State;

/// How many datagrams may wait between the socket and the actor.
pub const QUEUE: usize = 4 * 1024;

/// A member that is running. It is stopped when this is dropped.
pub struct Running {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: Box<dyn Fn() + Send>,
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

/// Runs a role of a member, or a client, on this socket. It hears what `source` lets through, which is the socket itself or stands before it.
pub fn run<A: HostedActor, S: Source>(
    ready: Ready<A, impl Journal + 'static>,
    (socket, source): (Arc<Udp>, Arc<S>),
    environment: Environment,
) -> io::Result<Running> {
    let (address, counters) = (socket.address(), Arc::new(Counters::default()));
    let name = format!("synod-{}", ready.actor.name());
    let counted = Arc::clone(&counters);
    let (alive, ended) = bounded(0);
    let start = move || Host::start(ready, socket, counted, environment);
    let pump: Pump<Native, S> = Pump::new(source, QUEUE, Arc::clone(&counters));
    let stopper = pump.stopper();
    let body = move || {
        let ended = live(pump, start);
        drop(alive);
        ended
    };
    let thread = Some(thread::Builder::new().name(name).spawn(body)?);
    Ok(Running { address, counters, stop: Box::new(move || stopper.stop()), thread, ended })
}

fn live<A: HostedActor, S: Source, J: Journal + 'static>(
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
        self.wait()
    }

    fn wait(&mut self) -> Option<Ended> {
        (self.stop)();
        self.thread.take()?.join().ok()
    }
}

/// Whoever lets go of a running member stops it, and waits as [`Running::stop`] does: for as long as
/// a sync that has begun takes. Its socket and its folder are free then.
impl Drop for Running {
    fn drop(&mut self) {
        self.wait();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.address)
    }
}
