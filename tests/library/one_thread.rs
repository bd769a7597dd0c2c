//! A member and a client in one thread and in virtual time: the real start, handshake, hosts, journals and
//! client, on simulated disks and a simulated network. All that is sent follows from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stateright::actor::Id;

use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::member::Installation;
use crate::cluster::net::{Link, Net};
use crate::machine::kv::{KvCommand, KvReply, KvStore};
use crate::paxos::{Answer, AnyStateMachine, Node, Outcome};
use crate::runtime::environment::{Clock, Environment, Random};
use crate::runtime::host::Host;
use crate::runtime::journal::disk::DiskJournal;
use crate::runtime::journal::folder::{FileSystem, Folder};
use crate::runtime::party::Party;
use crate::runtime::pump::{Datagram, Received, Turn};
use crate::runtime::udp::Transport;
use crate::tests::disk::Disk;
use crate::tests::simulated::{Seeded, VirtualClock};

/// The time that a sync of a simulated disk takes.
const SYNC: Duration = Duration::from_millis(2);

/// Disks in memory, by the paths of their folders.
#[derive(Clone, Debug)]
struct Disks {
    clock: VirtualClock,
    disks: Arc<Mutex<BTreeMap<PathBuf, Disk>>>,
}

impl FileSystem for Disks {
    fn create(&self, path: &Path) -> io::Result<()> {
        let new = || {
            let disk = Disk::default();
            disk.syncs_take(&self.clock, SYNC);
            disk
        };
        self.disks.lock().unwrap().entry(path.to_owned()).or_insert_with(new);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        let disks = self.disks.lock().unwrap();
        let disk = disks.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(disk.clone()))
    }

    fn look(&self, path: &Path) -> Box<dyn Folder> {
        Box::new(self.disks.lock().unwrap().get(path).cloned().unwrap_or_default())
    }
}

/// A frame that was sent: when, by whom, to whom.
type Sent = (Duration, Party, Id, Vec<u8>);

/// What is under way, and all that ever was.
#[derive(Debug)]
struct Network {
    clock: VirtualClock,
    random: Seeded,
    /// By the time of arrival.
    under_way: BTreeMap<(Duration, usize), (Id, Datagram)>,
    sent: Vec<Sent>,
}

impl Network {
    fn send(&mut self, from: Party, to: Id, frame: &[u8]) {
        let now = self.clock.elapsed();
        let arrives = now + Duration::from_millis(1).mul_f64(1.0 + self.random.fraction());
        let datagram = Datagram { from: address(from), bytes: frame.to_vec() };
        self.under_way.insert((arrives, self.sent.len()), (to, datagram));
        self.sent.push((now, from, to, frame.to_vec()));
    }
}

