//! Errors of journals, whose messages lead to no harm when they are followed.

use std::io;

use thiserror::Error;

use super::identity::SEGMENTS;
use super::segment::{Damage, SMALLEST_SEGMENT, VERSION, Why};
use crate::codec::DecodeError;

/// The reason why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A system call failed.
    #[error("cannot use {what}: {source}{advice}", advice = advice(source))]
    Io {
        /// The file or folder that was used.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no journal, which also is how a lost disk looks.
    #[error(
        "there is no journal here. If this member has never run, start it once with --new, which makes \
         one. If it has run, its disk is lost, and so is what it promised: leave it down, the others \
         go on without it. RECOVERY.md says more"
    )]
    Missing,
    /// The making of a journal was begun, and not finished.
    #[error(
        "a journal was begun to be made here, and not finished, so this member has never run: start it \
         once with --new, which finishes it"
    )]
    HalfMade,
    /// The folder is not empty, so no journal is made.
    #[error(
        "there is something here already ({0}), so no journal is made: a member that has run is started \
         without --new"
    )]
    Exists(String),
    /// The journal of another member.
    #[error(
        "this is the journal of {found}, not of {expected}: look whether data directories were \
         exchanged, and put each where it was"
    )]
    OtherMember {
        /// The role that it belongs to.
        found: String,
        /// The role that it should belong to.
        expected: String,
    },
    /// The journal of another cluster, or of this cluster by a different file.
    #[error(
        "this journal was not made for the cluster in the file: {differences}. A cluster's members, \
         their order and roles, quorums, state machine and lease cannot be changed: use the file that \
         the journal was made with"
    )]
    OtherCluster {
        /// The differences, in words.
        differences: String,
    },
    /// A file in a version of the format that this program does not know.
    #[error(
        "{file} was written by a newer version of synod: it is of version {version}, and this program \
         reads up to {known}. Start the member with the newer program; nothing is lost, and nothing here \
         was changed"
    )]
    Newer {
        /// The name of the file.
        file: String,
        /// The version of the file.
        version: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// An entry is as it was written, but this version cannot read it.
    #[error(
        "the entry at byte {at} of {file} is as it was written, by its checksums, but this version \
         cannot read it: {why}. Start the member with the version that wrote it; until then nothing \
         is lost, and nothing here was changed"
    )]
    Unreadable {
        /// The name of the file.
        file: String,
        /// The offset in bytes.
        at: usize,
        /// The error of the decoder.
        why: DecodeError,
    },
    /// A segment size that cannot be used: a record may not fit, or the file would be too large.
    #[error("a segment of {0} bytes cannot be made: take {SMALLEST_SEGMENT} to {most}",
        most = SEGMENTS.end())]
    SegmentSize(usize),
    /// Bytes are not as they were written.
    #[error(
        "{file} is damaged at byte {at}: {why}. What this member promised is not known any more, so \
         it must not vote again: leave it down, the others go on without it. An older copy of its \
         files does not help, and must not be used. RECOVERY.md says more"
    )]
    Damaged {
        /// The name of the file.
        file: String,
        /// The offset in bytes.
        at: usize,
        /// The kind of damage, in words.
        why: String,
        /// The last entry before the damage, counted from 1; 0 if there is none, and `None` if that is
        /// unknown. All entries up to it are sound.
        sound: Option<u64>,
    },
}

/// Advice on an error of the operating system at a data directory, as the end of a sentence; empty if there
/// is none.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ". The user that runs this program must be allowed to read and to write there: see who owns it \
             with `ls -la`"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ". The file system is mounted for reading only: if the disk is sound, mount it for writing"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". Make room, then start the member again: nothing is lost"
        }
        io::ErrorKind::FileTooLarge => {
            ". The system limits the size of files (`ulimit -f`): raise the limit, then start the member \
             again: nothing is lost"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            ". A file, or a symbolic link that leads nowhere, is where a folder should be: is the disk \
             mounted, and is `data` right in the cluster's file?"
        }
        io::ErrorKind::IsADirectory => {
            ". Something else is where a file should be: if it is not of synod, move it away"
        }
        _ => "",
    }
}

/// An error of the operating system in using `what`.
pub(super) fn at(what: &str) -> impl FnOnce(io::Error) -> JournalError {
    let what = what.to_owned();
    move |source| JournalError::Io { what, source }
}

/// The error of a damaged file.
pub(super) fn damaged(file: &str, at: usize, why: &str) -> JournalError {
    JournalError::Damaged { file: file.to_owned(), at, why: why.to_owned(), sound: None }
}

impl Damage {
    /// The error of the file in which it was found, with `before` entries in the files before.
    pub(super) fn of(self, file: &str, before: u64) -> JournalError {
        let (file, at) = (file.to_owned(), self.at);
        match self.why {
            Why::Changed(why) => {
                let sound = Some(before + self.sound);
                JournalError::Damaged { file, at, why: why.to_owned(), sound }
            }
            Why::Unreadable(why) => JournalError::Unreadable { file, at, why },
            Why::Newer(version) => JournalError::Newer { file, version, known: VERSION },
        }
    }
}
