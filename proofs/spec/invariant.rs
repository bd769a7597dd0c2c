//! The axioms, the invariant, and the safety properties that follow from it.

use super::super::logic::{Formula, Var, equal, exists, forall};
use super::Named;
use super::vocabulary::*;

fn named(name: &'static str, words: &'static str, formula: Formula) -> Named {
    Named { name, words, formula }
}

/// The axioms that the proof needs: quorums of the two phases intersect, and of any two ballots one is
/// below the other. There may be any number of everything.
pub(super) fn axioms() -> Vec<Named> {
    vec![
        named(
            "ballots are in a row",
            "of two ballots, one is below the other",
            forall([X, Y], BELOW.of([X, Y]) | BELOW.of([Y, X]) | equal(X, Y)),
        ),
        named(
            "quorums meet",
            "a phase-1 quorum and a phase-2 quorum have a member in common",
            forall([P, Q], exists([N], MEMBER1.of([N, P]) & MEMBER2.of([N, Q]))),
        ),
    ]
}

/// Further axioms about ballots, true but not needed by the proof. They make countermodels
/// realistic: an action shown to be possible is possible with such ballots.
pub(super) fn also() -> Vec<Named> {
    vec![
        named("irreflexive", "no ballot is below itself", forall([X], !BELOW.of([X, X]))),
        named(
            "transitive",
            "what is below a ballot is below all that are above that",
            forall([X, Y, B], (BELOW.of([X, Y]) & BELOW.of([Y, B])).implies(BELOW.of([X, B]))),
        ),
    ]
}

/// All members of the phase-2 quorum have voted for this value under this ballot, in instance `i`:
/// it is chosen.
fn chosen(quorum: Var, ballot: Var, value: Var) -> Formula {
    forall([N], MEMBER2.of([N, quorum]).implies(VOTED.of([N, ballot, I, value])))
}

/// All members of quorum `q` have voted for value `v` under ballot `b`.
pub(super) fn all_voted() -> Formula {
    chosen(Q, B, V)
}

pub(super) fn invariant() -> Vec<Named> {
    [of_proposals(), of_promises(), of_choices()].concat()
}

/// The invariant of proposals and votes.
fn of_proposals() -> Vec<Named> {
    vec![
        named(
            "one value a ballot",
            "under one ballot, no two values are proposed in an instance",
            forall(
                [B, I, V],
                PROPOSED
                    .of([B, I, V])
                    .implies(forall([W], PROPOSED.of([B, I, W]).implies(equal(V, W)))),
            ),
        ),
        named(
            "nothing is made up",
            "what is proposed was submitted, or is the no-op",
            forall([B, I, V], PROPOSED.of([B, I, V]).implies(SUBMITTED.of([V]) | equal(V, NOOP))),
        ),
        named(
            "votes are for proposals",
            "whoever votes, votes for what was proposed",
            forall([N, B, I, V], VOTED.of([N, B, I, V]).implies(PROPOSED.of([B, I, V]))),
        ),
    ]
}

/// The invariant of promises, and of the votes they report.
fn of_promises() -> Vec<Named> {
    vec![
        named(
            "promises bind",
            "whoever has promised a ballot has left all lower ones",
            forall(
                [N, B],
                PROMISED.of([N, B]).implies(forall([X], BELOW.of([X, B]).implies(LEFT.of([N, X])))),
            ),
        ),
        named(
            "abstentions are final",
            "whoever says that it has abstained from a ballot has left it",
            forall([N, B, I, X], ABSTAINED.of([N, B, I, X]).implies(LEFT.of([N, X]))),
        ),
        named(
            "abstentions are true",
            "whoever says that it has abstained from a ballot has not voted under it",
            forall(
                [N, B, I, X],
                ABSTAINED.of([N, B, I, X]).implies(forall([V], !VOTED.of([N, X, I, V]))),
            ),
        ),
        named(
            "reports are true",
            "votes that are reported were cast",
            forall([N, B, I, X, V], REPORTED.of([N, B, I, X, V]).implies(VOTED.of([N, X, I, V]))),
        ),
    ]
}

/// The invariant of values that can be chosen.
fn of_choices() -> Vec<Named> {
    vec![
        named(
            "lower ballots are over",
            "once a value is proposed, no other can be chosen any more under a lower ballot: in \
             every quorum somebody has left that ballot without a vote for it",
            forall(
                [B, I, W],
                PROPOSED.of([B, I, W]).implies(forall(
                    [X],
                    BELOW.of([X, B]).implies(forall(
                        [V],
                        (!equal(V, W)).implies(forall(
                            [Q],
                            exists(
                                [N],
                                MEMBER2.of([N, Q]) & LEFT.of([N, X]) & !VOTED.of([N, X, I, V]),
                            ),
                        )),
                    )),
                )),
            ),
        ),
        named(
            "what is learned was chosen",
            "whatever a leader has learned, a quorum has voted for under one ballot",
            forall([I, V], LEARNED.of([I, V]).implies(exists([B, Q], all_voted()))),
        ),
    ]
}

pub(super) fn safety() -> Vec<Named> {
    let other = Var { index: 1, ..Q };
    let both = chosen(Q, B, V) & chosen(other, X, W);
    vec![
        named(
            "one value is chosen",
            "no two values are ever chosen in an instance, under whatever ballots",
            forall([I, V, W, B, X, Q, other], both.implies(equal(V, W))),
        ),
        named(
            "agreement",
            "no two values are ever learned in an instance, by whomever",
            forall(
                [I, V],
                LEARNED.of([I, V]).implies(forall([W], LEARNED.of([I, W]).implies(equal(V, W)))),
            ),
        ),
        named(
            "validity",
            "what is learned was submitted, or is the no-op",
            forall([I, V], LEARNED.of([I, V]).implies(SUBMITTED.of([V]) | equal(V, NOOP))),
        ),
    ]
}
