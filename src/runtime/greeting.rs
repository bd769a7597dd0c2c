//! Greetings: how a member that has lost its disk is noticed, before it breaks what it promised.
//!
//! An empty journal looks the same whether its member has never run or has lost its disk. So each
//! role of each member remembers which journal the others have ([`Peers`]), and they greet each other.
//! A greeting says which journal its sender has, and which one it remembers of whom it greets. Whoever
//! is remembered by another journal than it has stops, before it says anything else. Whoever has an
//! empty journal waits with all else until every other has said that it remembers this very journal,
//! and gives up after it has asked for half a second.
//!
//! What this does not notice:
//! - **If nobody who remembers can be reached, nobody can object.** A member that starts alone with
//!   an empty journal takes part in the end, and says so in its log. It goes on asking, and stops as
//!   soon as it reaches somebody who remembers it; what it has said meanwhile was said.
//! - A member is known by its name in the cluster's file. Under a new name it is a new member.
//! - What is remembered is the first journal that was heard of. So an empty journal that was greeted
//!   with and then made anew is refused too, though nothing was promised in it; and whoever has never
//!   heard of the lost journal remembers the one in its place, and refuses the lost one when it is
//!   restored. A member forgets if its files `peers` are removed while it is down.
//! - Greetings are believed if they come from a member's address, as is all that members say.
//!
//! They are no part of the protocol: the actor does not notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stateright::actor::Id;

use super::host::HostError;
use super::journal::identity::JournalId;
use super::journal::peers::Peers;
use super::wire::Framed;

/// How often a role with an empty journal asks the others before it gives up. Counted are the
/// questions and not the time, so that one that was held up still listens.
const ASKS: u32 = 10;
/// How long it listens before it asks again, or gives up.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a role that takes part waits before it asks those again that it has not heard from.
const NOW_AND_THEN: Duration = Duration::from_secs(1);

/// What one role of a member says to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The name of the cluster.
    pub cluster: String,
    /// Who says it, such as "n2/acceptor".
    pub from: String,
    /// Which journal it has.
    pub journal: JournalId,
    /// Which journal it remembers of whom it says this to; none if it remembers none.
    pub remembers: Option<JournalId>,
    /// Whether it wants to be greeted in turn.
    pub asks: bool,
}

impl Framed for Greeting {
    const NAME: [u8; 2] = *b"sg";
}

/// Greets the others for one role of a member.
#[derive(Debug)]
pub struct Greeter {
    journal: JournalId,
    peers: Peers,
    others: BTreeMap<Id, Other>,
    /// How often it asks yet before it gives up; none if it does not wait.
    asks_left: Option<u32>,
    /// When it asks next those that have not confirmed.
    asks_at: Instant,
}

#[derive(Debug)]
struct Other {
    name: String,
    /// Whether it has said, in this life, that it remembers this journal.
    confirmed: bool,
}

impl Greeter {
    /// Greets for whoever has this journal and knows these peers. The others are all other roles of
    /// all members, by name. One whose journal is empty waits for them.
    pub fn new(
        (journal, empty): (JournalId, bool),
        peers: Peers,
        others: impl IntoIterator<Item = (Id, String)>,
    ) -> Self {
        let other = |(id, name)| (id, Other { name, confirmed: false });
        let others = others.into_iter().map(other).collect();
        let asks_left = empty.then_some(ASKS);
        Greeter { journal, peers, others, asks_left, asks_at: Instant::now() }
    }

    /// Whether its role must say nothing yet.
    pub(super) fn waits(&self) -> bool {
        self.asks_left.is_some() && self.missing().next().is_some()
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.missing().next().map(|_| self.asks_at)
    }

