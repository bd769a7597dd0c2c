//! A journal whose end is gone, wherever the cut is: what it recovers to, or that it refuses.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::paxos::{
    Ballot, ClientId, Command, Decree, Instance, LeaderId, Record, RequestId, Vote,
};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{DiskJournal, JournalError, create, inspect};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::JournalId;
use crate::runtime::journal::segment::SMALLEST_SEGMENT;
use crate::tests::common::identity;

const SECTOR: usize = 512;
/// How much of its first segment a journal leaves that is to end in the second.
const LEFT: usize = 8 * 1024 - SECTOR;

/// A vote whose command has so many bytes, zeros if it is even: those look like sectors that were
/// never written.
fn vote(instance: u64, bytes: usize) -> Record {
    let id = RequestId { client: ClientId::original(1), sequence: instance };
    let payload = vec![(bytes % 2) as u8; bytes].into();
    let decree = Decree::Command(Command { id, acknowledged: 0, payload });
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Record::Voted(Vote { instance: Instance(instance), ballot, decree })
}

/// Batches of votes of these sizes.
fn votes(sizes: &[&[usize]]) -> Vec<Vec<Record>> {
    let mut instances = 0..;
    let mut next = |bytes: &usize| vote(instances.next().unwrap(), *bytes);
    sizes.iter().map(|batch| batch.iter().map(&mut next).collect()).collect()
}

/// A folder that is gone with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A journal with some batches in a real directory. Nobody was told of the last one: its sync had
/// not returned.
struct Written {
    folder: Folder,
    batches: Vec<Vec<Record>>,
    /// In which segment each batch is, and where it begins and ends there.
    places: Vec<(PathBuf, usize, usize)>,
}

impl Written {
    fn new(name: &str, batches: Vec<Vec<Record>>) -> Self {
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let folder = Folder(folder);
        create(
            &mut Directory::lock(&folder.0).unwrap(),
            &identity(),
            SMALLEST_SEGMENT,
            JournalId(7),
        )
        .unwrap();
        let lock = Directory::lock(&folder.0).unwrap();
        let (mut journal, _) = DiskJournal::open(Box::new(lock), &identity()).unwrap();
        let mut places: Vec<(PathBuf, usize, usize)> = Vec::new();
        for batch in &batches {
            journal.append(batch.clone()).unwrap();
            let last = last_segment(&folder.0);
            let bytes = fs::read(&last).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            let begin = places.last().filter(|place| place.0 == last).map_or(SECTOR, |it| it.2);
            places.push((last, begin, end));
        }
        Written { folder, batches, places }
    }

    /// Its last segment, where the record before the last two begins there, where the batch begins
    /// that nobody was told of, and where it ends.
    fn end(&self) -> (&Path, usize, usize, usize) {
        let (file, unsaid, end) = self.places.last().unwrap();
        let mut records = 0;
        let mut begin = *unsaid;
        for (batch, place) in self.batches.iter().zip(&self.places).rev() {
            if records < 3 && place.0 == *file {
                begin = place.1;
            }
            records += batch.len();
        }
        (file, begin, *unsaid, *end)
    }

    /// All records of the first so many batches.
    fn first(&self, batches: usize) -> Vec<Record> {
        self.batches[..batches].concat()
    }

    /// The journal's folder, with this for its last segment.
    fn with_end(&self, last: &[u8]) -> &Path {
        let file = OpenOptions::new().write(true).open(self.end().0).unwrap();
        file.write_all_at(last, 0).unwrap();
        file.set_len(last.len() as u64).unwrap();
        &self.folder.0
    }

    /// Whether a recovery has all records of the first so many batches, and beyond them only such
    /// as were written, in order.
    fn keeps(&self, batches: usize, recovered: &[Record]) -> bool {
        recovered.starts_with(&self.first(batches))
            && self.first(self.batches.len()).starts_with(recovered)
    }
}

/// What a start would find.
fn look(path: &Path) -> Result<Vec<Record>, JournalError> {
    let inspected = inspect(&Directory::look(path))?;
    Ok(inspected.recovered.storage.unwrap_or_default().0)
}

/// What a start finds. It clears what is torn.
fn open(path: &Path) -> Result<Vec<Record>, JournalError> {
    let (_, recovered) = DiskJournal::open(Box::new(Directory::lock(path).unwrap()), &identity())?;
    Ok(recovered.storage.unwrap_or_default().0)
}

fn last_segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |file: &PathBuf| file.to_string_lossy().contains("journal-0");
    files.filter(is_segment).max().unwrap()
}

