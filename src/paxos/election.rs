//! How a leader becomes primary, stays it, and stops being it: heartbeats and phase 1.

use std::collections::BTreeMap;

use stateright::actor::Id;

use super::ballot::{Ballot, LeaderId};
use super::command::{Decree, Instance};
use super::desk::Desk;
use super::leader::{Candidate, Leader, Primary, Stall, Stance, State};
use super::message::{Message, Vote};
use super::quorum::{AcceptorId, AcceptorSet};
use super::rules::Adopted;
use super::step::{Step, Timer};
use super::storage::Record;

impl Leader {
    /// No heartbeat was heard for too long.
    pub(super) fn on_election_timeout(&self, state: &mut State, step: &mut Step) {
        if matches!(state.stance, Stance::Follower(_)) {
            self.campaign(state, step);
        }
    }

    /// Phase 1a: asks the acceptors to promise, under a ballot that was never used before. The
    /// round is saved before it is used, so that this holds across crashes too (PMS 2.5).
    pub(super) fn campaign(&self, state: &mut State, step: &mut Step) {
        let ballot = Ballot::next(self.me, state.round, state.seen)
            .filter(|ballot| ballot.round <= self.setup.limits.rounds);
        let Some(ballot) = ballot else {
            return step.set(Timer::Election);
        };
        state.round = ballot.round;
        state.seen = ballot;
        step.save(Record::Round(ballot.round));
        let from = state.learner.first_unchosen();
        state.stance = Stance::Candidate(Candidate {
            ballot,
            from,
            promised: AcceptorSet::default(),
            pages: BTreeMap::new(),
            adopted: Adopted::new(),
            desk: self.own_commands(state),
        });
        for (_, id) in self.acceptors(AcceptorSet::default()) {
            step.send(id, Message::Prepare { ballot, from });
        }
        step.cancel(Timer::Election);
        step.set(Timer::Resend);
        self.become_primary(state, step);
    }

    fn own_commands(&self, state: &State) -> Desk {
        let mut desk = Desk::default();
        for command in self.backlog.iter().filter(|command| !state.history.has(command.id)) {
            desk.in_flight.insert(command.id, None);
            desk.waiting.push_back(command.clone());
        }
        desk
    }

    /// Phase 1b heard: an acceptor has promised, and reports one page of its votes. A vote that is
    /// reported was cast, so it counts like one that is heard of at once: what a quorum reports
    /// under one ballot is chosen already (PMS 2.3), and need not be proposed again.
    pub(super) fn on_promise(
        &self,
        state: &mut State,
        (src, acceptor): (Id, AcceptorId),
        ballot: Ballot,
        (from, votes, next): (Instance, Vec<Vote>, Option<Instance>),
        step: &mut Step,
    ) {
        let State { stance: Stance::Candidate(candidate), learner, .. } = state else { return };
        let expected = candidate.pages.get(&acceptor).unwrap_or(&candidate.from);
        if candidate.ballot != ballot || from != *expected {
            return;
        }
        let before = learner.first_unchosen();
        for vote in votes.iter().cloned() {
            learner.count(acceptor, vote, u64::MAX, &self.setup.members, step.rules);
        }
        (step.rules.adopt)(&mut candidate.adopted, votes);
        // Nothing is proposed any more where it is known what was chosen.
        candidate.adopted = candidate.adopted.split_off(&learner.first_unchosen());
        match next {
            None => (step.rules.count)(&mut candidate.promised, acceptor),
            Some(next) => {
                candidate.pages.insert(acceptor, next);
                step.send(src, Message::Prepare { ballot, from: next });
            }
        }
        self.advance(state, before, step);
        self.become_primary(state, step);
    }

    /// Once a quorum has promised: in each instance that anyone may have voted in, the highest vote
    /// reported must be proposed, or a no-op if there is none (PMS 3); then come the clients.
    fn become_primary(&self, state: &mut State, step: &mut Step) {
        let Stance::Candidate(candidate) = &mut state.stance else { return };
        let Candidate { ballot, promised, .. } = *candidate;
        if !(step.rules.may_propose)(&self.setup.members, promised, ballot) {
            return;
        }
        let adopted = std::mem::take(&mut candidate.adopted);
        let mut desk = std::mem::take(&mut candidate.desk);
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
        (step.rules.still_waiting)(&mut desk.waiting, &forced);
        for command in forced.values().filter_map(Decree::command) {
            desk.in_flight.entry(command.id).or_insert(None);
        }
        let stall = Stall::default();
        let open = BTreeMap::new();
        state.stance =
            Stance::Primary(Primary { ballot, forced, gaps, end, open, next, stall, desk });
        step.set(Timer::Heartbeat);
        self.propose(state, step);
    }

    pub(super) fn prepare_again(&self, candidate: &Candidate, step: &mut Step) {
        let ballot = candidate.ballot;
        for (acceptor, id) in self.acceptors(candidate.promised) {
            let from = *candidate.pages.get(&acceptor).unwrap_or(&candidate.from);
            step.send(id, Message::Prepare { ballot, from });
        }
    }

    /// A higher ballot is in use: whoever acts under a lower one is not primary any more. In
    /// particular a refusal ends a proposal (PMS 2.2).
    pub(super) fn heard(&self, state: &mut State, ballot: Ballot, step: &mut Step) {
        if ballot <= state.seen {
            return;
        }
        state.seen = ballot;
        let primary = Some(ballot.leader).filter(|leader| *leader != self.me);
        match &mut state.stance {
            Stance::Follower(known) => *known = primary,
            _ => self.step_down(state, primary, step),
        }
    }

    /// It is time to tell the other leaders that the primary is alive.
    pub(super) fn on_heartbeat_timeout(&self, state: &mut State, step: &mut Step) {
        let Stance::Primary(primary) = &state.stance else { return };
        let chosen = state.learner.first_unchosen();
        let heartbeat = Message::Heartbeat { ballot: primary.ballot, chosen };
        let me = self.setup.members.leader(self.me);
        let others = self.setup.members.leaders().iter().filter(|id| Some(**id) != me);
        step.broadcast(others, &heartbeat);
        step.set(Timer::Heartbeat);
    }

    /// Another leader is primary. Of two primaries, the one with the lower ballot yields: in the
    /// same round, the one with the lower id. Heartbeats below a ballot heard of are those of a
    /// primary that is not one any more, and count for nothing.
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
        step.set(Timer::Election);
        let from = state.learner.first_unchosen();
        if from < chosen {
            step.send(src, Message::CatchUp { from, until: chosen });
        }
    }

    /// Stops proposing, and sends the clients of unfinished requests to the new primary, if it is
    /// known. What was proposed may still be chosen: that a request sent again is applied once is
    /// the history's care.
    pub(super) fn step_down(&self, state: &mut State, primary: Option<LeaderId>, step: &mut Step) {
        if let Some(desk) = state.stance.desk_mut() {
            for (id, client) in std::mem::take(&mut desk.in_flight) {
                if let Some(client) = client {
                    step.send(client, Message::Redirect { id, primary });
                }
            }
        }
        state.stance = Stance::Follower(primary);
        step.cancel(Timer::Heartbeat);
        step.cancel(Timer::Resend);
        step.set(Timer::Election);
    }
}
