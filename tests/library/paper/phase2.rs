//! Phase 2: what a primary proposes, when it is chosen, and when clients are told.

use super::bench::*;
use crate::machine::ledger::Ledger;
use crate::paxos::*;

const MINE: Ballot = Ballot { round: 2, leader: LeaderId(0) };

/// A candidate under `MINE`, in its second life.
fn candidate(limits: Limits) -> Bench {
    Bench::candidate(0, limits).crash()
}

/// A primary under `MINE`, free to propose what it likes.
fn primary(limits: Limits) -> Bench {
    let mut bench = candidate(limits);
    (0..2).for_each(|n| drop(bench.hear(acceptor(n), promise(MINE, &[]))));
    bench
}

/// What is sent to propose these requests in these instances.
fn proposals(proposed: &[(u64, u64)]) -> Sent {
    let accept = |(instance, sequence)| accept(MINE, instance, decree(sequence));
    proposed.iter().flat_map(|p| to_acceptors(&[0, 1, 2], &accept(*p))).collect()
}

/// PMS 3: a leader "can propose command 142 before it learns that its proposed command 141 has been
/// chosen".
#[test]
fn a_primary_does_not_wait_for_one_command_to_propose_the_next() {
    let mut bench = primary(Limits::default());
    for n in 0..3 {
        assert_eq!(bench.hear(client(0), request(n)), proposals(&[(n, n)]));
    }
}

/// PMS 2.3: "a learner must find out that a proposal has been accepted by a majority of acceptors":
/// one proposal, so one ballot, and acceptors, so nobody twice.
#[test]
fn a_decree_is_chosen_by_a_quorum_under_one_ballot() {
    let vote = |b| accepted(b, 0, decree(0));
    let mut bench = Bench::follower(0, Limits::default());
    let told = [(0, ballot(2, 1)), (0, ballot(2, 1)), (1, ballot(2, 0)), (1, ballot(2, 2))];
    for (n, b) in told {
        bench.hear(acceptor(n), vote(b));
        assert_eq!(bench.as_leader().learner().prefix(), []);
    }
    bench.hear(acceptor(1), vote(ballot(2, 1)));
    assert_eq!(bench.as_leader().learner().prefix(), [decree(0)]);
    assert!(bench.as_leader().learner().voters(Instance(0), ballot(2, 1)).is_empty(), "counted");
    let before = bench.state.clone();
    bench.hear(acceptor(2), vote(ballot(2, 1)));
    assert_eq!(bench.state, before, "one more vote changes nothing");
}

/// Flexible Paxos, "Majority quorums", "Simple quorums" and "Grid quorums": phase 2 needs a phase-2
/// quorum, which need not be a majority, nor meet another one.
#[test]
fn a_phase_2_quorum_chooses_and_less_does_not() {
    let set = |acceptors: [u8; 2]| acceptors.into_iter().map(AcceptorId).collect();
    let grid = Quorums::Sets { phase1: vec![set([0, 1])], phase2: vec![set([0, 2]), set([1, 3])] };
    let cases = [
        (Quorums::Majority, vec![0, 1, 2]),
        (Quorums::Sizes { phase1: 3, phase2: 2 }, vec![0, 3]),
        (Quorums::Sizes { phase1: 4, phase2: 1 }, vec![2]),
        (Quorums::Sizes { phase1: 1, phase2: 4 }, vec![3, 2, 1, 0]),
        (grid.clone(), vec![0, 3, 2]),
        (grid, vec![1, 0, 3]),
    ];
    for (quorums, needed) in cases {
        let mut bench = Bench::leader(0, Start::Follow, setup(4, quorums, Limits::default()));
        for (n, votes) in needed.iter().zip(1..) {
            bench.hear(acceptor(*n), accepted(MINE, 0, decree(0)));
            let chosen = bench.as_leader().learner().first_unchosen() == Instance(1);
            assert_eq!(chosen, votes == needed.len(), "{votes} of {needed:?}");
        }
    }
}