    /// Whom to ask now, and what.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Id, Greeting)> {
        if now < self.asks_at {
            return Vec::new();
        }
        if self.waits() && self.asks_left == Some(0) {
            let missing: Vec<&str> = self.missing().map(|(_, other)| &*other.name).collect();
            tracing::warn!(
                "{} starts with an empty journal, and has not heard from {}: if it has run before, \
                 they cannot say so, and what it promised may be broken",
                self.peers.owner().member,
                missing.join(", ")
            );
        }
        self.asks_left = self.asks_left.and_then(|left| left.checked_sub(1));
        self.asks_at = now + if self.waits() { AGAIN } else { NOW_AND_THEN };
        self.missing().map(|(id, other)| (*id, self.greeting(&other.name, true))).collect()
    }

    /// Hears a greeting. An error says that its role must stop.
    pub(super) fn hear(&mut self, src: Id, greeting: &Greeting) -> Result<Heard, HostError> {
        let Some(other) = self.others.get_mut(&src) else { return Ok(Heard::Rejected) };
        if greeting.cluster != self.peers.owner().cluster || greeting.from != other.name {
            return Ok(Heard::Rejected);
        }
        if greeting.remembers.is_some_and(|journal| journal != self.journal) {
            let (member, peer) = (self.peers.owner().member.clone(), other.name.clone());
            return Err(HostError::Lost { member, peer });
        }
        other.confirmed |= greeting.remembers.is_some();
        let confirmed = other.confirmed;
        let known = self.peers.remember(&greeting.from, greeting.journal);
        let known = known.map_err(HostError::Journal)?;
        if known != greeting.journal {
            tracing::warn!(
                "{} greets with journal {}, but it has run before with {known}: its disk is lost",
                greeting.from,
                greeting.journal,
            );
        }
        // Whoever is known by another journal must hear of it, whether it asks or not.
        let answers = greeting.asks || known != greeting.journal;
        Ok(Heard::Greeting(answers.then(|| self.greeting(&greeting.from, !confirmed))))
    }

    /// Those that have not confirmed.
    fn missing(&self) -> impl Iterator<Item = (&Id, &Other)> {
        self.others.iter().filter(|(_, other)| !other.confirmed)
    }

    fn greeting(&self, to: &str, asks: bool) -> Greeting {
        let owner = self.peers.owner();
        Greeting {
            cluster: owner.cluster.clone(),
            from: owner.member.clone(),
            journal: self.journal,
            remembers: self.peers.journal(to),
            asks,
        }
    }
}

