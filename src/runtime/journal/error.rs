//! Why a journal cannot be used, in words that lead to no harm when they are followed.

use std::io;

use thiserror::Error;

use super::identity::SEGMENTS;
use super::segment::{Damage, SMALLEST_SEGMENT, Why};
use crate::codec::DecodeError;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The operating system would not.
    #[error("cannot use {what}: {source}")]
    Io {
        /// What was being used.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing, which is how a lost disk looks.
    #[error(
        "there is no journal here. If this member has never run, start it once with --new, which makes \
         one. If it has run, its disk is lost, and so is what it promised: leave it down, the others \
         go on without it. RECOVERY.md says more"
    )]
    Missing,
    /// There is something already.
    #[error("there is something here already ({0}), so no journal is made")]
    Exists(String),
    /// Another member's.
    #[error(
        "this is the journal of {found}, not of {expected}: look whether data directories were \
         exchanged, and put each where it was"
    )]
    OtherMember {
        /// The role whose it is.
        found: String,
        /// The role whose it should be.
        expected: String,
    },
    /// Another cluster's, or of this cluster by another file.
    #[error(
        "this journal was not made for the cluster in the file: {differences}. A cluster's members, \
         their order and roles, quorums, state machine and lease cannot be changed: use the file that \
         the journal was made with"
    )]
    OtherCluster {
        /// What differs, in words.
        differences: String,
    },
    /// A file of a version of this program that this one does not know.
    #[error("{file} was written by another version of this program ('{found}'): use that version")]
    Version {
        /// The file.
        file: String,
        /// Its first line.
        found: String,
    },
    /// Something is there that was written so, and that this version cannot read.
    #[error(
        "the entry at byte {at} of {file} is as it was written, by its checksums, but this version \
         cannot read it: {why}. Start the member with the version that wrote it; until then nothing \
         is lost, and nothing here was changed"
    )]
    Unreadable {
        /// Which file.
        file: String,
        /// Where, in bytes.
        at: usize,
        /// What was met.
        why: DecodeError,
    },
    /// A segment of a size that cannot be used: a record may not fit, or the file is too large.
    #[error("a segment of {0} bytes cannot be made: take {SMALLEST_SEGMENT} to {most}",
        most = SEGMENTS.end())]
    SegmentSize(usize),
    /// Something is there that was not written so.
    #[error(
        "{file} is damaged at byte {at}: {why}. What this member promised is not known any more, so \
         it must not vote again: leave it down, the others go on without it. An older copy of its \
         files does not help, and must not be used. RECOVERY.md says more"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where, in bytes.
        at: usize,
        /// What is wrong with it.
        why: String,
        /// The last entry before it, all of which are sound, counted from 1; 0 if there is none, and none
        /// if it is not known.
        sound: Option<u64>,
    },
}

/// An error of the operating system, in using this.
pub(super) fn at(what: &str) -> impl FnOnce(io::Error) -> JournalError {
    let what = what.to_owned();
    move |source| JournalError::Io { what, source }
}

/// Damage of a file.
pub(super) fn damaged(file: &str, at: usize, why: &str) -> JournalError {
    JournalError::Damaged { file: file.to_owned(), at, why: why.to_owned(), sound: None }
}

impl Damage {
    /// The error of a file in which it was found, with so many entries in the files before.
    pub(super) fn of(self, file: &str, before: u64) -> JournalError {
        let (file, at) = (file.to_owned(), self.at);
        match self.why {
            Why::Changed(why) => {
                let sound = Some(before + self.sound);
                JournalError::Damaged { file, at, why: why.to_owned(), sound }
            }
            Why::Unreadable(why) => JournalError::Unreadable { file, at, why },
        }
    }
}
