//! Phase 1: how a leader gets its promises, and what they make it propose.

use super::bench::*;
use crate::paxos::*;

/// PMS 2.5: "Each proposer remembers (in stable storage) the highest-numbered proposal it has tried
/// to issue, and begins phase 1 with a higher proposal number than any it has already used."
#[test]
fn a_round_is_saved_before_it_is_used_and_never_used_again() {
    let mut bench = Bench::candidate(1, Limits::default());
    for life in 1..5 {
        assert_eq!(bench.disk().0.last(), Some(&Record::Round(life)));
        assert_eq!(bench.sent, campaign(&[0, 1, 2], ballot(life, 1), 0));
        assert_eq!(bench.state.durable(), Storage(vec![Record::Round(life)]));
        bench = bench.crash();
    }
    let role = bench.node.role().clone();
    for rounds in [[3, 7], [7, 3], [7, 7]] {
        let disk = Storage(rounds.map(Record::Round).to_vec());
        let bench = Bench::start(role.clone(), Saving::Changes, Some(disk));
        assert_eq!(bench.as_leader().round(), 8, "the highest round counts, wherever it stands");
    }
}

/// PMS 2.5: "different proposers choose their numbers from disjoint sets of numbers".
#[test]
fn two_leaders_never_use_the_same_ballot() {
    let ballots = [0, 1, 2]
        .map(|me| Bench::candidate(me, Limits::default()).as_leader().stance().ballot().unwrap());
    assert_eq!(ballots, [ballot(1, 0), ballot(1, 1), ballot(1, 2)]);
}

/// PMMC 2.4: a preempted leader takes a ballot above the one that preempted it.
#[test]
fn a_new_ballot_is_above_all_heard_of() {
    let cases = [
        (ballot(1, 2), ballot(2, 1)),
        (ballot(2, 0), ballot(2, 1)),
        (ballot(2, 2), ballot(3, 1)),
        (ballot(9, 0), ballot(9, 1)),
        (ballot(9, 1), ballot(10, 1)),
    ];
    for (heard, next) in cases {
        let mut bench = Bench::candidate(1, Limits::default());
        bench.hear(acceptor(0), nack(ballot(1, 1), heard));
        assert!(bench.is_follower());
        let sent = bench.fire(Timer::Election);
        assert_eq!(sent, campaign(&[0, 1, 2], next, 0));
    }
}

/// House rule: rounds are bounded. A leader that has used them all waits for another.
#[test]
fn rounds_that_have_run_out_are_not_exceeded() {
    for (rounds, campaigns) in [(1, false), (2, true), (3, true)] {
        let mut bench = Bench::candidate(0, Limits { rounds, ..Limits::default() });
        bench.hear(acceptor(0), nack(ballot(1, 0), ballot(1, 1)));
        bench.fire(Timer::Election);
        assert_eq!(bench.is_candidate(), campaigns, "{rounds}");
        assert_eq!(bench.timers.contains(&Timer::Election), !campaigns, "it waits on");
    }
}

/// PMS 2.2, phase 1a: "sends a prepare request with number n to a majority of acceptors" - to the
/// acceptors that it was told to ask, and to no others.
#[test]
fn a_leader_asks_only_the_acceptors_that_it_is_to_ask() {
    let asks = [0, 2].into_iter().map(AcceptorId).collect();
    let setup = three(Limits::default());
    let role = Role::Leader(Leader { asks, ..a_leader(0, Start::Campaign, setup) });
    let (b, mut bench) = (ballot(1, 0), Bench::start(role, Saving::Changes, None));
    assert_eq!(bench.sent, campaign(&[0, 2], b, 0));
    assert_eq!(bench.fire(Timer::Resend), to_acceptors(&[0, 2], &prepare(b, 0)));
    bench.hear(acceptor(0), promise(b, &[]));
    bench.hear(acceptor(2), promise(b, &[]));
    let proposed = to_acceptors(&[0, 2], &accept(b, 0, decree(0)));
    assert_eq!(bench.hear(client(0), request(0)), proposed);
    bench.fire(Timer::Resend);
    assert_eq!(bench.fire(Timer::Resend), proposed);
}

