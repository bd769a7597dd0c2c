//! The host of one actor: performs what its steps ask for, in the one safe order.
//!
//! **Architecture invariant: save, then send, then set timers.** Nothing leaves the machine before
//! what it claims is durable, and a journal that fails stops the node before it says anything.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stateright::actor::{Actor, Command, Id, Out};
use thiserror::Error;

use super::counters::Counters;
use super::greeting::{Greeter, Greeting, Heard};
use super::inquiry::{Inquiry, report};
use super::journal::Journal;
use super::pump::{Datagram, Turn};
use super::udp::Outlet;
use super::wire::{Encoded, Frame, Framed, WireError, decode, decode_one, encode_one};
use crate::paxos::leader;
use crate::paxos::{Ballot, Message, Node, Panic, Record, State, Storage, Timer};

/// An actor that a host can run.
pub trait Member:
    Actor<Msg = Message, Timer = Timer, State = State, Storage = Storage> + Send + 'static
{
    /// Whether `src` may say this to this member.
    fn admits(&self, src: Id, message: &Message) -> bool;
}

impl Member for Node {
    fn admits(&self, src: Id, message: &Message) -> bool {
        Node::admits(self, src, message)
    }
}

/// Why a node stops by itself.
#[derive(Debug, Error)]
pub enum HostError {
    /// What had to be durable could not be made so.
    #[error("cannot save, so nothing more is sent: {0}; mend the disk, then start the node again")]
    Journal(#[source] io::Error),
    /// Another remembers it by another journal than it has.
    #[error(
        "{member} has run before with another journal ({peer} remembers it): its disk is lost, and to \
         start it empty would break promises that it made: restore the disk, or leave the member out"
    )]
    Lost {
        /// Who has run before.
        member: String,
        /// Who remembers it.
        peer: String,
    },
}

/// One actor with its journal, its outlet and its timers.
#[derive(Debug)]
pub struct Host<A: Member, O, J> {
    id: Id,
    actor: A,
    state: Cow<'static, State>,
    journal: J,
    outlet: O,
    timers: Timers,
    counters: Arc<Counters>,
    greeter: Option<Greeter>,
    /// What its start has asked for, until it takes part.
    held: Option<Asked>,
}

/// What the steps of one turn have asked for.
#[derive(Debug, Default)]
struct Asked {
    saves: Vec<Record>,
    sends: Vec<(Id, Message)>,
    timers: Vec<TimerCommand>,
    inquiries: Vec<(Id, Inquiry)>,
    greetings: Vec<(Id, Greeting)>,
}

#[derive(Debug)]
enum TimerCommand {
    Set(Timer, Range<Duration>),
    Cancel(Timer),
}

impl<A: Member, O: Outlet, J: Journal> Host<A, O, J> {
    /// Starts the actor with what it saved in earlier lives.
    pub fn start(
        id: Id,
        actor: A,
        storage: Option<Storage>,
        parts: (O, J),
        counters: Arc<Counters>,
    ) -> Result<Self, HostError> {
        Host::start_among(None, id, actor, storage, parts, counters)
    }

    /// The same, among others that are greeted first.
    pub fn start_among(
        greeter: Option<Greeter>,
        id: Id,
        actor: A,
        storage: Option<Storage>,
        (outlet, journal): (O, J),
        counters: Arc<Counters>,
    ) -> Result<Self, HostError> {
        let mut out = Out::new();
        let state = Cow::Owned(actor.on_start(id, &storage, &mut out));
        let timers = Timers::default();
        let mut asked = Asked::default();
        asked.add(out);
        let held = Some(asked);
        let mut host = Host { id, actor, state, journal, outlet, timers, counters, greeter, held };
        host.take_part()?;
        Ok(host)
    }

    /// What the actor knows in the end.
    pub fn into_state(self) -> State {
        self.state.into_owned()
    }

