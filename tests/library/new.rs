//! `node --new` that ends halfway, and what else may be found in a data directory: a member that never ran
//! can be started, one that has run is never taken for new, and what is not a journal's is said as it is.

use std::collections::BTreeMap;

use crate::paxos::{Ballot, LeaderId, Record};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{DiskJournal, JournalError, create, is_made};
use crate::runtime::journal::folder::Folder;
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::segment::SMALLEST_SEGMENT;
use crate::tests::common::identity;
use crate::tests::disk::Disk;

fn make(disk: &Disk) -> Result<(), JournalError> {
    create(&mut disk.clone(), &identity(), SMALLEST_SEGMENT, JournalId(7))
}

fn open(disk: &Disk) -> Result<Vec<Record>, JournalError> {
    let (_, recovered) = DiskJournal::open(Box::new(disk.clone()), &identity())?;
    Ok(recovered.storage.unwrap_or_default().0)
}

fn promised() -> Vec<Record> {
    vec![Record::Promised(Ballot { round: 3, leader: LeaderId(0) })]
}

/// Nobody who has never run is stuck: either it starts, or it does with `--new`; and then it keeps what it
/// promises.
fn can_begin(disk: &Disk, words: &str) {
    match open(disk) {
        Ok(found) => assert_eq!(found, [], "{words}"),
        Err(JournalError::Missing | JournalError::HalfMade) => {}
        Err(other) => panic!("{words}: {other}"),
    }
    make(disk).unwrap_or_else(|error| panic!("{words}: {error}"));
    let (mut journal, _) = DiskJournal::open(Box::new(disk.clone()), &identity()).unwrap();
    journal.append(promised()).unwrap();
    drop(journal);
    let disk = disk.cut_power(|_| false);
    assert_eq!(open(&disk).unwrap(), promised(), "{words}");
    assert!(matches!(make(&disk), Err(JournalError::Exists(_))), "{words}");
}

/// The process, or the power, ends at every system call of the making of a journal, and of the making
/// after it.
#[test]
fn a_journal_that_was_half_made_is_made_again() {
    let keeps: [fn(usize) -> bool; 4] = [|_| false, |_| true, |n| n % 2 == 0, |n| n % 3 == 1];
    let disk = Disk::default();
    make(&disk).unwrap();
    let calls = disk.calls();
    assert!(calls > 12, "{calls}");
    for first in 0..=calls {
        for second in (0..=calls).chain([usize::MAX]) {
            let disk = Disk::default();
            let mut half_made = Vec::new();
            for works in [first, second] {
                disk.works(Some(works));
                assert!(make(&disk).is_err() || is_whole(&disk), "{works}");
                disk.works(None);
                half_made.push(disk.cut_power(|_| true));
                half_made.extend(keeps.map(|keeps| disk.cut_power(keeps)));
            }
            for (number, disk) in half_made.iter().enumerate() {
                can_begin(disk, &format!("{first} calls, then {second}, {number}"));
            }
        }
    }
}

fn is_whole(disk: &Disk) -> bool {
    is_made(disk, &identity()).unwrap()
}

/// Whatever is missing of a journal to which something was written, it is no new member's.
#[test]
fn a_member_that_has_run_is_never_taken_for_new() {
    let disk = Disk::default();
    make(&disk).unwrap();
    let (mut journal, _) = DiskJournal::open(Box::new(disk.clone()), &identity()).unwrap();
    journal.append(promised()).unwrap();
    drop(journal);
    let names: Vec<String> = disk.files().into_keys().collect();
    for gone in 0..1 << names.len() {
        let left: Vec<&String> =
            names.iter().enumerate().filter(|(at, _)| gone >> at & 1 == 0).map(|it| it.1).collect();
        let mut some = disk.cut_power(|_| true);
        for name in names.iter().filter(|name| !left.contains(name)) {
            some.remove(name).unwrap();
        }
        let segment = left.iter().any(|name| name.starts_with("journal-"));
        let identity = left.iter().any(|name| *name == "identity");
        // What is left says nothing of a life: an empty disk, or what a power cut leaves of a new one.
        if !segment && !identity {
            continue;
        }
        assert!(make(&some).is_err(), "{left:?}");
        assert!(some.files() == disk_of(&disk, &left), "{left:?}: something was changed");
    }
    // It may have taken part without having saved anything.
    let disk = Disk::default();
    make(&disk).unwrap();
    for (peers, new) in [("joined true", false), ("joined false", true), ("rubbish", false)] {
        let digest = identity().cluster.digest();
        let peers = format!("synod peers 2\ncluster {digest}\nmember n1/acceptor\n{peers}\n");
        let sealed = format!("{peers}crc {:08x}\n", crc32fast::hash(peers.as_bytes()));
        assert_eq!(make(&disk.add("peers", sealed.as_bytes())).is_ok(), new, "{peers}");
    }
}

