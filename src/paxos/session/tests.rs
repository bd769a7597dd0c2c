//! Sessions against a small cluster, on a network that loses, repeats and reorders whatever is sent.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::executor::Executor;
use super::super::limits::Limits;
use super::super::outcome::Unknown;
use super::*;

const LEADERS: u16 = 3;
const LIMITS: fn() -> Limits = || Limits { lease: 4, client_window: 3, ..Limits::default() };

/// One thing that happens. Numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
enum Event {
    Propose,
    /// Asks again for something of an earlier life.
    Resume(usize),
    GiveUp(usize),
    Close,
    Retry,
    /// One of the messages that were ever sent comes in, at the leader or at the client.
    Deliver(usize),
    /// Another client's command is applied.
    Other,
    /// Another leader becomes primary.
    Primary(u16),
    /// The primary takes nothing on for now, or takes things on again.
    Overload(bool),
    /// The client's process ends, and another begins.
    Crash,
}

fn events() -> impl Strategy<Value = Event> {
    let any_of = 0_usize..1000;
    prop_oneof![
        3 => Just(Event::Propose),
        1 => any_of.clone().prop_map(Event::Resume),
        1 => any_of.clone().prop_map(Event::GiveUp),
        1 => Just(Event::Close),
        3 => Just(Event::Retry),
        12 => any_of.prop_map(Event::Deliver),
        1 => Just(Event::Other),
        1 => (0..LEADERS).prop_map(Event::Primary),
        1 => any::<bool>().prop_map(Event::Overload),
        1 => Just(Event::Crash),
    ]
}

/// A client, and a cluster that chooses whatever its primary takes on.
struct World {
    session: Session,
    timer: bool,
    open: BTreeSet<Handle>,
    settled: BTreeSet<Handle>,
    /// By number and sequence.
    rejected: BTreeSet<(u128, u64)>,
    applied: BTreeSet<(u128, u64)>,
    /// Every request that was ever sent, to the letter.
    requests: BTreeMap<RequestId, Command>,
    to_leaders: Vec<(LeaderId, Message)>,
    to_client: Vec<(LeaderId, Message)>,
    primary: LeaderId,
    overloaded: bool,
    next: Instance,
    executor: Executor,
}

fn session(life: u128) -> Session {
    Session::new(life, LeaderId(0), LEADERS.into(), 3)
}

impl World {
    fn new() -> Self {
        World {
            session: session(1),
            timer: false,
            open: BTreeSet::new(),
            settled: BTreeSet::new(),
            rejected: BTreeSet::new(),
            applied: BTreeSet::new(),
            requests: BTreeMap::new(),
            to_leaders: Vec::new(),
            to_client: Vec::new(),
            primary: LeaderId(0),
            overloaded: false,
            next: Instance(0),
            executor: Executor::default(),
        }
    }

    fn happen(&mut self, event: Event) {
        let before = self.session.clone();
        self.let_happen(event);
        assert_eq!(self.session.invariants(), Ok(()));
        let same_life = self.session.number == before.number;
        assert!(!same_life || self.session.follows(&before).is_ok(), "{:?}", self.session);
    }

    fn let_happen(&mut self, event: Event) {
        let mut asking = Asking::default();
        match event {
            Event::Propose => {
                let payload = self.session.next.to_le_bytes()[..].into();
                let handle = self.session.propose(payload, &mut asking);
                assert!(self.open.insert(handle), "a handle is new");
            }
            Event::Resume(which) => {
                let Some(command) = of(self.requests.values(), which).cloned() else { return };
                let handle = self.session.resume(command.id, command.payload, &mut asking);
                self.open.insert(handle);
            }
            Event::GiveUp(which) => {
                let handle = of(self.open.iter(), which).copied().unwrap_or(Handle(7));
                self.session.give_up(handle, &mut asking);
            }
            Event::Close => self.session.close(&mut asking),
            Event::Retry if self.timer => {
                self.timer = false;
                self.session.on_retry(&mut asking);
            }
            Event::Deliver(which) if which % 2 == 0 => {
                let sent = of(self.to_leaders.iter(), which / 2).cloned();
                sent.into_iter().for_each(|(leader, message)| self.on_leader(leader, message));
            }
            Event::Deliver(which) => {
                let Some((leader, message)) = of(self.to_client.iter(), which / 2).cloned() else {
                    return;
                };
                self.session.on_message(leader, message, &mut asking);
            }
            Event::Other => self.execute(None),
            Event::Primary(leader) => self.primary = LeaderId(leader),
            Event::Overload(overloaded) => self.overloaded = overloaded,
            Event::Crash => {
                self.session = session(self.session.number + 1);
                (self.timer, self.open, self.settled) = Default::default();
            }
            Event::Retry => {}
        }
        self.take(asking);
    }

