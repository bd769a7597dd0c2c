//! Back ends, and the rules that a system is held to.

use super::properties::Kind;

/// An explorer of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The engine, state by state.
    Explicit,
    /// Explicit, with symmetry reduction over acceptors.
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
    /// Its properties.
    ToProperties,
    /// The specification that is proved: see [`refinement`](super::refinement).
    ToSpecification,
}
