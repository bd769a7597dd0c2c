//! `node --new` that ends halfway, and what else may be found in a data directory: a member that never ran
//! can be started, one that has run is never taken for new, and what is not a journal's is said as it is.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::disk::Disk;
use common::{Cluster, identity, text};
use synod::paxos::{Ballot, LeaderId, Record};
use synod::runtime::journal::Journal;
use synod::runtime::journal::disk::{DiskJournal, JournalError, SMALLEST_SEGMENT, create, is_made};
use synod::runtime::journal::folder::Folder;
use synod::runtime::journal::identity::Identity;

fn make(disk: &Disk) -> Result<(), JournalError> {
    create(&mut disk.clone(), &identity(), SMALLEST_SEGMENT)
}

fn open(disk: &Disk) -> Result<Vec<Record>, JournalError> {
    let (_, recovered) = DiskJournal::open(disk.clone(), &identity())?;
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
    let (mut journal, _) = DiskJournal::open(disk.clone(), &identity()).unwrap();
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
    let (mut journal, _) = DiskJournal::open(disk.clone(), &identity()).unwrap();
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
    let refused = create(&mut disk.clone(), &other, SMALLEST_SEGMENT);
    assert!(matches!(refused, Err(JournalError::OtherMember { .. })));
}

/// Files that are not of the journal, whatever they are called, are neither read nor changed.
#[test]
fn foreign_files_are_left_alone_and_named() {
    let disk = Disk::default();
    make(&disk).unwrap();
    let (mut journal, _) = DiskJournal::open(disk.clone(), &identity()).unwrap();
    journal.append(promised()).unwrap();
    drop(journal);
    let names = ["journal-00000001.bak", "journal-2", "identity~", ".peers.swp", "lost+found", "é"];
    for name in names {
        let disk = disk.add(name, b"anything");
        let (_, recovered) = DiskJournal::open(disk.clone(), &identity()).unwrap();
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

/// A cluster of three whose member n1 has no data directory yet.
fn without_n1(name: &str) -> Cluster {
    let cluster = Cluster::new(name);
    fs::remove_dir_all(cluster.data("n1")).unwrap();
    cluster
}

fn new_node(cluster: &Cluster) -> Command {
    cluster.command(&["node", "n1", "--config", "test/cluster.toml", "--new"])
}

/// True if a member starts, which it says.
fn starts(mut command: Command) -> Result<(), String> {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let out = process.stdout.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(out));
    let said = lines.next().transpose().unwrap();
    process.kill().unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(Instant::now() < deadline);
    said.map(drop).ok_or_else(|| text(&output.stderr))
}

/// `kill -9` at any time: `--new` works again, and so does a start without, or it says what to do.
#[test]
fn a_new_member_that_is_killed_at_any_time_can_be_started() {
    let cluster = without_n1("new-killed");
    for micros in (0..16u64).map(|number| number * number * 700) {
        let mut process =
            new_node(&cluster).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_micros(micros);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        process.kill().unwrap();
        process.wait().unwrap();
        if let Err(error) = starts(cluster.node("n1")) {
            let known = ["there is no journal here", "start it once with --new"];
            assert!(known.iter().any(|known| error.contains(known)), "{micros}: {error}");
        }
        starts(new_node(&cluster)).unwrap_or_else(|error| panic!("{micros}: {error}"));
        fs::remove_dir_all(cluster.data("n1")).unwrap();
    }
}

/// If one of a member's roles has run, nothing is made for the other, whose journal is lost.
#[test]
fn a_member_of_which_one_role_has_run_is_not_new() {
    let cluster = Cluster::new("new-half");
    let acceptor = cluster.data("n1/acceptor");
    let folder = synod::runtime::journal::folder::Directory::lock(&acceptor).unwrap();
    let me = Identity { cluster: cluster.config().identity(), member: "n1/acceptor".to_owned() };
    let (mut journal, _) = DiskJournal::open(folder, &me).unwrap();
    journal.append(promised()).unwrap();
    drop(journal);
    fs::remove_dir_all(cluster.data("n1/leader")).unwrap();
    let error = starts(new_node(&cluster)).unwrap_err();
    assert!(error.contains("n1/acceptor: there is something here already (identity)"), "{error}");
    assert!(!cluster.data("n1/leader/identity").exists());
    assert!(starts(cluster.node("n1")).unwrap_err().contains("there is no journal here"));
}

/// What stands where the data directory should be is said, with what to do.
#[test]
fn a_data_directory_that_cannot_be_used_is_said_with_what_to_do() {
    let cluster = without_n1("new-unusable");
    let path = cluster.data("n1");
    let says = |command: Command, words: &[&str]| {
        let error = starts(command).unwrap_err();
        words.iter().for_each(|word| assert!(error.contains(word), "'{word}' is not in {error}"));
        assert!(!error.contains("its disk is lost"), "{error}");
    };
    let clear = |path: &Path| {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir_all(path);
    };
    fs::write(&path, "a file").unwrap();
    says(cluster.node("n1"), &["n1/leader", "is where a folder should be"]);
    says(new_node(&cluster), &["n1/leader", "is where a folder should be"]);
    clear(&path);
    symlink("nowhere", &path).unwrap();
    says(cluster.node("n1"), &["n1 is a symbolic link that leads nowhere", "is the disk mounted"]);
    says(new_node(&cluster), &["n1", "is where a folder should be", "is the disk mounted"]);
    clear(&path);
    // One that leads to a folder is as good as a folder.
    fs::create_dir(cluster.data("elsewhere")).unwrap();
    symlink("elsewhere", &path).unwrap();
    starts(new_node(&cluster)).unwrap();
    for name in ["identity", "journal-00000001", "peers"] {
        let file = cluster.data("n1/leader").join(name);
        let kept = fs::read(&file).ok();
        clear(&file);
        fs::create_dir(&file).unwrap();
        says(cluster.node("n1"), &[name, "Something else is where a file should be"]);
        clear(&file);
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        says(cluster.node("n1"), &[name, "Something else is where a file should be"]);
        clear(&file);
        kept.into_iter().for_each(|bytes| fs::write(&file, bytes).unwrap());
    }
    starts(cluster.node("n1")).unwrap();
}

/// Where there is no room for a journal, that is said; once there is, it is made.
#[test]
fn a_disk_without_room_for_a_new_journal_is_said() {
    let cluster = without_n1("new-full");
    let node = new_node(&cluster);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    shell.arg(node.get_program()).args(node.get_args()).current_dir(&cluster.folder);
    let error = starts(shell).unwrap_err();
    assert!(error.contains("cannot use journal-00000001"), "{error}");
    assert!(error.contains("limits the size of files"), "{error}");
    assert!(error.contains("start the member again"), "{error}");
    starts(new_node(&cluster)).unwrap();
}