    /// Holds the session to what it may want, and to what it says.
    fn take(&mut self, Asking { sends, settled, retry, .. }: Asking) {
        for Settled { handle, id, outcome } in settled {
            assert!(self.open.remove(&handle) && self.settled.insert(handle), "one outcome each");
            let name = id.map_or((self.session.number, handle.0), name);
            match outcome {
                Outcome::Done(_) => assert!(self.applied.contains(&name)),
                Outcome::Rejected(_) => drop(self.rejected.insert(name)),
                Outcome::Unknown(_) => assert!(self.requests.contains_key(&id.unwrap())),
            }
        }
        for (leader, message) in sends {
            match &message {
                Message::Request(command) => {
                    assert!(self.session.sent.contains_key(&command.id), "{command} is unanswered");
                    self.requests.entry(command.id).or_insert_with(|| command.clone());
                }
                Message::Open { .. } => assert!(!self.session.waiting.is_empty()),
                _ => unreachable!("{message} is not a client's"),
            }
            self.to_leaders.push((leader, message));
        }
        self.timer = retry.unwrap_or(self.timer);
        assert_eq!(self.timer, !self.session.is_idle(), "it runs while something is unanswered");
        assert_eq!(self.session.is_idle(), self.open.is_empty());
    }

    fn on_leader(&mut self, leader: LeaderId, message: Message) {
        let is_primary = leader == self.primary;
        let primary = Some(self.primary).filter(|_| !self.next.0.is_multiple_of(3));
        let answer = match message {
            Message::Open { number } if is_primary => {
                Message::Opened(ClientId { lease_start: self.next, number })
            }
            Message::Open { number } => Message::NotOpened { number, primary },
            Message::Request(command) if is_primary => self.on_request(command),
            Message::Request(command) => Message::Redirect { id: command.id, primary },
            _ => unreachable!("{message} is not a client's"),
        };
        self.to_client.push((leader, answer));
    }

    fn on_request(&mut self, command: Command) -> Message {
        let id = command.id;
        if let Some(reply) = self.executor.reply(id) {
            return reply;
        }
        let admitted = self.executor.admit(&command, self.next, &LIMITS(), &PAXOS);
        let room = admitted.and_then(|()| self.executor.has_room(&command, &LIMITS()));
        if let Err(reason) = room {
            return Message::Refused { id, reason };
        }
        if self.overloaded {
            return Message::Refused { id, reason: Refusal::Overloaded };
        }
        self.execute(Some(command));
        self.executor.verdict(id)
    }

    /// Applies this command in the next instance, or another client's.
    fn execute(&mut self, command: Option<Command>) {
        let instance = self.next;
        let stranger = ClientId { lease_start: instance, number: 0 };
        let command = command.unwrap_or_else(|| Command {
            id: RequestId { client: stranger, sequence: 0 },
            acknowledged: 0,
            payload: [][..].into(),
        });
        let before = self.executor.applied().len();
        let retention = (PAXOS.retention)(&LIMITS(), &super::super::leader::Stance::Follower(None));
        self.executor.execute((instance, &command), |_| None, retention, &PAXOS);
        if self.executor.applied().len() > before && command.id.client != stranger {
            assert!(self.applied.insert(name(command.id)), "{command} is applied twice");
        }
        self.next = instance.next();
        assert!(self.rejected.is_disjoint(&self.applied), "rejected is never done");
    }

