//! The memory that a leader takes to remember its clients, at the default limits.
//!
//! Each is alone in a process, since the process is measured.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

use crate::machine::kv::{KvCommand, KvStore};
use crate::paxos::limits::REMEMBERED;
use crate::paxos::*;
use crate::tests::common::alone;
use stateright::actor::{Actor, Id, Out};

/// The bytes that one instance takes in the log itself, of which nothing is cut yet.
const LOGGED: u64 = 256;

/// A leader of a cluster of three, which hears that commands are chosen.
struct Learning {
    node: Node,
    state: Option<State>,
    next: u64,
}

impl Learning {
    fn new() -> Self {
        let acceptors = (1..4).map(Id::from).collect();
        let members = Members::new(vec![Id::from(0)], acceptors, Quorums::Majority).unwrap();
        let leader = Leader {
            me: LeaderId(0),
            start: Start::Follow,
            asks: AcceptorSet::all(3),
            backlog: Vec::new(),
            machine: AnyStateMachine::new(KvStore::default()),
            setup: Arc::new(Setup::new(members, Limits::default())),
        };
        let node = Node::new(Role::Leader(leader), Saving::Nothing, Timing::NEVER);
        let state = node.on_start(Id::from(0), &None, &mut Out::new());
        Learning { node, state: Some(state), next: 0 }
    }

    /// A client of its own asks for this, once, and it is chosen.
    fn learn(&mut self, command: &KvCommand) {
        let instance = Instance(self.next);
        // In no order, as names are drawn.
        let number = (self.next as u32).wrapping_mul(0x9e37_79b9);
        let client = ClientId { lease_start: instance, number: number.into() };
        let payload = command.encode().unwrap().into();
        let id = RequestId { client, sequence: 0 };
        let decree = Decree::Command(Command { id, acknowledged: 0, payload });
        let ballot = Ballot { round: 1, leader: LeaderId(0) };
        for acceptor in [1, 2].map(Id::from) {
            let accepted = Message::Accepted(Vote { instance, ballot, decree: decree.clone() });
            let mut state = Cow::Owned(self.state.take().unwrap());
            self.node.on_msg(Id::from(0), &mut state, acceptor, accepted, &mut Out::new());
            self.state = Some(state.into_owned());
        }
        self.next += 1;
    }

    /// One large value is put, and so many clients get it. What is remembered then.
    fn serve(&mut self, value: usize, clients: u64) -> &crate::paxos::sessions::Sessions {
        let (key, value) = (|| b"big".to_vec(), vec![7; value]);
        self.learn(&KvCommand::Put { key: key(), value });
        (0..clients).for_each(|_| self.learn(&KvCommand::Get { key: key() }));
        let leader = self.state.as_ref().unwrap().as_leader().unwrap();
        assert_eq!(leader.executor().applied().len() as u64, clients + 1);
        leader.executor().sessions()
    }
}

/// The bytes of memory that this process takes, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Ten thousand reads of 32 KB by clients of their own took 314 MB, which grew to 8 GB: each reply was
/// kept for a lease.
#[test]
fn clients_that_never_acknowledge_take_no_more_than_the_stated_ceiling() {
    const NAME: &str = "clients_that_never_acknowledge_take_no_more_than_the_stated_ceiling";
    alone(module_path!(), NAME, keep_to_the_ceiling);
}

fn keep_to_the_ceiling() {
    let (limits, before) = (Limits::default(), resident());
    // A tenth of a lease; and more than a lease.
    for (value, clients) in [(32_000, 10_000), (1_000, limits.lease + 40_000)] {
        let mut leader = Learning::new();
        let sessions = leader.serve(value, clients);
        let answers = sessions.answers().len() as u64;
        assert_eq!(answers, limits.lease.min(clients + 1));
        let bytes = sessions.reply_bytes();
        assert!(bytes <= limits.reply_bytes && bytes + 32_100 > limits.reply_bytes, "{bytes}");
        let ceiling = limits.reply_bytes + answers * REMEMBERED as u64;
        assert!(ceiling <= limits.session_bytes());
        let (Some(before), Some(after)) = (before, resident()) else {
            println!("this system does not tell how much memory a process takes");
            continue;
        };
        let (taken, log) = (after.saturating_sub(before), clients * LOGGED);
        assert!(taken <= ceiling + log, "{taken} bytes for {clients} clients, not {ceiling}");
    }
}