/// PMMC 2.1: a replica answers once it has performed the command, and it performs in slot order.
#[test]
fn a_client_is_answered_once_its_command_is_chosen_and_applied() {
    let mut bench = primary(Limits::default());
    (0..2).for_each(|n| drop(bench.hear(client(n), request(n as u64))));
    assert_eq!(bench.hear_votes(1, &vote(MINE, 0, decree(0))), [], "not chosen");
    assert_eq!(bench.hear_votes(2, &vote(MINE, 1, decree(1))), [], "chosen, but not applied");
    assert_eq!(bench.as_leader().commands().count(), 0);
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    assert_eq!(sent, [(client(0), reply(0, 0, 0)), (client(1), reply(1, 1, 1))]);
    assert!(bench.as_leader().commands().eq(&[command(0), command(1)]));
}

/// PMMC 3: a client sends a request until it has a response; PMMC 2.1: `perform` knows it again.
#[test]
fn a_request_sent_again_gets_the_same_reply_and_is_applied_once() {
    let mut bench = primary(Limits::default());
    bench.hear(client(0), request(0));
    assert_eq!(bench.hear(client(1), request(0)), [], "in flight: not proposed again");
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    assert_eq!(sent, [(client(1), reply(0, 0, 0))], "to whoever asked last");
    for _ in 0..2 {
        assert_eq!(bench.hear(client(0), request(0)), [(client(0), reply(0, 0, 0))]);
    }
    assert_eq!(bench.as_leader().executor().applied(), [Instance(0)]);
}

/// PMMC 2.1: a command may be decided for several slots, but is performed in the first only; PMS 3:
/// the no-op "leaves the state unchanged".
#[test]
fn a_command_that_is_chosen_twice_is_applied_once_and_a_no_op_never() {
    let mut bench = Bench::follower(0, Limits::default());
    let history = [Decree::Noop, decree(0), Decree::Noop, decree(0), decree(1)];
    for (decree, i) in history.iter().zip(0..) {
        bench.hear_votes(2, &vote(MINE, i, decree.clone()));
    }
    assert_eq!(bench.as_leader().learner().prefix(), history);
    assert_eq!(bench.as_leader().executor().applied(), [Instance(1), Instance(4)]);
    for (n, instance) in [(0, 1), (1, 4)] {
        assert_eq!(bench.hear(client(0), request(n)), [(client(0), reply(n, instance, n))]);
    }
}

/// House rule: replies that a client has acknowledged are forgotten, but their requests are still
/// known, though a later decree may acknowledge less.
#[test]
fn what_a_client_acknowledged_is_never_applied_again() {
    let mut bench = Bench::follower(0, Limits::default());
    let history = [(0, 0), (2, 1), (1, 0), (0, 0)];
    for ((sequence, acknowledged), i) in history.into_iter().zip(0..) {
        let decree = Decree::Command(Command { acknowledged, ..command(sequence) });
        bench.hear_votes(2, &vote(MINE, i, decree));
    }
    assert_eq!(bench.as_leader().executor().applied(), [Instance(0), Instance(1), Instance(2)]);
}

/// PMMC 2.1: a replica whose command lost its slot to another proposes it again for a new one.
#[test]
fn a_command_that_lost_its_instance_is_proposed_for_another() {
    let mut bench = primary(Limits::default());
    (0..2).for_each(|n| drop(bench.hear(client(0), request(n))));
    let sent = bench.hear(leader(1), chosen(0, &[decree(7)], 1));
    assert_eq!(sent, proposals(&[(2, 0)]));
    bench.hear_votes(2, &vote(MINE, 1, decree(1)));
    assert_eq!(bench.hear_votes(2, &vote(MINE, 2, decree(0))), [(client(0), reply(0, 2, 2))]);
}

/// PMMC 2.1: it comes before those that were waiting, and of them those that were decided in the
/// meantime need no slot any more.
#[test]
fn a_command_that_lost_its_instance_comes_first() {
    let mut bench = primary(Limits { window: 1, ..Limits::default() });
    (0..3).for_each(|n| drop(bench.hear(client(0), request(n))));
    let sent = bench.hear(leader(1), chosen(0, &[decree(1)], 1));
    assert_eq!(sent, [vec![(client(0), reply(1, 0, 0))], proposals(&[(1, 0)])].concat());
    let sent = bench.hear_votes(2, &vote(MINE, 1, decree(0)));
    assert_eq!(sent, [vec![(client(0), reply(0, 1, 1))], proposals(&[(2, 2)])].concat());
}

