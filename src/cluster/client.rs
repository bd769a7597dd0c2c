//! A client that asks for one thing after another, and never leaves one guessing.
//!
//! A request goes to one leader. Who is not primary names the one that is; who does not answer in
//! time is passed over for the next. However often it is sent, a request keeps its name, so that it
//! is applied once. Reads are requests like any other: they go through the log, and so they are
//! linearizable.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::config::ClusterConfig;
use super::net::{Inbox, Net};
use super::status_client::{Birth, StatusClient, StatusError};
use crate::paxos::{ClientId, Command, Done, LeaderId, Message, Refusal, RequestId};
use crate::runtime::notice::Notice;
use crate::runtime::party::Party;
use crate::runtime::wire::{WireError, encode_one};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied, once, and this came of it.
    Done(Done),
    /// It was not applied, and never will be.
    NotDone(WhyNot),
    /// It may have been applied, once at most.
    Unknown(WhyUnknown),
}

/// Why nobody knows what became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WhyUnknown {
    /// No leader has answered in time.
    #[error("nobody has answered in time: it may have been done, or may yet be")]
    Silence,
    /// The leaders have forgotten the client, or its answer: see
    /// [`Limits::lease`](crate::paxos::Limits::lease).
    #[error(
        "the cluster does not remember it any more: it may have been done, and will not be done from \
         now on"
    )]
    Forgotten,
}

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WhyNot {
    /// No leader takes it.
    #[error("{0}")]
    Refused(Refusal),
    /// No leader could be reached that would have taken it on.
    #[error("no leader has answered, so nobody has taken it on; are the members up?")]
    Unreachable,
    /// Leaders have answered, and none of them was primary.
    #[error(
        "nobody is primary, so nobody has taken it on; synod status says who is up: more than half of the \
         acceptors must be"
    )]
    NoPrimary,
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
    /// Nobody could be asked where the history ends.
    #[error(transparent)]
    StatusRequest(#[from] StatusError),
}

/// Nobody waits longer than this: a year.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A client of a cluster.
#[derive(Debug)]
pub struct Client {
    net: Arc<Net>,
    inbox: Inbox,
    /// How many leaders there are.
    leaders: usize,
    /// The leader that requests go to.
    turn: usize,
    status_client: StatusClient,
    /// Its name, once it has one. It takes another if it was not heard of for too long.
    me: Option<ClientId>,
    /// The sequence of the next request.
    next: u64,
    last: Option<RequestId>,
    /// What somebody else has said who is where a leader should be.
    stranger: Option<String>,
    /// How long one leader is waited for.
    patience: Duration,
}

/// What was heard of a request.
enum Heard {
    Answer(Outcome),
    /// That leader should be asked.
    Redirect(usize),
    /// The leader that was named is the one that did not answer.
    Outdated,
    /// The client's name is not good any more.
    Nameless,
    Nothing,
}

impl Client {
    /// A client of this cluster, with a name that nobody else is likely to have.
    pub fn new(config: &ClusterConfig) -> Result<Self, ClientError> {
        Ok(Client::over(Arc::new(Net::new(config)?), config))
    }

    /// A client of this cluster by this network.
    pub(crate) fn over(net: Arc<Net>, config: &ClusterConfig) -> Self {
        let leaders = net.leaders();
        let patience = config.timing.retry.as_ref().map_or(Duration::from_millis(100), |r| r.start);
        // Asked only while no request is under way.
        let status_client = StatusClient::with(Arc::clone(&net), config);
        Client {
            net,
            inbox: Inbox::default(),
            leaders,
            turn: 0,
            status_client,
            me: None,
            next: 0,
            last: None,
            stranger: None,
            patience,
        }
    }

    /// The leader that was asked last.
    pub fn leader(&self) -> LeaderId {
        LeaderId(self.turn as u16)
    }

    /// Words about somebody who is where a leader of this cluster should be, if one was heard.
    pub fn stranger(&self) -> Option<&str> {
        self.stranger.as_deref()
    }

