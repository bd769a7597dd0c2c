//! One member of a configured cluster: its roles, each on its socket and with its journal.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::config::{Address, ClusterConfig, MemberConfig};
use super::resolver::keep_placed;
use crate::nearest::unknown;
use crate::paxos::{
    Acceptor, AcceptorId, AcceptorSet, AnyStateMachine, Leader, LeaderId, Members, MembersError,
    Node, Role, Saving, Setup, Start,
};
use crate::runtime::handshake::{Admission, Opened};
use crate::runtime::identity::{ClusterIdentity, unique};
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{
    DiskJournal, JournalError, Recovered, SEGMENT, advice, create, is_made,
};
use crate::runtime::journal::folder::{Directory, create_private};
use crate::runtime::journal::identity::Identity;
use crate::runtime::journal::peers::{Peers, PeersError};
use crate::runtime::lossy::{Losses, Lossy};
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::run::{Running, run};
use crate::runtime::udp::{Network, Udp};

/// Why a member could not be started.
#[derive(Debug, Error)]
pub enum MemberError {
    /// A name that is not in the file.
    #[error("{0}")]
    Unknown(String),
    /// The system knows no such host.
    #[error(
        "{address} is where this member is, and cannot be resolved: {source}; mend the name, or say bind = \
         \"0.0.0.0\" beside it in the file, so that it listens everywhere"
    )]
    Resolve {
        /// The address.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// The address cannot be had.
    #[error("cannot listen at {address}: {source}; {advice}", advice = where_to_listen(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Its name stands for an address that no other machine reaches.
    #[error(
        "{address} is {ip} on this machine, where no other machine reaches it: write bind = \"::\" beside \
         it in the file, so that it listens everywhere"
    )]
    Loopback {
        /// The address.
        address: Address,
        /// What the system says that it stands for.
        ip: IpAddr,
    },
    /// The data directory cannot be had.
    #[error("cannot use {path}: {source}{advice}", path = path.display(), advice = advice(source))]
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
    /// The system has no source of randomness.
    #[error("the system gives no random number, by which this start is told from others: {0}")]
    Random(#[source] io::Error),
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl MemberError {
    /// True if the same start may succeed later: what stands in its way is the system, such as a name that
    /// is not resolved yet, and neither the file nor what is on the disk.
    pub fn may_pass(&self) -> bool {
        match self {
            MemberError::Bind { source, .. } => source.kind() != io::ErrorKind::AddrNotAvailable,
            MemberError::Resolve { .. }
            | MemberError::Folder { .. }
            | MemberError::InUse { .. }
            | MemberError::Random(_)
            | MemberError::Thread(_) => true,
            MemberError::Journal { source, .. } => matches!(source, JournalError::Io { .. }),
            MemberError::Peers { source, .. } => matches!(source, PeersError::Io(_)),
            MemberError::Unknown(_) | MemberError::Members(_) | MemberError::Loopback { .. } => {
                false
            }
        }
    }
}

/// A role that a member plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// A leader.
    Leader,
    /// An acceptor.
    Acceptor,
}

impl RoleKind {
    /// Its name, which its directory has too.
    pub fn name(self) -> &'static str {
        match self {
            RoleKind::Leader => "leader",
            RoleKind::Acceptor => "acceptor",
        }
    }

    /// The role of this kind that is at this place among those of the cluster.
    pub fn party(self, place: usize) -> Party {
        match self {
            RoleKind::Leader => Party::Leader(LeaderId(place as u16)),
            RoleKind::Acceptor => Party::Acceptor(AcceptorId(place as u8)),
        }
    }

    /// Where a member plays it, if it does.
    pub fn address(self, member: &MemberConfig) -> Option<&Address> {
        match self {
            RoleKind::Leader => member.leader.as_ref(),
            RoleKind::Acceptor => member.acceptor.as_ref(),
        }
    }
}

/// All roles.
pub const ROLE_KINDS: [RoleKind; 2] = [RoleKind::Leader, RoleKind::Acceptor];