    /// The network is kind for so many rounds, and nobody is overloaded.
    fn be_kind(&mut self, rounds: usize) {
        self.overloaded = false;
        for _ in 0..rounds {
            self.happen(Event::Retry);
            for _ in 0..4 {
                let sent = std::mem::take(&mut self.to_leaders);
                sent.into_iter().for_each(|(leader, message)| self.on_leader(leader, message));
                for (leader, message) in std::mem::take(&mut self.to_client) {
                    let mut asking = Asking::default();
                    self.session.on_message(leader, message, &mut asking);
                    self.take(asking);
                }
            }
        }
    }
}

fn name(id: RequestId) -> (u128, u64) {
    (id.client.number, id.sequence)
}

fn of<T>(all: impl ExactSizeIterator<Item = T>, which: usize) -> Option<T> {
    let mut all = all;
    let count = all.len();
    all.nth(which.checked_rem(count)?)
}

proptest! {
    /// Whatever happens, each request has one outcome at most, which is true. Once the network is kind
    /// again, and what takes too long was given up, whatever is asked for is done.
    #[test]
    fn every_request_has_one_outcome_and_it_is_true(
        events in proptest::collection::vec(events(), 0..200),
    ) {
        let mut world = World::new();
        events.into_iter().for_each(|event| world.happen(event));
        world.be_kind(20);
        (0..world.open.len()).for_each(|_| world.happen(Event::GiveUp(0)));
        prop_assert!(world.session.is_idle());
        let applied = world.applied.len();
        world.happen(Event::Close);
        world.happen(Event::Propose);
        world.be_kind(20);
        prop_assert!(world.session.is_idle() && world.applied.len() > applied);
    }
}

fn asked() -> (Session, RequestId) {
    let mut session = session(1).open_from_the_start();
    session.propose([1][..].into(), &mut Asking::default());
    (session, RequestId { client: ClientId::original(1), sequence: 0 })
}

fn outcome(asking: Asking) -> Option<Outcome> {
    asking.settled.into_iter().next().map(|settled| settled.outcome)
}

#[test]
fn a_broken_session_is_noticed() {
    let (sound, id) = asked();
    assert_eq!((sound.invariants(), sound.follows(&sound)), (Ok(()), Ok(())));
    let broken = |breaks: fn(&mut Session)| {
        let mut session = sound.clone();
        breaks(&mut session);
        session.invariants().and_then(|()| session.follows(&sound)).unwrap_err()
    };
    let opening = |it: &mut Session| it.lease = Lease::Opening { answered: false, overdue: false };
    assert!(broken(opening).contains("nothing waits"));
    let closed = |it: &mut Session| {
        it.lease = Lease::Closed;
        let handle = it.number_next();
        it.waiting.push_back((handle, None));
    };
    assert!(broken(closed).contains("no lease is asked for"));
    assert!(broken(|it| it.waiting.push_back((Handle(7), None))).contains("still to be given"));
    assert!(broken(|it| it.waiting.push_back((Handle(0), None))).contains("one handle"));
    assert!(
        broken(|it| {
            it.sent.clear();
            it.next = 0;
        })
        .contains("given again")
    );
    let mut later = sound.clone();
    later.floor = id.client.lease_start.next();
    assert!(sound.follows(&later).unwrap_err().contains("taken again"));
}

/// What no leader can have taken is rejected; of what is not remembered nothing is known; all else is
/// asked again.
#[test]
fn a_refusal_ends_a_request_unless_it_is_for_now() {
    let expected = |reason| match reason {
        Refusal::TooLarge => Some(Outcome::Rejected(Rejected::TooLarge)),
        Refusal::HistoryFull => Some(Outcome::Rejected(Rejected::HistoryFull)),
        Refusal::Expired | Refusal::Forgotten => Some(Outcome::Unknown(Unknown::Forgotten)),
        Refusal::Overloaded | Refusal::WindowExceeded => None,
    };
    for reason in [
        Refusal::TooLarge,
        Refusal::HistoryFull,
        Refusal::Expired,
        Refusal::Forgotten,
        Refusal::Overloaded,
        Refusal::WindowExceeded,
    ] {
        let ((mut session, id), mut asking) = (asked(), Asking::default());
        session.on_message(LeaderId(0), Message::Refused { id, reason }, &mut asking);
        assert_eq!(outcome(asking), expected(reason), "{reason}");
        assert_eq!(session.client().is_none(), reason == Refusal::Expired);
    }
}