    /// Words about names in the file that have no address now; none if all have one.
    pub fn without_address(&self) -> Option<String> {
        let hosts = self.net.without_address();
        (!hosts.is_empty()).then(|| format!("no address is known of {}", hosts.join(", ")))
    }

    /// The name under which was asked last; none if nobody ever was.
    pub fn last_request(&self) -> Option<RequestId> {
        self.last
    }

    /// The name of the next request, or why nobody says where the history ends.
    fn name(&mut self, within: Duration) -> Result<Result<RequestId, WhyNot>, ClientError> {
        let client = match self.me {
            Some(client) => client,
            None => {
                let number = self.net.environment().unique()?;
                let born = match self.status_client.birth(within)? {
                    Birth::At(born) => born,
                    Birth::NoPrimary => return Ok(Err(WhyNot::NoPrimary)),
                    Birth::Silence => return Ok(Err(WhyNot::Unreachable)),
                };
                self.next = 0;
                *self.me.insert(ClientId { lease_start: born, number })
            }
        };
        let name = RequestId { client, sequence: self.next };
        self.next += 1;
        self.last = Some(name);
        Ok(Ok(name))
    }

    /// Asks for a command to be applied, and waits for the answer, no longer than `within`.
    pub fn propose(&mut self, command: &[u8], within: Duration) -> Result<Outcome, ClientError> {
        let deadline = self.now() + within.min(LONGEST);
        loop {
            let left = deadline.saturating_duration_since(self.now());
            let id = match self.name(left)? {
                Ok(id) => id,
                Err(why) => return Ok(Outcome::NotDone(why)),
            };
            if let Some(outcome) = self.ask(id, command, deadline)? {
                // What comes next must not depend on how this one ends.
                self.me = self.me.filter(|_| matches!(outcome, Outcome::Done(_)));
                return Ok(outcome);
            }
            // The name was not good any more; another may be.
            let until = self.now() + self.patience / 5;
            self.net.rest(&mut self.inbox, until)?;
        }
    }

    fn now(&self) -> Instant {
        self.net.environment().now()
    }

    /// Asks for a command to be applied, under this name; none if the name is not good, and nothing
    /// was done under it.
    fn ask(
        &mut self,
        id: RequestId,
        command: &[u8],
        deadline: Instant,
    ) -> Result<Option<Outcome>, ClientError> {
        // Whoever asks for one thing after another has its answers, or does without.
        let acknowledged = id.sequence;
        let command = Command { id, acknowledged, payload: command.into() };
        let request = Message::Request(command);
        let (mut redirected, mut silent, mut sent) = (false, None, 0);
        while self.now() < deadline {
            let leader = Party::Leader(self.leader());
            let frame = encode_one(self.net.me().header(leader, 0), &request)?;
            // If not, its name has no address, or there is no way to it now.
            let is_sent = self.net.send(leader, &frame);
            sent += u32::from(is_sent);
            let patience = if is_sent { self.patience } else { self.patience / 20 };
            let hints = (redirected || !is_sent, silent.filter(|_| is_sent));
            let mut heard = self.listen(id, deadline.min(self.now() + patience), hints)?;
            if matches!(heard, Heard::Outdated) {
                // The leaders will soon agree on another. An answer may come all the same.
                let until = deadline.min(self.now() + self.patience / 5);
                heard = match self.listen(id, until, (true, None))? {
                    Heard::Nothing => Heard::Outdated,
                    heard => heard,
                };
            }
            match heard {
                Heard::Answer(outcome) => return Ok(Some(outcome)),
                Heard::Nameless => {
                    // What was sent before may have been done while the name was good.
                    self.me = None;
                    return Ok((sent > 1).then_some(Outcome::Unknown(WhyUnknown::Forgotten)));
                }
                Heard::Redirect(leader) => (self.turn, redirected) = (leader, true),
                Heard::Outdated => (self.turn, redirected) = (self.next_turn(), false),
                Heard::Nothing if is_sent => {
                    (silent, redirected) = (Some(self.turn), false);
                    self.turn = self.next_turn();
                }
                Heard::Nothing => self.turn = self.next_turn(),
            }
        }
        // Nobody was asked under this name if there was no time left for it.
        let unreachable = Outcome::NotDone(WhyNot::Unreachable);
        let silence = Outcome::Unknown(WhyUnknown::Silence);
        Ok(Some(if sent == 0 { unreachable } else { silence }))
    }

