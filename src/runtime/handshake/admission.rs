//! The rules by which a role is admitted: the answers that it needs before it takes part.
//!
//! - **At the first start**, more than half of the roles of other members must have written down its journal,
//!   and have remembered no other. Any two such majorities share a role. So if the member has run before with
//!   another journal, one of the roles that wrote that one down is among those that answer now, and objects.
//!   This holds unless the disks of those roles are lost too.
//! - **At later starts**, other members must have answered with all their roles, such that they have as many
//!   acceptors as a quorum of either phase needs besides its own, and a leader if it has none. The cluster
//!   cannot work without them anyway, so waiting for them costs nothing. A member that is a quorum by itself
//!   waits for none.
//!
//! The roles of one member are likely to share a disk, so a role does not count those of its own member,
//! though they may object. An operator may name members that will never answer; they are not counted either,
//! and cannot object. Majorities of different sets of others need not meet.

use std::collections::BTreeSet;

use crate::runtime::identity::{ClusterIdentity, MemberRoles};
use crate::runtime::party::Party;

/// The admission rule of one role.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    first_time: bool,
    /// The index of its member in the configuration file.
    own: Option<usize>,
    /// The indices of members that will never answer.
    excused: BTreeSet<usize>,
}

impl Rule {
    /// The rule for the role of `me`, at its first start or a later one.
    pub(super) fn new(
        first_time: bool,
        me: Party,
        cluster: &ClusterIdentity,
        without: &BTreeSet<String>,
    ) -> Self {
        let own = cluster.roles().find(|(role, ..)| *role == me).map(|(.., member)| member);
        let members = cluster.members.iter().enumerate();
        let excused = members.filter(|(_, member)| without.contains(&member.name));
        Rule { first_time, own, excused: excused.map(|(at, _)| at).collect() }
    }

    /// True for a role that has never run.
    pub(super) fn is_of_first_time(&self) -> bool {
        self.first_time
    }

