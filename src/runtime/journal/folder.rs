//! The folder that a journal is in: the few things that it asks of a file system, one system call each,
//! so that tests can end a process, or the power, between any two of them.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::ahead::{Helper, Maker};

/// A file that is written to in place.
pub trait Medium: Debug + Send {
    /// Writes at this place. What is between the end of the file and there is zeros then.
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything durable that was written. After an error nobody knows what is.
    fn sync(&mut self) -> io::Result<()>;
}

/// Where files are. Of what is done with names, any part may be undone by a power cut until
/// [`sync`](Folder::sync) returns.
pub trait Folder: Debug + Send {
    /// The names of all files, in their order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// All of a file, which may have so many bytes. An error of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData) says that it has more.
    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>>;

    /// Makes an empty file, or empties the one that is there.
    fn make(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Opens a file that exists.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Gives a file another name, whose file is gone then, if there was one.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes the names of all files durable.
    fn sync(&mut self) -> io::Result<()>;

    /// A maker of files for this folder, which fills them with zeros beside everything else.
    fn maker(&self) -> Box<dyn Maker>;

    /// Writes a file, which may exist: after a crash it has the old contents or the new, and once
    /// this returns, the new.
    fn replace(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.replace_soon(name, contents)?;
        self.sync()
    }

    /// The same, but the new contents may be there a while later only: one wait for the disk less.
    fn replace_soon(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        let unfinished = format!("{name}{UNFINISHED}");
        let mut file = self.make(&unfinished)?;
        file.write_at(0, contents)?;
        file.sync()?;
        self.rename(&unfinished, name)
    }
}

/// Where folders are.
pub trait FileSystem: Debug + Send + Sync {
    /// Makes a folder, and those that it is in, for this user alone. They are durable when this returns.
    /// Those that exist stay as they are.
    fn create(&self, path: &Path) -> io::Result<()>;

    /// Locks a folder, which must exist. An error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) says
    /// that somebody else has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Folder>>;

    /// A folder without its lock: only to look, or for whoever has it already.
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

/// A folder of the operating system, locked for as long as this lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Nobody else may use the folder meanwhile.
    _lock: Option<File>,
}

/// The file that is locked.
pub(super) const LOCK: &str = "lock";
/// The end of the names of files that are not finished.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Opens a file to write to, which is created if it is not there. It holds what clients have written,
/// so only this user may read it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

impl Directory {
    /// Locks a folder, which must exist. An error of kind
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) says that another process has it.
    pub fn lock(path: &Path) -> io::Result<Self> {
        if let Some(link) = path.ancestors().find(|path| path.is_symlink() && !path.exists()) {
            let why = format!("{} is a symbolic link that leads nowhere", link.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
        }
        let lock = private().truncate(false).open(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Directory { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Without the lock: only to look, while a node may be running, or for whoever has it already.
    pub fn look(path: &Path) -> Self {
        Directory { path: path.to_owned(), _lock: None }
    }
}

/// Makes a folder, and those that it is in, for this user alone. They are durable when this returns. Those
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
        // To open a pipe would wait for ever.
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
