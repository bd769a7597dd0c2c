//! Many clients at one socket, each with a session of its own and one request at a time: load for
//! measurements. What they ask at the same time shares datagrams.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap as HashMap;

use crate::cluster::client::{ClientError, Outcome, WhyNot, WhyUnknown};
use crate::cluster::config::ClusterConfig;
use crate::cluster::net::{Inbox, Net};
use crate::cluster::status_client::{Birth, StatusClient};
use crate::paxos::{ClientId, Command, LeaderId, Message, Refusal, RequestId};
use crate::runtime::party::Party;
use crate::runtime::wire::Frame;

/// Clients that ask for one thing after another.
#[derive(Debug)]
pub struct LoadGenerator {
    net: Net,
    inbox: Inbox,
    /// How many leaders there are.
    leaders: usize,
    /// The leader that requests go to.
    turn: usize,
    clients: Vec<Asker>,
    /// The client that has each name.
    named: HashMap<ClientId, usize>,
    patience: Duration,
    status_client: StatusClient,
}

/// One client.
#[derive(Debug, Default)]
struct Asker {
    /// Its name, once it has one. It takes another when this one is not good any more.
    name: Option<ClientId>,
    /// The sequence of its next request.
    next: u64,
    asked: Option<Asked>,
}

/// A request that is not answered.
#[derive(Debug)]
struct Asked {
    command: Command,
    since: Instant,
}

/// A request that nobody asks for any more.
#[derive(Debug)]
pub struct Settled {
    /// The command that was asked for.
    pub command: Command,
    /// From the first sending until it was settled.
    pub latency: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of the requests of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They were applied.
    pub done: u64,
    /// They were not applied, and never will be.
    pub not_done: u64,
    /// They may have been applied.
    pub unknown: u64,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(_) => self.done += 1,
            Outcome::NotDone(_) => self.not_done += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.done + self.not_done + self.unknown
    }
}

impl LoadGenerator {
    /// So many clients of a cluster.
    pub fn new(config: &ClusterConfig, clients: usize) -> Result<Self, ClientError> {
        let (net, inbox) = (Net::new(config)?, Inbox::default());
        let leaders = net.leaders();
        let patience = config.timing.retry.as_ref().map_or(Duration::from_millis(100), |r| r.start);
        let clients = (0..clients).map(|_| Asker::default()).collect();
        let status_client = StatusClient::new(config)?;
        Ok(LoadGenerator {
            net,
            inbox,
            leaders,
            turn: 0,
            clients,
            named: HashMap::default(),
            patience,
            status_client,
        })
    }

    /// Gives every client a name that is good; false if no primary says within that time where the history
    /// ends.
    pub fn name(&mut self, within: Duration) -> Result<bool, ClientError> {
        if self.clients.iter().all(|asker| asker.name.is_some()) {
            return Ok(true);
        }
        let Birth::At(born) = self.status_client.birth(within)? else { return Ok(false) };
        for (client, asker) in
            self.clients.iter_mut().enumerate().filter(|(_, it)| it.name.is_none())
        {
            let number = self.net.environment().unique()?;
            let name = *asker.name.insert(ClientId { lease_start: born, number });
            asker.next = 0;
            self.named.insert(name, client);
        }
        Ok(true)
    }

    /// Lets all clients ask for `commands` one after another, and hands out what became of them as it
    /// is known. Gives up after `patience` without any news: then what was asked for may have been applied,
    /// or not, and the rest of the commands is not asked for.
    pub fn run(
        &mut self,
        commands: impl IntoIterator<Item = Vec<u8>>,
        patience: Duration,
        mut settled: impl FnMut(Settled),
    ) -> Result<Tally, ClientError> {
        let mut commands = commands.into_iter().fuse();
        let mut idle: VecDeque<usize> = (0..self.clients.len()).collect();
        let (mut tally, mut last, mut heard) = (Tally::default(), Instant::now(), Instant::now());
        if !self.name(patience)? {
            return Ok(tally);
        }
        loop {
            // Whoever has lost its name needs another before it asks again.
            let named = self.name(self.patience)?;
            if named {
                self.ask(&mut commands, &mut idle)?;
            }
            if (named && idle.len() == self.clients.len()) || last.elapsed() >= patience {
                break;
            }
            let before = tally.all();
            for news in self.listen()? {
                tally.count(&news.1.outcome);
                idle.push_back(news.0);
                settled(news.1);
            }
            if tally.all() > before {
                (last, heard) = (Instant::now(), Instant::now());
            } else if heard.elapsed() >= self.patience {
                self.turn = (self.turn + 1) % self.leaders.max(1);
                heard = Instant::now();
                self.send(&(0..self.clients.len()).collect::<Vec<_>>())?;
            }
        }
        for asker in &mut self.clients {
            let Some(Asked { command, since }) = asker.asked.take() else { continue };
            // What comes next must not depend on how this one ends.
            asker.name.take().and_then(|name| self.named.remove(&name));
            let outcome = Outcome::Unknown(WhyUnknown::Silence);
            tally.count(&outcome);
            settled(Settled { command, latency: since.elapsed(), outcome });
        }
        Ok(tally)
    }

    /// Gives every idle client something to ask, as long as there is something.
    fn ask(
        &mut self,
        commands: &mut impl Iterator<Item = Vec<u8>>,
        idle: &mut VecDeque<usize>,
    ) -> Result<(), ClientError> {
        let mut new = Vec::new();
        while let Some(client) = idle.front().copied()
            && let Some(payload) = commands.next()
        {
            idle.pop_front();
            let Some(asker) = self.clients.get_mut(client) else { continue };
            let Some(name) = asker.name else { continue };
            let (id, acknowledged) = (RequestId { client: name, sequence: asker.next }, asker.next);
            let command = Command { id, acknowledged, payload: payload.into() };
            asker.next += 1;
            asker.asked = Some(Asked { command, since: Instant::now() });
            new.push(client);
        }
        self.send(&new)
    }

