//! The errors of starting a member.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use thiserror::Error;

use crate::cluster::config::Address;
use crate::paxos::MembersError;
use crate::runtime::journal::disk::{JournalError, advice};
use crate::runtime::journal::peers::PeersError;

/// The reason why a member could not be started.
#[derive(Debug, Error)]
pub enum MemberError {
    /// A name that is not in the configuration file.
    #[error("{0}")]
    Unknown(String),
    /// The host of the member cannot be resolved.
    #[error(
        "{address} is where this member is, and cannot be resolved: {source}; mend the name, or say bind = \
         \"0.0.0.0\" beside it in the file, so that it listens everywhere"
    )]
    Resolve {
        /// The address.
        address: Address,
        /// The error of the system.
        source: io::Error,
    },
    /// The socket cannot be bound.
    #[error("cannot listen at {address}: {source}; {advice}", advice = where_to_listen(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The host of the member resolves to an address that no other machine reaches.
    #[error(
        "{address} is {ip} on this machine, where no other machine reaches it: write bind = \"::\" beside \
         it in the file, so that it listens everywhere"
    )]
    Loopback {
        /// The address.
        address: Address,
        /// The address that the system resolves it to.
        ip: IpAddr,
    },
    /// The data directory cannot be used.
    #[error("cannot use {path}: {source}{advice}", path = path.display(), advice = advice(source))]
    Folder {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The data directory is in use.
    #[error("{path} is in use: is the member running already?", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The journal cannot be used.
    #[error("{path}: {source}", path = path.display())]
    Journal {
        /// The directory.
        path: PathBuf,
        /// The error of the journal.
        source: JournalError,
    },
    /// The remembered journals of the other members cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Peers {
        /// The directory.
        path: PathBuf,
        /// The error of the file.
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
    /// True if the same start may succeed later: the obstacle is the system, such as a name that is not
    /// resolved yet, and neither the configuration file nor the data on disk.
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

/// Advice on an address that cannot be listened at.
fn where_to_listen(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this machine: if others reach it there all the same, write bind = \"::\" \
             beside it in the file, else mend the address"
        }
        _ => "is the member running already?",
    }
}
