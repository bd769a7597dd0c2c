//! Tests of admission, on disks of its own and without a network.

mod ages;

use super::*;
use crate::paxos::{AcceptorId, LeaderId};
use crate::runtime::environment::{Random, SystemRandom};
use crate::runtime::identity::{ClusterId, ClusterIdentity, MemberRoles};
use crate::runtime::journal::folder::Directory;
use crate::runtime::journal::identity::Identity;
use crate::runtime::wire::{Header, encode_one, open};
use proptest::prelude::*;
use std::path::PathBuf;

/// A cluster of this many members, each a leader and an acceptor.
fn cluster(members: usize) -> ClusterIdentity {
    let member = |n| MemberRoles { name: format!("n{n}"), leader: true, acceptor: true };
    ClusterIdentity {
        id: ClusterId(1),
        name: "test".to_owned(),
        machine: "kv".to_owned(),
        lease: 7,
        reply_bytes: 1,
        quorums: (members / 2 + 1, members / 2 + 1),
        members: (1..=members).map(member).collect(),
    }
}

/// The data directories of the roles of a cluster.
struct Disks {
    folder: PathBuf,
    cluster: ClusterIdentity,
}

/// A role that is up.
struct Up {
    admission: Admission,
    /// The current age of its journal.
    age: u64,
}

impl Disks {
    fn new(name: &str, members: usize) -> Self {
        let name = format!("synod-handshake-{name}-{}", std::process::id());
        let disks = Disks { folder: std::env::temp_dir().join(name), cluster: cluster(members) };
        disks.cluster.roles().for_each(|(role, ..)| disks.lose(role));
        disks
    }

    fn path(&self, role: Party) -> PathBuf {
        self.folder.join(self.cluster.role_name(role))
    }

    /// Replaces the disk of a role by an empty one.
    fn lose(&self, role: Party) {
        let _ = std::fs::remove_dir_all(self.path(role));
        std::fs::create_dir_all(self.path(role)).unwrap();
    }

    /// A copy of the file of remembered peers, to be put back later.
    fn backup(&self, role: Party) -> Vec<u8> {
        std::fs::read(self.path(role).join("peers")).unwrap()
    }

