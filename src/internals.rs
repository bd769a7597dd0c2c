//! Parts of the inside that this project's own tests of the program use, to write journals by hand.

pub use crate::paxos::{
    Ballot, ClientId, Command, Decree, Instance, LeaderId, Record, RequestId, Vote,
};
pub use crate::runtime::journal::Journal;
pub use crate::runtime::journal::disk::{DiskJournal, create};
pub use crate::runtime::journal::folder::Directory;
pub use crate::runtime::journal::identity::{Identity, JournalId};
pub use crate::runtime::journal::segment::SMALLEST_SEGMENT;

/// The whole command line, with all subcommands.
#[cfg(feature = "cli")]
pub fn command() -> clap::Command {
    crate::cli::command()
}
