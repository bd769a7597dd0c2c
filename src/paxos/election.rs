//! Elections: phase 1, heartbeats, and stepping down.

use std::collections::BTreeMap;

use stateright::actor::Id;

use super::ballot::{Ballot, LeaderId};
use super::command::{Decree, Instance};
use super::leader::{Candidate, Leader, Primary, Stall, Stance, State};
use super::learner::Learner;
use super::message::{Message, Vote};
use super::pending::PendingRequests;
use super::quorum::{AcceptorId, AcceptorSet};
use super::rules::{Adopted, Rules};
use super::step::{Step, Timer};
use super::storage::Record;
use super::telling::{Question, Telling};

/// One page of a promise.
#[derive(Debug)]
pub(super) struct Page {
    /// The first instance of the page.
    pub(super) from: Instance,
    /// The votes of the page.
    pub(super) votes: Vec<Vote>,
    /// The first instance of the next page; `None` if no vote lies beyond this page.
    pub(super) next: Option<Instance>,
    /// The end of the last page that answers the same question.
    pub(super) end: Option<Instance>,
}

impl Candidate {
    /// Counts the promises that are complete by now.
    fn count_told(&mut self, learner: &Learner, rules: &Rules) {
        let first = learner.first_unchosen();
        let Candidate { told, promised, .. } = self;
        told.retain(|acceptor, told| {
            let is_whole = (rules.is_whole)(told, first, learner);
            if is_whole {
                (rules.count)(promised, *acceptor);
            }
            !is_whole
        });
    }
}

impl Leader {
    /// The election timeout: no heartbeat was heard in time.
    pub(super) fn on_election_timeout(&self, state: &mut State, step: &mut Step) {
        if matches!(state.stance, Stance::Follower(_)) {
            self.campaign(state, step);
        }
    }

    /// Phase 1a: asks the acceptors to promise, under a ballot that was never used before. The round is saved
    /// before it is used, so that this holds across crashes too (PMS 2.5).
    pub(super) fn campaign(&self, state: &mut State, step: &mut Step) {
        let ballot = Ballot::next(self.me, state.round, state.seen)
            .filter(|ballot| ballot.round <= self.setup.limits.rounds);
        let Some(ballot) = ballot else {
            return self.await_sign_of_life(state, step);
        };
        state.round = ballot.round;
        state.seen = ballot;
        step.save(Record::Round(ballot.round));
        let from = state.learner.first_unchosen();
        state.stance = Stance::Candidate(Candidate {
            ballot,
            promised: AcceptorSet::default(),
            told: self
                .acceptors(AcceptorSet::default())
                .map(|(a, _)| (a, Telling::new(from)))
                .collect(),
            quiet: 0,
            adopted: Adopted::new(),
            pending: self.own_commands(state),
        });
        for (_, id) in self.acceptors(AcceptorSet::default()) {
            step.send(id, Message::Prepare { ballot, from, pages: 1 });
        }
        self.announce(ballot, step);
        step.cancel(Timer::Election);
        step.set(Timer::Resend);
        self.become_primary(state, step);
    }

    fn own_commands(&self, state: &State) -> PendingRequests {
        let mut pending = PendingRequests::default();
        for command in self.backlog.iter().filter(|command| !state.executor.has(command.id)) {
            pending.in_flight.insert(command.id, None);
            pending.waiting.push_back(command.clone());
        }
        pending
    }

    /// Tells the other leaders of the campaign, so that they wait for its end.
    fn announce(&self, ballot: Ballot, step: &mut Step) {
        if self.setup.candidacies {
            step.broadcast(self.others(), &Message::Candidacy { ballot });
        }
    }

    fn others(&self) -> impl Iterator<Item = &Id> {
        let me = self.setup.members.leader(self.me);
        self.setup.members.leaders().iter().filter(move |id| Some(**id) != me)
    }

