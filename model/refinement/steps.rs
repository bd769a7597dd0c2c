//! Steps of the real actors, explained by actions of the specification.

use std::sync::LazyLock;

use super::super::engine::observe::Judged;
use super::super::facts::{Fact, Facts};
use super::super::properties::StepSeen;
use super::view::{Page, View};
use crate::paxos::{Members, Vote};
use crate::proof::logic::{Element, Formula, Var};
use crate::proof::spec::vocabulary::*;
use crate::proof::spec::{Action, Specification, paxos};

/// The specification that is proved.
pub(super) static PAXOS: LazyLock<Specification> = LazyLock::new(paxos);

/// The actions by which a decree is proposed.
const PROPOSE: [&str; 3] = ["propose", "propose again", "propose what is chosen"];

/// The guard of a proposal that is false once the proposal was made.
const FRESH: &str = "one proposal";

/// The guard that compares an acceptor with itself.
const PROMISED: &str = "no higher ballot was promised";

/// The values of an action's parameters, as far as they are known.
type Known = [(Var, Element)];

/// The reason why none of these actions is possible, judged by the guards that `counts` selects;
/// none if one is possible.
fn unexplained(
    view: &View,
    actions: &[&str],
    known: &Known,
    counts: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut why = Vec::new();
    for action in actions.iter().filter_map(|name| PAXOS.action(name)) {
        let guards = action.guards.iter().map(|guard| &guard.named);
        let guards: Vec<_> = guards.filter(|named| counts(named.name)).collect();
        let all = guards.iter().map(|named| named.formula.clone()).collect();
        if possible(view, action, known, Formula::And(all)) {
            return None;
        }
        let unmet =
            guards.iter().find(|named| !possible(view, action, known, named.formula.clone()));
        why.push(match unmet {
            Some(named) => {
                format!("'{}' of '{}' is not met: {}", named.name, action.name, named.words)
            }
            None => format!("the guards of '{}' are not met together", action.name),
        });
    }
    Some(why.join("; "))
}

/// True if the guard holds for some values of the action's unknown parameters.
fn possible(view: &View, action: &Action, known: &Known, guard: Formula) -> bool {
    let is_known = |var: &Var| known.iter().any(|(other, _)| other == var);
    let open = action.parameters.iter().copied().filter(|var| !is_known(var)).collect();
    let mut values = view.constants();
    values.extend_from_slice(known);
    view.structure.satisfies(&Formula::Exists(open, Box::new(guard)), &mut values)
}

fn any(_: &str) -> bool {
    true
}

/// The ballot, instance and value of a proposal, as parameters.
fn proposal(view: &View, vote: &Vote) -> [(Var, Element); 3] {
    let [ballot, instance, value] = view.vote(vote);
    [(B, ballot), (I, instance), (V, value)]
}

fn said(vote: &Vote) -> String {
    format!("{} at {} under {}", vote.decree, vote.instance, vote.ballot)
}

/// The proposal in a fact, if it is one.
fn proposed(fact: &Fact) -> Option<&Vote> {
    match fact {
        Fact::Proposed(vote) => Some(vote),
        _ => None,
    }
}

/// Finds a new proposal that no action explains.
pub(super) fn proposals(members: &Members, step: &StepSeen<'_>) -> Judged<String> {
    let mut view = View::of(members, step.all, step.after);
    let new = step.news().filter_map(|fact| Some((fact, proposed(fact)?)));
    let each = new.map(|(fact, vote)| {
        let why = unexplained(&view, &PROPOSE, &proposal(&view, vote), any);
        // The next proposal of the same step comes after this one.
        view.relate(fact);
        Some(format!("{} is proposed, but {}", said(vote), why?))
    });
    each.collect()
}

/// Finds any proposal, old or new, that no action explains. Guards of proposals stay true, except
/// for [`FRESH`].
pub(super) fn unexplained_proposal(members: &Members, facts: &Facts) -> Judged<String> {
    let view = View::of(members, facts, &Facts::new());
    let each = facts.iter().filter_map(proposed).map(|vote| {
        let why = unexplained(&view, &PROPOSE, &proposal(&view, vote), |guard| guard != FRESH)?;
        Some(format!("{} was proposed, but {why}", said(vote)))
    });
    each.collect()
}

/// Finds a new vote that is not explained.
pub(super) fn votes(members: &Members, step: &StepSeen<'_>) -> Judged<String> {
    unexplained_vote(members, step, any)
}

/// Finds a new vote below the acceptor's promise.
pub(super) fn votes_below_promise(members: &Members, step: &StepSeen<'_>) -> Judged<String> {
    unexplained_vote(members, step, |guard| guard == PROMISED)
}

fn unexplained_vote(
    members: &Members,
    step: &StepSeen<'_>,
    counts: impl Fn(&str) -> bool + Copy,
) -> Judged<String> {
    let view = View::of(members, step.all, step.after);
    let votes = step.news().filter_map(|fact| match fact {
        Fact::SaidVoted(acceptor, vote) => Some((acceptor, vote)),
        _ => None,
    });
    let each = votes.map(|(acceptor, vote)| {
        let [ballot, instance, value] = proposal(&view, vote);
        let known = [(N, acceptor.0), ballot, instance, value];
        let why = unexplained(&view, &["accept"], &known, counts)?;
        Some(format!("{acceptor} votes for {}, but {why}", said(vote)))
    });
    each.collect()
}

/// Finds a new page of a promise that is not explained. The votes that the same step reports for
/// the first time come before it.
pub(super) fn promises(members: &Members, step: &StepSeen<'_>) -> Judged<String> {
    let mut view = View::of(members, step.all, step.after);
    for fact in step.news().filter(|fact| matches!(fact, Fact::SaidVoted(..))) {
        view.relate(fact);
    }
    let each = step.news().filter_map(Page::of).map(|page| {
        view.claim(&page);
        let known = [(N, page.span.acceptor.0), (B, view.ballot(page.span.ballot))];
        let why = unexplained(&view, &["promise"], &known, any)?;
        Some(format!("{} promises {}, but {why}", page.span.acceptor, page.span.ballot))
    });
    each.collect()
}

/// Finds something newly learned that is not explained.
pub(super) fn learned(members: &Members, step: &StepSeen<'_>) -> Judged<String> {
    let view = View::of(members, step.all, step.after);
    let new = step.news().filter_map(|fact| match fact {
        Fact::Learned(leader, instance, decree) => Some((leader, *instance, decree)),
        _ => None,
    });
    let each = new.map(|(leader, instance, decree)| {
        let known = [(I, view.instance(instance)), (V, view.value(decree))];
        let why = unexplained(&view, &["learn"], &known, any)?;
        Some(format!("{leader} learns {decree} at {instance}, but {why}"))
    });
    each.collect()
}
