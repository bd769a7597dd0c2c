//! Journals on disks that lose power, flip bits, fill up and fail.

use std::io;

use crate::paxos::limits::{MAX_COMMAND, MAX_DATAGRAM};
use crate::paxos::{
    Ballot, ClientId, Command, Decree, Instance, LeaderId, Record, RequestId, Vote,
};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{DiskJournal, JournalError, SEGMENT, create, inspect};
use crate::runtime::journal::folder::{Directory, Folder};
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::segment::SMALLEST_SEGMENT;
use crate::tests::disk::{Disk, SECTOR};
use proptest::prelude::*;

fn identity() -> Identity {
    Identity {
        cluster: crate::tests::common::identity_of(&[("n1", true, true)]),
        member: "A1".to_owned(),
    }
}

fn open(disk: &Disk) -> Result<(DiskJournal, Vec<Record>), JournalError> {
    let (journal, recovered) = DiskJournal::open(Box::new(disk.clone()), &identity())?;
    Ok((journal, recovered.storage.unwrap_or_default().0))
}

fn vote(instance: u64, payload: Vec<u8>) -> Record {
    let id = RequestId { client: ClientId::original(1), sequence: instance };
    let command = Command { id, acknowledged: 0, payload: payload.into() };
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Record::Voted(Vote { instance: Instance(instance), ballot, decree: Decree::Command(command) })
}

/// A journal with these batches.
fn journal_with(batches: &[Vec<Record>]) -> (Disk, DiskJournal) {
    journal_of(SMALLEST_SEGMENT, batches)
}

/// The same, in segments of so many bytes.
fn journal_of(segment: usize, batches: &[Vec<Record>]) -> (Disk, DiskJournal) {
    let mut disk = Disk::default();
    create(&mut disk, &identity(), segment, JournalId(7)).unwrap();
    let (mut journal, _) = open(&disk).unwrap();
    batches.iter().for_each(|batch| journal.append(batch.clone()).unwrap());
    (disk, journal)
}

