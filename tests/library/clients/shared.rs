//! A client that many threads and tasks share.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::driver::ClientError;
use crate::cluster::member::Member;
use crate::cluster::pending::Pending;
use crate::cluster::shared_client::{MOST_BYTES, MOST_REQUESTS, SharedClient};
use crate::lab::processes::free_ports;
use crate::machine::ledger::Ledger;
use crate::paxos::{AnyStateMachine, Outcome, Rejected};

const WITHIN: Duration = Duration::from_secs(60);

/// A cluster of three members in this process.
struct Cluster {
    base: PathBuf,
    config: ClusterConfig,
    members: Vec<Member>,
}

impl Cluster {
    fn start(name: &str) -> Self {
        let base = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let config = config(name);
        let machine = AnyStateMachine::new(Ledger::default());
        let start = |name: &str| {
            Member::create(&config, &base, name).unwrap();
            Member::start(&config, &base, name, &machine).unwrap()
        };
        let members = config.members.iter().map(|member| start(&member.name)).collect();
        Cluster { base, config, members }
    }

    /// Stops all members. The commands of each leader's history that were applied, in order.
    fn stop(mut self) -> Vec<Vec<Vec<u8>>> {
        let mut histories = Vec::new();
        for member in self.members.drain(..) {
            for (_, ended) in member.stop() {
                let state = ended.unwrap().state.unwrap();
                let Some(leader) = state.as_leader() else { continue };
                let payload = |instance| {
                    let decree = leader.learner().get(instance).unwrap();
                    decree.command().unwrap().payload.to_vec()
                };
                histories.push(leader.executor().applied().iter().copied().map(payload).collect());
            }
        }
        histories
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.members.clear();
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

/// The file of a cluster of three at ports that are free.
fn config(name: &str) -> ClusterConfig {
    let mut ports = free_ports(6).unwrap().into_iter();
    let file = ClusterConfig::sample_at(name, 3, || ports.next().unwrap()).unwrap();
    file.parse().unwrap()
}

/// Waits until the thread of a client that nobody has any more has ended.
fn has_ended<T>(thread: &Weak<T>) {
    let start = Instant::now();
    while thread.strong_count() > 0 {
        assert!(start.elapsed() < WITHIN, "the thread goes on");
        thread::yield_now();
    }
}

/// Each thread waits for one answer before it asks for the next, and all of them share datagrams.
#[test]
fn eight_threads_of_a_thousand_requests_are_done_once_and_each_in_its_order() {
    let cluster = Cluster::start("shared");
    let client = SharedClient::new(&cluster.config).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let client = client.clone();
            scope.spawn(move || {
                for round in 0..1_000 {
                    let command = format!("{number} {round}").into_bytes();
                    let pending = client.submit(&command, WITHIN).unwrap();
                    let outcome = pending.wait();
                    assert!(matches!(outcome, Outcome::Done(_)), "{number} {round}: {outcome:?}");
                    assert!(pending.request().is_some());
                }
            });
        }
    });
    drop(client);
    let histories = cluster.stop();
    let longest = histories.iter().max_by_key(|history| history.len()).unwrap();
    let mut rounds: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for command in longest {
        let (number, round) = command.split_at(2);
        rounds.entry(number).or_default().push(round);
    }
    let all: Vec<String> = (0..1_000).map(|round| round.to_string()).collect();
    assert_eq!((longest.len(), rounds.len()), (8_000, 8));
    assert!(rounds.values().all(|it| it.iter().copied().eq(all.iter().map(|it| it.as_bytes()))));
}

/// Wakes an executor made by hand: it is told which task to poll.
struct Task(usize, Sender<usize>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // The executor may have ended.
        let _ = self.1.send(self.0);
    }
}

/// Polls all futures, each whenever it is woken, until all are ready.
fn run<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let (tell, woken): (_, Receiver<usize>) = channel();
    let mut futures: Vec<_> = futures.into_iter().map(|it| Some(Box::pin(it))).collect();
    (0..futures.len()).for_each(|task| tell.send(task).unwrap());
    let mut ready = BTreeMap::new();
    while ready.len() < futures.len() {
        let task = woken.recv_timeout(WITHIN).expect("nobody is woken");
        let waker = Waker::from(Arc::new(Task(task, tell.clone())));
        let Some(future) = &mut futures[task] else { continue };
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            futures[task] = None;
            ready.insert(task, value);
        }
    }
    ready.into_values().collect()
}

