//! A role's memory of the other roles' journals and of their ages, in a small text file beside its own
//! journal.
//!
//! A member whose disk is lost cannot know that it had one, and a member that runs from an older copy cannot
//! know which entries are missing. The others can, if they remember: the
//! [`handshake`](crate::runtime::handshake) tells it. The journal remembered for a role never changes, and
//! its age only grows. So the size of the file is bounded by the number of members.
//!
//! A journal is durable here before its owner is told that it is remembered. Ages become durable a while
//! later ([`LAG`]).

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::error::advice;
use super::folder::Folder;
use super::identity::{BadText, Bound, Identity, JournalId, MAX_TEXT, seal, unseal};
use super::listing::PEERS as FILE;
use super::owner::bind_if_unbound;
use crate::runtime::identity::ClusterIdentity;

/// The reason why the remembered journals cannot be read.
#[derive(Debug, Error)]
pub enum PeersError {
    /// A system call failed.
    #[error("cannot use the file '{FILE}': {0}{advice}", advice = advice(.0))]
    Io(#[from] io::Error),
    /// The file is not as it was written.
    #[error(
        "the file '{FILE}' is damaged: its checksum is wrong. It says which journals the others have \
         and how old they are, so that one that has lost its disk is noticed. If no other member has, \
         nor runs from a copy, remove the file: it is written anew as they are heard"
    )]
    Damaged,
    /// A version of the format that this program does not know.
    #[error(
        "the file '{FILE}' was written by a newer version of synod: it is of version {version}, and this \
         program reads up to {VERSION}. Start the member with the newer program; nothing is lost, and \
         nothing here was changed"
    )]
    Newer {
        /// The version of the file.
        version: u32,
    },
    /// The file of another role.
    #[error("the file '{FILE}' is that of {0}: look whether data directories were exchanged")]
    OtherMember(String),
    /// The file of another cluster.
    #[error(
        "the file '{FILE}' is of another cluster, or of this one by another file: use the file that the \
         journal beside it was made with"
    )]
    OtherCluster,
}

const TITLE: &str = "synod peers";
/// The newest version of the file that this program reads.
const VERSION: u32 = 2;

/// The time within which a new age is passed to the file system; after a power cut the file may be older by
/// as much as the file system delays changes of names. It costs one sync at such intervals, besides those of
/// the journal.
pub const LAG: Duration = Duration::from_secs(2);

/// True if a role has taken part, or if that cannot be known.
pub(super) fn has_joined(folder: &dyn Folder) -> bool {
    match folder.read(FILE, MAX_TEXT) {
        Err(error) => error.kind() != io::ErrorKind::NotFound,
        Ok(bytes) => Known::decode(&bytes).map_or(true, |known| known.joined),
    }
}

/// The journals that one role remembers.
#[derive(Debug)]
pub struct Peers {
    folder: Box<dyn Folder>,
    owner: Identity,
    known: Known,
    /// The time at which the ages are to be saved; `None` if they are.
    save_at: Option<Instant>,
}

/// The memory of another role's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The id of the journal.
    pub journal: JournalId,
    /// The last life of its owner that was heard of; 0 for version 1.
    pub life: u128,
    /// The highest age that was heard of, in that life or before.
    pub age: u64,
}

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    cluster: Bound,
    member: String,
    /// True once the role has taken part, even if its journal has no entry yet.
    joined: bool,
    /// The remembered journals, by role name, such as "n2/acceptor".
    peers: BTreeMap<String, Remembered>,
}

