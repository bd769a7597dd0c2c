//! The key-value store of a running cluster, as a shell and a script see it: any bytes, keys by prefix, and
//! the history without loss.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Output, Stdio};
use std::sync::mpsc::channel;

use crate::common::{Cluster, Member, text};
use serde_json::{Value, json};
use synod::MAX_ENTRY;

struct Store {
    cluster: Cluster,
    members: Vec<Member>,
}

impl Store {
    fn start(name: &str) -> Self {
        let cluster = Cluster::new(name);
        let (told, _lines) = channel();
        let members = ["n1", "n2", "n3"].map(|name| Member::start(&cluster, name, &told)).into();
        Store { cluster, members }
    }

    /// Runs a command with this standard input.
    fn ask(&self, args: &[&[u8]], input: &[u8]) -> Output {
        let mut command = self.cluster.command(&[]);
        command.args(args.iter().map(|arg| OsStr::from_bytes(arg)));
        command.args(["--config", "test/cluster.toml", "--timeout", "10"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // A command that refuses its input may end before all of it was written.
        let _ = process.stdin.take().unwrap().write_all(input);
        process.wait_with_output().unwrap()
    }

    fn ok(&self, args: &[&[u8]], input: &[u8]) -> Vec<u8> {
        let output = self.ask(args, input);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        output.stdout
    }

    fn json(&self, args: &[&[u8]]) -> Value {
        let output = self.ask(&[args, &[b"--json"]].concat(), b"");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// What was put comes back to the byte, whatever it is and however it was given.
#[test]
fn any_bytes_are_put_and_come_back() {
    let store = Store::start("bytes");
    let (all, key): (Vec<u8>, &[u8]) = ((0..=255).collect(), b"\xff key");
    let argument: Vec<u8> = (1..=255).collect();
    let longest = vec![b'x'; MAX_ENTRY - key.len()];
    for value in [&b"blue"[..], b"", b"two\nlines\n", &all, &longest] {
        let told = store.ok(&[b"put", key, b"-"], value);
        assert!(told.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\n'), "{told:?}");
        assert!(told.len() < 500, "the value before is shortened");
        assert_eq!(store.ok(&[b"get", key], b""), value);
    }
    store.ok(&[b"put", key, &argument], b"");
    assert_eq!(store.ok(&[b"get", key], b""), argument);

    let too_long = store.ask(&[b"put", key, b"-"], &[b'x'; MAX_ENTRY + 1]);
    assert_eq!(too_long.status.code(), Some(2));
    assert!(text(&too_long.stderr).contains("more than 32,704 bytes"), "{too_long:?}");

    let lost = store.json(&[b"cas", key, b"new", b"--expect", b"\xfe"]);
    let hex: String = argument.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&lost["current"], &lost["applied"]), (&json!({ "hex": hex }), &json!(false)));
    let won = store.ask(&[b"cas", key, b"-", b"--expect", &argument, b"--json"], b"\0");
    assert_eq!(won.status.code(), Some(0), "{}", text(&won.stderr));
    assert_eq!(store.json(&[b"get", key])["value"], "\0");
    assert_eq!(store.json(&[b"delete", key])["previous"], "\0");

    // A key that is not there, and one whose value says so.
    let nothing = store.ask(&[b"delete", key], b"");
    assert_eq!(nothing.status.code(), Some(0));
    assert_eq!(text(&nothing.stdout), "nothing to delete: there was no such key\n");
    assert_eq!(store.json(&[b"delete", key])["previous"], Value::Null);
    let none = store.ask(&[b"get", key], b"");
    assert_eq!((none.status.code(), none.stdout), (Some(1), Vec::new()));

    let proposed = store.ask(&[b"propose", b"-"], b"\xf0 what?");
    assert_eq!(proposed.status.code(), Some(1));
    assert!(text(&proposed.stderr).contains("no command of its own"), "{proposed:?}");
    store.members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

#[test]
fn keys_are_listed_by_prefix_and_the_history_without_loss() {
    let store = Store::start("keys");
    assert_eq!(store.ask(&[b"keys"], b"").status.code(), Some(1), "there is none yet");
    let long = [&b"b/"[..], &[b'y'; 20_000]].concat();
    for key in [&b"b/2"[..], b"a", b"b/\xff", "b/ключ".as_bytes(), b"b/1", &long, b"c"] {
        store.ok(&[b"put", key, b"a b"], b"");
    }
    // Two pages, since the long one fills one.
    let listed = text(&store.ok(&[b"keys", b"b/"], b""));
    let mut lines: Vec<&str> = listed.lines().collect();
    assert!(lines[2].ends_with("yyy\"... (20,002 bytes)"), "{listed}");
    lines.remove(2);
    assert_eq!(lines, ["b/1", "b/2", "b/ключ", "\"b/\\xff\""]);
    let json_of = |args: &[&[u8]]| store.json(&[&[&b"keys"[..]], args].concat());
    assert_eq!(json_of(&[b"--limit", b"2"]), json!({ "keys": ["a", "b/1"], "more": true }));
    assert_eq!(json_of(&[b"c"]), json!({ "keys": ["c"], "more": false }));
    assert_eq!(json_of(&[b"d"]), json!({ "keys": [], "more": false }));
    assert_eq!(json_of(&[b"b/"])["keys"][4], json!({ "hex": "622fff" }));

    let log = text(&store.ok(&[b"log", b"--json"], b""));
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let put = entries.iter().find(|entry| entry["operation"] == "put").unwrap();
    assert_eq!((&put["key"], &put["value"]), (&json!("b/2"), &json!("a b")));
    assert!(put["applied"] == true && put["request"].is_string(), "{put}");
    assert!(entries.iter().any(|entry| entry["operation"] == "list" && entry["prefix"] == "b/"));
    let last = u64::MAX.to_string();
    assert_eq!(store.ok(&[b"log", b"--from", last.as_bytes()], b""), b"", "none is so late");
    let words = text(&store.ok(&[b"log"], b""));
    assert!(words.contains("  put b/ключ \"a b\"\n"), "{words}");
    store.members.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}
