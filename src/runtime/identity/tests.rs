//! Tests of identities, their digests and their differences.

use super::*;
use proptest::prelude::*;

fn names() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,32}"
}

fn identities() -> impl Strategy<Value = ClusterIdentity> {
    let roles = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    let member = (names(), roles).prop_map(|(name, (leader, acceptor))| MemberRoles {
        name,
        leader,
        acceptor,
    });
    let members = proptest::collection::vec(member, 0..=128);
    (any::<u128>(), names(), names(), any::<(u64, u64)>(), (0usize..65, 0usize..65), members)
        .prop_map(|(id, name, machine, (lease, reply_bytes), quorums, members)| ClusterIdentity {
            id: ClusterId(id),
            name,
            machine,
            lease,
            reply_bytes,
            quorums,
            members,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_read(identity in identities()) {
        let text = identity.to_string();
        prop_assert!(text.len() <= MAX_IDENTITY);
        prop_assert_eq!(text.parse(), Ok(identity));
    }

    #[test]
    fn no_text_panics(text in "(synod cluster 1\n)?(id [0-9a-f]{32}\n)?(\\PC{0,9}\n){0,6}") {
        let _: Result<ClusterIdentity, _> = text.parse();
    }
}

fn identity() -> ClusterIdentity {
    let member =
        |name: &str, leader, acceptor| MemberRoles { name: name.to_owned(), leader, acceptor };
    ClusterIdentity {
        id: ClusterId(7 << 96),
        name: "c".to_owned(),
        machine: "kv".to_owned(),
        lease: 9,
        reply_bytes: 8,
        quorums: (2, 2),
        members: vec![
            member("n1", true, true),
            member("n2", false, true),
            member("l", true, false),
        ],
    }
}

/// Any change of an identity changes its digest, and is named among the differences.
#[test]
fn each_part_is_in_the_digest_and_in_the_words() {
    let same = identity();
    assert_eq!(same.digest(), identity().digest());
    assert!(ClusterIdentity::differences(&same, &identity()).is_empty());
    type Change = fn(&mut ClusterIdentity);
    let changes: [(Change, &str); 10] = [
        (|it| it.id = ClusterId(8 << 96), "it is cluster 'c' (id 00000008...) and not"),
        (|it| it.id = ClusterId((7 << 96) + 1), "its id is"),
        (|it| it.name = "d".to_owned(), "it is cluster 'd'"),
        (|it| it.machine = "ledger".to_owned(), "its state machine is ledger and not kv"),
        (|it| it.lease = 10, "its lease is 10 and not 9"),
        (|it| it.reply_bytes = 7, "its limit reply_bytes is 7 and not 8"),
        (|it| it.quorums = (3, 1), "its quorums are 3 and 1 and not 2 and 2"),
        (|it| it.members.swap(0, 1), "its members are n2 acceptor, n1 leader acceptor, l leader"),
        (|it| drop(it.members.pop()), "its members are n1 leader acceptor, n2 acceptor and not"),
        (|it| it.members[1].leader = true, "n2 leader acceptor"),
    ];
    for (change, words) in changes {
        let mut changed = identity();
        change(&mut changed);
        assert_ne!(changed.digest(), same.digest(), "{words}");
        let found = ClusterIdentity::differences(&changed, &same).join("; ");
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn strangers_are_told_what_differs_and_not_the_digest() {
    let (one, mut two) = (identity(), identity());
    two.members.swap(0, 1);
    let told = |a: &ClusterIdentity, b: &ClusterIdentity| {
        Brief::differences(&a.brief(), &b.brief(), None).join("; ")
    };
    assert_eq!(told(&two, &one), "its 3 members have other names, roles or places");
    two.members.pop();
    assert_eq!(told(&two, &one), "it has 2 members and not 3");
    assert_eq!(told(&one, &one), "");
}

#[test]
fn roles_are_counted_in_the_order_of_the_file() {
    let identity = identity();
    let roles: Vec<String> =
        identity.roles().map(|(role, name, at)| format!("{role} {name} {at}")).collect();
    assert_eq!(roles, ["L1 n1/leader 0", "L2 l/leader 2", "A1 n1/acceptor 0", "A2 n2/acceptor 1"]);
    assert_eq!(identity.role_name(Party::Acceptor(AcceptorId(1))), "n2/acceptor");
}

#[test]
fn ids_are_drawn_and_read_again() {
    let id = ClusterId::draw().unwrap();
    assert_ne!(id, ClusterId::draw().unwrap());
    assert_eq!(id.to_string().parse(), Ok(id));
    for bad in ["", "12", "+0000000000000000000000000000001", &"g".repeat(32), &"1".repeat(33)] {
        assert_eq!(bad.parse::<ClusterId>(), Err(ClusterIdError), "{bad}");
    }
}
