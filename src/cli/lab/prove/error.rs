//! The errors of `synod prove`, each with advice.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cli::verdict::Verdict;
use crate::proof::ground::ProofError;

#[derive(Debug, Error)]
pub(super) enum ProveError {
    #[error("{0}")]
    NoFault(String),
    #[error(
        "'{0}' is no fault of the specification, but a mutant of the code: synod check --mutant {0}"
    )]
    Mutant(String),
    #[error("{0}")]
    NoPart(String),
    #[error("cannot make the folder {}: {source}; name one below a folder that you may write to",
        folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; make room, or name a folder that you may write to",
        file.display())]
    File { file: PathBuf, source: io::Error },
    #[error(
        "cannot start the solver '{program}': {source}; install it (Debian and Ubuntu: \
        apt-get install z3 cvc5; z3 also by pip install z3-solver), or give the path of its program"
    )]
    NoSolver { program: String, source: io::Error },
    #[error("cannot talk to the solver '{program}': {source}; run synod prove again")]
    Talk { program: String, source: io::Error },
    #[error("the search has found a proof that is none, which is a fault of synod: {0}")]
    Proof(#[from] ProofError),
}

impl ProveError {
    /// The exit status for the error.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            ProveError::Proof(_) => Verdict::Fails,
            ProveError::Talk { .. } => Verdict::NotDone,
            ProveError::File { .. } => Verdict::NotWritten,
            ProveError::NoFault(_)
            | ProveError::Mutant(_)
            | ProveError::NoPart(_)
            | ProveError::Folder { .. }
            | ProveError::NoSolver { .. } => Verdict::BadUse,
        }
    }
}
