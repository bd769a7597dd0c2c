//! Back ends, and what they hold a system to.

use super::properties::Kind;

/// An explorer of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The engine, state by state.
    Explicit,
    /// The engine, state by state, with symmetry reduction: of states that differ only in the acceptors'
    /// names, one.
    Alike,
    /// The engine, on decision diagrams.
    Symbolic,
    /// Stateright's own actor model and checker.
    Stock,
}

impl Backend {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Explicit => "explicit",
            Backend::Alike => "alike",
            Backend::Symbolic => "symbolic",
            Backend::Stock => "stock",
        }
    }

    /// The reason why it cannot judge properties of this kind, if it cannot.
    pub(super) fn cannot_look_at(self, kind: Kind) -> Option<&'static str> {
        match (self, kind) {
            (Backend::Stock, Kind::AlwaysWithHistory) => {
                Some("its states do not remember the way to them")
            }
            (Backend::Stock, Kind::Eventually) => Some("its own check of fair runs misses some"),
            _ => None,
        }
    }
}

/// The rules that a system is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// To its properties.
    ToProperties,
    /// To the specification that is proved: see [`refinement`](super::refinement).
    ToSpecification,
}