/// PMS 2.2, phase 2a: "a response to its prepare requests (numbered n) from a majority"; PMMC 2.4:
/// the scout waits for a set of acceptors.
#[test]
fn a_promise_counts_once_and_for_its_ballot_only() {
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, Limits::default()));
    bench.hear(acceptor(0), promise(b, &[]));
    bench.hear(acceptor(0), promise(b, &[]));
    assert!(bench.is_candidate(), "the same acceptor twice is no quorum");
    for other in [ballot(1, 0), ballot(1, 2)] {
        bench.hear(acceptor(1), promise(other, &[]));
        assert!(bench.is_candidate(), "a promise for {other} is none for {b}");
    }
    bench.hear(acceptor(1), promise(b, &[]));
    assert!(bench.is_primary());
    let before = bench.state.clone();
    assert_eq!(bench.hear(acceptor(2), promise(b, &[])), []);
    assert_eq!(bench.state, before, "a third promise comes too late to count");
}

/// Flexible Paxos, "Majority quorums", "Simple quorums" and "Grid quorums": phase 1 needs a phase-1
/// quorum, and nothing else.
#[test]
fn a_phase_1_quorum_makes_a_primary_and_less_does_not() {
    let set = |acceptors: [u8; 2]| acceptors.into_iter().map(AcceptorId).collect();
    let grid = Quorums::Sets { phase1: vec![set([0, 1]), set([2, 3])], phase2: vec![set([0, 2])] };
    let cases = [
        (Quorums::Majority, vec![0, 1, 2]),
        (Quorums::Majority, vec![3, 1, 2]),
        (Quorums::Sizes { phase1: 2, phase2: 3 }, vec![2, 3]),
        (Quorums::Sizes { phase1: 4, phase2: 1 }, vec![0, 1, 2, 3]),
        (grid.clone(), vec![0, 2, 1]),
        (grid, vec![1, 2, 3]),
    ];
    for (quorums, needed) in cases {
        let setup = setup(4, quorums, Limits::default());
        let mut bench = Bench::leader(0, Start::Campaign, setup);
        for (n, promises) in needed.iter().zip(1..) {
            bench.hear(acceptor(*n), promise(ballot(1, 0), &[]));
            assert_eq!(bench.is_primary(), promises == needed.len(), "{promises} of {needed:?}");
        }
    }
}

/// PMS 2.2, P2c: "the value of the highest-numbered proposal among all proposals numbered less than
/// n accepted by the acceptors in S"; PMMC 2.4, `pmax`. All orders in which three promises can come.
#[test]
fn the_highest_ballot_among_all_promises_wins_in_whatever_order_they_come() {
    let reports = [
        vec![vote(ballot(1, 0), 0, decree(0)), vote(ballot(4, 0), 1, decree(1))],
        vec![vote(ballot(3, 0), 0, decree(2)), vote(ballot(3, 1), 1, decree(3))],
        vec![vote(ballot(3, 0), 0, decree(2)), vote(ballot(2, 2), 1, decree(4))],
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let setup = setup(5, Quorums::Majority, Limits::default());
        let mut bench = Bench::leader(2, Start::Follow, setup);
        bench.hear(acceptor(0), nack(ballot(3, 2), ballot(4, 0)));
        bench.fire(Timer::Election);
        let b = ballot(4, 2);
        order.iter().for_each(|n| drop(bench.hear(acceptor(*n), promise(b, &reports[*n]))));
        let [first, second] = [accept(b, 0, decree(2)), accept(b, 1, decree(1))];
        let everyone = [0, 1, 2, 3, 4];
        let expected = [to_acceptors(&everyone, &first), to_acceptors(&everyone, &second)].concat();
        assert_eq!(bench.sent, expected);
    }
}

/// PMS 2.2, phase 2a: "or is any value if the responses reported no proposals"; PMMC 2.4: the
/// leader's own proposals. They are those that it took while it was waiting, in order.
#[test]
fn a_free_leader_proposes_what_its_clients_want() {
    let (b, mut bench) = (ballot(1, 0), Bench::candidate(0, Limits::default()));
    assert_eq!(bench.hear(client(0), request(1)), [], "nothing is proposed without a quorum");
    bench.hear(client(0), request(0));
    bench.hear(acceptor(0), promise(b, &[]));
    let sent = bench.hear(acceptor(1), promise(b, &[]));
    let [first, second] = [accept(b, 0, decree(1)), accept(b, 1, decree(0))];
    assert_eq!(
        sent,
        [to_acceptors(&[0, 1, 2], &first), to_acceptors(&[0, 1, 2], &second)].concat()
    );
}