#[test]
fn futures_are_polled_by_any_executor_and_a_dropped_one_is_done_all_the_same() {
    let cluster = Cluster::start("futures");
    let client = SharedClient::new(&cluster.config).unwrap();
    let tasks = (0..50_u8).map(|number| {
        let client = client.clone();
        async move {
            let first = client.submit(&[number, 0], WITHIN).unwrap().await;
            drop(client.submit(&[number, 1], WITHIN).unwrap());
            let last = client.submit(&[number, 2], WITHIN).unwrap().await;
            [first, last]
        }
    });
    let outcomes = run(tasks);
    assert_eq!(outcomes.len(), 50);
    assert!(outcomes.iter().flatten().all(|it| matches!(it, Outcome::Done(_))), "{outcomes:?}");
    // The thread ends once what was dropped has been answered too.
    let thread = client.thread();
    drop(client);
    has_ended(&thread);
    let histories = cluster.stop();
    assert_eq!(histories.iter().map(Vec::len).max(), Some(150));
}

/// Nobody is there: all ends in time, and is said to have been sent to nobody.
#[test]
fn what_is_never_answered_ends_in_time_and_so_does_the_thread() {
    let client = SharedClient::new(&config("nobody")).unwrap();
    let start = Instant::now();
    let within = [400, 10, 200].map(Duration::from_millis);
    let pending = within.map(|within| client.submit(b"command", within).unwrap());
    let thread = client.thread();
    drop(client);
    for index in [1, 2, 0] {
        assert_eq!(pending[index].wait(), Outcome::Rejected(Rejected::Unreachable));
        let late = start.elapsed().saturating_sub(within[index]);
        assert!(start.elapsed() >= within[index] && late < Duration::from_secs(5), "{late:?}");
        assert_eq!(pending[index].request(), None);
    }
    has_ended(&thread);
}

#[test]
fn what_waits_is_bounded_in_number_and_in_bytes() {
    let client = SharedClient::new(&config("bounded")).unwrap();
    let submit = |client: &SharedClient, size| client.submit(&vec![0; size], WITHIN);
    let large = 32 * 1024;
    let some: Vec<Pending> =
        (0..MOST_BYTES / large).map(|_| submit(&client, large).unwrap()).collect();
    let refused = submit(&client, 1).unwrap_err();
    assert!(matches!(refused, ClientError::Full { bytes: MOST_BYTES, .. }), "{refused}");
    let more = (some.len()..MOST_REQUESTS).map(|_| submit(&client, 0).unwrap());
    let all: Vec<Pending> = some.into_iter().chain(more.collect::<Vec<_>>()).collect();
    let refused = submit(&client, 0).unwrap_err();
    assert!(matches!(refused, ClientError::Full { requests: MOST_REQUESTS, .. }), "{refused}");
    drop(all);

    // What has ended makes room.
    let client = SharedClient::new(&config("roomy")).unwrap();
    for _ in 0..2 {
        let at_once = Duration::ZERO;
        let all = (0..MOST_REQUESTS).map(|_| client.submit(b"", at_once).unwrap());
        let all: Vec<Pending> = all.collect();
        assert!(all.iter().all(|pending| matches!(pending.wait(), Outcome::Rejected(_))));
    }
}

/// A request is asked again by another client, as after a restart, and while it is under way.
#[test]
fn a_request_is_asked_again_by_its_name_and_done_once() {
    let cluster = Cluster::start("named");
    let client = SharedClient::new(&cluster.config).unwrap();
    let first = client.submit(b"once", WITHIN).unwrap();
    let done = first.wait();
    let name = first.request().unwrap();
    assert!(matches!(done, Outcome::Done(_)), "{done:?}");
    drop(client);
    let client = SharedClient::new(&cluster.config).unwrap();
    let both = [(); 2].map(|()| client.ask_again(name, b"once", WITHIN).unwrap());
    assert_eq!(both.map(|pending| pending.wait()), [done.clone(), done.clone()]);
    let mut other = Client::new(&cluster.config).unwrap();
    assert_eq!(other.ask_again(name, b"once", WITHIN).unwrap(), done);
    assert_eq!(other.last_request(), Some(name));
    let named = other.name(WITHIN).unwrap();
    let more = client.ask_again(named, b"more", WITHIN).unwrap();
    let done = more.wait();
    assert!(matches!(done, Outcome::Done(_)), "{done:?}");
    assert_eq!(
        (other.ask_again(named, b"more", WITHIN).unwrap(), more.request()),
        (done, Some(named))
    );
    drop(client);
    let histories = cluster.stop();
    assert_eq!(histories.iter().map(Vec::len).max(), Some(2));
}
