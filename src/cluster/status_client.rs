//! A client that asks members for their status and histories. A member that does not answer in time is down
//! or unreachable, which looks the same from here.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::config::{Address, ClusterConfig};
use super::member::{ROLE_KINDS, RoleKind};
use super::net::{Inbox, Net};
use crate::paxos::{Decree, Instance, LeaderId};
use crate::runtime::chain::HistoryDigest;
use crate::runtime::inquiry::{LeaderStatus, Page, Report, RoleStatus, Status, StatusRequest};
use crate::runtime::notice::Notice;
use crate::runtime::party::Party;
use crate::runtime::wire::{Kind, Opened, WireError, encode_one};

/// The time after which a question is repeated.
const PATIENCE: Duration = Duration::from_millis(100);

/// The reason why no member could be asked.
#[derive(Debug, Error)]
pub enum StatusError {
    /// The network cannot be used.
    #[error("cannot use the network: {0}")]
    Network(#[from] io::Error),
    /// The question cannot be encoded.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Only strangers have answered.
    #[error("{0}")]
    Stranger(String),
    /// No member has answered.
    #[error("no answer from {0}: it is not up, or cannot be reached from here")]
    Silence(String),
}

/// Asks members.
#[derive(Debug)]
pub struct StatusClient {
    net: Net,
    members: Vec<Endpoint>,
}

/// The result of asking at the address of a member's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The role, with its status.
    Up(Box<Status>),
    /// A stranger, in words.
    Stranger(String),
    /// No answer in time.
    Silence,
}

/// The answers to a question.
#[derive(Debug, Default)]
struct Heard {
    reports: BTreeMap<Party, Report>,
    /// The notices of strangers, in words.
    strangers: BTreeMap<Party, String>,
}

impl Heard {
    /// The notices of all strangers in one text; `None` if there are none.
    fn strangers_words(&self) -> Option<String> {
        let mut words: Vec<&str> = self.strangers.values().map(String::as_str).collect();
        words.dedup();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn of(&self, party: Party) -> bool {
        self.reports.contains_key(&party) || self.strangers.contains_key(&party)
    }

    /// The reports. An error if only strangers have answered.
    fn or_strangers(self) -> Result<BTreeMap<Party, Report>, StatusError> {
        match self.strangers_words().filter(|_| self.reports.is_empty()) {
            Some(words) => Err(StatusError::Stranger(words)),
            None => Ok(self.reports),
        }
    }
}

/// A role of a member, with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name of the member.
    pub member: String,
    /// The role.
    pub part: RoleKind,
    /// The role with its index.
    pub party: Party,
    /// The address.
    pub address: Address,
}

impl StatusClient {
    /// A client of this cluster.
    pub fn new(config: &ClusterConfig) -> io::Result<Self> {
        let mut members = Vec::new();
        let mut places = [0, 0];
        for member in &config.members {
            for (part, place) in ROLE_KINDS.into_iter().zip(&mut places) {
                let Some(address) = part.address(member) else { continue };
                let (member, address) = (member.name.clone(), address.clone());
                members.push(Endpoint { member, part, party: part.party(*place), address });
                *place += 1;
            }
        }
        Ok(StatusClient { net: Net::new(config)?, members })
    }

    /// All roles of all members, in the order of the file.
    pub fn members(&self) -> &[Endpoint] {
        &self.members
    }

    /// The status of each role of each member, in the order of [`members`](StatusClient::members); `None` for
    /// those that do not answer in time.
    pub fn status(&self, within: Duration) -> Result<Vec<Option<Status>>, StatusError> {
        let status = |found| match found {
            Found::Up(status) => Some(*status),
            Found::Stranger(_) | Found::Silence => None,
        };
        Ok(self.survey(within)?.into_iter().map(status).collect())
    }

    /// The result of asking at the address of each role of each member, in the order of
    /// [`members`](StatusClient::members).
    pub fn survey(&self, within: Duration) -> Result<Vec<Found>, StatusError> {
        let everybody: Vec<&Endpoint> = self.members.iter().collect();
        let mut heard = self.ask(StatusRequest::Status, &everybody, within)?;
        let mut found = |asked: &Endpoint| match heard.reports.remove(&asked.party) {
            Some(Report::Status(status)) => Found::Up(status),
            _ => heard.strangers.remove(&asked.party).map_or(Found::Silence, Found::Stranger),
        };
        Ok(self.members.iter().map(&mut found).collect())
    }

