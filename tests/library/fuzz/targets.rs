//! Every decoder that bytes from outside reach.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::cluster::config::ClusterConfig;
use crate::machine::kv::{KvCommand, KvReply, KvStore};
use crate::machine::ledger::Ledger;
use crate::paxos::{Message, StateMachine};
use crate::runtime::handshake::Handshake;
use crate::runtime::identity::ClusterIdentity;
use crate::runtime::inquiry::{Report, StatusRequest};
use crate::runtime::journal::ahead::{Helper, Maker};
use crate::runtime::journal::disk::{JournalError, create, inspect};
use crate::runtime::journal::folder::{Folder, Medium};
use crate::runtime::journal::identity::{Identity, JournalId};
use crate::runtime::journal::segment::SMALLEST_SEGMENT;
use crate::runtime::notice::Notice;
use crate::runtime::parts::{Assembly, LEAST_PATH, cut};
use crate::runtime::wire::{Framed, HEADER, Header, WireError, encode_one, open};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::samples::{Samples, encoded, identity};
use crate::tests::disk::Disk;

/// What a decoder made of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Accepted,
    Refused,
    /// They did not come to the decoder: a checksum was wrong.
    Outside,
}

impl Read {
    fn of<T>(read: Option<T>) -> Self {
        if read.is_some() { Read::Accepted } else { Read::Refused }
    }
}

type Wrap = Box<dyn Fn(&[u8]) -> Vec<u8> + Sync>;
type Reader = Box<dyn Fn(&[u8]) -> Read + Sync>;

/// A decoder.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// How often it is tried, compared with the others.
    pub(crate) weight: u32,
    /// Valid encodings.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// What is around an encoding, such as a checksum.
    pub(crate) wrap: Wrap,
    pub(crate) read: Reader,
    /// How many bytes it allocates whatever it is given.
    pub(crate) fixed: u64,
}

pub(crate) fn targets(samples: &Samples) -> Vec<Target> {
    let sorted = |list: &Vec<Vec<u8>>| -> BTreeMap<Vec<u8>, Vec<u8>> {
        list.iter().cloned().map(|key| (key, vec![7; 3])).collect()
    };
    let stores: Vec<_> = samples.lists.iter().map(sorted).collect();
    vec![
        header(&samples.handshakes),
        framed::<Message>("message", 400, &samples.messages),
        framed::<StatusRequest>("inquiry", 40, &samples.inquiries),
        framed::<Report>("report", 100, &samples.reports),
        framed::<Handshake>("handshake", 60, &samples.handshakes),
        framed::<Notice>("notice", 40, &samples.notices),
        part(&samples.messages),
        bare("command", 200, &samples.commands, |bytes| {
            let _reply = KvStore::default().apply(bytes);
            Read::of(KvCommand::decode(bytes))
        }),
        bare("reply", 100, &samples.replies, |bytes| Read::of(KvReply::decode(bytes))),
        bare("store", 45, &stores, |bytes| Read::of(KvStore::restore(bytes).ok())),
        bare("ledger", 45, &samples.lists, |bytes| Read::of(Ledger::restore(bytes).ok())),
        journal(&samples.records),
        text("cluster", &samples.clusters, |text| Read::of(text.parse::<ClusterIdentity>().ok())),
        // The reader of TOML has a tree of it, and an error shows the line.
        Target {
            fixed: 1 << 16,
            ..text("cluster.toml", &files(), |text| Read::of(text.parse::<ClusterConfig>().ok()))
        },
        label(),
    ]
}

/// A reader of text. Bytes that are no text stand for others.
fn text(name: &'static str, samples: &[String], read: fn(&str) -> Read) -> Target {
    let bodies = samples.iter().map(|text| text.clone().into_bytes()).collect();
    let read = move |bytes: &[u8]| read(&String::from_utf8_lossy(bytes));
    let wrap = Box::new(<[u8]>::to_vec);
    Target { name, weight: 20, bodies, wrap, read: Box::new(read), fixed: 0 }
}

