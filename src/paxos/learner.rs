//! The learner of every leader: counts votes, and holds the chosen decrees.

use std::collections::BTreeMap;

use super::ballot::Ballot;
use super::command::{Decree, Instance};
use super::invariants::{Invariants, holds};
use super::members::Members;
use super::message::Vote;
use super::quorum::{AcceptorId, AcceptorSet};
use super::rules::Rules;

/// The acceptors that have voted under one ballot, and the decree they have voted for: a ballot proposes one
/// decree per instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tally {
    decree: Decree,
    voters: AcceptorSet,
}

/// The decrees that a leader knows to be chosen, and the votes that it has counted.
///
/// Every leader, primary or not, learns from the acceptors directly ("passive learning"), so that each can
/// take over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Learner {
    /// The decrees of all instances up to the first one not known to be chosen.
    prefix: Vec<Decree>,
    /// Chosen decrees beyond the prefix. Invariant: no key is at or below the first unchosen instance.
    beyond: BTreeMap<Instance, Decree>,
    /// Votes in instances that are not known to be chosen. Invariant: no key is known to be chosen.
    votes: BTreeMap<Instance, BTreeMap<Ballot, Tally>>,
}

impl Learner {
    /// The decrees of instances 0, 1, 2, ... as far as all of them are known.
    pub fn prefix(&self) -> &[Decree] {
        &self.prefix
    }

    /// The first instance that is not known to be chosen.
    pub fn first_unchosen(&self) -> Instance {
        Instance(self.prefix.len() as u64)
    }

    /// The first instance from `from` on that is not known to be chosen.
    pub fn next_unchosen(&self, from: Instance) -> Instance {
        from.max(self.first_unchosen()).first_missing(&self.beyond)
    }

    /// The number of decrees known to be chosen beyond the first unchosen instance.
    pub fn beyond(&self) -> usize {
        self.beyond.len()
    }

    /// The last instance in which a decree is known to be chosen.
    pub fn last_chosen(&self) -> Option<Instance> {
        let last = self.beyond.keys().next_back().copied();
        last.or_else(|| self.first_unchosen().0.checked_sub(1).map(Instance))
    }

    /// All decrees known to be chosen, in order of instances.
    pub fn chosen(&self) -> impl Iterator<Item = (Instance, &Decree)> {
        let prefix = self.prefix.iter().zip(0..).map(|(decree, i)| (Instance(i), decree));
        prefix.chain(self.beyond.iter().map(|(instance, decree)| (*instance, decree)))
    }

    /// The decree chosen in this instance, if known.
    pub fn get(&self, instance: Instance) -> Option<&Decree> {
        let index = usize::try_from(instance.0).ok()?;
        self.prefix.get(index).or_else(|| self.beyond.get(&instance))
    }

    /// One past the last instance with a known vote or decision.
    pub fn end(&self) -> Instance {
        let last = self.beyond.keys().next_back().max(self.votes.keys().next_back());
        last.map_or(self.first_unchosen(), |last| last.next())
    }

    /// The acceptors known to have voted in this instance under this ballot.
    pub fn voters(&self, instance: Instance, ballot: Ballot) -> AcceptorSet {
        let tally = self.votes.get(&instance).and_then(|ballots| ballots.get(&ballot));
        tally.map_or(AcceptorSet::default(), |tally| tally.voters)
    }

    /// The decrees known to have votes in this instance, by ballot.
    pub fn voted(&self, instance: Instance) -> impl Iterator<Item = (Ballot, &Decree)> {
        let ballots = self.votes.get(&instance).into_iter().flatten();
        ballots.map(|(ballot, tally)| (*ballot, &tally.decree))
    }

    /// Checks the invariants of this state.
    pub(super) fn invariants(&self) -> Invariants {
        let first = self.first_unchosen();
        let beyond = self.beyond.keys().all(|instance| *instance > first);
        holds(beyond, "an instance is not beyond the first unchosen one")?;
        let open = self.votes.keys().all(|instance| self.get(*instance).is_none());
        holds(open, "votes are counted in an instance that is known to be chosen")
    }

    /// The same learner, with acceptors renamed.
    pub(super) fn with_acceptors_renamed(&self, name: &dyn Fn(AcceptorId) -> AcceptorId) -> Self {
        let mut learner = self.clone();
        for tally in learner.votes.values_mut().flat_map(BTreeMap::values_mut) {
            tally.voters = tally.voters.iter().map(name).collect();
        }
        learner
    }

    /// Counts a vote. A decree is chosen once a phase-2 quorum has voted for it under the same ballot (PMS
    /// 2.2, 2.3). Votes more than `window` instances ahead are dropped, as catching up brings their decrees;
    /// a candidate keeps all votes that promises report.
    pub fn count(
        &mut self,
        acceptor: AcceptorId,
        vote: Vote,
        window: u64,
        members: &Members,
        rules: &Rules,
    ) {
        let Vote { instance, ballot, decree } = vote;
        if self.get(instance).is_some() || instance >= self.first_unchosen().plus(window) {
            return;
        }
        let ballots = self.votes.entry(instance).or_default();
        let tally = ballots
            .entry(ballot)
            .or_insert_with(|| Tally { decree, voters: AcceptorSet::default() });
        (rules.count)(&mut tally.voters, acceptor);
        if (rules.is_chosen)(members, tally.voters) {
            let decree = tally.decree.clone();
            self.learn(instance, decree);
        }
    }

