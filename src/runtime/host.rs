//! The host of one actor: performs the effects of its steps, in the one safe order.
//!
//! **Architecture invariant: save, then send, then set timers.** No message leaves the machine before what it
//! claims is durable, and a node whose journal fails stops before it sends anything.

mod actor;
mod drops;
mod error;
mod invariants;
mod monitor;
mod sending;
mod strangers;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stateright::actor::{Command, Id, Out};

pub use self::actor::{HostedActor, Ready};
use self::drops::Drops;
pub use self::error::HostError;
use self::invariants::Saved;
use self::monitor::Monitor;
use super::chain::Chain;
use super::counters::Counters;
use super::environment::Environment;
use super::handshake::{Admission, Answer, Handshake};
use super::inquiry::{StatusRequest, report};
use super::journal::{Journal, JournalStats};
use super::me::Me;
use super::notice::{Notices, Rate};
use super::pace::Pace;
use super::parts::Assembly;
use super::party::Party;
use super::pump::{Datagram, Turn};
use super::timers::Timers;
use super::udp::Transport;
use super::wire::{BUNDLE, Header, Kind, Opened, WireError, open};
use crate::paxos::{Message, Panic, Record, State, Timer};

/// A host: one actor with its journal, its transport and its timers.
#[derive(Debug)]
pub struct Host<A: HostedActor, T, J> {
    me: Me,
    /// The id by which the actor knows itself.
    id: Id,
    actor: A,
    state: Cow<'static, State>,
    journal: J,
    transport: T,
    environment: Environment,
    timers: Timers,
    counters: Arc<Counters>,
    admission: Option<Admission>,
    pace: Pace,
    /// The start and the duration of the last sync.
    last_sync: Option<(Instant, Duration)>,
    /// The most bytes of a frame of several messages.
    bundle: usize,
    assembly: Assembly,
    drops: Drops,
    notices: Notices,
    warnings: Rate,
    chain: Chain,
    monitor: Monitor,
    /// The effects of the actor's start, held back until it takes part.
    held: Option<Effects>,
    saved: Saved,
}