    fn hear(&mut self, datagram: &Datagram, asked: &mut Asked) -> Result<(), HostError> {
        let from = datagram.from;
        let messages = match decode(&datagram.bytes) {
            Ok(messages) => messages,
            Err(WireError::Foreign) => return self.hear_other(datagram, asked),
            Err(error) => {
                self.cannot_read(datagram, &error);
                return Ok(());
            }
        };
        // Only whoever says something is given an id.
        let src = self.outlet.id(from);
        for message in messages {
            if self.held.is_some() || !self.actor.admits(src, &message) {
                tracing::debug!(%from, %message, "rejected message");
                self.counters.rejected.add(1);
                continue;
            }
            let mut out = Out::new();
            self.actor.on_msg(self.id, &mut self.state, src, message, &mut out);
            asked.add(out);
        }
        Ok(())
    }

    /// Hears what is not of the protocol: one to a datagram, so that a small one never makes many
    /// large answers.
    fn hear_other(&mut self, datagram: &Datagram, asked: &mut Asked) -> Result<(), HostError> {
        match decode_one(&datagram.bytes) {
            Ok(inquiry) => asked.inquiries.push((self.outlet.id(datagram.from), inquiry)),
            Err(WireError::Foreign) => return self.hear_greeting(datagram, asked),
            Err(error) => self.cannot_read(datagram, &error),
        }
        Ok(())
    }

    fn hear_greeting(&mut self, datagram: &Datagram, asked: &mut Asked) -> Result<(), HostError> {
        let greeting: Greeting = match decode_one(&datagram.bytes) {
            Ok(greeting) => greeting,
            Err(error) => {
                self.cannot_read(datagram, &error);
                return Ok(());
            }
        };
        let src = self.outlet.id(datagram.from);
        let greeter = self.greeter.as_mut();
        match greeter.map_or(Ok(Heard::Rejected), |greeter| greeter.hear(src, &greeting))? {
            Heard::Greeting(answer) => {
                asked.greetings.extend(answer.map(|answer| (src, answer)));
            }
            Heard::Rejected => {
                tracing::debug!(from = %datagram.from, ?greeting, "rejected greeting");
                self.counters.rejected.add(1);
            }
        }
        Ok(())
    }

    fn cannot_read(&self, datagram: &Datagram, error: &WireError) {
        tracing::debug!(from = %datagram.from, %error, "malformed datagram");
        self.counters.malformed.add(1);
    }

    /// Save, then send, then set timers.
    fn perform(&mut self, asked: Asked) -> Result<(), HostError> {
        let Asked { saves, sends, timers, inquiries, greetings } = asked;
        if !saves.is_empty() {
            self.journal.append(saves).map_err(HostError::Journal)?;
        }
        self.send(sends);
        // What is reported may have been learned in this very turn, so it comes after the saves.
        for (to, inquiry) in inquiries {
            let report = report(inquiry, &self.state, self.counters.read(), self.journal.stats());
            self.send_one(to, &report);
        }
        greetings.iter().for_each(|(to, greeting)| self.send_one(*to, greeting));
        let now = Instant::now();
        timers.into_iter().for_each(|command| self.timers.change(command, now));
        Ok(())
    }

    /// Sends messages to the same destination together, in order.
    fn send(&self, sends: Vec<(Id, Message)>) {
        let mut frames: BTreeMap<Id, Frame> = BTreeMap::new();
        // What goes to several is encoded once.
        let mut last: Option<(Message, Encoded<Message>)> = None;
        for (to, message) in sends {
            let encoded = match last.take() {
                Some(same) if same.0 == message => Ok(same),
                _ => Encoded::new(&message).map(|encoded| (message, encoded)),
            };
            match encoded {
                Ok(encoded) => {
                    let full = frames.entry(to).or_default().push_encoded(&encoded.1);
                    full.into_iter().for_each(|bytes| self.send_datagram(to, &bytes));
                    last = Some(encoded);
                }
                Err(error) => self.cannot_send(to, &error),
            }
        }
        for (to, frame) in frames {
            frame.finish().into_iter().for_each(|bytes| self.send_datagram(to, &bytes));
        }
    }

    fn send_one(&self, to: Id, message: &impl Framed) {
        match encode_one(message) {
            Ok(bytes) => self.send_datagram(to, &bytes),
            Err(error) => self.cannot_send(to, &error),
        }
    }

    fn cannot_send(&self, to: Id, error: &WireError) {
        tracing::error!(%to, %error, "cannot send");
        self.counters.unsent.add(1);
    }

