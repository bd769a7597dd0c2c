//! The acceptor: promises, votes, and never goes back on either.

use std::collections::BTreeMap;
use std::sync::Arc;

use stateright::actor::Id;

use super::ballot::Ballot;
use super::command::{Decree, Instance};
use super::invariants::{Invariants, holds};
use super::message::{Message, Vote};
use super::node::Setup;
use super::quorum::AcceptorId;
use super::step::Step;
use super::storage::{Record, Storage};
use super::telling::Question;

/// The set of leaders that an acceptor tells of its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them: passive learning.
    AllLeaders,
    /// The one that proposed. The others then learn from the primary only. Makes model-checked
    /// systems smaller.
    Proposer,
}

/// An acceptor's configuration.
#[derive(Clone, Debug)]
pub struct Acceptor {
    /// Its place among the acceptors.
    pub me: AcceptorId,
    /// The settings that all members share.
    pub setup: Arc<Setup>,
}

/// The state of an acceptor. All of it but `recovered` is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Only grows, and is saved before it is told.
    promised: Ballot,
    /// The last vote per instance. Its ballot only grows, and is at most `promised`.
    votes: BTreeMap<Instance, (Ballot, Decree)>,
    /// The first instance without a vote. Follows from the votes.
    whole: Instance,
    /// The ballot that was promised when this acceptor last restarted after a crash.
    recovered: Option<Ballot>,
}

/// The most instances that an acceptor examines, at each heartbeat, for votes that it has missed.
const LOOK: usize = 4096;

impl State {
    /// Restores the state from the records in storage; an acceptor that has none starts afresh. Of two votes
    /// in one instance the later one counts. Building the map at once takes half of the memory that it takes
    /// vote by vote.
    fn recover(Storage(records): &Storage, crashed: bool) -> Self {
        let votes = records.iter().filter_map(|record| match record {
            Record::Voted(vote) => Some((vote.instance, (vote.ballot, vote.decree.clone()))),
            Record::Round(_) | Record::Promised(_) => None,
        });
        let votes: BTreeMap<_, _> = votes.collect();
        let ballots = records.iter().filter_map(|record| match record {
            Record::Round(_) => None,
            Record::Promised(ballot) => Some(*ballot),
            Record::Voted(vote) => Some(vote.ballot),
        });
        let promised = ballots.max().unwrap_or_default();
        let whole = Instance(0).first_missing(&votes);
        State { promised, votes, whole, recovered: crashed.then_some(promised) }
    }

    fn vote(&mut self, vote: Vote) {
        self.promised = self.promised.max(vote.ballot);
        let instance = vote.instance;
        self.votes.insert(instance, (vote.ballot, vote.decree));
        if instance == self.whole {
            self.whole = instance.first_missing(&self.votes);
        }
    }

    /// All that must survive a crash, in one canonical form.
    pub fn durable(&self) -> Storage {
        let promised = std::iter::once(Record::Promised(self.promised));
        Storage(promised.chain(self.votes().map(Record::Voted)).collect())
    }

    /// Checks the invariants of this state.
    pub(super) fn invariants(&self) -> Invariants {
        let bound = self.votes.values().all(|(ballot, _)| *ballot <= self.promised);
        holds(bound, "a vote is under a higher ballot than was promised")?;
        let whole = Instance(0).first_missing(&self.votes);
        holds(self.whole == whole, "the first instance without a vote is another")?;
        let before = self.recovered.is_none_or(|ballot| ballot <= self.promised);
        holds(before, "it promised more before the crash than after")
    }

    /// Checks the invariants of the step from `before` to this state.
    pub(super) fn follows(&self, before: &State) -> Invariants {
        holds(self.promised >= before.promised, "a promise was taken back")?;
        let stands = |(instance, (then, _)): (&Instance, &(Ballot, Decree))| {
            self.votes.get(instance).is_some_and(|(now, _)| now >= then)
        };
        holds(before.votes.iter().all(stands), "a vote was taken back")
    }

    /// The ballot below which this acceptor no longer votes.
    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// The last vote in each instance, in order.
    pub fn votes(&self) -> impl Iterator<Item = Vote> {
        self.votes_from(Instance(0))
    }

    /// The number of instances in which this acceptor has voted.
    pub fn votes_cast(&self) -> usize {
        self.votes.len()
    }

    fn votes_from(&self, from: Instance) -> impl Iterator<Item = Vote> {
        self.votes.range(from..).map(|(instance, (ballot, decree))| Vote {
            instance: *instance,
            ballot: *ballot,
            decree: decree.clone(),
        })
    }

    /// The first `most` spans of instances below `until` in which this acceptor has not voted.
    fn missed(&self, until: Instance, most: usize) -> Vec<(Instance, Instance)> {
        let (mut spans, mut from) = (Vec::new(), self.whole);
        let voted = self.votes.range(self.whole..).take(LOOK).map(|(instance, _)| *instance);
        for end in voted.chain([until]) {
            if spans.len() >= most || from >= until {
                break;
            }
            if from < end {
                spans.push((from, end.min(until)));
            }
            from = end.next();
        }
        spans
    }

    /// The ballot that was promised when this acceptor last restarted after a crash; `None` if it never did.
    pub fn recovered(&self) -> Option<Ballot> {
        self.recovered
    }

