//! A state machine of one's own, replicated by three members in one process over UDP, with journals on disk.
//! In earnest each member is a process of its own, on a machine of its own; they share the file.
//!
//!     cargo run --no-default-features --example embedded

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use synod::{
    Answer, AnyStateMachine, Client, ClusterConfig, Member, Outcome, RestoreError, StateMachine,
};

/// Adds up.
#[derive(Clone, Default)]
struct Sum(u64);

impl StateMachine for Sum {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        self.0 += command.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        self.0.to_string().into_bytes()
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        let bytes = snapshot.try_into().map_err(|_| RestoreError::new("not eight bytes"))?;
        Ok(Sum(u64::from_le_bytes(bytes)))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A leader and an acceptor for each member, at ports that are free now.
    let free: Vec<_> = (0..6).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let ports = free.iter().map(|socket| Ok(socket.local_addr()?.port()));
    let mut ports = ports.collect::<io::Result<Vec<u16>>>()?.into_iter();
    drop(free);

    let file = ClusterConfig::sample_at("sum", 3, || ports.next().unwrap_or_default())?;
    let config: ClusterConfig = file.parse()?;

    let base = std::env::temp_dir().join(format!("synod-sum-{}", std::process::id()));
    let mut members = Vec::new();
    for member in &config.members {
        Member::create(&config, &base, &member.name)?; // the first time ever
        let machine = AnyStateMachine::new(Sum::default());
        members.push(Member::start(&config, &base, &member.name, &machine)?);
    }

    let mut client = Client::new(&config)?;
    let within = Duration::from_secs(10);
    client.propose(&[1, 2], within)?;
    let Outcome::Done(done) = client.propose(&[3], within)? else { return Err("not done".into()) };
    assert_eq!(done.answer, Answer::Reply(b"6"[..].into()));
    println!("1 + 2 + 3 is 6, as three members know");

    drop(members);
    Ok(std::fs::remove_dir_all(base)?)
}
