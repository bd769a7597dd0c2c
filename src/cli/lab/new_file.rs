//! A file that a command writes when its work is done, which may take hours. Writing is tried
//! before the work begins, and an existing file stays as it is until the work is done.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file to be written.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    /// The temporary file that is written first, and renamed as a whole; none if `path` is a
    /// terminal or a pipe.
    aside: Option<PathBuf>,
}

impl NewFile {
    /// A file of this path; an error if it cannot be written.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        let cannot = |error: io::Error| {
            format!(
                "cannot write {}: {error}; name a file that may be written, in a folder that is there",
                path.display()
            )
        };
        let file = NewFile::find(path).map_err(cannot)?;
        file.try_out().map_err(cannot)?;
        Ok(file)
    }

    fn find(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => Ok(NewFile { path: path.to_owned(), aside: None }),
            // A symbolic link stays one.
            Ok(_) => NewFile::beside(fs::canonicalize(path)?),
            Err(error) if error.kind() == ErrorKind::NotFound => NewFile::beside(path.to_owned()),
            Err(error) => Err(error),
        }
    }

    fn beside(path: PathBuf) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy();
        let aside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        Ok(NewFile { path, aside: Some(aside) })
    }

    /// Opens the existing file, and creates and removes a file beside it.
    fn try_out(&self) -> io::Result<()> {
        let Some(aside) = &self.aside else { return Ok(()) };
        if self.path.exists() {
            OpenOptions::new().append(true).open(&self.path)?;
        }
        File::create(aside)?;
        fs::remove_file(aside)
    }

    /// Writes the text, in place of the existing file.
    pub(super) fn write(&self, text: &str) -> Result<(), String> {
        let cannot = |error: &dyn Display| format!("cannot write {}: {error}", self.path.display());
        let Some(aside) = &self.aside else {
            return fs::write(&self.path, text).map_err(|error| cannot(&error));
        };
        let written = self.write_aside(aside, text);
        if let Err(error) = written {
            let _ = fs::remove_file(aside);
            return Err(cannot(&error));
        }
        fs::rename(aside, &self.path)
            .map_err(|error| format!("{}; it is in {}", cannot(&error), aside.display()))
    }

    fn write_aside(&self, aside: &Path, text: &str) -> io::Result<()> {
        let mut file = File::create(aside)?;
        if let Ok(there) = fs::metadata(&self.path) {
            file.set_permissions(there.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_there_stays_until_the_new_text_is_written() {
        let folder = folder("new-file");
        let path = folder.join("page");
        for before in [None, Some("before")] {
            before.into_iter().for_each(|text| fs::write(&path, text).unwrap());
            let file = NewFile::at(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), before);
            file.write("after").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "after");
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        }
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        NewFile::at(&link).unwrap().write("through the link").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "through the link");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_is_refused_before_anything_is_written() {
        let folder = folder("no-file");
        for path in [folder.clone(), folder.join("missing/page"), "/".into(), "".into()] {
            let error = NewFile::at(&path).unwrap_err();
            assert!(error.contains("name a file that may be written"), "{error}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        assert!(NewFile::at(Path::new("/dev/null")).unwrap().write("nothing").is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}
