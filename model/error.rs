//! The errors of checks.

use thiserror::Error;

use super::engine::replay::ReplayError;
use super::engine::universe::UniverseError;
use crate::paxos::MembersError;

/// The reason why a check could not be run.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The system's members cannot form a cluster.
    #[error("the system cannot be built: {0}")]
    Members(#[from] MembersError),
    /// The actors cannot be checked.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// A run that was found cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A run that was found does not show the finding that it was found for.
    #[error("the run that was found for '{0}' does not show it: a fault of the checking engine")]
    NotShown(&'static str),
    /// An actor panicked; Stateright cannot say in which state.
    #[error("an actor of system '{0}' panicked while stock Stateright checked it")]
    Panicked(&'static str),
    /// A search that did not visit every state.
    #[error("the search for '{0}' ended before every state was visited: a fault of the engine")]
    Unfinished(&'static str),
    /// A mutant that names a system or property that does not exist.
    #[error("mutant '{mutant}' names '{missing}', which does not exist")]
    Misnamed {
        /// The mutant.
        mutant: &'static str,
        /// The missing system or property.
        missing: &'static str,
    },
    /// Acceptors that differ in more than their names.
    #[error(
        "the acceptors of system '{0}' are not alike: some are asked, or may crash, and others not, \
         or a leader may crash between sending to one and to another"
    )]
    NotAlike(&'static str),
    /// Stock Stateright can neither crash an actor within a step nor lose a save.
    #[error("stock Stateright cannot run mutant '{0}', whose machine is at fault; use a back end")]
    NotInStock(&'static str),
    /// Stock Stateright does not show steps.
    #[error(
        "stock Stateright does not look at steps, so it cannot hold '{0}' to the specification"
    )]
    StepsInStock(&'static str),
}
