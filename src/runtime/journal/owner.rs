//! The owner of a journal: writing, reading and checking its label. See [`identity`](super::identity) for the
//! files.

use std::io;

use super::error::{JournalError, at, damaged};
use super::folder::Folder;
use super::identity::{Bound, Identity, JournalId, Label, MAX_TEXT, SEGMENTS, seal, unseal};
use super::listing::{CLUSTER, IDENTITY, Listing};
use super::segment::SMALLEST_SEGMENT;
use crate::runtime::identity::{ClusterIdentity, TITLE, VERSION};

/// A label for a new journal of a role, in segments of this many bytes.
pub(super) fn new_label(
    identity: &Identity,
    segment: usize,
    id: JournalId,
) -> Result<Label, JournalError> {
    if !(SMALLEST_SEGMENT..=*SEGMENTS.end()).contains(&segment) {
        return Err(JournalError::SegmentSize(segment));
    }
    let Identity { cluster, member } = identity;
    Ok(Label { cluster: Bound::To(cluster.digest()), member: member.clone(), segment, id })
}

/// Writes the label. It makes the folder a journal, so all other files must be there already.
pub(super) fn write_label(folder: &mut dyn Folder, label: &Label) -> Result<(), JournalError> {
    folder.replace(IDENTITY, label.encode().as_bytes()).map_err(at(IDENTITY))
}

/// Writes the identity of the journal's cluster, for people and for error messages.
pub(super) fn bind(folder: &mut dyn Folder, cluster: &ClusterIdentity) -> Result<(), JournalError> {
    folder.replace(CLUSTER, seal(&cluster.to_string()).as_bytes()).map_err(at(CLUSTER))
}

/// Binds a journal of version 1 to the cluster that its role has been admitted to. Does nothing if it is
/// bound already.
pub(super) fn bind_if_unbound(
    folder: &mut dyn Folder,
    cluster: &ClusterIdentity,
) -> io::Result<()> {
    let bound = folder.names()?.iter().any(|name| name == CLUSTER);
    if bound { Ok(()) } else { folder.replace(CLUSTER, seal(&cluster.to_string()).as_bytes()) }
}

/// The owner of a journal, as it was read.
pub(super) struct Owner {
    /// The bytes of the label's file, which are part of all checksums of the journal.
    pub(super) bytes: Vec<u8>,
    pub(super) label: Label,
    /// `None` for version 1 until its role takes part under this version, or if the file is gone.
    pub(super) cluster: Option<ClusterIdentity>,
}

/// Reads the owner of a journal, which must be `expected`, if given.
pub(super) fn read_label(
    folder: &dyn Folder,
    listing: &Listing,
    expected: Option<&Identity>,
) -> Result<Owner, JournalError> {
    let bytes = folder.read(IDENTITY, MAX_TEXT).map_err(at(IDENTITY))?;
    let label = Label::decode(&bytes).map_err(|bad| bad.of(IDENTITY))?;
    let cluster = match read_cluster(folder, listing) {
        // From version 2 on, the label decides, and this file is only for display.
        Err(error) if matches!(label.cluster, Bound::InWords(_)) => return Err(error),
        read => read.ok().flatten().filter(|cluster| label.cluster.admits(cluster)),
    };
    if let Some(expected) = expected {
        check(&label, cluster.as_ref(), expected)?;
    }
    Ok(Owner { bytes, label, cluster })
}

fn read_cluster(
    folder: &dyn Folder,
    listing: &Listing,
) -> Result<Option<ClusterIdentity>, JournalError> {
    if !listing.cluster {
        return Ok(None);
    }
    let bytes = folder.read(CLUSTER, MAX_TEXT).map_err(at(CLUSTER))?;
    let (_, text) = unseal(&bytes, TITLE, VERSION).map_err(|bad| bad.of(CLUSTER))?;
    let parsed = text.parse().map_err(|_| damaged(CLUSTER, 0, "it is no cluster's identity"));
    parsed.map(Some)
}

