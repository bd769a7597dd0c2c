//! Client sessions: what is remembered of clients, so that a repeated request is not applied again.
//!
//! Sessions are bounded in number and in bytes by a replicated rule: a function of the chosen decrees and of
//! limits that all members share, so that every leader forgets the same things at the same instance (Ongaro's
//! dissertation on Raft, 6.3: servers that do not agree on when a session expires diverge).
//!
//! | what is forgotten | when | then |
//! | --- | --- | --- |
//! | a client | a lease after its last command | it needs a new name |
//! | an answer | a lease after its command was applied | it counts as acknowledged |
//! | a reply, the oldest first | when all replies together exceed [`Limits::reply_bytes`] | the answer stays, without it |
//!
//! [`Limits::reply_bytes`]: super::Limits::reply_bytes

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::command::{ClientId, Command, Instance, RequestId};
use super::invariants::{Invariants, holds};
use super::limits::REMEMBERED;
use super::machine::Answer;
use super::rules::Rules;

/// The result of an applied command, as its client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Done {
    /// The instance of the command; the first one if it was chosen in several.
    pub instance: Instance,
    /// The number of commands applied before it.
    pub position: u64,
    /// The answer of the state machine.
    pub answer: Answer,
}

/// The replicated bounds of what is remembered of clients: a part of [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The number of instances for which a client is remembered after its last command, and an answer after
    /// its command.
    pub lease: u64,
    /// The most bytes of replies.
    pub reply_bytes: u64,
}

/// One client's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Session {
    /// Requests below this count as answered for good.
    acknowledged: u64,
    /// The instance at which the client's last command was applied.
    last: Instance,
}

/// The sessions of all clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sessions {
    /// Invariant: each client's last command is in `recent`.
    clients: BTreeMap<ClientId, Session>,
    /// Invariant: each request is in `recent`, and not below the sequence that its client has acknowledged.
    answers: BTreeMap<RequestId, Done>,
    /// The requests applied within the last lease, oldest first; some are acknowledged by now.
    recent: VecDeque<(Instance, RequestId)>,
    /// The number of entries of `recent`, from the oldest on, whose replies were dropped.
    bare: usize,
    /// Invariant: the sum of the bytes of all replies in `answers`.
    reply_bytes: u64,
}

impl Sessions {
    /// Checks the invariants of this state.
    pub(super) fn invariants(&self) -> Invariants {
        let in_order = self.recent.iter().is_sorted_by(|(one, _), (next, _)| one < next);
        holds(in_order && self.bare <= self.recent.len(), "recent requests are out of order")?;
        let recent: BTreeSet<RequestId> = self.recent.iter().map(|(_, id)| *id).collect();
        let applied: BTreeSet<(ClientId, Instance)> =
            self.recent.iter().map(|(instance, id)| (id.client, *instance)).collect();
        let lives = |(client, it): (&ClientId, &Session)| applied.contains(&(*client, it.last));
        holds(self.clients.iter().all(lives), "the last command of a client is not recent")?;
        let asked = |id: &RequestId| id.sequence >= self.acknowledged(id.client);
        let kept = self.answers.keys().all(|id| asked(id) && recent.contains(id));
        holds(kept, "an answer is kept that was acknowledged, or is not recent")?;
        let bytes = self.answers.values().map(|done| done.answer.reply_bytes()).sum::<u64>();
        holds(bytes == self.reply_bytes, "the replies have another number of bytes")
    }

    /// The number of clients that have a session.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The remembered answers of all clients.
    pub fn answers(&self) -> impl ExactSizeIterator<Item = (RequestId, &Done)> {
        self.answers.iter().map(|(id, done)| (*id, done))
    }

    /// The bytes of the remembered replies, of all clients together.
    pub fn reply_bytes(&self) -> u64 {
        self.reply_bytes
    }

    /// True if the client has a session.
    pub fn remembers(&self, client: ClientId) -> bool {
        self.clients.contains_key(&client)
    }