/// Files of clusters.
fn files() -> Vec<String> {
    let members = [0, 1, 2, 3, 5, 9];
    let file = |members| ClusterConfig::sample("some", members, 7101).unwrap();
    let set = "timing = { heartbeat = 20, election = 200 }\nquorums = { phase1 = 3, phase2 = 2 }\n";
    let files = members.into_iter().flat_map(|it| [file(it), format!("{set}{}", file(it))]);
    files.filter(|file| file.parse::<ClusterConfig>().is_ok()).collect()
}

/// The label of a journal but for its checksum, which is right.
fn label() -> Target {
    let empty = empty_journal();
    let label = String::from_utf8(empty.0[LABEL].clone()).unwrap();
    let (label, _) = label.split_at(label.rfind("crc ").unwrap());
    let bodies = vec![label.as_bytes().to_vec()];
    let read = move |bytes: &[u8]| {
        let mut disk = empty.clone();
        disk.0.insert(LABEL.to_owned(), bytes.to_vec());
        // The segment is not of whoever another label names; the label was read.
        match inspect(&disk) {
            Err(JournalError::Newer { .. }) => Read::Refused,
            Err(JournalError::Damaged { file, .. }) if file == LABEL => Read::Refused,
            _ => Read::Accepted,
        }
    };
    let wrap = |label: &[u8]| {
        let crc = u32::from_le_bytes(crc(&[label]));
        [label, format!("crc {crc:08x}\n").as_bytes()].concat()
    };
    let fixed = 4 * SMALLEST_SEGMENT as u64;
    Target { name: "label", weight: 5, bodies, wrap: Box::new(wrap), read: Box::new(read), fixed }
}

/// A decoder as they were: bincode's, of owned values, without a limit.
pub(crate) fn the_old_way<T>(name: &'static str, samples: &[T]) -> Target
where
    T: Serialize + DeserializeOwned + 'static,
{
    bare(name, 1, samples, |bytes| {
        let read = bincode::serde::decode_from_slice::<T, _>(bytes, bincode::config::standard());
        Read::of(read.ok())
    })
}

fn bare<T: Serialize>(
    name: &'static str,
    weight: u32,
    samples: &[T],
    read: fn(&[u8]) -> Read,
) -> Target {
    let bodies = samples.iter().map(encoded).collect();
    let (wrap, read) = (Box::new(<[u8]>::to_vec), Box::new(read));
    Target { name, weight, bodies, wrap, read, fixed: 0 }
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    crc32fast::hash(&parts.concat()).to_le_bytes()
}

fn framed<T: Framed>(name: &'static str, weight: u32, samples: &[T]) -> Target {
    let bodies: Vec<Vec<u8>> = samples.iter().map(encoded).collect();
    // A frame is a checksum of the rest, the rest of the header, and the body.
    let frame = encode_one(Header::NOBODYS, &samples[0]).unwrap();
    let header = frame[4..frame.len() - bodies[0].len()].to_vec();
    let wrap = move |body: &[u8]| [&crc(&[&header, body])[..], &header, body].concat();
    let read = |bytes: &[u8]| match open(bytes).and_then(|opened| opened.messages::<T>()) {
        Ok(_) => Read::Accepted,
        Err(WireError::Decode(_) | WireError::Short(_)) => Read::Refused,
        Err(_) => Read::Outside,
    };
    Target { name, weight, bodies, wrap: Box::new(wrap), read: Box::new(read), fixed: 0 }
}

/// A part of a frame, after its header; the frame's other part comes before it.
fn part(samples: &[Message]) -> Target {
    let parts = |sample| {
        let frame = encode_one(Header::NOBODYS, sample).unwrap();
        cut(&frame, frame.len().div_ceil(2).max(LEAST_PATH), 1).unwrap()
    };
    let large = |sample: &&Message| encoded(*sample).len() > LEAST_PATH;
    let parts: Vec<_> =
        samples.iter().filter(large).map(parts).filter(|it| it.len() == 2).collect();
    let first = parts[0][0].clone();
    let header = first[4..HEADER].to_vec();
    let bodies = parts.iter().flatten().map(|part| part[HEADER..].to_vec()).collect();
    let wrap = move |body: &[u8]| [&crc(&[&header, body])[..], &header, body].concat();
    let read = move |bytes: &[u8]| {
        let (from, now) = (SocketAddr::from(([192, 0, 2, 1], 1)), Instant::now());
        let mut assembly = Assembly::default();
        assembly.add(from, &open(&first).unwrap(), now).unwrap();
        match open(bytes).and_then(|opened| assembly.add(from, &opened, now)) {
            Ok(_) => Read::Accepted,
            Err(WireError::Part | WireError::Short(_)) => Read::Refused,
            Err(_) => Read::Outside,
        }
    };
    let (wrap, read) = (Box::new(wrap), Box::new(read));
    Target { name: "part", weight: 40, bodies, wrap, read, fixed: 1 << 17 }
}

/// All of a frame but its checksum, which is right.
fn header(samples: &[Handshake]) -> Target {
    let frame = |sample| encode_one(Header::NOBODYS, sample).unwrap()[4..].to_vec();
    let bodies = samples.iter().map(frame).collect();
    let wrap = |checked: &[u8]| [&crc(&[checked])[..], checked].concat();
    let read = |bytes: &[u8]| match open(bytes) {
        Ok(opened) => Read::of(opened.messages::<Handshake>().ok()),
        Err(WireError::Checksum) => Read::Outside,
        Err(_) => Read::Refused,
    };
    let (wrap, read) = (Box::new(wrap), Box::new(read));
    Target { name: "header", weight: 100, bodies, wrap, read, fixed: 0 }
}

/// A journal in memory.
#[derive(Clone, Debug, Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Folder for Memory {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(name).filter(|bytes| bytes.len() <= most);
        bytes.cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn make(&mut self, _: &str) -> io::Result<Box<dyn Medium>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn open(&mut self, _: &str) -> io::Result<Box<dyn Medium>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&mut self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&mut self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn maker(&self) -> Box<dyn Maker> {
        Box::new(Helper::default())
    }
}

