//! The client core: one session with the cluster, without IO.
//!
//! Whoever drives it hands in requests, messages, and word that time has passed; and hands out what
//! [`Asking`] holds. Everything that a client decides is decided here.
//!
//! A request waits until the session has a lease and its window has room. It is named when it is
//! sent first, and keeps its name however often it is sent again; so it is applied once at most.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ballot::LeaderId;
use super::command::{ClientId, Command, Instance, RequestId};
use super::invariants::{Invariants, holds};
use super::limits::MAX_COMMAND;
use super::message::{Message, Refusal};
use super::outcome::{Outcome, Rejected, Verdict};
use super::route::Route;
use super::rules::{PAXOS, Rules};

/// Stands for one request towards whoever made it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u64);

/// The end of one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Settled {
    /// Which request.
    pub handle: Handle,
    /// Its name; none if it was never sent.
    pub id: Option<RequestId>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What one input makes a session want done.
#[derive(Debug)]
pub struct Asking<'a> {
    /// The guards that decide.
    pub rules: &'a Rules,
    /// To be sent, in this order.
    pub sends: Vec<(LeaderId, Message)>,
    /// Requests that have ended. Nothing more is heard of them.
    pub settled: Vec<Settled>,
    /// Names that were asked for. They end so.
    pub named: Vec<(Handle, RequestId)>,
    /// The retry timer is to be set anew, or cancelled; none if it stays as it is.
    pub retry: Option<bool>,
}

impl<'a> Asking<'a> {
    /// Nothing is wanted yet, and these rules decide.
    pub fn by(rules: &'a Rules) -> Self {
        Asking { rules, sends: Vec::new(), settled: Vec::new(), named: Vec::new(), retry: None }
    }
}

/// Nothing is wanted yet, and the rules of Paxos decide.
impl Default for Asking<'_> {
    fn default() -> Self {
        Asking::by(&PAXOS)
    }
}

/// A client's session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The client's own number. No other client, and no other life of this one, may have it.
    number: u128,
    /// The most that the sequences of unanswered requests under one lease may span.
    window: u64,
    lease: Lease,
    /// Leases that start earlier have ended, and are not taken again.
    floor: Instance,
    /// The next handle, and the sequence of the request that it stands for. Invariant: only grows,
    /// whatever the lease; so a client's number and a sequence name one request for ever.
    next: u64,
    /// Never sent, in order. One without a command wants a name, and nothing else.
    waiting: VecDeque<(Handle, Option<Arc<[u8]>>)>,
    /// Sent, and not answered.
    sent: BTreeMap<RequestId, Sent>,
    route: Route,
}

/// Whether there is a lease to send requests under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lease {
    /// There is none, and nothing to send.
    Closed,
    /// A leader was asked for one. Invariant: something waits.
    Opening {
        /// A leader has answered that it cannot.
        answered: bool,
        /// Asked before the last retry.
        overdue: bool,
    },
    /// It starts at this instance.
    Held(Instance),
}

/// A request that was sent. Sent again, it is the same to the letter: two commands of one name
/// could both be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    handle: Handle,
    acknowledged: u64,
    payload: Arc<[u8]>,
    /// Sent before the last retry.
    overdue: bool,
}

impl Session {
    /// A session of the client with this number, closed. It asks `first` of so many leaders first.
    pub fn new(number: u128, first: LeaderId, leaders: usize, window: u64) -> Self {
        let leaders = u16::try_from(leaders).unwrap_or(u16::MAX);
        Session {
            number,
            window: window.max(1),
            lease: Lease::Closed,
            floor: Instance(0),
            next: 0,
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
            route: Route::new(leaders, first),
        }
    }

    /// The same with a lease that starts with the history: of a client that is there from the start.
    pub fn open_from_the_start(self) -> Self {
        Session { lease: Lease::Held(Instance(0)), ..self }
    }

    /// The client's number.
    pub fn number(&self) -> u128 {
        self.number
    }

