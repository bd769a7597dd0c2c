//! Tests of the judge, with clusters in each state of health.

use super::*;
use crate::paxos::{AcceptorId, Ballot, LeaderId};
use crate::runtime::counters::Counts;
use crate::runtime::identity::{ClusterId, MemberRoles};
use crate::runtime::udp::Network;

const WINDOW: u64 = 100;

fn cluster() -> ClusterIdentity {
    let member = |name: &str| MemberRoles { name: name.to_owned(), leader: true, acceptor: true };
    ClusterIdentity {
        id: ClusterId(1),
        name: "test".to_owned(),
        machine: "kv".to_owned(),
        lease: 1,
        reply_bytes: 1,
        quorums: (2, 2),
        members: ["n1", "n2", "n3"].map(member).to_vec(),
    }
}

fn up(role: RoleStatus) -> Found {
    Found::Up(Box::new(Status {
        role,
        counts: Counts::default(),
        network: Network::default(),
        journal: None,
        waits_for: vec![],
    }))
}

/// All members of a cluster whose primary is n2, and in which all know 500 instances.
fn healthy() -> Vec<(Endpoint, Found)> {
    let asked = |part: RoleKind, place: usize| Endpoint {
        member: format!("n{}", place + 1),
        part,
        party: part.party(place),
        address: "127.0.0.1:7101".parse().unwrap(),
    };
    let leader = |place: usize| {
        let stance = if place == 1 { "primary" } else { "follower" }.to_owned();
        up(RoleStatus::Leader(LeaderStatus {
            stance,
            primary: Some(LeaderId(1)),
            ballot: Ballot { round: 3, leader: LeaderId(1) },
            current: place == 1,
            first_unchosen: Instance(500),
            applied: 490,
            beyond: 0,
            gaps: 0,
            sessions: 1,
        }))
    };
    let acceptor = || {
        let promised = Ballot { round: 3, leader: LeaderId(1) };
        up(RoleStatus::Acceptor(AcceptorStatus { promised, votes: 500 }))
    };
    let leaders = (0..3).map(|place| (asked(RoleKind::Leader, place), leader(place)));
    let acceptors = (0..3).map(|place| (asked(RoleKind::Acceptor, place), acceptor()));
    leaders.chain(acceptors).collect()
}

fn with_leader(
    found: &mut [(Endpoint, Found)],
    place: u16,
    change: impl FnOnce(&mut LeaderStatus),
) {
    let party = Party::Leader(LeaderId(place));
    let role = found.iter_mut().find(|(asked, _)| asked.party == party);
    if let Some((_, Found::Up(status))) = role
        && let RoleStatus::Leader(leader) = &mut status.role
    {
        change(leader);
    }
}

fn digests(of: [u8; 3]) -> Digests {
    let digest =
        |place: u16| (Party::Leader(LeaderId(place)), HistoryDigest([of[usize::from(place)]; 16]));
    (Instance(500), (0..3).map(digest).collect())
}

/// Checks the verdict, and that each of these words is part of some finding.
#[track_caller]
fn says(found: &[(Endpoint, Found)], digests: &[Digests], state: State, words: &[&str]) {
    let health = judge((&cluster(), WINDOW), found, digests);
    let said: Vec<&str> = health.findings.iter().map(|it| it.words.as_str()).collect();
    assert_eq!(health.verdict, state, "{said:#?}");
    for words in words {
        assert!(said.iter().any(|said| said.contains(words)), "'{words}': {said:#?}");
    }
}

#[test]
fn a_cluster_that_is_well_is_healthy() {
    let words =
        ["primary is n2 under 3.n2", "3 of 3 acceptors answer, 2 needed", "agree, of 3 leaders"];
    says(&healthy(), &[digests([1, 1, 1])], State::Healthy, &words);
}

#[test]
fn a_member_that_is_down_is_named_and_a_lost_quorum_is_said() {
    let mut found = healthy();
    found[2].1 = Found::Silence;
    found[5].1 = Found::Silence;
    let words =
        ["no answer from n3 (leaders: 1, acceptors: 1)", "2 of 3 acceptors answer, 2 needed"];
    says(&found, &[], State::Degraded, &words);
    found[4].1 = Found::Silence;
    let lost = "the quorum is lost: 1 of 3 acceptors answers, 2 needed";
    says(&found, &[], State::Down, &[lost, "no answer from n3, n2 (leaders: 1, acceptors: 2)"]);
}

#[test]
fn an_acceptor_that_waits_does_not_count() {
    let mut found = healthy();
    for (_, found) in &mut found[3..5] {
        if let Found::Up(status) = found {
            status.waits_for = vec!["n3/leader".to_owned()];
        }
    }
    let words = [
        "1 of 3 acceptors answers",
        "n1, n2 do not take part before they have heard from n3/leader",
    ];
    says(&found, &[], State::Down, &words);
}

#[test]
fn nobody_primary_is_down_and_two_primaries_contradict() {
    let mut found = healthy();
    with_leader(&mut found, 1, |leader| leader.stance = "candidate".to_owned());
    says(&found, &[], State::Down, &["nobody is primary now"]);
    let mut found = healthy();
    with_leader(&mut found, 2, |leader| {
        leader.stance = "primary".to_owned();
        leader.ballot = Ballot { round: 4, leader: LeaderId(2) };
    });
    says(&found, &[], State::Inconsistent, &["primary: n2 under 3.n2, n3 under 4.n3"]);
}

#[test]
fn histories_that_differ_are_seen_whoever_else_agrees() {
    let words = "before instance 500: that of n1 and n3 is not that of n2";
    says(&healthy(), &[digests([1, 1, 1]), digests([1, 2, 1])], State::Inconsistent, &[words]);
}

#[test]
fn a_stranger_is_passed_on_in_its_words() {
    let mut found = healthy();
    found[0].1 = Found::Stranger("n9/leader of another cluster is here".to_owned());
    says(&found, &[], State::Degraded, &["n9/leader of another cluster is here"]);
}

/// Instances that may be under way do not degrade the cluster.
#[test]
fn who_is_behind_is_named_with_the_number() {
    let mut found = healthy();
    with_leader(&mut found, 2, |leader| leader.first_unchosen = Instance(400));
    says(&found, &[], State::Healthy, &["n3 is 100 of 500 instances behind"]);
    assert_eq!(ends(&found), [Instance(400), Instance(500)]);
    with_leader(&mut found, 2, |leader| leader.first_unchosen = Instance(0));
    says(&found, &[], State::Degraded, &["n3 is 500 of 500 instances behind"]);
    assert_eq!(ends(&found), [Instance(500)]);
}

#[test]
fn an_acceptor_that_lacks_votes_is_named_with_the_number() {
    let mut found = healthy();
    let party = Party::Acceptor(AcceptorId(0));
    let promised = Ballot::NONE;
    for (votes, state) in [(499, State::Healthy), (4, State::Degraded)] {
        let role = found.iter_mut().find(|(asked, _)| asked.party == party).unwrap();
        role.1 = up(RoleStatus::Acceptor(AcceptorStatus { promised, votes }));
        let words = format!("acceptor n1 lacks the votes of {} of 500 instances", 500 - votes);
        says(&found, &[], state, &[&words]);
    }
}
