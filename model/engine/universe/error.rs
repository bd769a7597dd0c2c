//! The reasons why actors cannot be checked.

use thiserror::Error;

/// The reason why actors cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UniverseError {
    /// The same input gave two different outputs.
    #[error("{actor} is not deterministic: the same {input} led to two different outcomes")]
    NotDeterministic {
        /// The actor's name.
        actor: String,
        /// The input.
        input: String,
    },
    /// A handler panicked.
    #[error("{actor} panicked on {input}")]
    Panicked {
        /// The actor's name.
        actor: String,
        /// The input.
        input: String,
    },
    /// The actor makes random choices, which this engine does not explore.
    #[error("{0} makes a random choice, which the engine does not explore")]
    Random(String),
    /// More items than the integers can number.
    #[error("{actor} has more than {most} {what}: bound the system more tightly")]
    TooMany {
        /// The actor's name.
        actor: String,
        /// The kind of item: actors, cores, timers or properties.
        what: &'static str,
        /// The most items possible.
        most: usize,
    },
    /// States that do not fit a machine word.
    #[error(
        "a state takes {bits} bits, and words that hold states have {most}: bound the system more \
         tightly, or explore it on diagrams"
    )]
    TooWide {
        /// The number of bits of a state.
        bits: u32,
        /// The number of bits of a word.
        most: u32,
    },
    /// A run was found, but could not be followed back to the start.
    #[error("a run was found and lost again, which is a fault of the checking engine")]
    LostRun,
}
