//! Invariants: what is true of each state, and of each step, whatever was heard, lost and forgotten.
//!
//! The model checker asserts them in debug builds, of steps by the rules of Paxos alone; so do hosts, and
//! tests that walk at random.

use std::collections::BTreeSet;

use super::leader;
use super::node::State;

/// The first invariant that is broken, in words.
pub type Invariants = Result<(), &'static str>;

/// Says these words unless something holds.
pub fn holds(is_so: bool, words: &'static str) -> Invariants {
    if is_so { Ok(()) } else { Err(words) }
}

impl State {
    /// Checks the invariants of this state.
    pub fn invariants(&self) -> Invariants {
        match self {
            State::Leader(leader) => leader.invariants(),
            State::Acceptor(acceptor) => acceptor.invariants(),
            State::Client(client) => client.session.invariants(),
        }
    }

    /// Checks the invariants of a step, or of several, from `before` to this state, in one life.
    pub fn follows(&self, before: &State) -> Invariants {
        match (before, self) {
            (State::Leader(before), State::Leader(after)) => after.follows(before),
            (State::Acceptor(before), State::Acceptor(after)) => after.follows(before),
            (State::Client(before), State::Client(after)) => after.session.follows(&before.session),
            _ => Err("a role has become another"),
        }
    }

    /// Checks that a leader's machine is as its history makes it. It takes as long as to apply all of it.
    pub fn replay(&self) -> Invariants {
        let Some(leader) = self.as_leader() else { return Ok(()) };
        leader.executor.replay(|instance| leader.learner.get(instance)?.command())
    }

    /// The number of things that its invariants look at.
    fn size(&self) -> usize {
        match self {
            State::Leader(leader) => {
                let (learner, executor) = (&leader.learner, &leader.executor);
                let known = learner.first_unchosen().0 as usize + learner.beyond();
                known + executor.sessions().answers().len() + executor.sessions().clients()
            }
            State::Acceptor(acceptor) => acceptor.votes_cast(),
            State::Client(_) => 0,
        }
    }
}

impl leader::State {
    fn invariants(&self) -> Invariants {
        let acts = self.stance.ballot();
        let highest = |ballot| self.seen == ballot && self.round == ballot.round;
        holds(
            acts.is_none_or(highest),
            "it acts under a ballot that is not its last one, or not the highest that it has heard of",
        )?;
        holds(
            self.forgotten().is_empty(),
            "a request was taken on, and is neither open nor waits",
        )?;
        holds(
            self.neglected().is_empty(),
            "an instance was passed, and is neither open nor chosen",
        )?;
        match &self.stance {
            leader::Stance::Follower(_) => {}
            leader::Stance::Candidate(candidate) => candidate.invariants()?,
            leader::Stance::Primary(primary) => {
                let known = |instance| self.learner.get(instance).is_some();
                let open = || primary.open.keys();
                holds(!open().any(|at| known(*at)), "an instance is open, and known to be chosen")?;
                holds(open().all(|at| *at < primary.next), "an instance is open that is ahead")?;
                primary.pending.invariants()?;
            }
        }
        self.learner.invariants()?;
        self.executor.sessions().invariants()?;
        let applied = self.executor.applied();
        let is_command = |at| self.learner.get(at).is_some_and(|it| it.command().is_some());
        let is_known = |at| at < self.learner.first_unchosen() && is_command(at);
        holds(applied.is_sorted_by(|one, next| one < next), "commands are applied out of order")?;
        holds(applied.iter().all(|at| is_known(*at)), "something was applied that is not chosen")
    }

    fn follows(&self, before: &leader::State) -> Invariants {
        holds(self.round >= before.round, "the last round has gone back")?;
        holds(self.seen >= before.seen, "the highest ballot heard of has gone back")?;
        let (known, then) = (self.learner.prefix(), before.learner.prefix());
        holds(known.starts_with(then), "what was known to be chosen is not any more")?;
        let (applied, then) = (self.executor.applied(), before.executor.applied());
        holds(applied.starts_with(then), "what was applied is not any more")
    }
}

impl leader::Candidate {
    fn invariants(&self) -> Invariants {
        let both = self.told.keys().any(|acceptor| self.promised.contains(*acceptor));
        holds(!both, "an acceptor has told all, and is asked for more")?;
        self.told.values().try_for_each(|told| told.invariants())?;
        self.pending.invariants()
    }
}