    /// Phase 1b received: an acceptor has promised, and reports one page of its votes. A reported vote was
    /// cast, so it counts like any other vote: a decree that a quorum reports under one ballot is chosen
    /// already (PMS 2.3), and need not be proposed again. So a promise is complete once it covers all
    /// instances that are not known to be chosen.
    pub(super) fn on_promise(
        &self,
        state: &mut State,
        (src, acceptor): (Id, AcceptorId),
        ballot: Ballot,
        Page { from, votes, next, end }: Page,
        step: &mut Step,
    ) {
        let State { stance: Stance::Candidate(candidate), learner, .. } = state else { return };
        if candidate.ballot != ballot {
            return;
        }
        let Some(told) = candidate.told.get_mut(&acceptor) else { return };
        if !told.tell(from, next) {
            return;
        }
        let before = learner.first_unchosen();
        for vote in votes.iter().cloned() {
            learner.count(acceptor, vote, u64::MAX, &self.setup.members, step.rules);
        }
        (step.rules.adopt)(&mut candidate.adopted, votes);
        // Instances that are known to be chosen need no proposal.
        candidate.adopted = candidate.adopted.split_off(&learner.first_unchosen());
        let question = told.next_question(end, learner, self.setup.limits.pages);
        if let Some(Question { from, pages }) = question {
            step.send(src, Message::Prepare { ballot, from, pages });
        }
        candidate.count_told(learner, step.rules);
        self.advance(state, before, step);
        self.become_primary(state, step);
    }

    /// Becomes primary once a quorum has promised. In each instance that any acceptor may have voted in,
    /// proposes the highest vote reported, or a no-op if there is none (PMS 3). Clients' commands come after
    /// that.
    fn become_primary(&self, state: &mut State, step: &mut Step) {
        let Stance::Candidate(candidate) = &mut state.stance else { return };
        let Candidate { ballot, promised, .. } = *candidate;
        if !(step.rules.may_propose)(&self.setup.members, promised, ballot) {
            return;
        }
        let adopted = std::mem::take(&mut candidate.adopted);
        let mut pending = std::mem::take(&mut candidate.pending);
        let learner = &state.learner;
        let next = learner.first_unchosen();
        let voted = adopted.keys().next_back().map_or(next, |last| last.next());
        let end = learner.end().max(voted);
        let gaps = (step.rules.gaps)(next, end);
        let forced: BTreeMap<Instance, Decree> = adopted
            .into_iter()
            .filter(|(instance, _)| gaps.contains(&instance.0) && learner.get(*instance).is_none())
            .map(|(instance, (_, decree))| (instance, decree))
            .collect();
        (step.rules.still_waiting)(&mut pending.waiting, &forced);
        for command in forced.values().filter_map(Decree::command) {
            pending.in_flight.entry(command.id).or_insert(None);
        }
        state.failed = 0;
        let stall = Stall::default();
        let open = BTreeMap::new();
        state.stance =
            Stance::Primary(Primary { ballot, forced, gaps, end, open, next, stall, pending });
        step.set(Timer::Heartbeat);
        self.propose(state, step);
    }

    /// Repeats questions whose answers were lost. A campaign that progresses announces itself again to the
    /// other leaders; one that does not steps down, to make room for theirs.
    pub(super) fn on_slow_campaign(&self, state: &mut State, step: &mut Step) {
        let State { stance: Stance::Candidate(candidate), learner, .. } = state else { return };
        let ballot = candidate.ballot;
        if candidate.told.values().any(Telling::has_news) {
            candidate.quiet = 0;
            self.announce(ballot, step);
        } else if candidate.quiet >= self.setup.limits.patience {
            return self.step_down(state, None, step);
        } else {
            candidate.quiet += 1;
        }
        let first = learner.first_unchosen();
        for (acceptor, id) in self.acceptors(candidate.promised) {
            let told = candidate.told.get_mut(&acceptor);
            for Question { from, pages } in told.map_or(Vec::new(), |it| it.lost(first, learner)) {
                step.send(id, Message::Prepare { ballot, from, pages });
            }
        }
        step.set(Timer::Resend);
    }