/// PMS 3, the paper's own example: the new leader "knows commands 1-134, 138, and 139"; phase 1
/// constrains 135 and 140; it proposes those, fills "the gap" 136 and 137 with "a special 'no-op'
/// command", and the next client's command becomes command 141. (Instance 0 stands for nothing.)
#[test]
fn a_new_leader_fills_the_gap_with_no_ops_and_goes_on_after_it() {
    let (old, b) = (ballot(1, 1), ballot(1, 2));
    let mut bench = Bench::follower(2, Limits::default());
    let known: Vec<Decree> = (0..135).map(decree).collect();
    bench.hear(leader(1), chosen(0, &known, 135));
    bench.hear_votes(2, &vote(old, 138, decree(138)));
    bench.hear_votes(2, &vote(old, 139, decree(139)));
    assert_eq!(bench.fire(Timer::Election), campaign(&[0, 1, 2], b, 135));
    bench.hear(acceptor(0), page(b, 135, &[vote(old, 135, decree(135))], None));
    let sent = bench.hear(acceptor(1), page(b, 135, &[vote(old, 140, decree(140))], None));
    let mut expected = Sent::new();
    for (instance, decree) in
        [(135, decree(135)), (136, Decree::Noop), (137, Decree::Noop), (140, decree(140))]
    {
        expected.extend(to_acceptors(&[0, 1, 2], &accept(b, instance, decree)));
    }
    assert_eq!(sent, expected);
    assert_eq!(bench.as_leader().neglected(), []);
    let next = bench.hear(client(0), request(141));
    assert_eq!(next, to_acceptors(&[0, 1, 2], &accept(b, 141, decree(141))));
}

/// PMS 3: "the gap" ends where the leader's own knowledge ends, if no promise reports more: with
/// what it knows to be chosen, or has merely seen a vote for.
#[test]
fn what_only_the_leader_knows_of_is_repaired_up_to() {
    let (b, noop) = (ballot(1, 1), Decree::Noop);
    let gap = [(0, noop.clone()), (1, noop.clone()), (3, decree(3))];
    let gap_and_vote = [(0, noop.clone()), (1, noop.clone()), (2, noop), (3, decree(3))];
    for (votes, proposals) in [(1, &gap_and_vote[..]), (2, &gap)] {
        let mut bench = Bench::follower(1, Limits::default());
        bench.hear_votes(votes, &vote(ballot(1, 0), 2, decree(2)));
        bench.fire(Timer::Election);
        bench.hear(client(0), request(3));
        (0..2).for_each(|n| drop(bench.hear(acceptor(n), promise(b, &[]))));
        let expected: Sent = proposals
            .iter()
            .flat_map(|(i, decree)| to_acceptors(&[0, 1, 2], &accept(b, *i, decree.clone())))
            .collect();
        assert_eq!(bench.sent, expected);
    }
}

/// PMMC 2.4, `proposals ◁ pmax(pvals)`: a command that phase 1 forces is not proposed again beside
/// it, and its client is answered all the same.
#[test]
fn a_waiting_command_that_phase_1_forces_is_proposed_once() {
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, Limits::default()));
    bench.hear(client(0), request(0));
    bench.hear(acceptor(0), promise(b, &[vote(ballot(1, 0), 0, decree(0))]));
    let sent = bench.hear(acceptor(1), promise(b, &[]));
    assert_eq!(sent, to_acceptors(&[0, 1, 2], &accept(b, 0, decree(0))));
    let sent = bench.hear_votes(2, &vote(b, 0, decree(0)));
    assert_eq!(sent, [(client(0), reply(0, 0, 0))]);
}

/// PMMC 2.4, the same for a client that comes later: what is being repaired is not proposed again.
#[test]
fn a_command_under_repair_is_not_proposed_again() {
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, Limits::default()));
    bench.hear(acceptor(0), promise(b, &[vote(ballot(1, 0), 0, decree(0))]));
    bench.hear(acceptor(1), promise(b, &[]));
    assert_eq!(bench.hear(client(0), request(0)), []);
    let sent = bench.hear_votes(2, &vote(b, 0, decree(0)));
    assert_eq!(sent, [(client(0), reply(0, 0, 0))]);
}

