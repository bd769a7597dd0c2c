//! `synod inspect`: what it says of journals, sound and damaged, and that it leaves them alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::SystemTime;

use crate::common::{Cluster, Member, text, wait_for};
use serde_json::{Value, json};
use synod::internals::{
    Ballot, ClientId, Command, Decree, Directory, DiskJournal, Identity, Instance, Journal,
    JournalId, LeaderId, Record, RequestId, SMALLEST_SEGMENT, Vote, create,
};

/// Every file below a folder, with its contents and the time when it was changed.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        match path.is_dir() {
            true => {
                found.extend(snapshot(&path));
                found.push((path, Vec::new(), changed));
            }
            false => found.push((path.clone(), fs::read(&path).unwrap(), changed)),
        }
    }
    found.sort();
    found
}

/// Exit code, standard output and standard error. Whatever is looked at is not changed.
fn inspect(cluster: &Cluster, args: &[&str]) -> (i32, String, String) {
    let before = snapshot(&cluster.folder);
    let output = cluster.synod(&[&["inspect"], args].concat());
    assert!(before == snapshot(&cluster.folder), "{args:?} has changed something");
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn ballot(round: u32) -> Ballot {
    Ballot { round, leader: LeaderId(1) }
}

/// A role's journal of several segments, in the folder of a cluster.
fn written(cluster: &Cluster) -> PathBuf {
    let path = cluster.data("n9/acceptor");
    fs::create_dir_all(&path).unwrap();
    let identity =
        Identity { cluster: cluster.config().identity(), member: "n9/acceptor".to_owned() };
    // Locked once: a process that another test starts may hold a lock on for a moment.
    let mut folder = Directory::lock(&path).unwrap();
    create(&mut folder, &identity, SMALLEST_SEGMENT, JournalId(7)).unwrap();
    let (mut journal, _) = DiskJournal::open(Box::new(folder), &identity).unwrap();
    journal.append(vec![Record::Promised(ballot(3)), Record::Promised(ballot(2))]).unwrap();
    for instance in 4..14 {
        let id = RequestId { client: ClientId::original(6), sequence: instance };
        let command = Command { id, acknowledged: 0, payload: vec![b'x'; 20_000].into() };
        let (instance, decree) = (Instance(instance), Decree::Command(command));
        journal.append(vec![Record::Voted(Vote { instance, ballot: ballot(3), decree })]).unwrap();
    }
    path
}

#[test]
fn what_is_in_a_journal_is_shown_and_nothing_is_changed() {
    let cluster = Cluster::new("inspect");
    written(&cluster);
    let (code, out, error) = inspect(&cluster, &["test/data/n9", "--records"]);
    assert_eq!((code, error.as_str()), (0, ""));
    for line in ["member           n9/acceptor", "voted in         instances 4 to 13"] {
        assert!(out.contains(line), "'{line}' is not in {out}");
    }
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[lines.len() - 12].trim(), "1  promised 3.n2");
    let last = format!("12  voted in 13 under 3.n2 for C7#13, 20000 bytes: {}...", "x".repeat(60));
    assert_eq!(lines[lines.len() - 1].trim(), last);

    let (_, out, _) = inspect(&cluster, &["test/data/n9", "--records", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    let entries = [
        ("sound", json!(true)),
        ("error", Value::Null),
        ("segments", json!(4)),
        ("segment_bytes", json!(SMALLEST_SEGMENT)),
        ("torn_bytes", json!(0)),
        ("entries", json!(11)),
        ("rounds", json!(0)),
        ("promises", json!(2)),
        ("votes", json!(10)),
        ("last_round", Value::Null),
        ("instances", json!([4, 13])),
        ("highest_promise", json!({ "round": 3, "leader": "n2" })),
    ];
    entries.iter().for_each(|(key, value)| assert_eq!(shown[key], *value, "{key}"));
    assert_eq!(shown["records"].as_array().unwrap().len(), 12);

    let (code, out, _) = inspect(&cluster, &["test/data/n1", "--json"]);
    let both: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &both[0]["member"], &both[1]["member"]),
        (0, &"n1/leader".into(), &"n1/acceptor".into())
    );
    assert!(both[0].get("records").is_none() && both[1]["entries"] == 0);
}