impl super::pending::PendingRequests {
    fn invariants(&self) -> Invariants {
        let waiting: BTreeSet<_> = self.waiting.iter().map(|command| command.id).collect();
        holds(waiting.len() == self.waiting.len(), "a request waits twice")
    }
}

/// Checks the invariants of a state that grows: after every step as long as it is small, and so seldom later
/// that checks take a constant time per step.
#[derive(Debug, Default)]
pub struct Checks {
    /// The steps that go unchecked from now on.
    left: usize,
}

/// A step pays for so many things that are looked at.
const PER_STEP: usize = 64;

impl Checks {
    /// Checks a state after a step, if it is time.
    pub fn check(&mut self, state: &State) -> Invariants {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Ok(());
        }
        self.left = state.size() / PER_STEP;
        state.invariants()
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::Client;
    use super::super::command::{ClientId, Command, Decree, Instance, RequestId};
    use super::super::leader::{Candidate, Leader, Primary, Stance, Start};
    use super::super::quorum::{AcceptorId, AcceptorSet};
    use super::super::telling::Telling;
    use super::super::{AnyStateMachine, Ballot, LeaderId, Limits, Members, Node, Quorums};
    use super::super::{Message, RestoreError, Role, Saving, Setup, StateMachine, Timing, Vote};
    use super::*;
    use stateright::actor::{Actor, Id, Out};
    use std::borrow::Cow;
    use std::sync::Arc;

    /// Counts commands.
    #[derive(Clone)]
    struct Counter(u8);

    impl StateMachine for Counter {
        fn apply(&mut self, _: &[u8]) -> Vec<u8> {
            self.0 += 1;
            vec![self.0]
        }

        fn snapshot(&self) -> Vec<u8> {
            vec![self.0]
        }

        fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
            Ok(Counter(snapshot[0]))
        }
    }

    fn command(sequence: u64) -> Command {
        let id = RequestId { client: ClientId::original(1), sequence };
        Command { id, acknowledged: 0, payload: [][..].into() }
    }

    fn setup() -> Arc<Setup> {
        let acceptors = vec![Id::from(1), Id::from(2)];
        let members = Members::new(vec![Id::from(0)], acceptors, Quorums::Majority).unwrap();
        Arc::new(Setup::new(members, Limits::default()))
    }

    /// A leader that has asked for promises, and one more of whom both have come, with a command open and
    /// one that was chosen and applied.
    fn states() -> (leader::State, leader::State) {
        let leader = Leader {
            me: LeaderId(0),
            start: Start::Campaign,
            asks: AcceptorSet::all(2),
            backlog: Vec::new(),
            machine: AnyStateMachine::new(Counter(0)),
            setup: setup(),
        };
        let node = Node::new(Role::Leader(leader), Saving::Changes, Timing::NEVER);
        let candidate = node.on_start(Id::from(0), &None, &mut Out::new());
        let mut state = Cow::Owned(candidate.clone());
        let mut hear = |from, message| {
            node.on_msg(Id::from(0), &mut state, Id::from(from), message, &mut Out::new());
        };
        let ballot = Ballot { round: 1, leader: LeaderId(0) };
        for acceptor in [1, 2] {
            let (from, votes) = (Instance(0), Vec::new());
            hear(acceptor, Message::Promise { ballot, from, votes, next: None, end: None });
        }
        (0..2).for_each(|sequence| hear(9, Message::Request(command(sequence))));
        for acceptor in [1, 2] {
            let (instance, decree) = (Instance(0), Decree::Command(command(0)));
            hear(acceptor, Message::Accepted(Vote { instance, ballot, decree }));
        }
        match (candidate, state.into_owned()) {
            (State::Leader(candidate), State::Leader(primary)) => (candidate, primary),
            _ => unreachable!(),
        }
    }

    fn primary(state: &mut leader::State) -> &mut Primary {
        match &mut state.stance {
            Stance::Primary(primary) => primary,
            _ => unreachable!(),
        }
    }

    /// Breaks a state, and says what is found.
    fn broken(mut state: leader::State, breaks: impl FnOnce(&mut leader::State)) -> &'static str {
        assert_eq!(State::Leader(state.clone()).invariants(), Ok(()));
        breaks(&mut state);
        State::Leader(state).invariants().unwrap_err()
    }

    #[test]
    fn a_broken_primary_is_found() {
        let (_, sound) = states();
        let broken = |breaks: fn(&mut leader::State)| broken(sound.clone(), breaks);
        assert!(broken(|it| it.round += 1).contains("not its last one"));
        assert!(broken(|it| it.seen.round += 1).contains("not the highest"));
        let forgets = |it: &mut leader::State| {
            primary(it).pending.in_flight.insert(command(7).id, None);
        };
        assert!(broken(forgets).contains("neither open nor waits"));
        assert!(broken(|it| primary(it).open.clear()).contains("neither open nor"));
        let opens = |at: u64| {
            move |it: &mut leader::State| {
                primary(it).open.insert(Instance(at), Decree::Noop);
            }
        };
        let opened = |at| self::broken(sound.clone(), opens(at));
        assert!(opened(0).contains("known to be chosen"));
        assert!(opened(9).contains("ahead"));
        let twice = |it: &mut leader::State| {
            primary(it).pending.waiting.extend([command(7), command(7)]);
        };
        assert!(broken(twice).contains("waits twice"));
        let unchosen = |it: &mut leader::State| it.learner = Default::default();
        let words = broken(|it| {
            primary(it).next = Instance(0);
            primary(it).open.clear();
            primary(it).pending.in_flight.clear();
            it.learner = Default::default();
        });
        assert!(words.contains("is not chosen"), "{words}");
        let mut before = sound.clone();
        unchosen(&mut before);
        let follows = |after: &leader::State, before: &leader::State| {
            State::Leader(after.clone()).follows(&State::Leader(before.clone()))
        };
        assert_eq!(follows(&sound, &sound), Ok(()));
        assert!(follows(&before, &sound).unwrap_err().contains("was known"));
        type Break = fn(&mut leader::State);
        let steps: [(Break, &str); 3] = [
            (|it| it.round -= 1, "last round"),
            (|it| it.seen = Ballot::NONE, "heard of"),
            (|it| it.executor = Default::default(), "was applied"),
        ];
        for (breaks, words) in steps {
            let mut after = sound.clone();
            breaks(&mut after);
            assert!(follows(&after, &sound).unwrap_err().contains(words), "{words}");
        }
    }

    #[test]
    fn a_broken_candidate_is_found() {
        let (sound, _) = states();
        let told = broken(sound, |it| {
            let Stance::Candidate(Candidate { promised, told, .. }) = &mut it.stance else {
                unreachable!()
            };
            *promised = AcceptorSet::all(1);
            told.insert(AcceptorId(0), Telling::new(Instance(0)));
        });
        assert!(told.contains("is asked for more"), "{told}");
    }

    #[test]
    fn a_machine_that_its_history_does_not_make_is_found() {
        let (_, mut state) = states();
        assert_eq!(State::Leader(state.clone()).replay(), Ok(()));
        state.learner = Default::default();
        assert!(State::Leader(state).replay().is_err());
    }

    #[test]
    fn a_role_stays_what_it_is() {
        let client = Client::new(1, LeaderId(0), 1, 1, setup());
        let node = Node::new(Role::Client(client), Saving::Changes, Timing::NEVER);
        let client = node.on_start(Id::from(9), &None, &mut Out::new());
        let leader = State::Leader(states().1);
        assert_eq!(client.follows(&client), Ok(()));
        assert!(leader.follows(&client).unwrap_err().contains("another"));
    }

    /// A small state is looked at after each step, and a large one now and then.
    #[test]
    fn checks_take_a_constant_time_per_step() {
        let mut large = super::super::acceptor::State::default();
        assert_eq!(State::Acceptor(large.clone()).size(), 0);
        let (_, mut broken) = states();
        broken.round += 1;
        let mut checks = Checks::default();
        (0..9).for_each(|_| assert!(checks.check(&State::Leader(broken.clone())).is_err()));
        large.cast(0..10 * PER_STEP as u64);
        assert_eq!(checks.check(&State::Acceptor(large)), Ok(()));
        let found = (0..11).map(|_| checks.check(&State::Leader(broken.clone())).is_err());
        assert_eq!(found.filter(|found| *found).count(), 1);
    }
}
