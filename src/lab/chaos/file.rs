//! The configuration file of a cluster under chaos: each role is a process of its own.

use std::fmt::{self, Display, Formatter};

use super::plan::Roster;
use crate::runtime::identity::ClusterId;

/// The contents of the file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: ClusterId,
    /// The name, role and port of each member.
    pub(super) members: Vec<(String, &'static str, u16)>,
    /// The quorum sizes, if they are not majorities.
    pub(super) quorums: Option<(usize, usize)>,
}

impl File {
    /// A cluster of these members, at these ports.
    pub(super) fn new(id: ClusterId, roster: &Roster, ports: Vec<u16>) -> Self {
        let leaders = roster.leaders.iter().map(|name| (name.clone(), "leader"));
        let acceptors = roster.acceptors.iter().map(|name| (name.clone(), "acceptor"));
        let members = leaders.chain(acceptors).zip(ports);
        let members = members.map(|((name, role), port)| (name, role, port)).collect();
        File { id, members, quorums: None }
    }

    /// The number of acceptors.
    pub(super) fn acceptors(&self) -> usize {
        self.members.iter().filter(|(_, role, _)| *role == "acceptor").count()
    }

    /// Adds an acceptor that does not run, at a port that no process listens at.
    pub(super) fn grow(&mut self, name: &str) {
        self.members.push((name.to_owned(), "acceptor", 1));
    }
}

impl Display for File {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "cluster = \"chaos\"\nid = \"{}\"", self.id)?;
        if let Some((phase1, phase2)) = self.quorums {
            writeln!(f, "[quorums]\nphase1 = {phase1}\nphase2 = {phase2}")?;
        }
        // Small limits, so that they are reached.
        writeln!(f, "[limits]\nwindow = 256\nclient_window = 256")?;
        writeln!(f, "lease = 1024\nreply_bytes = 32768")?;
        self.members.iter().try_for_each(|(name, role, port)| {
            writeln!(
                f,
                "\n[[member]]\nname = \"{name}\"\ndata = \"data/{name}\"\n{role} = \"127.0.0.1:{port}\""
            )
        })
    }
}
