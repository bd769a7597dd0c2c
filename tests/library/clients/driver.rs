//! The driver of sessions, against leaders made by hand.

use std::time::Duration;

use super::hand_made::{HandMade, config};
use crate::cluster::client::Client;
use crate::cluster::driver::{ClientError, Driver, SessionKey};
use crate::paxos::{
    ClientId, Instance, LeaderId, Message, Outcome, Rejected, RequestId, Settled, Unknown,
};
use crate::runtime::notice::Notice;
use crate::runtime::party::Party;

/// The time for which these clients wait for one leader.
fn patience() -> Duration {
    config().timing.retry.unwrap().start
}

fn is_open(message: &Message) -> bool {
    matches!(message, Message::Open { .. })
}

fn is_request(message: &Message) -> bool {
    matches!(message, Message::Request(_))
}

/// A driver with so many sessions at these leaders.
fn driver(leaders: &HandMade, sessions: usize) -> (Driver, Vec<SessionKey>) {
    let mut driver = Driver::new(leaders.net(), &config());
    let keys = (0..sessions).map(|_| driver.new_session().unwrap()).collect();
    (driver, keys)
}

fn propose(driver: &mut Driver, key: SessionKey, within: Duration) {
    let deadline = driver.now() + within;
    driver.propose(key, b"command"[..].into(), deadline).unwrap();
}

/// Drives until so many requests have ended.
fn ends(driver: &mut Driver, count: usize) -> Vec<(SessionKey, Settled)> {
    let mut ended = Vec::new();
    while ended.len() < count {
        let until = driver.now() + Duration::from_secs(3600);
        driver.turn(until).unwrap();
        let next = || driver.next_ended().map(|it| (it.session, it.settled));
        ended.extend(std::iter::from_fn(next));
    }
    ended
}

/// What becomes of one request that is waited for so long.
fn outcome(driver: &mut Driver, key: SessionKey, within: Duration) -> Outcome {
    propose(driver, key, within);
    ends(driver, 1).remove(0).1.outcome
}

/// Lets time pass without any request.
fn rest(driver: &mut Driver, time: Duration) {
    let until = driver.now() + time;
    while driver.now() < until {
        driver.turn(until).unwrap();
    }
}

const LONG: Duration = Duration::from_secs(9);

#[test]
fn each_session_is_told_of_its_own_request_and_those_of_many_share_a_frame() {
    let leaders = HandMade::new();
    let (mut driver, keys) = driver(&leaders, 5);
    keys.iter().for_each(|key| propose(&mut driver, *key, LONG));
    let ended = ends(&mut driver, 5);
    let told: Vec<SessionKey> = ended.iter().map(|(key, _)| *key).collect();
    assert_eq!(told, keys);
    let names: Vec<RequestId> = ended.iter().map(|(_, settled)| settled.id.unwrap()).collect();
    assert!(ended.iter().all(|(_, settled)| matches!(settled.outcome, Outcome::Done(_))));
    let state = leaders.0.lock().unwrap();
    assert_eq!(state.done, names);
    assert!(names.windows(2).all(|pair| pair[0].client.number != pair[1].client.number));
    assert_eq!(state.sent[0].2.len(), 5, "all ask for a lease in one frame");
}

#[test]
fn a_silent_leader_is_passed_over_after_a_while_and_one_that_cannot_be_reached_at_once() {
    let leaders = HandMade::new();
    leaders.0.lock().unwrap().primary = Some(LeaderId(2));
    let (mut driver, keys) = driver(&leaders, 1);
    assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
    let asked = [0, 1, 2].map(|turn| (patience() * turn, LeaderId(turn as u16)));
    assert_eq!(leaders.sent(is_open), asked);
    assert_eq!(driver.leader(keys[0]), Some(LeaderId(2)));

    let leaders = HandMade::new();
    leaders.0.lock().unwrap().primary = Some(LeaderId(1));
    leaders.0.lock().unwrap().cut_off.insert(LeaderId(0));
    leaders.0.lock().unwrap().delay = patience() / 2;
    let (mut driver, keys) = self::driver(&leaders, 1);
    assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
    assert_eq!(leaders.sent(is_open), [(patience() / 10, LeaderId(1))]);
}

