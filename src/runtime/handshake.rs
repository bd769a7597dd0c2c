//! The handshake between roles of members: a member that has lost its disk, or runs from an older
//! copy of it, is noticed before it breaks what it promised.
//!
//! An empty journal looks the same whether its member has never run or has lost its disk, and an
//! older copy looks like a sound journal. So each role of each member remembers which journal the
//! others have and how old it is ([`Peers`]), and they tell one another. Whoever is remembered with
//! another journal than it has, or with an older one, stops, before it says anything else.
//!
//! A role takes part only once enough others have answered. **No delay replaces an answer.**
//!
//! - **The first time**, more than half of the roles of other members must have written down this
//!   journal, and have remembered no other. Any two such majorities share a role. So if the member
//!   has run before with another journal, one of those who wrote that down is among those who answer
//!   now, and objects. This holds as long as the disks of those who remember are not lost too.
//! - **Again**, so many other members must have answered, with all their roles, as a quorum needs beside
//!   this one, and a leader among them. The cluster cannot do without them anyway, so that waiting for
//!   them costs nothing. One of them that has heard anything of what is missing in an older copy objects.
//!
//! The roles of one member are likely to be on one disk, so a role does not count those of its own
//! member, though they may object. An operator may name members that will never answer; they are not
//! counted either, and cannot warn.
//!
//! The limits of this:
//! - The age that is remembered is the highest that was heard of, in any datagram, and is on disk
//!   [`LAG`](super::journal::peers::LAG) later. A copy that is older than what was promised in it, but
//!   younger than what the others that answer remember of it, is not noticed.
//! - A journal that was greeted with and then made anew is refused too, though nothing was promised
//!   in it. A role forgets if its file `peers` is removed while it is down.
//! - What members say is believed.
//!
//! It is no part of the protocol: the actor does not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::host::HostError;
use super::identity::ClusterIdentity;
use super::journal::identity::JournalId;
use super::journal::peers::{Peers, Remembered};
use super::party::Party;
use super::wire::{Framed, Kind};

/// The time between two questions of a role that waits.
const AGAIN: Duration = Duration::from_millis(50);
/// The time between two questions of a role that takes part, to those that it has not heard from.
const NOW_AND_THEN: Duration = Duration::from_secs(1);
/// The time after which a role says what it waits for, and between two times.
const COMPLAINS: Duration = Duration::from_secs(10);

/// What one role of a member says to another. The header of its datagram says who it is, of which
/// cluster, and how old its journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The sender's journal.
    pub journal: JournalId,
    /// What the sender remembers of the addressee's journal; none if it remembers none.
    pub remembers: Option<Remembered>,
    /// True if the sender wants an answer.
    pub asks: bool,
}

impl Framed for Handshake {
    const KIND: Kind = Kind::Handshake;
}

/// Decides when one role of a member may take part, and whether it must stop.
#[derive(Debug)]
pub struct Admission {
    journal: JournalId,
    peers: Peers,
    others: BTreeMap<Party, Other>,
    rule: Rule,
    /// When it asks next those that have not confirmed.
    asks_at: Instant,
    /// When it says next what it waits for.
    complains_at: Instant,
}

/// What a role needs to take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// It has never run: more than half of the roles of others.
    FirstTime,
    /// It has run before: all roles of so many other members, and a leader among them if it is none
    /// itself, since votes are told to leaders.
    Again { members: usize, leader: bool },
    /// Nothing more.
    TakesPart,
}

#[derive(Debug)]
struct Other {
    name: String,
    /// The place of its member in the file.
    member: usize,
    /// False for roles of this member itself, and of those that will never answer.
    counts: bool,
    /// True once it has said, in this life, that it remembers this journal.
    confirmed: bool,
    heard: Heard,
}

/// What was heard of another's journal in this life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// It is the one that is remembered, so that its age may be noted.
    Same,
    /// It is another one.
    Different,
}

impl Admission {
    /// Speaks for the role of `me` that has this journal, and remembers these peers. A journal
    /// without entries is `empty`. Members named in `without` will never answer.
    pub fn new(
        me: Party,
        (journal, empty): (JournalId, bool),
        peers: Peers,
        without: &BTreeSet<String>,
    ) -> Self {
        let cluster = peers.cluster();
        let own = cluster.roles().find(|(role, ..)| *role == me).map(|(.., member)| member);
        let excused =
            |at: usize| cluster.members.get(at).is_some_and(|m| without.contains(&m.name));
        let others =
            cluster.roles().filter(|(role, ..)| *role != me).map(|(role, name, member)| {
                let counts = Some(member) != own && !excused(member);
                (role, Other { name, member, counts, confirmed: false, heard: Heard::Nothing })
            });
        let others = others.collect();
        let rule = match empty && !peers.joined() {
            true => Rule::FirstTime,
            false => again(cluster, own),
        };
        let now = Instant::now();
        let (asks_at, complains_at) = (now, now + COMPLAINS / 10);
        Admission { journal, peers, others, rule, asks_at, complains_at }
    }

