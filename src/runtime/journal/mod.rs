//! Journals, which keep a node's durable records.
//!
//! | file | contents |
//! | --- | --- |
//! | this one | the trait of journals, and a journal in memory |
//! | [`disk`] | a journal on disk |
//! | `new`, `read` | the making and the reading of a journal |
//! | `segment`, `entry` | its files, byte by byte |
//! | `listing` | the files of its folder |
//! | [`identity`], `owner` | its label: whose it is |
//! | [`peers`] | the journals of other members, as remembered |
//! | [`folder`] | its interface to the file system |
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

use crate::paxos::{Invariants, Record, Storage};

/// A journal: keeps records for the next life of a node.
pub trait Journal: Send {
    /// Appends records. When this returns, they are durable, and the next life finds them. An error stops the
    /// node before it sends anything that depends on them. An error of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) means that a record is too long, and that nothing was
    /// written.
    fn append(&mut self, records: Vec<Record>) -> io::Result<()>;

    /// The age of the journal: the number of entries ever written to it; 0 if it is not on disk. It only
    /// grows, so a journal that is younger than others remember has gone back in time.
    fn age(&self) -> u64 {
        0
    }

    /// Checks the invariants of this state.
    fn invariants(&self) -> Invariants {
        Ok(())
    }

    /// The size of the journal and its costs; `None` if it is not on disk. A journal knows no clock, so the
    /// host adds the times.
    fn stats(&self) -> Option<JournalStats> {
        None
    }
}

/// The size of a journal on disk, and its costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStats {
    /// The bytes of its segments, as preallocated.
    pub bytes: u64,
    /// The bytes of its segments that are in use.
    pub used: u64,
    /// The number of entries written, in all lives of the member.
    pub entries: u64,
    /// The number of syncs in this life.
    pub syncs: u64,
    /// The number of segments in this life that were not ready when they were needed, so that a turn waited.
    pub late_segments: u64,
    /// The duration of the last append with its sync, in microseconds.
    pub last_sync_us: u64,
    /// The time since the last sync, in milliseconds; `None` before the first.
    pub last_sync_ms_ago: Option<u64>,
}

/// A journal in memory: its records survive the node, but not the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<Option<Storage>>>);

impl MemoryJournal {
    /// All records so far; `None` if there never was one.
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