    /// The digest of each leader's history before an instance. Leaders that were not found, do not know so
    /// much, or do not answer in time are left out.
    pub fn digests(
        &self,
        at: Instance,
        found: &[(Endpoint, Found)],
        within: Duration,
    ) -> Result<BTreeMap<Party, HistoryDigest>, StatusError> {
        let up = found.iter().filter(|(_, found)| matches!(found, Found::Up(_)));
        let leaders = up.map(|(asked, _)| asked).filter(|asked| asked.part == RoleKind::Leader);
        let leaders: Vec<&Endpoint> = leaders.collect();
        let heard = self.ask(StatusRequest::Digest(at), &leaders, within)?;
        let digest = |(party, report)| match report {
            Report::Digest(_, digest) => Some((party, digest?)),
            _ => None,
        };
        Ok(heard.reports.into_iter().filter_map(digest).collect())
    }

    /// One page of the decrees that a leader knows to be chosen, from an instance on.
    pub fn page(
        &self,
        leader: &Endpoint,
        from: Instance,
        within: Duration,
    ) -> Result<Page, StatusError> {
        let heard = self.ask(StatusRequest::Log(from), &[leader], within)?;
        match heard.or_strangers()?.remove(&leader.party) {
            Some(Report::Log(page)) => Ok(page),
            _ => Err(StatusError::Silence(leader.address.to_string())),
        }
    }

    /// The leader of this name, or else the one with the longest history.
    pub fn most_advanced_leader(
        &self,
        name: Option<&str>,
        within: Duration,
    ) -> Result<&Endpoint, StatusError> {
        let leaders = self.members.iter().filter(|asked| asked.part == RoleKind::Leader);
        if let Some(name) = name {
            let named = leaders.into_iter().find(|asked| asked.member == name);
            let nobody = || StatusError::Silence(name.to_owned());
            return named.ok_or_else(nobody);
        }
        let leaders: Vec<&Endpoint> = leaders.collect();
        let within = within.min(Duration::from_secs(1));
        let heard = self.ask(StatusRequest::Status, &leaders, within)?.or_strangers()?;
        let known = leaders
            .into_iter()
            .filter_map(|asked| Some((leader(heard.get(&asked.party)?)?.first_unchosen, asked)));
        let most = known.max_by_key(|(known, _)| *known);
        most.map(|(_, at)| at).ok_or_else(|| StatusError::Silence("any leader".to_owned()))
    }

    /// All decrees that a leader knows to be chosen, each with true if it was applied. Waits for each page
    /// for at most `within`.
    pub fn history(
        &self,
        leader: &Endpoint,
        within: Duration,
    ) -> Result<Vec<(Decree, bool)>, StatusError> {
        let mut history = Vec::new();
        loop {
            let page = self.page(leader, Instance(history.len() as u64), within)?;
            if page.entries.is_empty() {
                return Ok(history);
            }
            history.extend(page.entries);
        }
    }

    /// Who says that it is primary, and which leader that is; under the highest ballot, if several
    /// say so.
    pub fn primary(&self, within: Duration) -> Result<Option<(String, LeaderId)>, StatusError> {
        let asked = self.members.iter().zip(self.status(within)?);
        let primary = asked.filter_map(|(asked, status)| match status?.role {
            RoleStatus::Leader(leader) if leader.stance == "primary" => {
                Some((leader.ballot, asked.member.clone()))
            }
            _ => None,
        });
        Ok(primary.max().map(|(ballot, name)| (name, ballot.leader)))
    }

    /// Waits until all leaders know equally much, and one of them is primary.
    pub fn wait_until_level(&self, within: Duration) -> Result<bool, StatusError> {
        let (deadline, mut inbox) = (self.now() + within, Inbox::default());
        while self.now() < deadline {
            let statuses = self.status(PATIENCE)?;
            let leaders: Option<Vec<LeaderStatus>> = self
                .members
                .iter()
                .zip(statuses)
                .filter(|(asked, _)| asked.part == RoleKind::Leader)
                .map(|(_, status)| match status?.role {
                    RoleStatus::Leader(leader) => Some(leader),
                    _ => None,
                })
                .collect();
            if leaders.is_some_and(|leaders| are_level(&leaders)) {
                return Ok(true);
            }
            self.rest(&mut inbox, PATIENCE / 5)?;
        }
        Ok(false)
    }