/// Batches of votes: few or many in a batch, with payloads from none to the longest, of zeros among
/// them: those look like sectors never written. Few are so large that they take several segments.
fn batches(count: usize) -> impl Strategy<Value = Vec<Vec<Record>>> {
    let votes =
        |payload| (0u64..9, payload).prop_map(|(instance, payload)| vote(instance, payload));
    let tiny = votes(proptest::collection::vec(any::<u8>(), 0..9).boxed());
    let edge = proptest::sample::select(vec![0, 250, 251, MAX_COMMAND - 1, MAX_COMMAND]);
    let payload = prop_oneof![
        30 => proptest::collection::vec(any::<u8>(), 0..40),
        20 => (0usize..1500).prop_map(|length| vec![0; length]),
        2 => (0..=MAX_COMMAND, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        1 => edge.prop_map(|length| vec![0; length]),
    ];
    let any = votes(payload.boxed());
    let large = votes((20_000..=MAX_COMMAND).prop_map(|length| vec![7; length]).boxed());
    let batch = prop_oneof![
        40 => proptest::collection::vec(any, 1..4),
        1 => proptest::collection::vec(tiny, 1..3000),
        1 => proptest::collection::vec(large, 1..7),
    ];
    proptest::collection::vec(batch, 1..count)
}

/// How many calls of the helper, which makes the next segment, come before each call of the journal.
fn schedule() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0usize..3, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_saved_is_there_in_the_next_life(batches in batches(30)) {
        let (disk, _) = journal_with(&batches);
        let (_, found) = open(&disk).unwrap();
        prop_assert_eq!(found, batches.concat());
    }

    /// The power fails at any moment, while segments are begun and sealed too. All that was
    /// acknowledged is there, and of the batch after it a part that was written first; and the
    /// journal goes on from there.
    #[test]
    fn what_was_acknowledged_survives_a_power_cut(
        batches in batches(40),
        works in 0usize..130,
        keeps in proptest::collection::vec(any::<bool>(), 64),
        schedule in schedule(),
    ) {
        let (disk, mut journal) = journal_with(&[]);
        disk.helps(&schedule);
        disk.works(Some(works));
        let acknowledged = batches.iter().take_while(|b| journal.append(b.to_vec()).is_ok()).count();
        let disk = disk.cut_power(|number| keeps[number % keeps.len()]);
        let (mut journal, found) = open(&disk).unwrap();
        let all = batches[..batches.len().min(acknowledged + 1)].concat();
        let acknowledged = batches[..acknowledged].concat();
        prop_assert!(found.starts_with(&acknowledged) && all.starts_with(&found));
        journal.append(vec![Record::Round(7)]).unwrap();
        let (_, again) = open(&disk).unwrap();
        prop_assert_eq!(again, [found, vec![Record::Round(7)]].concat());
    }

    /// A process ends between a write and its sync, or because a sync fails, and is started again
    /// while the power is on. What it reads then may be in the system's memory only; but it acts on
    /// it, so it must still be there when the power fails.
    #[test]
    fn what_a_start_has_found_survives_a_power_cut_after_it(
        batches in batches(40),
        works in 0usize..130,
        keeps in proptest::collection::vec(any::<bool>(), 64),
        schedule in schedule(),
    ) {
        let (disk, mut journal) = journal_with(&[]);
        disk.helps(&schedule);
        disk.works(Some(works));
        batches.iter().take_while(|batch| journal.append(batch.to_vec()).is_ok()).count();
        drop(journal);
        disk.works(None);
        let (mut journal, found) = open(&disk).unwrap();
        let (_, again) = open(&disk.cut_power(|number| keeps[number % keeps.len()])).unwrap();
        prop_assert_eq!(&again, &found);
        journal.append(vec![Record::Round(7)]).unwrap();
        let (_, again) = open(&disk.cut_power(|_| false)).unwrap();
        prop_assert_eq!(again, [found, vec![Record::Round(7)]].concat());
    }

    /// A sector that reads as zeros was written, if anything of a later batch was.
    #[test]
    fn a_lost_sector_is_noticed(batches in batches(12), sector in any::<prop::sample::Index>()) {
        let (disk, mut journal) = journal_with(&batches);
        let (file, before) = ("journal-00000001", disk.used("journal-00000001"));
        journal.append(vec![Record::Round(7)]).unwrap();
        prop_assume!(disk.segments() == 1 && before / SECTOR > 1);
        let at = (1 + sector.index(before / SECTOR - 1)) * SECTOR;
        let damaged = disk.change(file, |bytes| bytes[at..at + SECTOR].fill(0));
        prop_assert!(open(&damaged).is_err(), "the sector at {at}");
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is(
        batches in batches(30),
        file in any::<prop::sample::Index>(),
        bit in any::<prop::sample::Index>(),
        in_use in any::<bool>(),
    ) {
        let (disk, _) = journal_with(&batches);
        let names = deciding(&disk);
        let file = &names[file.index(names.len())];
        let bytes = if in_use { disk.used(file) } else { disk.read(file, SEGMENT).unwrap().len() };
        let bit = bit.index(bytes * 8);
        let damaged = disk.change(file, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        prop_assert!(open(&damaged).is_err(), "{file}, bit {bit}");
        prop_assert!(inspect(&damaged).is_err());
    }
}

/// Files do not get shorter by a power cut, since they have their size from the start.
#[test]
fn a_journal_that_was_cut_off_is_refused() {
    let batches: Vec<_> = (0..6).map(|instance| vec![vote(instance, vec![7; 60])]).collect();
    let (disk, _) = journal_with(&batches);
    let file = "journal-00000001";
    let used = disk.used(file);
    for length in (used - 3 * 160..used + 100).chain(SMALLEST_SEGMENT - 100..SMALLEST_SEGMENT) {
        let cut = disk.change(file, |bytes| bytes.truncate(length));
        assert!(matches!(open(&cut), Err(JournalError::Damaged { .. })), "{length} bytes");
    }
}

#[test]
fn what_is_missing_or_foreign_is_refused_by_name() {
    let batches: Vec<_> = (0..40).map(|instance| vec![vote(instance, vec![7; 14_000])]).collect();
    let (disk, _) = journal_with(&batches);
    assert!(disk.segments() > 1, "several segments");
    assert!(matches!(open(&Disk::default()), Err(JournalError::Missing)));
    for file in deciding(&disk) {
        let less = open(&disk.without(&file));
        assert!(matches!(less, Err(JournalError::Damaged { .. })), "without {file}");
    }
    let other = Identity { member: "A2".to_owned(), ..identity() };
    let foreign = DiskJournal::open(Box::new(disk.clone()), &other).map(|_| ());
    let error = foreign.unwrap_err().to_string();
    assert!(error.contains("the journal of A1, not of A2"), "{error}");
    assert!(matches!(
        create(&mut disk.clone(), &identity(), SMALLEST_SEGMENT, JournalId(7)),
        Err(JournalError::Exists(_))
    ));
}

/// The files that decide: all but the one that puts the cluster into words, and one that is being made.
fn deciding(disk: &Disk) -> Vec<String> {
    let mut names = disk.names().unwrap();
    names.retain(|name| !["cluster", "spare.unfinished"].contains(&name.as_str()));
    assert_eq!(names.len(), disk.segments() + 1);
    names
}

/// After an error nobody knows what is durable, so nothing is saved any more.
#[test]
fn a_disk_that_fails_once_is_not_trusted_again() {
    for works in 0..2 {
        let (disk, mut journal) = journal_with(&[vec![vote(0, vec![1])]]);
        disk.works(Some(works));
        assert!(journal.append(vec![vote(1, vec![2])]).is_err());
        disk.works(None);
        assert!(journal.append(vec![vote(2, vec![3])]).is_err());
    }
}

/// How many records a batch has, and how long their payloads are. The version before acknowledged most
/// of these, and did not open the journal again.
#[test]
fn what_is_acknowledged_is_read_whatever_a_batch_is_made_of() {
    let shapes =
        [(4096, 200), (1100, 1000), (2000, 1000), (4096, 1000), (20_000, 10), (40, 30_000)];
    for segment in [SMALLEST_SEGMENT, SEGMENT] {
        for (count, payload) in shapes {
            let batch: Vec<_> = (0..count).map(|n| vote(n, vec![7; payload])).collect();
            let (disk, _) = journal_of(segment, std::slice::from_ref(&batch));
            let (_, found) = open(&disk).unwrap_or_else(|e| panic!("{count} of {payload}: {e}"));
            assert!(found == batch, "{count} votes of {payload} bytes");
        }
    }
}

/// A turn takes 256 datagrams, and a record has no more bytes than the message that it comes from.
/// All of that takes one sync, unless segments are small.
#[test]
fn the_most_that_one_turn_can_bring_is_read() {
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    let instance = Instance(7);
    let tiny = Record::Voted(Vote { instance, ballot, decree: Decree::Noop });
    let turn = 256 * (MAX_DATAGRAM - 7);
    for (record, bytes) in [(tiny, 5), (vote(7, vec![7; MAX_COMMAND]), MAX_COMMAND + 13)] {
        for segment in [SMALLEST_SEGMENT, SEGMENT] {
            let (disk, mut journal) = journal_of(segment, &[]);
            let count = turn / bytes;
            journal.append(vec![record.clone(); count]).unwrap();
            let (syncs, segments) = (journal.stats().unwrap().syncs, disk.segments());
            drop(journal);
            let (_, found) = open(&disk).unwrap();
            assert_eq!(found.len(), count);
            assert!(found.iter().all(|found| *found == record));
            assert_eq!(syncs, segments as u64, "a batch for each segment");
            assert!((segments == 1) == (segment == SEGMENT), "{segments}");
        }
    }
}

/// What has no room is refused before anything of its batch is written; the journal goes on.
#[test]
fn a_record_that_is_too_long_is_refused_and_the_journal_is_as_it_was() {
    for segment in [SMALLEST_SEGMENT, SMALLEST_SEGMENT + 1, 1 << 20, SEGMENT] {
        let (disk, mut journal) = journal_of(segment, &[vec![Record::Round(1)]]);
        let append = |journal: &mut DiskJournal, payload: usize| {
            journal.append(vec![vote(1, vec![7; 9]), vote(2, vec![7; payload])])
        };
        let (mut fits, mut too_long) = (MAX_DATAGRAM - 13, segment.max(1 << 20));
        append(&mut journal, fits).unwrap();
        let mut sizes = vec![9, fits];
        while too_long - fits > 1 {
            let middle = fits.midpoint(too_long);
            let before = disk.files();
            match append(&mut journal, middle) {
                Ok(()) => {
                    sizes.extend([9, middle]);
                    fits = middle;
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                    assert!(error.to_string().contains("takes more than"), "{error}");
                    assert!(disk.files() == before, "something was written");
                    too_long = middle;
                }
            }
        }
        let (_, found) = open(&disk).unwrap();
        let payloads = found.iter().filter_map(|record| match record {
            Record::Voted(Vote { decree: Decree::Command(command), .. }) => {
                Some(command.payload.len())
            }
            _ => None,
        });
        assert!(payloads.eq(sizes), "in segments of {segment}");
    }
}

#[test]
fn a_segment_has_room_for_whatever_a_datagram_can_bring() {
    let mut disk = Disk::default();
    let refused = create(&mut disk, &identity(), SMALLEST_SEGMENT - 1, JournalId(7)).unwrap_err();
    assert!(matches!(refused, JournalError::SegmentSize(_)), "{refused}");
    assert!(disk.names().unwrap().is_empty(), "nothing was made");
    let (disk, mut journal) = journal_with(&[]);
    let longest = vote(7, vec![7; MAX_DATAGRAM - 13]);
    journal.append(vec![longest.clone(); 2]).unwrap();
    assert_eq!(open(&disk).unwrap().1, [longest.clone(), longest]);
}

#[test]
fn a_directory_is_a_folder_for_one_process() {
    let path = std::env::temp_dir().join(format!("synod-journal-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    let batches: Vec<_> = (0..40).map(|instance| vec![vote(instance, vec![7; 14_000])]).collect();
    create(&mut Directory::lock(&path).unwrap(), &identity(), SMALLEST_SEGMENT, JournalId(7))
        .unwrap();
    let (mut journal, _) =
        DiskJournal::open(Box::new(Directory::lock(&path).unwrap()), &identity()).unwrap();
    batches.iter().for_each(|batch| journal.append(batch.clone()).unwrap());
    let taken = Directory::lock(&path).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::WouldBlock);
    let looked = inspect(&Directory::look(&path)).unwrap();
    assert_eq!((looked.member, looked.segment), (identity().member, SMALLEST_SEGMENT));
    assert_eq!(looked.cluster, "'test' (id 00000001...)");
    assert_eq!((looked.recovered.entries, looked.recovered.torn), (40, 0));
    drop(journal);
    let (_, found) =
        DiskJournal::open(Box::new(Directory::lock(&path).unwrap()), &identity()).unwrap();
    assert_eq!(found, looked.recovered);
    assert_eq!(found.storage.unwrap().0, batches.concat());
    std::fs::remove_dir_all(&path).unwrap();
}
