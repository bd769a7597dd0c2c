//! The health of a cluster, judged by the status of its members.

use std::collections::BTreeMap;

use serde::Serialize;

use super::member::RoleKind;
use super::status_client::{Endpoint, Found};
use crate::paxos::Instance;
use crate::runtime::chain::HistoryDigest;
use crate::runtime::identity::ClusterIdentity;
use crate::runtime::inquiry::{AcceptorStatus, LeaderStatus, RoleStatus, Status};
use crate::runtime::names::Names;
use crate::runtime::party::Party;

/// A role of a member, with the result of asking at its address.
pub type Place = (Endpoint, Found);

/// The digests of the leaders' histories before an instance.
pub type Digests = (Instance, BTreeMap<Party, HistoryDigest>);

/// The health of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst state of all findings.
    pub verdict: State,
    /// The findings, in words for people.
    pub findings: Vec<Finding>,
}

/// The states of a cluster, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All members answer, one is primary, and all histories agree.
    Healthy,
    /// The cluster serves clients, but needs an operator.
    Degraded,
    /// The cluster cannot serve clients now.
    Down,
    /// Members contradict one another.
    Inconsistent,
}

impl State {
    /// The name of the state, one word.
    pub fn name(self) -> &'static str {
        match self {
            State::Healthy => "healthy",
            State::Degraded => "degraded",
            State::Down => "down",
            State::Inconsistent => "inconsistent",
        }
    }
}

/// A finding about the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The topic: "quorum", "primary", "histories", "stranger", "silent", "waits", "behind" or "votes".
    pub about: &'static str,
    /// The best state of a cluster with this finding.
    pub state: State,
    /// The finding in words.
    pub words: String,
}

/// The data to judge by.
struct Survey<'a> {
    cluster: &'a ClusterIdentity,
    names: Names,
    /// The most instances under way: a member that is behind by fewer counts as up to date.
    window: u64,
    found: &'a [Place],
    digests: &'a [Digests],
}

/// Judges the answers from the addresses of a cluster's members. `window` is the most instances that may be
/// under way.
pub fn judge(
    (cluster, window): (&ClusterIdentity, u64),
    found: &[Place],
    digests: &[Digests],
) -> Health {
    let survey = Survey { cluster, names: Names::of(cluster), window, found, digests };
    let parts = [
        survey.primary(),
        survey.quorum(),
        survey.histories(),
        survey.strangers(),
        survey.silent(),
        survey.waits(),
        survey.behind(),
        survey.votes(),
    ];
    let findings: Vec<Finding> = parts.into_iter().flatten().collect();
    let worst = findings.iter().map(|finding| finding.state).max();
    Health { verdict: worst.unwrap_or(State::Healthy), findings }
}

/// The instances at which the histories of the leaders can be compared: the end of each one's history.
pub fn ends(found: &[Place]) -> Vec<Instance> {
    let mut ends: Vec<Instance> = statuses(found)
        .filter_map(|(_, status)| leader(status))
        .map(|leader| leader.first_unchosen)
        .filter(|end| *end > Instance(0))
        .collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

fn statuses(found: &[Place]) -> impl Iterator<Item = (&Endpoint, &Status)> {
    found.iter().filter_map(|(asked, found)| match found {
        Found::Up(status) => Some((asked, &**status)),
        Found::Stranger(_) | Found::Silence => None,
    })
}

fn leader(status: &Status) -> Option<&LeaderStatus> {
    match &status.role {
        RoleStatus::Leader(leader) => Some(leader),
        _ => None,
    }
}

fn acceptor(status: &Status) -> Option<&AcceptorStatus> {
    match &status.role {
        RoleStatus::Acceptor(acceptor) => Some(acceptor),
        _ => None,
    }
}

fn finding(about: &'static str, state: State, words: String) -> Vec<Finding> {
    vec![Finding { about, state, words }]
}

/// The names, once each, in order of first appearance.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut listed: Vec<&str> = Vec::new();
    for name in names {
        if !listed.contains(&name) {
            listed.push(name);
        }
    }
    listed.join(", ")
}

