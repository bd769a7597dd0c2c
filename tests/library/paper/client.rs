//! The client: it asks until it is answered, and in the same words.

use super::bench::*;
use crate::paxos::*;

/// A client that wants `commands` commands done, `window` at a time, and tries leader 0 first.
fn asking(commands: u64, window: u64) -> Bench {
    let setup = three(Limits::default());
    let client = Client::new(0, LeaderId(0), commands, window, setup);
    Bench::start(Role::Client(client), Saving::Changes, None)
}

/// Requests as they are sent to this leader: sequence, and what is acknowledged with it.
fn requests(to: usize, asked: &[(u64, u64)]) -> Sent {
    let request = |(sequence, acknowledged): &(u64, u64)| Command {
        acknowledged: *acknowledged,
        payload: sequence.to_string().into_bytes().into(),
        ..command(*sequence)
    };
    asked.iter().map(|asked| (leader(to), Message::Request(request(asked)))).collect()
}

fn answered(bench: &Bench) -> (u64, u64) {
    match &bench.state {
        State::Client(state) => (state.answered(), state.refused()),
        _ => unreachable!("not a client"),
    }
}

/// House rule: commands do not wait for one another, up to the window, which counts from the oldest
/// unanswered one.
#[test]
fn a_client_sends_all_that_the_window_has_room_for() {
    for (window, sent) in [(2, 2), (3, 3), (4, 3)] {
        let expected: Vec<_> = (0..sent).map(|n| (n, 0)).collect();
        assert_eq!(asking(3, window).sent, requests(0, &expected));
    }
    let mut bench = asking(9, 3);
    assert_eq!(bench.hear(leader(0), reply(1, 0, 0)), [], "0 is the oldest still");
    assert_eq!(bench.hear(leader(0), reply(0, 1, 1)), requests(0, &[(3, 2), (4, 2)]));
    assert_eq!(answered(&bench), (2, 0));
}

/// PMMC 2.1 and 3: a client sends its request again until it has a response; under the same name,
/// and here to the letter, since two commands of one name could both be chosen.
#[test]
fn a_request_is_sent_again_to_the_letter_to_the_next_leader() {
    let mut bench = asking(9, 2);
    bench.hear(leader(0), reply(0, 0, 0));
    assert_eq!(bench.sent, requests(0, &[(2, 1)]));
    assert_eq!(bench.fire(Timer::Retry), [], "both were sent since the last time");
    bench.hear(leader(0), reply(1, 1, 1));
    assert_eq!(bench.sent, requests(0, &[(3, 2)]));
    assert_eq!(bench.fire(Timer::Retry), requests(1, &[(2, 1)]), "3 is too new");
    assert_eq!(bench.fire(Timer::Retry), requests(2, &[(2, 1), (3, 2)]));
    assert_eq!(bench.fire(Timer::Retry), requests(0, &[(2, 1), (3, 2)]));
    assert!(bench.timers.contains(&Timer::Retry));
}

/// House rule: a hint is followed at once, but only one between two retries, so that two leaders
/// that name one another do not keep a client running.
#[test]
fn a_redirect_is_followed_once_between_two_retries() {
    let mut bench = asking(2, 2);
    assert_eq!(bench.hear(leader(0), redirect(0, Some(2))), requests(2, &[(0, 0)]));
    assert_eq!(
        bench.hear(leader(0), redirect(1, Some(2))),
        requests(2, &[(1, 0)]),
        "it came along"
    );
    assert_eq!(bench.hear(leader(2), redirect(0, Some(0))), [], "not again");
    assert_eq!(bench.fire(Timer::Retry), []);
    assert_eq!(bench.hear(leader(2), redirect(0, Some(0))), requests(0, &[(0, 0)]), "now again");
}

/// House rule: a redirect without news is not followed; the retry is.
#[test]
fn a_redirect_to_nobody_or_to_the_same_leader_is_not_followed() {
    let mut bench = asking(1, 1);
    for hint in [None, Some(0)] {
        assert_eq!(bench.hear(leader(0), redirect(0, hint)), []);
    }
    let before = bench.state.clone();
    assert_eq!(bench.hear(leader(0), redirect(7, Some(1))), [], "never asked");
    assert_eq!(bench.state, before);
}

/// House rule: what will never be done, or of which nobody knows any more, is given up, and counted; all
/// else is asked for again.
#[test]
fn only_what_is_refused_for_good_is_given_up() {
    let for_good = [Refusal::TooLarge, Refusal::HistoryFull, Refusal::Expired, Refusal::Forgotten];
    let for_now = [Refusal::Overloaded, Refusal::WindowExceeded];
    for reason in for_good {
        let mut bench = asking(2, 1);
        let next = match reason {
            Refusal::Expired => vec![(leader(0), Message::Open { number: 0 })],
            _ => requests(0, &[(1, 1)]),
        };
        assert_eq!(bench.hear(leader(0), refused(0, reason)), next);
        bench.hear(leader(0), refused(0, reason));
        assert_eq!(answered(&bench), (1, 1), "once");
    }
    for reason in for_now {
        let mut bench = asking(2, 1);
        assert_eq!(bench.hear(leader(0), refused(0, reason)), []);
        assert_eq!(answered(&bench), (0, 0));
        bench.fire(Timer::Retry);
        assert_eq!(bench.fire(Timer::Retry), requests(1, &[(0, 0)]));
    }
}

/// House rule: whoever has all its answers is quiet, and late messages do not wake it.
#[test]
fn a_client_that_has_all_its_answers_is_quiet() {
    let mut bench = asking(2, 2);
    bench.hear(leader(0), reply(0, 0, 0));
    assert!(bench.timers.contains(&Timer::Retry));
    bench.hear(leader(0), reply(1, 1, 1));
    assert!(bench.timers.is_empty());
    let before = bench.state.clone();
    for late in [reply(1, 1, 1), redirect(1, Some(1)), refused(1, Refusal::HistoryFull)] {
        assert_eq!(bench.hear(leader(1), late), []);
        assert_eq!(bench.state, before);
    }
    assert_eq!(answered(&bench), (2, 0));
}
