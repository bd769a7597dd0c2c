//! Asks members how they are, and what they know. Whoever does not answer in time is not up, or
//! cannot be reached, which looks the same from here.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::client::{reachable, socket_for};
use super::config::ClusterConfig;
use super::member::Part;
use crate::paxos::limits::MAX_DATAGRAM;
use crate::paxos::{Decree, Instance, LeaderId};
use crate::runtime::inquiry::{Inquiry, LeaderStatus, Page, Report, RoleStatus, Status};
use crate::runtime::wire::{WireError, decode_one, encode_one};

/// How long an answer is waited for before the question is asked again.
const PATIENCE: Duration = Duration::from_millis(100);

/// Why nothing could be asked.
#[derive(Debug, Error)]
pub enum InquiryError {
    /// The system would not.
    #[error("cannot use the network: {0}")]
    Network(#[from] io::Error),
    /// The question cannot be put into a datagram.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Nobody has answered.
    #[error("no answer from {0}: it is not up, or cannot be reached from here")]
    Silence(String),
}

/// Asks members.
#[derive(Debug)]
pub struct Inquirer {
    socket: UdpSocket,
    members: Vec<Asked>,
}

/// A role of a member, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The member's name.
    pub member: String,
    /// The role.
    pub part: Part,
    /// Where it is reached.
    pub address: SocketAddr,
}

impl Inquirer {
    /// Knows where the members are.
    pub fn new(config: &ClusterConfig) -> io::Result<Self> {
        let mut members = Vec::new();
        for member in &config.members {
            for part in [Part::Leader, Part::Acceptor] {
                let Some(address) = part.address(member) else { continue };
                members.push(Asked {
                    member: member.name.clone(),
                    part,
                    address: address.resolve()?,
                });
            }
        }
        let socket = socket_for(members.iter().map(|asked| asked.address))?;
        let v6 = socket.local_addr()?.is_ipv6();
        members.iter_mut().for_each(|asked| asked.address = reachable(asked.address, v6));
        Ok(Inquirer { socket, members })
    }

    /// All roles of all members, in the order of the file.
    pub fn members(&self) -> &[Asked] {
        &self.members
    }

    /// How each role of each member is, in the order of [`members`](Inquirer::members); none of
    /// whoever does not answer within that time.
    pub fn status(&self, within: Duration) -> Result<Vec<Option<Status>>, InquiryError> {
        let everybody: Vec<SocketAddr> = self.members.iter().map(|asked| asked.address).collect();
        let mut heard = self.ask(Inquiry::Status, &everybody, everybody.len(), within)?;
        let status = |at: &SocketAddr| match heard.remove(at) {
            Some(Report::Status(status)) => Some(*status),
            _ => None,
        };
        Ok(everybody.iter().map(status).collect())
    }

    /// What a leader knows to be chosen from an instance on: one page of it.
    pub fn page(
        &self,
        leader: SocketAddr,
        from: Instance,
        within: Duration,
    ) -> Result<Page, InquiryError> {
        match self.ask(Inquiry::Log(from), &[leader], 1, within)?.remove(&leader) {
            Some(Report::Log(page)) => Ok(page),
            _ => Err(InquiryError::Silence(leader.to_string())),
        }
    }

    /// The leader of this name, or the one whose history is the longest.
    pub fn historian(
        &self,
        name: Option<&str>,
        within: Duration,
    ) -> Result<SocketAddr, InquiryError> {
        let leaders = self.members.iter().filter(|asked| asked.part == Part::Leader);
        if let Some(name) = name {
            let named = leaders.into_iter().find(|asked| asked.member == name);
            let nobody = || InquiryError::Silence(name.to_owned());
            return named.map(|asked| asked.address).ok_or_else(nobody);
        }
        let asked = self.members.iter().zip(self.status(within.min(Duration::from_secs(1)))?);
        let known = asked.filter_map(|(asked, status)| match status?.role {
            RoleStatus::Leader(leader) => Some((leader.first_unchosen, asked.address)),
            _ => None,
        });
        let most = known.max_by_key(|(known, _)| *known);
        most.map(|(_, at)| at).ok_or_else(|| InquiryError::Silence("any leader".to_owned()))
    }

    /// All that a leader knows to be chosen, and whether it was applied. Each page is waited for as
    /// long as `within`.
    pub fn history(
        &self,
        leader: SocketAddr,
        within: Duration,
    ) -> Result<Vec<(Decree, bool)>, InquiryError> {
        let mut history = Vec::new();
        loop {
            let page = self.page(leader, Instance(history.len() as u64), within)?;
            if page.entries.is_empty() {
                return Ok(history);
            }
            history.extend(page.entries);
        }
    }

