//! A member that starts for the first time, and what may be in its way.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use synod::internals::{Ballot, Directory, DiskJournal, Identity, Journal, LeaderId, Record};

use crate::common::{Cluster, text};

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
    let folder = Directory::lock(&acceptor).unwrap();
    let me = Identity { cluster: cluster.config().identity(), member: "n1/acceptor".to_owned() };
    let (mut journal, _) = DiskJournal::open(Box::new(folder), &me).unwrap();
    let ballot = Ballot { round: 1, leader: LeaderId(0) };
    journal.append(vec![Record::Promised(ballot)]).unwrap();
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
