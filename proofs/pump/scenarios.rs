//! Scenarios of a pump, and the counters that must add up at the end of each.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::runtime::counters::{Counters, Counts};
use crate::runtime::pump::{Datagram, End, Pump, Source, Turn};
use crate::runtime::threads::Threads;

use super::loom_threads::FAR;

/// The threads of a scenario, with a scripted socket that works on them.
pub(crate) trait World: Threads + Sized {
    /// A socket that follows a script.
    type Script: Scripted;

    /// The time at which a scenario begins.
    fn begin() -> Instant;

    /// Starts the thread that will stop the pump.
    fn spawn_stopper(body: impl FnOnce() + Send + 'static);
}

/// A socket that yields so many datagrams, numbered from 0, and then fails or stays silent.
pub(crate) trait Scripted: Source {
    /// A new scripted socket.
    fn new(datagrams: u8, then_fails: bool) -> Self;
}

/// Defines the scripted socket on the mutex and condition variable in scope.
macro_rules! script {
    () => {
        use crate::runtime::pump::{Received, Source};
        use std::io;

        #[derive(Debug)]
        pub(crate) struct Script {
            inner: Mutex<Inner>,
            woken: Condvar,
        }

        #[derive(Debug)]
        struct Inner {
            next: u8,
            datagrams: u8,
            then_fails: bool,
            woken: bool,
        }

        impl super::Scripted for Script {
            fn new(datagrams: u8, then_fails: bool) -> Self {
                let inner = Inner { next: 0, datagrams, then_fails, woken: false };
                Script { inner: Mutex::new(inner), woken: Condvar::new() }
            }
        }

        impl Source for Script {
            fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
                let mut inner = self.inner.lock().unwrap();
                loop {
                    if inner.next < inner.datagrams {
                        buffer[0] = inner.next;
                        inner.next += 1;
                        return Ok(Received::Datagram(1, super::sender()));
                    }
                    if inner.then_fails {
                        return Err(io::Error::other("the socket is gone"));
                    }
                    if inner.woken {
                        return Ok(Received::Nothing);
                    }
                    inner = self.woken.wait(inner).unwrap();
                }
            }

            fn wake(&self) {
                self.inner.lock().unwrap().woken = true;
                self.woken.notify_all();
            }
        }
    };
}

pub(crate) mod with_loom {
    use loom::sync::{Condvar, Mutex};
    script!();
}

pub(crate) mod with_std {
    use std::sync::{Condvar, Mutex};
    script!();
}

fn sender() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9).into()
}

/// An actor that records the datagrams it was given.
#[derive(Debug, Default)]
struct Memory {
    /// The numbers of the datagrams, in order.
    seen: Vec<u8>,
    /// The number of datagrams at which its turn fails; never if none.
    gives_up_at: Option<usize>,
    /// The number of deadlines still to pass.
    deadlines: usize,
    /// The time of each of these deadlines.
    deadline: Option<Instant>,
}

impl Turn for Memory {
    type Error = ();

    fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| self.deadlines > 0)
    }

    fn turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), ()> {
        if batch.is_empty() {
            self.deadlines -= 1;
        }
        self.seen.extend(batch.drain(..).map(|datagram| datagram.bytes[0]));
        let enough = self.gives_up_at.is_some_and(|count| self.seen.len() >= count);
        if enough { Err(()) } else { Ok(()) }
    }
}

/// An actor whose turn panics.
pub(crate) struct Panics;

impl Turn for Panics {
    type Error = ();

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn turn(&mut self, _: &mut Vec<Datagram>) -> Result<(), ()> {
        panic!("as the test wants it");
    }
}

/// Runs a pump on a script. The stoppers may act at any time.
fn run<W: World>(
    script: W::Script,
    queue: usize,
    stoppers: usize,
    actor: &mut Memory,
) -> (End<()>, Counts) {
    let counters = Arc::new(Counters::default());
    let pump = Pump::<W, _>::new(Arc::new(script), queue, Arc::clone(&counters));
    for _ in 0..stoppers {
        let stopper = pump.stopper();
        W::spawn_stopper(move || stopper.stop());
    }
    let end = pump.run(actor);
    (end, counters.read())
}