    fn now(&self) -> Instant {
        self.net.environment().now()
    }

    fn rest(&self, inbox: &mut Inbox, time: Duration) -> Result<(), StatusError> {
        Ok(self.net.rest(inbox, self.now() + time)?)
    }

    /// Asks them all, again and again, until all have answered, or the time is over.
    fn ask(
        &self,
        request: StatusRequest,
        whom: &[&Endpoint],
        within: Duration,
    ) -> Result<Heard, StatusError> {
        let deadline = self.now() + within.min(super::client::LONGEST);
        let (mut heard, mut inbox) = (Heard::default(), Inbox::default());
        while wants_more(&heard, whom) && self.now() < deadline {
            for asked in whom.iter().filter(|asked| !heard.of(asked.party)) {
                let question = encode_one(self.net.me().header(asked.party, 0), &request)?;
                let _sent = self.net.send(asked.party, &question);
            }
            let until = deadline.min(self.now() + PATIENCE);
            self.listen(request, whom, (until, &mut inbox), &mut heard)?;
        }
        Ok(heard)
    }

    fn listen(
        &self,
        request: StatusRequest,
        whom: &[&Endpoint],
        (until, inbox): (Instant, &mut Inbox),
        heard: &mut Heard,
    ) -> Result<(), StatusError> {
        while wants_more(heard, whom) {
            let Some(datagram) = self.net.receive(inbox, until)? else { break };
            let (at, opened) = (datagram.from, datagram.opened());
            let by = |asked: &&&Endpoint| asked.party == opened.header.from;
            if opened.kind == Kind::Notice {
                self.note(whom, at, &opened, heard);
            } else if self.net.me().is_meant(&opened.header)
                && let (Some(asked), Ok(report)) = (whom.iter().find(by), opened.message())
                && answers(request, &report)
            {
                heard.strangers.remove(&asked.party);
                heard.reports.insert(asked.party, report);
            }
        }
        Ok(())
    }

    /// Records the notice of a stranger at the address of a member.
    fn note(&self, whom: &[&Endpoint], at: SocketAddr, opened: &Opened<'_>, heard: &mut Heard) {
        let Ok(notice) = opened.message::<Notice>() else { return };
        let is_there = |asked: &&&Endpoint| self.net.is_at(asked.party, at);
        for asked in whom.iter().filter(is_there) {
            if !heard.of(asked.party) {
                let expected = format!("{}/{}", asked.member, asked.part.name());
                let words = notice.in_words(&expected, self.net.me().cluster());
                heard.strangers.insert(asked.party, words);
            }
        }
    }
}

/// True if somebody has not answered.
fn wants_more(heard: &Heard, whom: &[&Endpoint]) -> bool {
    whom.iter().any(|asked| !heard.of(asked.party))
}

/// The status of a leader, if the report has one.
fn leader(report: &Report) -> Option<&LeaderStatus> {
    match report {
        Report::Status(status) => match &status.role {
            RoleStatus::Leader(leader) => Some(leader),
            _ => None,
        },
        Report::Log(_) | Report::Digest(..) => None,
    }
}

fn are_level(leaders: &[LeaderStatus]) -> bool {
    let knows = |leader: &LeaderStatus| (leader.first_unchosen, leader.beyond, leader.applied);
    leaders.iter().any(|leader| leader.stance == "primary")
        && leaders.windows(2).all(|pair| pair.first().map(knows) == pair.last().map(knows))
}

/// True if the report answers this request; late reports answer earlier ones.
fn answers(request: StatusRequest, report: &Report) -> bool {
    match (request, report) {
        (StatusRequest::Status, Report::Status(_)) => true,
        (StatusRequest::Log(from), Report::Log(page)) => page.first == from,
        (StatusRequest::Digest(of), Report::Digest(at, _)) => *at == of,
        _ => false,
    }
}
