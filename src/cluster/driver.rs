//! The driver of client sessions: all that stands between them and the network.
//!
//! Any number of sessions share one socket. The driver sends what they want sent, packed by leader;
//! hands them what leaders say; keeps their timers; and hands out what has ended. It decides nothing:
//! what a client makes of a message is in [`Session`], which is model-checked.
//!
//! Whoever drives calls [`turn`](Driver::turn) again and again, from one thread: nothing is sent or heard
//! but there.

mod outbox;
mod patience;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use self::outbox::Outbox;
use self::patience::Patience;
use self::timers::{Due, Timers};
use super::config::ClusterConfig;
use super::net::{Inbox, Net};
use crate::paxos::{
    Asking, Handle, LeaderId, Message, Outcome, Rejected, RequestId, Session, Settled,
};
use crate::runtime::notice::Notice;
use crate::runtime::party::Party;
use crate::runtime::wire::{Kind, Opened, WireError};

/// The time without a request after which a session lets its lease go, so that the lease does not run
/// out unnoticed: a request that is sent under one that has may not be asked again, and its outcome is
/// unknown. A lease of 262,144 instances lasts three seconds at the highest rate that was measured, and
/// the next one costs a round trip.
const REST: Duration = Duration::from_secs(1);

/// The reason why a client cannot go on.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The system would not.
    #[error("cannot use the network: {0}")]
    Network(#[from] io::Error),
    /// The command cannot be put into a message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Too much is unanswered.
    #[error(
        "not taken on, as {requests} requests with {bytes} bytes are unanswered: wait for some of them"
    )]
    Full {
        /// The requests that have not ended.
        requests: usize,
        /// The bytes of their commands.
        bytes: usize,
    },
    /// No leader gives a name.
    #[error("no name was given: {0}")]
    Unnamed(Rejected),
    /// The client has ended before, for this reason.
    #[error("the client has ended: {0}")]
    Ended(String),
}

/// Stands for a session towards whoever drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey(usize);

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The session that asked.
    pub(crate) session: SessionKey,
    /// Its end.
    pub(crate) settled: Settled,
    /// The time from the question to the end.
    pub(crate) took: Duration,
}

/// Sessions at one socket.
#[derive(Debug)]
pub(crate) struct Driver {
    net: Arc<Net>,
    inbox: Inbox,
    patience: Patience,
    /// The most unanswered requests of a session.
    window: u64,
    sessions: Vec<Driven>,
    /// The session of each client.
    numbers: BTreeMap<u128, SessionKey>,
    /// The session of each request that is unanswered and was named by another client.
    resumed: BTreeMap<RequestId, SessionKey>,
    /// At most one of each session. It may ring before anything is due, but not after.
    alarms: BTreeSet<(Instant, SessionKey)>,
    outbox: Outbox,
    ended: VecDeque<Ended>,
    named: VecDeque<(Handle, RequestId)>,
    /// The session that names requests, which others ask for.
    naming: Option<SessionKey>,
    /// Words of somebody else who is where a leader should be.
    stranger: Option<String>,
}

/// A session, and what its driver keeps of it.
#[derive(Debug)]
struct Driven {
    session: Session,
    timers: Timers,
    alarm: Option<Instant>,
    /// What it sent last cannot have come to the leader.
    is_cut_off: bool,
}

impl Driver {
    /// A driver without sessions, at this network of a cluster.
    pub(crate) fn new(net: Arc<Net>, config: &ClusterConfig) -> Self {
        let least = config.timing.retry.as_ref().map_or(Duration::from_millis(100), |r| r.start);
        Driver {
            net,
            inbox: Inbox::default(),
            patience: Patience::new(least),
            window: config.limits.client_window,
            sessions: Vec::new(),
            numbers: BTreeMap::new(),
            resumed: BTreeMap::new(),
            alarms: BTreeSet::new(),
            outbox: Outbox::default(),
            ended: VecDeque::new(),
            named: VecDeque::new(),
            naming: None,
            stranger: None,
        }
    }

    /// A new session, of a client with a number that nobody else has. It asks the first leader first of
    /// which an address is known.
    pub(crate) fn new_session(&mut self) -> io::Result<SessionKey> {
        let (number, leaders) = (self.net.environment().unique()?, self.net.leaders());
        let all = (0..leaders as u16).map(LeaderId);
        let first = all.into_iter().find(|leader| self.net.knows(Party::Leader(*leader)));
        let first = first.unwrap_or_default();
        let session = Session::new(number, first, leaders, self.window);
        let key = SessionKey(self.sessions.len());
        let timers = Timers::default();
        self.sessions.push(Driven { session, timers, alarm: None, is_cut_off: false });
        self.numbers.insert(number, key);
        Ok(key)
    }

