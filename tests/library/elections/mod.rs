//! Elections that end, in virtual time: whatever the history, the delay and the disks.
//!
//! `SYNOD_GRID=1 cargo test --release --lib elections -- --nocapture grid` goes up to a million
//! instances, and prints the table.

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::paxos::*;
use crate::runtime::pace::ELECTION_SYNCS;
use world::{Network, World, cluster};

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(millis / 1000.0)
}

fn network(one_way: Duration) -> Network {
    Network { one_way, cut: BTreeSet::new(), lost_of: 0 }
}

fn vote(instance: u64) -> Vote {
    let id =
        RequestId { client: ClientId { lease_start: Instance(0), number: 77 }, sequence: instance };
    let payload = format!("some-payload-{instance:08}").into_bytes().into();
    let command = Command { id, acknowledged: instance, payload };
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Vote { instance: Instance(instance), ballot, decree: Decree::Command(command) }
}

/// What the second acceptor lacks of what the first one has; the third is down.
#[derive(Clone, Copy, Debug)]
enum Missing {
    One,
    /// Each tenth.
    Some,
    All,
}

/// An acceptor's disk.
fn votes(history: u64, has: impl Fn(u64) -> bool) -> Storage {
    let promised = Record::Promised(Ballot { round: 1, leader: LeaderId(0) });
    let votes = (0..history).filter(|i| has(*i)).map(|i| Record::Voted(vote(i)));
    Storage(std::iter::once(promised).chain(votes).collect())
}

/// How long the questions and answers of phase 1 take, one after the other: pages of votes, asked for
/// 1, 2, 4, ... at a time.
fn transfer(history: u64, one_way: Duration) -> Duration {
    let limits = Limits::default();
    let pages = history * vote(0).decree.size() as u64 / limits.page as u64;
    let growing = u64::from(limits.pages.ilog2());
    let questions = 1 + growing.min(pages) + pages / u64::from(limits.pages);
    one_way * 2 * questions as u32
}

struct Cell {
    history: u64,
    one_way: f64,
    sync: f64,
    missing: Missing,
    leaders: usize,
}

/// So many election timeouts pass at most until somebody is primary, beyond the transfer. One is the longest
/// that a leader waits for a sign of life, with what it adds for the syncs of a quorum and the delay of
/// two messages.
const TIMEOUTS: f64 = 3.0;
/// So many campaigns are begun at most, by each leader.
const CAMPAIGNS: usize = 3;

impl Cell {
    fn timeout(&self) -> Duration {
        let longest = Timing::default().election.unwrap().end;
        longest + millis(self.sync) * ELECTION_SYNCS + millis(self.one_way) * 4
    }

    fn run(&self, seed: u64) -> (Duration, usize) {
        let Cell { history, leaders, missing, .. } = *self;
        let disk = |at: usize| match at.checked_sub(leaders) {
            None => Some(None),
            Some(0) => Some(Some(votes(history, |_| true))),
            Some(1) => Some(Some(votes(history, |i| match missing {
                Missing::One => i > 0,
                Missing::Some => i % 10 > 0,
                Missing::All => false,
            }))),
            Some(_) => None,
        };
        let machines = cluster(leaders, Limits::default(), |_| millis(self.sync), disk);
        let mut world = World::start(machines, network(millis(self.one_way)), seed);
        let until = transfer(history, millis(self.one_way)) + self.timeout() * 100;
        assert!(world.run(until, |world| !world.primaries.is_empty()), "no primary: {self}");
        (world.now, world.campaigns.len())
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cell { history, one_way, sync, missing, leaders } = self;
        write!(f, "{history:>9} {one_way:>7} {sync:>6} {missing:>8?} {leaders:>8}")
    }
}

