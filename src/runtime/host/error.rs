//! The errors that end a host.

use std::io;

use thiserror::Error;

/// The reason why a node stops by itself.
#[derive(Debug, Error)]
pub enum HostError {
    /// A record could not be made durable.
    #[error("cannot save, so nothing more is sent: {0}; mend the disk, then start the node again")]
    Journal(#[source] io::Error),
    /// The program does what it should never do. Debug builds look for it.
    #[error("this is a fault of the program, so nothing more is sent: {0}")]
    Broken(&'static str),
    /// A peer remembers a different journal for this role.
    #[error(
        "{member} has run before with another journal ({peer} remembers it): its disk is lost, and so is \
         what it promised, so it must not vote again: leave it down, the others go on without it. \
         RECOVERY.md says more"
    )]
    Lost {
        /// The role that has run before.
        member: String,
        /// The role that remembers it.
        peer: String,
    },
    /// A peer remembers that this role's journal was longer.
    #[error(
        "{member} began with a journal of {found} entries, and {peer} remembers that it had {remembered}: \
         this is an older copy, such as a backup, and what it promised since is not in it, so it must not \
         vote again: leave it down, the others go on without it. RECOVERY.md says more"
    )]
    WentBack {
        /// The role whose journal went back.
        member: String,
        /// The role that remembers it.
        peer: String,
        /// The remembered age, in entries.
        remembered: u64,
        /// The age found, in entries.
        found: u64,
    },
}

impl HostError {
    /// True if the member may be started again; false if other members refuse its journal.
    pub fn may_pass(&self) -> bool {
        match self {
            HostError::Journal(_) => true,
            HostError::Broken(_) | HostError::Lost { .. } | HostError::WentBack { .. } => false,
        }
    }
}
