//! The acceptor: what it promises, votes for, reports and remembers.

use super::bench::*;
use crate::paxos::*;

/// An acceptor of default limits that has promised this ballot.
fn promised(ballot: Ballot) -> Bench {
    let mut bench = Bench::acceptor(Limits::default());
    bench.hear(leader(ballot.leader.0.into()), prepare(ballot, 0));
    assert_eq!(bench.as_acceptor().promised(), ballot);
    bench
}

/// PMS 2.2, phase 1b: "with number n greater than that of any prepare request to which it has
/// already responded, then it responds". Equal is the same request, sent again.
#[test]
fn an_acceptor_promises_nothing_below_its_promise() {
    let lower = promised(ballot(2, 1)).hear(leader(0), prepare(ballot(2, 0), 0));
    assert_eq!(lower, [(leader(0), nack(ballot(2, 0), ballot(2, 1)))]);
    for asked in [ballot(2, 1), ballot(3, 1)] {
        let mut bench = promised(ballot(2, 1));
        let sent = bench.hear(leader(1), prepare(asked, 0));
        assert_eq!(sent, [(leader(1), promise(asked, &[]))]);
        assert_eq!(bench.as_acceptor().promised(), asked);
    }
}

/// PMS 2.2, P1a: "An acceptor can accept a proposal numbered n iff it has not responded to a
/// prepare request having a number greater than n."
#[test]
fn an_acceptor_never_votes_below_its_promise() {
    let mut bench = promised(ballot(2, 1));
    let lower = bench.hear(leader(0), accept(ballot(2, 0), 7, decree(0)));
    assert_eq!(lower, [(leader(0), nack(ballot(2, 0), ballot(2, 1)))]);
    assert_eq!(bench.as_acceptor().votes().count(), 0);
    for asked in [ballot(2, 1), ballot(2, 2)] {
        let mut bench = promised(ballot(2, 1));
        bench.hear(leader(asked.leader.0.into()), accept(asked, 7, decree(0)));
        assert!(bench.as_acceptor().votes().eq([vote(asked, 7, decree(0))]));
    }
}

/// PMS 2.2, P1: "An acceptor must accept the first proposal that it receives."
#[test]
fn an_acceptor_accepts_the_first_proposal_that_it_receives() {
    let mut bench = Bench::acceptor(Limits::default());
    bench.hear(leader(0), accept(ballot(1, 0), 0, decree(0)));
    assert!(bench.as_acceptor().votes().eq([vote(ballot(1, 0), 0, decree(0))]));
}

/// PMMC 2.2, figure of the acceptor: a p2a is adopted as a p1a is, so a vote promises its ballot.
#[test]
fn a_vote_promises_its_ballot() {
    for (asked, kept) in [(ballot(1, 2), false), (ballot(2, 0), true), (ballot(2, 1), true)] {
        let mut bench = Bench::acceptor(Limits::default());
        bench.hear(leader(0), accept(ballot(2, 0), 0, decree(0)));
        assert_eq!(bench.as_acceptor().promised(), ballot(2, 0));
        bench.hear(leader(asked.leader.0.into()), accept(asked, 1, decree(1)));
        assert_eq!(bench.as_acceptor().votes().count() == 2, kept);
    }
}

/// PMS 2.2: "it should probably inform the proposer". It does so every time, and whatever it is
/// that it refuses.
#[test]
fn every_refusal_is_answered() {
    let mut bench = promised(ballot(3, 2));
    let answer = [(leader(0), nack(ballot(1, 0), ballot(3, 2)))];
    for _ in 0..2 {
        assert_eq!(bench.hear(leader(0), prepare(ballot(1, 0), 0)), answer);
        assert_eq!(bench.hear(leader(0), accept(ballot(1, 0), 0, decree(0))), answer);
    }
    assert_eq!(bench.saved.len(), 1, "a refusal changes nothing");
}

/// House rule: a model may do without refusals, since only progress depends on them.
#[test]
fn refusals_can_be_silent() {
    let setup = Setup { nacks: false, ..(*three(Limits::default())).clone() };
    let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup: setup.into() });
    let mut bench = Bench::start(role, Saving::Changes, None);
    assert_ne!(bench.hear(leader(1), prepare(ballot(2, 1), 0)), []);
    assert_eq!(bench.hear(leader(0), prepare(ballot(2, 0), 0)), []);
    assert_eq!(bench.hear(leader(0), accept(ballot(2, 0), 0, decree(0))), []);
    assert_eq!(bench.as_acceptor().promised(), ballot(2, 1));
}