/// Otherwise each request would be sent several times, and make slow leaders slower.
#[test]
fn a_leader_that_is_only_slow_is_not_asked_again_and_again() {
    let leaders = HandMade::new();
    leaders.0.lock().unwrap().delay = patience() * 3;
    let (mut driver, keys) = driver(&leaders, 1);
    let mut sent = Vec::new();
    for _ in 0..40 {
        let before = leaders.sent(is_request).len();
        assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
        sent.push(leaders.sent(is_request).len() - before);
    }
    assert!(sent[0] > 1, "it is not known yet how slow it is: {sent:?}");
    assert!(sent[20..].iter().all(|times| *times == 1), "{sent:?}");
}

#[test]
fn a_leader_without_an_address_is_not_asked_first() {
    let leaders = HandMade::new();
    leaders.0.lock().unwrap().without_address.extend([LeaderId(0), LeaderId(1)]);
    leaders.0.lock().unwrap().primary = Some(LeaderId(2));
    let (mut driver, keys) = driver(&leaders, 1);
    assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
    assert_eq!(leaders.sent(is_open), [(Duration::ZERO, LeaderId(2))]);
}

/// Who waits in vain is told so in time, to the moment: that it was never sent, or that nobody knows.
#[test]
fn a_request_ends_at_its_deadline() {
    let leaders = HandMade::new();
    let (mut driver, keys) = driver(&leaders, 1);
    let elapsed = || leaders.0.lock().unwrap().clock.elapsed();
    leaders.0.lock().unwrap().primary = None;
    let within = patience() * 7 / 2;
    let unreachable = Outcome::Rejected(Rejected::Unreachable);
    assert_eq!((outcome(&mut driver, keys[0], within), elapsed()), (unreachable, within));
    let (mut state, start) = (leaders.0.lock().unwrap(), elapsed);
    (state.primary, state.answers) = (Some(LeaderId(0)), false);
    drop(state);
    let before = start();
    let silence = Outcome::Unknown(Unknown::Silence);
    let ended = outcome(&mut driver, keys[0], LONG);
    assert_eq!((ended, elapsed() - before), (silence, LONG));
    assert!(leaders.sent(is_request).len() > 3, "it was sent again and again");
}

/// A lease may run out while nobody uses it, so it is not used any more after a while; but before, it is.
#[test]
fn a_session_that_rests_lets_its_lease_go() {
    let leaders = HandMade::new();
    let (mut driver, keys) = driver(&leaders, 1);
    for (pause, opened) in [(0, 1), (900, 1), (900, 1), (1_000, 2), (5_000, 3)] {
        rest(&mut driver, Duration::from_millis(pause));
        assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
        assert_eq!(leaders.sent(is_open).len(), opened, "after {pause} ms");
    }
    let done = leaders.0.lock().unwrap().done.clone();
    let leases: Vec<u64> = done.iter().map(|id| id.client.lease_start.0).collect();
    assert_eq!(leases, [0, 0, 0, 3, 4]);
    assert!(done.iter().map(|id| id.sequence).eq(0..5), "no sequence is given twice");
    // Whoever does not drive meanwhile is not kept from it.
    leaders.0.lock().unwrap().clock.pass(Duration::from_secs(2));
    assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
    assert_eq!(leaders.sent(is_open).len(), 4);
}

