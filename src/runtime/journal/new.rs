//! The making of a journal, for a member that has never run.
//!
//! The first segment is written first, and the label last: the label makes the folder a journal. So a process
//! that ends in between leaves a folder that shows it, and that is made anew. A complete journal is kept,
//! since other members may have written down its id, unless its role has taken part: then it does not belong
//! to a new member.

use super::ahead::{Filling, SPARE};
use super::disk::begin_segment;
use super::error::{JournalError, at};
use super::folder::Folder;
use super::identity::{Identity, JournalId};
use super::listing::{FIRST, IDENTITY, segment_name};
use super::owner::{bind, new_label, write_label};
use super::peers::has_joined;
use super::read::{is_half_made, list, read};

/// Makes an empty journal with this id, in segments of this many bytes, for a member that has never run;
/// keeps the journal that it has, if any. Segments must have at least
/// [`SMALLEST_SEGMENT`](super::segment::SMALLEST_SEGMENT) bytes.
pub fn create(
    folder: &mut dyn Folder,
    identity: &Identity,
    segment: usize,
    id: JournalId,
) -> Result<(), JournalError> {
    if is_made(folder, identity)? {
        return folder.sync().map_err(at("the data directory"));
    }
    let label = new_label(identity, segment, id)?;
    let first = segment_name(FIRST);
    let file = folder.make(SPARE).and_then(|file| Filling::new(file, segment).at_once());
    let made = file
        .and_then(|file| begin_segment(folder, file, label.encode().as_bytes(), (FIRST, FIRST)));
    made.map_err(at(&first))?;
    bind(folder, &identity.cluster)?;
    write_label(folder, &label)
}

/// True if there is a complete journal for a member that has never run; false if there is none, or an
/// unfinished one. An error if the member has run, or the journal is not its own.
pub fn is_made(folder: &dyn Folder, identity: &Identity) -> Result<bool, JournalError> {
    let listing = list(folder)?;
    if listing.identity {
        let unused = read(folder, Some(identity))?.is_unused() && !has_joined(folder);
        return if unused { Ok(true) } else { Err(JournalError::Exists(IDENTITY.to_owned())) };
    }
    if let Some(trace) = listing.trace() {
        return Err(JournalError::Exists(trace.to_owned()));
    }
    if listing.is_empty() || is_half_made(folder, &listing)? {
        return Ok(false);
    }
    Err(JournalError::Exists(segment_name(FIRST)))
}
