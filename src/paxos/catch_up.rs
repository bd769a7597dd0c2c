//! Catching up: a leader or an acceptor asks another member, page by page, for the decrees that it has
//! missed.

use stateright::actor::Id;

use super::command::{Decree, Instance};
use super::leader::{Leader, Stance, State};
use super::message::Message;
use super::step::Step;

impl Leader {
    /// Answers another leader that has missed the decrees from `from` to `until`.
    pub(super) fn on_catch_up(
        &self,
        state: &State,
        src: Id,
        (from, until): (Instance, Instance),
        step: &mut Step,
    ) {
        let decrees = (step.rules.page)(&state.learner, from, until, self.setup.limits.page);
        if !decrees.is_empty() {
            step.send(src, Message::Chosen { first: from, decrees, until });
        }
    }

    /// Answers an acceptor that has missed the decrees from `from` to `until`: asks it to vote for them, so
    /// that as many acceptors as possible hold them.
    ///
    /// Nothing else can be chosen there, and a quorum has promised this ballot. So it is safe to propose
    /// these decrees (the proof's "propose what is chosen"), even if no promise has reported these instances.
    pub(super) fn on_missed(
        &self,
        state: &State,
        src: Id,
        (from, until): (Instance, Instance),
        step: &mut Step,
    ) {
        let State { stance: Stance::Primary(primary), learner, .. } = state else { return };
        let decrees = (step.rules.page)(learner, from, until, self.setup.limits.page);
        for (offset, decree) in (0..).zip(decrees) {
            let instance = from.plus(offset);
            step.send(src, Message::Accept { ballot: primary.ballot, instance, decree });
        }
    }

    /// Takes in one page of chosen decrees. Asks for the next page only if this one was new, so that a
    /// repeated page is followed up once.
    pub(super) fn on_chosen(
        &self,
        state: &mut State,
        src: Id,
        (first, decrees, until): (Instance, Vec<Decree>, Instance),
        step: &mut Step,
    ) {
        let before = state.learner.first_unchosen();
        for (offset, decree) in (0..).zip(decrees) {
            let instance = first.plus(offset);
            state.learner.learn(instance, decree);
            self.conclude(state, instance);
        }
        let from = state.learner.first_unchosen();
        self.advance(state, before, step);
        if before < from && from < until {
            step.send(src, Message::CatchUp { from, until });
        }
    }
}