    /// The name that new requests are sent under, while there is a lease.
    pub fn client(&self) -> Option<ClientId> {
        match self.lease {
            Lease::Held(lease_start) => Some(ClientId { lease_start, number: self.number }),
            Lease::Closed | Lease::Opening { .. } => None,
        }
    }

    /// The leader that requests go to.
    pub fn leader(&self) -> LeaderId {
        self.route.leader()
    }

    /// True if no request is unanswered.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }

    /// The oldest request that is unanswered.
    pub fn oldest(&self) -> Option<Handle> {
        let waiting = self.waiting.iter().map(|(handle, _)| *handle);
        waiting.chain(self.sent.values().map(|sent| sent.handle)).min()
    }

    /// Asks for a command to be applied.
    pub fn propose(&mut self, payload: Arc<[u8]>, asking: &mut Asking) -> Handle {
        let (idle, handle) = (self.is_idle(), self.number_next());
        if payload.len() > MAX_COMMAND {
            let outcome = Outcome::Rejected(Rejected::TooLarge);
            asking.settled.push(Settled { handle, id: None, outcome });
        } else {
            self.waiting.push_back((handle, Some(payload)));
        }
        self.go_on(idle, asking);
        handle
    }

    /// Asks for the name of a request that is not asked for yet: whoever writes it down before it
    /// [resumes](Self::resume) the request can do so again, whatever happens.
    ///
    /// It must be resumed by another session than this one, whose later requests would say that it is
    /// acknowledged.
    pub fn name(&mut self, asking: &mut Asking) -> Handle {
        let (idle, handle) = (self.is_idle(), self.number_next());
        self.waiting.push_back((handle, None));
        self.go_on(idle, asking);
        handle
    }

    /// Asks what became of a request that an earlier life of this client has made, and for it to be
    /// done if it was not: the same command under its old name, so that it is applied once. It was
    /// sent, for all that is known, so it is rejected only if no leader can have taken it.
    ///
    /// It acknowledges no more than it can have done in that life, if the window was the same; what
    /// else is asked for again is not forgotten because of it.
    pub fn resume(&mut self, id: RequestId, payload: Arc<[u8]>, asking: &mut Asking) -> Handle {
        if let Some(sent) = self.sent.get(&id) {
            return sent.handle;
        }
        if payload.len() > MAX_COMMAND {
            let (handle, outcome) = (self.number_next(), Outcome::Rejected(Rejected::TooLarge));
            asking.settled.push(Settled { handle, id: None, outcome });
            return handle;
        }
        if id.client.number == self.number {
            self.next = self.next.max(id.sequence.saturating_add(1));
        }
        let (idle, handle) = (self.is_idle(), self.number_next());
        let acknowledged = (asking.rules.resumed_acknowledges)(id.sequence, self.window);
        self.sent.insert(id, Sent { handle, acknowledged, payload, overdue: false });
        self.send(id, asking);
        self.go_on(idle, asking);
        handle
    }

