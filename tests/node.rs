//! Members as processes: started, killed, started again, stopped, and refused.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A folder of its own, with a cluster of three members in it.
struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let cluster = Cluster { folder };
        let made = cluster.synod(&["init", "test", "--port", &free_ports().to_string()]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(text(&made.stdout).contains("synod node n3 --config test/cluster.toml"));
        cluster
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        command.args(args).current_dir(&self.folder).env_remove("SYNOD_LOG");
        command
    }

    fn synod(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// A member's attempt to start, which must fail.
    fn refused(&self, member: &str) -> String {
        let output = self.synod(&["node", member, "--config", "test/cluster.toml"]);
        assert_eq!(output.status.code(), Some(1), "{member}");
        text(&output.stderr)
    }

    fn data(&self, path: &str) -> PathBuf {
        self.folder.join("test/data").join(path)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The first of six ports that nobody uses.
fn free_ports() -> u16 {
    let free = |port: u16| UdpSocket::bind(("127.0.0.1", port)).is_ok();
    let mut tries = (0..100).map(|_| fastrand::u16(10_000..30_000));
    tries.find(|first| (0..6).all(|more| free(first + more))).unwrap()
}

/// A member that runs. It is killed when it is let go.
struct Member {
    name: &'static str,
    process: Child,
}

impl Member {
    fn start(
        cluster: &Cluster,
        name: &'static str,
        lines: &Sender<(&'static str, String)>,
    ) -> Self {
        let args = ["--log", "info", "node", name, "--config", "test/cluster.toml"];
        let mut command = cluster.command(&args);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        pass_on(name, out, lines.clone());
        pass_on(name, err, lines.clone());
        Member { name, process }
    }

    /// Asks it to stop, as an operating system does.
    fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pass_on(
    name: &'static str,
    from: impl std::io::Read + Send + 'static,
    to: Sender<(&'static str, String)>,
) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send((name, line));
        }
    });
}

/// The first line that says this, and who said it.
fn wait_for(lines: &Receiver<(&'static str, String)>, wanted: &str) -> (&'static str, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("nobody says '{wanted}'"));
        if line.1.contains(wanted) {
            return line;
        }
    }
}

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
    let ask = |args: &[&str]| {
        cluster.synod(&[args, &["--config", "test/cluster.toml", "--timeout", "10"]].concat())
    };
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
        assert_eq!(
            text(&ask(&["get", "colour"]).stdout),
            format!(
                "{value}
"
            )
        );
        let (next, _) = wait_for(&lines, "primary from now on");
        members.push(start(primary));
        primary = next;
    }
    let cas = ask(&["cas", "colour", "white", "--expect", "blue"]);
    assert_eq!(cas.status.code(), Some(1));
    assert!(text(&cas.stderr).contains("nothing was changed: there is green"));
    let cas = ask(&["cas", "colour", "white", "--expect", "green", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&cas.stdout).unwrap();
    assert_eq!((&shown["outcome"], &shown["value"]), (&"done".into(), &"green".into()));
    assert_eq!(ask(&["delete", "colour"]).status.code(), Some(0));
    assert_eq!(ask(&["get", "colour"]).status.code(), Some(1));
    drop(members);
    let put = cluster.synod(&[
        "put",
        "colour",
        "grey",
        "--config",
        "test/cluster.toml",
        "--timeout",
        "0.3",
    ]);
    assert_eq!(put.status.code(), Some(3), "nobody is there to say");
    assert!(text(&put.stderr).contains("it may have been done, or may yet be"));
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
    assert!(error.contains("restore the disk, or leave the member out"), "{error}");

    let swap = |one: &Path, two: &Path| {
        let aside = cluster.data("aside");
        fs::rename(one, &aside).unwrap();
        fs::rename(two, one).unwrap();
        fs::rename(&aside, two).unwrap();
    };
    swap(&cluster.data("n2"), &cluster.data("n3"));
    let error = cluster.refused("n2");
    assert!(error.contains("journal of member n3/leader of cluster test, not of"), "{error}");
    swap(&cluster.data("n2"), &cluster.data("n3"));

    for file in ["identity", "journal-00000001", "lock"] {
        fs::remove_file(cluster.data("n3/acceptor").join(file)).unwrap();
    }
    let error = cluster.refused("n3");
    assert!(error.contains("its disk is lost"), "{error}");
    fs::remove_dir_all(cluster.data("n3")).unwrap();
    assert!(cluster.refused("n3").contains("its disk is lost"));

    let (told, lines) = channel();
    let _running = Member::start(&cluster, "n2", &told);
    wait_for(&lines, "acceptor at");
    assert!(cluster.refused("n2").contains("in use"));
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
    assert!(error.contains("test/cluster.toml, line 11: \"n1\" stands in line 5"), "{error}");
    let output = cluster.synod(&["init", "test"]);
    assert_eq!(output.status.code(), Some(2), "it is there already");
    fs::write(&file, text_of).unwrap();
    assert!(cluster.refused("n7").contains("no member 'n7': the file has n1, n2, n3"));
}
