//! Faults that were found once, so that they do not come back.

use super::bench::*;
use synod::paxos::*;

const MINE: Ballot = Ballot { round: 1, leader: LeaderId(1) };

/// A hint that names no leader, and a ballot of no leader, were believed.
#[test]
fn nobody_believes_in_leaders_that_do_not_exist() {
    let setup = three(Limits::default());
    let (me, first) = (ClientId(0), LeaderId(0));
    let client = Client { me, first, commands: 1, window: 1, setup };
    let mut asking = Bench::start(Role::Client(client), Saving::Nothing, None);
    assert_eq!(asking.hear(leader(0), redirect(0, Some(u16::MAX))), []);
    asking.fire(Timer::Retry);
    assert!(matches!(&asking.fire(Timer::Retry)[..], [(to, _)] if *to == leader(1)));

    let stranger = ballot(7, u16::MAX);
    let mut primary = Bench::primary(1, Limits::default());
    primary.hear(acceptor(0), nack(MINE, stranger));
    primary.hear(acceptor(0), accepted(stranger, 0, decree(0)));
    primary.hear(acceptor(0), promise(stranger, &[]));
    assert!(primary.is_primary());
}

/// A command was refused for good while an older vote for it could still be chosen.
#[test]
fn a_command_is_refused_for_good_only_when_every_instance_is_taken() {
    let mut bench = Bench::primary(1, Limits { instances: 1, ..Limits::default() });
    bench.hear(client(0), request(0));
    assert_eq!(bench.hear(client(0), request(1)), [], "instance 0 may yet become anything");
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    let full = (client(0), refused(1, Refusal::HistoryFull));
    assert_eq!(sent, [(client(0), reply(0, 0, 0)), full]);
}

/// One vote in a far instance made a new primary plan all instances below it at once.
#[test]
fn a_vote_far_ahead_costs_a_new_primary_no_more_than_its_window() {
    let mut bench = Bench::candidate(1, Limits { window: 4, ..Limits::default() });
    let far = vote(ballot(1, 0), u64::MAX / 2, decree(0));
    bench.hear(acceptor(0), promise(MINE, &[far]));
    bench.hear(acceptor(1), promise(MINE, &[]));
    assert_eq!(bench.sent.len(), 4 * 3);
}

/// An acceptor voted in instances that the history may not have.
#[test]
fn nobody_votes_beyond_the_end_of_the_history() {
    let mut bench = Bench::acceptor(Limits { instances: 2, ..Limits::default() });
    assert_eq!(bench.hear(leader(1), accept(MINE, 1, decree(0))).len(), 3);
    assert_eq!(bench.hear(leader(1), accept(MINE, 2, decree(0))), []);
}

/// The first page of a promise that came late, and again, made the leader ask for all pages anew.
#[test]
fn a_page_that_comes_again_asks_for_nothing() {
    let mut bench = Bench::candidate(1, Limits::default());
    let first = page(MINE, 0, &[vote(ballot(1, 0), 0, decree(0))], Some(1));
    assert_eq!(bench.hear(acceptor(0), first.clone()), [(acceptor(0), prepare(MINE, 1))]);
    assert_eq!(bench.hear(acceptor(0), page(MINE, 1, &[], None)), []);
    assert_eq!(bench.hear(acceptor(0), first), []);
    assert!(bench.is_candidate());
}

/// A client that broke its word left a request with the leader that nothing ever removed.
#[test]
fn a_request_that_its_client_has_given_up_is_not_kept() {
    let mut bench = Bench::primary(1, Limits { window: 1, ..Limits::default() });
    let ahead = Command { acknowledged: 1, ..command(1) };
    bench.hear(client(0), Message::Request(ahead.clone()));
    bench.hear(client(0), request(0));
    let sent = bench.hear_votes(2, &vote(MINE, 0, Decree::Command(ahead)));
    let forgotten = (client(0), refused(0, Refusal::Forgotten));
    assert_eq!(sent, [(client(0), reply(1, 0, 0)), forgotten]);
    assert_eq!(bench.as_leader().forgotten(), []);
}

/// A leader that yielded to one with a higher id but a lower ballot did not tell its clients to
/// whom.
#[test]
fn whoever_yields_names_the_one_it_yields_to() {
    let mut bench = Bench::primary(1, Limits::default());
    bench.hear(acceptor(0), nack(MINE, ballot(2, 0)));
    bench.fire(Timer::Election);
    for number in 0..2 {
        bench.hear(acceptor(number), promise(ballot(3, 1), &[]));
    }
    bench.hear(client(0), request(0));
    let sent = bench.hear(leader(2), heartbeat(ballot(1, 2), 0));
    assert_eq!(sent, [(client(0), redirect(0, Some(2)))]);
    assert_eq!(bench.hear(client(0), request(0)), [(client(0), redirect(0, Some(2)))]);
}

/// Pages of no bytes held nothing, and the next one started where they did, for ever.
#[test]
fn a_page_holds_at_least_one_vote() {
    let mut bench = Bench::acceptor(Limits { page: 0, ..Limits::default() });
    bench.hear(leader(1), accept(MINE, 0, decree(0)));
    bench.hear(leader(1), accept(MINE, 1, decree(1)));
    let (from, one) = (ballot(2, 1), vote(MINE, 0, decree(0)));
    let sent = bench.hear(leader(1), prepare(from, 0));
    assert_eq!(sent, [(leader(1), page(from, 0, &[one], Some(1)))]);
}

/// A client with nothing to ask kept looking for answers.
#[test]
fn a_client_that_wants_nothing_sets_no_timer() {
    let setup = three(Limits::default());
    let (me, first) = (ClientId(0), LeaderId(0));
    let client = Client { me, first, commands: 0, window: 1, setup };
    assert!(Bench::start(Role::Client(client), Saving::Nothing, None).timers.is_empty());
}

/// A command whose instance went to another, beyond a gap, waited for the next event.
#[test]
fn a_command_that_lost_its_instance_is_proposed_again_at_once() {
    let mut bench = Bench::primary(1, Limits::default());
    bench.hear(client(0), request(0));
    bench.hear(client(0), request(1));
    let sent = bench.hear(leader(2), chosen(1, &[decree(9)], 2));
    assert_eq!(sent, to_acceptors(&[0, 1, 2], &accept(MINE, 2, decree(1))));
}
