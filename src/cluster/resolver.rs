//! The resolver of members' names: looks them up repeatedly, on threads of their own, so that nothing else
//! waits for a name without an address, or for a name server that does not answer.

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

/// The time between two look-ups of a name without an address.
const SOON: Duration = Duration::from_secs(1);
/// The number of such times between two look-ups of a name with an address, which may change.
const LATER: u32 = 10;
/// The longest that a start waits for all names; most are resolved at once.
const FIRST: Duration = Duration::from_millis(50);

/// A host name, with the roles that have it.
struct Name {
    host: Address,
    parties: Vec<(Party, u16)>,
    /// The address found last.
    found: Option<IpAddr>,
    /// True if the last look-up failed.
    failed: bool,
}

/// Keeps a socket informed of all members' addresses, for as long as the socket exists. Returns as soon as
/// each name was looked up once, or after [`FIRST`].
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

    /// Looks the name up until the socket is dropped. Does not keep the socket alive during a look-up, which
    /// may take long.
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

    /// Chooses the last address again if it is still there: name servers rotate the order of several.
    fn choose(&self, own: IpAddr, found: &[SocketAddr]) -> Option<IpAddr> {
        let reached = || found.iter().map(SocketAddr::ip).filter(|ip| reaches(own, *ip));
        reached().find(|ip| Some(*ip) == self.found).or_else(|| reached().next())
    }

    /// Logs a change, once. Members log at a level that is shown; clients do not.
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