/// What was given up was sent, or it was not, and then it is known why.
#[test]
fn what_is_given_up_is_rejected_only_if_it_was_never_sent() {
    let given_up = |session: &mut Session, handle| {
        let mut asking = Asking::default();
        session.give_up(Handle(handle), &mut asking);
        outcome(asking)
    };
    let (mut session, _) = asked();
    for number in 0..3 {
        session.propose([number][..].into(), &mut Asking::default());
    }
    assert_eq!(given_up(&mut session, 3), Some(Outcome::Rejected(Rejected::NoRoom)));
    assert_eq!(given_up(&mut session, 0), Some(Outcome::Unknown(Unknown::Silence)));
    assert_eq!(given_up(&mut session, 0), None, "once");
    assert_eq!(session.client(), None, "what comes next does not depend on it");
    for (primary, reason) in [(None, Rejected::NoPrimary), (Some(1), Rejected::NoPrimary)] {
        let mut session = self::session(1);
        session.propose([1][..].into(), &mut Asking::default());
        let answer = Message::NotOpened { number: 1, primary: primary.map(LeaderId) };
        session.on_message(LeaderId(0), answer, &mut Asking::default());
        assert_eq!(given_up(&mut session, 0), Some(Outcome::Rejected(reason)));
    }
    let mut session = self::session(1);
    session.propose([1][..].into(), &mut Asking::default());
    assert_eq!(given_up(&mut session, 0), Some(Outcome::Rejected(Rejected::Unreachable)));
    let (mut asking, large) = (Asking::default(), vec![0; MAX_COMMAND + 1]);
    session.propose(large.into(), &mut asking);
    assert!(asking.sends.is_empty() && asking.retry.is_none());
    assert_eq!(outcome(asking), Some(Outcome::Rejected(Rejected::TooLarge)));
}

/// An answer to an open is believed while one is waited for, if its lease is no older than the last.
#[test]
fn a_late_lease_is_not_taken() {
    let opened = |session: &mut Session, number, start| {
        let client = ClientId { lease_start: Instance(start), number };
        session.on_message(LeaderId(0), Message::Opened(client), &mut Asking::default());
        session.client().map(|client| client.lease_start.0)
    };
    let mut session = session(1);
    assert_eq!(opened(&mut session, 1, 5), None, "nobody asked");
    let handle = session.propose([1][..].into(), &mut Asking::default());
    assert_eq!(opened(&mut session, 2, 5), None, "of another client");
    assert_eq!(opened(&mut session, 1, 5), Some(5));
    assert_eq!(opened(&mut session, 1, 9), Some(5), "it has one");
    let id = RequestId { client: session.client().unwrap(), sequence: handle.0 };
    session.propose([2][..].into(), &mut Asking::default());
    let expired = Message::Refused { id, reason: Refusal::Expired };
    session.on_message(LeaderId(0), expired, &mut Asking::default());
    session.propose([3][..].into(), &mut Asking::default());
    assert_eq!(opened(&mut session, 1, 5), None, "that one has run out");
    assert_eq!(opened(&mut session, 1, 6), Some(6));
}

/// A hint that names the leader that has just been silent sends a client on to the next.
#[test]
fn an_outdated_hint_is_not_followed() {
    let (mut session, id) = asked();
    let sent = |session: &mut Session, from, primary| {
        let mut asking = Asking::default();
        let hint = Message::Redirect { id, primary: Some(LeaderId(primary)) };
        session.on_message(LeaderId(from), hint, &mut asking);
        asking.sends.first().map(|(leader, _)| leader.0)
    };
    session.on_retry(&mut Asking::default());
    session.on_retry(&mut Asking::default());
    assert_eq!(session.leader(), LeaderId(1), "the first was silent");
    assert_eq!(sent(&mut session, 1, 0), Some(2));
    assert_eq!(sent(&mut session, 2, 1), None, "one move between two retries");
}