/// The address of each party; ids alone decide who is who.
fn address(party: Party) -> SocketAddr {
    let port = match party {
        Party::Leader(leader) => 1000 + leader.0,
        Party::Acceptor(acceptor) => 2000 + u16::from(acceptor.0),
        Party::Client => 3000,
    };
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// One party's end of the network.
#[derive(Clone, Debug)]
struct End(Party, Arc<Mutex<Network>>);

impl Transport for End {
    fn id(&self, address: SocketAddr) -> Id {
        match address {
            SocketAddr::V4(address) => Id::from(address),
            SocketAddr::V6(_) => unreachable!(),
        }
    }

    fn send(&self, to: Id, frame: &[u8]) -> io::Result<()> {
        self.1.lock().unwrap().send(self.0, to, frame);
        Ok(())
    }
}

type SimulatedHost = Host<Node, End, DiskJournal>;

/// The roles of the member, and the network between them and the client.
#[derive(Debug)]
struct World {
    clock: VirtualClock,
    hosts: BTreeMap<Id, SimulatedHost>,
    network: Arc<Mutex<Network>>,
    /// What has come for the client.
    inbox: VecDeque<Datagram>,
}

impl World {
    /// Starts all roles of the member.
    fn start(installation: &Installation, environment: &Environment, clock: &VirtualClock) -> Self {
        let random = Seeded::new(environment.unique().unwrap() as u64);
        let (under_way, sent) = (BTreeMap::new(), Vec::new());
        let network = Network { clock: clock.clone(), random, under_way, sent };
        let network = Arc::new(Mutex::new(network));
        let mut hosts = BTreeMap::new();
        for (kind, _) in installation.roles() {
            let machine = AnyStateMachine::new(KvStore::default());
            let ready = installation.prepare(kind, &machine, &Default::default()).unwrap().ready;
            let (me, end) = (ready.me.party(), End(ready.me.party(), Arc::clone(&network)));
            let host = Host::start(ready, end, Arc::default(), environment.clone()).unwrap();
            hosts.insert(me.id().unwrap(), host);
        }
        World { clock: clock.clone(), hosts, network, inbox: VecDeque::new() }
    }

    /// Runs to the next arrival or deadline, if that is before `until`, and else lets time pass until then.
    fn step(&mut self, until: Instant) {
        let arrival = self.network.lock().unwrap().under_way.keys().next().copied();
        let start = self.clock.now() - self.clock.elapsed();
        let deadlines = self.hosts.iter().filter_map(|(id, host)| Some((host.deadline()?, *id)));
        let deadline = deadlines.min();
        let arrives = arrival.map(|(at, _)| start + at);
        let next = arrives.into_iter().chain(deadline.map(|(at, _)| at)).min();
        let Some(next) = next.filter(|next| *next < until) else {
            return self.clock.pass(until.saturating_duration_since(self.clock.now()));
        };
        self.clock.pass(next.saturating_duration_since(self.clock.now()));
        if arrives == Some(next) {
            let arrived = self.network.lock().unwrap().under_way.remove(&arrival.unwrap());
            let (to, datagram) = arrived.unwrap();
            match self.hosts.get_mut(&to) {
                Some(host) => host.turn(&mut vec![datagram]).unwrap(),
                None => self.inbox.push_back(datagram),
            }
        } else if let Some((_, id)) = deadline {
            self.hosts.get_mut(&id).unwrap().turn(&mut Vec::new()).unwrap();
        }
    }
}

/// The client's end: as long as the client waits, the world goes on.
#[derive(Clone, Debug)]
struct ClientEnd(Arc<Mutex<World>>);

impl Link for ClientEnd {
    fn send(&self, to: Party, frame: &[u8]) -> io::Result<()> {
        let network = Arc::clone(&self.0.lock().unwrap().network);
        network.lock().unwrap().send(Party::Client, to.id().unwrap(), frame);
        Ok(())
    }

    fn receive(&self, buffer: &mut [u8], until: Instant) -> io::Result<Received> {
        let mut world = self.0.lock().unwrap();
        while world.inbox.is_empty() && world.clock.now() < until {
            world.step(until);
        }
        let Some(Datagram { from, bytes }) = world.inbox.pop_front() else {
            return Ok(Received::Nothing);
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Received::Datagram(bytes.len(), from))
    }

    fn address(&self, of: Party) -> Option<SocketAddr> {
        Some(address(of))
    }
}

/// One run: the member is made, started, asked, and started again. All that was sent.
fn run(seed: u64) -> Vec<Sent> {
    let config: ClusterConfig =
        ClusterConfig::sample("simulated", 1, 7101).unwrap().parse().unwrap();
    // The sample draws an id.
    let config = ClusterConfig { id: crate::runtime::identity::ClusterId(1), ..config };
    let clock = VirtualClock::default();
    let disks = Disks { clock: clock.clone(), disks: Arc::default() };
    let random = Arc::new(Seeded::new(seed));
    let environment = Environment::new(Arc::new(clock.clone()), random, Arc::new(disks));
    let installation = Installation::new(&config, Path::new("/"), "n1", &environment).unwrap();
    installation.create_journals().unwrap();
    let mut sent = Vec::new();
    for life in 0..2_u8 {
        let world = World::start(&installation, &environment, &clock);
        let world = Arc::new(Mutex::new(world));
        let link = Box::new(ClientEnd(Arc::clone(&world)));
        let net = Arc::new(Net::over(link, &config, environment.clone()));
        let mut client = Client::over(net, &config).unwrap();
        let mut ask = |command: KvCommand| match client
            .propose(&command.encode().unwrap(), Duration::from_secs(10))
            .unwrap()
        {
            Outcome::Done(done) => match done.answer {
                Answer::Reply(bytes) => KvReply::decode(&bytes).unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let key = b"life".to_vec();
        let before = life.checked_sub(1).map(|life| vec![life]);
        assert_eq!(ask(KvCommand::Get { key: key.clone() }), KvReply::Value(before.clone()));
        let put = KvCommand::Put { key, value: vec![life] };
        assert_eq!(ask(put), KvReply::Replaced(before));
        drop(client);
        sent.append(&mut world.lock().unwrap().network.lock().unwrap().sent);
    }
    sent
}

#[test]
fn a_seed_decides_all_that_a_member_and_its_client_send_also_across_a_restart() {
    let (one, again, other) = (run(1), run(1), run(2));
    assert!(one.len() > 20, "{} frames", one.len());
    let by = |party| one.iter().filter(|(_, from, ..)| *from == party).count();
    let config: ClusterConfig =
        ClusterConfig::sample("simulated", 1, 7101).unwrap().parse().unwrap();
    assert!(config.parties().all(|(party, _)| by(party) > 0) && by(Party::Client) > 0);
    assert_eq!(one, again);
    assert_ne!(one, other, "another seed, another run");
}