/// PMS 2.2, phase 1b: "with the highest-numbered proposal (if any) that it has accepted" - under
/// the number that it was accepted with, not the one promised since.
#[test]
fn a_promise_reports_votes_under_the_ballot_they_were_cast_under() {
    let mut bench = Bench::acceptor(Limits::default());
    bench.hear(leader(0), accept(ballot(1, 0), 0, decree(0)));
    bench.hear(leader(1), accept(ballot(2, 1), 1, decree(1)));
    let sent = bench.hear(leader(2), prepare(ballot(5, 2), 0));
    let votes = [vote(ballot(1, 0), 0, decree(0)), vote(ballot(2, 1), 1, decree(1))];
    assert_eq!(sent, [(leader(2), promise(ballot(5, 2), &votes))]);
}

/// PMS 2.2: "an acceptor needs to remember only the highest-numbered proposal that it has ever
/// accepted"; PMMC 4.1: the most recently accepted pvalue per slot.
#[test]
fn only_the_last_vote_in_an_instance_is_reported() {
    let mut bench = Bench::acceptor(Limits::default());
    for round in 1..4 {
        bench.hear(leader(0), accept(ballot(round, 0), 0, decree(round.into())));
    }
    let sent = bench.hear(leader(0), prepare(ballot(4, 0), 0));
    let votes = [vote(ballot(3, 0), 0, decree(3))];
    assert_eq!(sent, [(leader(0), promise(ballot(4, 0), &votes))]);
}

/// PMMC 4.1: a `p1a` carries the first unknown slot, and lower ones need not be reported.
#[test]
fn a_promise_reports_from_the_instance_asked_for() {
    let b = ballot(1, 0);
    for (from, reported) in [(4, 1), (5, 1), (6, 0)] {
        let mut bench = Bench::acceptor(Limits::default());
        bench.hear(leader(0), accept(b, 5, decree(0)));
        let votes = [vote(b, 5, decree(0))];
        let answer = page(b, from, votes.get(..reported).unwrap(), None);
        assert_eq!(bench.hear(leader(0), prepare(b, from)), [(leader(0), answer)]);
    }
}

/// PMS 2.3: "have each acceptor, whenever it accepts a proposal, respond to all learners".
#[test]
fn votes_are_told_to_the_whole_audience() {
    let (b, telling) = (ballot(1, 1), accepted(ballot(1, 1), 0, decree(0)));
    for (audience, told) in [(Audience::AllLeaders, 0..3), (Audience::Proposer, 1..2)] {
        let setup = Setup { audience, ..(*three(Limits::default())).clone() };
        let role = Role::Acceptor(Acceptor { me: AcceptorId(0), setup: setup.into() });
        let mut bench = Bench::start(role, Saving::Changes, None);
        let sent = bench.hear(leader(1), accept(b, 0, decree(0)));
        assert!(sent.into_iter().eq(told.map(|n| (leader(n), telling.clone()))));
    }
}

/// PMS 2.1: messages "can be duplicated, and can be lost"; so whoever asks again is answered again.
#[test]
fn a_promise_or_vote_asked_for_again_is_told_again_but_saved_once() {
    let mut bench = Bench::acceptor(Limits::default());
    for message in [prepare(ballot(1, 0), 0), accept(ballot(1, 0), 0, decree(0))] {
        let (sent, saves) = (bench.hear(leader(0), message.clone()), bench.saved.len());
        assert_eq!(bench.hear(leader(0), message), sent);
        assert_eq!(bench.saved.len(), saves);
    }
    bench.hear(leader(0), accept(ballot(2, 0), 0, decree(0)));
    assert_eq!(bench.saved.len(), 3, "the same decree under a higher ballot is a new vote");
}

/// PMS 2.5: "records its intended response in stable storage before actually sending the
/// response". The bench holds every step to the order; here it is what is saved.
#[test]
fn an_acceptor_saves_what_it_is_about_to_say() {
    let mut bench = Bench::acceptor(Limits::default());
    bench.hear(leader(0), prepare(ballot(1, 0), 0));
    bench.hear(leader(0), accept(ballot(1, 0), 4, decree(0)));
    let cast = vote(ballot(1, 0), 4, decree(0));
    assert_eq!(bench.disk().0, [Record::Promised(ballot(1, 0)), Record::Voted(cast)]);
    assert_eq!(bench.saved.len(), 2, "each in the step that says it");
}