    /// The client waits for this request no longer. If it was sent, it may still be done; what comes
    /// next shall not depend on it, and goes under another lease. So while the cluster does not answer,
    /// nothing more is sent, and no more outcomes are unknown; and numbers that leaders never see do
    /// not count against the window.
    pub fn give_up(&mut self, handle: Handle, asking: &mut Asking) {
        let idle = self.is_idle();
        let unsent = match self.lease {
            Lease::Held(_) => Rejected::NoRoom,
            Lease::Opening { answered: true, .. } => Rejected::NoPrimary,
            Lease::Opening { .. } | Lease::Closed => Rejected::Unreachable,
        };
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == handle);
        let mut sent = self.sent.iter();
        let sent = sent.find(|(_, sent)| sent.handle == handle).map(|(id, _)| *id);
        let client = if let Some(place) = place {
            self.waiting.remove(place);
            let outcome = (asking.rules.given_up)(Some(unsent));
            asking.settled.push(Settled { handle, id: None, outcome });
            self.client()
        } else {
            sent.into_iter().for_each(|id| self.settle(id, (asking.rules.given_up)(None), asking));
            sent.map(|id| id.client)
        };
        if let Some(client) = client {
            self.leave(client);
        }
        self.go_on(idle, asking);
    }

    /// Lets the lease go, if nothing is unanswered: the next request opens another. A client that
    /// was idle for long does so, since its lease may have run out.
    pub fn close(&mut self, asking: &mut Asking) {
        if self.is_idle() {
            self.lease = Lease::Closed;
            self.next = (asking.rules.sequence_of_next_lease)(self.next);
        }
    }

    /// A leader has said something.
    pub fn on_message(&mut self, from: LeaderId, message: Message, asking: &mut Asking) {
        let idle = self.is_idle();
        match message {
            Message::Reply { id, done } => self.settle(id, Outcome::Done(done), asking),
            Message::Redirect { id, primary } => self.on_redirect(from, id, primary, asking),
            Message::Refused { id, reason } => self.on_refused(id, reason, asking),
            Message::Opened(client) => self.on_opened(client),
            Message::NotOpened { number, primary } if number == self.number => {
                self.on_not_opened(from, primary, asking);
            }
            _ => {}
        }
        self.go_on(idle, asking);
    }

    /// The retry timer has run out: what has been unanswered since the last time goes to the next
    /// leader.
    pub fn on_retry(&mut self, asking: &mut Asking) {
        if self.is_idle() {
            return;
        }
        let overdue = |sent: &(&RequestId, &Sent)| sent.1.overdue;
        let again: Vec<RequestId> = self.sent.iter().filter(overdue).map(|(id, _)| *id).collect();
        let open_again = matches!(self.lease, Lease::Opening { overdue: true, .. });
        self.route.retry(open_again || !again.is_empty());
        if open_again {
            self.open(asking);
        }
        again.into_iter().for_each(|id| self.send(id, asking));
        self.sent.values_mut().for_each(|sent| sent.overdue = true);
        if let Lease::Opening { overdue, .. } = &mut self.lease {
            *overdue = true;
        }
        asking.retry = Some(true);
    }

    /// Checks that requests can be told apart, and that somebody is asked for what waits.
    pub(super) fn invariants(&self) -> Invariants {
        let waits = !self.waiting.is_empty();
        holds(
            waits || !matches!(self.lease, Lease::Opening { .. }),
            "a lease is asked for, and nothing waits for it",
        )?;
        holds(!waits || self.lease != Lease::Closed, "a request waits, and no lease is asked for")?;
        let waiting = self.waiting.iter().map(|(handle, _)| *handle);
        let all: Vec<Handle> = waiting.chain(self.sent.values().map(|sent| sent.handle)).collect();
        holds(
            all.iter().all(|handle| handle.0 < self.next),
            "a request has a number that is still to be given",
        )?;
        let different: BTreeSet<&Handle> = all.iter().collect();
        holds(different.len() == all.len(), "two requests have one handle")
    }

    /// Checks that no number is given twice, and that no lease comes back.
    pub(super) fn follows(&self, before: &Session) -> Invariants {
        holds(self.next >= before.next, "numbers of requests are given again")?;
        holds(self.floor >= before.floor, "a lease that has ended is taken again")
    }

    fn number_next(&mut self) -> Handle {
        let handle = Handle(self.next);
        self.next = self.next.saturating_add(1);
        handle
    }

    /// A request has ended, if it was unanswered.
    fn settle(&mut self, id: RequestId, outcome: Outcome, asking: &mut Asking) {
        if let Some(Sent { handle, .. }) = self.sent.remove(&id) {
            asking.settled.push(Settled { handle, id: Some(id), outcome });
        }
    }

    /// No more requests are sent under this name; true if they were.
    fn leave(&mut self, client: ClientId) -> bool {
        let leaves = self.client() == Some(client);
        if leaves {
            self.lease = Lease::Closed;
        }
        leaves
    }

    fn on_refused(&mut self, id: RequestId, reason: Refusal, asking: &mut Asking) {
        if !self.sent.contains_key(&id) {
            return;
        }
        if reason == Refusal::Expired && self.leave(id.client) {
            self.floor = id.client.lease_start.next();
        }
        match (asking.rules.refused)(reason) {
            Verdict::Settled(outcome) => self.settle(id, outcome, asking),
            Verdict::Later => {}
            Verdict::Anew => {
                let Some(sent) = self.sent.remove(&id) else { return };
                self.waiting.push_front((sent.handle, Some(sent.payload)));
            }
        }
    }

    fn on_redirect(
        &mut self,
        from: LeaderId,
        id: RequestId,
        primary: Option<LeaderId>,
        asking: &mut Asking,
    ) {
        if self.sent.contains_key(&id) && self.route.follow(from, primary) {
            self.send(id, asking);
        }
    }

    /// A lease that starts below the last one was given by a leader that had missed much, or long
    /// ago.
    fn on_opened(&mut self, client: ClientId) {
        let is_opening = matches!(self.lease, Lease::Opening { .. });
        if is_opening && client.number == self.number && client.lease_start >= self.floor {
            self.floor = client.lease_start;
            self.lease = Lease::Held(client.lease_start);
        }
    }

    fn on_not_opened(&mut self, from: LeaderId, primary: Option<LeaderId>, asking: &mut Asking) {
        let Lease::Opening { answered, .. } = &mut self.lease else { return };
        *answered = true;
        if self.route.follow(from, primary) {
            self.open(asking);
        }
    }

    /// Sends what may be sent by now, opens the session if need be, and keeps the timer: it is set
    /// exactly while something is unanswered.
    fn go_on(&mut self, was_idle: bool, asking: &mut Asking) {
        match self.lease {
            Lease::Closed if !self.waiting.is_empty() => {
                self.lease = Lease::Opening { answered: false, overdue: false };
                self.open(asking);
            }
            Lease::Opening { .. } if self.waiting.is_empty() => self.lease = Lease::Closed,
            Lease::Held(_) => self.send_waiting(asking),
            Lease::Closed | Lease::Opening { .. } => {}
        }
        if self.is_idle() {
            self.route.rest();
        }
        if was_idle != self.is_idle() {
            asking.retry = Some(was_idle);
        }
    }

    /// Names and sends as many requests as the window has room for.
    fn send_waiting(&mut self, asking: &mut Asking) {
        let Some(client) = self.client() else { return };
        while let Some((handle, _)) = self.waiting.front() {
            let id = RequestId { client, sequence: handle.0 };
            let first = RequestId { client, sequence: 0 };
            let oldest = self.sent.range(first..id).next().map_or(id, |(oldest, _)| *oldest);
            let span = id.sequence - oldest.sequence;
            let Some((handle, payload)) = self.waiting.pop_front_if(|_| span < self.window) else {
                return;
            };
            let Some(payload) = payload else {
                asking.named.push((handle, id));
                continue;
            };
            let acknowledged = (asking.rules.acknowledges)(oldest.sequence, id.sequence);
            self.sent.insert(id, Sent { handle, acknowledged, payload, overdue: false });
            self.send(id, asking);
        }
    }

    fn send(&self, id: RequestId, asking: &mut Asking) {
        let Some(Sent { acknowledged, payload, .. }) = self.sent.get(&id) else { return };
        let command = Command { id, acknowledged: *acknowledged, payload: Arc::clone(payload) };
        asking.sends.push((self.route.leader(), Message::Request(command)));
    }

    fn open(&self, asking: &mut Asking) {
        asking.sends.push((self.route.leader(), Message::Open { number: self.number }));
    }
}

#[cfg(test)]
mod tests;