/// PMS 3: a leader "can propose commands i + 1 through i + alpha commands after commands 1 through i
/// are chosen"; PMMC 2.1, `slot_in < slot_out + WINDOW`.
#[test]
fn a_primary_gets_no_more_than_the_window_ahead() {
    let mut bench = primary(Limits { window: 2, ..Limits::default() });
    for (n, proposed) in [(0, vec![(0, 0)]), (1, vec![(1, 1)]), (2, vec![]), (3, vec![])] {
        assert_eq!(bench.hear(client(0), request(n)), proposals(&proposed), "{n}");
    }
    assert_eq!(bench.hear_votes(2, &vote(MINE, 1, decree(1))), [], "0 is still open");
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    let replies = vec![(client(0), reply(0, 0, 0)), (client(0), reply(1, 1, 1))];
    assert_eq!(sent, [replies, proposals(&[(2, 2), (3, 3)])].concat());
}

/// PMS 3, the same bound, on what phase 1 demands: it comes first, and in order.
#[test]
fn repairs_stay_within_the_window_and_come_before_new_commands() {
    let mut bench = candidate(Limits { window: 2, ..Limits::default() });
    bench.hear(client(0), request(9));
    let reported = [0, 1, 2, 3].map(|i| vote(ballot(1, 0), i, decree(i)));
    bench.hear(acceptor(0), promise(MINE, &reported));
    assert_eq!(bench.hear(acceptor(1), promise(MINE, &[])), proposals(&[(0, 0), (1, 1)]));
    assert_eq!(bench.fire(Timer::Resend), [], "too new to have stalled");
    assert_eq!(bench.hear_votes(2, &vote(MINE, 0, decree(0))), proposals(&[(2, 2)]));
    assert_eq!(bench.hear(leader(1), chosen(3, &[decree(3)], 4)), [], "one repair less");
    assert_eq!(bench.hear_votes(2, &vote(MINE, 1, decree(1))), []);
    assert_eq!(bench.hear_votes(2, &vote(MINE, 2, decree(2))), proposals(&[(4, 9)]));
}

/// House rule: no more commands wait than may. One that waits already is not refused.
#[test]
fn a_primary_with_too_many_waiting_commands_refuses_more() {
    let mut bench = primary(Limits { window: 1, waiting: 2, ..Limits::default() });
    assert_eq!(bench.hear(client(0), request(0)), proposals(&[(0, 0)]));
    let overloaded = |n| [(client(0), refused(n, Refusal::Overloaded))];
    for (n, answer) in [(1, &[][..]), (2, &[]), (3, &overloaded(3)), (2, &[]), (0, &[])] {
        assert_eq!(bench.hear(client(0), request(n)), answer, "{n}");
    }
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    assert_eq!(sent, [vec![(client(0), reply(0, 0, 0))], proposals(&[(1, 1)])].concat());
    assert_eq!(bench.hear(client(0), request(3)), [], "there is room again");
}

/// House rule: the history is no longer than it may be.
#[test]
fn a_full_history_takes_no_more() {
    let mut bench = primary(Limits { instances: 2, window: 1, ..Limits::default() });
    assert_eq!(bench.hear(client(0), request(0)), proposals(&[(0, 0)]));
    (1..3).for_each(|n| assert_eq!(bench.hear(client(0), request(n)), []));
    let sent = bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    let full = |n| vec![(client(0), refused(n, Refusal::HistoryFull))];
    assert_eq!(sent, [vec![(client(0), reply(0, 0, 0))], proposals(&[(1, 1)])].concat());
    let sent = bench.hear_votes(2, &vote(MINE, 1, decree(1)));
    assert_eq!(sent, [vec![(client(0), reply(1, 1, 1))], full(2)].concat());
    assert_eq!(bench.hear(client(0), request(3)), full(3));
    assert_eq!(bench.hear(client(0), request(1)), [(client(0), reply(1, 1, 1))]);
}