/// A role that is being played.
#[derive(Debug)]
pub struct RunningRole {
    /// The role.
    pub part: RoleKind,
    /// What was found in its journal, but for the records, which the actor has.
    pub recovered: Recovered,
    /// The actor on its socket.
    pub running: Running,
}

impl ClusterConfig {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Result<&MemberConfig, MemberError> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            let known = self.members.iter().map(|member| &*member.name);
            MemberError::Unknown(unknown("member", name, known))
        })
    }

    /// Makes the journals of a member that has never run: those that it does not have yet, or not whole.
    /// Paths begin at `base`.
    pub fn create_journals(&self, base: &Path, name: &str) -> Result<(), MemberError> {
        let (member, mut folders) = (self.member(name)?, Vec::new());
        for (part, _) in parts(member) {
            let path = base.join(&member.data).join(part.name());
            create_private(&path)
                .map_err(|source| MemberError::Folder { path: path.clone(), source })?;
            let (folder, identity) = (lock(&path)?, self.journal_identity(member, part));
            // Whoever has run with one of its roles is no new member: nothing is made for the other.
            is_made(&folder, &identity)
                .map_err(|source| MemberError::Journal { path: path.clone(), source })?;
            folders.push((path, folder, identity));
        }
        for (path, mut folder, identity) in folders {
            create(&mut folder, &identity, SEGMENT)
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
    ) -> Result<Vec<RunningRole>, MemberError> {
        self.start_with(base, name, machine, &Conditions::default())
    }

    /// The same, under these conditions.
    pub fn start_with(
        &self,
        base: &Path,
        name: &str,
        machine: &AnyStateMachine,
        conditions: &Conditions,
    ) -> Result<Vec<RunningRole>, MemberError> {
        let member = self.member(name)?;
        conditions.without.iter().try_for_each(|other| self.member(other).map(drop))?;
        let cluster = Arc::new(self.identity());
        // Each has its socket before any is started, so that they hear each other's handshakes.
        let ready =
            |(part, at)| self.ready(base, member, (part, at), (&cluster, machine), conditions);
        let ready: Vec<Ready> = parts(member).map(ready).collect::<Result<_, _>>()?;
        ready.into_iter().map(|ready| ready.play(conditions.losses.as_ref())).collect()
    }

    fn journal_identity(&self, member: &MemberConfig, part: RoleKind) -> Identity {
        let member = format!("{}/{}", member.name, part.name());
        Identity { cluster: self.identity(), member }
    }

    fn ready(
        &self,
        base: &Path,
        member: &MemberConfig,
        (part, at): (RoleKind, &Address),
        (cluster, machine): (&Arc<ClusterIdentity>, &AnyStateMachine),
        conditions: &Conditions,
    ) -> Result<Ready, MemberError> {
        let path = base.join(&member.data).join(part.name());
        let (folder, identity) = (lock(&path)?, self.journal_identity(member, part));
        let (journal, recovered) = DiskJournal::open(folder, &identity)
            .map_err(|source| MemberError::Journal { path: path.clone(), source })?;
        let peers = Peers::open(Directory::look(&path), &identity)
            .map_err(|source| MemberError::Peers { path, source })?;
        let own = self.listens_at(member, at)?;
        let socket = Udp::bind_to_path(own, self.path());
        let socket = Arc::new(socket.map_err(|source| MemberError::Bind { address: own, source })?);
        let Network { buffer, buffer_wanted, .. } = socket.network();
        if buffer < buffer_wanted {
            let (name, part) = (&member.name, part.name());
            tracing::info!(
                "{name}/{part} has a receive buffer of {} KiB, and asked for {}: sysctl -w \
                 net.core.rmem_max={buffer_wanted} allows it",
                buffer >> 10,
                buffer_wanted >> 10
            );
        }
        keep_placed(&socket, self.parties());
        // Leaders and acceptors are counted in the order of the file.
        let before = self.members.iter().take_while(|other| other.name != member.name);
        let place = before.filter(|other| part.address(other).is_some()).count();
        let me = Me::new(part.party(place), Arc::clone(cluster));
        let life = unique().map_err(MemberError::Random)?;
        let opened = Opened { journal: journal.id(), life, began: journal.age() };
        let admission = Admission::new(me.party(), opened, peers, &conditions.without);
        let role = self.role(me.party(), machine.clone())?;
        let node = Node::new(role, Saving::Changes, self.timing.clone());
        Ok(Ready { part, me, node, socket, journal, recovered, admission })
    }

    fn listens_at(&self, member: &MemberConfig, at: &Address) -> Result<SocketAddr, MemberError> {
        if let Some(ip) = member.bind {
            return Ok(SocketAddr::new(ip, at.port()));
        }
        let own =
            at.resolve().map_err(|source| MemberError::Resolve { address: at.clone(), source })?;
        // Many systems take their own name for a loopback address.
        let is_named = at.ip().is_none() && own.ip().is_loopback();
        let is_apart = |other: &Address| !other.is_loopback() && other.host() != at.host();
        match is_named && self.members.iter().flat_map(MemberConfig::addresses).any(is_apart) {
            true => Err(MemberError::Loopback { address: at.clone(), ip: own.ip() }),
            false => Ok(own),
        }
    }

    /// All roles of all members, leaders first, and where they are.
    pub fn parties(&self) -> impl Iterator<Item = (Party, &Address)> {
        ROLE_KINDS.into_iter().flat_map(|part| {
            let there = self.members.iter().filter_map(move |member| part.address(member));
            there.enumerate().map(move |(place, address)| (part.party(place), address))
        })
    }

    fn role(&self, party: Party, machine: AnyStateMachine) -> Result<Role, MemberError> {
        let (leaders, acceptors): (Vec<Party>, Vec<Party>) =
            self.parties().map(|(party, _)| party).partition(|it| matches!(it, Party::Leader(_)));
        let ids = |parties: Vec<Party>| parties.into_iter().filter_map(Party::id).collect();
        let members = Members::new(ids(leaders), ids(acceptors), self.quorums.clone())?;
        let asks = AcceptorSet::all(members.acceptors().len());
        let setup = Arc::new(Setup::new(members, self.limits.clone()));
        Ok(match party {
            Party::Acceptor(me) => Role::Acceptor(Acceptor { me, setup }),
            Party::Leader(me) => {
                let (start, backlog) = (Start::Follow, Vec::new());
                Role::Leader(Leader { me, start, asks, backlog, machine, setup })
            }
            Party::Client => return Err(MembersError::Nobody("role").into()),
        })
    }
}

