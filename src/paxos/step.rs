//! One step of one actor: what it decides with, and what it wants done.

use stateright::actor::Id;

use super::message::Message;
use super::rules::Rules;
use super::storage::Record;

/// What an actor can ask to be woken for. How long each takes is not the protocol's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A leader that is not primary has heard no heartbeat for too long.
    Election,
    /// It is time for the primary's next heartbeat.
    Heartbeat,
    /// It is time to look for proposals that stalled.
    Resend,
    /// It is time for a client to look for requests that stalled.
    Retry,
    /// A client waits for its oldest request no longer.
    GiveUp,
    /// A client has been idle for so long that it lets its lease go.
    Idle,
}

/// Set or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// Wake me, anew if it was set already. The longest time that it may take is doubled so often.
    Set(Timer, u32),
    /// Do not wake me.
    Cancel(Timer),
}

/// What one step wants done, whatever order its handlers asked in: first all saves, then all
/// sends, then all timers. That nothing leaves before it is saved holds by construction.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be made durable before anything is sent.
    pub saves: Vec<Record>,
    /// To be sent, in this order.
    pub sends: Vec<(Id, Message)>,
    /// To be changed at last, in this order.
    pub timers: Vec<TimerChange>,
}

/// A step under way.
#[derive(Debug)]
pub struct Step<'a> {
    /// The guards that decide.
    pub rules: &'a Rules,
    /// What was asked for so far.
    pub effects: Effects,
}

impl<'a> Step<'a> {
    /// Nothing has been asked for yet.
    pub fn new(rules: &'a Rules) -> Self {
        Step { rules, effects: Effects::default() }
    }

    /// Make this durable before anything is sent.
    pub fn save(&mut self, record: Record) {
        self.effects.saves.push(record);
    }

    /// Send one message.
    pub fn send(&mut self, to: Id, message: Message) {
        self.effects.sends.push((to, message));
    }

    /// Send the same message to several.
    pub fn broadcast<'i>(&mut self, to: impl IntoIterator<Item = &'i Id>, message: &Message) {
        to.into_iter().for_each(|id| self.send(*id, message.clone()));
    }

    /// Wake me, anew if the timer was set already.
    pub fn set(&mut self, timer: Timer) {
        self.set_longer(timer, 0);
    }

    /// The same, with the longest time that it may take doubled so often.
    pub fn set_longer(&mut self, timer: Timer, doublings: u32) {
        self.effects.timers.push(TimerChange::Set(timer, doublings));
    }

    /// Do not wake me.
    pub fn cancel(&mut self, timer: Timer) {
        self.effects.timers.push(TimerChange::Cancel(timer));
    }
}