    /// The reason for waiting, in words.
    pub(super) fn words(&self) -> &'static str {
        match self.first_time {
            true => {
                "its journal is empty, and more than half of the roles of other members must say that \
                 they have not known another"
            }
            false => "enough others must say that its journal is not older than they remember",
        }
    }

    /// The roles that count and have not confirmed, as long as too few have; empty once enough have.
    pub(super) fn missing(
        &self,
        cluster: &ClusterIdentity,
        confirmed: impl Fn(Party) -> bool,
    ) -> Vec<Party> {
        let counts = |at: &usize| Some(*at) != self.own && !self.excused.contains(at);
        let roles: Vec<(Party, usize)> =
            cluster.roles().map(|(role, _, at)| (role, at)).filter(|(_, at)| counts(at)).collect();
        let enough = match self.first_time {
            true => {
                let yes = roles.iter().filter(|(role, _)| confirmed(*role)).count();
                2 * yes > roles.len() || roles.is_empty()
            }
            false => self.may_go_on(cluster, &roles, &confirmed),
        };
        let missing = roles.into_iter().map(|(role, _)| role);
        missing.filter(|role| !enough && !confirmed(*role)).collect()
    }

    fn may_go_on(
        &self,
        cluster: &ClusterIdentity,
        roles: &[(Party, usize)],
        confirmed: impl Fn(Party) -> bool,
    ) -> bool {
        let all: BTreeSet<usize> = roles.iter().map(|(_, at)| *at).collect();
        let silent = roles.iter().filter(|(role, _)| !confirmed(*role)).map(|(_, at)| *at);
        let silent: BTreeSet<usize> = silent.collect();
        let answered: BTreeSet<usize> = all.difference(&silent).copied().collect();
        let member = |at: &usize| cluster.members.get(*at);
        let own = self.own.as_ref().and_then(member);
        let some = |among: &BTreeSet<usize>, plays: fn(&MemberRoles) -> bool| {
            among.iter().filter_map(member).filter(|member| plays(member)).count()
        };
        let votes: fn(&MemberRoles) -> bool = |member| member.acceptor;
        let leads: fn(&MemberRoles) -> bool = |member| member.leader;
        let quorum = cluster.quorums.0.min(cluster.quorums.1);
        let beside = quorum.saturating_sub(usize::from(own.is_some_and(votes)));
        let largest = cluster.quorums.0.max(cluster.quorums.1);
        let alone = largest <= 1 && own.is_some_and(|own| own.leader && own.acceptor);
        let needs_leader = !own.is_some_and(leads) && some(&all, leads) > 0;
        some(&answered, votes) >= beside.min(some(&all, votes))
            && (some(&answered, leads) > 0 || !needs_leader)
            && (!answered.is_empty() || all.is_empty() || alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::identity::ClusterId;

    /// All clusters of this many members, each with one role or both, with all sizes of quorums.
    fn clusters(members: usize) -> Vec<ClusterIdentity> {
        let mut all = Vec::new();
        for layout in 0..3usize.pow(members as u32) {
            let roles = |n: usize| layout / 3usize.pow(n as u32) % 3;
            let member = |n| MemberRoles {
                name: format!("n{n}"),
                leader: roles(n) != 1,
                acceptor: roles(n) != 0,
            };
            let members: Vec<MemberRoles> = (0..members).map(member).collect();
            let acceptors = members.iter().filter(|member| member.acceptor).count();
            for phase1 in 1..=acceptors {
                for phase2 in acceptors + 1 - phase1..=acceptors {
                    all.push(ClusterIdentity {
                        id: ClusterId(1),
                        name: "test".to_owned(),
                        machine: "kv".to_owned(),
                        lease: 1,
                        reply_bytes: 1,
                        quorums: (phase1, phase2),
                        members: members.clone(),
                    });
                }
            }
        }
        all
    }

    fn rule(first_time: bool, me: Party, cluster: &ClusterIdentity) -> Rule {
        Rule::new(first_time, me, cluster, &BTreeSet::new())
    }

    /// If the members that are up can make progress, all that have run before take part.
    #[test]
    fn whoever_comes_back_never_waits_for_more_than_the_cluster_needs() {
        let (mut able, mut waits) = (0, 0);
        for cluster in (1..=4).flat_map(clusters) {
            for up in 1..1u32 << cluster.members.len() {
                let is_up = |at: usize| up >> at & 1 == 1;
                let there = || cluster.members.iter().enumerate().filter(|(at, _)| is_up(*at));
                let acceptors = there().filter(|(_, member)| member.acceptor).count();
                let leads = there().any(|(_, member)| member.leader);
                let able_now = acceptors >= cluster.quorums.0.max(cluster.quorums.1) && leads;
                for (me, _, at) in cluster.roles().filter(|(.., at)| is_up(*at)) {
                    let confirmed =
                        |role| cluster.roles().any(|(it, _, at)| it == role && is_up(at));
                    let missing = rule(false, me, &cluster).missing(&cluster, confirmed);
                    assert!(!able_now || missing.is_empty(), "{me} of {at} of {up:b}: {cluster}");
                    able += u32::from(able_now);
                    waits += u32::from(!missing.is_empty());
                }
            }
        }
        assert!(able > 1000 && waits > 1000, "{able} and {waits}");
    }

    /// Answers of leaders do not count as those of acceptors.
    #[test]
    fn acceptors_are_counted_as_such() {
        let member =
            |name: &str, leader, acceptor| MemberRoles { name: name.to_owned(), leader, acceptor };
        let leaders = (0..3).map(|n| member(&format!("l{n}"), true, false));
        let acceptors = (0..3).map(|n| member(&format!("a{n}"), false, true));
        let members = leaders.chain(acceptors).collect();
        let cluster = ClusterIdentity { members, quorums: (2, 2), ..clusters(1).remove(0) };
        let of =
            |letter: char| cluster.roles().filter(move |(_, name, _)| name.starts_with(letter));
        let ask = |me: Party, answered: &[Party]| {
            rule(false, me, &cluster).missing(&cluster, |role| answered.contains(&role)).is_empty()
        };
        let leaders: Vec<Party> = of('l').map(|(role, ..)| role).collect();
        let acceptors: Vec<Party> = of('a').map(|(role, ..)| role).collect();
        assert!(!ask(leaders[0], &leaders[1..]) && !ask(acceptors[0], &leaders));
        assert!(!ask(acceptors[0], &acceptors[1..]), "votes are told to leaders");
        assert!(ask(leaders[0], &acceptors[..2]));
        assert!(ask(acceptors[0], &[acceptors[1], leaders[2]]));
    }

    /// Any two sets that suffice for a first start share a role; two halves do not suffice.
    #[test]
    fn any_two_sets_that_admit_a_new_role_meet() {
        for cluster in (2..=3).flat_map(clusters).filter(|it| it.quorums.0 == it.quorums.1) {
            let roles: Vec<Party> = cluster.roles().map(|(role, ..)| role).collect();
            for me in &roles {
                let rule = rule(true, *me, &cluster);
                let counted = rule.missing(&cluster, |_| false);
                let set = |bits: u32| {
                    let confirmed = |role| roles.iter().position(|it| *it == role).unwrap();
                    rule.missing(&cluster, |role| bits >> confirmed(role) & 1 == 1).is_empty()
                };
                let sets: Vec<u32> = (0..1 << roles.len()).filter(|bits| set(*bits)).collect();
                let others: u32 = counted
                    .iter()
                    .map(|role| 1 << roles.iter().position(|it| it == role).unwrap())
                    .sum();
                assert!(!sets.is_empty() && !sets.contains(&0));
                for (one, two) in sets.iter().flat_map(|a| sets.iter().map(move |b| (a, b))) {
                    assert!(one & two & others != 0, "{me} of {cluster}: {one:b} and {two:b}");
                }
                let half = counted.len() / 2;
                let halves = (0..1u32 << roles.len()).filter(|bits| bits & !others == 0);
                assert!(!halves.into_iter().any(|it| it.count_ones() as usize <= half && set(it)));
            }
        }
    }
}
