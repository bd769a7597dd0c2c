//! What clients know of their requests, as facts.

use std::fmt;

use super::facts::{Fact, Facts};
use crate::paxos::{ClientId, RequestId, Session, Settled, client};

/// A request, whatever lease it is sent under: a client's own number and its count of its requests
/// are enough to name it, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestName {
    number: u128,
    sequence: u64,
}

impl From<RequestId> for RequestName {
    fn from(id: RequestId) -> Self {
        RequestName { number: id.client.number, sequence: id.sequence }
    }
}

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = ClientId::original(self.number);
        RequestId { client, sequence: self.sequence }.fmt(f)
    }
}

/// What became of a client's requests. All of it is kept in the client's state: so a reply that it takes
/// for another is seen as well. A sound run hardly has more states by that, since what a client is
/// told of a request is nearly always the same.
pub(super) fn observe(client: &Session, state: &client::State, facts: &mut Facts) {
    let asker = client.number();
    let settled = state.outcomes().iter().map(|Settled { handle, id, outcome }| {
        let unsent = RequestName { number: asker, sequence: handle.0 };
        let name = id.map_or(unsent, RequestName::from);
        Fact::Settled { asker, name, outcome: outcome.clone() }
    });
    facts.extend(settled);
}
