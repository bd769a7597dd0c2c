//! What is agreed on: instances, commands and decrees.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A position in the replicated history, from 0; each is decided by one run of Paxos.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance(pub u64);

impl Instance {
    /// The position after this one.
    pub fn next(self) -> Instance {
        self.plus(1)
    }

    /// The position `distance` after this one, or the last there is.
    pub fn plus(self, distance: u64) -> Instance {
        Instance(self.0.saturating_add(distance))
    }

    /// The first position from this one on of which a map says nothing.
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

/// Names a client; no two clients may ever share one.
///
/// What is remembered of a client is its session. It lasts for as many instances as
/// [`Limits::lease`](super::Limits::lease) says, counted from the client's last command. A client
/// without a session may open one only within its first lease. So a session that has expired is
/// never opened again, and nothing that was done in it can be done once more.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ClientId {
    /// The end of the history when this name was given, or before: its first lease starts here.
    pub lease_start: Instance,
    /// Tells it apart from others whose lease starts there: 128 bits, drawn at random where clients run.
    pub number: u128,
}

impl ClientId {
    /// A client that is there from the start.
    pub const fn original(number: u128) -> Self {
        ClientId { lease_start: Instance(0), number }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.number.saturating_add(1))
    }
}

/// Names a request: the same however often it is sent, and to whichever leader.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub client: ClientId,
    /// The client's own count of its requests, from 0.
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

/// A command that a client wants to see in the history, once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The request that this command answers.
    pub id: RequestId,
    /// All requests of this client with a lower sequence have been answered for good, so that
    /// their replies need not be remembered.
    pub acknowledged: u64,
    /// What the state machine is to do; at most [`MAX_COMMAND`](super::limits::MAX_COMMAND) bytes.
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

/// What an instance can be decided as.
///
/// The no-op is not a command: no client can send it, and no payload can be taken for it.
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

    /// An upper bound of the bytes that this takes in a datagram.
    pub fn size(&self) -> usize {
        /// A tag, an integer of at most 17 bytes, three of at most nine, and a length.
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
