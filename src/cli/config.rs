//! The `--config` option.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::cluster::config::{ClusterConfig, MAX_FILE};

/// The path of the cluster's file.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The cluster's file.
    #[arg(
        long = "config",
        value_name = "FILE",
        env = "SYNOD_CONFIG",
        hide_env_values = true,
        default_value = "cluster.toml",
        value_parser = OsStringValueParser::new().try_map(path)
    )]
    path: PathBuf,
}

/// Refuses an empty path: it comes from an empty variable of the shell or of the environment.
fn path(text: OsString) -> Result<PathBuf, &'static str> {
    match text.is_empty() {
        true => {
            Err("it is empty; name the cluster's file, or unset SYNOD_CONFIG to use cluster.toml")
        }
        false => Ok(text.into()),
    }
}

impl ConfigFile {
    /// Reads the file.
    pub(super) fn read(&self) -> Result<ClusterConfig, String> {
        let (mut text, path) = (String::new(), self.path.display());
        let opened = File::open(&self.path);
        let read = opened.and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_string(&mut text));
        read.map_err(|error| {
            format!(
                "cannot read {path}: {error}; name the cluster's file by --config or SYNOD_CONFIG, or \
                 let `synod init` write one"
            )
        })?;
        text.parse().map_err(|error| format!("{path}, {error}"))
    }

    /// The folder that the file is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}
