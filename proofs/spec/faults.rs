//! The specification with one fault each, for which the invariant must not be provable. Runs of the
//! code show that such faults lead to two values chosen: see the mutants in `model/mutants.rs`.

use super::super::logic::{Formula, equal, exists, forall};
use super::vocabulary::*;
use super::{Action, Change, Effect, Specification, paxos};

/// A fault to put into the specification.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name; the same as that of the mutant of the code with this fault, if there is one.
    pub name: &'static str,
    /// A description of the fault in a sentence.
    pub words: &'static str,
    put: fn(&mut Specification),
}

impl Fault {
    /// The specification with this fault.
    pub fn specification(&self) -> Specification {
        let mut specification = paxos();
        (self.put)(&mut specification);
        specification
    }
}

/// Applies `put` to the action of this name.
fn change(specification: &mut Specification, action: &str, put: impl Fn(&mut Action)) {
    specification.actions.iter_mut().filter(|a| a.name == action).for_each(put);
}

/// Replaces the formula of a guard.
fn weaken(specification: &mut Specification, action: &str, guard: &str, to: Formula) {
    change(specification, action, |action| {
        for own in action.guards.iter_mut().filter(|own| own.named.name == guard) {
            own.named.formula = to.clone();
        }
    });
}

/// Adds an action by which an acceptor that recovers from a crash forgets its promises.
fn forget_promises(specification: &mut Specification) {
    let vars = [N, X].map(|var| super::super::logic::Var { index: 1, ..var });
    let of = equal(vars[0], N);
    specification.actions.push(Action {
        name: "come back",
        words: "an acceptor comes back from a crash",
        parameters: vec![N],
        claims: vec![],
        guards: vec![],
        changes: vec![Change { relation: &LEFT, vars: vars.to_vec(), effect: Effect::Drops, of }],
    });
}

const ALWAYS: Formula = Formula::And(Vec::new());

/// All faults.
pub static FAULTS: [Fault; 16] = [
    Fault {
        name: "stale-accept",
        words: "an acceptor votes under a ballot although it has promised a higher one",
        put: |s| weaken(s, "accept", "no higher ballot was promised", ALWAYS),
    },
    Fault {
        name: "unasked-votes",
        words: "an acceptor votes for what nobody has proposed",
        put: |s| weaken(s, "accept", "it was proposed", ALWAYS),
    },
    Fault {
        name: "promise-reports-wrong-ballot",
        words: "a promise reports a vote under the ballot promised, not the one it was cast under",
        put: |s| {
            change(s, "promise", |promise| {
                for change in promise.changes.iter_mut().filter(|c| c.relation == &REPORTED) {
                    let [n, b, i, x, v] = change.vars[..] else { continue };
                    let under = Y;
                    change.of = equal(n, N)
                        & equal(b, B)
                        & equal(x, B)
                        & exists([under], REPORT.of([i, under, v]));
                }
            });
        },
    },
    Fault {
        name: "promise-hides-votes",
        words: "a promise says that there were no votes where there were",
        put: |s| weaken(s, "promise", "no vote is left out", ALWAYS),
    },
    Fault {
        name: "promise-does-not-bind",
        words: "an acceptor promises, and goes on to vote under lower ballots",
        put: |s| change(s, "promise", |a| a.changes.retain(|c| c.relation != &LEFT)),
    },
    Fault {
        name: "promise-forgotten",
        words: "an acceptor that comes back from a crash does not remember its promise",
        put: forget_promises,
    },
    Fault {
        name: "only-last-promise-counts",
        words: "a leader looks only at the votes in one of the promises",
        put: |s| {
            let since = BELOW.of([X, Y]) & BELOW.of([Y, B]);
            let of_one = forall([Y], since.implies(ABSTAINED.of([M, B, I, Y])));
            weaken(s, "propose again", "nobody has voted since", of_one);
        },
    },
    Fault {
        name: "votes-are-ignored",
        words: "a leader proposes a value of its own whatever was voted for",
        put: |s| weaken(s, "propose", "nobody has voted", ALWAYS),
    },
    Fault {
        name: "ballot-reuse",
        words: "a leader uses a ballot once more",
        put: |s| {
            weaken(s, "propose", "one proposal", ALWAYS);
            weaken(s, "propose again", "one proposal", ALWAYS);
            weaken(s, "propose what is chosen", "one proposal", ALWAYS);
        },
    },
    Fault {
        name: "no-phase-one-after-crash",
        words: "a leader proposes without asking for promises",
        put: |s| {
            weaken(s, "propose", "nobody has voted", ALWAYS);
            weaken(s, "propose again", "a quorum has promised", ALWAYS);
            weaken(s, "propose again", "nobody has voted since", ALWAYS);
        },
    },
    Fault {
        name: "quorums-that-do-not-meet",
        words: "a phase-1 quorum and a phase-2 quorum may have no member in common",
        put: |s| s.axioms.retain(|axiom| axiom.name != "quorums meet"),
    },
    Fault {
        name: "one-vote-is-enough",
        words: "a leader takes a decree to be chosen once one acceptor has voted for it",
        put: |s| {
            let one = exists([N], MEMBER2.of([N, Q]) & VOTED.of([N, B, I, V]));
            weaken(s, "learn", "a quorum has voted", one);
        },
    },
    Fault {
        name: "votes-of-all-ballots-count",
        words: "a leader counts votes for a decree under whatever ballots",
        put: |s| {
            let voted = exists([X], VOTED.of([N, X, I, V]));
            let any = forall([N], MEMBER2.of([N, Q]).implies(voted));
            weaken(s, "learn", "a quorum has voted", any);
        },
    },
    Fault {
        name: "catch-up-tells-what-is-not-chosen",
        words: "a leader asks acceptors that have missed something to vote for what is not chosen",
        put: |s| weaken(s, "propose what is chosen", "it is known to be chosen", SUBMITTED.of([V])),
    },
    Fault {
        name: "missed-votes-without-promises",
        words: "a leader asks acceptors that have missed something to vote under a ballot that no \
                quorum has promised",
        put: |s| weaken(s, "propose what is chosen", "a quorum has promised", ALWAYS),
    },
    Fault {
        name: "made-up-commands",
        words: "a leader proposes what nobody has asked for",
        put: |s| weaken(s, "propose", "it was asked for", ALWAYS),
    },
];
