//! Whatever a stranger sends: nothing dies, nothing is lost, and the counters show it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::client::Client;
use crate::cluster::config::ClusterConfig;
use crate::cluster::member::Member;
use crate::lab::demo::{Cluster, Config, Handle, Runtime};
use crate::lab::processes::free_ports;
use crate::machine::kv::{KvCommand, KvReply, KvStore};
use crate::paxos::{
    Answer, AnyStateMachine, Ballot, ClientId, Command, Decree, Done, Instance, LeaderId, Message,
    Outcome, RequestId, Vote,
};
use crate::runtime::identity::ClusterIdentity;
use crate::runtime::me::Me;
use crate::runtime::party::Party;
use crate::runtime::wire::{Header, encode_one};

/// How many hostile datagrams go to each port.
const SALVO: u64 = 10_000;

/// After so many, the receiver is given the time to take them, since a kernel drops silently.
const VOLLEY: u64 = 50;

/// Messages that only members may say, or that ask for nothing good.
fn forgeries() -> Vec<Message> {
    let ballot = Ballot { round: 1_000, leader: LeaderId(0) };
    let id = RequestId { client: ClientId::original(0), sequence: 0 };
    let payload = b"forged"[..].into();
    let decree = Decree::Command(Command { id, acknowledged: 0, payload });
    let instance = Instance(0);
    vec![
        Message::Prepare { ballot, from: instance, pages: 1 },
        Message::Accept { ballot, instance, decree: decree.clone() },
        Message::Promise { ballot, from: instance, votes: Vec::new(), next: None, end: None },
        Message::Accepted(Vote { ballot, instance, decree: decree.clone() }),
        Message::Nack { ballot, promised: ballot },
        Message::Heartbeat { ballot, chosen: Instance(u64::MAX) },
        Message::Chosen { first: instance, decrees: vec![decree; 3], until: Instance(u64::MAX) },
        Message::CatchUp { from: instance, until: Instance(u64::MAX) },
        Message::Reply {
            id,
            done: Done { instance, position: 0, answer: Answer::TooLong(u64::MAX) },
        },
        // Would make a leader forget the client's requests, if it were believed.
        Message::Request(Command {
            id: RequestId { client: ClientId::original(0), sequence: u64::MAX },
            acknowledged: u64::MAX,
            payload: b"forged"[..].into(),
        }),
    ]
}

