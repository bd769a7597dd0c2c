//! Segments that are made ahead: never taken for a part of the journal, at whatever call a process or the
//! power ends, and never in the way of a turn that has no need of them yet.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::paxos::{
    Ballot, ClientId, Command, Decree, Instance, LeaderId, Record, RequestId, Vote,
};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{DiskJournal, SEGMENT, create};
use crate::runtime::journal::folder::{Directory, Folder};
use crate::runtime::journal::identity::JournalId;
use crate::runtime::journal::segment::SMALLEST_SEGMENT;
use crate::tests::common::identity;
use crate::tests::disk::{Disk, SECTOR};

const SPARE: &str = "spare.unfinished";

fn vote(instance: u64, bytes: usize) -> Record {
    let id = RequestId { client: ClientId::original(1), sequence: instance };
    let command = Command { id, acknowledged: 0, payload: vec![7; bytes].into() };
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    Record::Voted(Vote { instance: Instance(instance), ballot, decree: Decree::Command(command) })
}

/// Batches that fill more than two of the smallest segments.
fn batches() -> Vec<Vec<Record>> {
    (0..9).map(|number| vec![vote(number, 18_000), vote(100 + number, 40)]).collect()
}

fn open(disk: &Disk) -> (DiskJournal, Vec<Record>) {
    let (journal, recovered) = DiskJournal::open(Box::new(disk.clone()), &identity()).unwrap();
    (journal, recovered.storage.unwrap_or_default().0)
}

fn new_disk(schedule: &[usize]) -> Disk {
    let mut disk = Disk::default();
    create(&mut disk, &identity(), SMALLEST_SEGMENT, JournalId(7)).unwrap();
    disk.helps(schedule);
    disk
}

/// Schedules of the helper: never, at once, and late by more and more calls.
fn schedules() -> Vec<Vec<usize>> {
    let late = (1..7).map(|calls| [vec![0; calls], vec![1]].concat());
    [vec![0], vec![9]].into_iter().chain(late).collect()
}

/// What is kept of what was not synced.
const KEEPS: [fn(usize) -> bool; 5] = [
    |_| false,
    |_| true,
    |number| number % 2 == 0,
    |number| number % 2 == 1,
    |number| (number * 7) % 5 < 2,
];

/// Nothing that was acknowledged is lost, and the journal goes on from there.
fn recovers(disk: &Disk, acknowledged: usize, words: &str) {
    let all = batches();
    let (mut journal, found) = open(disk);
    let must = all[..acknowledged].concat();
    let may = all[..all.len().min(acknowledged + 1)].concat();
    assert!(found.starts_with(&must) && may.starts_with(&found), "{words}");
    journal.append(vec![Record::Round(7)]).unwrap();
    drop(journal);
    let (_, again) = open(&disk.cut_power(|_| false));
    assert_eq!(again, [found, vec![Record::Round(7)]].concat(), "{words}");
}

/// The process, or the power, ends at every single call of the journal or of the helper.
#[test]
fn nothing_is_lost_at_whatever_call_it_ends() {
    for schedule in schedules() {
        let disk = new_disk(&schedule);
        let before = disk.calls();
        let (mut journal, _) = open(&disk);
        batches().into_iter().for_each(|batch| journal.append(batch).unwrap());
        let calls = disk.calls() - before;
        assert!(disk.segments() > 2 && calls > 30, "{calls}");
        for works in 0..=calls {
            let disk = new_disk(&schedule);
            disk.works(Some(works));
            let mut acknowledged = 0;
            if let Ok((mut journal, _)) = DiskJournal::open(Box::new(disk.clone()), &identity()) {
                let appended = |batch: Vec<Record>| journal.append(batch).is_ok();
                acknowledged = batches().into_iter().map(appended).take_while(|it| *it).count();
            }
            let words = format!("{works} calls, {schedule:?}");
            for (number, keeps) in KEEPS.into_iter().enumerate() {
                recovers(&disk.cut_power(keeps), acknowledged, &format!("{words}, {number}"));
            }
            disk.works(None);
            recovers(&disk, acknowledged, &words);
        }
    }
}

