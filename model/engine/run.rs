//! A run: what happened to which actor, one step after another.

use super::universe::Stimulus;

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// Whom it happened to.
    pub actor: usize,
    /// What happened.
    pub stimulus: Stimulus,
    /// After how many of the step's commands the actor crashed, if it did.
    pub cut: Option<usize>,
}

/// A run from the start of all actors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// For each actor, after how many commands of its start it crashed, if it did.
    pub starts: Vec<Option<usize>>,
    /// The steps, in order.
    pub steps: Vec<RunStep>,
}

/// Which of a step's outcomes comes of a crash after how many commands: all but the last.
pub(super) fn cut(outcome: usize, outcomes: usize) -> Option<usize> {
    (outcome + 1 < outcomes).then_some(outcome + 1)
}
