//! Commands that come too late: found out from the order of all commands alone, and not by what leaders
//! remember.

use std::collections::BTreeMap;

use crate::paxos::{ClientId, Decree, Instance, RequestId};

/// The instances of commands that came after their clients' sessions had expired, or after a later
/// request of the same client was forgotten.
pub(super) fn expired(chosen: &[Decree], lease: u64) -> Vec<Instance> {
    let mut late = Vec::new();
    let mut ends: BTreeMap<RequestId, Instance> = BTreeMap::new();
    for (instance, decree) in (0..).map(Instance).zip(chosen) {
        let Some(id) = decree.command().map(|command| command.id) else { continue };
        let of_client = ends.iter().filter(|(done, _)| done.client == id.client);
        let last = of_client.clone().map(|(_, end)| *end).max();
        let end = last.unwrap_or_default().max(id.client.lease_start.plus(lease));
        let forgotten = of_client.clone().any(|(done, end)| *done > id && *end <= instance);
        if instance >= end || instance < id.client.lease_start || forgotten {
            late.push(instance);
        } else {
            ends.entry(id).or_insert(instance.plus(lease));
        }
    }
    late
}

/// The instances of commands that came after another of the same client, which acknowledged them: their
/// client had given them up.
pub(super) fn waived(chosen: &[Decree]) -> Vec<Instance> {
    let mut acknowledged: BTreeMap<ClientId, u64> = BTreeMap::new();
    let mut waived = Vec::new();
    for (instance, decree) in (0..).map(Instance).zip(chosen) {
        let Some(command) = decree.command() else { continue };
        let below = acknowledged.entry(command.id.client).or_default();
        if command.id.sequence < *below {
            waived.push(instance);
        }
        *below = command.acknowledged.max(*below);
    }
    waived
}