/// A request of a client that has ended goes by its old name, and its outcome comes to whoever asks again.
#[test]
fn a_request_of_another_client_is_asked_again_under_its_name() {
    let leaders = HandMade::new();
    let (mut driver, keys) = driver(&leaders, 2);
    let client = ClientId { lease_start: Instance(0), number: 77 };
    let id = RequestId { client, sequence: 3 };
    for is_first in [true, false] {
        let deadline = driver.now() + LONG;
        let request = (id, b"command"[..].into());
        let handle = driver.resume(keys[1], request, deadline).unwrap();
        let (key, settled) = ends(&mut driver, 1).remove(0);
        assert_eq!((key, settled.handle, settled.id), (keys[1], handle, Some(id)));
        match settled.outcome {
            Outcome::Done(_) => assert!(is_first),
            outcome => assert_eq!(outcome, Outcome::Unknown(Unknown::Forgotten)),
        }
    }
    assert_eq!(leaders.0.lock().unwrap().done, [id, id]);
}

/// A name is given before anything is asked under it, and each is good for a lease of its own.
#[test]
fn requests_are_named_before_they_are_asked() {
    let leaders = HandMade::new();
    let mut client = Client::over(leaders.net(), &config()).unwrap();
    let within = patience() * 3;
    let first = client.name(within).unwrap();
    assert!(leaders.sent(is_request).is_empty());
    let done = client.ask_again(first, b"command", within).unwrap();
    assert!(matches!(done, Outcome::Done(_)), "{done:?}");
    let second = client.name(within).unwrap();
    assert_eq!([first, second].map(|id| id.client.lease_start), [0, 1].map(Instance));
    assert!(matches!(client.propose(b"command", within).unwrap(), Outcome::Done(_)));
    leaders.0.lock().unwrap().primary = None;
    let unnamed = client.name(within).unwrap_err();
    assert!(matches!(unnamed, ClientError::Unnamed(Rejected::Unreachable)), "{unnamed}");
    leaders.0.lock().unwrap().primary = Some(LeaderId(0));
    assert_eq!(client.name(within).unwrap().client.lease_start, Instance(2));
    let own: Vec<u128> = leaders.0.lock().unwrap().done.iter().map(|id| id.client.number).collect();
    assert!(own[0] == first.client.number && own[1] != own[0], "names are another client's");
}

#[test]
fn a_stranger_is_heard_and_what_nobody_has_asked_for_is_not() {
    let leaders = HandMade::new();
    let (mut driver, keys) = driver(&leaders, 1);
    let cluster = config().identity().brief();
    leaders.say(Party::Leader(LeaderId(2)), &Notice { here: "n9/leader".to_owned(), cluster });
    let client = ClientId::original(5);
    let id = RequestId { client, sequence: 0 };
    leaders.say(Party::Leader(LeaderId(0)), &Message::Opened(client));
    leaders.say(Party::Leader(LeaderId(0)), &Message::Redirect { id, primary: None });
    leaders.say(Party::Client, &Message::Opened(client));
    assert_eq!(driver.stranger(), None);
    rest(&mut driver, Duration::from_secs(1));
    assert!(driver.stranger().unwrap().contains("n9/leader"), "{:?}", driver.stranger());
    assert!(leaders.0.lock().unwrap().sent.is_empty() && driver.next_ended().is_none());
    assert!(matches!(outcome(&mut driver, keys[0], LONG), Outcome::Done(_)));
}

#[test]
fn what_is_given_up_is_told_of_at_once() {
    let leaders = HandMade::new();
    leaders.0.lock().unwrap().answers = false;
    let (mut driver, keys) = driver(&leaders, 2);
    propose(&mut driver, keys[0], LONG);
    rest(&mut driver, Duration::from_millis(1));
    leaders.0.lock().unwrap().primary = None;
    propose(&mut driver, keys[1], LONG);
    driver.give_up().unwrap();
    let ended = ends(&mut driver, 2);
    let outcomes: Vec<Outcome> = ended.into_iter().map(|(_, settled)| settled.outcome).collect();
    let unsent = Outcome::Rejected(Rejected::Unreachable);
    assert_eq!(outcomes, [Outcome::Unknown(Unknown::Silence), unsent]);
    assert_eq!(leaders.0.lock().unwrap().clock.elapsed(), Duration::from_millis(1));
}
