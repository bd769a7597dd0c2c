//! Many clients at one socket, each with a session of its own and one request at a time: load for
//! experiments. What they ask at the same time shares datagrams.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::ClientError;
use super::config::ClusterConfig;
use super::inquirer::{Birth, Inquirer};
use super::net::{Inbox, Net};
use crate::paxos::{ClientId, Command, Done, Instance, LeaderId, Message, RequestId};
use crate::runtime::identity::unique;
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::wire::{Frame, open};

/// Clients that ask for one thing after another.
#[derive(Debug)]
pub struct Crowd {
    net: Net,
    inbox: Inbox,
    /// Who asks, and in which cluster.
    cluster: Me,
    /// How many leaders there are.
    leaders: usize,
    /// The leader that requests go to.
    turn: usize,
    /// The name of the first; the others count on.
    first: u128,
    clients: Vec<Asker>,
    patience: Duration,
    inquirer: Inquirer,
    /// Their names' birth.
    born: Option<Instance>,
}

/// One client.
#[derive(Debug, Default)]
struct Asker {
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

/// An answer.
#[derive(Debug)]
pub struct Answered {
    /// What was asked.
    pub command: Command,
    /// From the first sending to the answer.
    pub latency: Duration,
    /// What was answered.
    pub done: Done,
}

impl Crowd {
    /// So many clients of a cluster.
    pub fn new(config: &ClusterConfig, clients: usize) -> Result<Self, ClientError> {
        let (net, inbox) = (Net::new(config)?, Inbox::default());
        let leaders = config.members.iter().filter(|member| member.leader.is_some()).count();
        let patience = config.timing.retry.as_ref().map_or(Duration::from_millis(100), |r| r.start);
        let clients = (0..clients).map(|_| Asker::default()).collect();
        let (inquirer, first) = (Inquirer::new(config)?, unique()?);
        let cluster = Me::new(Party::Client, Arc::new(config.identity()));
        Ok(Crowd {
            net,
            inbox,
            cluster,
            leaders,
            turn: 0,
            first,
            clients,
            patience,
            inquirer,
            born: None,
        })
    }

    /// Lets all clients ask for `commands` one after another, and hands out their answers as they
    /// come. Gives up after `patience` without any: then the rest of the commands may have been
    /// applied, or not. How many were answered is returned.
    pub fn run(
        &mut self,
        commands: impl IntoIterator<Item = Vec<u8>>,
        patience: Duration,
        mut answered: impl FnMut(Answered),
    ) -> Result<u64, ClientError> {
        let mut commands = commands.into_iter().fuse();
        let mut idle: VecDeque<usize> = (0..self.clients.len()).collect();
        let (mut count, mut last, mut heard) = (0, Instant::now(), Instant::now());
        let Some(born) = self.born(patience)? else { return Ok(0) };
        loop {
            self.ask(&mut commands, &mut idle, born)?;
            if idle.len() == self.clients.len() || last.elapsed() >= patience {
                return Ok(count);
            }
            let news = self.listen(&mut idle, &mut answered)?;
            count += news;
            if news > 0 {
                (last, heard) = (Instant::now(), Instant::now());
            } else if heard.elapsed() >= self.patience {
                self.turn = (self.turn + 1) % self.leaders.max(1);
                heard = Instant::now();
                self.send(&(0..self.clients.len()).collect::<Vec<_>>())?;
            }
        }
    }

    /// Where the history ends when the first is asked.
    fn born(&mut self, patience: Duration) -> Result<Option<Instance>, ClientError> {
        if self.born.is_none() {
            self.born = match self.inquirer.birth(patience)? {
                Birth::At(born) => Some(born),
                Birth::NoPrimary | Birth::Silence => None,
            };
        }
        Ok(self.born)
    }

    /// Gives every idle client something to ask, as long as there is something.
    fn ask(
        &mut self,
        commands: &mut impl Iterator<Item = Vec<u8>>,
        idle: &mut VecDeque<usize>,
        born: Instance,
    ) -> Result<(), ClientError> {
        let mut new = Vec::new();
        while let Some(client) = idle.front().copied()
            && let Some(payload) = commands.next()
        {
            idle.pop_front();
            let Some(asker) = self.clients.get_mut(client) else { continue };
            let name = ClientId { born, number: self.first.wrapping_add(client as u128) };
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
        let mut frame = Frame::new(self.cluster.header(to, 0), self.net.bundle());
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

    /// Waits for a datagram. How many new answers were in it is returned.
    fn listen(
        &mut self,
        idle: &mut VecDeque<usize>,
        answered: &mut impl FnMut(Answered),
    ) -> Result<u64, ClientError> {
        let until = Instant::now() + self.patience;
        let Some(datagram) = self.net.receive(&mut self.inbox, until)? else { return Ok(0) };
        let datagram = open(&datagram.bytes);
        let Ok(opened) = datagram.as_ref().map_err(|error| tracing::debug!(%error, "not heard"))
        else {
            return Ok(0);
        };
        if !self.cluster.is_meant(&opened.header) {
            return Ok(0);
        }
        let (mut count, mut redirect) = (0, None);
        for message in opened.messages().unwrap_or_default() {
            match message {
                Message::Reply { id, done } => {
                    let Some((client, news)) = self.settle(id, done) else { continue };
                    idle.push_back(client);
                    answered(news);
                    count += 1;
                }
                Message::Redirect { primary, .. } => redirect = primary.or(redirect),
                Message::Refused { id, reason } => tracing::debug!(%id, %reason, "refused"),
                _ => {}
            }
        }
        self.follow(opened.header.from, redirect)?;
        Ok(count)
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

    fn settle(&mut self, id: RequestId, done: Done) -> Option<(usize, Answered)> {
        let client = id.client.number.wrapping_sub(self.first) as usize;
        let waiting = &mut self.clients.get_mut(client)?.asked;
        let Asked { command, since } = waiting.take_if(|asked| asked.command.id == id)?;
        Some((client, Answered { command, latency: since.elapsed(), done }))
    }
}