#[test]
fn what_is_damaged_torn_or_missing_is_said() {
    let cluster = Cluster::new("inspect-damaged");
    let path = written(&cluster);
    let last = path.join("journal-00000004");
    let whole = fs::read(&last).unwrap();
    let mut torn = whole.clone();
    torn[1024..1536].fill(0);
    fs::write(&last, torn).unwrap();
    let (code, out, error) = inspect(&cluster, &["test/data/n9"]);
    assert!(code == 0 && out.contains("the next start clears them"), "{out}{error}");

    let mut flipped = whole.clone();
    flipped[600] ^= 1;
    fs::write(&last, flipped).unwrap();
    let (code, out, error) = inspect(&cluster, &["test/data/n9/acceptor"]);
    for line in [
        "damaged           journal-00000004, at byte 512",
        "last sound entry  10",
        "verdict           cannot be used",
    ] {
        assert!(out.contains(line), "'{line}' is not in {out}");
    }
    let wanted = "test/data/n9/acceptor: journal-00000004 is damaged at byte 512: ";
    assert!(code == 1 && error.contains(wanted), "{error}");
    assert!(error.contains("must not vote again: leave it down"), "{error}");
    let (code, out, _) = inspect(&cluster, &["test/data/n9/acceptor", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["sound"]), (1, &json!(false)));
    assert!(shown["error"].as_str().unwrap().contains("damaged at byte 512"), "{shown}");
    let damage = json!({ "file": "journal-00000004", "byte": 512, "last_sound_entry": 10 });
    assert_eq!(shown["damage"], damage);

    let mut head = whole.clone();
    head[300] ^= 1;
    fs::write(&last, head).unwrap();
    let (code, _, error) = inspect(&cluster, &["test/data/n9/acceptor"]);
    assert!(code == 1 && error.contains("is damaged at byte 300: its head"), "{error}");

    fs::remove_file(&last).unwrap();
    let (code, _, error) = inspect(&cluster, &["test/data/n9"]);
    assert!(code == 1 && error.contains("journal-00000004 is damaged at byte 0: it is missing"));
    // Whoever mounts an empty disk finds the folders of roles without a journal.
    fs::create_dir_all(cluster.data("n8/leader")).unwrap();
    for missing in ["test/data/n8", "test/data/n8/leader"] {
        let (code, _, error) = inspect(&cluster, &[missing]);
        assert!(code == 1 && error.contains("its disk is lost"), "{error}");
    }
    fs::create_dir(cluster.data("n7")).unwrap();
    for other in ["test/data", "test/cluster.toml", "test/data/n7", "test/data/nope"] {
        let (code, _, error) = inspect(&cluster, &[other]);
        assert!(code == 2 && error.contains("take one like local/data/n1"), "{error}");
        assert!(!error.contains("disk is lost"), "{error}");
    }
    assert_eq!(inspect(&cluster, &[]).0, 2);
}

/// Journals hold what clients have written, so that other users may not read them.
#[test]
fn journals_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let cluster = Cluster::new("inspect-private");
    let mut found = 0;
    for (path, ..) in snapshot(&cluster.folder.join("test/data")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        found += 1;
    }
    assert!(found >= 3 * (3 + 2 * 3), "{found} files and folders");
}

/// What a node is writing is not taken for damage.
#[test]
fn a_journal_can_be_looked_at_while_it_is_written_to() {
    let cluster = Cluster::new("inspect-running");
    let (told, lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let _members = ["n1", "n2", "n3"].map(start);
    wait_for(&lines, "primary from now on");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for value in 0..20 {
                let put = cluster.ask(&["put", "number", &value.to_string().repeat(900)]);
                assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
            }
        });
        for _ in 0..8 {
            let looked = cluster.synod(&["inspect", "test/data/n1"]);
            assert_eq!(looked.status.code(), Some(0), "{}", text(&looked.stderr));
        }
    });
    let looked = cluster.synod(&["inspect", "test/data/n1/acceptor", "--json"]);
    let shown: Value = serde_json::from_slice(&looked.stdout).unwrap();
    assert!(shown["votes"].as_u64().unwrap() > 0, "{shown}");
}