/// The effects of the steps of one turn.
#[derive(Debug, Default)]
struct Effects {
    saves: Vec<Record>,
    sends: Vec<(Id, Message)>,
    /// The last change of each timer: its new duration, or `None` if it is cancelled. A turn may set the same
    /// timer for each of its messages.
    timers: BTreeMap<Timer, Option<Range<Duration>>>,
    inquiries: Vec<(Id, StatusRequest)>,
    handshakes: Vec<(Party, Handshake)>,
}

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// Starts the actor with what it saved in earlier lives. It takes part once `ready.admission` admits it,
    /// or at once if there is none.
    pub fn start(
        ready: Ready<A, J>,
        transport: T,
        counters: Arc<Counters>,
        environment: Environment,
    ) -> Result<Self, HostError> {
        let Ready { me, admission, actor, storage, journal } = ready;
        let mut out = Out::new();
        let id = me.party().id().unwrap_or_default();
        let saved = Saved::new(storage.as_ref(), admission.as_ref());
        let state = Cow::Owned(actor.on_start(id, &storage, &mut out));
        let timers = Timers::default();
        let pace = Pace::new(me.cluster().quorums);
        let network = transport.network();
        let (bundle, drops) =
            (network.datagram.min(BUNDLE), Drops::new(network, environment.now()));
        let assembly = Assembly::default();
        let (notices, warnings) = (Notices::new(), Rate::of_warnings());
        let monitor = Monitor::new(me.party(), me.cluster());
        let mut effects = Effects::default();
        effects.add(out);
        let held = Some(effects);
        let mut host = Host {
            me,
            id,
            actor,
            state,
            journal,
            transport,
            environment,
            timers,
            counters,
            admission,
            pace,
            last_sync: None,
            bundle,
            assembly,
            drops,
            notices,
            warnings,
            chain: Chain::default(),
            monitor,
            held,
            saved,
        };
        host.take_part()?;
        Ok(host)
    }

    /// The final state of the actor. Saves the ages of the others' journals first, so that after an orderly
    /// stop no older copy of a journal passes for the last one.
    pub fn into_state(mut self) -> State {
        let saved = self.admission.as_mut().map_or(Ok(()), Admission::save_now);
        if let Err(error) = saved {
            tracing::warn!("cannot save how old the others' journals are: {error}");
        }
        self.state.into_owned()
    }

    fn hear(&mut self, datagram: &Datagram, effects: &mut Effects) -> Result<(), HostError> {
        let opened = match open(&datagram.bytes) {
            Ok(opened) => opened,
            Err(error) => {
                self.cannot_read(datagram.from, &error);
                return Ok(());
            }
        };
        if opened.kind == Kind::Notice {
            self.hear_notice(datagram, &opened);
            return Ok(());
        }
        if !self.me.is_meant(&opened.header) {
            self.hear_stranger(datagram, &opened);
            return Ok(());
        }
        // Only senders of messages get an id.
        let from = opened.header.from;
        let src = from.id().unwrap_or_else(|| self.transport.id(datagram.from));
        let heard = match opened.kind {
            Kind::Protocol => self.hear_messages(src, &opened, effects),
            Kind::StatusRequest => {
                opened.message().map(|inquiry| effects.inquiries.push((src, inquiry)))
            }
            Kind::Handshake => match opened.message() {
                Ok(handshake) => return self.hear_handshake(&opened.header, &handshake, effects),
                Err(error) => Err(error),
            },
            Kind::Part => return self.hear_part(datagram.from, &opened, effects),
            Kind::Report | Kind::Notice => {
                self.reject(from, &opened.kind);
                Ok(())
            }
        };
        if let Err(error) = heard {
            self.cannot_read(datagram.from, &error);
        }
        Ok(())
    }

    /// Hears a part of a frame. Once all parts are here, the frame is heard as if it had come in one piece.
    fn hear_part(
        &mut self,
        from: SocketAddr,
        opened: &Opened<'_>,
        effects: &mut Effects,
    ) -> Result<(), HostError> {
        let given_up = self.assembly.given_up();
        let added = self.assembly.add(from, opened, self.environment.now());
        self.counters.incomplete.add(self.assembly.given_up() - given_up);
        match added {
            Ok(None) => Ok(()),
            Ok(Some(bytes)) => self.hear(&Datagram { from, bytes }, effects),
            Err(error) => {
                self.cannot_read(from, &error);
                Ok(())
            }
        }
    }

    fn hear_messages(
        &mut self,
        src: Id,
        opened: &Opened<'_>,
        effects: &mut Effects,
    ) -> Result<(), WireError> {
        let Header { from, life, age, sync, .. } = opened.header;
        let (messages, now) = (opened.messages()?, self.environment.now());
        self.pace.hear(from, Duration::from_millis(sync.into()));
        let trusted = self.admission.as_mut().is_none_or(|admission| {
            admission.note(from, (life, age), now);
            admission.trusts(from)
        });
        for message in messages {
            if self.held.is_some() || !trusted || !self.actor.admits(src, &message) {
                self.reject(from, &message);
                continue;
            }
            self.monitor.hear(from, &message, now);
            let mut out = Out::new();
            self.actor.on_admitted(&mut self.state, src, message, &mut out);
            effects.add(out);
        }
        Ok(())
    }

    fn hear_handshake(
        &mut self,
        header: &Header,
        handshake: &Handshake,
        effects: &mut Effects,
    ) -> Result<(), HostError> {
        let Header { from, age, .. } = *header;
        let answer = match self.admission.as_mut() {
            None => Answer::Rejected,
            Some(admission) => admission.hear((from, age), handshake, self.environment.now())?,
        };
        match answer {
            Answer::Handshake(answer) => effects.handshakes.push((from, answer)),
            Answer::Nothing => {}
            Answer::Rejected => self.reject(from, handshake),
        }
        Ok(())
    }

    fn reject(&self, from: Party, what: &impl std::fmt::Debug) {
        tracing::debug!(%from, ?what, "rejected");
        self.counters.rejected.add(1);
    }

    fn cannot_read(&self, from: SocketAddr, error: &WireError) {
        tracing::debug!(%from, %error, "malformed datagram");
        self.counters.malformed.add(1);
    }

    /// Performs effects: saves, then sends, then sets timers.
    fn perform(&mut self, effects: Effects) -> Result<(), HostError> {
        let Effects { saves, sends, timers, inquiries, handshakes } = effects;
        if !saves.is_empty() {
            let began = self.environment.now();
            self.saved.add(&saves);
            self.journal.append(saves).map_err(HostError::Journal)?;
            let took = self.environment.now().saturating_duration_since(began);
            self.pace.measure(took);
            self.last_sync = Some((began, took));
        }
        let now = self.environment.now();
        for (to, message) in &sends {
            if cfg!(debug_assertions) {
                self.saved.covers(message).map_err(HostError::Broken)?;
            }
            self.monitor.send(Party::of(*to), message, now);
        }
        self.send(sends);
        // A report may tell what was learned in this turn, so it comes after the saves.
        for (to, inquiry) in inquiries {
            let network = self.drops.network(&self.transport, now);
            let host = (self.counters.read(), network, self.journal_stats(now), self.waits_for());
            let report = report(inquiry, (&self.state, &self.chain), host);
            self.send_one(to, &report);
        }
        for (to, handshake) in handshakes {
            to.id().into_iter().for_each(|to| self.send_one(to, &handshake));
        }
        for (timer, range) in timers {
            match range.map(|range| self.pace.stretch(timer, range)) {
                Some(range) => self.timers.set(timer, range, &self.environment),
                None => self.timers.cancel(timer),
            }
        }
        Ok(())
    }

    /// The statistics of the journal, with the duration of the last sync.
    fn journal_stats(&self, now: Instant) -> Option<JournalStats> {
        let (stats, last) = (self.journal.stats()?, self.last_sync);
        let ago = |(began, took): (Instant, Duration)| now.saturating_duration_since(began + took);
        Some(JournalStats {
            last_sync_us: last.map_or(0, |(_, took)| took.as_micros() as u64),
            last_sync_ms_ago: last.map(|last| ago(last).as_millis() as u64),
            ..stats
        })
    }
}

