//! Which journals the other members have: a small text file beside one's own journal.
//!
//! A member whose disk is lost cannot know that it had one. The others can, if they remember its
//! journal: [`greeting`](crate::runtime::greeting) tells it. What is remembered is never changed,
//! only added to, so the file is bounded by the number of members.

use std::collections::BTreeMap;
use std::io;

use thiserror::Error;

use super::folder::{Directory, Folder};
use super::identity::{Identity, JournalId, seal, unseal};

/// Why it cannot be known which journals the others have.
#[derive(Debug, Error)]
pub enum PeersError {
    /// The operating system would not.
    #[error("cannot use the file '{FILE}': {0}")]
    Io(#[from] io::Error),
    /// It is not as it was written.
    #[error(
        "the file '{FILE}' is damaged: its checksum is wrong. It says which journals the other \
         members have, so that one that has lost its disk is noticed. If none has, remove the file: \
         it is written anew when they greet"
    )]
    Damaged,
    /// Somebody else's.
    #[error("the file '{FILE}' is that of {0}: look at the data directory")]
    Foreign(Identity),
}

const FILE: &str = "peers";
const TITLE: &str = "synod peers 1";

/// The journals of the others, as one role of a member knows them.
#[derive(Debug)]
pub struct Peers {
    folder: Directory,
    known: Known,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    owner: Identity,
    /// By the names of the others, such as "n2/acceptor".
    journals: BTreeMap<String, JournalId>,
}

impl Peers {
    /// Reads what `owner` knows, which is nothing if there is no file. The folder is that of its
    /// journal, whose lock the caller has.
    pub fn open(folder: Directory, owner: &Identity) -> Result<Self, PeersError> {
        let known = match folder.read(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Known { owner: owner.clone(), journals: BTreeMap::new() }
            }
            read => Known::decode(&read?).ok_or(PeersError::Damaged)?,
        };
        if known.owner != *owner {
            return Err(PeersError::Foreign(known.owner));
        }
        // Whoever wrote the file may not have come to that.
        folder.sync()?;
        Ok(Peers { folder, known })
    }

    /// Who knows this.
    pub fn owner(&self) -> &Identity {
        &self.known.owner
    }

    /// The journal that another is known to have.
    pub fn journal(&self, of: &str) -> Option<JournalId> {
        self.known.journals.get(of).copied()
    }

    /// Remembers that another has this journal, unless it is known to have one already. Gives the
    /// one that is remembered, which is durable then.
    pub fn remember(&mut self, of: &str, journal: JournalId) -> io::Result<JournalId> {
        if let Some(known) = self.journal(of) {
            return Ok(known);
        }
        let mut known = self.known.clone();
        known.journals.insert(of.to_owned(), journal);
        self.folder.replace(FILE, known.encode().as_bytes())?;
        self.known = known;
        Ok(journal)
    }
}

impl Known {
    fn encode(&self) -> String {
        let Known { owner: Identity { cluster, member }, journals } = self;
        let mut text = format!("{TITLE}\ncluster {cluster}\nmember {member}\n");
        for (peer, journal) in journals {
            text.push_str(&format!("peer {peer} {journal}\n"));
        }
        seal(&text)
    }

    /// What the file says; none if it is damaged.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = unseal(bytes)?.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let cluster = lines.next()?.strip_prefix("cluster ")?.to_owned();
        let member = lines.next()?.strip_prefix("member ")?.to_owned();
        let peer = |line: &str| {
            let (peer, journal) = line.strip_prefix("peer ")?.rsplit_once(' ')?;
            Some((peer.to_owned(), journal.parse().ok()?))
        };
        let journals = lines.map(peer).collect::<Option<_>>()?;
        Some(Known { owner: Identity { cluster, member }, journals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::path::PathBuf;

    fn names() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9_-]{1,32}/(leader|acceptor)"
    }

    fn knowledge() -> impl Strategy<Value = Known> {
        let journals =
            proptest::collection::btree_map(names(), any::<u64>().prop_map(JournalId), 0..9);
        ("[a-zA-Z0-9_-]{1,32}", names(), journals).prop_map(|(cluster, member, journals)| Known {
            owner: Identity { cluster, member },
            journals,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_written_is_read(known in knowledge()) {
            prop_assert_eq!(Known::decode(known.encode().as_bytes()), Some(known));
        }

        #[test]
        fn a_flipped_bit_or_a_missing_end_is_noticed(
            known in knowledge(),
            at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = known.encode().into_bytes();
            prop_assert_eq!(Known::decode(&bytes[..at.index(bytes.len())]), None);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Known::decode(&bytes), None);
        }

        #[test]
        fn no_text_panics(text in "(synod peers 1\n)?(cluster a\n)?(peer |[a-z] ?|\n|é){0,20}") {
            let _ = Known::decode(text.as_bytes());
            let _ = Known::decode(seal(&text).as_bytes());
        }
    }

    fn owner(member: &str) -> Identity {
        Identity { cluster: "test".to_owned(), member: member.to_owned() }
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("synod-peers-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn what_is_remembered_stays_and_is_there_in_the_next_life() {
        let path = folder("stays");
        let open = || Peers::open(Directory::look(&path), &owner("n1/leader")).unwrap();
        let mut peers = open();
        assert_eq!(peers.journal("n2/leader"), None);
        assert_eq!(peers.remember("n2/leader", JournalId(7)).unwrap(), JournalId(7));
        assert_eq!(peers.remember("n3/leader", JournalId(8)).unwrap(), JournalId(8));
        let mut peers = open();
        assert_eq!(peers.remember("n2/leader", JournalId(9)).unwrap(), JournalId(7));
        assert_eq!(peers.journal("n3/leader"), Some(JournalId(8)));
        fs::remove_dir_all(&path).unwrap();
        assert!(peers.remember("n4/leader", JournalId(1)).is_err());
        assert_eq!(peers.journal("n4/leader"), None, "what is not durable is not known");
    }

    #[test]
    fn what_is_damaged_or_somebody_elses_is_refused_and_the_error_says_what_to_do() {
        let path = folder("refused");
        let open = |member| Peers::open(Directory::look(&path), &owner(member));
        open("n1/leader").unwrap().remember("n2/leader", JournalId(7)).unwrap();
        let error = open("n2/leader").unwrap_err().to_string();
        assert!(error.contains("is that of member n1/leader of cluster test: look"), "{error}");
        let mut bytes = fs::read(path.join(FILE)).unwrap();
        bytes[50] ^= 4;
        fs::write(path.join(FILE), bytes).unwrap();
        let error = open("n1/leader").unwrap_err().to_string();
        assert!(
            error.contains("checksum is wrong") && error.contains("remove the file"),
            "{error}"
        );
        fs::remove_dir_all(&path).unwrap();
    }
}