/// Random bytes, truncated frames, frames with a flipped bit, and well-formed forgeries.
fn hostile(random: &mut fastrand::Rng, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = random.choice(frames).cloned().unwrap();
    match random.u8(..4) {
        0 => (0..random.usize(..2000)).map(|_| random.u8(..)).collect(),
        1 => frame[..random.usize(..frame.len())].to_vec(),
        2 => {
            let bit = random.usize(..frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            frame
        }
        _ => frame,
    }
}

/// Of a client of this cluster, who may not speak for a member; and of a member of another.
fn headers(cluster: &Cluster, handle: &Handle) -> [Header; 2] {
    let mut roles = cluster.identity.roles().map(|(party, name, _)| (party, name));
    let to = roles.find(|(_, name)| name.starts_with(&format!("{}/", handle.name)));
    let to = to.map_or(Party::Client, |(party, _)| party);
    let me = Me::new(Party::Client, Arc::clone(&cluster.identity));
    let mut other = ClusterIdentity::clone(&cluster.identity);
    other.members.reverse();
    let stranger = Me::new(Party::Leader(LeaderId(0)), Arc::new(other));
    match handle.counts() {
        // Under Stateright's runtime nobody is named.
        None => [Header::NOBODYS; 2],
        Some(_) => [me.header(to, 0), stranger.header(to, u64::MAX)],
    }
}

fn bombard(cluster: &Cluster, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for handle in &cluster.handles {
        let frames: Vec<Vec<u8>> = headers(cluster, handle)
            .into_iter()
            .flat_map(|header| {
                forgeries().into_iter().map(move |m| encode_one(header, &m).unwrap())
            })
            .collect();
        let noticed =
            || handle.counts().map(|counts| counts.malformed + counts.rejected + counts.foreign);
        salvo(handle.address, || hostile(&mut random, &frames), noticed);
    }
}

/// Sends a salvo to one port, not faster than it is taken, if that is known.
fn salvo(to: SocketAddr, mut next: impl FnMut() -> Vec<u8>, taken: impl Fn() -> Option<u64>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for volley in 0..SALVO / VOLLEY {
        for _ in 0..VOLLEY {
            socket.send_to(&next(), to).unwrap();
        }
        let enough = || taken().is_none_or(|taken| taken >= (volley + 1) * VOLLEY / 2);
        let start = Instant::now();
        while !enough() && start.elapsed() < Duration::from_millis(100) {
            std::thread::yield_now();
        }
    }
}

fn assert_unharmed(mut cluster: Cluster, commands: u64) {
    assert!(cluster.wait_until_answered(Duration::from_secs(20), |_| {}), "a command was lost");
    assert!(cluster.wait_until_caught_up(Duration::from_secs(20)), "a leader was lost");
    cluster.stop();
    for leader in cluster.leaders() {
        let state = leader.last_state().unwrap().as_leader().unwrap();
        assert_eq!(state.commands().count() as u64, commands, "{}", leader.name);
        assert!(state.commands().all(|command| &*command.payload != b"forged"));
        assert!(state.round() < 1_000, "{} has believed a forged ballot", leader.name);
    }
}

#[test]
fn ten_thousand_hostile_datagrams_at_every_port_of_the_pump() {
    let commands = 200_000;
    let config = Config { commands, ..Config::default() };
    let cluster = Cluster::start(&config).unwrap();
    bombard(&cluster, 1);
    for handle in cluster.handles.iter().filter(|handle| !handle.has_failed()) {
        let counts = handle.counts().unwrap();
        let name = &handle.name;
        assert!(counts.malformed > SALVO / 3, "{name}: {counts:?}");
        assert!(counts.rejected > SALVO / 16, "{name}: {counts:?}");
        assert!(counts.foreign > SALVO / 16, "{name}: {counts:?}");
        let all = counts.malformed + counts.rejected + counts.foreign;
        assert!(all <= SALVO, "{name}: {counts:?}");
    }
    assert_unharmed(cluster, commands);
}

#[test]
fn ten_thousand_hostile_datagrams_at_every_port_of_staterights_spawn() {
    let config = Config { commands: 2_000, runtime: Runtime::Spawn, ..Config::default() };
    let cluster = Cluster::start(&config).unwrap();
    bombard(&cluster, 2);
    assert_unharmed(cluster, config.commands);
}

/// Payloads for the key-value store: random ones, and commands in which a length is not true.
fn poison(random: &mut fastrand::Rng) -> Vec<u8> {
    let (key, value) = (vec![b'k'; random.usize(..9)], vec![b'v'; random.usize(..300)]);
    let command = match random.u8(..6) {
        0 => return (0..random.usize(..60)).map(|_| random.u8(..)).collect(),
        1 => KvCommand::Get { key },
        2 => KvCommand::Put { key, value },
        3 => KvCommand::Delete { key },
        4 => KvCommand::List { prefix: key, after: Some(value), limit: u64::MAX },
        _ => KvCommand::CompareAndSet { key, expected: Some(value.clone()), value },
    };
    let mut bytes = command.encode().unwrap();
    let at = random.usize(..bytes.len());
    let claimed = random.choice([1 << 16, 1 << 32, 1 << 63, u64::MAX]).unwrap();
    bytes.splice(at..=at, [&[0xfd][..], &claimed.to_le_bytes()].concat());
    bytes
}

/// Whoever can reach a leader can ask for anything, and all leaders apply it: nothing that is asked
/// for ends them.
#[test]
fn ten_thousand_poisoned_commands_leave_a_store_that_answers() {
    let base = std::env::temp_dir().join(format!("synod-poison-{}", std::process::id()));
    let mut ports = free_ports(6).unwrap().into_iter();
    let file = ClusterConfig::sample_at("poison", 3, || ports.next().unwrap()).unwrap();
    let config: ClusterConfig = file.parse().unwrap();
    let machine = AnyStateMachine::new(KvStore::default());
    let mut members: Vec<Member> = Vec::new();
    for member in &config.members {
        Member::create(&config, &base, &member.name).unwrap();
        members.push(Member::start(&config, &base, &member.name, &machine).unwrap());
    }
    let mut client = Client::new(&config).unwrap();
    let mut ask = |command: KvCommand| {
        let payload = command.encode().unwrap();
        match client.propose(&payload, Duration::from_secs(20)).unwrap() {
            Outcome::Done(Done { answer: Answer::Reply(bytes), .. }) => KvReply::decode(&bytes),
            other => panic!("{other:?}"),
        }
    };
    let (key, value) = (b"colour".to_vec(), b"blue".to_vec());
    let put = KvCommand::Put { key: key.clone(), value: value.clone() };
    assert_eq!(ask(put), Some(KvReply::Replaced(None)));

    let mut random = fastrand::Rng::with_seed(3);
    let me = Me::new(Party::Client, Arc::new(config.identity()));
    let leaders = config.members.iter().filter_map(|member| member.leader.as_ref());
    for (place, leader) in (0..).zip(leaders.map(|address| address.resolve().unwrap())) {
        let header = me.header(Party::Leader(LeaderId(place)), 0);
        let forged: Vec<Vec<u8>> =
            forgeries().iter().map(|m| encode_one(header, m).unwrap()).collect();
        let next = || {
            if random.u8(..4) == 0 {
                return hostile(&mut random, &forged);
            }
            let client = ClientId { lease_start: Instance(0), number: random.u128(1..) };
            let payload = poison(&mut random).into();
            let id = RequestId { client, sequence: 0 };
            let request = Message::Request(Command { id, acknowledged: 0, payload });
            encode_one(header, &request).unwrap()
        };
        let mut roles = members.iter().flat_map(Member::roles);
        let role = roles.find(|it| it.running.address() == leader).unwrap();
        salvo(leader, next, || Some(role.running.counters().read().received));
    }
    assert_eq!(ask(KvCommand::Get { key: key.clone() }), Some(KvReply::Value(Some(value))));
    let ended = members.into_iter().flat_map(Member::stop);
    let states: Vec<_> = ended.map(|(_, ended)| ended.unwrap().state.unwrap()).collect();
    let applied =
        states.iter().filter_map(|state| Some(state.as_leader()?.executor().applied().len()));
    let applied: Vec<usize> = applied.collect();
    assert!(
        applied.len() == 3 && applied.iter().max() > Some(&(SALVO as usize / 4)),
        "{applied:?}"
    );
    std::fs::remove_dir_all(base).unwrap();
}
