//! `synod init`: what it writes, what it says, and what it refuses.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of its own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("synod-init-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn init(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        command.arg("init").args(args).current_dir(&self.0).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn init_says_what_is_wrong_and_what_to_do() {
    let folder = Folder::new("local");
    let init = |args: &[&str]| folder.init(args);
    let made = init(&["local", "--members", "2"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert!(out(&made).contains("2 stand no more failures than 1 would"), "{}", out(&made));
    let again = init(&["local"]);
    assert_eq!(again.status.code(), Some(2));
    let words = "cannot make local: it exists already; nothing was changed; take another name, or remove it";
    assert!(err(&again).contains(words), "{}", err(&again));
    for bad in ["a/b", "..", "", "a\"b", "x\nid = 1", "-x"] {
        let output = init(&["--", bad]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
        let error = err(&output);
        assert!(error.contains("cannot be the name of a cluster, and of its folder"), "{error}");
        assert!(!error.contains("line "), "{error}");
    }
    let many = init(&["many", "--members", "9"]);
    assert!(err(&many).contains("the journals take 576 MiB of disk"), "{}", err(&many));
}

/// With machines named, there is the file and nothing else, with words that fit a terminal; and no name
/// can write anything else into it.
#[test]
fn the_file_for_several_machines_is_all_that_is_made() {
    let folder = Folder::new("hosts");
    let three = ["--host", "node-1", "--host", "node-2", "--host", "node-3"];
    let made = folder.init(&[&["prod"], &three[..]].concat());
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let line = "  node-3  synod node n3 --config cluster.toml --new\n";
    assert!(out(&made).contains(line), "{}", out(&made));
    assert!(out(&made).lines().all(|line| line.len() <= 80), "{}", out(&made));
    let files: Vec<_> = fs::read_dir(folder.0.join("prod")).unwrap().collect();
    assert_eq!(files.len(), 1, "the journals of others are made where they run");
    for (args, words) in [
        (&["twice", "--host", "a", "--host", "a"][..], "--host a stands there twice"),
        (&["port", "--host", "a:7101"], "without a port"),
        (&["both", "--host", "a", "--members", "3"], "cannot be used with"),
        (&["lo", "--host", "127.0.0.1", "--host", "192.0.2.1"], "only its machine reaches it"),
    ] {
        let output = folder.init(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains(words), "{}", err(&output));
        assert!(!err(&output).contains("line "), "{}", err(&output));
        assert!(!folder.0.join(args[0]).exists());
    }
}
