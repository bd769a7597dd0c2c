//! Facts: the observations that properties are written over.
//!
//! A property does not depend on how states are stored or explored, since it sees facts alone.
//! Facts come from two sources: an actor's own state and storage, and the messages that it has ever
//! sent. Their kinds are named as in the proof.

use std::collections::BTreeSet;
use std::sync::Arc;

use stateright::actor::Id;

use super::late;
use super::outcomes::{self, RequestName};
use crate::paxos::leader::{self, Stance};
use crate::paxos::{
    AcceptorId, Ballot, Command, Decree, Done, Executor, Instance, Leader, LeaderId, Members,
    Message, Outcome, Record, Refusal, RequestId, Role, State, Storage, Vote,
};

/// The memory that a fact about an acceptor was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// The state that it acts by while it is up.
    Live,
    /// The storage that it would act by after a crash.
    Saved,
}

/// A topic that a property can ask about. Only the topics asked for are observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// [`Fact::Promised`] and [`Fact::SaidPromised`].
    Promised,
    /// [`Fact::Voted`] and [`Fact::SaidVoted`].
    Voted,
    /// [`Fact::Pledged`].
    Pledged,
    /// [`Fact::SaidVoted`] alone.
    Told,
    /// [`Fact::Page`].
    Page,
    /// [`Fact::Cast`].
    Cast,
    /// [`Fact::Recovered`].
    Recovered,
    /// [`Fact::Learned`].
    Learned,
    /// [`Fact::Applied`].
    Applied,
    /// [`Fact::Late`] and [`Fact::Waived`].
    Late,
    /// [`Fact::Executed`].
    Executed,
    /// [`Fact::Primary`].
    Primary,
    /// [`Fact::Neglected`].
    Neglected,
    /// [`Fact::Forgotten`].
    Forgotten,
    /// [`Fact::Proposed`].
    Proposed,
    /// [`Fact::Submitted`].
    Submitted,
    /// [`Fact::Insisted`].
    Insisted,
    /// [`Fact::Requested`].
    Requested,
    /// [`Fact::Answered`].
    Answered,
    /// [`Fact::Refused`].
    Refused,
    /// [`Fact::Settled`].
    Settled,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The acceptor acts by this promise. There is one such fact for each memory that it has.
    Promised(AcceptorId, Memory, Ballot),
    /// The acceptor acts by this vote.
    Voted(AcceptorId, Memory, Vote),
    /// The acceptor has cast this vote: it is in its state or storage, or it was sent.
    Cast(AcceptorId, Vote),
    /// The acceptor has sent this promise.
    SaidPromised(AcceptorId, Ballot),
    /// The acceptor has sent this vote.
    SaidVoted(AcceptorId, Vote),
    /// The acceptor has sent a promise of this ballot.
    Pledged(AcceptorId, Ballot),
    /// A page of such a promise: from this instance on, up to the next one if given, with the votes
    /// reported there.
    Page(AcceptorId, Ballot, Instance, Option<Instance>, Vec<Vote>),
    /// The acceptor came back from a crash with this promise.
    Recovered(AcceptorId, Ballot),
    /// The leader takes this decree to be chosen.
    Learned(LeaderId, Instance, Decree),
    /// The leader has applied, at this position of its history, the command of this instance.
    Applied(LeaderId, u64, Instance),
    /// The leader knows that the command of this instance came after its client's session had
    /// expired, or after a later request of its client was forgotten.
    Late(LeaderId, Instance),
    /// The leader knows that the command of this instance came after a later one of its client, which
    /// acknowledged it.
    Waived(LeaderId, Instance),
    /// The leader has executed these decrees, from instance 0 on, with this result.
    Executed(LeaderId, Arc<(Vec<Decree>, Executor)>),
    /// The leader is primary.
    Primary(LeaderId, Ballot),
    /// The leader is primary and would leave this instance undecided for ever.
    Neglected(LeaderId, Instance),
    /// The leader has taken this request on, and would neither propose nor answer it.
    Forgotten(LeaderId, RequestId),
    /// A primary has sent this proposal.
    Proposed(Vote),
    /// A client, or a leader with commands of its own, has submitted this command.
    Submitted(Command),
    /// A leader that campaigns again whenever it hears of no other has submitted this command.
    Insisted(Command),
    /// A client has sent this request.
    Requested(RequestId),
    /// A client was sent this answer to its request.
    Answered(RequestId, Done),
    /// A client was sent this refusal of its request.
    Refused(RequestId, Refusal),
    /// The client of this number takes this to have become of a request.
    Settled {
        /// Who asked.
        asker: u128,
        /// The request.
        name: RequestName,
        /// What the client takes to have become of it.
        outcome: Outcome,
    },
    /// Remembered: this was chosen at some time.
    WasChosen(Instance, Decree),
    /// Remembered: the first request was answered before the second was made.
    Precedes(RequestId, RequestId),
}

