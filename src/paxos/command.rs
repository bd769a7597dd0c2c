//! The values that are agreed on: instances, commands and decrees.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A position in the replicated history, from 0. Each is decided by its own run of Paxos.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance(pub u64);

impl Instance {
    /// The position after this one.
    pub fn next(self) -> Instance {
        self.plus(1)
    }

    /// The position `distance` after this one, or the last possible one.
    pub fn plus(self, distance: u64) -> Instance {
        Instance(self.0.saturating_add(distance))
    }

    /// The first position, from this one on, that is not a key of `map`.
    pub(super) fn first_missing<V>(self, map: &BTreeMap<Instance, V>) -> Instance {
        let mut next = self;
        for (known, _) in map.range(self..) {
            if *known != next {
                break;
            }
            next = next.next();
        }
        next
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a client. No two clients may ever share one.
///
/// A leader remembers each client in a session, which lasts for [`Limits::lease`](super::Limits::lease)
/// instances after the client's last command. A client without a session may open one only within its first
/// lease. So an expired session is never opened again, and no command of it can be applied a second time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ClientId {
    /// The end of the history when this name was given, or an earlier instance: the client's first lease
    /// starts here.
    pub lease_start: Instance,
    /// A number of 128 bits, drawn at random by running clients, that tells clients with the same
    /// `lease_start` apart.
    pub number: u128,
}

impl ClientId {
    /// A client whose lease starts at instance 0.
    pub const fn original(number: u128) -> Self {
        ClientId { lease_start: Instance(0), number }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.number.saturating_add(1))
    }
}

/// The name of a request: the same for each copy that is sent, to any leader.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The client that asks.
    pub client: ClientId,
    /// The number of this request among its client's, from 0.
    pub sequence: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.client, self.sequence)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A command that a client asks to have applied once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The request that asks for this command.
    pub id: RequestId,
    /// The sequence below which this client has the answers to all its requests, so that their replies can be
    /// forgotten.
    pub acknowledged: u64,
    /// The input of the state machine, at most [`MAX_COMMAND`](super::limits::MAX_COMMAND) bytes.
    #[serde(with = "super::bytes")]
    pub payload: Arc<[u8]>,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

/// The value that an instance is decided as.
///
/// The no-op is not a command: no client can send it, and no payload is equal to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Decree {
    /// Fills a gap and changes nothing.
    Noop,
    /// A client's command.
    Command(Command),
}

impl Decree {
    /// The command, unless this is the no-op.
    pub fn command(&self) -> Option<&Command> {
        match self {
            Decree::Noop => None,
            Decree::Command(command) => Some(command),
        }
    }

    /// An upper bound of the bytes that this decree takes in a datagram.
    pub fn size(&self) -> usize {
        /// The bytes besides the payload: a tag, an integer of at most 17 bytes, three of at most 9, and a
        /// length.
        const FIXED: usize = 1 + 17 + 4 * 9;
        FIXED + self.command().map_or(0, |command| command.payload.len())
    }
}

impl fmt::Display for Decree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decree::Noop => f.write_str("no-op"),
            Decree::Command(command) => command.fmt(f),
        }
    }
}

impl fmt::Debug for Decree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