    /// Starts a role with a journal of this age.
    fn start(&self, role: Party, journal: u128, age: u64, without: &[&str]) -> Up {
        let (cluster, member) = (self.cluster.clone(), self.cluster.role_name(role));
        let folder = Directory::look(&self.path(role));
        let peers = Peers::open(Box::new(folder), &Identity { cluster, member }).unwrap();
        let without = without.iter().map(|name| (*name).to_owned()).collect();
        let life = SystemRandom.unique().unwrap();
        let opened = Opened { journal: JournalId(journal), life, began: age };
        Up { admission: Admission::new((role, opened), peers, &without, Instant::now()), age }
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The tag of the last life in which `other` has greeted; 0 if it has not.
fn life_of(hearer: &Up, other: Party) -> u32 {
    match hearer.admission.others[&other].heard {
        Heard::Sound { life } => tag(life),
        _ => 0,
    }
}

/// The roles that are up.
type Roles = BTreeMap<Party, Up>;

fn leader(n: u16) -> Party {
    Party::Leader(LeaderId(n - 1))
}

fn acceptor(n: u8) -> Party {
    Party::Acceptor(AcceptorId(n - 1))
}

/// A time by which the next questions of all roles are due, even on a slow machine.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Lets one role ask all others, and delivers all answers between roles that are up.
fn meet(from: Party, up: &mut Roles) -> Result<(), HostError> {
    let now = later();
    let due = up.get_mut(&from).unwrap().admission.due(now);
    let mut said: Vec<_> = due.into_iter().map(|(to, it)| (from, to, it)).collect();
    while let Some((from, to, handshake)) = said.pop() {
        let age = up[&from].age;
        let Some(hearer) = up.get_mut(&to) else { continue };
        match hearer.admission.hear((from, age), &handshake, now)? {
            Answer::Handshake(answer) => said.push((to, from, answer)),
            Answer::Nothing => {}
            Answer::Rejected => panic!("{handshake:?} was rejected"),
        }
    }
    Ok(())
}

fn takes_part(up: &mut Roles, role: Party) -> bool {
    up.get_mut(&role).unwrap().admission.may_take_part(later()).unwrap()
}

/// Starts all roles of these members with empty journals, and lets them meet.
fn first_start(disks: &Disks, members: &[&str], without: &[&str]) -> Roles {
    let named = |name: &str| members.iter().any(|m| name.starts_with(&format!("{m}/")));
    let here = disks.cluster.roles().filter(|(_, name, _)| named(name));
    let here = here.zip(1..).map(|((role, ..), n)| (role, disks.start(role, n, 0, without)));
    let mut up: Roles = here.collect();
    let roles: Vec<Party> = up.keys().copied().collect();
    roles.iter().for_each(|role| meet(*role, &mut up).unwrap());
    up
}

/// In clusters of one to five members, with any number of them up, a role takes part exactly if the roles
/// that answer are a majority of the others.
#[test]
fn a_first_start_takes_more_than_half_of_the_roles_of_others() {
    for members in 1..=5 {
        for there in 1..=members {
            let disks = Disks::new(&format!("first-{members}-{there}"), members);
            let names: Vec<String> = (1..=there).map(|n| format!("n{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut up = first_start(&disks, &names, &[]);
            let (answered, others) = (2 * (there - 1), 2 * (members - 1));
            let enough = 2 * answered > others || others == 0;
            for role in up.keys().copied().collect::<Vec<_>>() {
                assert_eq!(takes_part(&mut up, role), enough, "{there} of {members}");
                let waits = up[&role].admission.waits_for();
                assert_eq!(waits.is_empty(), enough, "{waits:?}");
            }
        }
    }
}

/// No length of waiting replaces an answer.
#[test]
fn no_delay_replaces_an_answer() {
    let disks = Disks::new("delay", 3);
    let mut up = first_start(&disks, &["n1", "n2"], &[]);
    let alone = &mut up.get_mut(&acceptor(1)).unwrap().admission;
    let now = later() + AGAIN;
    for asked in 0..1000 {
        let now = now + AGAIN * asked;
        assert!(!alone.may_take_part(now).unwrap());
        alone.due(now);
        assert!(alone.due(now).is_empty());
        assert_eq!(alone.deadline(), Some(now + AGAIN));
    }
    let waits = alone.waits_for();
    assert_eq!(waits, ["n3/leader", "n3/acceptor"]);
    up.insert(acceptor(3), disks.start(acceptor(3), 9, 0, &[]));
    meet(acceptor(3), &mut up).unwrap();
    assert!(takes_part(&mut up, acceptor(1)), "three of four roles of others have answered");
}

/// Members named by the operator are not waited for; all others are.
#[test]
fn members_that_will_never_answer_are_not_waited_for() {
    let disks = Disks::new("without", 3);
    let mut up = first_start(&disks, &["n1", "n2"], &["n3"]);
    let roles: Vec<Party> = up.keys().copied().collect();
    assert!(roles.into_iter().all(|role| takes_part(&mut up, role)));
    let disks = Disks::new("without-other", 3);
    let mut up = first_start(&disks, &["n1"], &["n3"]);
    assert!(!takes_part(&mut up, acceptor(1)));
}

/// A cluster of three that has run and was stopped in order; the acceptor of n1 had written 100 entries.
fn has_run(name: &str) -> Disks {
    let disks = Disks::new(name, 3);
    let mut up = first_start(&disks, &["n1", "n2", "n3"], &[]);
    for role in up.keys().copied().collect::<Vec<_>>() {
        assert!(takes_part(&mut up, role));
    }
    for (role, other) in &mut up {
        if *role != acceptor(1) {
            let life = life_of(other, acceptor(1));
            other.admission.note(acceptor(1), (life, 100), later());
            other.admission.save_now().unwrap();
        }
    }
    disks
}

/// The journal of the acceptor of n1 after a first start of three members.
const FIRST: u128 = 4;

#[test]
fn one_that_has_run_needs_as_many_others_as_a_quorum_does() {
    let disks = has_run("again");
    let start = |role, journal| (role, disks.start(role, journal, 100, &[]));
    let mut up = Roles::from([start(acceptor(1), FIRST)]);
    assert!(!takes_part(&mut up, acceptor(1)), "nobody has answered");
    up.extend([start(leader(1), 1), start(leader(2), 2)]);
    meet(acceptor(1), &mut up).unwrap();
    assert!(!takes_part(&mut up, acceptor(1)), "its own leader, and one role of another");
    up.extend([start(acceptor(2), 5)]);
    meet(acceptor(2), &mut up).unwrap();
    assert!(takes_part(&mut up, acceptor(1)));
}

/// A role with a different journal stops: for either side that asks first, waiting or running, and with any
/// age.
#[test]
fn whoever_is_remembered_by_another_journal_stops() {
    for (first, age) in [(leader(2), 0), (leader(2), 7), (acceptor(1), 0), (acceptor(1), 7)] {
        let disks = has_run(&format!("lost-{first}-{age}"));
        disks.lose(acceptor(1));
        let mut up = Roles::from([
            (leader(2), disks.start(leader(2), 2, 0, &[])),
            (acceptor(1), disks.start(acceptor(1), 77, age, &[])),
        ]);
        let error = meet(first, &mut up).unwrap_err().to_string();
        let wanted = "n1/acceptor has run before with another journal (n2/leader remembers it)";
        assert!(error.starts_with(wanted), "{error}");
        let told = first == acceptor(1);
        assert_eq!(up[&leader(2)].admission.trusts(acceptor(1)), !told, "what it says counts not");
    }
}

#[test]
fn whoever_has_gone_back_in_time_stops_and_by_one_entry_is_enough() {
    for (age, sound) in [(1, false), (99, false), (100, true), (101, true)] {
        let disks = has_run(&format!("back-{age}"));
        let mut up = Roles::from([
            (leader(2), disks.start(leader(2), 2, 5, &[])),
            (acceptor(1), disks.start(acceptor(1), FIRST, age, &[])),
        ]);
        let met = meet(leader(2), &mut up);
        match met {
            Ok(()) => assert!(sound, "{age}"),
            Err(error) => {
                let error = error.to_string();
                let wanted =
                    format!("a journal of {age} entries, and n2/leader remembers that it had 100");
                assert!(!sound && error.contains(&wanted), "{error}");
                assert!(error.contains("an older copy, such as a backup"), "{error}");
            }
        }
    }
}

/// A copy that has grown past the remembered age is detected all the same, by a role that knew the journal in
/// another life.
#[test]
fn an_older_copy_is_noticed_however_much_it_has_grown() {
    let disks = has_run("grown");
    let mut up = Roles::from([
        (leader(2), disks.start(leader(2), 2, 5, &[])),
        (acceptor(1), disks.start(acceptor(1), FIRST, 99, &[])),
    ]);
    up.get_mut(&acceptor(1)).unwrap().age = 500;
    let error = meet(leader(2), &mut up).unwrap_err().to_string();
    assert!(error.contains("began with a journal of 99 entries"), "{error}");
}

/// A peer that comes back accepts a journal that has grown meanwhile, in the same life or another.
#[test]
fn one_that_has_grown_in_its_life_is_sound_to_whoever_comes_back() {
    let disks = has_run("sound");
    let one = |age| (acceptor(1), disks.start(acceptor(1), FIRST, age, &[]));
    let two = || (leader(2), disks.start(leader(2), 2, 5, &[]));
    let mut up = Roles::from([one(100), two()]);
    meet(leader(2), &mut up).unwrap();
    for age in [150, 200] {
        up.get_mut(&acceptor(1)).unwrap().age = age;
        let hearer = up.get_mut(&leader(2)).unwrap();
        let life = life_of(hearer, acceptor(1));
        hearer.admission.note(acceptor(1), (life, age), later());
        up.get_mut(&leader(2)).unwrap().admission.save_now().unwrap();
        up.extend([two()]);
        meet(leader(2), &mut up).unwrap();
        assert!(up[&leader(2)].admission.trusts(acceptor(1)));
    }
    up.extend([one(200)]);
    meet(acceptor(1), &mut up).unwrap();
    assert!(up[&leader(2)].admission.trusts(acceptor(1)));
    up.extend([one(199)]);
    assert!(meet(acceptor(1), &mut up).is_err());
}

/// A role known by a different journal confirms nothing.
#[test]
fn a_witness_that_is_not_believed_does_not_count() {
    let disks = has_run("witness");
    let mut up = Roles::from([(acceptor(1), disks.start(acceptor(1), FIRST, 100, &[]))]);
    for (role, journal) in [(leader(2), 2), (acceptor(2), 5)] {
        let remembers = Some(Remembered { journal: JournalId(FIRST), life: 9, age: 7 });
        let one = |journal| Handshake {
            journal: JournalId(journal),
            life: 8,
            began: 0,
            remembers,
            asks: false,
        };
        let admission = &mut up.get_mut(&acceptor(1)).unwrap().admission;
        admission.hear((role, 0), &one(journal), later()).unwrap();
        admission.hear((role, 0), &one(77), later()).unwrap();
    }
    assert!(!takes_part(&mut up, acceptor(1)));
}

/// A role that has never run, and hears of its cluster by a different file, does not take part.
#[test]
fn one_that_was_added_by_hand_does_not_take_part() {
    let disks = Disks::new("added", 4);
    let mut up = first_start(&disks, &["n2", "n3", "n4"], &[]);
    let (old, strange) = (cluster(1), ClusterIdentity { id: ClusterId(7 << 96), ..cluster(1) });
    let hear_of = |up: &mut Roles, cluster: &ClusterIdentity| {
        up.get_mut(&leader(2)).unwrap().admission.hear_of(&cluster.brief());
    };
    hear_of(&mut up, &strange);
    hear_of(&mut up, &cluster(4));
    assert!(up[&leader(2)].admission.waits_for().is_empty(), "strangers decide nothing");
    hear_of(&mut up, &old);
    assert!(!takes_part(&mut up, leader(2)) && takes_part(&mut up, leader(3)));
    hear_of(&mut up, &old);
    let waits = up[&leader(2)].admission.waits_for();
    assert_eq!(waits, ["an operator, as other members have another file"]);
}

/// The companion: if no role remembers, nothing is detected. So it is the memory that protects.
#[test]
fn where_nobody_remembers_nobody_notices() {
    let disks = has_run("forgotten");
    disks.cluster.roles().for_each(|(role, ..)| {
        assert!(!disks.backup(role).is_empty());
        disks.lose(role);
    });
    let mut up = first_start(&disks, &["n1", "n2", "n3"], &[]);
    assert!(takes_part(&mut up, acceptor(1)));
}

fn handshakes() -> impl Strategy<Value = Handshake> {
    let journals = || (0..3u128).prop_map(JournalId);
    let remembers = (journals(), 0..3u128, 0..4u64).prop_map(|(journal, life, age)| Remembered {
        journal,
        life,
        age,
    });
    let rest = (0..3u128, 0..5u64, proptest::option::of(remembers), any::<bool>());
    (journals(), rest).prop_map(|(journal, (life, began, remembers, asks))| Handshake {
        journal,
        life,
        began,
        remembers,
        asks,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_framed_comes_out_the_same(
        handshake in handshakes(),
        (journal, life, age) in any::<(u128, u128, u64)>(),
    ) {
        let journal = JournalId(journal);
        let remembers = Some(Remembered { journal, life, age });
        let handshake = Handshake { journal, life, began: age, remembers, ..handshake };
        let bytes = encode_one(Header::NOBODYS, &handshake).unwrap();
        let opened = open(&bytes).unwrap();
        prop_assert_eq!(opened.message::<Handshake>().unwrap(), handshake);
        prop_assert!(opened.messages::<crate::paxos::Message>().is_err());
    }
}

/// Under random handshakes from any sender, strangers are rejected, the remembered journal stays the same,
/// and its age does not fall.
#[test]
fn handshakes_of_any_kind_are_survived() {
    let disks = Disks::new("any", 1);
    let me = disks.start(leader(1), 1, 2, &[]);
    let config = ProptestConfig { failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let me = std::cell::RefCell::new(me.admission);
    let journal = JournalId(2);
    let known = Remembered { journal, life: 1, age: 1 };
    me.borrow_mut().peers.remember("n1/acceptor", known).unwrap();
    let others =
        prop_oneof![Just(acceptor(1)), Just(acceptor(2)), Just(leader(1)), Just(Party::Client)];
    let law = |(from, age, handshake): (Party, u64, Handshake)| {
        let mut me = me.borrow_mut();
        let before = me.peers.of("n1/acceptor").unwrap();
        let heard = me.hear((from, age), &handshake, later());
        let may = from == acceptor(1);
        // No life here has the name of this one.
        let refused =
            handshake.remembers.is_some_and(|it| it.journal != JournalId(1) || it.age > 2);
        match heard {
            Ok(Answer::Rejected) => prop_assert!(!may),
            Ok(_) => prop_assert!(may && !refused),
            Err(_) => prop_assert!(may && refused),
        }
        let after = me.peers.of("n1/acceptor").unwrap();
        prop_assert!(after.journal == journal && after.age >= before.age);
        let sound = handshake.journal == journal
            && (handshake.life == before.life || handshake.began >= before.age);
        if may && !refused {
            prop_assert_eq!(me.trusts(acceptor(1)), sound);
        }
        Ok(())
    };
    runner.run(&(others, 0..5u64, handshakes()), law).unwrap();
}
