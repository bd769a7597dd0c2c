//! The folder that a journal is in: the few things that it asks of a file system.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that was created whole, and is written to in place.
pub trait Medium: Send {
    /// Writes at this place.
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything durable that was written. After an error nobody knows what is.
    fn sync(&mut self) -> io::Result<()>;
}

/// Where files are. Their contents and names are durable once [`create`](Folder::create) returns.
pub trait Folder: Send {
    /// A file that can be written to.
    type File: Medium;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// All of a file, which may have so many bytes. An error of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData) says that it has more.
    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>>;

    /// Creates a file with these contents, all of it or nothing. It must not exist.
    fn create(&mut self, name: &str, contents: &[u8]) -> io::Result<()>;

    /// Opens a file that exists. Its name is durable then, should its creator not have come to that.
    fn open(&mut self, name: &str) -> io::Result<Self::File>;
}

/// A folder of the operating system, locked for as long as this lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Nobody else may use the folder meanwhile.
    _lock: Option<File>,
}

/// The file that is locked.
const LOCK: &str = "lock";
/// What files are called that are not finished.
const UNFINISHED: &str = ".unfinished";

/// Opens a file to write to, which is created if it is not there. It holds what clients have written,
/// so only this user may read it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

/// Makes a folder, and those that it is in, for this user alone. Those that exist stay as they are.
pub fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Directory {
    /// Locks a folder, which must exist. An error of kind
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) says that another process has it.
    pub fn lock(path: &Path) -> io::Result<Self> {
        let lock = private().truncate(false).open(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Directory { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Without the lock: only to look, while a node may be running, or for whoever has it already.
    pub fn look(path: &Path) -> Self {
        Directory { path: path.to_owned(), _lock: None }
    }

    /// Makes the names of all files durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Writes a file, which may exist: after a crash it has the old contents or the new, and once
    /// this returns, the new.
    pub(super) fn replace(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.replace_soon(name, contents)?;
        self.sync()
    }

    /// The same, but the new contents may be there a while later only: one wait for the disk less.
    pub(super) fn replace_soon(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let mut file = private().truncate(true).open(&unfinished)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(unfinished, self.path.join(name))
    }
}

impl Folder for Directory {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for found in fs::read_dir(&self.path)? {
            let name = found?.file_name().to_string_lossy().into_owned();
            if name != LOCK && !name.ends_with(UNFINISHED) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            let why = format!("it has more than the {most} bytes that it may have");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(bytes)
    }

    fn create(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        if self.path.join(name).exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(name, contents)
    }

    fn open(&mut self, name: &str) -> io::Result<File> {
        self.sync()?;
        OpenOptions::new().read(true).write(true).open(self.path.join(name))
    }
}

impl Medium for File {
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
