//! The handshake between roles of members: a member that has lost its disk, or runs from an older
//! copy of it, is noticed before it breaks what it promised.
//!
//! An empty journal looks the same whether its member has never run or has lost its disk, and an
//! older copy looks like a sound journal. So each role of each member remembers which journal the
//! others have and how old it is ([`Peers`]), and they tell one another. Whoever is remembered with
//! another journal than it has, or with an older one, stops, before it says anything else.
//!
//! A role takes part only once enough others have answered. **No delay replaces an answer.** How many
//! that are is in `handshake/admission.rs`.
//!
//! Each start of a role is a **life**, named by 128 random bits. A handshake says how old the journal
//! was when this life began. If that is less than what a peer has heard of in another life, something
//! is missing in it, also if it has grown past that since.
//!
//! The limits of this:
//! - The age that is remembered is the highest that was heard of, in any datagram of a life that has
//!   greeted, and is on disk
//!   [`LAG`](super::journal::peers::LAG) later, or at an orderly stop. An older copy is noticed before it
//!   takes part if one of those that answer by then has heard of what is missing; else it is noticed
//!   once such a one comes back, which is too late for what was done meanwhile.
//! - A role whose journal does not grow, such as a leader that is never elected, can be put back
//!   unnoticed to a time before it had heard of others.
//! - A journal that was greeted with and then made anew is refused too, though nothing was promised
//!   in it. A role forgets if its file `peers` is removed while it is down.
//! - What members say is believed.
//!
//! It is no part of the protocol: the actor does not notice.

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
/// The time between two questions of a role that takes part, to those that it has not heard from.
const NOW_AND_THEN: Duration = Duration::from_secs(1);
/// The time after which a role says what it waits for, and between two times.
const COMPLAINS: Duration = Duration::from_secs(10);

/// What one role of a member says to another. The header of its datagram says who it is, of which
/// cluster, and how old its journal is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The sender's journal.
    pub journal: JournalId,
    /// The sender's life.
    pub life: u128,
    /// The age of its journal when that began.
    pub began: u64,
    /// What the sender remembers of the addressee's journal; none if it remembers none.
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
    /// Names this life: 128 bits that no other has.
    pub life: u128,
    /// The entries that were found in it.
    pub began: u64,
}

/// Decides when one role of a member may take part, and whether it must stop.
#[derive(Debug)]
pub struct Admission {
    own: Opened,
    peers: Peers,
    others: BTreeMap<Party, Other>,
    /// None once its role takes part.
    rule: Option<Rule>,
    /// True once members of this cluster were heard of that have another file.
    disputed: bool,
    /// When it asks next those that have not confirmed.
    asks_at: Instant,
    /// When it says next what it waits for.
    complains_at: Instant,
    warnings: Rate,
}

#[derive(Debug)]
struct Other {
    name: String,
    /// True once it has said, in this life, that it remembers this journal, and has one itself that it
    /// may have.
    confirmed: bool,
    heard: Heard,
}

/// What was heard of another's journal in this life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// It is the one that is remembered, and nothing is missing in it.
    Sound {
        /// Its owner's life.
        life: u128,
    },
    /// It is another one, or an older copy.
    Unsound,
}

impl Admission {
    /// Speaks for the role of `me`, which has opened this journal and remembers these peers. Members
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

    /// The names of those whose answers its role waits for: if none, it may take part.
    pub(super) fn waits_for(&self) -> Vec<String> {
        let Some(rule) = &self.rule else { return Vec::new() };
        if self.disputed {
            return vec!["an operator, as other members have another file".to_owned()];
        }
        let cluster = self.peers.cluster();
        let confirmed = |role: Party| self.others.get(&role).is_some_and(|other| other.confirmed);
        rule.missing(cluster, confirmed).into_iter().map(|role| cluster.role_name(role)).collect()
    }

    /// Takes part from now on, if it may. That is durable when this returns.
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

    /// When there is something to do even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let asks = self.missing().next().map(|_| self.asks_at);
        asks.into_iter().chain(self.peers.save_at()).min()
    }

    /// Saves what was noted of the others, if it is time.
    pub(super) fn save(&mut self, now: Instant) -> io::Result<()> {
        self.peers.save(now)
    }

    /// Saves what was noted of the others.
    pub(super) fn save_now(&mut self) -> io::Result<()> {
        self.peers.save_now()
    }

    /// Whom to ask now, and what.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Party, Handshake)> {
        if now < self.asks_at {
            return Vec::new();
        }
        self.asks_at = now + if self.rule.is_none() { NOW_AND_THEN } else { AGAIN };
        self.missing().map(|(role, other)| (*role, self.handshake(&other.name, true))).collect()
    }

    /// False for a role that has another journal than is remembered of it, or an older copy: nothing
    /// that it says is to be believed.
    pub(super) fn trusts(&self, from: Party) -> bool {
        self.others.get(&from).is_none_or(|other| other.heard != Heard::Unsound)
    }

    /// The tag by which this life is told from others in all that is sent.
    pub(super) fn life(&self) -> u32 {
        tag(self.own.life)
    }

    /// Takes note of how old the journal of another is, which stands in all that it sends in a life. What
    /// comes from a life that has not greeted says nothing of the one that has: the role is asked.
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

    /// Hears of a cluster that somebody is of. If it is this one by another file, a role that has never
    /// run does not take part: it may have been added to the file by hand.
    pub(super) fn hear_of(&mut self, cluster: &Brief) {
        let own = self.peers.cluster();
        let never_ran = self.rule.as_ref().is_some_and(Rule::is_of_first_time);
        self.disputed |= never_ran && cluster.is_of(own) && *cluster != own.brief();
    }

    /// Hears a handshake from a role whose journal has this age. Gives the answer, if there is to be
    /// one. An error says that its role must stop.
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
        // Whoever has lost something must hear of it, whether it asks or not.
        Ok(match handshake.asks || !sound {
            true => Answer::Handshake(self.handshake(&peer, !confirmed)),
            false => Answer::Nothing,
        })
    }

    /// Those that have not confirmed.
    fn missing(&self) -> impl Iterator<Item = (&Party, &Other)> {
        self.others.iter().filter(|(_, other)| !other.confirmed)
    }

    fn handshake(&self, to: &str, asks: bool) -> Handshake {
        let Opened { journal, life, began } = self.own;
        Handshake { journal, life, began, remembers: self.peers.of(to), asks }
    }
}

/// The bits of a life that stand in every header: enough to tell two lives of one role apart.
fn tag(life: u128) -> u32 {
    life as u32
}

/// What is said on a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This.
    Handshake(Handshake),
    /// Nothing: it counts.
    Nothing,
    /// Nothing: whoever says it may not.
    Rejected,
}

#[cfg(test)]
mod tests;
