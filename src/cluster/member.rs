//! One member of a configured cluster: its roles, each on its socket and with its journal.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stateright::actor::Id;
use thiserror::Error;

use super::config::{Address, ClusterConfig, MemberConfig};
use crate::paxos::{
    Acceptor, AcceptorId, AcceptorSet, AnyStateMachine, Leader, LeaderId, Members, MembersError,
    Node, Role, Saving, Setup, Start,
};
use crate::runtime::addresses::Addresses;
use crate::runtime::greeting::Greeter;
use crate::runtime::journal::disk::{DiskJournal, JournalError, Recovered, SEGMENT, create};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::Identity;
use crate::runtime::journal::peers::{Peers, PeersError};
use crate::runtime::lossy::{Losses, Lossy};
use crate::runtime::run::{Running, run_among};
use crate::runtime::udp::Udp;

/// Why a member could not be started.
#[derive(Debug, Error)]
pub enum MemberError {
    /// A name that is not in the file.
    #[error("there is no member '{name}': the file has {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The system knows no such host.
    #[error("{address} cannot be resolved: {source}")]
    Resolve {
        /// The address.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// The address cannot be had.
    #[error("cannot listen at {address}: {source}; is the member running already?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The data directory cannot be had.
    #[error("cannot use {path}: {source}", path = path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory is in use.
    #[error("{path} is in use: is the member running already?", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Its journal cannot be used.
    #[error("{path}: {source}", path = path.display())]
    Journal {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: JournalError,
    },
    /// It cannot know which journals the others have.
    #[error("{path}: {source}", path = path.display())]
    Peers {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: PeersError,
    },
    /// The members cannot form a cluster.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A role that a member plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A leader.
    Leader,
    /// An acceptor.
    Acceptor,
}

impl Part {
    /// Its name, which its directory has too.
    pub fn name(self) -> &'static str {
        match self {
            Part::Leader => "leader",
            Part::Acceptor => "acceptor",
        }
    }

    /// Where a member plays it, if it does.
    pub fn address(self, member: &MemberConfig) -> Option<&Address> {
        match self {
            Part::Leader => member.leader.as_ref(),
            Part::Acceptor => member.acceptor.as_ref(),
        }
    }
}

/// All roles.
pub const PARTS: [Part; 2] = [Part::Leader, Part::Acceptor];

/// A role that is being played.
#[derive(Debug)]
pub struct Playing {
    /// The role.
    pub part: Part,
    /// What was found in its journal, but for the records, which the actor has.
    pub recovered: Recovered,
    /// The actor on its socket.
    pub running: Running,
}

impl ClusterConfig {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Result<&MemberConfig, MemberError> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.members.iter().map(|m| m.name.as_str()).collect();
            MemberError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// Makes the journals of a member that has never run. Paths begin at `base`.
    pub fn create_journals(&self, base: &Path, name: &str) -> Result<(), MemberError> {
        let member = self.member(name)?;
        for (part, _) in parts(member) {
            let path = base.join(&member.data).join(part.name());
            std::fs::create_dir_all(&path)
                .map_err(|source| MemberError::Folder { path: path.clone(), source })?;
            let mut folder = lock(&path)?;
            create(&mut folder, &self.identity(member, part), SEGMENT)
                .map_err(|source| MemberError::Journal { path, source })?;
        }
        Ok(())
    }

    /// Starts a member: each of its roles, with what it saved in earlier lives. Commands are applied
    /// to `machine`. Paths begin at `base`.
    pub fn start(
        &self,
        base: &Path,
        name: &str,
        machine: &AnyStateMachine,
    ) -> Result<Vec<Playing>, MemberError> {
        self.start_with_losses(base, name, machine, None)
    }

    /// The same, behind a network that loses what it is told to.
    pub fn start_with_losses(
        &self,
        base: &Path,
        name: &str,
        machine: &AnyStateMachine,
        losses: Option<&Arc<Losses>>,
    ) -> Result<Vec<Playing>, MemberError> {
        let member = self.member(name)?;
        // Each has its socket before any is started, so that they hear each other's greetings.
        let ready = |part| self.ready(base, member, part, machine);
        let ready: Vec<Ready> = parts(member).map(ready).collect::<Result<_, _>>()?;
        ready.into_iter().map(|ready| ready.play(losses)).collect()
    }

    fn identity(&self, member: &MemberConfig, part: Part) -> Identity {
        Identity { cluster: self.constitution(), member: full_name(member, part) }
    }

