//! Digests of a leader's history, to compare histories without sending them.
//!
//! Two leaders that know equally many instances have the same digest if and only if they know the same
//! history. Marks at intervals make the digest at any instance cheap.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::paxos::{Decree, Instance, Invariants, holds};

/// The first 128 bits of the BLAKE3 hash of a history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HistoryDigest(pub [u8; 16]);

impl fmt::Display for HistoryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for HistoryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes of decrees, or the number of instances, after which a mark is set.
const BYTES: usize = 64 * 1024;
const INSTANCES: u64 = 1024;

/// The digests of a growing history.
///
/// Invariant: the places of the marks depend on the history alone, so that equal histories have equal
/// digests.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The marks in order: an instance, and the digest of all decrees before it.
    marks: Vec<(u64, HistoryDigest)>,
    /// The decrees since the last mark.
    open: Link,
}

/// The digest of the decrees from one mark on.
#[derive(Clone, Debug, Default)]
struct Link {
    hasher: blake3::Hasher,
    bytes: usize,
    /// One past the last instance.
    end: u64,
}

impl Link {
    fn after((at, digest): (u64, HistoryDigest)) -> Self {
        let mut link = Link { end: at, ..Link::default() };
        link.hasher.update(&digest.0);
        link
    }

    fn add(&mut self, decree: &Decree) {
        match decree {
            Decree::Noop => {
                self.hasher.update(&[0]);
            }
            Decree::Command(command) => {
                let id = command.id;
                let words = [id.client.lease_start.0, id.sequence, command.payload.len() as u64];
                self.hasher.update(&[1]);
                self.hasher.update(&id.client.number.to_le_bytes());
                for word in words {
                    self.hasher.update(&word.to_le_bytes());
                }
                self.hasher.update(&command.payload);
            }
        }
        self.bytes += decree.size();
        self.end += 1;
    }

    fn digest(&self) -> HistoryDigest {
        let hash = self.hasher.finalize();
        let (first, _) = hash.as_bytes().split_at(16);
        HistoryDigest(first.try_into().unwrap_or_default())
    }
}

impl Chain {
    /// Takes in the decrees that the history has grown by.
    pub fn follow(&mut self, history: &[Decree]) {
        let known = usize::try_from(self.open.end).unwrap_or(usize::MAX);
        for decree in history.get(known..).unwrap_or_default() {
            self.open.add(decree);
            let last = self.marks.last().map_or(0, |(at, _)| *at);
            if self.open.bytes >= BYTES || self.open.end - last >= INSTANCES {
                let mark = (self.open.end, self.open.digest());
                self.marks.push(mark);
                self.open = Link::after(mark);
            }
        }
    }

    /// Checks that all of a history was taken in that ends there, and that marks are where they are due.
    pub fn invariants(&self, end: Instance) -> Invariants {
        holds(self.open.end == end.0, "the digests do not cover the history that is known")?;
        let last = self.marks.last().map_or(0, |(at, _)| *at);
        let due = self.open.bytes >= BYTES || self.open.end.saturating_sub(last) >= INSTANCES;
        let in_order = self.marks.is_sorted_by(|(one, _), (next, _)| one < next);
        holds(!due && in_order && last <= self.open.end, "a mark is not where it is due")
    }

    /// The digest of all decrees before an instance; `None` if the history does not reach it.
    pub fn at(&self, instance: Instance, history: &[Decree]) -> Option<HistoryDigest> {
        let after = self.marks.partition_point(|(at, _)| *at <= instance.0);
        let mark = after.checked_sub(1).and_then(|last| self.marks.get(last));
        let mut link = mark.map_or_else(Link::default, |mark| Link::after(*mark));
        let (from, to) = (usize::try_from(link.end).ok()?, usize::try_from(instance.0).ok()?);
        history.get(from..to)?.iter().for_each(|decree| link.add(decree));
        Some(link.digest())
    }

    /// The digest of a whole history.
    pub fn of(history: &[Decree]) -> HistoryDigest {
        let mut chain = Chain::default();
        chain.follow(history);
        chain.open.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::{ClientId, Command, RequestId};

    fn decree(number: u64) -> Decree {
        let id = RequestId { client: ClientId::original(1), sequence: number };
        let payload = vec![7; (number % 97 * 50) as usize].into();
        if number.is_multiple_of(11) {
            return Decree::Noop;
        }
        Decree::Command(Command { id, acknowledged: 0, payload })
    }

    /// Chains that took in different amounts, in different steps, agree at every instance.
    #[test]
    fn equal_histories_have_equal_digests_at_every_instance() {
        let history: Vec<Decree> = (0..5000).map(decree).collect();
        let (mut slow, mut fast) = (Chain::default(), Chain::default());
        fast.follow(&history);
        for known in (0..=3000).step_by(7) {
            slow.follow(&history[..known]);
        }
        assert!(fast.marks.len() > 100, "{}", fast.marks.len());
        for at in (0..=3000).chain([3001, 4999, 5000]) {
            let prefix = history.get(..3000.min(at)).unwrap();
            let same = slow.at(Instance(at as u64), &history[..3000]);
            assert_eq!(same.is_some(), at <= 3000, "{at}");
            let digest = fast.at(Instance(at as u64), &history).unwrap();
            assert!(same.is_none_or(|same| same == digest), "{at}");
            assert!(at > 3000 || Chain::of(prefix) == digest, "{at}");
        }
        assert_eq!(fast.at(Instance(5001), &history), None);
        assert_eq!(fast.at(Instance(u64::MAX), &history), None);
    }

    #[test]
    fn a_broken_chain_is_found() {
        let history: Vec<Decree> = (0..1500).map(decree).collect();
        let mut chain = Chain::default();
        chain.follow(&history);
        assert_eq!(chain.invariants(Instance(1500)), Ok(()));
        assert!(chain.invariants(Instance(1501)).unwrap_err().contains("do not cover"));
        let (mut late, mut mixed) = (chain.clone(), chain);
        late.marks.clear();
        mixed.marks.swap(0, 1);
        for broken in [late, mixed] {
            assert!(broken.invariants(Instance(1500)).unwrap_err().contains("where it is due"));
        }
    }

    #[test]
    fn one_other_decree_changes_all_digests_from_there_on() {
        let history: Vec<Decree> = (0..3000).map(decree).collect();
        let mut other = history.clone();
        other[1500] = Decree::Noop;
        let (mut one, mut two) = (Chain::default(), Chain::default());
        one.follow(&history);
        two.follow(&other);
        for at in [0, 1, 1499, 1500, 1501, 1502, 2000, 2999, 3000] {
            let (one, two) = (one.at(Instance(at), &history), two.at(Instance(at), &other));
            assert_eq!(one == two, at <= 1500, "{at}");
        }
    }
}