/// The conditions that a member is started under.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// The members that will never answer, so that this one need not wait for them to start for the
    /// first time. An operator who names one that has only been slow takes away the protection against
    /// lost disks.
    pub without: BTreeSet<String>,
    /// A network that loses what it is told to, for experiments.
    pub losses: Option<Arc<Losses>>,
}

/// A role that has all that it needs.
struct Ready {
    part: RoleKind,
    me: Me,
    node: Node,
    socket: Arc<Udp>,
    journal: DiskJournal<Directory>,
    recovered: Recovered,
    admission: Admission,
}

impl Ready {
    fn play(self, losses: Option<&Arc<Losses>>) -> Result<RunningRole, MemberError> {
        let Ready { part, me, node, socket, journal, mut recovered, admission } = self;
        let (storage, me) = (recovered.storage.take(), (me, Some(admission)));
        let own = Arc::clone(&socket);
        let running = match losses {
            None => run(me, node, (socket, own), storage, journal),
            Some(losses) => {
                let lossy = Lossy::new(own, Arc::clone(losses));
                run(me, node, (socket, Arc::new(lossy)), storage, journal)
            }
        };
        let running = running.map_err(MemberError::Thread)?;
        Ok(RunningRole { part, recovered, running })
    }
}

fn parts(member: &MemberConfig) -> impl Iterator<Item = (RoleKind, &Address)> {
    ROLE_KINDS.into_iter().filter_map(|part| Some((part, part.address(member)?)))
}

/// What to do about an address that cannot be listened at.
fn where_to_listen(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this machine: if others reach it there all the same, write bind = \"::\" \
             beside it in the file, else mend the address"
        }
        _ => "is the member running already?",
    }
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