    /// The first instance that nobody knows to be chosen, of so many leaders as are `enough`, or as
    /// have answered in time; none if none has. Whoever takes a client's name is born there.
    pub fn first_unchosen(
        &self,
        within: Duration,
        enough: usize,
    ) -> Result<Option<Instance>, InquiryError> {
        let leaders = self.members.iter().filter(|asked| asked.part == Part::Leader);
        let leaders: Vec<SocketAddr> = leaders.map(|asked| asked.address).collect();
        let heard = self.ask(Inquiry::Status, &leaders, enough, within)?;
        let known = heard.into_values().filter_map(|report| match report {
            Report::Status(status) => match status.role {
                RoleStatus::Leader(leader) => Some(leader.first_unchosen),
                _ => None,
            },
            Report::Log(_) => None,
        });
        Ok(known.max())
    }

    /// Who says that it is primary, and which leader that is; under the highest ballot, if several
    /// say so.
    pub fn primary(&self, within: Duration) -> Result<Option<(String, LeaderId)>, InquiryError> {
        let asked = self.members.iter().zip(self.status(within)?);
        let primary = asked.filter_map(|(asked, status)| match status?.role {
            RoleStatus::Leader(leader) if leader.standing == "primary" => {
                Some((leader.ballot, asked.member.clone()))
            }
            _ => None,
        });
        Ok(primary.max().map(|(ballot, name)| (name, ballot.leader)))
    }

    /// Waits until all leaders know equally much, and one of them is primary.
    pub fn wait_until_level(&self, within: Duration) -> Result<bool, InquiryError> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            let statuses = self.status(PATIENCE)?;
            let leaders: Option<Vec<LeaderStatus>> = self
                .members
                .iter()
                .zip(statuses)
                .filter(|(asked, _)| asked.part == Part::Leader)
                .map(|(_, status)| match status?.role {
                    RoleStatus::Leader(leader) => Some(leader),
                    _ => None,
                })
                .collect();
            if leaders.is_some_and(|leaders| are_level(&leaders)) {
                return Ok(true);
            }
            std::thread::sleep(PATIENCE / 5);
        }
        Ok(false)
    }

    /// Asks them all, again and again, until enough have answered or the time is over.
    fn ask(
        &self,
        inquiry: Inquiry,
        whom: &[SocketAddr],
        enough: usize,
        within: Duration,
    ) -> Result<BTreeMap<SocketAddr, Report>, InquiryError> {
        let question = encode_one(&inquiry)?;
        let deadline = Instant::now() + within.min(super::client::LONGEST);
        let mut heard = BTreeMap::new();
        while heard.len() < enough && Instant::now() < deadline {
            for address in whom.iter().filter(|address| !heard.contains_key(*address)) {
                // Whoever sends over UDP must live with losses anyway.
                if let Err(error) = self.socket.send_to(&question, address) {
                    tracing::debug!(%address, %error, "cannot ask");
                }
            }
            let until = deadline.min(Instant::now() + PATIENCE);
            self.listen(inquiry, (whom, enough), until, &mut heard)?;
        }
        Ok(heard)
    }

    fn listen(
        &self,
        inquiry: Inquiry,
        (whom, enough): (&[SocketAddr], usize),
        until: Instant,
        heard: &mut BTreeMap<SocketAddr, Report>,
    ) -> Result<(), InquiryError> {
        let mut buffer = vec![0; MAX_DATAGRAM + 1];
        while heard.len() < enough {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            // An error here is of an earlier datagram, that found nobody; or it is the deadline.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            let report = decode_one(buffer.get(..length).unwrap_or_default());
            if let Ok(report) = report
                && whom.contains(&from)
                && answers(inquiry, &report)
            {
                heard.insert(from, report);
            }
        }
        Ok(())
    }
}

fn are_level(leaders: &[LeaderStatus]) -> bool {
    let knows = |leader: &LeaderStatus| (leader.first_unchosen, leader.beyond, leader.applied);
    leaders.iter().any(|leader| leader.standing == "primary")
        && leaders.windows(2).all(|pair| pair.first().map(knows) == pair.last().map(knows))
}

/// Whether a report is one to this inquiry: an answer to an earlier one may come late.
fn answers(inquiry: Inquiry, report: &Report) -> bool {
    match (inquiry, report) {
        (Inquiry::Status, Report::Status(_)) => true,
        (Inquiry::Log(from), Report::Log(page)) => page.first == from,
        _ => false,
    }
}