/// House rule: a leader may be its own client. What is in the history already is not proposed again.
#[test]
fn a_leader_proposes_its_own_commands_when_it_campaigns() {
    let setup = three(Limits::default());
    let backlog = vec![command(0), command(1)];
    let role = Role::Leader(Leader { backlog, ..a_leader(2, Start::Follow, setup) });
    let mut bench = Bench::start(role, Saving::Changes, None);
    bench.hear(leader(0), chosen(0, &[decree(0)], 1));
    bench.fire(Timer::Election);
    let b = ballot(1, 2);
    bench.hear(acceptor(0), page(b, 1, &[], None));
    let sent = bench.hear(acceptor(1), page(b, 1, &[], None));
    assert_eq!(sent, to_acceptors(&[0, 1, 2], &accept(b, 1, decree(1))));
    assert_eq!(bench.as_leader().forgotten(), []);
    assert_eq!(bench.hear(client(0), request(1)), [], "somebody else wants it too");
}

/// House rule: a promise that comes in pages counts when all of it has come, in whatever order; a page
/// that comes twice says nothing new.
#[test]
fn a_promise_in_pages_counts_once_it_is_whole() {
    let (old, b) = (ballot(1, 0), ballot(1, 1));
    let mut bench = Bench::candidate(1, Limits::default());
    let first = page(b, 0, &[vote(old, 0, decree(0))], Some(1));
    let ask = [(acceptor(0), prepare_pages(b, 1, 2))];
    assert_eq!(bench.hear(acceptor(0), first.clone()), ask);
    assert_eq!(bench.hear(acceptor(0), first), [], "a page that comes twice");
    assert_eq!(bench.hear(acceptor(0), page(b, 2, &[], None)), [], "a page that overtook one");
    assert_eq!(bench.hear(acceptor(1), promise(b, &[])), []);
    assert!(bench.is_candidate());
    let rest = page(b, 1, &[vote(old, 1, decree(1))], Some(2));
    let sent = bench.hear(acceptor(0), rest);
    let proposals = [0, 1].map(|i| to_acceptors(&[0, 1, 2], &accept(b, i, decree(i))));
    assert_eq!(sent, proposals.concat());
}

/// PMS 2.3: a value is chosen once a quorum has voted for it under one ballot, and a vote that is
/// reported was cast. So a leader that comes back need not propose again what was chosen.
#[test]
fn what_a_quorum_reports_under_one_ballot_is_known_to_be_chosen() {
    let mine = ballot(1, 0);
    let old = |round, instance| vote(ballot(round, 2), instance, decree(instance));
    let mut bench = Bench::candidate(0, Limits { window: 1, ..Limits::default() });
    bench.hear(acceptor(0), nack(mine, ballot(7, 2)));
    bench.fire(Timer::Election);
    let mine = ballot(8, 0);
    let votes = [old(7, 0), old(7, 1), old(6, 2), old(7, 3)];
    assert_eq!(bench.hear(acceptor(0), page(mine, 0, &votes[..2], Some(2))).len(), 1);
    assert_eq!(bench.hear(acceptor(0), page(mine, 2, &votes[2..], None)), []);
    assert_eq!(bench.as_leader().learner().first_unchosen(), Instance(0), "one is no quorum");
    let sent =
        bench.hear(acceptor(2), promise(mine, &[old(7, 0), old(7, 1), old(7, 2), old(7, 3)]));
    let known: Vec<Instance> = bench.as_leader().learner().chosen().map(|(i, _)| i).collect();
    assert_eq!(known, [0, 1, 3].map(Instance), "2 was voted for under two ballots");
    assert_eq!(bench.as_leader().executor().applied(), [0, 1].map(Instance));
    assert_eq!(sent, to_acceptors(&[0, 1, 2], &accept(mine, 2, decree(2))));
}

/// PMS 2.1: messages "can be lost". PMMC 3: they are retransmitted, here to whoever has not
/// answered in whole, and from the page that is missing.
#[test]
fn prepares_are_sent_again_to_those_that_have_not_promised() {
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, Limits::default()));
    assert_eq!(bench.fire(Timer::Resend), to_acceptors(&[0, 1, 2], &prepare(b, 0)));
    bench.hear(acceptor(0), promise(b, &[]));
    bench.hear(acceptor(2), page(b, 0, &[], Some(6)));
    let mut expected = to_acceptors(&[1], &prepare(b, 0));
    let announced = campaign(&[], b, 0);
    assert_eq!(bench.fire(Timer::Resend), [announced, expected.clone()].concat(), "A3 is at it");
    for _ in 0..2 {
        assert_eq!(bench.fire(Timer::Resend), expected, "its first answer took as long");
    }
    expected.push((acceptor(2), prepare(b, 6)));
    assert_eq!(bench.fire(Timer::Resend), expected);
    assert_eq!(bench.fire(Timer::Resend), expected, "until they answer");
    assert!(bench.timers.contains(&Timer::Resend));
}

