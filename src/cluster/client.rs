//! A client that asks for one thing after another, and never leaves one guessing.
//!
//! A request goes to one leader. Who is not primary names the one that is; who does not answer in
//! time is passed over for the next. However often it is sent, a request keeps its name, so that it
//! is applied once. Reads are requests like any other: they go through the log, and so they are
//! linearizable.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::config::ClusterConfig;
use crate::paxos::limits::MAX_DATAGRAM;
use crate::paxos::{ClientId, Command, Done, Message, Refusal, RequestId};
use crate::runtime::wire::{WireError, decode, encode_one};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied, once, and this came of it.
    Done(Done),
    /// It was not applied, and never will be.
    NotDone(Refusal),
    /// Nobody has answered in time: it may have been applied, or may yet be, once at most.
    Unknown,
}

/// Why a request could not even be sent.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The system would not.
    #[error("cannot use the network: {0}")]
    Network(#[from] io::Error),
    /// The command cannot be put into a message.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A client of a cluster.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
    leaders: Vec<SocketAddr>,
    /// The leader that requests go to.
    turn: usize,
    me: ClientId,
    /// The sequence of the next request.
    next: u64,
    /// How long one leader is waited for.
    patience: Duration,
}

/// What was heard of a request.
enum Heard {
    Answer(Outcome),
    /// That leader should be asked.
    Redirect(usize),
    Nothing,
}

/// A socket by which all of these can be reached.
pub(super) fn socket_for(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<UdpSocket> {
    match addresses.into_iter().any(|address| address.is_ipv6()) {
        true => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        false => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
    }
}

/// An address as such a socket knows it: one of IPv6 reaches those of IPv4 in their mapped form.
pub(super) fn reachable(address: SocketAddr, v6: bool) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if v6 => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

impl Client {
    /// A client of this cluster, with a name that nobody else is likely to have.
    pub fn new(config: &ClusterConfig) -> Result<Self, ClientError> {
        let leaders = config.leaders()?;
        let socket = socket_for(leaders.iter().copied())?;
        let v6 = socket.local_addr()?.is_ipv6();
        let patience = config.timing.retry.as_ref().map_or(Duration::from_millis(100), |r| r.start);
        let leaders = leaders.into_iter().map(|leader| reachable(leader, v6)).collect();
        let (me, turn) = (ClientId(fastrand::u64(..)), 0);
        Ok(Client { socket, leaders, turn, me, next: 0, patience })
    }

    /// Asks for a command to be applied, and waits for the answer, no longer than `within`.
    pub fn propose(&mut self, command: &[u8], within: Duration) -> Result<Outcome, ClientError> {
        let id = RequestId { client: self.me, sequence: self.next };
        self.next += 1;
        // Whoever asks for one thing after another has its answers, or does without.
        let acknowledged = id.sequence;
        let command = Command { id, acknowledged, payload: command.into() };
        let request = encode_one(&Message::Request(command))?;
        let deadline = Instant::now() + within;
        let mut redirected = false;
        while Instant::now() < deadline {
            let Some(leader) = self.leaders.get(self.turn) else { break };
            // Whoever sends over UDP must live with losses anyway.
            if let Err(error) = self.socket.send_to(&request, leader) {
                tracing::debug!(%leader, %error, "cannot send");
            }
            let until = deadline.min(Instant::now() + self.patience);
            match self.listen(id, until, redirected)? {
                Heard::Answer(outcome) => return Ok(outcome),
                Heard::Redirect(leader) => (self.turn, redirected) = (leader, true),
                Heard::Nothing => {
                    (self.turn, redirected) = ((self.turn + 1) % self.leaders.len(), false);
                }
            }
        }
        Ok(Outcome::Unknown)
    }

    /// Waits for word of a request. Of hints, one is followed between two silences, so that leaders
    /// that name one another do not keep a client running.
    fn listen(
        &self,
        id: RequestId,
        until: Instant,
        redirected: bool,
    ) -> Result<Heard, ClientError> {
        let mut buffer = vec![0; MAX_DATAGRAM + 1];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Heard::Nothing);
            }
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            // An error here is of an earlier datagram, that found nobody; or it is the deadline.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            if !self.leaders.contains(&from) {
                continue;
            }
            let messages = decode(buffer.get(..length).unwrap_or_default()).unwrap_or_default();
            for message in messages {
                match self.heard(id, message) {
                    Heard::Nothing => {}
                    Heard::Redirect(_) if redirected => {}
                    heard => return Ok(heard),
                }
            }
        }
    }

    fn heard(&self, request: RequestId, message: Message) -> Heard {
        match message {
            Message::Reply { id, instance, position, answer } if id == request => {
                Heard::Answer(Outcome::Done(Done { instance, position, answer }))
            }
            // What no leader will ever take; all else is tried again.
            Message::Refused {
                id,
                reason: reason @ (Refusal::TooLarge | Refusal::HistoryFull),
            } if id == request => Heard::Answer(Outcome::NotDone(reason)),
            Message::Redirect { id, primary: Some(leader) } if id == request => {
                let leader = usize::from(leader.0);
                let news = leader != self.turn && leader < self.leaders.len();
                if news { Heard::Redirect(leader) } else { Heard::Nothing }
            }
            _ => Heard::Nothing,
        }
    }
}