    fn ready(
        &self,
        base: &Path,
        member: &MemberConfig,
        (part, at): (Part, &Address),
        machine: &AnyStateMachine,
    ) -> Result<Ready, MemberError> {
        let path = base.join(&member.data).join(part.name());
        let (folder, identity) = (lock(&path)?, self.identity(member, part));
        let (journal, recovered) = DiskJournal::open(folder, &identity)
            .map_err(|source| MemberError::Journal { path: path.clone(), source })?;
        let peers = Peers::open(Directory::look(&path), &identity)
            .map_err(|source| MemberError::Peers { path, source })?;
        let own = resolve(at)?;
        let socket = Udp::bind(own).map_err(|source| MemberError::Bind { address: own, source })?;
        let members = self.ids(socket.addresses())?;
        let others: Vec<(Id, String)> =
            self.names(&members).filter(|(id, _)| *id != socket.id()).collect();
        let greeter = Greeter::new((journal.id(), recovered.entries == 0), peers, others);
        // Leaders and acceptors are counted in the order of the file.
        let before = self.members.iter().take_while(|other| other.name != member.name);
        let place = before.filter(|other| part.address(other).is_some()).count();
        let role = self.role(part, place, members, machine.clone());
        let node = Node::new(role, Saving::Changes, self.timing.clone());
        Ok(Ready { part, node, socket, journal, recovered, greeter })
    }

    /// The names of all roles of all members.
    fn names<'a>(&'a self, members: &'a Members) -> impl Iterator<Item = (Id, String)> {
        PARTS.into_iter().flat_map(move |part| {
            let there = self.members.iter().filter(move |it| part.address(it).is_some());
            let ids = match part {
                Part::Leader => members.leaders(),
                Part::Acceptor => members.acceptors(),
            };
            ids.iter().copied().zip(there.map(move |member| full_name(member, part)))
        })
    }

    /// Who takes part, as one socket knows them.
    fn ids(&self, addresses: &Addresses) -> Result<Members, MemberError> {
        let all = |part: Part| -> Result<Vec<Id>, MemberError> {
            let there = self.members.iter().filter_map(|member| part.address(member));
            there.map(|address| Ok(addresses.keep(resolve(address)?))).collect()
        };
        let (leaders, acceptors) = (all(Part::Leader)?, all(Part::Acceptor)?);
        Ok(Members::new(leaders, acceptors, self.quorums.clone())?)
    }

    fn role(&self, part: Part, place: usize, members: Members, machine: AnyStateMachine) -> Role {
        let asks = AcceptorSet::all(members.acceptors().len());
        let setup = Arc::new(Setup::new(members, self.limits.clone()));
        match part {
            Part::Acceptor => Role::Acceptor(Acceptor { me: AcceptorId(place as u8), setup }),
            Part::Leader => {
                let (me, start, backlog) = (LeaderId(place as u16), Start::Follow, Vec::new());
                Role::Leader(Leader { me, start, asks, backlog, machine, setup })
            }
        }
    }
}

/// A role that has all that it needs.
struct Ready {
    part: Part,
    node: Node,
    socket: Udp,
    journal: DiskJournal<Directory>,
    recovered: Recovered,
    greeter: Greeter,
}

impl Ready {
    fn play(self, losses: Option<&Arc<Losses>>) -> Result<Playing, MemberError> {
        let Ready { part, node, socket, journal, mut recovered, greeter } = self;
        let (storage, greeter) = (recovered.storage.take(), Some(greeter));
        let socket = Arc::new(socket);
        let own = Arc::clone(&socket);
        let running = match losses {
            None => run_among(greeter, node, (socket, own), storage, journal),
            Some(losses) => {
                let lossy = Lossy::new(own, Arc::clone(losses));
                run_among(greeter, node, (socket, Arc::new(lossy)), storage, journal)
            }
        };
        let running = running.map_err(MemberError::Thread)?;
        Ok(Playing { part, recovered, running })
    }
}

/// What a role of a member is called among all.
fn full_name(member: &MemberConfig, part: Part) -> String {
    format!("{}/{}", member.name, part.name())
}

fn parts(member: &MemberConfig) -> impl Iterator<Item = (Part, &Address)> {
    PARTS.into_iter().filter_map(|part| Some((part, part.address(member)?)))
}

fn resolve(address: &Address) -> Result<SocketAddr, MemberError> {
    address.resolve().map_err(|source| MemberError::Resolve { address: address.clone(), source })
}

fn lock(path: &Path) -> Result<Directory, MemberError> {
    Directory::lock(path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => MemberError::InUse { path: path.to_owned() },
        io::ErrorKind::NotFound => {
            let (path, source) = (path.to_owned(), JournalError::Missing);
            MemberError::Journal { path, source }
        }
        _ => MemberError::Folder { path: path.to_owned(), source },
    })
}
