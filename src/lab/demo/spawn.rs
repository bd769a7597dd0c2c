//! The actors under Stateright's own `spawn`.
//!
//! It truncates its files in place and never syncs them, and an unreadable file counts as a fresh start. So
//! actors that run here must save nothing: **memory only**. An actor that saves is ended at once, and files
//! are never read. The runtime cannot be stopped either: its threads live as long as the process.

use std::io;
use std::thread;

use stateright::actor::Id;

use crate::runtime::host::HostedActor;
use crate::runtime::wire::{self, Header, WireError};

/// Runs members over UDP, each bound to the address that its id encodes, on threads that live as long as the
/// process.
pub(super) fn spawn<A: HostedActor>(members: Vec<(Id, A)>) -> io::Result<()> {
    let body = move || {
        let ended = stateright::actor::spawn(
            |message| wire::encode_one(Header::NOBODYS, message),
            |bytes| wire::open(bytes)?.message(),
            |_| Err(WireError::NoStorage),
            |_| Err(WireError::NoStorage),
            members,
        );
        if ended.is_err() {
            tracing::error!("an actor under Stateright's spawn panicked");
        }
    };
    thread::Builder::new().name("synod-spawn".to_owned()).spawn(body).map(drop)
}
