//! What can be observed of a system: facts about each actor, of a few kinds.
//!
//! Facts are what properties are written over, so that a property does not depend on how states
//! are stored or explored. They come from two places only: an actor's own situation, and the
//! messages that it has ever sent. The kinds are named as in the proof.

use std::collections::BTreeSet;

use stateright::actor::Id;

use crate::paxos::leader::Stance;
use crate::paxos::{
    AcceptorId, Ballot, Command, Decree, Instance, LeaderId, Members, Message, Node, Record,
    RequestId, Role, Rulebook, State, Storage, Vote,
};

/// Where an acceptor keeps what it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// What it goes by while it is up.
    Live,
    /// What it would go by after a crash.
    Saved,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The acceptor goes by this promise. There is one such fact for each memory that it has.
    Promised(AcceptorId, Memory, Ballot),
    /// The acceptor goes by this vote.
    Voted(AcceptorId, Memory, Vote),
    /// The acceptor has told somebody that it promised.
    SaidPromised(AcceptorId, Ballot),
    /// The acceptor has told somebody that it voted.
    SaidVoted(AcceptorId, Vote),
    /// The acceptor came back from a crash with this promise.
    Recovered(AcceptorId, Ballot),
    /// The leader takes this decree to be chosen.
    Learned(LeaderId, Instance, Decree),
    /// The leader has applied, at this position of its history, the command of this instance.
    Applied(LeaderId, u64, Instance),
    /// The leader is primary.
    Primary(LeaderId, Ballot),
    /// The leader is primary and would leave this instance undecided for ever.
    Neglected(LeaderId, Instance),
    /// The leader has taken this request on, and would neither propose nor answer it.
    Forgotten(LeaderId, RequestId),
    /// The primary has proposed.
    Proposed(Vote),
    /// A client, or a leader on its own, wants this command done.
    Submitted(Command),
    /// A client was told that its request was done here.
    Answered(RequestId, Instance),
}

/// All that was observed.
pub type Facts = BTreeSet<Fact>;

/// One actor's situation, as far as it can be observed.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The role that it plays.
    pub role: &'a Role,
    /// Its volatile state; what it was at the crash, if it has crashed.
    pub state: &'a State,
    /// What it has saved.
    pub storage: Option<&'a Storage>,
    /// Whether it is down.
    pub crashed: bool,
}

impl<'a> Situation<'a> {
    /// The situation of a node.
    pub fn new<R: Rulebook>(
        node: &'a Node<R>,
        state: &'a State,
        storage: Option<&'a Storage>,
        crashed: bool,
    ) -> Self {
        Situation { role: node.role(), state, storage, crashed }
    }

    /// What is to be seen in it.
    pub fn facts(&self) -> Facts {
        match (self.role, self.state) {
            (Role::Leader(leader), State::Leader(state)) => {
                let own = leader.backlog.iter().cloned().map(Fact::Submitted);
                let seen = (!self.crashed).then(|| observe_leader(leader.me, state));
                own.chain(seen.into_iter().flatten()).collect()
            }
            (Role::Acceptor(acceptor), State::Acceptor(state)) => {
                let mut facts = Facts::new();
                let saved = self.storage.map_or(&[][..], |storage| &storage.0);
                observe_memory(acceptor.me, Memory::Saved, saved, &mut facts);
                if !self.crashed {
                    observe_memory(acceptor.me, Memory::Live, &state.durable().0, &mut facts);
                    facts.extend(state.recovered().map(|b| Fact::Recovered(acceptor.me, b)));
                }
                facts
            }
            _ => Facts::new(),
        }
    }
}

fn observe_memory(me: AcceptorId, memory: Memory, records: &[Record], facts: &mut Facts) {
    let mut promised = Ballot::NONE;
    for record in records {
        match record {
            Record::Round(_) => {}
            Record::Promised(ballot) => promised = promised.max(*ballot),
            Record::Voted(vote) => {
                promised = promised.max(vote.ballot);
                facts.insert(Fact::Voted(me, memory, vote.clone()));
            }
        }
    }
    facts.insert(Fact::Promised(me, memory, promised));
}

fn observe_leader(me: LeaderId, state: &crate::paxos::leader::State) -> impl Iterator<Item = Fact> {
    let learned = state.learner().chosen().map(move |(i, d)| Fact::Learned(me, i, d.clone()));
    let applied = (0..).zip(state.history().applied()).map(move |(p, i)| Fact::Applied(me, p, *i));
    let primary = match state.stance() {
        Stance::Primary(_) => state.stance().ballot().map(|ballot| Fact::Primary(me, ballot)),
        _ => None,
    };
    let neglected = state.neglected().into_iter().map(move |i| Fact::Neglected(me, i));
    let forgotten = state.forgotten().into_iter().map(move |id| Fact::Forgotten(me, id));
    learned.chain(applied).chain(primary).chain(neglected).chain(forgotten)
}

/// What is to be seen in a message that was sent, however long ago.
pub fn said(members: &Members, src: Id, message: &Message) -> Option<Fact> {
    match message {
        Message::Request(command) => Some(Fact::Submitted(command.clone())),
        Message::Reply { id, instance, .. } => Some(Fact::Answered(*id, *instance)),
        Message::Accept { ballot, instance, decree } => {
            let (instance, ballot, decree) = (*instance, *ballot, decree.clone());
            Some(Fact::Proposed(Vote { instance, ballot, decree }))
        }
        Message::Promise { ballot, .. } => {
            Some(Fact::SaidPromised(members.acceptor_at(src)?, *ballot))
        }
        Message::Accepted(vote) => Some(Fact::SaidVoted(members.acceptor_at(src)?, vote.clone())),
        _ => None,
    }
}
