//! How a leader makes up for what it missed: it asks another, page by page.

use stateright::actor::Id;

use super::command::{Decree, Instance};
use super::leader::{Leader, Stance, State};
use super::message::Message;
use super::step::Step;

impl Leader {
    /// Another leader has missed what was chosen from `from` to `until`.
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

    /// An acceptor has missed what was chosen from `from` to `until`. It is asked to vote for that, so that
    /// as many acceptors as can know it.
    ///
    /// Nothing else can be chosen there, and a quorum has promised this ballot: so it is safe to propose
    /// (the proof's "propose what is chosen"), though no promise may have told of these instances.
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

    /// One page of what was missed. Asks for the next one only if this one was news, so that a
    /// page that comes twice is not asked for twice.
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