/// The check above has an eye for a spare that is taken for a segment before it is whole.
#[test]
fn a_segment_that_was_renamed_before_it_was_durable_would_be_noticed() {
    let mut disk = new_disk(&[0]);
    let (mut journal, _) = open(&disk);
    batches().into_iter().take(2).for_each(|batch| journal.append(batch).unwrap());
    assert!(disk.names().unwrap().iter().any(|name| name == SPARE), "it was begun");
    disk.rename(SPARE, "journal-00000002").unwrap();
    disk.sync().unwrap();
    drop(journal);
    assert!(DiskJournal::open(Box::new(disk.cut_power(|_| false)), &identity()).is_err());
}

/// What is left over of a segment is no part of the journal, whatever is in it, and is removed.
#[test]
fn a_spare_that_is_left_over_is_removed_whatever_is_in_it() {
    let disk = new_disk(&[0]);
    let (mut journal, _) = open(&disk);
    journal.append(vec![vote(1, 9)]).unwrap();
    drop(journal);
    let first = disk.files()["journal-00000001"].clone();
    for contents in [&[][..], &[0; 7], &[0xff; 4096], &first, &first[..SECTOR]] {
        let disk = disk.add(SPARE, contents);
        let (_, found) = open(&disk);
        assert_eq!(found, [vote(1, 9)]);
        assert!(!disk.files().contains_key(SPARE));
    }
    for name in ["identity", "peers", "journal-00000002"] {
        let disk = disk.add(&format!("{name}.unfinished"), b"half");
        open(&disk);
        assert_eq!(disk.files().len(), 3, "{name}");
    }
}

/// A turn waits only for what is not ready, and that is counted.
#[test]
fn a_turn_that_waits_for_a_segment_is_counted() {
    for (schedule, late) in [(vec![9], 0), (vec![0], 2)] {
        let disk = new_disk(&schedule);
        let (mut journal, _) = open(&disk);
        batches().into_iter().for_each(|batch| journal.append(batch).unwrap());
        let stats = journal.stats().unwrap();
        assert_eq!((disk.segments(), stats.late_segments), (3, late), "{schedule:?}");
    }
    // A batch that goes on in several segments leaves no time to make one ahead.
    let disk = new_disk(&[9]);
    let (mut journal, _) = open(&disk);
    journal.append(batches().concat()).unwrap();
    assert_eq!(journal.stats().unwrap().late_segments, disk.segments() as u64 - 1);
}

/// No spare is made before half of the segment is full: who saves little needs none.
#[test]
fn no_segment_is_begun_before_half_of_one_is_full() {
    let disk = new_disk(&[0]);
    let (mut journal, _) = open(&disk);
    let has_spare = || disk.files().contains_key(SPARE);
    for number in 0.. {
        let half = disk.used("journal-00000001") >= SMALLEST_SEGMENT / 2;
        assert_eq!(has_spare(), half, "{number}");
        if half {
            break;
        }
        journal.append(vec![vote(number, 5_000)]).unwrap();
    }
    // Nor is it forgotten by the next life.
    drop(journal);
    let disk = disk.cut_power(|_| true);
    assert!(disk.files()[SPARE].is_empty());
    let (journal, _) = open(&disk);
    assert!(disk.files().contains_key(SPARE));
    drop(journal);
}