/// Asserts the accounts that hold however a pump ends: every datagram received is counted as queued
/// or dropped, every one queued as handled or abandoned, and the actor saw those handled in order.
fn settle(counts: Counts, actor: &Memory) {
    assert_eq!(counts.received, counts.queued + counts.dropped, "{counts:?}");
    assert_eq!(counts.queued, counts.handled + counts.abandoned, "{counts:?}");
    assert_eq!(counts.handled, actor.seen.len() as u64, "{counts:?}");
    assert!(actor.seen.is_sorted_by(|a, b| a < b), "{:?}", actor.seen);
}

/// Asserts in addition that nothing was lost between the socket and the actor.
fn settle_without_loss(counts: Counts, actor: &Memory) {
    settle(counts, actor);
    assert_eq!((counts.dropped, counts.abandoned), (0, 0), "{counts:?}");
    assert_eq!(actor.seen, (0..counts.received as u8).collect::<Vec<_>>());
}

/// A stop at any time: every datagram received is still handled.
pub(crate) fn stop_at_any_time<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(2, false), 2, 1, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// A stop at any time, with one datagram.
pub(crate) fn stop_beside_one_datagram<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 1, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// A pump stopped before it runs receives nothing.
pub(crate) fn stop_before_it_runs<W: World>() {
    let counters = Arc::new(Counters::default());
    let pump = Pump::<W, _>::new(Arc::new(W::Script::new(2, false)), 2, Arc::clone(&counters));
    pump.stopper().stop();
    let mut actor = Memory::default();
    assert!(matches!(pump.run(&mut actor), End::Stopped));
    assert_eq!(counters.read(), Counts::default());
}

/// Two threads stop the pump at once.
pub(crate) fn two_stops_at_once<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 2, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// The socket fails: every datagram received is still handled.
pub(crate) fn the_socket_ends<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(2, true), 2, 0, &mut actor);
    assert!(matches!(end, End::Source(_)), "{end:?}");
    assert_eq!(counts.received, 2);
    settle_without_loss(counts, &actor);
}

/// The actor fails: the reader ends too, and the rest is counted as abandoned.
pub(crate) fn the_actor_gives_up<W: World>() {
    let mut actor = Memory { gives_up_at: Some(1), ..Memory::default() };
    let (end, counts) = run::<W>(W::Script::new(3, false), 2, 0, &mut actor);
    assert!(matches!(end, End::Turn(())), "{end:?}");
    settle(counts, &actor);
}

/// The actor fails at the only datagram, and nobody stops the pump: the actor must be woken for it.
pub(crate) fn the_actor_gives_up_at_once<W: World>() {
    let mut actor = Memory { gives_up_at: Some(1), ..Memory::default() };
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 0, &mut actor);
    assert!(matches!(end, End::Turn(())), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// More datagrams come than the queue has room for: those dropped are counted exactly.
pub(crate) fn the_queue_is_full<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(3, true), 1, 0, &mut actor);
    assert!(matches!(end, End::Source(_)), "{end:?}");
    assert_eq!(counts.received, 3);
    assert_eq!(counts.abandoned, 0);
    settle(counts, &actor);
}

/// A deadline has passed already while datagrams come in and the pump is stopped.
pub(crate) fn a_deadline_passes<W: World>() {
    stop_with_deadline::<W>(Duration::ZERO);
}

/// A deadline for which the actor thread falls asleep.
pub(crate) fn a_deadline_comes_soon<W: World>() {
    stop_with_deadline::<W>(Duration::from_micros(50));
}

/// A deadline that does not pass before the stop.
pub(crate) fn a_deadline_is_far<W: World>() {
    stop_with_deadline::<W>(2 * FAR);
}

fn stop_with_deadline<W: World>(after: Duration) {
    let deadline = Some(W::begin() + after);
    let mut actor = Memory { deadlines: 1, deadline, ..Memory::default() };
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 1, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}