impl Fact {
    /// The fact restricted to one ballot and instance, if it is a proposal or a page; other facts
    /// as they are. None if it says nothing about them.
    pub(super) fn at(self, (ballot, instance): Place) -> Option<Fact> {
        match self {
            Fact::Proposed(vote) if (vote.ballot, vote.instance) != (ballot, instance) => None,
            Fact::Page(_, to, ..) if to != ballot => None,
            // The page reports nothing about this instance, but the promise binds there too.
            Fact::Page(acceptor, to, from, next, _)
                if instance < from || next.is_some_and(|next| next <= instance) =>
            {
                Some(Fact::Pledged(acceptor, to))
            }
            Fact::Page(acceptor, to, _, _, mut votes) => {
                votes.retain(|vote| vote.instance == instance);
                Some(Fact::Page(acceptor, to, instance, Some(instance.next()), votes))
            }
            other => Some(other),
        }
    }
}

/// A set of observations.
pub type Facts = BTreeSet<Fact>;

/// The observable part of one actor.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The role that it plays.
    pub role: &'a Role,
    /// Its volatile state; none while it is down.
    pub state: Option<&'a State>,
    /// Its durable storage, if it has saved anything.
    pub storage: Option<&'a Storage>,
}

impl Observed<'_> {
    /// Adds the facts of these topics.
    pub fn observe(&self, topics: &[Topic], facts: &mut Facts) {
        match self.role {
            Role::Leader(leader) => {
                if topics.contains(&Topic::Submitted) {
                    facts.extend(leader.backlog.iter().cloned().map(Fact::Submitted));
                }
                if let Some(State::Leader(state)) = self.state {
                    topics.iter().for_each(|topic| observe_leader(*topic, leader, state, facts));
                }
            }
            Role::Acceptor(acceptor) => {
                let saved = self.storage.map_or(&[][..], |storage| &storage.0);
                observe_memory(acceptor.me, Memory::Saved, saved, topics, facts);
                if let Some(State::Acceptor(state)) = self.state {
                    let live = state.durable();
                    observe_memory(acceptor.me, Memory::Live, &live.0, topics, facts);
                    if topics.contains(&Topic::Recovered) {
                        facts.extend(state.recovered().map(|b| Fact::Recovered(acceptor.me, b)));
                    }
                }
            }
            Role::Client(client) => {
                if topics.contains(&Topic::Settled)
                    && let Some(State::Client(state)) = self.state
                {
                    outcomes::observe(&client.session, state, facts);
                }
            }
        }
    }
}

/// A ballot and an instance: at most one decree is proposed there.
pub type Place = (Ballot, Instance);

fn observe_memory(
    me: AcceptorId,
    memory: Memory,
    records: &[Record],
    topics: &[Topic],
    facts: &mut Facts,
) {
    let mut promised = Ballot::NONE;
    for record in records {
        match record {
            Record::Round(_) => {}
            Record::Promised(ballot) => promised = promised.max(*ballot),
            Record::Voted(vote) => {
                promised = promised.max(vote.ballot);
                if topics.contains(&Topic::Voted) {
                    facts.insert(Fact::Voted(me, memory, vote.clone()));
                }
                if topics.contains(&Topic::Cast) {
                    facts.insert(Fact::Cast(me, vote.clone()));
                }
            }
        }
    }
    if topics.contains(&Topic::Promised) {
        facts.insert(Fact::Promised(me, memory, promised));
    }
}