/// Ends of journals: the last three records in one entry or in several, small and large, in the
/// first segment or in a later one, which it may begin.
fn journals(name: &str) -> Vec<Written> {
    /// The first record fills the first segment but for what is left.
    const FULL: usize = (SMALLEST_SEGMENT - SECTOR - LEFT - 32) / 16 * 15 - 20;
    let ends: [&[&[usize]]; 7] = [
        &[&[5], &[40], &[0], &[701], &[1400]],
        &[&[3], &[1400], &[30, 701], &[0]],
        &[&[9, 9], &[8, 1500, 33]],
        &[&[FULL], &[2800], &[2801], &[1500], &[31], &[600], &[2]],
        &[&[FULL], &[2800], &[2801], &[1500], &[33], &[1024]],
        &[&[FULL], &[2800], &[2801], &[700], &[1800]],
        // A batch that goes on in another segment.
        &[&[3], &[62_000, 7_000, 5]],
    ];
    let written = |(number, end): (usize, &&[&[usize]])| {
        Written::new(&format!("{name}-{number}"), votes(end))
    };
    ends.iter().enumerate().map(written).collect()
}

#[test]
fn the_journals_end_where_they_are_meant_to() {
    let segments: Vec<bool> = journals("ends")
        .iter()
        .map(|written| written.end().0.ends_with("journal-00000002"))
        .collect();
    assert_eq!(segments, [false, false, false, true, true, true, true]);
}

/// A file that has become shorter is refused at every length: a power cut does not do that to a
/// file that has had its size from the start.
#[test]
fn a_journal_truncated_anywhere_in_its_last_three_records_is_refused() {
    for written in journals("truncated") {
        let (file, begin, _, end) = written.end();
        let bytes = fs::read(file).unwrap();
        for length in begin..=end {
            let cut = written.with_end(&bytes[..length]);
            assert!(look(cut).is_err(), "{length} bytes");
            let refused = open(cut).unwrap_err();
            let said = refused.to_string();
            assert!(matches!(refused, JournalError::Damaged { .. }), "{length} bytes: {said}");
            assert!(said.contains(&format!("damaged at byte {length}: it ends here")), "{said}");
        }
        assert!(written.keeps(written.batches.len(), &open(written.with_end(&bytes)).unwrap()));
    }
}

/// Everything from some byte on reads as zeros, as after a power cut. What is before it is there,
/// or the journal is refused; so what was acknowledged is there, as long as the zeros are where
/// nobody was told of anything. And what a power cut can leave, whole sectors, is not refused there.
#[test]
fn a_journal_that_ends_in_zeros_from_any_byte_on_recovers_what_is_before_them_or_is_refused() {
    for written in journals("zeros") {
        let (file, begin, unsaid, end) = written.end();
        let bytes = fs::read(file).unwrap();
        let acknowledged = written.batches.len() - 1;
        for from in begin..=end {
            let mut zeros = bytes.clone();
            zeros[from..].fill(0);
            let is_before = |place: &&(PathBuf, usize, usize)| place.0 != *file || place.2 <= from;
            let before = written.places.iter().filter(is_before).count();
            assert!(from < unsaid || before >= acknowledged);
            let cut = written.with_end(&zeros);
            let found = look(cut);
            // To clear and to sync at each byte would take minutes.
            if from % SECTOR == 0 || from == end {
                assert_eq!(open(cut).ok(), found.as_ref().ok().cloned(), "from {from}");
                assert_eq!(look(cut).ok(), found.as_ref().ok().cloned(), "from {from}, again");
            }
            match found {
                Ok(recovered) => assert!(written.keeps(before, &recovered), "from {from}"),
                Err(error) => {
                    let whole = from % SECTOR == 0 || from == end || from == unsaid;
                    assert!(from < unsaid || !whole, "from {from}: {error}");
                }
            }
        }
    }
}

/// Were a recovery to lose, change, add or reorder records, the tests above would see it.
#[test]
fn a_wrong_recovery_is_seen() {
    let written = Written::new("wrong", votes(&[&[5, 6], &[40], &[0], &[701, 2]]));
    let (acknowledged, all) = (written.first(3), written.first(4));
    assert!(written.keeps(3, &acknowledged) && written.keeps(3, &all));
    assert!(written.keeps(3, &all[..5]), "the batch that nobody was told of may be there in part");
    for lost in 0..acknowledged.len() {
        assert!(!written.keeps(3, &acknowledged[..lost]), "only {lost} records");
        let mut without = acknowledged.clone();
        without.remove(lost);
        assert!(!written.keeps(3, &without), "without record {lost}");
    }
    let added = [&acknowledged[..], &[vote(9, 9)]].concat();
    assert!(!written.keeps(3, &added));
    let mut reordered = all.clone();
    reordered.swap(0, 1);
    assert!(!written.keeps(3, &reordered));
}
