//! The handshake between roles of members: it detects a member that has lost its disk, or runs from an older
//! copy of it, before that member breaks a promise.
//!
//! An empty journal looks the same for a member that has never run and for one that has lost its disk, and an
//! older copy looks like a sound journal. So each role of each member remembers the other roles' journals and
//! their ages ([`Peers`]), and they tell one another. A role that is remembered with a different journal, or
//! with an older one than it has said, stops before it sends anything else.
//!
//! A role takes part only once enough others have answered. **No delay replaces an answer.** The rules of how
//! many are enough are in `handshake/admission.rs`.
//!
//! Each start of a role is a **life**, named by 128 random bits. A handshake tells the age of the journal
//! when this life began. If a peer has heard of a higher age in another life, entries are missing in the
//! journal, even if it has grown past that age since.
//!
//! The limits of this:
//! - The age that is remembered is the highest one heard of, in any datagram of a life that has greeted. It
//!   is on disk [`LAG`](super::journal::peers::LAG) later, or at an orderly stop. An older copy is detected
//!   before it takes part if one of the roles that answer by then has heard of the missing entries; otherwise
//!   it is detected once such a role comes back, which is too late for what was done meanwhile.
//! - A role whose journal does not grow, such as a leader that is never elected, can be put back undetected
//!   to a time before it had heard of others.
//! - A journal that was greeted with and then made anew is refused too, though nothing was promised in it. A
//!   role forgets if its file `peers` is removed while it is down.
//! - Members are trusted to tell the truth.
//!
//! The handshake is no part of the protocol, and invisible to the actor.

mod admission;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::host::HostError;
use super::identity::Brief;
use super::journal::identity::JournalId;
use super::journal::peers::{Peers, Remembered};
use super::notice::Rate;
use super::party::Party;
use super::wire::{Framed, Kind};
use admission::Rule;

/// The time between two questions of a role that waits.
const AGAIN: Duration = Duration::from_millis(50);
/// The time between two questions of a role that takes part, to roles that have not confirmed.
const NOW_AND_THEN: Duration = Duration::from_secs(1);
/// The time between two log lines of a role that waits.
const COMPLAINS: Duration = Duration::from_secs(10);

/// A handshake from one role of a member to another. The header of its datagram names both roles and the
/// cluster, and has the current age of the sender's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The sender's journal.
    pub journal: JournalId,
    /// The sender's life.
    pub life: u128,
    /// The age of the sender's journal when this life began.
    pub began: u64,
    /// The journal that the sender remembers of the addressee, if any.
    pub remembers: Option<Remembered>,
    /// True if the sender wants an answer.
    pub asks: bool,
}

impl Framed for Handshake {
    const KIND: Kind = Kind::Handshake;
}

/// A journal, as its role has opened it.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// The journal.
    pub journal: JournalId,
    /// The name of this life: 128 bits that no other life has.
    pub life: u128,
    /// The number of entries found in the journal.
    pub began: u64,
}

/// The admission of one role: decides when it may take part, and if it must stop.
#[derive(Debug)]
pub struct Admission {
    own: Opened,
    peers: Peers,
    others: BTreeMap<Party, Other>,
    /// `None` once the role takes part.
    rule: Option<Rule>,
    /// True once members of this cluster were heard of that have a different configuration file.
    disputed: bool,
    /// The time of the next questions to the roles that have not confirmed.
    asks_at: Instant,
    /// The time of the next log line about waiting.
    complains_at: Instant,
    warnings: Rate,
}

#[derive(Debug)]
struct Other {
    name: String,
    /// True once it has confirmed in this life: it remembers this journal, and its own journal is sound.
    confirmed: bool,
    heard: Heard,
}

/// The findings on another role's journal in this life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// The journal is the one remembered, and no entry is missing.
    Sound {
        /// The life of its owner.
        life: u128,
    },
    /// The journal is a different one, or an older copy.
    Unsound,
}

impl Admission {
    /// The admission of the role of `me`, which has opened this journal and remembers these peers. Members
    /// named in `without` will never answer.
    pub fn new(
        (me, own): (Party, Opened),
        peers: Peers,
        without: &BTreeSet<String>,
        now: Instant,
    ) -> Self {
        let others = peers.cluster().roles().filter(|(role, ..)| *role != me);
        let others = others
            .map(|(role, name, _)| (role, Other { name, confirmed: false, heard: Heard::Nothing }));
        let others = others.collect();
        let first = own.began == 0 && !peers.joined();
        let rule = Some(Rule::new(first, me, peers.cluster(), without));
        let (asks_at, complains_at) = (now, now + COMPLAINS / 10);
        let (disputed, warnings) = (false, Rate::of_warnings());
        Admission { own, peers, others, rule, disputed, asks_at, complains_at, warnings }
    }

    /// The names of the roles whose answers this role waits for; empty if it may take part.
    pub(super) fn waits_for(&self) -> Vec<String> {
        let Some(rule) = &self.rule else { return Vec::new() };
        if self.disputed {
            return vec!["an operator, as other members have another file".to_owned()];
        }
        let cluster = self.peers.cluster();
        let confirmed = |role: Party| self.others.get(&role).is_some_and(|other| other.confirmed);
        rule.missing(cluster, confirmed).into_iter().map(|role| cluster.role_name(role)).collect()
    }

    /// Makes the role take part, if it may, and returns true if it does. The decision is durable when this
    /// returns.
    pub(super) fn may_take_part(&mut self, now: Instant) -> Result<bool, HostError> {
        if self.rule.is_none() {
            return Ok(true);
        }
        if !self.waits_for().is_empty() {
            self.complain(now);
            return Ok(false);
        }
        self.peers.join().map_err(HostError::Journal)?;
        self.rule = None;
        Ok(true)
    }

