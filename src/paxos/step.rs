//! One step of one actor: the rules that it decides by, and its effects.

use stateright::actor::Id;

use super::message::Message;
use super::rules::Rules;
use super::storage::Record;

/// The timers of an actor. Their durations are no part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A leader that is not primary has heard no heartbeat in time.
    Election,
    /// The primary's next heartbeat is due.
    Heartbeat,
    /// A leader is due to look for stalled proposals or questions.
    Resend,
    /// A client is due to look for stalled requests.
    Retry,
    /// A client gives up its oldest request.
    GiveUp,
    /// A client has been idle for so long that it lets its lease expire.
    Idle,
}

/// A change of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// Sets the timer, anew if it was set already, with the end of its range doubled this many times.
    Set(Timer, u32),
    /// Cancels the timer.
    Cancel(Timer),
}

/// The effects of one step, in any order of its handlers' requests: first all saves, then all sends, then all
/// timers. So save-before-send holds by construction.
#[derive(Debug, Default)]
pub struct Effects {
    /// The records to make durable before anything is sent.
    pub saves: Vec<Record>,
    /// The messages to send, in this order.
    pub sends: Vec<(Id, Message)>,
    /// The timers to change last, in this order.
    pub timers: Vec<TimerChange>,
}

/// A step under way.
#[derive(Debug)]
pub struct Step<'a> {
    /// The guards that decide.
    pub rules: &'a Rules,
    /// The effects requested so far.
    pub effects: Effects,
}

impl<'a> Step<'a> {
    /// A step without effects yet.
    pub fn new(rules: &'a Rules) -> Self {
        Step { rules, effects: Effects::default() }
    }

    /// Requests that a record is made durable, before anything is sent.
    pub fn save(&mut self, record: Record) {
        self.effects.saves.push(record);
    }

    /// Requests that a message is sent.
    pub fn send(&mut self, to: Id, message: Message) {
        self.effects.sends.push((to, message));
    }

    /// Requests that a message is sent to each of several members.
    pub fn broadcast<'i>(&mut self, to: impl IntoIterator<Item = &'i Id>, message: &Message) {
        to.into_iter().for_each(|id| self.send(*id, message.clone()));
    }

    /// Sets a timer, anew if it was set already.
    pub fn set(&mut self, timer: Timer) {
        self.set_longer(timer, 0);
    }

    /// Sets a timer, with the end of its range doubled this many times.
    pub fn set_longer(&mut self, timer: Timer, doublings: u32) {
        self.effects.timers.push(TimerChange::Set(timer, doublings));
    }

    /// Cancels a timer.
    pub fn cancel(&mut self, timer: Timer) {
        self.effects.timers.push(TimerChange::Cancel(timer));
    }
}
