//! Tests of the ages noted for journals.

use super::*;

/// An age is noted only for the journal that is remembered, in the life that has greeted.
#[test]
fn ages_are_noted_of_the_journal_that_is_remembered() {
    let disks = has_run("noted");
    let mut up = Roles::from([
        (leader(2), disks.start(leader(2), 2, 0, &[])),
        (acceptor(1), disks.start(acceptor(1), FIRST, 100, &[])),
    ]);
    let known = |up: &Roles| up[&leader(2)].admission.peers.of("n1/acceptor").unwrap().age;
    let life = up[&acceptor(1)].admission.life();
    let note = |up: &mut Roles, life, age| {
        up.get_mut(&leader(2)).unwrap().admission.note(acceptor(1), (life, age), later());
    };
    note(&mut up, life, 500);
    assert_eq!(known(&up), 100, "nothing was heard of its journal yet");
    meet(leader(2), &mut up).unwrap();
    note(&mut up, life, 500);
    assert_eq!(known(&up), 500);

    // It starts again, and its votes come before its handshake, which the network has lost.
    up.insert(acceptor(1), disks.start(acceptor(1), FIRST, 510, &[]));
    let life = up[&acceptor(1)].admission.life();
    note(&mut up, life, 517);
    assert_eq!(known(&up), 500, "that life has not greeted");
    assert!(!up[&leader(2)].admission.others[&acceptor(1)].confirmed, "it is asked again");
    meet(acceptor(1), &mut up).unwrap();
    assert!(up[&leader(2)].admission.trusts(acceptor(1)), "it is no older copy");
    note(&mut up, life, 520);
    assert_eq!(known(&up), 520);
}