#[test]
fn grid() {
    let whole = std::env::var("SYNOD_GRID").is_ok();
    let histories: &[u64] =
        if whole { &[0, 1_000, 100_000, 1_000_000] } else { &[0, 1_000, 20_000] };
    println!(
        "  history  one-way   sync  missing  leaders  campaigns  primary at  transfer  timeouts beyond"
    );
    let mut wrong = Vec::new();
    for &history in histories {
        for one_way in [0.25, 5.0, 50.0] {
            for sync in [0.0, 100.0, 500.0] {
                for missing in [Missing::One, Missing::Some, Missing::All] {
                    for leaders in [2, 3] {
                        let cell = Cell { history, one_way, sync, missing, leaders };
                        let (at, campaigns) = cell.run(history + leaders as u64);
                        let transfer = transfer(history, millis(one_way));
                        let beyond = at.saturating_sub(transfer).as_secs_f64()
                            / cell.timeout().as_secs_f64();
                        let line = format!(
                            "{cell} {campaigns:>10} {:>8} ms {:>6} ms {beyond:>10.1}",
                            at.as_millis(),
                            transfer.as_millis()
                        );
                        println!("{line}");
                        if beyond > TIMEOUTS || campaigns > CAMPAIGNS * leaders {
                            wrong.push(line);
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn request(sequence: u64) -> Message {
    let id = RequestId { client: ClientId { lease_start: Instance(0), number: 5 }, sequence };
    Message::Request(Command { id, acknowledged: sequence, payload: [7][..].into() })
}

fn replies(world: &World) -> usize {
    world.told.iter().filter(|message| matches!(message, Message::Reply { .. })).count()
}

/// Asks whoever acts as primary last elected for a command every so often, for so long.
fn load(world: &mut World, every: Duration, lasting: Duration) {
    let end = world.now + lasting;
    let mut sequence = 0;
    while world.now < end {
        let primary = world.primaries.last().copied().unwrap_or_default();
        world.ask(primary, request(sequence));
        sequence += 1;
        let until = (world.now + every).min(end);
        world.run(until, |_| false);
        world.now = until;
    }
}

fn fresh(leaders: usize, one_way: f64, sync: impl Fn(usize) -> f64) -> World {
    let disk = |_| Some(None);
    let machines = cluster(leaders, Limits::default(), |at| millis(sync(at)), disk);
    World::start(machines, network(millis(one_way)), 3)
}

/// Two leaders that do not hear one another, and both reach all acceptors: idle, and under any load. Before,
/// there were 42 changes in 8 seconds of load.
#[test]
fn leaders_that_are_cut_off_from_one_another_do_not_take_turns() {
    for leaders in [2, 3] {
        for every in [1.0, 20.0, 300.0, 60_000.0] {
            let mut world = fresh(leaders, 0.25, |_| 0.0);
            world.cut(0, 1);
            world.run(Duration::from_secs(2), |world| !world.primaries.is_empty());
            load(&mut world, millis(every), Duration::from_secs(20));
            let (changes, acting) = (world.primaries.len(), world.acting());
            assert!(changes <= 3, "{leaders} leaders, each {every} ms: {:?}", world.primaries);
            assert_eq!(acting.len(), 1, "who was primary is told so, though nobody asks it");
            let asked = (20_000.0 / every).ceil() as usize;
            assert!(replies(&world) * 10 >= asked * 9, "{} of {asked}", replies(&world));
        }
    }
}

/// Disks of any speed, some or all of them slow: once there is a primary, it stays, and in the end nothing
/// is unanswered but what was asked in the last four syncs.
#[test]
fn slow_disks_depose_nobody() {
    for sync in [100.0, 300.0, 500.0] {
        for slow in [&[2][..], &[2, 3], &[2, 3, 4], &[0, 1, 2, 3, 4]] {
            for every in [5.0, 2000.0] {
                let mut world = fresh(2, 0.25, |at| if slow.contains(&at) { sync } else { 0.0 });
                let elected =
                    world.run(Duration::from_secs(20), |world| !world.primaries.is_empty());
                assert!(elected, "{slow:?}, {sync} ms");
                let before = replies(&world);
                load(&mut world, millis(every), Duration::from_secs(30));
                assert_eq!(world.primaries.len(), 1, "{slow:?}, {sync} ms, each {every} ms");
                let (asked, waiting) = ((30_000.0 / every) as usize, (4.0 * sync / every) as usize);
                let done = replies(&world) - before;
                assert!(done + waiting + 1 >= asked, "{done} of {asked}: {slow:?}, {sync} ms");
            }
        }
    }
}

/// Acceptors that have missed votes, since they were cut off or messages were lost, have them all some
/// time after calm.
#[test]
fn every_vote_is_on_every_acceptor_some_time_after_calm() {
    for lost_of in [0, 20] {
        let mut world = fresh(2, 0.25, |_| 1.0);
        world.lose(lost_of);
        world.run(Duration::from_secs(5), |world| !world.primaries.is_empty());
        for leader in 0..2 {
            world.cut(leader, 4);
        }
        load(&mut world, millis(2.0), Duration::from_secs(4));
        world.heal();
        let votes = |world: &World, at: usize| match world.state(at) {
            State::Acceptor(acceptor) => acceptor.votes_cast(),
            _ => 0,
        };
        assert!(votes(&world, 2) > 1000 && votes(&world, 4) < 100, "{}", votes(&world, 4));
        let calm = world.now;
        let level = |world: &World| (2..5).all(|at| votes(world, at) == votes(world, 2));
        assert!(world.run(calm + Duration::from_secs(5), level), "{:?}", votes(&world, 4));
    }
}

/// With one message of ten lost, a leader that has to hear of a long history is primary all the same.
#[test]
fn pages_that_are_lost_are_asked_for_again() {
    for one_way in [0.25, 50.0] {
        let disk = |at: usize| match at {
            2 | 3 => Some(Some(votes(50_000, |i| at == 2 || i > 0))),
            4 => None,
            _ => Some(None),
        };
        let machines = cluster(2, Limits::default(), |_| Duration::ZERO, disk);
        let mut world = World::start(machines, network(millis(one_way)), 4);
        world.lose(10);
        let within = transfer(50_000, millis(one_way)) * 10 + Duration::from_secs(5);
        assert!(world.run(within, |world| !world.primaries.is_empty()), "{one_way} ms");
        assert!(world.campaigns.len() <= 8, "{:?}", world.campaigns);
    }
}