    /// Sends what these clients ask, as often as it takes.
    fn send(&self, clients: &[usize]) -> Result<(), ClientError> {
        let to = Party::Leader(LeaderId(self.turn as u16));
        let mut frame = Frame::new(self.net.me().header(to, 0), self.net.bundle());
        let pass = |bytes: Vec<u8>| {
            let _sent = self.net.send(to, &bytes);
        };
        for client in clients {
            let asked = self.clients.get(*client).and_then(|client| client.asked.as_ref());
            let Some(Asked { command, .. }) = asked else { continue };
            frame.push(&Message::Request(command.clone()))?.into_iter().for_each(pass);
        }
        frame.finish().into_iter().for_each(pass);
        Ok(())
    }

    /// Waits for a datagram. What was settled by it is returned, with the clients that asked for it.
    fn listen(&mut self) -> Result<Vec<(usize, Settled)>, ClientError> {
        let until = Instant::now() + self.patience;
        let Some(datagram) = self.net.receive(&mut self.inbox, until)? else {
            return Ok(Vec::new());
        };
        let opened = datagram.opened();
        if !self.net.me().is_meant(&opened.header) {
            return Ok(Vec::new());
        }
        let (mut news, mut redirect) = (Vec::new(), None);
        for message in opened.messages().unwrap_or_default() {
            match message {
                Message::Reply { id, done } => news.extend(self.settle(id, Outcome::Done(done))),
                Message::Redirect { primary, .. } => redirect = primary.or(redirect),
                Message::Refused { id, reason } => news.extend(self.refused(id, reason)),
                _ => {}
            }
        }
        self.follow(opened.header.from, redirect)?;
        Ok(news)
    }

    /// Asking again for what is refused for good is of no use.
    fn refused(&mut self, id: RequestId, reason: Refusal) -> Option<(usize, Settled)> {
        tracing::debug!(%id, %reason, "refused");
        let outcome = match reason {
            Refusal::TooLarge | Refusal::HistoryFull => Outcome::NotDone(WhyNot::Refused(reason)),
            // It may have been done before, as it may have been sent before.
            Refusal::Expired | Refusal::Forgotten => Outcome::Unknown(WhyUnknown::Forgotten),
            Refusal::Overloaded | Refusal::WindowExceeded => return None,
        };
        let settled = self.settle(id, outcome)?;
        let asker = self.clients.get_mut(settled.0);
        let name =
            asker.filter(|_| reason != Refusal::TooLarge).and_then(|asker| asker.name.take());
        name.and_then(|name| self.named.remove(&name));
        Some(settled)
    }

    /// Goes where the leader that was asked sends it.
    fn follow(&mut self, from: Party, hint: Option<LeaderId>) -> Result<(), ClientError> {
        let Some(leader) = hint.map(|leader| usize::from(leader.0)) else { return Ok(()) };
        if from != Party::Leader(LeaderId(self.turn as u16)) || leader >= self.leaders {
            return Ok(());
        }
        self.turn = leader;
        self.send(&(0..self.clients.len()).collect::<Vec<_>>())
    }

    fn settle(&mut self, id: RequestId, outcome: Outcome) -> Option<(usize, Settled)> {
        let client = *self.named.get(&id.client)?;
        let waiting = &mut self.clients.get_mut(client)?.asked;
        let Asked { command, since } = waiting.take_if(|asked| asked.command.id == id)?;
        Some((client, Settled { command, latency: since.elapsed(), outcome }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paxos::Instance;

    /// What is refused for good is settled, and is not asked for again and again; a name that is not good
    /// any more is given up. What is refused for now goes on being asked for.
    #[test]
    fn a_final_refusal_settles_a_request() {
        let config = ClusterConfig::sample("test", 1, 7101).unwrap().parse().unwrap();
        let settled = |reason: Refusal| {
            let mut load_generator = LoadGenerator::new(&config, 1).unwrap();
            let name = ClientId { lease_start: Instance(0), number: 7 };
            load_generator.named.insert(name, 0);
            load_generator.clients[0].name = Some(name);
            let mut idle = VecDeque::from([0]);
            load_generator.ask(&mut [vec![1]].into_iter(), &mut idle).unwrap();
            let id = RequestId { client: name, sequence: 0 };
            let outcome = load_generator.refused(id, reason).map(|(_, settled)| settled.outcome);
            assert_eq!(outcome.is_some(), reason.is_final());
            assert_eq!(load_generator.clients[0].asked.is_none(), reason.is_final());
            assert!(load_generator.refused(id, reason).is_none(), "it is settled once");
            (outcome, load_generator.clients[0].name.is_some())
        };
        let not_done = |reason| Some(Outcome::NotDone(WhyNot::Refused(reason)));
        let forgotten = Some(Outcome::Unknown(WhyUnknown::Forgotten));
        for (reason, expected) in [
            (Refusal::TooLarge, (not_done(Refusal::TooLarge), true)),
            (Refusal::HistoryFull, (not_done(Refusal::HistoryFull), false)),
            (Refusal::Expired, (forgotten.clone(), false)),
            (Refusal::Forgotten, (forgotten, false)),
            (Refusal::Overloaded, (None, true)),
            (Refusal::WindowExceeded, (None, true)),
        ] {
            assert_eq!(settled(reason), expected, "{reason}");
        }
    }
}