impl Peers {
    /// Reads the memory of `owner`, which is empty if there is no file. The folder is that of its journal;
    /// the caller has its lock.
    pub fn open(mut folder: Box<dyn Folder>, owner: &Identity) -> Result<Self, PeersError> {
        let cluster = Bound::To(owner.cluster.digest());
        let known = match folder.read(FILE, MAX_TEXT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (member, peers) = (owner.member.clone(), BTreeMap::new());
                Known { cluster: cluster.clone(), member, joined: false, peers }
            }
            read => Known::decode(&read?)?,
        };
        if !known.cluster.admits(&owner.cluster) {
            return Err(PeersError::OtherCluster);
        }
        if known.member != owner.member {
            return Err(PeersError::OtherMember(known.member));
        }
        // The process that wrote the file may have ended before this.
        folder.sync()?;
        let known = Known { cluster, ..known };
        Ok(Peers { folder, owner: owner.clone(), known, save_at: None })
    }

    /// The role that remembers, such as "n1/leader".
    pub fn member(&self) -> &str {
        &self.owner.member
    }

    /// The cluster of that role.
    pub fn cluster(&self) -> &ClusterIdentity {
        &self.owner.cluster
    }

    /// The memory of another role's journal, if any.
    pub fn of(&self, peer: &str) -> Option<Remembered> {
        self.known.peers.get(peer).copied()
    }

    /// True once the role has taken part in the cluster.
    pub fn joined(&self) -> bool {
        self.known.joined
    }

    /// Records that the role takes part from now on. A journal of version 1, which does not name its cluster,
    /// is bound to it. Durable when this returns.
    pub fn join(&mut self) -> io::Result<()> {
        bind_if_unbound(&mut *self.folder, &self.owner.cluster)?;
        if self.known.joined { Ok(()) } else { self.change(|known| known.joined = true) }
    }

    /// Remembers the journal of another role, unless one is remembered already. Returns the memory, which is
    /// durable then.
    pub fn remember(&mut self, peer: &str, heard: Remembered) -> io::Result<Remembered> {
        if self.of(peer).is_none() {
            self.change(|known| {
                known.peers.insert(peer.to_owned(), heard);
            })?;
        }
        Ok(self.of(peer).unwrap_or(heard))
    }

    /// Records a new life of another role, and the age of its journal. Saved within [`LAG`].
    pub fn note(&mut self, peer: &str, life: u128, age: u64, now: Instant) {
        let Some(known) = self.known.peers.get_mut(peer) else { return };
        if (known.life, known.age) != (life, known.age.max(age)) {
            (known.life, known.age) = (life, known.age.max(age));
            self.save_at.get_or_insert(now + LAG);
        }
    }

    /// The time at which there is something to save; `None` if all is saved.
    pub fn save_at(&self) -> Option<Instant> {
        self.save_at
    }

    /// Saves the recorded ages, if it is time. After an error it is tried again after [`LAG`].
    pub fn save(&mut self, now: Instant) -> io::Result<()> {
        if self.save_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.save_at = Some(now + LAG);
        self.folder.replace_soon(FILE, self.known.encode().as_bytes())?;
        self.save_at = None;
        Ok(())
    }

    /// Saves the recorded ages durably.
    pub fn save_now(&mut self) -> io::Result<()> {
        if self.save_at.is_some() { self.change(|_| ()) } else { Ok(()) }
    }

    /// Applies a change in memory once it is durable.
    fn change(&mut self, change: impl FnOnce(&mut Known)) -> io::Result<()> {
        let mut known = self.known.clone();
        change(&mut known);
        self.folder.replace(FILE, known.encode().as_bytes())?;
        (self.known, self.save_at) = (known, None);
        Ok(())
    }
}

impl Known {
    fn encode(&self) -> String {
        let Known { cluster, member, joined, peers } = self;
        let mut text = match cluster {
            Bound::InWords(words) => format!("{TITLE} 1\ncluster {words}\nmember {member}\n"),
            Bound::To(digest) => {
                format!("{TITLE} 2\ncluster {digest}\nmember {member}\njoined {joined}\n")
            }
        };
        for (peer, Remembered { journal, life, age }) in peers {
            text.push_str(&match cluster {
                Bound::InWords(_) => format!("peer {peer} {journal}\n"),
                Bound::To(_) => format!("peer {peer} {journal} {life:032x} {age}\n"),
            });
        }
        seal(&text)
    }

    /// Reads the contents of the file.
    fn decode(bytes: &[u8]) -> Result<Self, PeersError> {
        match unseal(bytes, TITLE, VERSION) {
            Ok((version, text)) => Known::parse(text, version == 1).ok_or(PeersError::Damaged),
            Err(BadText::Newer { version, .. }) => Err(PeersError::Newer { version }),
            Err(BadText::Damaged) => Err(PeersError::Damaged),
        }
    }

