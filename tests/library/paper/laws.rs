//! Laws: what holds for every sequence of messages, however odd.

use std::borrow::Cow;

use super::bench::*;
use crate::paxos::*;
use proptest::prelude::*;
use stateright::actor::{Actor, Id, Out};

/// Small numbers, so that what is said meets what was said before.
const TIGHT: Limits = Limits {
    rounds: 4,
    instances: 5,
    window: 2,
    waiting: 2,
    client_window: 3,
    lease: 3,
    reply_bytes: 2,
    page: 60,
    pages: 2,
    resend: 2,
    missed: 2,
    patience: 2,
    backoff: 2,
};

fn ballots() -> impl Strategy<Value = Ballot> {
    (1u32..4, 0u16..3).prop_map(|(round, leader)| ballot(round, leader))
}

fn decrees() -> impl Strategy<Value = Decree> {
    prop_oneof![Just(Decree::Noop), (0u64..4).prop_map(decree)]
}

fn votes() -> impl Strategy<Value = Vote> {
    (ballots(), 0u64..6, decrees()).prop_map(|(b, i, decree)| vote(b, i, decree))
}

/// What leaders say to an acceptor, each under a ballot of its own.
fn proposals() -> impl Strategy<Value = (Id, Message)> {
    prop_oneof![
        (ballots(), 0u64..6, 0u32..4)
            .prop_map(|(b, from, pages)| (b, prepare_pages(b, from, pages))),
        (ballots(), 0u64..7).prop_map(|(b, chosen)| (b, heartbeat(b, chosen))),
        votes().prop_map(|v| (v.ballot, accept(v.ballot, v.instance.0, v.decree))),
    ]
    .prop_map(|(b, message)| (leader(b.leader.0.into()), message))
}

/// What all others say to leader 1.
fn to_a_leader() -> impl Strategy<Value = (Id, Message)> {
    let acceptors = || (0usize..3).prop_map(acceptor);
    let peers = || prop::sample::select(vec![leader(0), leader(2)]);
    let reported = prop::collection::vec(votes(), 0..3);
    let told = prop::collection::vec(decrees(), 1..3);
    prop_oneof![
        3 => (0usize..2, 0u64..4, 0u64..2).prop_map(|(n, sequence, acknowledged)| {
            let command = Command { acknowledged, ..command(sequence) };
            (client(n), Message::Request(command))
        }),
        4 => (acceptors(), ballots(), reported, 0u64..2, prop::option::weighted(0.2, 1u64..4))
            .prop_map(|(id, b, votes, from, next)| (id, page(b, from, &votes, next))),
        4 => (acceptors(), votes()).prop_map(|(id, vote)| (id, Message::Accepted(vote))),
        1 => (acceptors(), ballots()).prop_map(|(id, b)| (id, nack(ballot(1, 1), b))),
        1 => (ballots(), 0u64..6)
            .prop_map(|(b, i)| (leader(b.leader.0.into()), heartbeat(b, i))),
        1 => ballots().prop_map(|b| (leader(b.leader.0.into()), Message::Candidacy { ballot: b })),
        1 => (acceptors(), ballots(), 0u64..6).prop_map(|(id, b, i)| (id, heartbeat(b, i))),
        1 => (acceptors(), 0u64..6, 0u64..6)
            .prop_map(|(id, from, until)| (id, catch_up(from, until))),
        1 => (peers(), 0u64..6, told, 0u64..6)
            .prop_map(|(id, i, told, until)| (id, chosen(i, &told, until))),
        1 => (peers(), 0u64..6, 0u64..6).prop_map(|(id, from, until)| (id, catch_up(from, until))),
    ]
}

/// A message, or a timer that fires.
#[derive(Clone, Debug)]
enum Event {
    Hear(Id, Message),
    Fire(Timer),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let timers = vec![Timer::Election, Timer::Election, Timer::Resend, Timer::Heartbeat];
    let event = prop_oneof![
        6 => to_a_leader().prop_map(|(from, message)| Event::Hear(from, message)),
        1 => prop::sample::select(timers).prop_map(Event::Fire),
    ];
    prop::collection::vec(event, 0..40)
}

