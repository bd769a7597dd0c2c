//! Inquiries: what anybody may ask a running member, and what it reports.
//!
//! They are no part of the protocol: the host answers them, from what its actor knows and what it
//! has counted itself, and the actor does not notice.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, HistoryDigest};
use super::counters::Counts;
use super::journal::JournalStats;
use super::udp::Network;
use super::wire::{Framed, Kind};
use crate::paxos::limits::PAGE;
use crate::paxos::{Ballot, Decree, Instance, LeaderId, Stance, State};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusRequest {
    /// How the member is.
    Status,
    /// What it knows to be chosen, from this instance on.
    Log(Instance),
    /// The digest of all that it knows to be chosen before this instance.
    Digest(Instance),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// How the member is.
    Status(Box<Status>),
    /// One page of the history; an acceptor's is empty.
    Log(Page),
    /// The digest of a history before an instance; none if the history does not go so far. An
    /// acceptor has none.
    Digest(Instance, Option<HistoryDigest>),
}

impl Framed for StatusRequest {
    const KIND: Kind = Kind::StatusRequest;
}

impl Framed for Report {
    const KIND: Kind = Kind::Report;
}

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it knows, by the role that it plays.
    pub role: RoleStatus,
    /// What it has counted since it started.
    pub counts: Counts,
    /// Its socket, as the system reports it.
    pub network: Network,
    /// Its journal; none if it keeps none on disk.
    pub journal: Option<JournalStats>,
    /// The roles of others that it must hear from before it takes part; empty if it does.
    pub waits_for: Vec<String>,
}

/// What a member knows, by the role that it plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleStatus {
    /// Of a leader.
    Leader(LeaderStatus),
    /// Of an acceptor.
    Acceptor(AcceptorStatus),
    /// Of a client: nothing.
    Client,
}

/// What a leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderStatus {
    /// "follower", "candidate" or "primary".
    pub stance: String,
    /// Who is primary, as far as it knows.
    pub primary: Option<LeaderId>,
    /// The ballot that it acts under, or the highest that it has heard of.
    pub ballot: Ballot,
    /// True of a primary that knows all that was chosen before it was elected.
    pub current: bool,
    /// The first instance that it does not know to be chosen; all below are applied.
    pub first_unchosen: Instance,
    /// How many commands it has applied. Instances without one are no-ops, or repeat a command.
    pub applied: u64,
    /// How many instances it knows to be chosen beyond the first that it does not.
    pub beyond: u64,
    /// How many instances it has missed among those.
    pub gaps: u64,
    /// How many clients it remembers.
    pub sessions: u64,
}

/// What an acceptor knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptorStatus {
    /// Below this it votes no more.
    pub promised: Ballot,
    /// In how many instances it has voted.
    pub votes: u64,
}

/// A page of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The instance of the first entry.
    pub first: Instance,
    /// What was chosen, instance by instance, and whether it was applied there: a no-op is not, nor
    /// is a command that was applied before.
    pub entries: Vec<(Decree, bool)>,
    /// The first instance that is not known to be chosen.
    pub first_unchosen: Instance,
}

/// What a host knows of itself, beside its actor.
pub(super) type OfHost = (Counts, Network, Option<JournalStats>, Vec<String>);

/// What a member with this state reports.
pub(super) fn report(
    inquiry: StatusRequest,
    (state, chain): (&State, &Chain),
    host: OfHost,
) -> Report {
    match inquiry {
        StatusRequest::Status => {
            let (counts, network, journal, waits_for) = host;
            let role = RoleStatus::of(state);
            Report::Status(Box::new(Status { role, counts, network, journal, waits_for }))
        }
        StatusRequest::Log(from) => Report::Log(Page::of(state, from)),
        StatusRequest::Digest(at) => {
            let prefix = state.as_leader().map(|leader| leader.learner().prefix());
            Report::Digest(at, prefix.and_then(|prefix| chain.at(at, prefix)))
        }
    }
}

impl RoleStatus {
    fn of(state: &State) -> Self {
        match state {
            State::Client(_) => RoleStatus::Client,
            State::Acceptor(acceptor) => RoleStatus::Acceptor(AcceptorStatus {
                promised: acceptor.promised(),
                votes: acceptor.votes_cast() as u64,
            }),
            State::Leader(leader) => {
                let (learner, (stance, ballot)) = (leader.learner(), leader.stance_name());
                let beyond = learner.beyond() as u64;
                let first_unchosen = learner.first_unchosen();
                let known_until = learner.last_chosen().map_or(first_unchosen, Instance::next);
                RoleStatus::Leader(LeaderStatus {
                    stance: stance.to_owned(),
                    primary: match leader.stance() {
                        Stance::Follower(primary) => *primary,
                        Stance::Candidate(_) => None,
                        Stance::Primary(_) => ballot.map(|ballot| ballot.leader),
                    },
                    ballot: ballot.unwrap_or(leader.seen()),
                    current: leader.is_current(),
                    first_unchosen,
                    applied: leader.executor().applied().len() as u64,
                    beyond,
                    gaps: known_until.0.saturating_sub(first_unchosen.0).saturating_sub(beyond),
                    sessions: leader.executor().sessions().clients() as u64,
                })
            }
        }
    }
}

impl Page {
    fn of(state: &State, from: Instance) -> Self {
        let Some(leader) = state.as_leader() else {
            return Page { first: from, ..Page::default() };
        };
        let (first_unchosen, applied) =
            (leader.learner().first_unchosen(), leader.executor().applied());
        let decrees = leader.learner().page(from, first_unchosen, PAGE);
        let was_applied = |instance: u64| applied.binary_search(&Instance(instance)).is_ok();
        let numbered = (from.0..).zip(decrees);
        let entries = numbered.map(|(i, decree)| (decree, was_applied(i))).collect();
        Page { first: from, entries, first_unchosen }
    }
}
