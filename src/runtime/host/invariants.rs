//! Invariants of a host, which it looks at after each turn in debug builds: a release pays nothing.

use super::{Host, HostError, HostedActor};
use crate::paxos::{Ballot, Checks, Invariants, Message, Record, Storage, holds};
use crate::runtime::handshake::Admission;
use crate::runtime::journal::Journal;
use crate::runtime::udp::Transport;

/// The records of a role that was saved, as far as it may speak only of what they say.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// True of a role that saves what it promises; a demonstration may run in memory only.
    is_kept: bool,
    promised: Ballot,
    round: u32,
    checks: Checks,
}

impl Saved {
    /// The records of earlier lives.
    pub(super) fn new(storage: Option<&Storage>, admission: Option<&Admission>) -> Self {
        let mut saved = Saved { is_kept: admission.is_some(), ..Saved::default() };
        storage.into_iter().for_each(|storage| saved.add(&storage.0));
        saved
    }

    /// These records are durable from now on.
    pub(super) fn add(&mut self, records: &[Record]) {
        self.is_kept |= !records.is_empty();
        for record in records {
            match record {
                Record::Round(round) => self.round = self.round.max(*round),
                Record::Promised(ballot) => self.promised = self.promised.max(*ballot),
                Record::Voted(vote) => self.promised = self.promised.max(vote.ballot),
            }
        }
    }

    /// Checks that what is about to be said was saved.
    pub(super) fn covers(&self, message: &Message) -> Invariants {
        let is_covered = match message {
            Message::Promise { ballot, .. } => *ballot <= self.promised,
            Message::Accepted(vote) => vote.ballot <= self.promised,
            Message::Prepare { ballot, .. }
            | Message::Accept { ballot, .. }
            | Message::Candidacy { ballot } => ballot.round <= self.round,
            _ => true,
        };
        holds(is_covered || !self.is_kept, "something is said that was not saved")
    }
}

impl<A: HostedActor, T: Transport, J: Journal> Host<A, T, J> {
    /// Checks the invariants after a turn.
    pub(super) fn check(&mut self) -> Result<(), HostError> {
        if !cfg!(debug_assertions) {
            return Ok(());
        }
        let state = self.saved.checks.check(&self.state);
        state.and_then(|()| self.invariants()).map_err(HostError::Broken)
    }

    fn invariants(&self) -> Invariants {
        let waits = self.held.is_some();
        holds(!waits || self.timers.earliest().is_none(), "a timer is set before it takes part")?;
        self.journal.invariants()?;
        match self.state.as_leader() {
            Some(leader) => self.chain.invariants(leader.learner().first_unchosen()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use stateright::actor::Id;

    use super::super::{Effects, Ready};
    use super::*;
    use crate::paxos::{
        Acceptor, AcceptorId, AcceptorSet, AnyStateMachine, Decree, Instance, Leader, LeaderId,
        Limits, Members, Node, Quorums, Role, Saving, Setup, Start, Timer, Timing, Vote,
    };
    use crate::runtime::environment::Environment;
    use crate::runtime::me::Me;
    use crate::runtime::party::Party;
    use crate::tests::common::identity_of;

    struct Nowhere;

    impl Transport for Nowhere {
        fn id(&self, _: SocketAddr) -> Id {
            Id::from(0)
        }

        fn send(&self, _: Id, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    /// A journal that is broken, or is not.
    struct Fragile(bool);

    impl Journal for Fragile {
        fn append(&mut self, _: Vec<Record>) -> io::Result<()> {
            Ok(())
        }

        fn invariants(&self) -> Invariants {
            holds(!self.0, "it is broken")
        }
    }

    fn host(me: Party) -> Host<Node, Nowhere, Fragile> {
        let (one, two) = (Party::Leader(LeaderId(0)), Party::Acceptor(AcceptorId(0)));
        let ids = |party: Party| party.id().into_iter().collect();
        let members = Members::new(ids(one), ids(two), Quorums::Majority).unwrap();
        let setup = Arc::new(Setup::new(members, Limits::default()));
        let role = match me {
            Party::Leader(me) => Role::Leader(Leader {
                me,
                start: Start::Follow,
                asks: AcceptorSet::all(1),
                backlog: Vec::new(),
                machine: AnyStateMachine::default(),
                setup,
            }),
            _ => Role::Acceptor(Acceptor { me: AcceptorId(0), setup }),
        };
        let me = Me::new(me, Arc::new(identity_of(&[("n1", true, true)])));
        let actor = Node::new(role, Saving::Changes, Timing::NEVER);
        let ready = Ready { me, admission: None, actor, storage: None, journal: Fragile(false) };
        Host::start(ready, Nowhere, Arc::default(), Environment::system()).unwrap()
    }

    #[test]
    fn a_broken_host_is_found() {
        let sound = |me| {
            let host = host(me);
            assert_eq!(host.invariants(), Ok(()));
            host
        };
        let (leader, acceptor) = (Party::Leader(LeaderId(0)), Party::Acceptor(AcceptorId(0)));
        let mut waiting = sound(acceptor);
        waiting.held = Some(Effects::default());
        assert_eq!(waiting.invariants(), Ok(()));
        let (soon, environment) = (Duration::ZERO..Duration::ZERO, Environment::system());
        waiting.timers.set(Timer::Resend, soon, &environment);
        assert!(waiting.invariants().unwrap_err().contains("a timer"));
        let mut broken = sound(acceptor);
        broken.journal.0 = true;
        assert_eq!(broken.invariants(), Err("it is broken"));
        let mut ahead = sound(leader);
        ahead.chain.follow(&[Decree::Noop]);
        assert!(ahead.invariants().unwrap_err().contains("digests"));
    }

    #[test]
    fn what_is_said_is_covered_by_what_was_saved() {
        let at = |round| Ballot { round, leader: LeaderId(0) };
        let promise = |ballot| {
            let (from, votes) = (Instance(0), Vec::new());
            Message::Promise { ballot, from, votes, next: None, end: None }
        };
        let vote = |ballot| Vote { instance: Instance(0), ballot, decree: Decree::Noop };
        let mut saved = Saved::default();
        assert_eq!(saved.covers(&promise(at(1))), Ok(()), "in memory only");
        saved.add(&[Record::Promised(at(1)), Record::Round(3)]);
        let said = |saved: &Saved, message| saved.covers(&message).is_ok();
        assert!(said(&saved, promise(at(1))) && !said(&saved, promise(at(2))));
        assert!(!said(&saved, Message::Accepted(vote(at(2)))));
        saved.add(&[Record::Voted(vote(at(2)))]);
        assert!(said(&saved, Message::Accepted(vote(at(2)))));
        let candidacy = |round| Message::Candidacy { ballot: at(round) };
        assert!(said(&saved, candidacy(3)) && !said(&saved, candidacy(4)));
        let again = Saved::new(Some(&Storage(vec![Record::Round(4)])), None);
        assert!(said(&again, candidacy(4)) && !said(&again, candidacy(5)));
    }
}