fn disk_of(disk: &Disk, names: &[&String]) -> BTreeMap<String, Vec<u8>> {
    disk.files().into_iter().filter(|(name, _)| names.contains(&name)).collect()
}

/// Of another member's or cluster's nothing is finished.
#[test]
fn a_whole_journal_of_somebody_else_is_not_taken() {
    let disk = Disk::default();
    make(&disk).unwrap();
    let other = Identity { member: "n2/acceptor".to_owned(), ..identity() };
    let refused = create(&mut disk.clone(), &other, SMALLEST_SEGMENT, JournalId(7));
    assert!(matches!(refused, Err(JournalError::OtherMember { .. })));
}

/// Files that are not of the journal, whatever they are called, are neither read nor changed.
#[test]
fn foreign_files_are_left_alone_and_named() {
    let disk = Disk::default();
    make(&disk).unwrap();
    let (mut journal, _) = DiskJournal::open(Box::new(disk.clone()), &identity()).unwrap();
    journal.append(promised()).unwrap();
    drop(journal);
    let names = ["journal-00000001.bak", "journal-2", "identity~", ".peers.swp", "lost+found", "é"];
    for name in names {
        let disk = disk.add(name, b"anything");
        let (_, recovered) = DiskJournal::open(Box::new(disk.clone()), &identity()).unwrap();
        assert_eq!(recovered.foreign, [name]);
        assert_eq!(recovered.storage.unwrap().0, promised());
        assert_eq!(disk.files()[name], b"anything");
    }
    // Beside nothing else, a copy of ours says that a member has run here.
    for (name, copy) in names.iter().zip([true, true, true, false, false, false]) {
        let disk = Disk::default().add(name, b"anything");
        assert!(matches!(open(&disk), Err(JournalError::Missing)), "{name}");
        assert_eq!(make(&disk).is_err(), copy, "{name}");
    }
}

/// Every file of a newer version is said to be that, whatever follows its first bytes.
#[test]
fn a_newer_version_is_not_taken_for_damage() {
    let disk = Disk::default();
    make(&disk).unwrap();
    let newer = |disk: &Disk, version, known| {
        let error = open(disk).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("by a newer version of synod"), "{words}");
        assert!(words.contains(&format!("version {version}")), "{words}");
        assert!(words.contains(&format!("reads up to {known}")), "{words}");
        assert!(!words.contains("must not vote"), "{words}");
    };
    for rest in [&b""[..], b"\xff\xfe\0", b"digest 12\n", &[7; 500]] {
        let label = [b"synod journal 3\n", rest].concat();
        newer(&disk.change("identity", |bytes| *bytes = label.clone()), 3, 2);
        // A newer head, of any length, and segments of another size.
        let head = [b"synj\x02\0\0\0", rest].concat();
        newer(
            &disk
                .change("journal-00000001", |bytes| bytes.truncate(0))
                .add("journal-00000001", &head),
            2,
            1,
        );
        newer(&disk.change("journal-00000001", |bytes| bytes[4..].fill(9)), 0x0909_0909, 1);
    }
    // A bit that makes another version of this one is damage.
    for bit in 0..32 {
        let flipped = disk.change("journal-00000001", |bytes| bytes[4 + bit / 8] ^= 1 << (bit % 8));
        assert!(matches!(open(&flipped), Err(JournalError::Damaged { .. })), "bit {bit}");
    }
}
