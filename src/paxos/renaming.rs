//! Renaming of acceptors in states, for a checker that treats them as symmetric.
//!
//! Only leaders remember acceptors by name. No message names one.

use super::leader::{self, Candidate, Stance};
use super::node::State;
use super::quorum::AcceptorId;

impl State {
    /// The same state, with acceptors renamed.
    pub fn with_acceptors_renamed(&self, name: &dyn Fn(AcceptorId) -> AcceptorId) -> Self {
        match self {
            State::Leader(leader) => State::Leader(leader.with_acceptors_renamed(name)),
            State::Acceptor(_) | State::Client(_) => self.clone(),
        }
    }
}

impl leader::State {
    fn with_acceptors_renamed(&self, name: &dyn Fn(AcceptorId) -> AcceptorId) -> Self {
        let stance = match &self.stance {
            Stance::Candidate(candidate) => Stance::Candidate(Candidate {
                promised: candidate.promised.iter().map(name).collect(),
                told: candidate.told.iter().map(|(who, told)| (name(*who), told.clone())).collect(),
                ..candidate.clone()
            }),
            other => other.clone(),
        };
        let learner = self.learner.with_acceptors_renamed(name);
        leader::State { stance, learner, ..self.clone() }
    }
}
