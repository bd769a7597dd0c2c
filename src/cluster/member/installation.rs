//! A member as installed: it prepares roles from the data in their folders. Nothing here listens at an
//! address or starts a thread, so that a simulator prepares members by the same code.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::MemberError;
use super::role::{ROLE_KINDS, RoleKind};
use crate::cluster::config::{Address, ClusterConfig, MemberConfig};
use crate::paxos::{
    Acceptor, AcceptorSet, AnyStateMachine, Leader, Members, MembersError, Node, Role, Saving,
    Setup, Start,
};
use crate::runtime::environment::Environment;
use crate::runtime::handshake::{Admission, Opened};
use crate::runtime::host::Ready;
use crate::runtime::identity::ClusterIdentity;
use crate::runtime::journal::Journal;
use crate::runtime::journal::disk::{
    DiskJournal, JournalError, Recovered, SEGMENT, create, is_made,
};
use crate::runtime::journal::folder::Folder;
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::peers::Peers;
use crate::runtime::me::Me;
use crate::runtime::party::Party;

/// A member of a cluster, in its environment.
#[derive(Debug)]
pub struct Installation<'a> {
    config: &'a ClusterConfig,
    member: &'a MemberConfig,
    /// The folder at which relative paths begin.
    base: &'a Path,
    cluster: Arc<ClusterIdentity>,
    environment: &'a Environment,
}

/// A role that is ready to start, except for a network.
#[derive(Debug)]
pub struct PreparedRole {
    /// The contents of its journal, without the records, which the actor is given.
    pub recovered: Recovered,
    /// The actor, which has not started.
    pub ready: Ready<Node, DiskJournal>,
}

impl<'a> Installation<'a> {
    /// The member of this name. Relative paths begin at `base`.
    pub fn new(
        config: &'a ClusterConfig,
        base: &'a Path,
        name: &str,
        environment: &'a Environment,
    ) -> Result<Self, MemberError> {
        let (member, cluster) = (config.member(name)?, Arc::new(config.identity()));
        Ok(Installation { config, member, base, cluster, environment })
    }

    /// The configuration of the member.
    pub(super) fn member(&self) -> &'a MemberConfig {
        self.member
    }

    /// The roles of the member, with their addresses.
    pub fn roles(&self) -> impl Iterator<Item = (RoleKind, &'a Address)> + use<'a> {
        let member = self.member;
        ROLE_KINDS.into_iter().filter_map(|kind| Some((kind, kind.address(member)?)))
    }

    /// Makes the journals of a member that has never run: those that are missing or unfinished.
    pub fn create_journals(&self) -> Result<(), MemberError> {
        let mut folders = Vec::new();
        for (kind, _) in self.roles() {
            let path = self.path(kind);
            self.environment
                .create_folder(&path)
                .map_err(|source| MemberError::Folder { path: path.clone(), source })?;
            let (folder, identity) = (self.lock(&path)?, self.journal_identity(kind));
            // A member that has run in one of its roles is not new, so no journal is made for the other.
            is_made(&*folder, &identity)
                .map_err(|source| MemberError::Journal { path: path.clone(), source })?;
            folders.push((path, folder, identity));
        }
        for (path, mut folder, identity) in folders {
            let id = JournalId(self.environment.unique().map_err(MemberError::Random)?);
            create(&mut *folder, &identity, SEGMENT, id)
                .map_err(|source| MemberError::Journal { path, source })?;
        }
        Ok(())
    }

    /// Prepares a role to start with what it saved in earlier lives. Commands are applied to `machine`. The
    /// role does not wait for members named in `without`.
    pub fn prepare(
        &self,
        kind: RoleKind,
        machine: &AnyStateMachine,
        without: &BTreeSet<String>,
    ) -> Result<PreparedRole, MemberError> {
        let path = self.path(kind);
        let (folder, identity) = (self.lock(&path)?, self.journal_identity(kind));
        let (journal, mut recovered) = DiskJournal::open(folder, &identity)
            .map_err(|source| MemberError::Journal { path: path.clone(), source })?;
        let peers = Peers::open(self.environment.look_at_folder(&path), &identity)
            .map_err(|source| MemberError::Peers { path, source })?;
        let me = Me::new(kind.party(self.place(kind)), Arc::clone(&self.cluster));
        let life = self.environment.unique().map_err(MemberError::Random)?;
        let opened = Opened { journal: journal.id(), life, began: journal.age() };
        let now = self.environment.now();
        let admission = Some(Admission::new((me.party(), opened), peers, without, now));
        let role = role(self.config, me.party(), machine.clone())?;
        let actor = Node::new(role, Saving::Changes, self.config.timing.clone());
        let storage = recovered.storage.take();
        let ready = Ready { me, admission, actor, storage, journal };
        Ok(PreparedRole { recovered, ready })
    }

    fn path(&self, kind: RoleKind) -> PathBuf {
        self.base.join(&self.member.data).join(kind.name())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Folder>, MemberError> {
        self.environment.lock_folder(path).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => MemberError::InUse { path: path.to_owned() },
            io::ErrorKind::NotFound => {
                let (path, source) = (path.to_owned(), JournalError::Missing);
                MemberError::Journal { path, source }
            }
            _ => MemberError::Folder { path: path.to_owned(), source },
        })
    }

    fn journal_identity(&self, kind: RoleKind) -> Identity {
        let member = format!("{}/{}", self.member.name, kind.name());
        Identity { cluster: ClusterIdentity::clone(&self.cluster), member }
    }

    /// The index of the role among those of its kind, counted in the order of the file.
    fn place(&self, kind: RoleKind) -> usize {
        let before = self.config.members.iter().take_while(|other| other.name != self.member.name);
        before.filter(|other| kind.address(other).is_some()).count()
    }
}

fn role(
    config: &ClusterConfig,
    party: Party,
    machine: AnyStateMachine,
) -> Result<Role, MemberError> {
    let (leaders, acceptors): (Vec<Party>, Vec<Party>) =
        config.parties().map(|(party, _)| party).partition(|it| matches!(it, Party::Leader(_)));
    let ids = |parties: Vec<Party>| parties.into_iter().filter_map(Party::id).collect();
    let members = Members::new(ids(leaders), ids(acceptors), config.quorums.clone())?;
    let asks = AcceptorSet::all(members.acceptors().len());
    let setup = Arc::new(Setup::new(members, config.limits.clone()));
    Ok(match party {
        Party::Acceptor(me) => Role::Acceptor(Acceptor { me, setup }),
        Party::Leader(me) => {
            let (start, backlog) = (Start::Follow, Vec::new());
            Role::Leader(Leader { me, start, asks, backlog, machine, setup })
        }
        Party::Client => return Err(MembersError::Nobody("role").into()),
    })
}
