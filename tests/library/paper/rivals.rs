//! Rivals: how leaders yield to one another, and where that leaves their clients.

use super::bench::*;
use crate::paxos::*;

const MINE: Ballot = Ballot { round: 2, leader: LeaderId(1) };

/// The middle one of three leaders, about to be primary under `MINE`, and then primary.
fn acting() -> [Bench; 2] {
    let candidate = || Bench::candidate(1, Limits::default()).crash();
    let mut primary = candidate();
    (0..2).for_each(|n| drop(primary.hear(acceptor(n), promise(MINE, &[]))));
    assert!(primary.is_primary());
    [candidate(), primary]
}

/// PMS 2.2: "the proposer, who should then abandon its proposal"; PMS 2.4: "if it learns about some
/// request with a higher proposal number"; PMMC 2.4: a leader is preempted by a higher ballot only.
#[test]
fn a_higher_ballot_unseats_and_a_lower_or_equal_one_does_not() {
    for (heard, unseats) in [(ballot(2, 0), false), (MINE, false), (ballot(2, 2), true)] {
        for message in [nack(MINE, heard), accepted(heard, 0, Decree::Noop)] {
            for mut bench in acting() {
                bench.hear(acceptor(0), message.clone());
                assert_eq!(bench.is_follower(), unseats, "{message}");
            }
        }
    }
}

/// PMS 2.4: "a distinguished proposer must be selected as the only one to try issuing proposals";
/// PMMC 3: of two leaders one waits for the other. The lower ballot yields: in the same round, that
/// is the one of the lower id.
#[test]
fn of_two_primaries_the_lower_ballot_yields() {
    let lower_id = [(ballot(1, 0), false), (ballot(2, 0), false), (ballot(3, 0), true)];
    let higher_id = [(ballot(1, 2), false), (ballot(2, 2), true), (ballot(3, 2), true)];
    for (rival, unseats) in lower_id.into_iter().chain(higher_id) {
        for mut bench in acting() {
            let before = bench.state.clone();
            bench.hear(leader(rival.leader.0.into()), heartbeat(rival, 0));
            assert_eq!(bench.is_follower(), unseats, "{rival}");
            assert!(unseats || bench.state == before);
        }
    }
}

/// House rule: whoever is unseated sends the clients of unfinished requests to the owner of the
/// ballot that unseated it.
#[test]
fn an_unseated_leader_sends_its_clients_elsewhere() {
    let unseat = [
        (acceptor(0), nack(MINE, ballot(3, 0)), Some(0)),
        (acceptor(0), accepted(ballot(2, 2), 9, Decree::Noop), Some(2)),
        (leader(0), heartbeat(ballot(3, 0), 0), Some(0)),
        (leader(2), heartbeat(ballot(2, 2), 0), Some(2)),
    ];
    for (from, message, hint) in unseat {
        for mut bench in acting() {
            bench.hear(client(0), request(0));
            bench.hear(client(1), request(1));
            let sent = bench.hear(from, message.clone());
            let expected = [(client(0), redirect(0, hint)), (client(1), redirect(1, hint))];
            assert_eq!(sent, expected, "{message}");
            assert_eq!(bench.timers, [Timer::Election].into());
        }
    }
}

/// House rule: nobody is sent back to a leader that has just yielded.
#[test]
fn a_leader_never_sends_its_clients_to_itself() {
    let itself = redirect(0, Some(1));
    for mut bench in acting() {
        bench.hear(client(0), request(0));
        let sent = bench.hear(leader(2), heartbeat(ballot(2, 2), 0));
        assert!(sent.len() == 1 && !sent.contains(&(client(0), itself.clone())));
        assert_ne!(bench.hear(client(0), request(0)), [(client(0), itself.clone())]);
    }
}

/// PMS 2.2: a proposal can be abandoned "in the middle of the protocol at any time": nothing of it
/// is sent again, and promises that come late revive nothing.
#[test]
fn an_unseated_leader_proposes_nothing_more() {
    for mut bench in acting() {
        bench.hear(client(0), request(0));
        bench.hear(acceptor(0), nack(MINE, ballot(2, 2)));
        for timer in [Timer::Resend, Timer::Resend, Timer::Heartbeat] {
            assert_eq!(bench.fire(timer), []);
        }
        (0..3).for_each(|n| drop(bench.hear(acceptor(n), promise(MINE, &[]))));
        assert!(bench.is_follower() && bench.sent.is_empty());
        assert_eq!(bench.timers, [Timer::Election].into());
    }
}

/// PMS 2.2: "requests and/or responses for the proposal may arrive ... long after the proposal was
/// abandoned": its votes still choose, and whoever asks is answered.
#[test]
fn what_an_unseated_leader_proposed_may_still_be_chosen() {
    let [_, mut bench] = acting();
    bench.hear(client(0), request(0));
    bench.hear(acceptor(2), nack(MINE, ballot(2, 2)));
    assert_eq!(bench.hear_votes(2, &vote(MINE, 0, decree(0))), []);
    assert_eq!(bench.hear(client(0), request(0)), [(client(0), reply(0, 0, 0))]);
}