/// House rule: a candidate that no acceptor tells anything makes room for another; one that is told
/// more and more goes on, however long that takes, and the other leaders hear of it.
#[test]
fn a_campaign_goes_on_for_as_long_as_it_gets_on() {
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, Limits::default()));
    let patience = Limits::default().patience;
    for i in 0..u64::from(patience) * 3 {
        bench.hear(acceptor(0), page(b, i, &[], Some(i + 1)));
        let sent = bench.fire(Timer::Resend);
        assert!(campaign(&[], b, 0).iter().all(|said| sent.contains(said)), "{sent:?}");
    }
    for _ in 0..patience {
        let sent = bench.fire(Timer::Resend);
        assert!(sent.iter().all(|(_, said)| matches!(said, Message::Prepare { .. })), "{sent:?}");
    }
    assert!(bench.is_candidate());
    assert_eq!(bench.fire(Timer::Resend), []);
    assert!(bench.is_follower());
    assert_eq!(bench.timers, [Timer::Election].into());
}

/// House rule: the pages of an answer are asked for ahead, more at a time as long as none is lost, and
/// none twice.
#[test]
fn pages_are_asked_for_ahead_and_never_twice() {
    let limits = Limits { page: 1, pages: 4, ..Limits::default() };
    let mut voter = Bench::acceptor(limits.clone());
    let votes: Vec<Vote> = (0..30).map(|i| vote(ballot(1, 0), i, decree(i))).collect();
    for vote in &votes {
        voter.hear(leader(0), accept(vote.ballot, vote.instance.0, vote.decree.clone()));
    }
    let (b, mut bench) = (ballot(1, 1), Bench::candidate(1, limits));
    bench.hear(acceptor(1), promise(b, &[]));
    let (mut questions, mut told) = (vec![prepare(b, 0)], Vec::new());
    let mut under_way = std::collections::VecDeque::new();
    loop {
        for question in questions.drain(..) {
            under_way.extend(voter.hear(leader(1), question));
        }
        let Some((_, answer)) = under_way.pop_front() else { break };
        let Message::Promise { from, .. } = &answer else { unreachable!("{answer}") };
        told.push(from.0);
        assert!(under_way.len() < 8, "no more than two answers are under way");
        let sent = bench.hear(acceptor(0), answer);
        questions.extend(
            sent.into_iter()
                .map(|(_, said)| said)
                .filter(|said| matches!(said, Message::Prepare { .. })),
        );
    }
    assert!(told.iter().copied().eq(0..30), "each once, and in order: {told:?}");
    assert!(bench.is_primary());
}

/// House rule: what a failed campaign was told is not asked for again where it says what was chosen.
#[test]
fn a_failed_campaign_keeps_what_it_learned() {
    let (old, b) = (ballot(1, 0), ballot(1, 1));
    let mut bench = Bench::candidate(1, Limits::default());
    let votes: Vec<Vote> = (0..9).map(|i| vote(old, i, decree(i))).collect();
    bench.hear(acceptor(0), page(b, 0, &votes, Some(9)));
    bench.hear(acceptor(1), page(b, 1, &votes[1..], Some(9)));
    bench.hear(acceptor(0), nack(b, ballot(2, 2)));
    assert!(bench.is_follower());
    let b = ballot(3, 1);
    assert_eq!(bench.fire(Timer::Election), campaign(&[0, 1, 2], b, 0));
    let sent = bench.hear(acceptor(0), page(b, 0, &votes[..1], Some(1)));
    assert_eq!(sent, [(acceptor(0), prepare_pages(b, 9, 2))], "1 to 8 are known to be chosen");
}

/// PMMC 3: whoever acts under a ballot already does not start another on its own.
#[test]
fn an_election_timeout_moves_followers_only() {
    for mut bench in [Bench::candidate(0, Limits::default()), Bench::primary(0, Limits::default())]
    {
        let before = bench.state.clone();
        assert!(bench.timers.contains(&Timer::Resend) && !bench.timers.contains(&Timer::Election));
        assert_eq!(bench.fire(Timer::Election), []);
        assert_eq!(bench.state, before);
    }
    let mut bench = Bench::follower(0, Limits::default());
    assert!(bench.timers.contains(&Timer::Election) && bench.saved.is_empty());
    bench.fire(Timer::Election);
    assert!(bench.is_candidate() && !bench.timers.contains(&Timer::Election));
}