    fn parse(text: &str, in_words: bool) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let cluster = value("cluster")?;
        let cluster = match in_words {
            true => Bound::InWords(cluster.to_owned()),
            false => Bound::To(cluster.parse().ok()?),
        };
        let member = value("member")?.to_owned();
        let joined = if in_words { false } else { value("joined")?.parse().ok()? };
        let peer = |line: &str| {
            let mut words = line.strip_prefix("peer ")?.split(' ');
            let (name, journal) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
            let (life, age) = match in_words {
                true => (0, 0),
                false => {
                    let life = u128::from_str_radix(words.next()?, 16).ok()?;
                    (life, words.next()?.parse().ok()?)
                }
            };
            words.next().is_none().then_some((name, Remembered { journal, life, age }))
        };
        let peers = lines.map(peer).collect::<Option<_>>()?;
        Some(Known { cluster, member, joined, peers })
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::Directory;
    use super::*;
    use crate::runtime::identity::{ClusterDigest, ClusterId};
    use proptest::prelude::*;
    use std::fs;
    use std::path::PathBuf;

    fn names() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9_-]{1,32}/(leader|acceptor)"
    }

    fn knowledge(most: usize) -> impl Strategy<Value = Known> {
        let peer = (any::<u128>(), any::<u128>(), any::<u64>())
            .prop_map(|(journal, life, age)| Remembered { journal: JournalId(journal), life, age });
        let peers = proptest::collection::btree_map(names(), peer, 0..=most);
        (any::<[u8; 16]>(), names(), any::<bool>(), peers).prop_map(
            |(digest, member, joined, peers)| {
                let cluster = Bound::To(ClusterDigest(digest));
                Known { cluster, member, joined, peers }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Up to the size that a cluster of 128 members needs.
        #[test]
        fn what_is_written_is_read(known in knowledge(256)) {
            let text = known.encode();
            prop_assert!(text.len() <= MAX_TEXT);
            prop_assert_eq!(Known::decode(text.as_bytes()).unwrap(), known);
        }

        #[test]
        fn a_flipped_bit_or_a_missing_end_is_noticed(
            known in knowledge(9),
            at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = known.encode().into_bytes();
            prop_assert!(Known::decode(&bytes[..at.index(bytes.len())]).is_err());
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Known::decode(&bytes).is_err());
        }

        #[test]
        fn no_text_panics(text in "(synod peers [12]\n)?(cluster a\n)?(peer |[a-z] ?|\n|é){0,20}") {
            let _ = Known::decode(text.as_bytes());
            let _ = Known::decode(seal(&text).as_bytes());
        }
    }

    fn owner(member: &str) -> Identity {
        let cluster = ClusterIdentity {
            id: ClusterId(1),
            name: "test".to_owned(),
            machine: "kv".to_owned(),
            lease: 7,
            reply_bytes: 1,
            quorums: (2, 2),
            members: Vec::new(),
        };
        Identity { cluster, member: member.to_owned() }
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("synod-peers-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn at(journal: u128, life: u128, age: u64) -> Remembered {
        Remembered { journal: JournalId(journal), life, age }
    }

    #[test]
    fn what_is_remembered_stays_and_is_there_in_the_next_life() {
        let path = folder("stays");
        let open = || Peers::open(Box::new(Directory::look(&path)), &owner("n1/leader")).unwrap();
        let mut peers = open();
        assert_eq!((peers.of("n2/leader"), peers.joined()), (None, false));
        assert_eq!(peers.remember("n2/leader", at(7, 1, 3)).unwrap(), at(7, 1, 3));
        assert_eq!(peers.remember("n3/leader", at(8, 1, 0)).unwrap(), at(8, 1, 0));
        peers.join().unwrap();
        let mut peers = open();
        assert!(peers.joined());
        assert_eq!(peers.remember("n2/leader", at(9, 2, 90)).unwrap(), at(7, 1, 3));
        assert_eq!(peers.of("n3/leader"), Some(at(8, 1, 0)));
        fs::remove_dir_all(&path).unwrap();
        assert!(peers.remember("n4/leader", at(1, 1, 1)).is_err());
        assert_eq!(peers.of("n4/leader"), None, "what is not durable is not known");
    }

    #[test]
    fn ages_only_grow_and_are_saved_within_the_lag_or_at_the_end() {
        let path = folder("ages");
        let open = || Peers::open(Box::new(Directory::look(&path)), &owner("n1/leader")).unwrap();
        let known = |peers: &Peers| peers.of("n2/leader").unwrap();
        let (mut peers, now) = (open(), Instant::now());
        peers.remember("n2/leader", at(7, 1, 3)).unwrap();
        assert_eq!(peers.save_at(), None);
        peers.note("n2/leader", 1, 5, now);
        peers.note("n2/leader", 1, 4, now + LAG / 2);
        peers.note("n3/leader", 1, 9, now);
        assert_eq!((known(&peers), peers.save_at()), (at(7, 1, 5), Some(now + LAG)));
        peers.save(now + LAG / 2).unwrap();
        assert_eq!(known(&open()), at(7, 1, 3));
        peers.save(now + LAG).unwrap();
        assert_eq!((known(&open()), peers.save_at()), (at(7, 1, 5), None));
        assert_eq!(open().of("n3/leader"), None);
        peers.note("n2/leader", 2, 4, now);
        assert_eq!(known(&peers), at(7, 2, 5), "another life, which has the age of the last");
        peers.save_now().unwrap();
        assert_eq!((known(&open()), peers.save_at()), (at(7, 2, 5), None));
        fs::remove_dir_all(&path).unwrap();
        peers.note("n2/leader", 2, 9, now);
        assert!(peers.save(now + LAG).is_err());
        assert_eq!(peers.save_at(), Some(now + LAG + LAG), "it is tried again");
    }

    #[test]
    fn a_file_of_version_1_is_read_if_it_is_of_this_cluster() {
        let path = folder("version-1");
        let write = |lease| {
            let words = format!("test (kv, lease {lease})");
            let journal = "0000000000000007";
            let text = format!(
                "synod peers 1\ncluster {words}\nmember n1/leader\npeer n2/leader {journal}\n"
            );
            fs::write(path.join(FILE), seal(&text)).unwrap();
        };
        let open = || Peers::open(Box::new(Directory::look(&path)), &owner("n1/leader"));
        write(7);
        let known = open().unwrap().of("n2/leader");
        assert_eq!(known, Some(at(7, 0, 0)));
        open().unwrap().join().unwrap();
        assert_eq!(open().unwrap().of("n2/leader"), known);
        write(8);
        assert!(matches!(open(), Err(PeersError::OtherCluster)));
        fs::write(path.join(FILE), seal("synod peers 3\n")).unwrap();
        assert!(matches!(open(), Err(PeersError::Newer { version: 3 })));
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn what_is_damaged_or_somebody_elses_is_refused_and_the_error_says_what_to_do() {
        let path = folder("refused");
        let open = |member| Peers::open(Box::new(Directory::look(&path)), &owner(member));
        open("n1/leader").unwrap().remember("n2/leader", at(7, 1, 0)).unwrap();
        let error = open("n2/leader").unwrap_err().to_string();
        assert!(error.contains("is that of n1/leader: look"), "{error}");
        let mut bytes = fs::read(path.join(FILE)).unwrap();
        bytes[50] ^= 4;
        fs::write(path.join(FILE), bytes).unwrap();
        let error = open("n1/leader").unwrap_err().to_string();
        assert!(
            error.contains("checksum is wrong") && error.contains("remove the file"),
            "{error}"
        );
        let huge = vec![b'x'; MAX_TEXT + 1];
        fs::write(path.join(FILE), huge).unwrap();
        assert!(matches!(open("n1/leader"), Err(PeersError::Io(_))));
        fs::remove_dir_all(&path).unwrap();
    }
}
