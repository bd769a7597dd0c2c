//! Members as processes: started, killed, started again, stopped, and refused.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;

use crate::common::{Cluster, Member, text, wait_for};

/// The primary is killed; another takes over; the first comes back with what it promised; all stop
/// when they are told to.
#[test]
fn a_member_that_was_killed_comes_back_with_what_it_promised() {
    let cluster = Cluster::new("killed");
    let (told, lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let mut members: Vec<Member> = ["n1", "n2", "n3"].into_iter().map(start).collect();
    let (primary, _) = wait_for(&lines, "primary from now on");
    members.retain(|member| member.name != primary);
    let (next, _) = wait_for(&lines, "primary from now on");
    assert_ne!(next, primary);
    members.push(start(primary));
    let (_, line) = wait_for(&lines, ": leader at ");
    assert!(line.starts_with(primary) && !line.ends_with(" 0 entries"), "{line}");
    for member in members {
        assert_eq!(member.terminate(), Some(0));
    }
}

/// What was put is there, whoever is killed; and who asks learns what became of it.
#[test]
fn clients_are_answered_whoever_is_killed() {
    let cluster = Cluster::new("clients");
    let ask = |args: &[&str]| cluster.ask(args);
    let (told, lines) = channel();
    let start = |name| Member::start(&cluster, name, &told);
    let mut members: Vec<Member> = ["n1", "n2", "n3"].into_iter().map(start).collect();
    let put = ask(&["put", "colour", "blue"]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    let (mut primary, _) = wait_for(&lines, "primary from now on");
    for value in ["red", "green"] {
        members.retain(|member| member.name != primary);
        let put = ask(&["put", "colour", value]);
        assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
        assert_eq!(text(&ask(&["get", "colour"]).stdout), value);
        let (next, _) = wait_for(&lines, "primary from now on");
        members.push(start(primary));
        primary = next;
    }
    let cas = ask(&["cas", "colour", "white", "--expect", "blue"]);
    assert_eq!(cas.status.code(), Some(1));
    assert!(text(&cas.stderr).contains("nothing was changed: there is \"green\""));
    let cas = ask(&["cas", "colour", "white", "--expect", "green", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&cas.stdout).unwrap();
    assert_eq!((&shown["outcome"], &shown["previous"]), (&"done".into(), &"green".into()));
    assert_eq!(ask(&["delete", "colour"]).status.code(), Some(0));
    assert_eq!(ask(&["get", "colour"]).status.code(), Some(1));
    let put_for_a_moment = || {
        cluster.synod(&[
            "put",
            "colour",
            "grey",
            "--config",
            "test/cluster.toml",
            "--timeout",
            "0.4",
        ])
    };
    members.retain(|member| member.name == primary);
    lines.try_iter().for_each(drop);
    let put = put_for_a_moment();
    assert_eq!(put.status.code(), Some(3), "one alone cannot say");
    assert!(text(&put.stderr).contains("it may have been done, or may yet be"));
    // A primary that reaches nobody stops being one.
    wait_for(&lines, "follower from now on");
    let put = put_for_a_moment();
    assert_eq!(put.status.code(), Some(4), "nobody was asked");
    assert!(text(&put.stderr).contains("not done, and never will be: nobody is primary"));
    drop(members);
    let put = put_for_a_moment();
    assert_eq!(put.status.code(), Some(4), "nobody was asked");
    assert!(text(&put.stderr).contains("not done, and never will be: no leader has answered"));
}

/// A member that does not know what it promised does not start, and says what to do.
#[test]
fn a_member_with_a_damaged_foreign_or_lost_journal_is_refused() {
    let cluster = Cluster::new("refused");
    let journal = cluster.data("n1/acceptor/journal-00000001");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[700] ^= 4;
    fs::write(&journal, bytes).unwrap();
    let error = cluster.refused("n1");
    assert!(error.contains("journal-00000001 is damaged at byte 512"), "{error}");
    assert!(error.contains("must not vote again: leave it down"), "{error}");

    let swap = |one: &Path, two: &Path| {
        let aside = cluster.data("aside");
        fs::rename(one, &aside).unwrap();
        fs::rename(two, one).unwrap();
        fs::rename(&aside, two).unwrap();
    };
    swap(&cluster.data("n2"), &cluster.data("n3"));
    let error = cluster.refused("n2");
    assert!(error.contains("the journal of n3/leader, not of n2/leader"), "{error}");
    swap(&cluster.data("n2"), &cluster.data("n3"));

    for file in ["identity", "cluster", "journal-00000001", "lock"] {
        fs::remove_file(cluster.data("n3/acceptor").join(file)).unwrap();
    }
    let error = cluster.refused("n3");
    assert!(error.contains("its disk is lost"), "{error}");
    fs::remove_dir_all(cluster.data("n3")).unwrap();
    assert!(cluster.refused("n3").contains("its disk is lost"));

    let (told, lines) = channel();
    let _running = Member::start(&cluster, "n2", &told);
    wait_for(&lines, "acceptor at");
    assert!(cluster.cannot_start("n2", 1).contains("in use"));
}

#[test]
fn what_cannot_be_configured_is_said_with_its_line() {
    let cluster = Cluster::new("config");
    let file = cluster.folder.join("test/cluster.toml");
    let text_of = fs::read_to_string(&file).unwrap();
    fs::write(&file, text_of.replace("name = \"n2\"", "name = \"n1\"")).unwrap();
    let output = cluster.synod(&["node", "n1", "--config", "test/cluster.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    let line_of = |name: &str| {
        let at = text_of.find(&format!("name = \"{name}\"")).unwrap();
        text_of[..at].matches('\n').count() + 1
    };
    let (first, again) = (line_of("n1"), line_of("n2"));
    let expected =
        format!("test/cluster.toml, line {again}: \"n1\" stands in line {first} already");
    assert!(error.contains(&expected), "{error}");
    let output = cluster.synod(&["init", "test"]);
    assert_eq!(output.status.code(), Some(2), "it is there already");
    fs::write(&file, text_of).unwrap();
    let alone = ["node", "n1", "--without", "n1", "--config", "test/cluster.toml"];
    let output = cluster.synod(&alone);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("n1 cannot do without itself"), "{output:?}");
    assert!(cluster.cannot_start("n7", 2).contains("no member 'n7'; there are n1, n2, n3"));
}
