//! A cluster of members as processes, in a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use synod::ClusterConfig;
use synod::lab::free_ports;

/// A folder of its own, with a cluster of three members in it.
pub(crate) struct Cluster {
    pub(crate) folder: PathBuf,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let cluster = Cluster { folder };
        let made =
            cluster.synod(&["init", "test", "--port", &free_ports(16).unwrap()[0].to_string()]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(text(&made.stdout).contains("synod node n3 --config test/cluster.toml"));
        cluster
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env_remove("SYNOD_LOG")
            .env_remove("SYNOD_CONFIG");
        command
    }

    pub(crate) fn synod(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What runs a member.
    pub(crate) fn node(&self, member: &str) -> Command {
        self.command(&["--log", "info", "node", member, "--config", "test/cluster.toml"])
    }

    /// Asks the cluster, as a client.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        self.synod(&[args, &["--config", "test/cluster.toml", "--timeout", "10"]].concat())
    }

    /// A member's attempt to start, which must fail, and not be repeated.
    pub(crate) fn refused(&self, member: &str) -> String {
        self.cannot_start(member, 4)
    }

    /// A member's attempt to start, which must fail with this exit code.
    pub(crate) fn cannot_start(&self, member: &str, code: i32) -> String {
        let output = self.synod(&["node", member, "--config", "test/cluster.toml"]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{member}: {error}");
        error
    }

    /// The cluster's file, as it is now.
    pub(crate) fn config(&self) -> ClusterConfig {
        fs::read_to_string(self.folder.join("test/cluster.toml")).unwrap().parse().unwrap()
    }

    pub(crate) fn data(&self, path: &str) -> PathBuf {
        self.folder.join("test/data").join(path)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where the lines of members go, each with the member's name.
pub(crate) type Lines = Sender<(&'static str, String)>;

/// A member that runs. It is killed when it is let go.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    process: Child,
}

impl Member {
    pub(crate) fn start(cluster: &Cluster, name: &'static str, lines: &Lines) -> Self {
        Member::spawn(name, cluster.node(name), lines)
    }

    /// Starts a member by this command.
    pub(crate) fn spawn(name: &'static str, mut command: Command, lines: &Lines) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        pass_on(name, out, lines.clone());
        pass_on(name, err, lines.clone());
        Member { name, process }
    }

    /// Waits until it ends by itself, for its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// Asks it to stop, as an operating system does.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let (signal, id) = (format!("-{name}"), self.process.id().to_string());
        assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pass_on(name: &'static str, from: impl Read + Send + 'static, to: Lines) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send((name, line));
        }
    });
}

/// The first line that says this, and who said it.
pub(crate) fn wait_for(
    lines: &Receiver<(&'static str, String)>,
    wanted: &str,
) -> (&'static str, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("nobody says '{wanted}'"));
        if line.1.contains(wanted) {
            return line;
        }
    }
}
