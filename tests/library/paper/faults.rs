//! Faults that were found once, so that they do not come back.

use super::bench::*;
use crate::paxos::*;

const MINE: Ballot = Ballot { round: 1, leader: LeaderId(1) };

/// A hint that names no leader, and a ballot of no leader, were believed.
#[test]
fn nobody_believes_in_leaders_that_do_not_exist() {
    let setup = three(Limits::default());
    let client = Client::new(0, LeaderId(0), 1, 1, setup);
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
    assert_eq!(bench.hear(acceptor(0), first.clone()), [(acceptor(0), prepare_pages(MINE, 1, 2))]);
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

/// Two primaries whose heartbeats crossed both yielded, one to the higher ballot and the other to
/// the higher id, and sent their clients to one another.
#[test]
fn of_two_primaries_exactly_one_yields() {
    let old = Bench::primary(2, Limits::default());
    let mut new = Bench::primary(1, Limits::default());
    new.hear(acceptor(0), nack(MINE, ballot(1, 2)));
    new.fire(Timer::Election);
    for number in 0..2 {
        new.hear(acceptor(number), promise(ballot(2, 1), &[]));
    }
    let mut both = [(old, heartbeat(ballot(2, 1), 0), 1), (new, heartbeat(ballot(1, 2), 0), 2)];
    let yields = both.each_mut().map(|(bench, heard, from)| {
        bench.hear(leader(*from), heard.clone());
        bench.is_follower()
    });
    assert_eq!(yields, [true, false]);
}

/// The heartbeat of a primary that is not one any more kept its followers from campaigning, and
/// their clients with it.
#[test]
fn the_heartbeat_of_a_deposed_primary_counts_for_nothing() {
    let mut bench = Bench::follower(1, Limits::default());
    bench.hear(leader(0), heartbeat(ballot(2, 0), 0));
    bench.timers.clear();
    bench.hear(leader(2), heartbeat(ballot(1, 2), 9));
    assert!(bench.sent.is_empty() && bench.timers.is_empty());
    assert_eq!(bench.hear(client(0), request(0)), [(client(0), redirect(0, Some(0)))]);
}

/// A primary that was cut off from the acceptors, but not from the leaders and the clients, kept
/// both waiting for ever.
#[test]
fn a_primary_that_does_not_reach_a_quorum_makes_room() {
    let mut bench = Bench::primary(1, Limits { patience: 3, ..Limits::default() });
    (0..9).for_each(|_| drop(bench.fire(Timer::Resend)));
    assert!(bench.is_primary(), "nothing is open");
    bench.hear(client(0), request(0));
    bench.fire(Timer::Resend);
    for _ in 0..3 {
        assert_eq!(
            bench.fire(Timer::Resend),
            to_acceptors(&[0, 1, 2], &accept(MINE, 0, decree(0)))
        );
    }
    assert_eq!(bench.fire(Timer::Resend), [(client(0), redirect(0, None))]);
    assert!(bench.is_follower() && bench.timers.contains(&Timer::Election));
}

/// Progress starts the doubts anew.
#[test]
fn a_primary_that_makes_progress_has_no_doubts() {
    let mut bench = Bench::primary(1, Limits { patience: 1, window: 1, ..Limits::default() });
    (0..9).for_each(|n| drop(bench.hear(client(0), request(n))));
    for n in 0..9 {
        bench.fire(Timer::Resend);
        bench.fire(Timer::Resend);
        assert!(bench.is_primary());
        bench.hear_votes(2, &vote(MINE, n, decree(n)));
    }
    assert!(bench.is_primary());
}

/// A leader that heard of its own old ballot after a crash sent its clients to itself.
#[test]
fn a_recovered_leader_does_not_name_itself() {
    let mut bench = Bench::follower(1, Limits::default());
    bench.hear(acceptor(0), accepted(MINE, 0, decree(0)));
    assert_eq!(bench.hear(client(0), request(1)), [(client(0), redirect(1, None))]);
}

/// Two followers that named one another kept a client from ever asking the third leader.
#[test]
fn wrong_hints_do_not_keep_a_client_from_any_leader() {
    let setup = three(Limits::default());
    let client = Client::new(0, LeaderId(1), 1, 1, setup);
    let mut asking = Bench::start(Role::Client(client), Saving::Nothing, None);
    let mut asked = std::collections::BTreeSet::new();
    asking.fire(Timer::Retry);
    for _ in 0..4 {
        let sent = asking.fire(Timer::Retry);
        asked.extend(sent.iter().map(|(to, _)| *to));
        asking.hear(leader(1), redirect(0, Some(0)));
        asking.hear(leader(0), redirect(0, Some(1)));
    }
    assert_eq!(asked, (0..3).map(leader).collect());
}

/// A client's word that it had all answers, sent by anybody, made leaders refuse all its requests.
#[test]
fn nobody_acknowledges_what_was_never_asked() {
    let mut bench = Bench::primary(1, Limits::default());
    bench.hear(client(0), request(0));
    bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    for (sequence, acknowledged) in [(u64::MAX, u64::MAX), (1, 2), (1 << 40, 1 << 40)] {
        let command = Command { acknowledged, ..command(sequence) };
        let refused = (client(0), refused(sequence, Refusal::WindowExceeded));
        assert_eq!(bench.hear(client(0), Message::Request(command)), [refused]);
    }
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
    let client = Client::new(0, LeaderId(0), 0, 1, setup);
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