    /// The leader that a session's requests go to.
    pub(crate) fn leader(&self, key: SessionKey) -> Option<LeaderId> {
        self.sessions.get(key.0).map(|driven| driven.session.leader())
    }

    /// Words about somebody who is where a leader of this cluster should be, if one was heard.
    pub(crate) fn stranger(&self) -> Option<&str> {
        self.stranger.as_deref()
    }

    /// The network.
    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    /// The time now.
    pub(crate) fn now(&self) -> Instant {
        self.net.now()
    }

    /// Asks for a command to be applied; it is waited for until the deadline.
    pub(crate) fn propose(
        &mut self,
        key: SessionKey,
        payload: Arc<[u8]>,
        deadline: Instant,
    ) -> Result<Handle, ClientError> {
        // A lease that was not used for long is let go before anything is asked under it.
        self.ring()?;
        let mut handle = Handle(0);
        self.ask(key, |session, asking| {
            handle = session.propose(payload, asking);
            Some((handle, deadline))
        })?;
        Ok(handle)
    }

    /// Asks again for a request that an earlier life of a client has made, under its old name.
    pub(crate) fn resume(
        &mut self,
        key: SessionKey,
        (id, payload): (RequestId, Arc<[u8]>),
        deadline: Instant,
    ) -> Result<Handle, ClientError> {
        self.ring()?;
        let mut handle = Handle(0);
        self.ask(key, |session, asking| {
            handle = session.resume(id, payload, asking);
            Some((handle, deadline))
        })?;
        Ok(handle)
    }

    /// Asks for the name of a request that is not asked for yet; it is waited for until the deadline. Returns
    /// the session that asks, too, in which it ends if there is no name.
    pub(crate) fn name(&mut self, deadline: Instant) -> Result<(SessionKey, Handle), ClientError> {
        let naming = self.naming.map_or_else(|| self.new_session(), Ok);
        let key = *self.naming.insert(naming?);
        // Each name is good for a whole lease.
        self.do_due(key, Due::Close)?;
        let mut handle = Handle(0);
        self.ask(key, |session, asking| {
            handle = session.name(asking);
            Some((handle, deadline))
        })?;
        Ok((key, handle))
    }

    /// A name that was asked for.
    pub(crate) fn next_named(&mut self) -> Option<(Handle, RequestId)> {
        self.named.pop_front()
    }

    /// Gives up all requests that are unanswered.
    pub(crate) fn give_up(&mut self) -> Result<(), ClientError> {
        for key in (0..self.sessions.len()).map(SessionKey) {
            let waited_for = self.sessions.get(key.0).map(|driven| driven.timers.waited_for());
            for handle in waited_for.unwrap_or_default() {
                self.do_due(key, Due::GiveUp(handle))?;
            }
        }
        Ok(())
    }

    /// A request that has ended, in the order of the ends.
    pub(crate) fn next_ended(&mut self) -> Option<Ended> {
        self.ended.pop_front()
    }

    /// Sends what there is to send; waits for one datagram, no longer than until then, unless a request
    /// has ended meanwhile; and does what is due.
    pub(crate) fn turn(&mut self, until: Instant) -> Result<(), ClientError> {
        self.ring()?;
        self.flush();
        if !self.ended.is_empty() || !self.named.is_empty() {
            return Ok(());
        }
        let until = self.alarms.first().map_or(until, |(at, _)| until.min(*at));
        if let Some(datagram) = self.net.receive_once(&mut self.inbox, until)? {
            self.hear(&datagram.opened())?;
        }
        self.ring()
    }

    /// Hands what a leader has said to the sessions that it concerns.
    fn hear(&mut self, opened: &Opened<'_>) -> Result<(), ClientError> {
        if opened.kind == Kind::Notice {
            let notice = opened.message::<Notice>().ok();
            let words = notice.map(|it| it.in_words("a leader", self.net.me().cluster()));
            self.stranger = words.or(self.stranger.take());
        }
        let Party::Leader(from) = opened.header.from else { return Ok(()) };
        if !self.net.me().is_meant(&opened.header) {
            return Ok(());
        }
        for message in opened.messages().unwrap_or_default() {
            let Some(key) = self.concerned(&message) else { continue };
            self.ask(key, |session, asking| {
                session.on_message(from, message, asking);
                None
            })?;
        }
        Ok(())
    }

