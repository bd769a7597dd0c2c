//! `synod prove --smt2`: the obligations as files for solvers.

use std::fs;
use std::path::Path;

use super::changed;
use super::error::ProveError;
use crate::cli::output::say;
use crate::cli::verdict::Verdict;
use crate::proof::smt::{Answer, Query};
use crate::proof::spec::paxos;

/// All queries: those of the proof itself, and one for each change.
pub(super) fn queries(progress: bool) -> Result<Vec<Query>, ProveError> {
    let mut queries = paxos().queries();
    queries.extend(changed::rows(progress)?.iter().filter_map(Query::of_row));
    Ok(queries)
}

/// Writes a file for each query.
pub(super) fn run(folder: &Path) -> Result<Verdict, ProveError> {
    let queries = queries(true)?;
    fs::create_dir_all(folder)
        .map_err(|source| ProveError::Folder { folder: folder.to_owned(), source })?;
    for query in &queries {
        let file = folder.join(format!("{}.smt2", query.name));
        fs::write(&file, &query.text).map_err(|source| ProveError::File { file, source })?;
    }
    let unsat = queries.iter().filter(|query| query.expected == Answer::Unsat).count();
    let (all, sat) = (queries.len(), queries.len() - unsat);
    let folder = folder.display();
    say(format_args!("{all} files are in {folder}: {unsat} that must be unsat, {sat} sat."));
    Ok(Verdict::Holds)
}
