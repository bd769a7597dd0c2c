//! Why actors cannot be checked.

use thiserror::Error;

/// Why actors cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UniverseError {
    /// The same input gave two different outputs.
    #[error("{actor} is not deterministic: the same {input} led to two different outcomes")]
    NotDeterministic {
        /// Which actor.
        actor: String,
        /// What it was given.
        input: String,
    },
    /// A handler panicked.
    #[error("{actor} panicked on {input}")]
    Panicked {
        /// Which actor.
        actor: String,
        /// What it was given.
        input: String,
    },
    /// The actor makes random choices, which this engine does not explore.
    #[error("{0} makes a random choice, which the engine does not explore")]
    Random(String),
    /// More than the integers can tell apart.
    #[error("{actor} has more than {most} {what}: bound the system more tightly")]
    TooMany {
        /// Which actor.
        actor: String,
        /// Actors, cores or timers.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// States that are longer than machine words.
    #[error(
        "a state takes {bits} bits, and words that hold states have {most}: bound the system more \
         tightly, or explore it on diagrams"
    )]
    TooWide {
        /// How many bits it takes.
        bits: u32,
        /// How many there may be.
        most: u32,
    },
    /// A run was found, and could not be followed back to the start.
    #[error("a run was found and lost again, which is a fault of the checking engine")]
    LostRun,
}