    /// The names of those whose answers its role waits for: if none, it may take part.
    pub(super) fn waits_for(&self) -> Vec<&str> {
        let counted = || self.others.values().filter(|other| other.counts);
        let enough = match self.rule {
            Rule::TakesPart => true,
            Rule::FirstTime => {
                let confirmed = counted().filter(|other| other.confirmed).count();
                2 * confirmed > counted().count() || counted().next().is_none()
            }
            Rule::Again { members: needed, leader } => {
                let members: BTreeSet<usize> = counted().map(|other| other.member).collect();
                let missing: BTreeSet<usize> =
                    counted().filter(|other| !other.confirmed).map(|other| other.member).collect();
                let roles = &self.peers.cluster().members;
                let leads = |at: &usize| roles.get(*at).is_some_and(|member| member.leader);
                let answered = || members.difference(&missing);
                answered().count() >= needed.min(members.len())
                    && (!leader || answered().any(leads) || !members.iter().any(leads))
            }
        };
        let missing = counted().filter(|other| !enough && !other.confirmed);
        missing.map(|other| &*other.name).collect()
    }

    /// Takes part from now on, if it may. That is durable when this returns.
    pub(super) fn may_take_part(&mut self, now: Instant) -> Result<bool, HostError> {
        if self.rule == Rule::TakesPart {
            return Ok(true);
        }
        if !self.waits_for().is_empty() {
            self.complain(now);
            return Ok(false);
        }
        if self.rule == Rule::FirstTime {
            self.peers.join().map_err(HostError::Journal)?;
        }
        self.rule = Rule::TakesPart;
        Ok(true)
    }

    fn complain(&mut self, now: Instant) {
        if now < self.complains_at {
            return;
        }
        self.complains_at = now + COMPLAINS;
        let why = match self.rule {
            Rule::FirstTime => {
                "its journal is empty, and more than half of the roles of other members must say that \
                 they have not known another"
            }
            _ => "enough others must say that its journal is not older than they remember",
        };
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
    pub(super) fn save(&mut self, now: Instant) -> Result<(), HostError> {
        self.peers.save(now).map_err(HostError::Journal)
    }

    /// Whom to ask now, and what.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Party, Handshake)> {
        if now < self.asks_at {
            return Vec::new();
        }
        self.asks_at = now + if self.rule == Rule::TakesPart { NOW_AND_THEN } else { AGAIN };
        self.missing().map(|(role, other)| (*role, self.handshake(&other.name, true))).collect()
    }

    /// False for a role that has another journal than is remembered of it: nothing that it says is
    /// to be believed.
    pub(super) fn trusts(&self, from: Party) -> bool {
        self.others.get(&from).is_none_or(|other| other.heard != Heard::Different)
    }

    /// Takes note of how old the journal of another is, which stands in all that it sends.
    pub(super) fn note(&mut self, from: Party, age: u64, now: Instant) {
        let other = self.others.get(&from).filter(|other| other.heard == Heard::Same);
        if let Some(other) = other {
            self.peers.grow(&other.name, age, now);
        }
    }

    /// Hears a handshake from a role whose journal has this age. Its own journal has the age `own`.
    /// Gives the answer, if there is to be one. An error says that its role must stop.
    pub(super) fn hear(
        &mut self,
        (from, age): (Party, u64),
        handshake: &Handshake,
        own: u64,
        now: Instant,
    ) -> Result<Answer, HostError> {
        let Some(other) = self.others.get_mut(&from) else { return Ok(Answer::Rejected) };
        let peer = other.name.clone();
        if let Some(Remembered { journal, age }) = handshake.remembers {
            let member = self.peers.member().to_owned();
            if journal != self.journal {
                return Err(HostError::Lost { member, peer });
            }
            if age > own {
                return Err(HostError::WentBack { member, peer, remembered: age, found: own });
            }
            other.confirmed = true;
        }
        let known = self.peers.remember(&peer, handshake.journal, age, now);
        let known = known.map_err(HostError::Journal)?;
        let same = known.journal == handshake.journal;
        if !same && other.heard != Heard::Different {
            tracing::warn!(
                "{peer} has journal {}, but it has run before with {}: its disk is lost, or it was \
                 given another's name; nothing that it says is believed",
                handshake.journal,
                known.journal,
            );
        }
        other.heard = if same { Heard::Same } else { Heard::Different };
        let confirmed = other.confirmed;
        // Whoever has lost something must hear of it, whether it asks or not.
        let answers = handshake.asks || !same || known.age > age;
        Ok(match answers {
            true => Answer::Handshake(self.handshake(&peer, !confirmed)),
            false => Answer::Nothing,
        })
    }

    /// Those that have not confirmed.
    fn missing(&self) -> impl Iterator<Item = (&Party, &Other)> {
        self.others.iter().filter(|(_, other)| !other.confirmed)
    }

    fn handshake(&self, to: &str, asks: bool) -> Handshake {
        Handshake { journal: self.journal, remembers: self.peers.of(to), asks }
    }
}

/// What a role needs whose member has run before: as many other members as a quorum of either phase
/// takes beside its own acceptor, and one that leads if its own does not.
fn again(cluster: &ClusterIdentity, own: Option<usize>) -> Rule {
    let own = own.and_then(|own| cluster.members.get(own));
    let (leads, votes) = own.map_or((false, false), |own| (own.leader, own.acceptor));
    let (phase1, phase2) = cluster.quorums;
    let members = phase1.min(phase2) + usize::from(!leads);
    Rule::Again { members: members.saturating_sub(usize::from(votes)).max(1), leader: !leads }
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