    /// One page of the votes cast from `from` on, as a promise reports them, and the instance at which the
    /// next page starts. A page closes once it holds `bytes` bytes, and has at least one vote if there is
    /// one.
    fn page(&self, from: Instance, bytes: usize, step: &Step) -> (Vec<Vote>, Option<Instance>) {
        let (mut votes, mut size) = (Vec::new(), 0);
        for mut vote in self.votes_from(from) {
            if size >= bytes.max(1) {
                return (votes, Some(vote.instance));
            }
            size += vote.decree.size();
            vote.ballot = (step.rules.reported_ballot)(&vote, self.promised);
            votes.push(vote);
        }
        (votes, None)
    }
}

impl Acceptor {
    /// The first step after a start: restores all that was saved before.
    pub(super) fn on_start(&self, storage: Option<&Storage>, step: &mut Step) -> State {
        let records = (step.rules.recall)(storage);
        State::recover(&records, storage.is_some())
    }

    fn refuse(&self, state: &State, src: Id, ballot: Ballot, step: &mut Step) {
        let nack = (step.rules.refusal)(ballot, state.promised).filter(|_| self.setup.nacks);
        if let Some(nack) = nack {
            step.send(src, nack);
        }
    }

    /// Phase 1b: promises, and reports the votes cast from `from` on, at most `pages` pages of them. A
    /// repeated question is harmless: no vote below the promise can have changed in between.
    pub(super) fn on_prepare(
        &self,
        state: &mut State,
        src: Id,
        ballot: Ballot,
        Question { from, pages }: Question,
        step: &mut Step,
    ) {
        if !(step.rules.may_promise)(state.promised, ballot) {
            return self.refuse(state, src, ballot, step);
        }
        if ballot != state.promised {
            state.promised = ballot;
            step.save(Record::Promised(ballot));
        }
        let (mut told, mut at) = (Vec::new(), Some(from));
        for _ in 0..pages.clamp(1, self.setup.limits.pages) {
            let Some(from) = at else { break };
            let (votes, next) = state.page(from, self.setup.limits.page, step);
            told.push((from, votes, next));
            at = next;
        }
        for (from, votes, next) in told {
            step.send(src, Message::Promise { ballot, from, votes, next, end: at });
        }
    }

    /// A heartbeat: a primary is alive, and knows the decrees chosen below `chosen`. Passes it on to the
    /// other leaders, which may be cut off from the primary, and asks the primary for the instances that this
    /// acceptor has missed.
    pub(super) fn on_heartbeat(
        &self,
        state: &mut State,
        src: Id,
        (ballot, chosen): (Ballot, Instance),
        step: &mut Step,
    ) {
        if !(step.rules.may_accept)(state.promised, ballot) {
            return self.refuse(state, src, ballot, step);
        }
        let others = self.setup.members.leaders().iter().filter(|leader| **leader != src);
        step.broadcast(others, &Message::Heartbeat { ballot, chosen });
        for (from, until) in state.missed(chosen, self.setup.limits.missed) {
            step.send(src, Message::CatchUp { from, until });
        }
    }

    /// Phase 2b: votes, unless a higher ballot was promised, and tells the leaders. A repeated `Accept` is
    /// answered with the same vote, since the first answer may have been lost.
    pub(super) fn on_accept(&self, state: &mut State, src: Id, vote: Vote, step: &mut Step) {
        if !(step.rules.may_accept)(state.promised, vote.ballot) {
            return self.refuse(state, src, vote.ballot, step);
        }
        let cast = state.votes.get(&vote.instance);
        if cast.is_none_or(|(ballot, decree)| (*ballot, decree) != (vote.ballot, &vote.decree)) {
            state.vote(vote.clone());
            step.save(Record::Voted(vote.clone()));
        }
        let accepted = Message::Accepted(vote);
        match self.setup.audience {
            Audience::AllLeaders => step.broadcast(self.setup.members.leaders(), &accepted),
            Audience::Proposer => step.send(src, accepted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ballot::LeaderId;
    use super::*;

    fn ballot(round: u32) -> Ballot {
        Ballot { round, leader: LeaderId(0) }
    }

    impl State {
        /// Votes for no-ops in these instances.
        pub(in super::super) fn cast(&mut self, instances: std::ops::Range<u64>) {
            for instance in instances.map(Instance) {
                self.vote(Vote { instance, ballot: ballot(1), decree: Decree::Noop });
            }
        }
    }

    #[test]
    fn a_broken_acceptor_is_found() {
        let mut sound = State::default();
        sound.cast(0..3);
        sound.recovered = Some(ballot(1));
        let broken = |breaks: fn(&mut State)| {
            let mut state = sound.clone();
            assert_eq!(state.invariants(), Ok(()));
            breaks(&mut state);
            state.invariants().unwrap_err()
        };
        assert!(broken(|it| it.promised = Ballot::NONE).contains("higher ballot"));
        assert!(broken(|it| it.whole = Instance(2)).contains("without a vote"));
        assert!(broken(|it| it.recovered = Some(ballot(2))).contains("before the crash"));
    }

    #[test]
    fn what_is_taken_back_is_found() {
        let mut before = State::default();
        before.cast(0..3);
        let mut after = before.clone();
        after.vote(Vote { instance: Instance(1), ballot: ballot(2), decree: Decree::Noop });
        assert_eq!(after.follows(&before), Ok(()));
        assert!(before.follows(&after).unwrap_err().contains("promise was taken back"));
        before.promised = after.promised;
        assert!(before.follows(&after).unwrap_err().contains("vote was taken back"));
        let lost = State { promised: after.promised, ..State::default() };
        assert!(lost.follows(&after).unwrap_err().contains("vote was taken back"));
    }
}