    /// Takes note of a ballot. If it is higher than all seen so far, a primary or candidate steps down: in
    /// particular, a refusal ends a proposal (PMS 2.2).
    pub(super) fn heard(&self, state: &mut State, ballot: Ballot, step: &mut Step) {
        if ballot <= state.seen {
            return;
        }
        state.seen = ballot;
        let primary = Some(ballot.leader).filter(|leader| *leader != self.me);
        match &mut state.stance {
            Stance::Follower(known) => {
                *known = primary;
                self.await_sign_of_life(state, step);
            }
            _ => self.step_down(state, primary, step),
        }
    }

    /// Restarts the election timeout. Each failed campaign doubles its random range, so that of two
    /// candidates one is first.
    fn await_sign_of_life(&self, state: &State, step: &mut Step) {
        step.set_longer(Timer::Election, state.failed);
    }

    /// A sign that the owner of this ballot is active and reaches acceptors: a vote under the ballot, or a
    /// heartbeat that an acceptor has passed on. Counts as a heartbeat.
    pub(super) fn on_sign_of_life(&self, state: &mut State, ballot: Ballot, step: &mut Step) {
        self.heard(state, ballot, step);
        if ballot == state.seen && matches!(state.stance, Stance::Follower(Some(_))) {
            state.failed = 0;
            self.await_sign_of_life(state, step);
        }
    }

    /// Another leader campaigns, and its campaign progresses: waits for it.
    pub(super) fn on_candidacy(&self, state: &mut State, ballot: Ballot, step: &mut Step) {
        self.heard(state, ballot, step);
        if ballot == state.seen && matches!(state.stance, Stance::Follower(_)) {
            self.await_sign_of_life(state, step);
        }
    }

    /// The heartbeat timeout: tells the other members that the primary is alive.
    pub(super) fn on_heartbeat_timeout(&self, state: &mut State, step: &mut Step) {
        let Stance::Primary(primary) = &state.stance else { return };
        let chosen = state.learner.first_unchosen();
        let heartbeat = Message::Heartbeat { ballot: primary.ballot, chosen };
        step.broadcast(self.others(), &heartbeat);
        if self.setup.upkeep {
            let acceptors = self.acceptors(AcceptorSet::default());
            acceptors.for_each(|(_, id)| step.send(id, heartbeat.clone()));
        }
        step.set(Timer::Heartbeat);
    }

    /// A heartbeat: another leader is primary. Of two primaries, the one with the lower ballot steps down: in
    /// the same round, the one with the lower id. A heartbeat below the highest ballot seen comes from a
    /// former primary, and is ignored.
    pub(super) fn on_heartbeat(
        &self,
        state: &mut State,
        (src, peer): (Id, LeaderId),
        ballot: Ballot,
        chosen: Instance,
        step: &mut Step,
    ) {
        self.heard(state, ballot, step);
        if ballot < state.seen {
            return;
        }
        state.stance = Stance::Follower(Some(peer));
        state.failed = 0;
        self.await_sign_of_life(state, step);
        let from = state.learner.first_unchosen();
        if from < chosen {
            step.send(src, Message::CatchUp { from, until: chosen });
        }
    }

    /// Stops proposing, and redirects the clients of unfinished requests to the new primary, if it is known.
    /// Commands already proposed may still be chosen; the executor applies a request that is sent again once
    /// only.
    pub(super) fn step_down(&self, state: &mut State, primary: Option<LeaderId>, step: &mut Step) {
        if let Some(pending) = state.stance.pending_mut() {
            for (id, client) in std::mem::take(&mut pending.in_flight) {
                if let Some(client) = client {
                    step.send(client, Message::Redirect { id, primary });
                }
            }
        }
        if matches!(state.stance, Stance::Candidate(_)) {
            state.failed = (state.failed + 1).min(self.setup.limits.backoff);
        }
        state.stance = Stance::Follower(primary);
        step.cancel(Timer::Heartbeat);
        step.cancel(Timer::Resend);
        self.await_sign_of_life(state, step);
    }
}
