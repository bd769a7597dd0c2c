//! Operators' mistakes with a member that is down. Each must be refused with a message that names it, and do
//! no harm.

use std::fs;
use std::io;
use std::path::Path;

use super::file::File;
use crate::runtime::identity::ClusterId;

/// The kind of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Its configuration file has the members in another order.
    Reordered,
    /// Its configuration file has one member more.
    Grown,
    /// Its configuration file has one member less.
    Shrunk,
    /// Its configuration file has other quorums.
    OtherQuorums,
    /// Its configuration file is that of another cluster.
    OtherCluster,
    /// Its data directory is an older copy.
    OlderCopy,
    /// Its data directory is empty.
    Emptied,
    /// Its data directory is empty, and the member is started with new journals.
    MadeAnew,
    /// Its data directory is that of another member.
    Exchanged,
}

impl Mistake {
    /// All mistakes.
    pub const ALL: [Mistake; 9] = [
        Mistake::Reordered,
        Mistake::Grown,
        Mistake::Shrunk,
        Mistake::OtherQuorums,
        Mistake::OtherCluster,
        Mistake::OlderCopy,
        Mistake::Emptied,
        Mistake::MadeAnew,
        Mistake::Exchanged,
    ];

    /// A part of the message with which the member must refuse to start.
    pub fn refusal(self) -> &'static str {
        match self {
            Mistake::Reordered | Mistake::Grown | Mistake::Shrunk => "its members are",
            Mistake::OtherQuorums => "its quorums are",
            Mistake::OtherCluster => "it is cluster",
            Mistake::OlderCopy => "this is an older copy",
            Mistake::Emptied => "there is no journal here",
            Mistake::MadeAnew => "has run before with another journal",
            Mistake::Exchanged => "this is the journal of",
        }
    }

    /// The wrong configuration file that the member gets; `None` if this mistake leaves the right one.
    pub(super) fn file(self, right: &File, victim: &str) -> io::Result<Option<File>> {
        let mut file = right.clone();
        let others = right.members.iter().filter(|(name, ..)| name != victim);
        let spared = others.map(|(name, ..)| name).next().map_or("", String::as_str);
        match self {
            // The first two are leaders, of which there are at least two.
            Mistake::Reordered => file.members.swap(0, 1),
            Mistake::Grown => file.grow("a99"),
            // One of several leaders is left out.
            Mistake::Shrunk => file.members.retain(|(name, ..)| name != spared),
            Mistake::OtherQuorums => file.quorums = Some((file.acceptors(), 1)),
            Mistake::OtherCluster => file.id = ClusterId::draw()?,
            Mistake::OlderCopy | Mistake::Emptied | Mistake::MadeAnew | Mistake::Exchanged => {
                return Ok(None);
            }
        }
        Ok(Some(file))
    }
}

/// Copies a folder with all its contents. The copy must not exist.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, to) = (entry?, to.to_owned());
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(drop)?,
        }
    }
    Ok(())
}

/// Replaces a folder by a copy of another.
pub(super) fn replace(from: &Path, place: &Path) -> io::Result<()> {
    fs::remove_dir_all(place)?;
    copy(from, place)
}

/// Removes all files of a member's roles, and leaves the folders.
pub(super) fn empty(member: &Path) -> io::Result<()> {
    for role in fs::read_dir(member)? {
        let role = role?.path();
        fs::remove_dir_all(&role)?;
        fs::create_dir(&role)?;
    }
    Ok(())
}
