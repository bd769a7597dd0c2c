//! Folders for the time of an experiment. They are removed when it ends, by itself or by a signal; what
//! one that was killed has left is removed by the next one.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::offspring::{add_folder, forget_folder};

/// A file that is locked for as long as the process lives that the folder is of.
const RUNNING: &str = "running";
/// So many names are tried.
const TRIES: u32 = 1000;

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Its lock tells others that the folder is in use. None once the folder is kept.
    running: Option<File>,
}

impl Scratch {
    /// A new folder in `base` for an experiment of this kind, after those of the same kind are removed
    /// that belong to processes that are gone.
    pub fn new(base: &Path, kind: &str) -> io::Result<Self> {
        let prefix = format!("synod-{kind}-");
        fs::create_dir_all(base)?;
        for path in left_over(base, &prefix)? {
            match fs::remove_dir_all(&path) {
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is, for whoever wants to look into it.
    pub fn keep(mut self) -> PathBuf {
        forget_folder(&self.path);
        self.running = None;
        // Without it, nobody takes the folder for one of a run that was killed.
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
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Locks the file that says that a folder is in use. It has its name only once it is locked.
fn lock(folder: &Path) -> io::Result<File> {
    let unlocked = folder.join("locking");
    let file = File::create(&unlocked)?;
    file.try_lock()?;
    fs::rename(unlocked, folder.join(RUNNING))?;
    Ok(file)
}

/// The folders of this user whose process is surely gone: their lock is free.
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
