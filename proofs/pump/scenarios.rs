//! What may happen to a pump, and the accounts that it must then settle.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::runtime::counters::{Counters, Counts};
use crate::runtime::pump::{Datagram, End, Pump, Source, Turn};
use crate::runtime::threads::Threads;

use super::loom_threads::FAR;

/// Threads, with a socket that works on them.
pub(crate) trait World: Threads + Sized {
    /// A socket that follows a script.
    type Script: Scripted;

    /// The time at which the scenario begins.
    fn begin() -> Instant;

    /// Starts the thread that will stop the pump.
    fn spawn_stopper(body: impl FnOnce() + Send + 'static);
}

/// A socket that gives out so many datagrams, numbered from 0, and then fails or stays silent.
pub(crate) trait Scripted: Source {
    /// A new one.
    fn new(datagrams: u8, then_fails: bool) -> Self;
}

/// The scripted socket, on the mutex and condition variable in scope.
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

/// An actor that remembers what it was given.
#[derive(Debug, Default)]
struct Memory {
    /// The numbers of the datagrams.
    seen: Vec<u8>,
    /// It gives up in the turn in which it has seen so many.
    gives_up_at: Option<usize>,
    /// How many deadlines are still to pass.
    deadlines: usize,
    /// When they pass.
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

/// Runs a pump on a script. The stoppers may strike at any time.
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

/// What holds however a pump ends: whatever was taken off the socket is accounted for, and the
/// actor saw what was handled, in order.
fn settle(counts: Counts, actor: &Memory) {
    assert_eq!(counts.received, counts.queued + counts.dropped, "{counts:?}");
    assert_eq!(counts.queued, counts.handled + counts.abandoned, "{counts:?}");
    assert_eq!(counts.handled, actor.seen.len() as u64, "{counts:?}");
    assert!(actor.seen.is_sorted_by(|a, b| a < b), "{:?}", actor.seen);
}

/// Nothing was lost between the socket and the actor.
fn settle_without_loss(counts: Counts, actor: &Memory) {
    settle(counts, actor);
    assert_eq!((counts.dropped, counts.abandoned), (0, 0), "{counts:?}");
    assert_eq!(actor.seen, (0..counts.received as u8).collect::<Vec<_>>());
}

/// A stop at any time: what was taken is still handled.
pub(crate) fn stop_at_any_time<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(2, false), 2, 1, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// The same, with one datagram.
pub(crate) fn stop_beside_one_datagram<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 1, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// A pump that was stopped before it ran takes nothing.
pub(crate) fn stop_before_it_runs<W: World>() {
    let counters = Arc::new(Counters::default());
    let pump = Pump::<W, _>::new(Arc::new(W::Script::new(2, false)), 2, Arc::clone(&counters));
    pump.stopper().stop();
    let mut actor = Memory::default();
    assert!(matches!(pump.run(&mut actor), End::Stopped));
    assert_eq!(counters.read(), Counts::default());
}

/// Two threads stop it at once.
pub(crate) fn two_stops_at_once<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 2, &mut actor);
    assert!(matches!(end, End::Stopped), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// The socket fails: what was taken is still handled.
pub(crate) fn the_socket_ends<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(2, true), 2, 0, &mut actor);
    assert!(matches!(end, End::Source(_)), "{end:?}");
    assert_eq!(counts.received, 2);
    settle_without_loss(counts, &actor);
}

/// The actor gives up: the reader ends too, and what is left is counted.
pub(crate) fn the_actor_gives_up<W: World>() {
    let mut actor = Memory { gives_up_at: Some(1), ..Memory::default() };
    let (end, counts) = run::<W>(W::Script::new(3, false), 2, 0, &mut actor);
    assert!(matches!(end, End::Turn(())), "{end:?}");
    settle(counts, &actor);
}

/// The actor gives up at the only datagram that comes, and nobody stops it: it must hear of that one.
pub(crate) fn the_actor_gives_up_at_once<W: World>() {
    let mut actor = Memory { gives_up_at: Some(1), ..Memory::default() };
    let (end, counts) = run::<W>(W::Script::new(1, false), 1, 0, &mut actor);
    assert!(matches!(end, End::Turn(())), "{end:?}");
    settle_without_loss(counts, &actor);
}

/// More comes than there is room for: what is dropped is counted exactly.
pub(crate) fn the_queue_is_full<W: World>() {
    let mut actor = Memory::default();
    let (end, counts) = run::<W>(W::Script::new(3, true), 1, 0, &mut actor);
    assert!(matches!(end, End::Source(_)), "{end:?}");
    assert_eq!(counts.received, 3);
    assert_eq!(counts.abandoned, 0);
    settle(counts, &actor);
}

/// A deadline has passed while datagrams come in and somebody stops the pump.
pub(crate) fn a_deadline_passes<W: World>() {
    stop_with_deadline::<W>(Duration::ZERO);
}

/// The same, of a deadline before which the actor thread falls asleep.
pub(crate) fn a_deadline_comes_soon<W: World>() {
    stop_with_deadline::<W>(Duration::from_micros(50));
}

/// The same, of a deadline that does not come before the stop.
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
