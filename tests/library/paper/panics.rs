//! Commands at which the state machine panics: chosen and applied like any other, without effect.

use std::sync::Arc;

use super::bench::*;
use crate::paxos::*;
use crate::tests::touchy::Touchy;

/// A leader whose machine panics at request 1, in a cluster with three acceptors.
fn leader_of(me: u16, start: Start, setup: &Arc<Setup>) -> Bench {
    let machine = AnyStateMachine::new(Touchy::new(|command| command == [1]));
    let role = Role::Leader(Leader { machine, ..a_leader(me, start, Arc::clone(setup)) });
    Bench::start(role, Saving::Changes, None)
}

fn told(sequence: u64, instance: u64, answer: Answer) -> Message {
    let done = Done { instance: Instance(instance), position: instance, answer };
    Message::Reply { id: id(sequence), done }
}

/// House rule: a panic is an outcome. The client is told so, whoever answers and however often it
/// asks; the command takes its place among those applied, once; the machine is as it was.
#[test]
fn a_command_that_panics_is_applied_once_without_effect_by_every_leader() {
    let setup = three(Limits::default());
    let mut primary = leader_of(0, Start::Campaign, &setup);
    (0..2).for_each(|n| drop(primary.hear(acceptor(n), promise(ballot(1, 0), &[]))));
    let [mut passive, mut behind] = [1, 2].map(|me| leader_of(me, Start::Follow, &setup));
    let replies = [Answer::Reply([0].into()), Answer::Panicked, Answer::Reply([0, 2].into())];
    for (n, answer) in (0..).zip(&replies) {
        primary.hear(client(0), request(n));
        let vote = vote(ballot(1, 0), n, decree(n));
        let sent = primary.hear_votes(2, &vote);
        assert_eq!(sent, [(client(0), told(n, n, answer.clone()))]);
        passive.hear_votes(2, &vote);
    }
    behind.hear(leader(0), chosen(0, &[0, 1, 2].map(decree), 3));
    let panicked = told(1, 1, Answer::Panicked);
    let again = primary.hear(client(0), request(1));
    assert_eq!(again, [(client(0), panicked.clone())]);
    let histories = [&primary, &passive, &behind].map(|bench| bench.as_leader().executor());
    for history in histories {
        assert_eq!(history, histories[0]);
        assert_eq!(history.machine().snapshot(), [0, 2]);
        assert_eq!(history.applied(), [0, 1, 2].map(Instance));
        let panic = Panic { instance: Instance(1), again: false };
        assert_eq!(history.panics(), (&[panic][..], 1));
        assert_eq!(history.reply(id(1)), Some(panicked.clone()));
    }
}

/// After a restart all is learned, and applied, again.
#[test]
fn a_leader_that_comes_back_comes_to_the_same_outcome() {
    let mut bench = leader_of(0, Start::Follow, &three(Limits::default()));
    bench.hear(leader(1), chosen(0, &[0, 1, 2].map(decree), 3));
    let before = bench.as_leader().executor().clone();
    let mut bench = bench.crash();
    bench.hear(leader(1), chosen(0, &[0, 1, 2].map(decree), 3));
    assert_eq!(*bench.as_leader().executor(), before);
    assert_eq!(bench.as_leader().executor().reply(id(1)), before.reply(id(1)));
}