/// What became of a greeting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It counts, and this is the answer, if it wants one.
    Greeting(Option<Greeting>),
    /// Whoever says it may not.
    Rejected,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::journal::folder::Directory;
    use crate::runtime::journal::identity::Identity;
    use crate::runtime::wire::{decode, decode_one, encode_one};
    use proptest::prelude::*;
    use std::path::PathBuf;

    const NAMES: [&str; 3] = ["n1/leader", "n2/leader", "n1/acceptor"];

    /// The data directories of [`NAMES`].
    struct Disks(PathBuf);

    impl Disks {
        fn new(name: &str) -> Self {
            let name = format!("synod-greeting-{name}-{}", std::process::id());
            let disks = Disks(std::env::temp_dir().join(name));
            (0..NAMES.len()).for_each(|at| disks.lose(at));
            disks
        }

        /// An empty disk in place of another.
        fn lose(&self, at: usize) {
            let _ = std::fs::remove_dir_all(self.0.join(NAMES[at]));
            std::fs::create_dir_all(self.0.join(NAMES[at])).unwrap();
        }

        /// Starts one of [`NAMES`], with this journal.
        fn start(&self, at: usize, journal: u64, empty: bool) -> Greeter {
            let (cluster, member) = ("test".to_owned(), NAMES[at].to_owned());
            let folder = Directory::look(&self.0.join(NAMES[at]));
            let peers = Peers::open(folder, &Identity { cluster, member }).unwrap();
            let others = (0..NAMES.len()).filter(|other| *other != at);
            let others = others.map(|other| (Id::from(other), NAMES[other].to_owned()));
            Greeter::new((JournalId(journal), empty), peers, others)
        }
    }

    impl Drop for Disks {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// When those that start meanwhile want to greet, however slow this machine is.
    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    /// One greets all, and whatever is said on that is heard, by those that are up. How many
    /// greetings that took.
    fn meet(from: usize, up: &mut [Option<Greeter>], now: Instant) -> Result<usize, HostError> {
        let due = up[from].as_mut().unwrap().due(now);
        let mut said: Vec<_> =
            due.into_iter().map(|(to, it)| (from, usize::from(to), it)).collect();
        let mut count = 0;
        while let Some((from, to, greeting)) = said.pop() {
            count += 1;
            let Some(hearer) = &mut up[to] else { continue };
            match hearer.hear(Id::from(from), &greeting)? {
                Heard::Greeting(answer) => said.extend(answer.map(|answer| (to, from, answer))),
                Heard::Rejected => panic!("{greeting:?} was rejected"),
            }
        }
        Ok(count)
    }

    #[test]
    fn empty_ones_wait_until_all_have_met_and_others_do_not_wait() {
        let disks = Disks::new("meet");
        let now = later();
        let start = |at, empty| Some(disks.start(at, at as u64, empty));
        let mut up = [start(0, true), start(1, true), None];
        assert!(meet(0, &mut up, now).unwrap() <= 4, "three with the other, one to nobody");
        assert!(up[0].as_ref().unwrap().waits() && up[1].as_ref().unwrap().waits());
        up[2] = start(2, true);
        assert_eq!(meet(2, &mut up, now).unwrap(), 6);
        assert!(up.iter().flatten().all(|it| !it.waits() && it.deadline().is_none()));
        let again = start(1, false).unwrap();
        assert!(!again.waits() && again.deadline().is_some());
    }

    #[test]
    fn one_that_hears_from_nobody_takes_part_in_the_end_and_goes_on_asking() {
        let disks = Disks::new("bound");
        let mut alone = disks.start(0, 1, true);
        // A long time after the start: it asks no less often for that.
        let now = later();
        for asked in 0..ASKS {
            let now = now + AGAIN * asked;
            assert_eq!(alone.due(now).len(), 2);
            assert!(alone.waits() && alone.due(now).is_empty());
            assert_eq!(alone.deadline(), Some(now + AGAIN));
        }
        let end = now + AGAIN * ASKS;
        assert_eq!(alone.due(end).len(), 2);
        assert!(!alone.waits());
        assert_eq!(alone.deadline(), Some(end + NOW_AND_THEN));
    }

    /// Whoever greets first, and whether it waits or runs already.
    #[test]
    fn whoever_is_remembered_by_another_journal_stops() {
        let now = later();
        for (first, empty) in [(0, true), (0, false), (1, true), (1, false)] {
            let disks = Disks::new(&format!("lost-{first}-{empty}"));
            let mut up = [Some(disks.start(0, 5, true)), Some(disks.start(1, 6, true)), None];
            meet(0, &mut up, now).unwrap();
            disks.lose(1);
            let mut up = [Some(disks.start(0, 5, false)), Some(disks.start(1, 7, empty)), None];
            let error = meet(first, &mut up, now).unwrap_err().to_string();
            let wanted = "n2/leader has run before with another journal (n1/leader remembers it)";
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    fn greetings() -> impl Strategy<Value = Greeting> {
        let journals = || (0..3u64).prop_map(JournalId);
        let from = prop_oneof![proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), ".*"];
        (from, "(test|.*)", journals(), proptest::option::of(journals()), any::<bool>()).prop_map(
            |(from, cluster, journal, remembers, asks)| Greeting {
                cluster,
                from,
                journal,
                remembers,
                asks,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_framed_comes_out_the_same(greeting in greetings()) {
            let bytes = encode_one(&greeting).unwrap();
            prop_assert_eq!(decode_one::<Greeting>(&bytes).unwrap(), greeting);
            prop_assert!(decode::<crate::paxos::Message>(&bytes).is_err());
        }
    }

    /// Whatever is said, by whomever: who is not of the cluster is rejected, and what is remembered
    /// does not change.
    #[test]
    fn greetings_of_any_kind_are_survived() {
        let disks = Disks::new("any");
        let mut greeter = disks.start(0, 1, false);
        greeter.peers.remember(NAMES[1], JournalId(2)).unwrap();
        let config = ProptestConfig { failure_persistence: None, ..Default::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let greeter = std::cell::RefCell::new(greeter);
        let law = |(src, greeting): (usize, Greeting)| {
            let mut greeter = greeter.borrow_mut();
            let heard = greeter.hear(Id::from(src), &greeting);
            let may = [1, 2].contains(&src) && NAMES[src] == greeting.from;
            match heard {
                Ok(Heard::Rejected) => prop_assert!(!may || greeting.cluster != "test"),
                Ok(Heard::Greeting(_)) => prop_assert!(may && greeting.cluster == "test"),
                Err(_) => prop_assert!(may && greeting.remembers != Some(JournalId(1))),
            }
            prop_assert_eq!(greeter.peers.journal(NAMES[1]), Some(JournalId(2)));
            Ok(())
        };
        runner.run(&(0..4usize, greetings()), law).unwrap();
    }
}
