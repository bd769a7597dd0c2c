//! Where durable records go.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this one | what a journal is, and one in memory |
//! | [`disk`] | one on disk |
//! | `new`, `read` | how it is made, and how it is read |
//! | `segment`, `entry` | its files, byte by byte |
//! | `listing` | which files there are |
//! | [`identity`], `owner` | whose it is |
//! | [`peers`] | which journals the other members have |
//! | [`folder`] | what it asks of a file system |
//! | [`ahead`] | the next segment, made ahead of need |

pub mod ahead;
pub mod disk;
mod entry;
mod error;
pub mod folder;
pub mod identity;
mod listing;
mod new;
mod owner;
pub mod peers;
mod read;
pub mod segment;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::paxos::{Record, Storage};

/// Keeps records for the next life of a node.
pub trait Journal: Send {
    /// Adds records to those kept so far. When this returns, they are durable, and the next life
    /// finds them. An error stops the node before it sends anything that depends on them; one of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) says that a record is too long, and that nothing
    /// was written.
    fn append(&mut self, records: Vec<Record>) -> io::Result<()>;

    /// The journal's age: how many entries were ever written to it. It only grows, so one that is
    /// younger than others remember has gone back in time. 0 if it is not on disk.
    fn age(&self) -> u64 {
        0
    }

    /// How large it is, and what it costs; none if it is not on disk. It knows no clock, so how long it
    /// takes is for the host to say.
    fn stats(&self) -> Option<JournalStats> {
        None
    }
}

/// How large a journal on disk is, and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStats {
    /// Bytes of its segments, as they were preallocated.
    pub bytes: u64,
    /// Bytes of them that are in use.
    pub used: u64,
    /// Entries written, in all lives of the member.
    pub entries: u64,
    /// How often the disk was waited for, in this life.
    pub syncs: u64,
    /// Segments that were not ready when they were needed, so that a turn waited for them, in this life.
    pub late_segments: u64,
    /// How long the last of these took, in microseconds.
    pub last_sync_us: u64,
    /// How long ago that was, in milliseconds; none before the first.
    pub last_sync_ms_ago: Option<u64>,
}

/// Keeps records in memory: they survive the node, but not the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<Option<Storage>>>);

impl MemoryJournal {
    /// All records so far; none if there never was one.
    #[cfg(test)]
    pub fn storage(&self) -> Option<Storage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_default().0.extend(records);
        Ok(())
    }
}
