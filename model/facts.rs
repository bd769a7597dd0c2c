//! What can be observed of a system: facts about each actor, of a few kinds.
//!
//! Facts are what properties are written over, so that a property does not depend on how states
//! are stored or explored. They come from two places only: an actor's own situation, and the
//! messages that it has ever sent. The kinds are named as in the proof.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stateright::actor::Id;

use crate::paxos::leader::{self, Stance};
use crate::paxos::{
    AcceptorId, Ballot, Command, Decree, Done, Executor, Instance, Leader, LeaderId, Members,
    Message, Record, Refusal, RequestId, Role, State, Storage, Vote,
};

/// Where an acceptor keeps what it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// What it goes by while it is up.
    Live,
    /// What it would go by after a crash.
    Saved,
}

/// What a property can ask about. Only what is asked for is looked up.
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
    /// [`Fact::Late`].
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
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The acceptor goes by this promise. There is one such fact for each memory that it has.
    Promised(AcceptorId, Memory, Ballot),
    /// The acceptor goes by this vote.
    Voted(AcceptorId, Memory, Vote),
    /// The acceptor has cast this vote: it goes by it, or would after a crash, or has told somebody.
    Cast(AcceptorId, Vote),
    /// The acceptor has told somebody that it promised.
    SaidPromised(AcceptorId, Ballot),
    /// The acceptor has told somebody that it voted.
    SaidVoted(AcceptorId, Vote),
    /// The acceptor has promised this ballot in the instances from this one on, up to another if
    /// there is one.
    Pledged(AcceptorId, Ballot),
    /// The same, with the votes that it has told of there.
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
    /// The leader has taken on these decrees, of the first instances, and that is what came of it.
    Executed(LeaderId, Arc<(Vec<Decree>, Executor)>),
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
    /// A leader that campaigns again whenever it hears of no other wants this command done.
    Insisted(Command),
    /// A client has asked for this.
    Requested(RequestId),
    /// A client was told that its request was done so.
    Answered(RequestId, Done),
    /// A client was told that its request is not taken.
    Refused(RequestId, Refusal),
    /// Remembered: this was chosen at some time.
    WasChosen(Instance, Decree),
    /// Remembered: the first request was answered before the second was made.
    Precedes(RequestId, RequestId),
}

impl Fact {
    /// What it says of a ballot and an instance, if it is a proposal or a promise.
    pub(super) fn at(self, (ballot, instance): Place) -> Option<Fact> {
        match self {
            Fact::Proposed(vote) if (vote.ballot, vote.instance) != (ballot, instance) => None,
            Fact::Page(_, to, ..) if to != ballot => None,
            // It tells nothing of the instance, and binds there.
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

/// All that was observed.
pub type Facts = BTreeSet<Fact>;

/// One actor's situation, as far as it can be observed.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The role that it plays.
    pub role: &'a Role,
    /// Its volatile state; none while it is down.
    pub state: Option<&'a State>,
    /// What it has saved.
    pub storage: Option<&'a Storage>,
}

impl Observed<'_> {
    /// What is to be seen in it of these topics.
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
            Role::Client(_) => {}
        }
    }
}

/// Where one decree is proposed at most.
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
            let late = late(state.learner().prefix(), leader.setup.limits.lease);
            facts.extend(late.into_iter().map(|i| Fact::Late(me, i)));
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

/// The instances of commands that came after their clients' sessions had expired, or after a later
/// request of the same client was forgotten: found out from the order of all commands alone, and not
/// by what leaders remember.
fn late(chosen: &[Decree], lease: u64) -> Vec<Instance> {
    let mut late = Vec::new();
    let mut ends: BTreeMap<RequestId, Instance> = BTreeMap::new();
    for (instance, decree) in (0..).map(Instance).zip(chosen) {
        let Some(id) = decree.command().map(|command| command.id) else { continue };
        let of_client = ends.iter().filter(|(done, _)| done.client == id.client);
        let last = of_client.clone().map(|(_, end)| *end).max();
        let end = last.unwrap_or_default().max(id.client.lease_start.plus(lease));
        let forgotten = of_client.clone().any(|(done, end)| *done > id && *end <= instance);
        if instance >= end || instance < id.client.lease_start || forgotten {
            late.push(instance);
        } else {
            ends.entry(id).or_insert(instance.plus(lease));
        }
    }
    late
}

/// What is to be seen of these topics in a message that was sent, however long ago.
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

/// A vote that an acceptor tells of, be it when it is cast or later, in a promise.
fn said_vote(acceptor: Option<AcceptorId>, vote: &Vote, topics: &[Topic]) -> Vec<Fact> {
    let Some(acceptor) = acceptor else { return Vec::new() };
    let tells = topics.iter().any(|topic| matches!(topic, Topic::Voted | Topic::Told));
    let said = tells.then(|| Fact::SaidVoted(acceptor, vote.clone()));
    let cast = topics.contains(&Topic::Cast).then(|| Fact::Cast(acceptor, vote.clone()));
    said.into_iter().chain(cast).collect()
}