/// House rule: only who knows the history judges how much a client has unanswered. A leader that has
/// just come back would refuse every client that has asked for many things; but it must not believe
/// them either.
#[test]
fn a_leader_that_knows_little_yet_neither_judges_nor_believes_a_client() {
    let limits = Limits { client_window: 2, ..Limits::default() };
    let far = Message::Request(Command { acknowledged: 7, ..command(7) });
    let first = vote(ballot(1, 0), 0, decree(0));
    let mut bench = Bench::follower(0, limits.clone());
    bench.hear_votes(2, &first);
    assert_eq!(bench.hear(client(0), far.clone()), [(client(0), redirect(7, None))]);
    let later = [(client(0), refused(7, Refusal::Overloaded))];
    let mut bench = candidate(limits.clone());
    bench.hear_votes(2, &first);
    assert_eq!(bench.hear(client(0), far.clone()), later);
    bench.hear(acceptor(0), promise(MINE, &[vote(ballot(1, 0), 3, decree(6))]));
    bench.hear(acceptor(1), promise(MINE, &[]));
    assert!(bench.is_primary());
    assert_eq!(bench.hear(client(0), far.clone()), later, "it has not come to the end yet");
    let mut bench = primary(limits.clone());
    bench.hear_votes(2, &first);
    let never = [(client(0), refused(7, Refusal::WindowExceeded))];
    assert_eq!(bench.hear(client(0), far.clone()), never, "nothing was there before");
    let mut bench = primary(limits);
    let taken = to_acceptors(
        &[0, 1, 2],
        &accept(MINE, 0, Decree::Command(Command { acknowledged: 7, ..command(7) })),
    );
    assert_eq!(bench.hear(client(0), far), taken, "a client without a session counts on");
}

/// House rule: a client is remembered for a lease after its last command. After that nothing of it is
/// done again, neither if it is chosen late nor if it is asked for late; it needs a new name.
#[test]
fn a_client_that_was_forgotten_is_told_so_and_nothing_is_done_twice() {
    let mut bench = primary(Limits { lease: 2, ..Limits::default() });
    let of = |born, number| RequestId {
        client: ClientId { lease_start: Instance(born), number },
        sequence: 0,
    };
    let asked = |id| Command { id, acknowledged: 0, payload: b"x"[..].into() };
    let (one, two, again) = (of(0, 1), of(0, 2), of(2, 1));
    let chosen = [one, two, one, two, two, again];
    let expired = |id| Message::Refused { id, reason: Refusal::Expired };
    let learn = |bench: &mut Bench, instance: usize| {
        let decree = Decree::Command(asked(chosen[instance]));
        bench.hear_votes(2, &vote(MINE, instance as u64, decree))
    };
    // Both are done, and then the first is forgotten; being chosen again does not bring it back.
    (0..3).for_each(|instance| drop(learn(&mut bench, instance)));
    assert_eq!(bench.as_leader().executor().applied(), [0, 1].map(Instance));
    assert_eq!(bench.hear(client(0), Message::Request(asked(one))), [(client(0), expired(one))]);
    // Asked for in time, chosen too late.
    let known = bench.hear(client(1), Message::Request(asked(two)));
    assert!(matches!(known[..], [(_, Message::Reply { .. })]));
    bench.hear(client(0), Message::Request(asked(again)));
    (3..5).for_each(|instance| drop(learn(&mut bench, instance)));
    let sent = learn(&mut bench, 5);
    assert_eq!(sent.first(), Some(&(client(0), expired(again))));
    assert_eq!(bench.as_leader().executor().applied(), [0, 1].map(Instance));
}