    /// Records that `decree` was chosen.
    pub fn learn(&mut self, instance: Instance, decree: Decree) {
        if self.get(instance).is_some() {
            return;
        }
        self.votes.remove(&instance);
        if instance > self.first_unchosen() {
            self.beyond.insert(instance, decree);
            return;
        }
        self.prefix.push(decree);
        while let Some(decree) = self.beyond.remove(&self.first_unchosen()) {
            self.prefix.push(decree);
        }
    }

    /// The chosen decrees from `from` to `until`, as far as the prefix reaches. The page closes once it holds
    /// `bytes` bytes, and has at least one decree if there is one.
    pub fn page(&self, from: Instance, until: Instance, bytes: usize) -> Vec<Decree> {
        let mut size = 0;
        let known = usize::try_from(from.0).ok().and_then(|from| self.prefix.get(from..));
        let wanted = usize::try_from(until.0.saturating_sub(from.0)).unwrap_or(usize::MAX);
        let fits = |decree: &&Decree| {
            let fits = size < bytes.max(1);
            size += decree.size();
            fits
        };
        known.unwrap_or_default().iter().take(wanted).take_while(fits).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ballot::LeaderId;
    use super::super::quorum::Quorums;
    use super::super::rules::PAXOS;
    use super::*;
    use stateright::actor::Id;

    fn vote(instance: u64, round: u32) -> Vote {
        let ballot = Ballot { round, leader: LeaderId(0) };
        Vote { instance: Instance(instance), ballot, decree: Decree::Noop }
    }

    fn count(learner: &mut Learner, acceptor: u8, vote: Vote) {
        let members =
            Members::new(vec![Id::from(0)], (1..4).map(Id::from).collect(), Quorums::Majority);
        learner.count(AcceptorId(acceptor), vote, 8, &members.unwrap(), &PAXOS);
    }

    #[test]
    fn a_quorum_under_one_ballot_chooses() {
        let mut learner = Learner::default();
        count(&mut learner, 0, vote(0, 1));
        assert_eq!(learner.first_unchosen(), Instance(0));
        count(&mut learner, 0, vote(0, 1));
        assert_eq!(learner.first_unchosen(), Instance(0), "the same acceptor twice is no quorum");
        count(&mut learner, 1, vote(0, 2));
        assert_eq!(learner.first_unchosen(), Instance(0), "votes of two ballots are no quorum");
        count(&mut learner, 1, vote(0, 1));
        assert_eq!(learner.first_unchosen(), Instance(1));
    }

    #[test]
    fn what_is_chosen_beyond_a_gap_joins_the_prefix_when_the_gap_closes() {
        let mut learner = Learner::default();
        learner.learn(Instance(2), Decree::Noop);
        learner.learn(Instance(1), Decree::Noop);
        assert_eq!((learner.first_unchosen(), learner.end()), (Instance(0), Instance(3)));
        learner.learn(Instance(0), Decree::Noop);
        assert_eq!(learner.first_unchosen(), Instance(3));
        assert_eq!(learner.chosen().count(), 3);
    }

    #[test]
    fn a_broken_learner_is_found() {
        let mut learner = Learner::default();
        learner.learn(Instance(0), Decree::Noop);
        count(&mut learner, 0, vote(2, 1));
        assert_eq!(learner.invariants(), Ok(()));
        let mut adjacent = learner.clone();
        adjacent.beyond.insert(Instance(1), Decree::Noop);
        assert!(adjacent.invariants().unwrap_err().contains("not beyond"));
        learner.beyond.insert(Instance(2), Decree::Noop);
        assert!(learner.invariants().unwrap_err().contains("votes are counted"));
    }

    #[test]
    fn votes_far_ahead_are_not_kept() {
        let mut learner = Learner::default();
        count(&mut learner, 0, vote(8, 1));
        assert_eq!(learner.end(), Instance(0));
        count(&mut learner, 0, vote(7, 1));
        assert_eq!(learner.end(), Instance(8));
    }

    #[test]
    fn pages_hold_at_least_one_decree_and_no_more_than_fits() {
        let mut learner = Learner::default();
        (0..5).for_each(|i| learner.learn(Instance(i), Decree::Noop));
        let page = |from, until, bytes| learner.page(Instance(from), Instance(until), bytes).len();
        assert_eq!(page(0, 9, 1), 1);
        assert_eq!(page(1, 9, Decree::Noop.size() + 1), 2);
        assert_eq!(page(1, 3, 1 << 20), 2);
        assert_eq!(page(9, 12, 1 << 20), 0);
        assert_eq!(page(3, 1, 1 << 20), 0);
    }
}
