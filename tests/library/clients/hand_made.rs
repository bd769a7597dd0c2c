//! Leaders made by hand, and the network to them, in virtual time: what clients say arrives at once.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cluster::config::ClusterConfig;
use crate::cluster::net::{Link, Net};
use crate::paxos::{
    Answer, ClientId, Command, Done, Instance, LeaderId, Message, Refusal, RequestId,
};
use crate::runtime::environment::Clock;
use crate::runtime::identity::ClusterId;
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::pump::Received;
use crate::runtime::wire::{Framed, encode_one, open};
use crate::tests::simulated::{VirtualClock, environment};

/// A cluster of three leaders, of which nobody runs.
pub(super) fn config() -> ClusterConfig {
    let config = ClusterConfig::sample("hand-made", 3, 7101).unwrap().parse().unwrap();
    // The sample draws an id.
    ClusterConfig { id: ClusterId(1), ..config }
}

/// A frame of a client: when it was sent, to whom, and what is in it.
pub(super) type Sent = (Duration, LeaderId, Vec<Message>);

/// The leaders, and what was said to them.
#[derive(Debug)]
pub(super) struct Leaders {
    pub(super) clock: VirtualClock,
    /// The leader that answers; the others say nothing.
    pub(super) primary: Option<LeaderId>,
    /// False if it takes requests, and says nothing of them.
    pub(super) answers: bool,
    /// The leaders that have no address.
    pub(super) without_address: BTreeSet<LeaderId>,
    /// The leaders that nothing can be sent to.
    pub(super) cut_off: BTreeSet<LeaderId>,
    pub(super) sent: Vec<Sent>,
    /// The requests that it has done, in order.
    pub(super) done: Vec<RequestId>,
    /// The time that it takes to answer.
    pub(super) delay: Duration,
    /// What is on its way to the client, with the time of arrival.
    inbox: VecDeque<(Duration, Vec<u8>)>,
}

/// The client's end of the network.
#[derive(Clone, Debug)]
pub(super) struct HandMade(pub(super) Arc<Mutex<Leaders>>);

impl HandMade {
    /// Leaders of which the first is primary, and answers.
    pub(super) fn new() -> Self {
        HandMade(Arc::new(Mutex::new(Leaders {
            clock: VirtualClock::default(),
            primary: Some(LeaderId(0)),
            answers: true,
            without_address: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            sent: Vec::new(),
            done: Vec::new(),
            delay: Duration::ZERO,
            inbox: VecDeque::new(),
        })))
    }

    /// A client's network to them.
    pub(super) fn net(&self) -> Arc<Net> {
        let environment = environment(&self.0.lock().unwrap().clock, 1);
        Arc::new(Net::over(Box::new(self.clone()), &config(), environment))
    }

    /// Somebody says this to the client.
    pub(super) fn say<T: Framed>(&self, from: Party, message: &T) {
        let header = Me::new(from, Arc::new(config().identity())).header(Party::Client, 0);
        let mut leaders = self.0.lock().unwrap();
        let arrives = leaders.clock.elapsed() + leaders.delay;
        leaders.inbox.push_back((arrives, encode_one(header, message).unwrap()));
    }

    /// The messages of this kind that were sent, with their times and addressees.
    pub(super) fn sent(&self, is_wanted: fn(&Message) -> bool) -> Vec<(Duration, LeaderId)> {
        let leaders = self.0.lock().unwrap();
        let wanted = |(at, to, messages): &Sent| {
            let count = messages.iter().filter(|message| is_wanted(message)).count();
            vec![(*at, *to); count]
        };
        leaders.sent.iter().flat_map(wanted).collect()
    }
}

impl Leaders {
    fn answer(&mut self, message: Message) -> Option<Message> {
        let end = Instance(self.done.len() as u64);
        match message {
            Message::Open { number } => {
                Some(Message::Opened(ClientId { lease_start: end, number }))
            }
            Message::Request(Command { id, .. }) if self.answers => {
                let is_late = self.done.contains(&id);
                self.done.push(id);
                let done = Done { instance: end, position: end.0, answer: Answer::TooLong(0) };
                let reason = Refusal::Forgotten;
                Some(if is_late {
                    Message::Refused { id, reason }
                } else {
                    Message::Reply { id, done }
                })
            }
            _ => None,
        }
    }
}

impl Link for HandMade {
    fn send(&self, to: Party, frame: &[u8]) -> io::Result<()> {
        let Party::Leader(leader) = to else { panic!("{to} is no leader") };
        let messages: Vec<Message> = open(frame).unwrap().messages().unwrap();
        let mut leaders = self.0.lock().unwrap();
        if leaders.cut_off.contains(&leader) {
            return Err(io::Error::other("cut off"));
        }
        let at = leaders.clock.elapsed();
        leaders.sent.push((at, leader, messages.clone()));
        let mut answers = Vec::new();
        if leaders.primary == Some(leader) {
            answers.extend(messages.into_iter().filter_map(|message| leaders.answer(message)));
        }
        drop(leaders);
        answers.iter().for_each(|answer| self.say(to, answer));
        Ok(())
    }

    fn receive(&self, buffer: &mut [u8], until: Instant) -> io::Result<Received> {
        let mut leaders = self.0.lock().unwrap();
        let now = leaders.clock.elapsed();
        let left = until.saturating_duration_since(leaders.clock.now());
        let next = leaders.inbox.front().map(|(arrives, _)| arrives.saturating_sub(now));
        leaders.clock.pass(next.map_or(left, |next| next.min(left)));
        let Some((_, bytes)) = leaders.inbox.pop_front_if(|_| next <= Some(left)) else {
            return Ok(Received::Nothing);
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Received::Datagram(bytes.len(), SocketAddr::from(([192, 0, 2, 1], 1))))
    }

    fn address(&self, of: Party) -> Option<SocketAddr> {
        let leaders = self.0.lock().unwrap();
        let is_known = |leader| !leaders.without_address.contains(&leader);
        let known = matches!(of, Party::Leader(leader) if is_known(leader));
        known.then(|| SocketAddr::from(([192, 0, 2, 1], 1)))
    }
}