/// A disk that has no room for the next segment fails nobody before it is needed, and not at all if there
/// is room by then; and what cannot be saved is refused.
#[test]
fn a_disk_without_room_for_the_next_segment_matters_only_once_it_is_needed() {
    for mended in [true, false] {
        let disk = new_disk(&[0]);
        let (mut journal, _) = open(&disk);
        let mut batches = batches().into_iter();
        // The spare is begun after the second batch; its first write fails.
        batches.by_ref().take(2).for_each(|batch| journal.append(batch).unwrap());
        disk.helps(&[1, 0, 0, 0, 0]);
        disk.works(Some(0));
        assert!(disk.clone().open("identity").is_err(), "a call, beside which the helper fails");
        disk.works(mended.then_some(1_000));
        if !mended {
            disk.works(Some(2));
        }
        let third = journal.append(batches.next().unwrap());
        assert!(third.is_ok(), "the segment has room for it");
        let fourth = journal.append(batches.next().unwrap());
        assert_eq!(fourth.is_ok(), mended);
        if let Err(error) = fourth {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}

/// A folder that is gone with this.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, segment: usize) -> Self {
        let path = std::env::temp_dir().join(format!("synod-ahead-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        create(&mut Directory::lock(&path).unwrap(), &identity(), segment, JournalId(7)).unwrap();
        Temporary(path)
    }

    fn open(&self) -> (DiskJournal, Vec<Record>) {
        let lock = Directory::lock(&self.0).unwrap();
        let (journal, recovered) = DiskJournal::open(Box::new(lock), &identity()).unwrap();
        (journal, recovered.storage.unwrap_or_default().0)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The threads of this process that make segments.
fn makers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let name =
        |task: io::Result<fs::DirEntry>| fs::read_to_string(task.unwrap().path().join("comm"));
    tasks.map(name).filter(|it| it.as_ref().is_ok_and(|it| it.trim() == "synod-segment")).count()
}

/// On a real disk, with a thread: segments are there in time, and the thread and the lock go with the
/// journal, also while a segment is being made.
#[test]
fn the_thread_ends_with_the_journal() {
    let folder = Temporary::new("real", SEGMENT);
    let batch = || vec![vote(1, 32_000); 64];
    let (mut journal, _) = folder.open();
    let size = || fs::metadata(folder.0.join(SPARE)).map_or(0, |spare| spare.size() as usize);
    let mut batches = 0;
    while size() == 0 {
        journal.append(batch()).unwrap();
        batches += 1;
    }
    drop(journal);
    assert_eq!(makers(), 0);
    let (mut journal, found) = folder.open();
    assert_eq!(found.len(), batches * 64);
    let deadline = Instant::now() + Duration::from_secs(60);
    while makers() > 0 || size() < SEGMENT {
        assert!(Instant::now() < deadline, "no segment is made");
        thread::yield_now();
    }
    let next = Path::new(&folder.0).join("journal-00000002");
    while !next.exists() {
        journal.append(batch()).unwrap();
        batches += 1;
    }
    assert_eq!((journal.stats().unwrap().late_segments, size()), (0, 0));
    drop(journal);
    assert_eq!(folder.open().1.len(), batches * 64);
}

/// `SYNOD_CHANGES=9 cargo test --release --lib ahead -- --nocapture` prints how long turns take on a real
/// disk, with segments of the usual size.
#[test]
fn turns_at_a_change_of_segments_are_measured() {
    let changes = std::env::var("SYNOD_CHANGES").ok().map(|changes| changes.parse().unwrap());
    let size = if changes.is_some() { SEGMENT } else { SMALLEST_SEGMENT };
    let folder = Temporary::new("longest", size);
    let (mut journal, _) = folder.open();
    let (mut usual, mut changed) = (Vec::new(), Vec::new());
    while changed.len() < changes.unwrap_or(3) {
        let before = journal.stats().unwrap().bytes;
        let start = Instant::now();
        journal.append(vec![vote(1, 1_000); 16]).unwrap();
        let took = start.elapsed().as_secs_f64() * 1e3;
        let change = journal.stats().unwrap().bytes > before;
        if change { changed.push(took) } else { usual.push(took) }
    }
    for (name, turns) in [("usual", &mut usual), ("at a change", &mut changed)] {
        turns.sort_by(f64::total_cmp);
        let (median, longest) = (turns[turns.len() / 2], turns[turns.len() - 1]);
        println!("{name}: {} turns, median {median:.1} ms, longest {longest:.1} ms", turns.len());
    }
    println!("waited for: {} segments", journal.stats().unwrap().late_segments);
}