    fn send_datagram(&self, to: Id, bytes: &[u8]) {
        match self.outlet.send(to, bytes) {
            Ok(()) => self.counters.sent.add(1),
            Err(error) => {
                tracing::debug!(%to, %error, "the system would not send");
                self.counters.unsent.add(1);
            }
        }
    }
}

impl<A: Member, O: Outlet, J: Journal> Turn for Host<A, O, J> {
    type Error = HostError;

    fn deadline(&self) -> Option<Instant> {
        let timers = self.timers.earliest().filter(|_| self.held.is_none());
        timers.into_iter().chain(self.greeter.as_ref().and_then(Greeter::deadline)).min()
    }

    /// Messages first, then the timers that they have not put off.
    fn turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), HostError> {
        let (before, panics) = (self.standing(), self.panics().len());
        let turned = self.take_turn(batch);
        for panic in self.panics().iter().skip(panics) {
            tracing::error!(name = self.actor.name(), "{panic}");
        }
        let after = self.standing();
        if let Some((standing, ballot)) = after.filter(|_| after != before) {
            tracing::info!(name = self.actor.name(), ?ballot, "{standing} from now on");
        }
        turned
    }
}

impl<A: Member, O: Outlet, J: Journal> Host<A, O, J> {
    fn standing(&self) -> Option<(&'static str, Option<Ballot>)> {
        self.state.as_leader().map(leader::State::standing)
    }

    fn panics(&self) -> &[Panic] {
        self.state.as_leader().map_or(&[], |leader| leader.history().panics())
    }

    fn take_turn(&mut self, batch: &mut Vec<Datagram>) -> Result<(), HostError> {
        let mut asked = Asked::default();
        for datagram in batch.drain(..) {
            self.hear(&datagram, &mut asked)?;
        }
        self.perform(asked)?;
        if !self.take_part()? {
            return Ok(());
        }
        let mut asked = Asked::default();
        for timer in self.timers.take_due(Instant::now()) {
            let mut out = Out::new();
            self.actor.on_timeout(self.id, &mut self.state, &timer, &mut out);
            asked.add(out);
        }
        self.perform(asked)
    }
}

impl<A: Member, O: Outlet, J: Journal> Host<A, O, J> {
    /// Greets whom it is time to greet, and starts to take part once there is nothing to wait for.
    /// Whether it takes part.
    fn take_part(&mut self) -> Result<bool, HostError> {
        if let Some(greeter) = &mut self.greeter {
            let greetings = greeter.due(Instant::now());
            let waits = greeter.waits();
            self.perform(Asked { greetings, ..Asked::default() })?;
            if waits {
                return Ok(false);
            }
        }
        if let Some(held) = self.held.take() {
            self.perform(held)?;
        }
        Ok(true)
    }
}

impl Asked {
    fn add<A: Member>(&mut self, out: Out<A>) {
        for command in out {
            match command {
                Command::Save(storage) => self.saves.extend(storage.0),
                Command::Send(to, message) => self.sends.push((to, message)),
                Command::SetTimer(timer, range) => {
                    self.timers.push(TimerCommand::Set(timer, range));
                }
                Command::CancelTimer(timer) => self.timers.push(TimerCommand::Cancel(timer)),
                // The protocol makes no random choices.
                Command::ChooseRandom(..) => {}
            }
        }
    }
}

/// The timers that are set, with when they are due.
#[derive(Debug, Default)]
struct Timers {
    due: BTreeMap<Timer, Instant>,
    random: fastrand::Rng,
}

impl Timers {
    fn change(&mut self, command: TimerCommand, now: Instant) {
        match command {
            TimerCommand::Cancel(timer) => drop(self.due.remove(&timer)),
            TimerCommand::Set(timer, Range { start, end }) => {
                let spread = end.saturating_sub(start).mul_f64(self.random.f64());
                self.due.insert(timer, now + start + spread);
            }
        }
    }

    fn earliest(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    fn take_due(&mut self, now: Instant) -> Vec<Timer> {
        self.due.extract_if(.., |_, due| *due <= now).map(|(timer, _)| timer).collect()
    }
}
