//! The actions of the specification.
//!
//! There are no steps but those that safety depends on. Prepares, refusals, heartbeats and
//! elections are left out: promises may be asked for at any time and by anybody, and no ballot
//! needs a known owner. Only promises, proposals and votes count. In the same way, a guard is here
//! only if the proof fails without it.

use super::super::logic::{Formula, Relation, Var, equal, forall};
use super::invariant::all_voted;
use super::vocabulary::*;
use super::{Action, Change, Effect, Guard, Named};

type Upheld = &'static [(&'static str, &'static str)];

fn guard(name: &'static str, words: &'static str, upheld: Upheld, formula: Formula) -> Guard {
    Guard { named: Named { name, words, formula }, upheld }
}

/// A variable for an argument of a relation, distinct from the action's parameter of the same name.
fn other(var: Var) -> Var {
    Var { index: 1, ..var }
}

/// The change by which the relation holds from now on between those for which `of` is true.
fn adds<const K: usize>(
    relation: &'static Relation,
    vars: [Var; K],
    of: impl FnOnce([Var; K]) -> Formula,
) -> Change {
    let vars = vars.map(other);
    Change { relation, vars: vars.to_vec(), effect: Effect::Adds, of: of(vars) }
}

/// The change by which the relation holds from now on between these parameters of the action.
fn adds_one<const K: usize>(relation: &'static Relation, params: [Var; K]) -> Change {
    let same = |vars: [Var; K]| vars.iter().zip(params).map(|(v, p)| equal(*v, p)).collect();
    adds(relation, params, |vars| Formula::And(same(vars)))
}

pub(super) fn actions() -> Vec<Action> {
    vec![submit(), promise(), propose(), propose_again(), propose_chosen(), accept(), learn()]
}

fn submit() -> Action {
    Action {
        name: "submit",
        words: "somebody asks for a command",
        parameters: vec![V],
        claims: vec![],
        guards: vec![],
        changes: vec![adds_one(&SUBMITTED, [V])],
    }
}

const RULES: &str = "src/paxos/rules.rs";
const ACCEPTOR: &str = "src/paxos/acceptor.rs";
const ELECTION: &str = "src/paxos/election.rs";
const CATCH_UP: &str = "src/paxos/catch_up.rs";
const LEADER: &str = "src/paxos/leader.rs";
const LEARNER: &str = "src/paxos/learner.rs";

fn promise() -> Action {
    Action {
        name: "promise",
        words: "an acceptor promises a ballot, and tells of some instances under which lower ones \
                it has voted there, and under which it has not",
        parameters: vec![N, B],
        claims: vec![&TELLS, &REPORT, &ABSTAIN],
        guards: vec![
            guard(
                "reported votes were cast",
                "the acceptor reports votes that it has cast, under the ballots that it has cast \
                 them under (PMS 2.2, phase 1b)",
                &[
                    (ACCEPTOR, "fn page("),
                    (RULES, "reported_ballot: |vote, _promised| vote.ballot"),
                ],
                forall([I, X, V], REPORT.of([I, X, V]).implies(VOTED.of([N, X, I, V]))),
            ),
            guard(
                "no vote is left out",
                "where the acceptor says that it has not voted, it has not: it reports its last \
                 vote, and that is the highest (PMS 2.2, phase 1b)",
                &[
                    (ACCEPTOR, "self.promised = self.promised.max(vote.ballot);"),
                    (RULES, "recall: |storage| storage.cloned()"),
                ],
                forall([I, X], ABSTAIN.of([I, X]).implies(forall([V], !VOTED.of([N, X, I, V])))),
            ),
        ],
        changes: vec![
            adds(&PROMISED, [N, B], |[n, b]| equal(n, N) & equal(b, B)),
            adds(&LEFT, [N, X], |[n, x]| equal(n, N) & BELOW.of([x, B])),
            adds(&REPORTED, [N, B, I, X, V], |[n, b, i, x, v]| {
                equal(n, N) & equal(b, B) & REPORT.of([i, x, v])
            }),
            adds(&ABSTAINED, [N, B, I, X], |[n, b, i, x]| {
                equal(n, N) & equal(b, B) & TELLS.of([i]) & BELOW.of([x, B]) & ABSTAIN.of([i, x])
            }),
        ],
    }
}

/// An action by which a leader proposes a value in an instance under its ballot.
fn proposing(
    name: &'static str,
    words: &'static str,
    parameters: Vec<Var>,
    guards: Vec<Guard>,
) -> Action {
    let changes = vec![adds_one(&PROPOSED, [B, I, V])];
    Action { name, words, parameters, claims: vec![], guards, changes }
}

fn one_proposal() -> Guard {
    guard(
        "one proposal",
        "nothing was proposed in this instance under this ballot: a ballot belongs to one leader, \
         which never uses it again (PMS 2.5), and goes through the instances once",
        &[
            (ELECTION, "step.save(Record::Round(ballot.round));"),
            (RULES, "fn last_round("),
            (LEADER, "primary.next = instance.next();"),
        ],
        forall([W], !PROPOSED.of([B, I, W])),
    )
}

