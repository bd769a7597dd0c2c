//! Status requests, which any program may send to a running member, and the reports that answer them.
//!
//! They are no part of the protocol: the host answers them, from its actor's state and its own counters, and
//! the actor does not notice.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, HistoryDigest};
use super::counters::Counts;
use super::journal::JournalStats;
use super::udp::Network;
use super::wire::{Framed, Kind};
use crate::paxos::limits::PAGE;
use crate::paxos::{Ballot, Decree, Instance, LeaderId, Stance, State};

/// A question to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusRequest {
    /// Asks for the status of the member.
    Status,
    /// Asks for a page of the decrees known to be chosen, from this instance on.
    Log(Instance),
    /// Asks for the digest of all decrees before this instance.
    Digest(Instance),
}

/// The answer to a status request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The status of the member.
    Status(Box<Status>),
    /// A page of the history; an acceptor's is empty.
    Log(Page),
    /// The digest of the history before an instance; `None` if the history does not reach it, and of an
    /// acceptor.
    Digest(Instance, Option<HistoryDigest>),
}

impl Framed for StatusRequest {
    const KIND: Kind = Kind::StatusRequest;
}

impl Framed for Report {
    const KIND: Kind = Kind::Report;
}

/// The status of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The state of the actor, by role.
    pub role: RoleStatus,
    /// The counters since the start.
    pub counts: Counts,
    /// The socket, as the system reports it.
    pub network: Network,
    /// The journal; `None` if there is none on disk.
    pub journal: Option<JournalStats>,
    /// The roles of others that it must hear from before it takes part; empty if it does.
    pub waits_for: Vec<String>,
}

/// The state of the actor, by role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleStatus {
    /// The state of a leader.
    Leader(LeaderStatus),
    /// The state of an acceptor.
    Acceptor(AcceptorStatus),
    /// A client, whose state is not reported.
    Client,
}

/// The state of a leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderStatus {
    /// "follower", "candidate" or "primary".
    pub stance: String,
    /// The primary, as far as it knows.
    pub primary: Option<LeaderId>,
    /// The ballot that it acts under, or else the highest that it has heard of.
    pub ballot: Ballot,
    /// True of a primary that knows all that was chosen before it was elected.
    pub current: bool,
    /// The first instance that it does not know to be chosen; all below are applied.
    pub first_unchosen: Instance,
    /// The number of commands applied. The other instances are no-ops, or repeat a command.
    pub applied: u64,
    /// The number of instances known to be chosen beyond `first_unchosen`.
    pub beyond: u64,
    /// The number of instances that are missing among those.
    pub gaps: u64,
    /// The number of clients that have a session.
    pub sessions: u64,
}

/// The state of an acceptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptorStatus {
    /// The ballot below which it no longer votes.
    pub promised: Ballot,
    /// The number of instances in which it has voted.
    pub votes: u64,
}

/// A page of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The instance of the first entry.
    pub first: Instance,
    /// The chosen decrees, instance by instance, each with true if it was applied there: no-ops are not, nor
    /// are commands that were applied before.
    pub entries: Vec<(Decree, bool)>,
    /// The first instance that is not known to be chosen.
    pub first_unchosen: Instance,
}

/// The host's part of a status: counters, network, journal, and the roles waited for.
pub(super) type OfHost = (Counts, Network, Option<JournalStats>, Vec<String>);

/// The report of a member in this state.
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