impl<A: HostedActor, T: Transport, J: Journal> Turn for Host<A, T, J> {
    type Error = HostError;

    fn deadline(&self) -> Option<Instant> {
        let timers = self.timers.earliest().filter(|_| self.held.is_none());
        timers.into_iter().chain(self.admission.as_ref().and_then(Admission::deadline)).min()
    }

    /// Takes a turn: messages first, then the timers that they have not put off.
    fn turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), HostError> {
        let (_, panics) = self.panics();
        let turned = self.take_turn(batch);
        if let Some(leader) = self.state.as_leader() {
            self.chain.follow(leader.learner().prefix());
            self.monitor.look(leader, self.environment.now());
        }
        let (last, count) = self.panics();
        if count > panics && self.warnings.allows(self.environment.now()) {
            tracing::error!("{}: {last}; {count} panics so far", self.me.name());
        }
        let (incomplete, now) = (self.counters.incomplete.get(), self.environment.now());
        for words in self.drops.look(&self.transport, incomplete, now) {
            tracing::warn!("{}: {words}", self.me.name());
        }
        turned?;
        self.check()
    }
}

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// The last panic of the state machine, in words, and the number of all panics.
    fn panics(&self) -> (String, u64) {
        let (last, count) =
            self.state.as_leader().map_or((&[][..], 0), |it| it.executor().panics());
        (last.last().map_or(String::new(), Panic::to_string), count)
    }

    fn take_turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), HostError> {
        // A timer that runs out while this turn saves is left to the next turn, so that messages that came
        // meanwhile, such as a heartbeat, are heard first.
        let began = self.environment.now();
        let mut effects = Effects::default();
        for datagram in batch.drain(..) {
            self.hear(&datagram, &mut effects)?;
        }
        self.perform(effects)?;
        if !self.take_part()? {
            return Ok(());
        }
        let mut effects = Effects::default();
        for timer in self.timers.take_due(began) {
            let mut out = Out::new();
            self.actor.on_timeout(self.id, &mut self.state, &timer, &mut out);
            effects.add(out);
        }
        self.perform(effects)
    }
}

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// Sends the handshakes that are due, and starts to take part once admitted. Returns true if the role
    /// takes part.
    fn take_part(&mut self) -> Result<bool, HostError> {
        let now = self.environment.now();
        if let Some(admission) = &mut self.admission {
            if let Err(error) = admission.save(now)
                && self.warnings.allows(now)
            {
                tracing::warn!("cannot save how old the others' journals are: {error}");
            }
            let (handshakes, admitted) = (admission.due(now), admission.may_take_part(now)?);
            self.perform(Effects { handshakes, ..Effects::default() })?;
            if !admitted {
                return Ok(false);
            }
        }
        if let Some(held) = self.held.take() {
            self.perform(held)?;
        }
        Ok(true)
    }

    /// The roles of others that this role must hear from before it takes part.
    fn waits_for(&self) -> Vec<String> {
        self.admission.as_ref().map(Admission::waits_for).unwrap_or_default()
    }
}

impl Effects {
    fn add<A: HostedActor>(&mut self, out: Out<A>) {
        for command in out {
            match command {
                Command::Save(storage) => self.saves.extend(storage.0),
                Command::Send(to, message) => self.sends.push((to, message)),
                Command::SetTimer(timer, range) => drop(self.timers.insert(timer, Some(range))),
                Command::CancelTimer(timer) => drop(self.timers.insert(timer, None)),
                // The protocol makes no random choices.
                Command::ChooseRandom(..) => {}
            }
        }
    }
}
