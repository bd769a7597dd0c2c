//! Disks that fail under members that run: what they say then, and what they do not say.

use std::fs;
use std::process::Command;
use std::sync::mpsc::channel;

use crate::common::{Cluster, Member, text, wait_for};

/// The same command where no file can be written beyond a few blocks: a disk that is full. A
/// journal's files have their size already, so it is the writes within them that fail.
fn on_a_full_disk(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args()).env_remove("SYNOD_LOG");
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// The member stops and says why; the others answer all along; and once there is room again, it
/// comes back and counts.
#[test]
fn a_member_whose_disk_is_full_stops_and_the_others_go_on() {
    let cluster = Cluster::new("full");
    let put = |value: &str| {
        let put = cluster.ask(&["put", "colour", value]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    };
    let (told, lines) = channel();
    let full = Member::spawn("n1", on_a_full_disk(&cluster.node("n1")), &told);
    let start = |name| Member::start(&cluster, name, &told);
    let mut others = vec![start("n2"), start("n3")];
    (0..16).for_each(|_| put(&"blue".repeat(250)));
    let (name, line) = wait_for(&lines, "cannot save, so nothing more is sent");
    assert_eq!(name, "n1");
    assert!(line.contains("mend the disk, then start the node again"), "{line}");
    assert_eq!(full.wait(), Some(1));
    put("green");

    others.push(start("n1"));
    others.retain(|member| member.name != "n2");
    put("red");
    assert_eq!(text(&cluster.ask(&["get", "colour"]).stdout), "red");
    others.into_iter().for_each(|member| assert_eq!(member.terminate(), Some(0)));
}

/// Whose disk is mixed up or lost does not come back, and the others do without.
#[test]
fn a_member_with_swapped_or_emptied_directories_is_refused_while_the_others_go_on() {
    let cluster = Cluster::new("mixed");
    let put = || assert_eq!(cluster.ask(&["put", "colour", "blue"]).status.code(), Some(0));
    let (told, _lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let [first, _second, _third] = ["n1", "n2", "n3"].map(start);
    put();
    assert_eq!(first.terminate(), Some(0));
    let [leader, acceptor, aside] =
        ["n1/leader", "n1/acceptor", "aside"].map(|it| cluster.data(it));
    let swap = || {
        fs::rename(&leader, &aside).unwrap();
        fs::rename(&acceptor, &leader).unwrap();
        fs::rename(&aside, &acceptor).unwrap();
    };
    swap();
    let error = cluster.refused("n1");
    assert!(error.contains("the journal of n1/acceptor, not of n1/leader"), "{error}");
    put();
    swap();
    for entry in fs::read_dir(&acceptor).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = cluster.refused("n1");
    assert!(error.contains("its disk is lost"), "{error}");
    put();
}