    /// The sequence below which a client's requests count as acknowledged; 0 if it has no session.
    pub fn acknowledged(&self, client: ClientId) -> u64 {
        self.clients.get(&client).map_or(0, |session| session.acknowledged)
    }

    /// The answer to a request, if it is remembered.
    pub fn answer(&self, id: RequestId) -> Option<&Done> {
        self.answers.get(&id)
    }

    /// Forgets the answers to commands that were applied `lease` instances or more before this one, and the
    /// clients without a command since.
    pub(super) fn expire(&mut self, instance: Instance, lease: u64, rules: &Rules) {
        while let Some((applied, id)) = self.recent.front().copied()
            && applied.plus(lease) <= instance
        {
            self.recent.pop_front();
            self.bare = self.bare.saturating_sub(1);
            let Some(session) = self.clients.get(&id.client).copied() else { continue };
            if session.last == applied {
                self.forget(id);
                self.clients.remove(&id.client);
            } else if session.acknowledged <= id.sequence {
                self.forget(id);
                let acknowledged = (rules.acknowledge_forgotten)(session.acknowledged, id.sequence);
                self.acknowledge(id.client, acknowledged);
            }
        }
    }

    /// Remembers the answer to a command that was applied.
    pub(super) fn remember(&mut self, command: &Command, done: Done) {
        let (id, instance) = (command.id, done.instance);
        self.clients.entry(id.client).or_default().last = instance;
        self.recent.push_back((instance, id));
        self.reply_bytes += done.answer.reply_bytes();
        if let Some(before) = self.answers.insert(id, done) {
            self.reply_bytes -= before.answer.reply_bytes();
        }
        self.acknowledge(id.client, command.acknowledged);
    }

    /// Drops the oldest replies until at most `reply_bytes` bytes are left.
    pub(super) fn keep(&mut self, reply_bytes: u64, rules: &Rules) {
        while self.reply_bytes > reply_bytes
            && let Some((_, id)) = self.recent.get(self.bare).copied()
        {
            self.bare += 1;
            let Some(done) = self.answers.get_mut(&id) else { continue };
            let before = done.answer.reply_bytes();
            match (rules.without_reply)(&done.answer) {
                Some(answer) => {
                    done.answer = answer;
                    self.reply_bytes -= before;
                }
                None => self.forget(id),
            }
        }
    }

    /// Marks the client's requests below this sequence as acknowledged, and forgets their answers.
    fn acknowledge(&mut self, client: ClientId, below: u64) {
        let Some(session) = self.clients.get_mut(&client) else { return };
        if below <= session.acknowledged {
            return;
        }
        let before = std::mem::replace(&mut session.acknowledged, below);
        let [from, to] = [before, below].map(|sequence| RequestId { client, sequence });
        while let Some((id, _)) = self.answers.range(from..to).next() {
            self.forget(*id);
        }
    }

    fn forget(&mut self, id: RequestId) {
        if let Some(done) = self.answers.remove(&id) {
            self.reply_bytes -= done.answer.reply_bytes();
        }
    }
}

/// The most bytes for each entry of a `BTreeMap`: leaves have 11 places, of which at least 5 are taken, and
/// for 5 leaves there is at most one inner node, with 12 pointers besides.
const fn in_map<K, V>() -> usize {
    let leaf = 11 * (size_of::<K>() + size_of::<V>()) + 32;
    leaf / 5 + (leaf + 12 * size_of::<usize>()) / (5 * 5)
}

/// A queue has at most twice the places that it needs. Shared bytes have two counters, and the allocator
/// rounds up.
const _: () = assert!(
    in_map::<ClientId, Session>()
        + in_map::<RequestId, Done>()
        + 2 * size_of::<(Instance, RequestId)>()
        + 48
        <= REMEMBERED
);

#[cfg(test)]
mod tests;
