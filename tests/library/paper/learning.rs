//! Learning: what leaders find out from votes and from one another.

use super::bench::*;
use crate::paxos::*;

fn decrees(range: std::ops::Range<u64>) -> Vec<Decree> {
    range.map(decree).collect()
}

/// A follower that knows what was chosen in the first `known` instances.
fn knowing(known: u64, limits: Limits) -> Bench {
    let mut bench = Bench::follower(0, limits);
    bench.hear(leader(1), chosen(0, &decrees(0..known), known));
    assert_eq!(bench.as_leader().learner().first_unchosen(), Instance(known));
    bench
}

/// PMS 2.3: acceptors "respond to all learners": a leader that is not primary learns as well, and
/// applies in order, but it answers nobody.
#[test]
fn every_leader_learns_from_votes() {
    let mut bench = Bench::follower(2, Limits::default());
    assert_eq!(bench.hear_votes(2, &vote(ballot(1, 0), 1, decree(1))), []);
    assert_eq!(bench.as_leader().learner().chosen().count(), 1);
    assert_eq!(bench.as_leader().commands().count(), 0, "instance 0 comes first");
    assert_eq!(bench.hear_votes(2, &vote(ballot(1, 0), 0, decree(0))), []);
    assert!(bench.as_leader().commands().eq(&[command(0), command(1)]));
}

/// PMS 2.1: "Only a single value is chosen". What is known to be chosen never changes again.
#[test]
fn what_is_chosen_stays_chosen() {
    let mut bench = knowing(1, Limits::default());
    bench.hear_votes(2, &vote(ballot(1, 0), 2, decree(2)));
    let before = bench.as_leader().learner().clone();
    bench.hear(leader(1), chosen(0, &[decree(9)], 1));
    bench.hear(leader(1), chosen(2, &[decree(9)], 3));
    bench.hear_votes(3, &vote(ballot(2, 1), 0, decree(9)));
    assert_eq!(bench.as_leader().learner(), &before);
}

/// House rule: no votes are kept for instances further ahead than the window.
#[test]
fn votes_beyond_the_window_are_not_kept() {
    for (instance, kept) in [(3, true), (4, true), (5, false), (6, false)] {
        let mut bench = knowing(2, Limits { window: 3, ..Limits::default() });
        bench.hear_votes(2, &vote(ballot(1, 1), instance, decree(instance)));
        assert_eq!(bench.as_leader().learner().chosen().count() == 3, kept, "{instance}");
    }
}

/// PMS 2.3: "a value could be chosen with no learner ever finding out": whoever hears that more is
/// chosen than it knows asks for the rest.
#[test]
fn a_heartbeat_that_shows_more_makes_a_follower_catch_up() {
    for (told, asked) in
        [(1, None), (2, None), (3, Some(catch_up(2, 3))), (9, Some(catch_up(2, 9)))]
    {
        let mut bench = knowing(2, Limits::default());
        let sent = bench.hear(leader(1), heartbeat(ballot(1, 1), told));
        assert!(sent.into_iter().eq(asked.map(|message| (leader(1), message))), "{told}");
    }
}

/// PMS 2.3: a learner that knows "in turn informs the other learners": here when asked, of what it
/// knows within the range asked for.
#[test]
fn a_leader_tells_what_it_knows_to_be_chosen() {
    let cases = [(0, 2, 0..2), (1, 3, 1..3), (2, 9, 2..3), (2, 3, 2..3), (2, 2, 0..0)];
    let silent = [(3, 9, 0..0), (4, 9, 0..0), (2, 1, 0..0)];
    for (from, until, told) in cases.into_iter().chain(silent) {
        let mut bench = knowing(3, Limits::default());
        bench.hear_votes(2, &vote(ballot(1, 1), 4, decree(4)));
        let answer = (!told.is_empty()).then(|| (leader(2), chosen(from, &decrees(told), until)));
        let sent = bench.hear(leader(2), catch_up(from, until));
        assert!(sent.into_iter().eq(answer), "{from}..{until}");
    }
}

