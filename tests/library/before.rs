//! Journals of the version before, whose bytes are as they were written: they are read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::paxos::{
    Ballot, ClientId, Command, Decree, Instance, LeaderId, Record, RequestId, Vote,
};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{DiskJournal, inspect};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::Identity;
use crate::tests::common::identity_of;

/// A journal of the version before, in a folder that is gone with this.
///
/// The fixtures were made at commit be1fba8, with `create`, `open` and `append` of that version, and
/// each file but `identity` was written down by `od -A d -t x1`.
struct Before(PathBuf);

impl Before {
    fn new(name: &str) -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(fixture).unwrap().map(|file| file.unwrap().path()) {
            let to = folder.join(file.file_stem().unwrap());
            match file.extension() {
                None => drop(fs::copy(&file, to).unwrap()),
                Some(_) => fs::write(to, bytes(&fs::read_to_string(&file).unwrap())).unwrap(),
            }
        }
        Before(folder)
    }

    /// What a start finds; then it goes on from there.
    fn holds(&self, expected: Vec<Record>) {
        let cluster = identity_of(&[("n1", true, true)]);
        let me = Identity { cluster, member: "n1/acceptor".to_owned() };
        let looked = inspect(&Directory::look(&self.0)).unwrap();
        assert!(looked.recovered.storage.unwrap().0 == expected);
        let open = || DiskJournal::open(Box::new(Directory::lock(&self.0).unwrap()), &me).unwrap();
        let (mut journal, recovered) = open();
        assert!(recovered.storage.unwrap().0 == expected);
        let more = vec![noop(9), Record::Round(4)];
        journal.append(more.clone()).unwrap();
        drop(journal);
        assert!(open().1.storage.unwrap().0 == [expected, more].concat());
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `od` was given. A star stands for lines like the one before it.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    for row in text.lines().filter(|row| *row != "*") {
        let (at, row) = row.split_once(' ').unwrap_or((row, ""));
        while bytes.len() < at.parse().unwrap() {
            bytes.extend_from_slice(&line);
        }
        line = row.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        bytes.extend_from_slice(&line);
    }
    bytes
}

fn vote(instance: u64, payload: usize) -> Record {
    let client = ClientId { lease_start: Instance(1000), number: u128::from(u64::MAX - 7) };
    let id = RequestId { client, sequence: 300 };
    let payload = vec![instance as u8; payload].into();
    let decree = Decree::Command(Command { id, acknowledged: 299, payload });
    let ballot = Ballot { round: 70_000, leader: LeaderId(2) };
    Record::Voted(Vote { instance: Instance(instance), ballot, decree })
}

fn noop(instance: u64) -> Record {
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Record::Voted(Vote { instance: Instance(instance), ballot, decree: Decree::Noop })
}

#[test]
fn a_journal_of_the_version_before_opens() {
    let promised = Record::Promised(Ballot { round: 70_000, leader: LeaderId(2) });
    let mut records = vec![Record::Round(3), promised];
    records.extend([vote(1, 0), vote(2, 250), vote(3, 251), noop(300)]);
    records.extend([vote(4, 32 * 1024), vote(5, 32 * 1024), noop(u64::MAX - 1)]);
    Before::new("journal-readable").holds(records);
}

/// An entry of 48,000 votes, which that version acknowledged and took for damage when it started.
#[test]
fn a_journal_that_the_version_before_could_not_read_again_opens() {
    let records = [vec![Record::Round(3)], vec![noop(7); 48_000]].concat();
    Before::new("journal-unreadable").holds(records);
}