fn propose() -> Action {
    let none = forall([X], BELOW.of([X, B]).implies(ABSTAINED.of([N, B, I, X])));
    let guards = vec![
        one_proposal(),
        guard(
            "nobody has voted",
            "all of a phase-1 quorum promise that they have voted under no lower ballot, and will \
             not (PMS 2.2, phase 2a)",
            &[
                (RULES, "may_propose: |members, promised, _ballot| members.phase1(promised)"),
                (RULES, "gaps: |first, end| first.0..end.0"),
            ],
            forall([N], MEMBER1.of([N, P]).implies(none)),
        ),
        guard(
            "it was asked for",
            "the value was submitted, or is the no-op (PMS 2.1, PMS 3)",
            &[
                (LEADER, "primary.pending.next_command(executor, step)"),
                (LEADER, "then_some(Decree::Noop)"),
            ],
            SUBMITTED.of([V]) | equal(V, NOOP),
        ),
    ];
    let words = "a leader proposes a value of its choice";
    proposing("propose", words, vec![B, I, V, P], guards)
}

fn propose_again() -> Action {
    let since = BELOW.of([X, Y]) & BELOW.of([Y, B]);
    let none = forall([Y], since.implies(ABSTAINED.of([N, B, I, Y])));
    let guards = vec![
        one_proposal(),
        guard(
            "a quorum has promised",
            "all of a phase-1 quorum have promised this ballot (PMS 2.2, phase 2a)",
            &[
                (RULES, "may_propose: |members, promised, _ballot| members.phase1(promised)"),
                (RULES, "count: |answered, acceptor| answered.insert(acceptor)"),
            ],
            all_promised(),
        ),
        guard(
            "it was voted for",
            "some acceptor reports a vote for the value (PMS 2.2, P2c)",
            &[(ELECTION, "(step.rules.adopt)(&mut candidate.adopted, votes);")],
            REPORTED.of([M, B, I, X, V]),
        ),
        guard(
            "nobody has voted since",
            "all of that quorum promise that they have not voted under a ballot between that of \
             the vote and this one: it is the highest of all votes reported (PMS 2.2, P2c)",
            &[(RULES, "if vote.ballot > known {")],
            forall([N], MEMBER1.of([N, P]).implies(none)),
        ),
    ];
    let words = "a leader proposes the value of the highest vote reported to it";
    proposing("propose again", words, vec![B, I, V, P, M, X], guards)
}

fn all_promised() -> Formula {
    forall([N], MEMBER1.of([N, P]).implies(PROMISED.of([N, B])))
}

fn propose_chosen() -> Action {
    let guards = vec![
        one_proposal(),
        guard(
            "a quorum has promised",
            "all of a phase-1 quorum have promised this ballot, be it that they told of other \
             instances only: nobody can be chosen under a lower one without one of them",
            &[(CATCH_UP, "let State { stance: Stance::Primary(primary), learner, .. } = state")],
            all_promised(),
        ),
        guard(
            "it is known to be chosen",
            "a leader has learned that the value was chosen (PMS 2.2, P2)",
            &[(CATCH_UP, "(step.rules.page)(learner, from, until,")],
            LEARNED.of([I, V]),
        ),
    ];
    let words = "a leader proposes what was chosen, for acceptors that have missed it";
    proposing("propose what is chosen", words, vec![B, I, V, P], guards)
}

fn accept() -> Action {
    Action {
        name: "accept",
        words: "an acceptor votes",
        parameters: vec![N, B, I, V],
        claims: vec![],
        guards: vec![
            guard(
                "it was proposed",
                "an acceptor votes for what the ballot's owner has asked it to (PMS 2.2, phase 2b)",
                &[("src/paxos/node.rs", "members.owns(src, *ballot) && instance.0 < limits")],
                PROPOSED.of([B, I, V]),
            ),
            guard(
                "no higher ballot was promised",
                "an acceptor that has promised a higher ballot does not vote (PMS 2.2, P1a)",
                &[
                    (RULES, "may_accept: |promised, asked| asked >= promised"),
                    (ACCEPTOR, "step.save(Record::Promised(ballot));"),
                ],
                !LEFT.of([N, B]),
            ),
        ],
        changes: vec![adds_one(&VOTED, [N, B, I, V])],
    }
}

fn learn() -> Action {
    Action {
        name: "learn",
        words: "a leader finds out what was chosen",
        parameters: vec![B, I, V, Q],
        claims: vec![],
        guards: vec![guard(
            "a quorum has voted",
            "all of a phase-2 quorum have voted for the value under one ballot (PMS 2.2, 2.3)",
            &[
                (LEARNER, "if (rules.is_chosen)(members, tally.voters) {"),
                (RULES, "is_chosen: Members::phase2"),
                (RULES, "page: Learner::page"),
            ],
            all_voted(),
        )],
        changes: vec![adds_one(&LEARNED, [I, V])],
    }
}
