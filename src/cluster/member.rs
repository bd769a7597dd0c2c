//! One member of a configured cluster: its roles, each on its socket and with its journal.

mod error;
mod installation;
mod role;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::config::{Address, ClusterConfig, MemberConfig};
use super::resolver::keep_placed;
use crate::nearest::unknown;
use crate::paxos::AnyStateMachine;
use crate::runtime::environment::Environment;
use crate::runtime::journal::disk::Recovered;
use crate::runtime::lossy::{Losses, Lossy};
use crate::runtime::party::Party;
use crate::runtime::run::{Ended, Running, run};
use crate::runtime::udp::{Network, Udp};

pub use self::error::MemberError;
pub use self::installation::{Installation, PreparedRole};
pub use self::role::{ROLE_KINDS, RoleKind};

/// A running member: its roles, each on its socket and with its journal.
///
/// Dropping it stops it, as [`stop`](Member::stop) does: it waits until each role has handled all that it had
/// received, and for a sync that has begun. Its sockets and its folders are free then.
#[derive(Debug)]
pub struct Member {
    name: String,
    roles: Vec<RunningRole>,
}

/// A running role.
#[derive(Debug)]
pub struct RunningRole {
    /// The role.
    pub kind: RoleKind,
    /// The contents of its journal, without the records, which the actor has.
    pub recovered: Recovered,
    /// The actor on its socket.
    pub running: Running,
}

/// The conditions under which a member is started.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// The members that will never answer: this one does not wait for them at its first start. Naming a
    /// member that was only slow takes away the protection against lost disks.
    pub without: BTreeSet<String>,
    /// A lossy network, for experiments.
    pub losses: Option<Arc<Losses>>,
}

impl Member {
    /// Makes the journals of a member that has never run: those that are missing or unfinished. Relative
    /// paths begin at `base`.
    pub fn create(config: &ClusterConfig, base: &Path, name: &str) -> Result<(), MemberError> {
        Installation::new(config, base, name, &Environment::system())?.create_journals()
    }

    /// Starts a member: each of its roles, with what it saved in earlier lives. Commands are applied to
    /// `machine`. Relative paths begin at `base`.
    pub fn start(
        config: &ClusterConfig,
        base: &Path,
        name: &str,
        machine: &AnyStateMachine,
    ) -> Result<Self, MemberError> {
        Member::start_with(config, base, name, machine, &Conditions::default())
    }

    /// Starts a member under these conditions.
    pub fn start_with(
        config: &ClusterConfig,
        base: &Path,
        name: &str,
        machine: &AnyStateMachine,
        conditions: &Conditions,
    ) -> Result<Self, MemberError> {
        let environment = Environment::system();
        let installation = Installation::new(config, base, name, &environment)?;
        conditions.without.iter().try_for_each(|other| config.member(other).map(drop))?;
        let mut roles = Vec::new();
        // All roles have sockets before any is started, so that they receive each other's handshakes.
        for (kind, address) in installation.roles() {
            let prepared = installation.prepare(kind, machine, &conditions.without)?;
            let socket = config.bind((installation.member(), kind), address)?;
            roles.push((kind, prepared, socket));
        }
        let play = |(kind, prepared, socket)| {
            let PreparedRole { ready, recovered } = prepared;
            let (own, environment) = (Arc::clone(&socket), environment.clone());
            let running = match &conditions.losses {
                None => run(ready, (socket, own), environment),
                Some(losses) => {
                    let lossy = Arc::new(Lossy::new(own, Arc::clone(losses)));
                    run(ready, (socket, lossy), environment)
                }
            };
            let running = running.map_err(MemberError::Thread)?;
            Ok(RunningRole { kind, recovered, running })
        };
        let roles = roles.into_iter().map(play).collect::<Result<_, MemberError>>()?;
        Ok(Member { name: name.to_owned(), roles })
    }

    /// The name of the member.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles of the member.
    pub fn roles(&self) -> &[RunningRole] {
        &self.roles
    }

    /// A channel for each role, which is closed once the role has ended, for any reason.
    pub fn ended(&self) -> impl Iterator<Item = &Receiver<()>> {
        self.roles.iter().map(|role| role.running.ended())
    }

    /// Stops the roles, and waits until each has handled all that it had received. Returns the end of each
    /// role; `None` for one that panicked.
    pub fn stop(self) -> Vec<(RoleKind, Option<Ended>)> {
        self.roles.into_iter().map(|role| (role.kind, role.running.stop())).collect()
    }
}

impl ClusterConfig {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Result<&MemberConfig, MemberError> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            let known = self.members.iter().map(|member| &*member.name);
            MemberError::Unknown(unknown("member", name, known))
        })
    }

    /// All roles of all members, leaders first, with their addresses.
    pub fn parties(&self) -> impl Iterator<Item = (Party, &Address)> {
        ROLE_KINDS.into_iter().flat_map(|kind| {
            let there = self.members.iter().filter_map(move |member| kind.address(member));
            there.enumerate().map(move |(place, address)| (kind.party(place), address))
        })
    }

    /// A socket for a role of a member, which knows the addresses of all others.
    fn bind(
        &self,
        (member, kind): (&MemberConfig, RoleKind),
        address: &Address,
    ) -> Result<Arc<Udp>, MemberError> {
        let own = self.listens_at(member, address)?;
        let socket = Udp::bind_to_path(own, self.path());
        let socket = Arc::new(socket.map_err(|source| MemberError::Bind { address: own, source })?);
        let Network { buffer, buffer_wanted, .. } = socket.network();
        if buffer < buffer_wanted {
            let (name, role) = (&member.name, kind.name());
            tracing::info!(
                "{name}/{role} has a receive buffer of {} KiB, and asked for {}: sysctl -w \
                 net.core.rmem_max={buffer_wanted} allows it",
                buffer >> 10,
                buffer_wanted >> 10
            );
        }
        keep_placed(&socket, self.parties());
        Ok(socket)
    }

    fn listens_at(&self, member: &MemberConfig, at: &Address) -> Result<SocketAddr, MemberError> {
        if let Some(ip) = member.bind {
            return Ok(SocketAddr::new(ip, at.port()));
        }
        let own =
            at.resolve().map_err(|source| MemberError::Resolve { address: at.clone(), source })?;
        // Many systems resolve their own name to a loopback address.
        let is_named = at.ip().is_none() && own.ip().is_loopback();
        let is_apart = |other: &Address| !other.is_loopback() && other.host() != at.host();
        match is_named && self.members.iter().flat_map(MemberConfig::addresses).any(is_apart) {
            true => Err(MemberError::Loopback { address: at.clone(), ip: own.ip() }),
            false => Ok(own),
        }
    }
}