impl Survey<'_> {
    fn leaders(&self) -> impl Iterator<Item = (&Endpoint, &LeaderStatus)> {
        statuses(self.found).filter_map(|(asked, status)| Some((asked, leader(status)?)))
    }

    /// The most instances that any leader knows to be chosen.
    fn most(&self) -> u64 {
        self.leaders().map(|(_, leader)| leader.first_unchosen.0).max().unwrap_or(0)
    }

    fn primary(&self) -> Vec<Finding> {
        let primaries: Vec<String> = self
            .leaders()
            .filter(|(_, leader)| leader.stance == "primary")
            .map(|(asked, leader)| {
                format!("{} under {}", asked.member, self.names.ballot_in_words(leader.ballot))
            })
            .collect();
        match primaries.as_slice() {
            [] => finding("primary", State::Down, "nobody is primary now".to_owned()),
            [primary] => finding("primary", State::Healthy, format!("primary is {primary}")),
            several => {
                let words = format!(
                    "{} take themselves for primary: {}; only the one with the highest ballot can be, if \
                     they reach the same acceptors",
                    several.len(),
                    several.join(", ")
                );
                finding("primary", State::Inconsistent, words)
            }
        }
    }

    fn quorum(&self) -> Vec<Finding> {
        let taking_part = statuses(self.found)
            .filter(|(_, status)| acceptor(status).is_some() && status.waits_for.is_empty());
        let up = taking_part.count();
        let all = self.cluster.members.iter().filter(|member| member.acceptor).count();
        let (phase1, phase2) = self.cluster.quorums;
        let needed = match phase1 == phase2 {
            true => format!("{phase1} needed"),
            false => format!("{phase1} needed to elect a primary, {phase2} to decide"),
        };
        let answer = if up == 1 { "answers" } else { "answer" };
        let words = format!("{up} of {all} acceptors {answer}, {needed}");
        match up >= phase1.max(phase2) {
            true => finding("quorum", State::Healthy, words),
            false => finding("quorum", State::Down, format!("the quorum is lost: {words}")),
        }
    }

    fn histories(&self) -> Vec<Finding> {
        let member = |party: &Party| self.names.party(*party);
        for (at, digests) in self.digests {
            // In the order of the members, so that the words do not depend on the digests.
            let mut groups: Vec<(HistoryDigest, Vec<String>)> = Vec::new();
            for (party, digest) in digests {
                match groups.iter_mut().find(|(of, _)| of == digest) {
                    Some((_, group)) => group.push(member(party)),
                    None => groups.push((*digest, vec![member(party)])),
                }
            }
            if groups.len() > 1 {
                let groups: Vec<String> =
                    groups.iter().map(|(_, group)| group.join(" and ")).collect();
                let words = format!(
                    "histories differ before instance {at}: that of {}; stop the cluster, and keep all \
                     data directories: what was acknowledged may be lost",
                    groups.join(" is not that of ")
                );
                return finding("histories", State::Inconsistent, words);
            }
        }
        let compared = self.digests.iter().map(|(_, digests)| digests.len()).max().unwrap_or(0);
        match compared {
            0 | 1 => Vec::new(),
            _ => {
                let words = format!("histories agree, of {compared} leaders");
                finding("histories", State::Healthy, words)
            }
        }
    }

    fn strangers(&self) -> Vec<Finding> {
        let mut words: Vec<&String> = self
            .found
            .iter()
            .filter_map(|(_, found)| match found {
                Found::Stranger(words) => Some(words),
                Found::Up(_) | Found::Silence => None,
            })
            .collect();
        words.dedup();
        words.into_iter().flat_map(|it| finding("stranger", State::Degraded, it.clone())).collect()
    }

    fn silent(&self) -> Vec<Finding> {
        let silent = |part: Option<RoleKind>| {
            let silent = self.found.iter().filter(|(_, found)| *found == Found::Silence);
            silent.filter(move |(asked, _)| part.is_none_or(|part| asked.part == part)).count()
        };
        if silent(None) == 0 {
            return Vec::new();
        }
        let roles = self.found.iter().filter(|(_, found)| *found == Found::Silence);
        let members = listed(roles.map(|(asked, _)| asked.member.as_str()));
        let roles = match (silent(Some(RoleKind::Leader)), silent(Some(RoleKind::Acceptor))) {
            (0, acceptors) => format!("acceptors: {acceptors}"),
            (leaders, 0) => format!("leaders: {leaders}"),
            (leaders, acceptors) => format!("leaders: {leaders}, acceptors: {acceptors}"),
        };
        let words = format!("no answer from {members} ({roles}): not up, or not to be reached");
        finding("silent", State::Degraded, words)
    }

    fn waits(&self) -> Vec<Finding> {
        let waiting = || statuses(self.found).filter(|(_, status)| !status.waits_for.is_empty());
        let others = waiting().flat_map(|(_, status)| &status.waits_for).map(String::as_str);
        let words = format!(
            "{} do not take part before they have heard from {}",
            listed(waiting().map(|(asked, _)| asked.member.as_str())),
            listed(others)
        );
        if waiting().count() == 0 { Vec::new() } else { finding("waits", State::Degraded, words) }
    }

    fn behind(&self) -> Vec<Finding> {
        let most = self.most();
        let behind = self.leaders().filter_map(|(asked, leader)| {
            let lag = most - leader.first_unchosen.0;
            (lag > 0).then(|| {
                let words = format!("{} is {lag} of {most} instances behind", asked.member);
                let state = if lag > self.window { State::Degraded } else { State::Healthy };
                Finding { about: "behind", state, words }
            })
        });
        behind.collect()
    }

    /// Acceptors that lack votes, so that there are fewer copies than possible. Instances under way do not
    /// count.
    fn votes(&self) -> Vec<Finding> {
        let most = self.most();
        let lacking = statuses(self.found).filter_map(|(asked, status)| {
            let votes = acceptor(status)?.votes;
            let lacks = most.saturating_sub(votes);
            let state = if lacks > self.window { State::Degraded } else { State::Healthy };
            let words =
                format!("acceptor {} lacks the votes of {lacks} of {most} instances", asked.member);
            (lacks > 0).then_some(Finding { about: "votes", state, words })
        });
        lacking.collect()
    }
}

#[cfg(test)]
mod tests;
