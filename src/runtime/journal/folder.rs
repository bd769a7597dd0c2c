//! The folder of a journal: the few operations that it needs of a file system, one system call each, so that
//! tests can end a process, or the power, between any two of them.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::ahead::{Helper, Maker};

/// A file that is written in place.
pub trait Medium: Debug + Send {
    /// Writes at this offset. A gap between the end of the file and the offset becomes zeros.
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything durable that was written. After an error it is unknown what is.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of files. A power cut may undo any part of the changes of names until [`sync`](Folder::sync)
/// returns.
pub trait Folder: Debug + Send {
    /// The names of all files, sorted.
    fn names(&self) -> io::Result<Vec<String>>;

    /// The contents of a file, at most `most` bytes. A longer file is an error of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData).
    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>>;

    /// Makes an empty file, or truncates the one that is there.
    fn make(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Opens a file that exists.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Renames a file. Replaces the file that had the new name, if any.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes the names of all files durable.
    fn sync(&mut self) -> io::Result<()>;

    /// A maker for this folder, which fills files with zeros concurrently with everything else.
    fn maker(&self) -> Box<dyn Maker>;

    /// Writes a file, which may exist, atomically: after a crash it has the old contents or the new, and once
    /// this returns, the new.
    fn replace(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.replace_soon(name, contents)?;
        self.sync()
    }

    /// Writes a file atomically, with one sync less: the new contents become durable some time later.
    fn replace_soon(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        let unfinished = format!("{name}{UNFINISHED}");
        let mut file = self.make(&unfinished)?;
        file.write_at(0, contents)?;
        file.sync()?;
        self.rename(&unfinished, name)
    }
}

/// A file system: makes and opens folders.
pub trait FileSystem: Debug + Send + Sync {
    /// Makes a folder and its missing parents, for this user alone. They are durable when this returns.
    /// Folders that exist stay as they are.
    fn create(&self, path: &Path) -> io::Result<()>;

    /// Locks a folder, which must exist. An error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) means
    /// that another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Folder>>;

    /// Opens a folder without its lock: only to read, or for a caller that has the lock already.
    fn look(&self, path: &Path) -> Box<dyn Folder>;
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemFiles;

impl FileSystem for SystemFiles {
    fn create(&self, path: &Path) -> io::Result<()> {
        create_private(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        Ok(Box::new(Directory::lock(path)?))
    }

    fn look(&self, path: &Path) -> Box<dyn Folder> {
        Box::new(Directory::look(path))
    }
}

/// A folder of the operating system, locked for as long as this lives, if it was made by [`Directory::lock`].
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// The lock, which keeps other processes out.
    _lock: Option<File>,
}

/// The name of the file that is locked.
pub(super) const LOCK: &str = "lock";
/// The suffix of the names of unfinished files.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Options to open a file for writing, and to create it if it is missing. It holds clients' data, so only
/// this user may read it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

impl Directory {
    /// Locks a folder, which must exist. An error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) means
    /// that another process has it.
    pub fn lock(path: &Path) -> io::Result<Self> {
        if let Some(link) = path.ancestors().find(|path| path.is_symlink() && !path.exists()) {
            let why = format!("{} is a symbolic link that leads nowhere", link.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
        }
        let lock = private().truncate(false).open(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Directory { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens a folder without the lock: only to read, while a node may be running, or for a caller that has
    /// the lock already.
    pub fn look(path: &Path) -> Self {
        Directory { path: path.to_owned(), _lock: None }
    }
}

/// Makes a folder and its missing parents, for this user alone. They are durable when this returns. Folders
/// that exist stay as they are.
pub fn create_private(path: &Path) -> io::Result<()> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(missing).collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
                return Err(error);
            }
            _ => {}
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        sync_folder(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Folder for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        let name = |found: io::Result<fs::DirEntry>| {
            found.map(|found| found.file_name().to_string_lossy().into_owned())
        };
        let mut names: Vec<String> =
            fs::read_dir(&self.path)?.map(name).collect::<Result<_, _>>()?;
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let (path, mut bytes) = (self.path.join(name), Vec::new());
        // Opening a pipe would block for ever.
        if !fs::metadata(&path)?.is_file() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            let why = format!("it has more than the {most} bytes that it may have");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(bytes)
    }

    fn make(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(private().truncate(true).open(self.path.join(name))?))
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(self.path.join(name))?))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn maker(&self) -> Box<dyn Maker> {
        Box::new(Helper::default())
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