const LABEL: &str = "identity";
const SEGMENT: &str = "journal-00000001";
/// Where its first entry begins.
const START: usize = 512;

/// The first entry of a journal, around any payload. Its checksums are right.
fn entry(owner: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut groups = Vec::new();
    for part in payload.chunks(15) {
        groups.extend_from_slice(part);
        groups.resize(groups.len().next_multiple_of(16) - 1, 0);
        groups.push(0xa5);
    }
    if groups.len() % 32 != 0 {
        groups.extend_from_slice(&[[0; 15].as_slice(), &[0xa5]].concat());
    }
    let mut header = b"syne".to_vec();
    header.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    header.extend_from_slice(&1u64.to_le_bytes());
    header.extend_from_slice(&1u64.to_le_bytes());
    header.extend_from_slice(&crc(&[&groups]));
    let checksum = crc(&[owner, &header]);
    [&header[..], &checksum, &groups].concat()
}

fn empty_journal() -> Memory {
    let cluster = identity(&mut fastrand::Rng::with_seed(1));
    let identity = Identity { cluster, member: "A1".to_owned() };
    let mut disk = Disk::default();
    create(&mut disk, &identity, SMALLEST_SEGMENT, JournalId(7)).unwrap();
    Memory(disk.files())
}

fn journal(samples: &[Vec<crate::paxos::Record>]) -> Target {
    let empty = empty_journal();
    let owner = empty.0[LABEL].clone();
    // An entry without records would seal the segment. One with more than a segment holds is none.
    let fits = |body: &Vec<u8>| body.len() > 1 && body.len() < 40_000;
    let bodies = samples.iter().map(encoded).filter(fits).collect();
    let read = move |bytes: &[u8]| {
        let mut disk = empty.clone();
        let segment = disk.0.get_mut(SEGMENT).unwrap();
        let bytes = &bytes[..bytes.len().min(segment.len() - START)];
        segment[START..START + bytes.len()].copy_from_slice(bytes);
        match inspect(&disk) {
            Ok(_) => Read::Accepted,
            Err(JournalError::Unreadable { .. }) => Read::Refused,
            Err(_) => Read::Outside,
        }
    };
    Target {
        name: "journal",
        weight: 10,
        bodies,
        wrap: Box::new(move |body| entry(&owner, body)),
        read: Box::new(read),
        // The segment is copied and read.
        fixed: 3 * SMALLEST_SEGMENT as u64,
    }
}