/// Checks that a journal belongs to this role of this cluster.
fn check(
    label: &Label,
    cluster: Option<&ClusterIdentity>,
    expected: &Identity,
) -> Result<(), JournalError> {
    let differences = match cluster {
        Some(found) => ClusterIdentity::differences(found, &expected.cluster),
        None => Vec::new(),
    };
    if !differences.is_empty() || !label.cluster.admits(&expected.cluster) {
        let differences = match (differences.is_empty(), &label.cluster) {
            (true, Bound::InWords(words)) => {
                format!("it is of {words} and not of {}", Bound::in_words(&expected.cluster))
            }
            (true, Bound::To(digest)) => {
                format!("its digest is {digest} and not {}", expected.cluster.digest())
            }
            _ => differences.join("; "),
        };
        return Err(JournalError::OtherCluster { differences });
    }
    if label.member != expected.member {
        let (found, expected) = (label.member.clone(), expected.member.clone());
        return Err(JournalError::OtherMember { found, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::disk::{DiskJournal, create};
    use super::super::folder::Directory;
    use super::super::segment;
    use super::*;
    use crate::runtime::identity::{ClusterId, MemberRoles};

    fn cluster(id: u128) -> ClusterIdentity {
        let member = MemberRoles { name: "n1".to_owned(), leader: true, acceptor: true };
        ClusterIdentity {
            id: ClusterId(id << 96),
            name: "test".to_owned(),
            machine: "kv".to_owned(),
            lease: 7,
            reply_bytes: 1,
            quorums: (1, 1),
            members: vec![member],
        }
    }

    /// An empty journal as version 1 made it.
    fn version_1(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("synod-owner-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let (cluster, member) =
            (Bound::InWords("test (kv, lease 7)".to_owned()), "n1/leader".to_owned());
        let label = Label { cluster, member, segment: 4096, id: JournalId(5) }.encode();
        assert!(label.contains("synod journal 1\ncluster test (kv, lease 7)\n"), "{label}");
        let mut bytes = segment::head(label.as_bytes(), 1, 1);
        bytes.resize(4096, 0);
        fs::write(path.join("journal-00000001"), bytes).unwrap();
        fs::write(path.join(IDENTITY), label).unwrap();
        path
    }

    #[test]
    fn a_journal_of_version_1_is_bound_to_the_cluster_that_admits_its_role() {
        let path = version_1("binds");
        let open = |cluster| {
            let identity = Identity { cluster, member: "n1/leader".to_owned() };
            DiskJournal::open(Box::new(Directory::lock(&path).unwrap()), &identity)
                .map(|(it, _)| it.id())
        };
        let other_lease = ClusterIdentity { lease: 8, ..cluster(1) };
        let error = open(other_lease).unwrap_err().to_string();
        assert!(
            error.contains("it is of test (kv, lease 7) and not of test (kv, lease 8)"),
            "{error}"
        );
        assert_eq!(open(cluster(1)).unwrap(), JournalId(5));
        assert_eq!(open(cluster(2)).unwrap(), JournalId(5), "it is bound when its role takes part");
        for _ in 0..2 {
            bind_if_unbound(&mut Directory::look(&path), &cluster(1)).unwrap();
            assert_eq!(open(cluster(1)).unwrap(), JournalId(5));
        }
        let error = open(cluster(2)).unwrap_err().to_string();
        assert!(
            error.contains("it is cluster 'test' (id 00000001...) and not 'test' (id 00000002"),
            "{error}"
        );
        let text = fs::read_to_string(path.join(CLUSTER)).unwrap();
        fs::write(path.join(CLUSTER), text.replace("member n1", "member n2")).unwrap();
        assert!(matches!(open(cluster(1)), Err(JournalError::Damaged { .. })));
        fs::remove_dir_all(&path).unwrap();
    }

    /// The label decides whose a journal is; the other file is only for display.
    #[test]
    fn without_the_words_for_its_cluster_a_journal_opens_and_is_refused_to_others() {
        let path = std::env::temp_dir().join(format!("synod-words-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let identity = |cluster| Identity { cluster, member: "n1/leader".to_owned() };
        let lock = || Directory::lock(&path).unwrap();
        create(&mut lock(), &identity(cluster(1)), SMALLEST_SEGMENT, JournalId(1)).unwrap();
        let open = |cluster| DiskJournal::open(Box::new(lock()), &identity(cluster)).map(|_| ());
        let text = fs::read(path.join(CLUSTER)).unwrap();
        for words in [None, Some(&text[..60]), Some(&[0xff; 9][..])] {
            fs::remove_file(path.join(CLUSTER)).unwrap();
            fs::write(path.join(CLUSTER), words.unwrap_or_default()).unwrap();
            if words.is_none() {
                fs::remove_file(path.join(CLUSTER)).unwrap();
            }
            open(cluster(1)).unwrap();
            let refused = open(cluster(2)).unwrap_err().to_string();
            assert!(refused.contains("its digest is "), "{refused}");
            fs::write(path.join(CLUSTER), &text).unwrap();
        }
        fs::remove_dir_all(&path).unwrap();
    }
}
