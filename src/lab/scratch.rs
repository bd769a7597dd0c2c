//! Temporary folders of experiments. They are removed when the experiment ends, by itself or by a signal;
//! those of a process that was killed are removed by the next run.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::offspring::{add_folder, forget_folder};

/// The name of the file that is locked as long as the process that owns the folder lives.
const RUNNING: &str = "running";
/// The number of names that are tried.
const TRIES: u32 = 1000;

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// The locked file that tells others that the folder is in use. `None` once the folder is kept.
    running: Option<File>,
}

impl Scratch {
    /// Makes a new folder in `base` for an experiment of this kind, after removing the folders of that kind
    /// whose processes are gone.
    pub fn new(base: &Path, kind: &str) -> io::Result<Self> {
        let prefix = format!("synod-{kind}-");
        fs::create_dir_all(base).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", base.display()))
        })?;
        for path in left_over(base, &prefix)? {
            match remove(&path) {
                Ok(()) => {
                    tracing::warn!("removed {}, left by a run that was killed", path.display())
                }
                Err(error) => tracing::warn!("cannot remove {}: {error}", path.display()),
            }
        }
        for number in 0..TRIES {
            let path = base.join(format!("{prefix}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            add_folder(path.clone());
            let mut scratch = Scratch { path, running: None };
            scratch.running = Some(lock(&scratch.path)?);
            return Ok(scratch);
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder for inspection, and returns its path.
    pub fn keep(mut self) -> PathBuf {
        forget_folder(&self.path);
        self.running = None;
        // Without this file, no later run takes the folder for one to be removed.
        let _ = fs::remove_file(self.path.join(RUNNING));
        std::mem::take(&mut self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        forget_folder(&self.path);
        if let Err(error) = remove(&self.path) {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Removes a folder into which others, such as a thread of this process, may be writing. It is renamed first,
/// so that they do not find it any more. The file that marks it as in use goes last, so that what cannot be
/// removed now is left for the next run.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let gone = folder.with_extension("removing");
    let folder = if fs::rename(folder, &gone).is_ok() { &gone } else { folder };
    let mut removed = empty(folder).and_then(|()| fs::remove_dir_all(folder));
    for _ in 1..TRIES {
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                removed = fs::remove_dir_all(folder);
            }
            _ => return removed,
        }
    }
    removed
}

/// Removes all but the file that marks the folder as in use.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == RUNNING {
            continue;
        }
        // Others may have removed it meanwhile.
        let _ = match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
    }
    Ok(())
}

/// Makes and locks the file that marks the folder as in use. It gets its name only once it is locked.
fn lock(folder: &Path) -> io::Result<File> {
    let unlocked = folder.join("locking");
    let file = File::create(&unlocked)?;
    file.try_lock()?;
    fs::rename(unlocked, folder.join(RUNNING))?;
    Ok(file)
}

/// The folders of this user whose process is certainly gone: their lock is free.
fn left_over(base: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let own = rustix::process::geteuid().as_raw();
    let mut found = Vec::new();
    for entry in fs::read_dir(base)?.flatten() {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        // Links are not followed.
        let is_own = |it: fs::Metadata| it.is_dir() && it.uid() == own;
        if named && entry.metadata().is_ok_and(is_own) && is_free(&entry.path().join(RUNNING)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_free(lock: &Path) -> bool {
    let is_file = fs::symlink_metadata(lock).is_ok_and(|it| it.is_file());
    is_file && File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals are made by one thread while a signal ends the process on another.
    #[test]
    fn a_folder_is_removed_while_somebody_makes_files_in_it() {
        let base = std::env::temp_dir().join(format!("synod-removed-{}", std::process::id()));
        let inner = base.join("a").join("b");
        fs::create_dir_all(&inner).unwrap();
        let (begun, begins) = std::sync::mpsc::channel();
        let maker = std::thread::spawn(move || {
            for number in 0_u64.. {
                if fs::write(inner.join(number.to_string()), "").is_err() {
                    return number;
                }
                let _ = begun.send(());
            }
            0
        });
        begins.recv().unwrap();
        remove(&base).unwrap();
        assert!(maker.join().unwrap() > 0);
        assert!(!base.exists() && !base.with_extension("removing").exists());
    }

    #[test]
    fn only_what_a_process_that_is_gone_has_left_is_removed() {
        let base = std::env::temp_dir().join(format!("synod-scratch-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        let in_use = Scratch::new(&base, "test").unwrap();
        let kept = Scratch::new(&base, "test").unwrap().keep();
        let other = base.join("synod-test-of-mine");
        fs::create_dir(&other).unwrap();
        let gone = base.join("synod-test-0-0");
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join(RUNNING), "").unwrap();
        std::os::unix::fs::symlink(&gone, base.join("synod-test-link")).unwrap();

        let next = Scratch::new(&base, "test").unwrap();
        assert!(!gone.exists());
        for there in [in_use.path(), &kept, &other, next.path()] {
            assert!(there.is_dir(), "{}", there.display());
        }
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
        drop(in_use);
        fs::remove_dir_all(&base).unwrap();
    }
}