/// PMS 2.2: "an acceptor must remember this information even if it fails and then restarts".
#[test]
fn an_acceptor_is_the_same_after_a_crash() {
    let mut bench = Bench::acceptor(Limits::default());
    assert_eq!(bench.as_acceptor().recovered(), None);
    bench.hear(leader(0), accept(ballot(1, 0), 0, decree(0)));
    bench.hear(leader(1), prepare(ballot(2, 1), 0));
    bench.hear(leader(1), accept(ballot(2, 1), 0, decree(1)));
    bench.hear(leader(1), accept(ballot(2, 1), 2, Decree::Noop));
    bench.hear(leader(2), prepare(ballot(3, 2), 0));
    let before = bench.state.durable();
    let mut bench = bench.crash();
    assert_eq!(bench.state.durable(), before);
    assert_eq!(bench.as_acceptor().recovered(), Some(ballot(3, 2)));
    let refused = bench.hear(leader(1), accept(ballot(3, 1), 9, decree(2)));
    assert_eq!(refused, [(leader(1), nack(ballot(3, 1), ballot(3, 2)))]);
    bench.hear(leader(2), accept(ballot(3, 2), 9, decree(2)));
    let before = bench.state.durable();
    assert_eq!(bench.crash().crash().state.durable(), before, "what one life adds, all later have");
}

/// PMMC 2.2, A1: ballots only grow, whatever the order in which they are read back.
#[test]
fn an_acceptor_goes_by_the_highest_promise_on_its_disk() {
    let (low, high) = (ballot(2, 1), ballot(3, 0));
    let role = Bench::acceptor(Limits::default()).node.role().clone();
    for promises in [[low, high], [high, low], [high, high]] {
        for records in [
            promises.map(Record::Promised),
            promises.map(|b| Record::Voted(vote(b, b.round.into(), Decree::Noop))),
        ] {
            let disk = Storage(records.to_vec());
            let bench = Bench::start(role.clone(), Saving::Changes, Some(disk));
            assert_eq!(bench.as_acceptor().promised(), high);
        }
    }
}

/// House rule: a promise fits into datagrams. A page is closed once it is full, the next one is
/// asked for by its first instance, and asking changes nothing.
#[test]
fn a_promise_comes_in_pages_that_can_be_asked_for_again() {
    let (b, one) = (ballot(1, 0), decree(0).size());
    for (bytes, per_page) in [(1, 1), (one - 1, 1), (one, 1), (one + 1, 2), (2 * one + 1, 3)] {
        let mut bench = Bench::acceptor(Limits { page: bytes, ..Limits::default() });
        let cast: Vec<Vote> = (0..5).map(|i| vote(b, 2 * i, decree(i))).collect();
        for vote in &cast {
            bench.hear(leader(0), accept(b, vote.instance.0, vote.decree.clone()));
        }
        let (pages, before) = (cast.chunks(per_page).collect::<Vec<_>>(), bench.state.clone());
        for (n, votes) in pages.iter().enumerate() {
            let (from, next) = (votes[0].instance.0, pages.get(n + 1).map(|v| v[0].instance.0));
            for _ in 0..2 {
                let answer = [(leader(0), page(b, from, votes, next))];
                assert_eq!(bench.hear(leader(0), prepare(b, from)), answer, "{bytes} bytes");
            }
        }
        assert_eq!(bench.state, before);
    }
}

/// House rule: an acceptor passes heartbeats on to the leaders that may not hear them, and asks to vote
/// in what it has missed; whoever is primary no more is told so.
#[test]
fn an_acceptor_passes_heartbeats_on_and_says_what_it_has_missed() {
    let b = ballot(2, 1);
    let mut bench = Bench::acceptor(Limits { missed: 2, ..Limits::default() });
    bench.hear(leader(1), prepare(b, 0));
    for i in [1, 2, 5] {
        bench.hear(leader(1), accept(b, i, decree(i)));
    }
    let passed_on =
        |chosen| vec![(leader(0), heartbeat(b, chosen)), (leader(2), heartbeat(b, chosen))];
    let asks = |spans: &[(u64, u64)]| -> Sent {
        spans.iter().map(|(from, until)| (leader(1), catch_up(*from, *until))).collect()
    };
    let cases: [(u64, &[(u64, u64)]); 6] = [
        (0, &[]),
        (1, &[(0, 1)]),
        (3, &[(0, 1)]),
        (4, &[(0, 1), (3, 4)]),
        (6, &[(0, 1), (3, 5)]),
        (9, &[(0, 1), (3, 5)]),
    ];
    for (chosen, spans) in cases {
        let sent = bench.hear(leader(1), heartbeat(b, chosen));
        assert_eq!(sent, [passed_on(chosen), asks(spans)].concat(), "{chosen}");
    }
    for i in [0, 3, 4] {
        bench.hear(leader(1), accept(b, i, decree(i)));
    }
    let sent = bench.hear(leader(1), heartbeat(b, 9));
    assert_eq!(sent, [passed_on(9), asks(&[(6, 9)])].concat());
    let old = bench.hear(leader(0), heartbeat(ballot(2, 0), 9));
    assert_eq!(old, [(leader(0), nack(ballot(2, 0), b))]);
}
