//! The leader that a client's requests go to: hints, silence and turns.

use super::ballot::LeaderId;

/// The leader that requests go to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    /// How many leaders there are.
    leaders: u16,
    leader: LeaderId,
    /// The leader that the last retry went to. Hints do not move it, so that wrong ones cannot
    /// keep a client away from the primary: retries reach every leader in turn.
    turn: LeaderId,
    /// A hint was followed since the last retry.
    redirected: bool,
    /// The leader that had not answered at the last retry.
    silent: Option<LeaderId>,
}

impl Route {
    /// A route to the first of so many leaders to be asked.
    pub(super) fn new(leaders: u16, first: LeaderId) -> Self {
        Route { leaders, leader: first, turn: first, redirected: false, silent: None }
    }

    /// Nothing is asked any more, so that nobody is silent.
    pub(super) fn rest(&mut self) {
        (self.redirected, self.silent) = (false, None);
    }

    fn after(&self, leader: LeaderId) -> LeaderId {
        LeaderId((leader.0 + 1) % self.leaders.max(1))
    }

    /// The leader that is asked now.
    pub(super) fn leader(&self) -> LeaderId {
        self.leader
    }

    /// It is time to retry. If something has not been answered in time, the next leader is asked.
    pub(super) fn retry(&mut self, is_overdue: bool) {
        self.redirected = false;
        self.silent = is_overdue.then_some(self.leader);
        if is_overdue {
            self.turn = self.after(self.turn);
            self.leader = self.turn;
        }
    }

    /// A leader says that another is primary; true if what it was asked is to be sent on. One hint
    /// is followed between two retries, so that leaders that name one another do not keep a client
    /// running. One that names the leader that has just been silent is outdated: then the next is
    /// asked.
    pub(super) fn follow(&mut self, from: LeaderId, hint: Option<LeaderId>) -> bool {
        if from != self.leader {
            // Another answer has moved the route meanwhile; this request comes along.
            return true;
        }
        let is_news = |hint: &LeaderId| *hint != self.leader && hint.0 < self.leaders;
        let Some(hint) = hint.filter(|hint| !self.redirected && is_news(hint)) else {
            return false;
        };
        if self.silent == Some(hint) {
            self.turn = self.after(self.leader);
            self.leader = self.turn;
        } else {
            self.leader = hint;
        }
        self.redirected = true;
        true
    }
}
