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

/// The most datagrams that wait between the socket and the actor.
pub const QUEUE: usize = 4 * 1024;

/// A running member. It is stopped when this is dropped.
pub struct Running {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: Box<dyn Fn() + Send>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<Ended>>,
    ended: Receiver<()>,
}

/// The end of a member.
#[derive(Debug)]
pub struct Ended {
    /// The reason.
    pub end: End<HostError>,
    /// Its last state; `None` if it could not even start.
    pub state: Option<State>,
}

/// Runs a role of a member, or a client, on this socket. `source` is the socket itself, or a layer before it,
/// such as a lossy network.
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
    /// The address of the socket.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// A channel that is closed when the member has ended, for any reason.
    pub fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    /// Stops the member, and waits until it has handled all datagrams that it had taken; `None` if it
    /// panicked.
    pub fn stop(mut self) -> Option<Ended> {
        self.wait()
    }

    fn wait(&mut self) -> Option<Ended> {
        (self.stop)();
        self.thread.take()?.join().ok()
    }
}

/// Stops the member, and waits as [`Running::stop`] does: at most for a sync that has begun. Its socket and
/// its folder are free then.
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