    fn next_turn(&self) -> usize {
        (self.turn + 1) % self.leaders.max(1)
    }

    /// Waits for word of a request. Of hints, one is followed between two silences, so that leaders
    /// that name one another do not keep a client running.
    fn listen(
        &mut self,
        id: RequestId,
        until: Instant,
        (redirected, silent): (bool, Option<usize>),
    ) -> Result<Heard, ClientError> {
        loop {
            let Some(datagram) = self.net.receive(&mut self.inbox, until)? else {
                return Ok(Heard::Nothing);
            };
            let opened = datagram.opened();
            if let Ok(notice) = opened.message::<Notice>() {
                self.stranger = Some(notice.in_words("a leader", self.net.me().cluster()));
            }
            if !self.net.me().is_meant(&opened.header) {
                continue;
            }
            let messages = opened.messages().unwrap_or_default();
            for message in messages {
                match self.heard(id, message) {
                    Heard::Nothing => {}
                    Heard::Redirect(leader) if Some(leader) == silent => {
                        return Ok(Heard::Outdated);
                    }
                    Heard::Redirect(_) if redirected => {}
                    heard => return Ok(heard),
                }
            }
        }
    }

    fn heard(&self, request: RequestId, message: Message) -> Heard {
        match message {
            Message::Reply { id, done } if id == request => Heard::Answer(Outcome::Done(done)),
            Message::Refused { id, reason } if id == request => match reason {
                Refusal::Expired => Heard::Nameless,
                Refusal::Forgotten => Heard::Answer(Outcome::Unknown(WhyUnknown::Forgotten)),
                Refusal::TooLarge | Refusal::HistoryFull => {
                    Heard::Answer(Outcome::NotDone(WhyNot::Refused(reason)))
                }
                // Another leader, or the same one later, may take it.
                Refusal::Overloaded | Refusal::WindowExceeded => Heard::Nothing,
            },
            Message::Redirect { id, primary: Some(leader) } if id == request => {
                let leader = usize::from(leader.0);
                let news = leader != self.turn && leader < self.leaders;
                if news { Heard::Redirect(leader) } else { Heard::Nothing }
            }
            _ => Heard::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is told that nobody knows any more stops asking; what is refused for now is asked again.
    #[test]
    fn a_refusal_ends_a_request_unless_it_is_for_now() {
        let config = ClusterConfig::sample("test", 1, 7101).unwrap().parse().unwrap();
        let (client, id) = (Client::new(&config).unwrap(), RequestId::default());
        let heard = |reason| client.heard(id, Message::Refused { id, reason });
        let not_done = |reason| Outcome::NotDone(WhyNot::Refused(reason));
        let forgotten = Outcome::Unknown(WhyUnknown::Forgotten);
        for (reason, expected) in [
            (Refusal::TooLarge, not_done(Refusal::TooLarge)),
            (Refusal::HistoryFull, not_done(Refusal::HistoryFull)),
            (Refusal::Forgotten, forgotten),
        ] {
            assert!(matches!(heard(reason), Heard::Answer(outcome) if outcome == expected));
        }
        assert!(matches!(heard(Refusal::Expired), Heard::Nameless));
        for reason in [Refusal::Overloaded, Refusal::WindowExceeded] {
            assert!(matches!(heard(reason), Heard::Nothing) && !reason.is_final());
        }
        let other = RequestId { sequence: 1, ..id };
        let of_another = Message::Refused { id: other, reason: Refusal::Forgotten };
        assert!(matches!(client.heard(id, of_another), Heard::Nothing));
    }
}