/// House rule: what is missed comes page by page. A page that comes twice is not asked on from
/// twice.
#[test]
fn catching_up_goes_page_by_page_until_all_is_known() {
    let one = decree(0).size();
    for (bytes, per_page) in [(1, 1), (one - 1, 1), (one, 1), (one + 1, 2), (9 * one, 5)] {
        let limits = Limits { page: bytes, ..Limits::default() };
        let (mut knows, mut lags) = (knowing(5, limits.clone()), Bench::follower(2, limits));
        let mut ask = lags.hear(leader(0), heartbeat(ballot(1, 0), 5));
        for from in (0..5).step_by(per_page) {
            let until = 5.min(from + per_page as u64);
            assert_eq!(ask, [(leader(0), catch_up(from, 5))]);
            let told = knows.hear(leader(2), catch_up(from, 5));
            assert_eq!(told, [(leader(2), chosen(from, &decrees(from..until), 5))]);
            ask = lags.hear(leader(0), told[0].1.clone());
            assert_eq!(lags.hear(leader(0), told[0].1.clone()), [], "the same page again");
            assert_eq!(lags.as_leader().learner().first_unchosen(), Instance(until));
        }
        assert_eq!(ask, []);
        assert_eq!(lags.as_leader().commands().count(), 5);
    }
}

/// House rule: a page may overlap what is known already, or leave a gap to it.
#[test]
fn a_page_is_taken_for_what_is_news_in_it() {
    for (first, known) in [(1, 5), (2, 6), (3, 2)] {
        let mut bench = knowing(2, Limits::default());
        bench.hear(leader(1), chosen(first, &decrees(first..first + 4), 0));
        assert_eq!(bench.as_leader().learner().first_unchosen(), Instance(known), "{first}");
        bench.hear(leader(1), chosen(2, &decrees(2..3), 0));
        let end = Instance(first + 4);
        assert_eq!(bench.as_leader().learner().first_unchosen(), end);
    }
}

/// PMS 3: a primary, too, learns from others, and then goes on to the next free instance.
#[test]
fn a_primary_that_learns_from_another_answers_and_moves_on() {
    let mut bench = Bench::primary(0, Limits::default());
    bench.hear(client(0), request(0));
    let sent = bench.hear(leader(1), chosen(0, &decrees(0..2), 2));
    assert_eq!(sent, [(client(0), reply(0, 0, 0))]);
    let sent = bench.hear(client(0), request(2));
    assert_eq!(sent, to_acceptors(&[0, 1, 2], &accept(ballot(1, 0), 2, decree(2))));
}

/// House rule: a primary asks acceptors that have missed something to vote for what was chosen there,
/// and for nothing else; whoever is not primary asks nobody.
#[test]
fn acceptors_are_asked_to_vote_for_what_they_missed() {
    let limits = Limits { page: 2 * decree(0).size(), ..Limits::default() };
    let (b, mut bench) = (ballot(2, 0), knowing(9, limits));
    bench.hear_votes(2, &vote(ballot(1, 0), 11, decree(11)));
    assert_eq!(bench.hear(acceptor(2), catch_up(0, 3)), []);
    bench.fire(Timer::Election);
    (0..2).for_each(|n| drop(bench.hear(acceptor(n), page(b, 9, &[], None))));
    assert!(bench.is_primary());
    let asked = |range: std::ops::Range<u64>| -> Sent {
        range.map(|i| (acceptor(2), accept(b, i, decree(i)))).collect()
    };
    assert_eq!(bench.hear(acceptor(2), catch_up(3, 4)), asked(3..4));
    assert_eq!(bench.hear(acceptor(2), catch_up(0, 9)), asked(0..2), "a page");
    assert_eq!(bench.hear(acceptor(2), catch_up(8, 12)), asked(8..9), "9 is not chosen");
    assert_eq!(bench.hear(acceptor(2), catch_up(9, 12)), []);
}