/// PMS 3: clients send their commands to the leader; whoever is not it names the owner of the
/// highest ballot that it has heard of, if any.
#[test]
fn a_follower_redirects_to_the_owner_of_the_highest_ballot() {
    let mut bench = Bench::follower(1, Limits::default());
    let hint = |bench: &mut Bench| bench.hear(client(0), request(0));
    assert_eq!(hint(&mut bench), [(client(0), redirect(0, None))]);
    for (heard, owner) in
        [(ballot(2, 2), 2), (ballot(1, 0), 2), (ballot(2, 0), 2), (ballot(3, 0), 0)]
    {
        bench.hear(leader(heard.leader.0.into()), heartbeat(heard, 0));
        assert_eq!(hint(&mut bench), [(client(0), redirect(0, Some(owner)))], "{heard}");
    }
}

/// PMMC 3: the active leader is pinged; here it tells that it is alive, unasked, and how much is
/// chosen.
#[test]
fn a_primary_tells_the_other_leaders_that_it_is_alive() {
    let [_, mut bench] = acting();
    bench.hear_votes(2, &vote(MINE, 0, Decree::Noop));
    bench.hear_votes(2, &vote(MINE, 2, Decree::Noop));
    assert!(bench.timers.contains(&Timer::Heartbeat));
    let alive = heartbeat(MINE, 1);
    let leaders = [(leader(0), alive.clone()), (leader(2), alive.clone())];
    let expected = [leaders.to_vec(), to_acceptors(&[0, 1, 2], &alive)].concat();
    assert_eq!(bench.fire(Timer::Heartbeat), expected);
    assert!(bench.timers.contains(&Timer::Heartbeat));
    let [candidate, _] = acting();
    for mut bench in [Bench::follower(1, Limits::default()), candidate] {
        assert!(!bench.timers.contains(&Timer::Heartbeat));
        assert_eq!(bench.fire(Timer::Heartbeat), []);
    }
}

/// PMMC 3: whoever was preempted does not try again while the other is alive.
#[test]
fn a_heartbeat_keeps_a_follower_from_campaigning() {
    let mut bench = Bench::follower(1, Limits::default());
    for heard in [ballot(4, 2), ballot(5, 0), ballot(5, 0)] {
        bench.timers.clear();
        assert_eq!(bench.hear(leader(heard.leader.0.into()), heartbeat(heard, 0)), []);
        assert!(bench.is_follower() && bench.timers.contains(&Timer::Election), "anew");
    }
    let sent = bench.fire(Timer::Election);
    assert_eq!(sent, campaign(&[0, 1, 2], ballot(5, 1), 0));
}

/// House rule: whoever hears that another is at work does not disturb it: by a vote under its ballot, by
/// a heartbeat that an acceptor passes on, by its campaign.
#[test]
fn a_sign_of_life_keeps_a_follower_from_campaigning() {
    let b = ballot(4, 2);
    let signs = [
        (acceptor(0), accepted(b, 0, decree(0))),
        (acceptor(1), heartbeat(b, 0)),
        (leader(2), Message::Candidacy { ballot: b }),
    ];
    for (from, sign) in signs {
        let mut bench = Bench::follower(1, Limits::default());
        for _ in 0..3 {
            bench.timers.clear();
            assert_eq!(bench.hear(from, sign.clone()), []);
            assert!(bench.timers.contains(&Timer::Election), "{sign}: anew");
        }
        bench.hear(leader(0), heartbeat(ballot(5, 0), 0));
        bench.timers.clear();
        bench.hear(from, sign.clone());
        assert!(bench.timers.is_empty(), "{sign}: of somebody who was outbid it says nothing");
    }
}

/// House rule: after each campaign that fails a leader waits for longer, by chance, so that in the end
/// one of two is first; whoever hears from a primary forgets about it.
#[test]
fn failed_campaigns_make_a_leader_wait_longer() {
    let limits = Limits { backoff: 2, ..Limits::default() };
    let election = Timing::default().election.unwrap();
    let mut bench = Bench::follower(1, limits);
    let longest = |doublings| election.end * 2_u32.pow(doublings);
    for (failures, doublings) in [(1, 1), (2, 2), (3, 2)] {
        bench.fire(Timer::Election);
        bench.hear(acceptor(0), nack(ballot(1, 1), ballot(failures * 2, 2)));
        assert_eq!(bench.waits(Timer::Election), election.start..longest(doublings));
    }
    bench.hear(acceptor(0), heartbeat(ballot(6, 2), 0));
    assert_eq!(bench.waits(Timer::Election), election);
}
