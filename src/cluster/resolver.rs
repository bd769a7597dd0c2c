//! Where the members are: names are looked up again and again, on threads of their own, so that nobody
//! waits for a name that has no address, or for a server of names that does not answer.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use super::config::Address;
use crate::runtime::party::Party;
use crate::runtime::udp::{Udp, reaches};

/// The time between two look-ups of a name that has no address.
const SOON: Duration = Duration::from_secs(1);
/// So many times that between two look-ups of a name that has one: it may move.
const LATER: u32 = 10;
/// The longest that a start waits for all names: most are known at once.
const FIRST: Duration = Duration::from_millis(50);

/// A name, and whoever is there.
struct Name {
    host: Address,
    parties: Vec<(Party, u16)>,
    /// Where it was found last.
    found: Option<IpAddr>,
    /// True if the last look-up brought nothing.
    failed: bool,
}

/// Tells a socket where everybody is, for as long as there is the socket. Returns as soon as each name
/// was looked up once, or a moment has passed.
pub(super) fn keep_placed<'a>(
    socket: &Arc<Udp>,
    everybody: impl Iterator<Item = (Party, &'a Address)>,
) {
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    for (party, address) in everybody {
        match address.ip() {
            Some(ip) => socket.addresses().place(party, SocketAddr::new(ip, address.port())),
            None => {
                let name = names.entry(address.host()).or_insert_with(|| Name::new(address));
                name.parties.push((party, address.port()));
            }
        }
    }
    let (done, looked_up) = bounded(names.len());
    for name in names.into_values() {
        let (socket, done) = (Arc::downgrade(socket), done.clone());
        let body = move || name.keep_looking(&socket, done);
        if let Err(error) = thread::Builder::new().name("synod-names".to_owned()).spawn(body) {
            tracing::error!(%error, "cannot start a thread that looks up names");
        }
    }
    drop(done);
    let deadline = Instant::now() + FIRST;
    while looked_up.recv_deadline(deadline).is_ok() {}
}

impl Name {
    fn new(host: &Address) -> Self {
        Name { host: host.clone(), parties: Vec::new(), found: None, failed: false }
    }

    /// Looks it up until the socket is gone. The socket is not kept while the system is asked, which may
    /// take long.
    fn keep_looking(mut self, socket: &Weak<Udp>, first: Sender<()>) {
        let mut first = Some(first);
        while let Some(own) = socket.upgrade().map(|socket| socket.address().ip()) {
            let found = self.host.look_up().map(|found| self.choose(own, &found));
            let Some(socket_) = socket.upgrade() else { return };
            self.note(found, &socket_);
            drop((socket_, first.take()));
            let rest = if self.failed { 1 } else { LATER };
            for _ in 0..rest {
                thread::sleep(SOON);
                if socket.strong_count() == 0 {
                    return;
                }
            }
        }
    }

    /// The address where it was, if it is still there: of several, servers name another first each time.
    fn choose(&self, own: IpAddr, found: &[SocketAddr]) -> Option<IpAddr> {
        let reached = || found.iter().map(SocketAddr::ip).filter(|ip| reaches(own, *ip));
        reached().find(|ip| Some(*ip) == self.found).or_else(|| reached().next())
    }

    /// Says what is new, once. Members log it; whoever asks a cluster for something has other worries.
    fn note(&mut self, found: io::Result<Option<IpAddr>>, socket: &Udp) {
        let (host, own) = (self.host.host(), socket.address().ip());
        match &found {
            Err(error) if !self.failed => {
                tracing::info!("{host} has no address: {error}; it is looked up every second");
            }
            Ok(None) if !self.failed => {
                tracing::info!(
                    "{host} has no address that a socket at {own} reaches: write bind = \"::\" beside the \
                     member's own address in the file, so that it listens at all"
                );
            }
            Ok(Some(ip)) if self.found.is_some_and(|before| before != *ip) => {
                tracing::info!("{host} has moved to {ip}");
            }
            Ok(Some(ip)) if self.failed => tracing::info!("{host} is at {ip} now"),
            _ => {}
        }
        let found = found.ok().flatten();
        self.failed = found.is_none();
        let Some(ip) = found else { return };
        self.found = Some(ip);
        for (party, port) in &self.parties {
            socket.addresses().place(*party, SocketAddr::new(ip, *port));
        }
    }
}