/// House rule: whoever waits for an answer gets it whole. Whoever asks again later is told what is still
/// known: that it was done; and after a lease, nothing. It is done once in any case.
#[test]
fn whoever_asks_again_is_told_what_is_still_remembered() {
    let limits = Limits { lease: 3, reply_bytes: 1, ..Limits::default() };
    let (mine, mut leader) = (ballot(1, 0), a_leader(0, Start::Campaign, three(limits)));
    leader.machine = AnyStateMachine::new(Ledger::default());
    let mut bench = Bench::start(Role::Leader(leader), Saving::Changes, None);
    (0..2).for_each(|n| drop(bench.hear(acceptor(n), promise(mine, &[]))));
    let answer = |n: u64, answer| {
        let done = Done { instance: Instance(n), position: n, answer };
        (client(0), Message::Reply { id: id(n), done })
    };
    let mut done = |n: u64| {
        bench.hear(client(0), request(n));
        let sent = bench.hear_votes(2, &vote(mine, n, decree(n)));
        assert_eq!(sent, [answer(n, Answer::Reply(n.to_string().into_bytes().into()))]);
        bench.hear(client(0), request(0))
    };
    assert_eq!(done(0), [answer(0, Answer::Reply(b"0"[..].into()))]);
    assert_eq!(done(1), [answer(0, Answer::NotKept(1))]);
    assert_eq!(done(2), [answer(0, Answer::NotKept(1))]);
    assert_eq!(done(3), [(client(0), refused(0, Refusal::Forgotten))]);
    assert_eq!(bench.as_leader().executor().applied().len(), 4);
}

/// House rule: a request beyond the bounds is refused, one that meets them is not.
#[test]
fn requests_beyond_the_bounds_are_refused() {
    let limits = Limits { client_window: 2, lease: 4, ..Limits::default() };
    let from = |client, sequence, acknowledged, bytes| {
        let client = ClientId { lease_start: Instance(0), number: client };
        let id = RequestId { client, sequence };
        Message::Request(Command { id, acknowledged, payload: vec![0; bytes].into() })
    };
    let cases = [
        (from(0, 5, 5, limits::MAX_COMMAND - 1), None),
        (from(0, 5, 5, limits::MAX_COMMAND), None),
        (from(0, 5, 5, limits::MAX_COMMAND + 1), Some(Refusal::TooLarge)),
        (from(0, 5, 5, 0), None),
        (from(0, 5, 4, 0), None),
        (from(0, 5, 3, 0), Some(Refusal::WindowExceeded)),
        (from(0, 2, 2, 0), Some(Refusal::Forgotten)),
        (from(0, 3, 3, 0), None),
        (from(1, 0, 0, 0), None),
    ];
    for (message, refusal) in cases {
        let mut bench = primary(limits.clone());
        let Message::Request(applied) = from(0, 4, 3, 0) else { unreachable!() };
        bench.hear_votes(2, &vote(MINE, 0, Decree::Command(applied)));
        let sent = bench.hear(client(0), message);
        let answer = sent.iter().find_map(|(_, message)| match message {
            Message::Refused { reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(answer, refusal);
        assert_eq!(sent.len(), if refusal.is_some() { 1 } else { 3 }, "refused or proposed");
    }
}

/// PMS 2.1: messages "can be lost"; PMMC 3: they are retransmitted. Here to the acceptors whose vote
/// is missing, and only if they were sent before the last time.
#[test]
fn stalled_proposals_are_sent_again_to_those_that_have_not_voted() {
    let room_for_three = 2 * decree(0).size() + 1;
    let mut bench = primary(Limits { resend: room_for_three, ..Limits::default() });
    (0..2).for_each(|n| drop(bench.hear(client(0), request(n))));
    assert_eq!(bench.fire(Timer::Resend), [], "too new");
    assert!(bench.timers.contains(&Timer::Resend));
    (2..4).for_each(|n| drop(bench.hear(client(0), request(n))));
    bench.hear(acceptor(1), accepted(MINE, 0, decree(0)));
    let first = to_acceptors(&[0, 2], &accept(MINE, 0, decree(0)));
    let sent = bench.fire(Timer::Resend);
    assert_eq!(sent, [first.clone(), proposals(&[(1, 1)])].concat(), "2 and 3 are too new");
    let sent = bench.fire(Timer::Resend);
    assert_eq!(sent, [first, proposals(&[(1, 1), (2, 2)])].concat(), "as many as may be");
    bench.hear_votes(2, &vote(MINE, 0, decree(0)));
    let sent = bench.fire(Timer::Resend);
    assert_eq!(sent, proposals(&[(1, 1), (2, 2), (3, 3)]), "0 is chosen");
}