proptest! {
    /// PMS 2.5, "stable storage": appending what each step changed, or replacing it with everything,
    /// an acceptor comes back the same; and PMMC 2.2, A1: its ballot only grows.
    #[test]
    fn saving_changes_is_as_good_as_saving_everything(
        said in prop::collection::vec(proposals(), 0..30)
    ) {
        let mut changes = Bench::acceptor(TIGHT);
        let role = changes.node.role().clone();
        let mut everything = Bench::start(role.clone(), Saving::Everything, None);
        let mut nothing = Bench::start(role, Saving::Nothing, None);
        for (from, message) in said {
            let before = changes.as_acceptor().promised();
            let sent = changes.hear(from, message.clone());
            prop_assert!(changes.as_acceptor().promised() >= before);
            prop_assert_eq!(&everything.hear(from, message.clone()), &sent);
            prop_assert_eq!(nothing.hear(from, message), sent);
        }
        prop_assert!(nothing.saved.is_empty());
        let saved = everything.saved.last().cloned().unwrap_or_else(|| everything.state.durable());
        prop_assert_eq!(&saved, &changes.state.durable());
        prop_assert_eq!(changes.crash().state.durable(), saved);
    }

    /// PMS 2.1: messages "can be duplicated". An acceptor answers twice, but is the same as after
    /// once; and it tells of no vote but the one that it remembers.
    #[test]
    fn an_acceptor_that_hears_twice_is_as_if_it_heard_once(
        said in prop::collection::vec(proposals(), 0..30)
    ) {
        let mut bench = Bench::acceptor(TIGHT);
        for (from, message) in said {
            let sent = bench.hear(from, message.clone());
            for (_, answer) in &sent {
                let Message::Accepted(told) = answer else { continue };
                prop_assert!(bench.as_acceptor().votes().any(|vote| vote == *told));
            }
            let (state, saves) = (bench.state.clone(), bench.saved.len());
            prop_assert_eq!(bench.hear(from, message), sent);
            prop_assert_eq!((&bench.state, bench.saved.len()), (&state, saves));
        }
    }

    /// PMS 2.1: messages "can be duplicated". So is a leader, and it proposes nothing twice.
    #[test]
    fn a_leader_that_hears_twice_is_as_if_it_heard_once(events in events()) {
        let mut bench = Bench::candidate(1, TIGHT);
        for event in events {
            let (from, message) = match event {
                Event::Fire(timer) => {
                    bench.fire(timer);
                    continue;
                }
                Event::Hear(from, message) => (from, message),
            };
            bench.hear(from, message.clone());
            let (state, saves) = (bench.state.clone(), bench.saved.len());
            let again = bench.hear(from, message);
            prop_assert_eq!((&bench.state, bench.saved.len()), (&state, saves));
            let accepts = again.iter().any(|(_, m)| matches!(m, Message::Accept { .. }));
            prop_assert!(!accepts, "proposed again");
        }
    }

    /// House rule: a state that is lent comes out as one that is owned, and is replaced only if it
    /// differs; nothing chosen changes, and rounds only grow.
    #[test]
    fn a_lent_state_and_an_owned_one_come_out_the_same(events in events()) {
        let mut bench = Bench::candidate(1, TIGHT);
        for event in events {
            let before = bench.state.clone();
            let (mut lent, mut out) = (Cow::Borrowed(&before), Out::new());
            match event {
                Event::Fire(timer) => {
                    bench.node.on_timeout(Id::default(), &mut lent, &timer, &mut out);
                    bench.fire(timer);
                }
                Event::Hear(from, message) => {
                    let heard = message.clone();
                    bench.node.on_msg(Id::default(), &mut lent, from, heard, &mut out);
                    bench.hear(from, message);
                }
            }
            prop_assert_eq!(matches!(lent, Cow::Borrowed(_)), bench.state == before);
            prop_assert_eq!(&*lent, &bench.state);
            let (old, new) = (before.as_leader().unwrap(), bench.as_leader());
            prop_assert!(new.round() >= old.round());
            prop_assert!(new.learner().prefix().starts_with(old.learner().prefix()));
            prop_assert_eq!(new.neglected(), []);
        }
    }
}