    fn complain(&mut self, now: Instant) {
        if now < self.complains_at {
            return;
        }
        self.complains_at = now + COMPLAINS;
        let why = self.rule.as_ref().map_or("", Rule::words);
        tracing::warn!(
            "{} does not take part yet: {why}. No answer from {}. Start them. A member that will \
             never answer can be named with --without; read RECOVERY.md first",
            self.peers.member(),
            self.waits_for().join(", ")
        );
    }

    /// The time at which there is work even if no datagram comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let asks = self.missing().next().map(|_| self.asks_at);
        asks.into_iter().chain(self.peers.save_at()).min()
    }

    /// Saves the ages of the others' journals, if it is time.
    pub(super) fn save(&mut self, now: Instant) -> io::Result<()> {
        self.peers.save(now)
    }

    /// Saves the ages of the others' journals.
    pub(super) fn save_now(&mut self) -> io::Result<()> {
        self.peers.save_now()
    }

    /// The handshakes that are due now, with their addressees.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Party, Handshake)> {
        if now < self.asks_at {
            return Vec::new();
        }
        self.asks_at = now + if self.rule.is_none() { NOW_AND_THEN } else { AGAIN };
        self.missing().map(|(role, other)| (*role, self.handshake(&other.name, true))).collect()
    }

    /// False for a role that has a different journal than is remembered, or an older copy: all its messages
    /// are ignored.
    pub(super) fn trusts(&self, from: Party) -> bool {
        self.others.get(&from).is_none_or(|other| other.heard != Heard::Unsound)
    }

    /// The tag that identifies this life in all datagrams.
    pub(super) fn life(&self) -> u32 {
        tag(self.own.life)
    }

    /// Records the age of another role's journal, which is in the header of all that it sends in a life. A
    /// datagram of a life that has not greeted yet says nothing of the journal that is known: the role is
    /// asked.
    pub(super) fn note(&mut self, from: Party, (life, age): (u32, u64), now: Instant) {
        let Some(other) = self.others.get_mut(&from) else { return };
        match other.heard {
            Heard::Sound { life: greeted } if tag(greeted) == life => {
                self.peers.note(&other.name, greeted, age, now);
            }
            Heard::Sound { .. } => other.confirmed = false,
            Heard::Nothing | Heard::Unsound => {}
        }
    }

    /// Takes note of a cluster that some member belongs to. If it is this one by a different file, a role
    /// that has never run does not take part: it may have been added to the file by hand.
    pub(super) fn hear_of(&mut self, cluster: &Brief) {
        let own = self.peers.cluster();
        let never_ran = self.rule.as_ref().is_some_and(Rule::is_of_first_time);
        self.disputed |= never_ran && cluster.is_of(own) && *cluster != own.brief();
    }

    /// Handles a handshake from a role whose journal has this age, and returns the answer, if any. An error
    /// means that the own role must stop.
    pub(super) fn hear(
        &mut self,
        (from, age): (Party, u64),
        handshake: &Handshake,
        now: Instant,
    ) -> Result<Answer, HostError> {
        let Some(other) = self.others.get_mut(&from) else { return Ok(Answer::Rejected) };
        let peer = other.name.clone();
        if let Some(known) = handshake.remembers {
            let member = self.peers.member().to_owned();
            if known.journal != self.own.journal {
                return Err(HostError::Lost { member, peer });
            }
            if known.life != self.own.life && known.age > self.own.began {
                let (remembered, found) = (known.age, self.own.began);
                return Err(HostError::WentBack { member, peer, remembered, found });
            }
        }
        let Handshake { journal, life, began, .. } = *handshake;
        let known = self.peers.remember(&peer, Remembered { journal, life, age });
        let known = known.map_err(HostError::Journal)?;
        let sound = known.journal == journal && (known.life == life || began >= known.age);
        if sound {
            self.peers.note(&peer, life, age, now);
        } else if self.warnings.allows(now) {
            tracing::warn!(
                "{peer} has journal {journal}, of {began} entries when it started, and is known to have \
                 {} of {}: its disk is lost or is an older copy; nothing that it says is believed",
                known.journal,
                known.age,
            );
        }
        other.heard = if sound { Heard::Sound { life } } else { Heard::Unsound };
        other.confirmed = sound && (other.confirmed || handshake.remembers.is_some());
        let confirmed = other.confirmed;
        // A role whose journal is unsound must hear of it, even if it does not ask.
        Ok(match handshake.asks || !sound {
            true => Answer::Handshake(self.handshake(&peer, !confirmed)),
            false => Answer::Nothing,
        })
    }

    /// The roles that have not confirmed.
    fn missing(&self) -> impl Iterator<Item = (&Party, &Other)> {
        self.others.iter().filter(|(_, other)| !other.confirmed)
    }

    fn handshake(&self, to: &str, asks: bool) -> Handshake {
        let Opened { journal, life, began } = self.own;
        Handshake { journal, life, began, remembers: self.peers.of(to), asks }
    }
}

/// The bits of a life that are in every header: enough to tell two lives of one role apart.
fn tag(life: u128) -> u32 {
    life as u32
}

/// The answer to a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// An answer to send.
    Handshake(Handshake),
    /// No answer is needed: the handshake counts.
    Nothing,
    /// No answer, as the sender may not send handshakes.
    Rejected,
}

#[cfg(test)]
mod tests;