fn observe_leader(topic: Topic, leader: &Leader, state: &leader::State, facts: &mut Facts) {
    let me = leader.me;
    match topic {
        Topic::Learned => {
            let chosen = state.learner().chosen();
            facts.extend(chosen.map(|(i, decree)| Fact::Learned(me, i, decree.clone())));
        }
        Topic::Applied => {
            let applied = (0..).zip(state.executor().applied());
            facts.extend(applied.map(|(position, i)| Fact::Applied(me, position, *i)));
        }
        Topic::Late => {
            let prefix = state.learner().prefix();
            let late = late::expired(prefix, leader.setup.limits.lease).into_iter();
            facts.extend(late.map(|i| Fact::Late(me, i)));
            let waived = late::waived(prefix).into_iter();
            facts.extend(waived.map(|i| Fact::Waived(me, i)));
        }
        Topic::Executed => {
            let (log, history) = (state.learner().prefix().to_vec(), state.executor().clone());
            facts.insert(Fact::Executed(me, Arc::new((log, history))));
        }
        Topic::Primary => {
            if let (Stance::Primary(_), Some(ballot)) = (state.stance(), state.stance().ballot()) {
                facts.insert(Fact::Primary(me, ballot));
            }
        }
        Topic::Neglected => {
            facts.extend(state.neglected().into_iter().map(|i| Fact::Neglected(me, i)));
        }
        Topic::Forgotten => {
            facts.extend(state.forgotten().into_iter().map(|id| Fact::Forgotten(me, id)));
        }
        _ => {}
    }
}

/// The facts of these topics in a message, however long ago it was sent.
pub fn said(members: &Members, src: Id, message: &Message, topics: &[Topic]) -> Vec<Fact> {
    let shown = |topic, fact: Option<Fact>| fact.filter(|_| topics.contains(&topic));
    let acceptor = || members.acceptor_at(src);
    let facts = match message {
        Message::Request(command) => [
            shown(Topic::Submitted, Some(Fact::Submitted(command.clone()))),
            shown(Topic::Requested, Some(Fact::Requested(command.id))),
        ],
        Message::Reply { id, done } => {
            [shown(Topic::Answered, Some(Fact::Answered(*id, done.clone()))), None]
        }
        Message::Refused { id, reason } => {
            [shown(Topic::Refused, Some(Fact::Refused(*id, *reason))), None]
        }
        Message::Accept { ballot, instance, decree } => {
            let (instance, ballot, decree) = (*instance, *ballot, decree.clone());
            let vote = Vote { instance, ballot, decree };
            [shown(Topic::Proposed, Some(Fact::Proposed(vote))), None]
        }
        Message::Promise { ballot, from, votes, next, .. } => {
            let Some(a) = acceptor() else { return Vec::new() };
            let promised = shown(Topic::Promised, Some(Fact::SaidPromised(a, *ballot)));
            let pledged = shown(Topic::Pledged, Some(Fact::Pledged(a, *ballot)));
            let page = Fact::Page(a, *ballot, *from, *next, votes.clone());
            let facts = [promised, pledged, shown(Topic::Page, Some(page))];
            let told = votes.iter().flat_map(|vote| said_vote(Some(a), vote, topics));
            return facts.into_iter().flatten().chain(told).collect();
        }
        Message::Accepted(vote) => return said_vote(acceptor(), vote, topics),
        _ => [None, None],
    };
    facts.into_iter().flatten().collect()
}

/// The facts of a vote that an acceptor has sent, in an `Accepted` or later in a promise.
fn said_vote(acceptor: Option<AcceptorId>, vote: &Vote, topics: &[Topic]) -> Vec<Fact> {
    let Some(acceptor) = acceptor else { return Vec::new() };
    let tells = topics.iter().any(|topic| matches!(topic, Topic::Voted | Topic::Told));
    let said = tells.then(|| Fact::SaidVoted(acceptor, vote.clone()));
    let cast = topics.contains(&Topic::Cast).then(|| Fact::Cast(acceptor, vote.clone()));
    said.into_iter().chain(cast).collect()
}