    /// The session that an answer is for.
    fn concerned(&self, message: &Message) -> Option<SessionKey> {
        let number = match message {
            Message::Reply { id, .. }
            | Message::Redirect { id, .. }
            | Message::Refused { id, .. } => match self.resumed.get(id) {
                Some(key) => return Some(*key),
                None => id.client.number,
            },
            Message::Opened(client) => client.number,
            Message::NotOpened { number, .. } => *number,
            _ => return None,
        };
        self.numbers.get(&number).copied()
    }

    /// Hands an input to a session, and takes on what comes of it. The input may be a request, which is
    /// waited for.
    fn ask(
        &mut self,
        key: SessionKey,
        input: impl FnOnce(&mut Session, &mut Asking<'_>) -> Option<(Handle, Instant)>,
    ) -> Result<(), ClientError> {
        let now = self.now();
        let Some(driven) = self.sessions.get_mut(key.0) else { return Ok(()) };
        let (was_idle, mut asking) = (driven.session.is_idle(), Asking::default());
        if let Some((handle, deadline)) = input(&mut driven.session, &mut asking) {
            driven.timers.wait(handle, now, deadline);
        }
        let Asking { sends, settled, named, retry, .. } = asking;
        let is_sent_again = !was_idle && !sends.is_empty();
        for (leader, message) in sends {
            if let Message::Request(command) = &message
                && command.id.client.number != driven.session.number()
            {
                self.resumed.insert(command.id, key);
            }
            self.outbox.push(&self.net, key, (leader, &message))?;
        }
        for settled in settled {
            let since = driven.timers.end(settled.handle).unwrap_or(now);
            let took = now.saturating_duration_since(since);
            if let Outcome::Done(_) = &settled.outcome {
                self.patience.note(took);
            }
            settled.id.and_then(|id| self.resumed.remove(&id));
            self.ended.push_back(Ended { session: key, settled, took });
        }
        for (handle, id) in named {
            driven.timers.end(handle);
            self.named.push_back((handle, id));
        }
        if let Some(is_set) = retry {
            let wait = match driven.is_cut_off {
                true => self.patience.in_vain(),
                false => self.patience.until_retry(is_sent_again),
            };
            driven.timers.set_retry(is_set.then(|| now + wait));
        }
        let is_at_rest = driven.session.is_idle() && driven.session.client().is_some();
        driven.timers.rest(is_at_rest, now, REST);
        self.arm(key);
        Ok(())
    }

    fn arm(&mut self, key: SessionKey) {
        let Some(driven) = self.sessions.get_mut(key.0) else { return };
        let Some(next) = driven.timers.next() else { return };
        if driven.alarm.is_none_or(|alarm| next < alarm) {
            let before = driven.alarm.replace(next);
            before.map(|before| self.alarms.remove(&(before, key)));
            self.alarms.insert((next, key));
        }
    }

    /// Does what is due.
    fn ring(&mut self) -> Result<(), ClientError> {
        let now = self.now();
        while let Some((at, key)) = self.alarms.first().copied()
            && at <= now
        {
            self.alarms.pop_first();
            while let Some(driven) = self.sessions.get_mut(key.0)
                && let Some(due) = driven.timers.take_due(now)
            {
                self.do_due(key, due)?;
            }
            if let Some(driven) = self.sessions.get_mut(key.0) {
                driven.alarm.take().map(|alarm| self.alarms.remove(&(alarm, key)));
            }
            self.arm(key);
        }
        Ok(())
    }

    fn do_due(&mut self, key: SessionKey, due: Due) -> Result<(), ClientError> {
        self.ask(key, |session, asking| {
            match due {
                Due::Retry => session.on_retry(asking),
                Due::GiveUp(handle) => session.give_up(handle, asking),
                Due::Close => session.close(asking),
            }
            None
        })
    }

    /// Sends all that is to be sent. A leader that cannot be reached is not waited for.
    fn flush(&mut self) {
        let (now, mut cut_off) = (self.now(), Vec::new());
        let (sessions, patience) = (&mut self.sessions, &self.patience);
        self.outbox.flush(&self.net, |key, is_sent| {
            let Some(driven) = sessions.get_mut(key.0) else { return };
            match (std::mem::replace(&mut driven.is_cut_off, !is_sent), is_sent) {
                (_, false) => {
                    driven.timers.hurry(now + patience.in_vain());
                    cut_off.push(key);
                }
                (true, true) => driven.timers.postpone(now + patience.until_retry(true)),
                (false, true) => {}
            }
        });
        cut_off.into_iter().for_each(|key| self.arm(key));
    }
}
