//! `synod prove --sensitivity`, `--fault` and `--without`: the obligations that fail after a change
//! of the specification.

use serde::Serialize;

use super::super::parallel;
use super::error::ProveError;
use super::kind_and_name;
use crate::cli::output::{Bars, json, say, table};
use crate::cli::verdict::Verdict;
use crate::model::mutants::mutant;
use crate::nearest::unknown;
use crate::proof::countermodel::Countermodel;
use crate::proof::explanation::Explanation;
use crate::proof::sensitivity::{Row, SMALL, Without, changes};
use crate::proof::spec::faults::FAULTS;
use crate::proof::spec::vocabulary::{BALLOT, NODE, VALUE};
use crate::proof::spec::{Named, paxos};

#[derive(Serialize)]
struct Json {
    actions: Vec<Happens>,
    changes: Vec<Changed>,
    holds: bool,
}

/// An action, with a state in which it can happen.
#[derive(Serialize)]
struct Happens {
    action: &'static str,
    /// The size of the smallest such state; none if no small one was found.
    example: Option<String>,
}

/// The effect of one change.
#[derive(Serialize)]
struct Changed {
    kind: &'static str,
    name: String,
    fails: usize,
    first: Option<String>,
    counterexample: Option<String>,
}

impl Changed {
    fn new(row: &Row) -> Self {
        let (kind, name) = kind_and_name(row.without);
        Changed {
            kind,
            name,
            fails: row.fails.len(),
            first: row.fails.first().map(ToString::to_string),
            counterexample: row.countermodel.as_ref().map(|(_, countermodel)| size(countermodel)),
        }
    }

    fn is_noticed(&self) -> bool {
        self.fails > 0 && self.counterexample.is_some()
    }
}

/// The size of a countermodel: its acceptors, ballots and values, in words.
fn size(countermodel: &Countermodel) -> String {
    let each = [(NODE, "acceptor"), (BALLOT, "ballot"), (VALUE, "value")].map(|(sort, name)| {
        let number = countermodel.structure.elements(sort).len();
        format!("{number} {name}{}", if number == 1 { "" } else { "s" })
    });
    each.join(", ")
}

/// The obligations that fail after each change.
pub(super) fn rows(progress: bool) -> Result<Vec<Row>, ProveError> {
    let changes = changes();
    let size = u64::try_from(changes.len()).ok();
    let bar = Bars::new(progress).add("left out one by one", size);
    let rows = parallel::map(&changes, |without| {
        let row = without.row();
        bar.inc(1);
        row
    });
    bar.finish_and_clear();
    Ok(rows.into_iter().collect::<Result<_, _>>()?)
}

/// Makes each change in turn, and checks that it is noticed and that each action is possible.
pub(super) fn sensitivity(as_json: bool) -> Result<Verdict, ProveError> {
    let changes: Vec<Changed> = rows(!as_json)?.iter().map(Changed::new).collect();
    let specification = paxos();
    let actions = parallel::map(&specification.actions, |action| {
        let example = specification.idle(action).countermodel(&SMALL);
        Happens { action: action.name, example: example.as_ref().map(size) }
    });
    let happen = actions.iter().all(|action| action.example.is_some());
    let holds = happen && changes.iter().all(Changed::is_noticed);
    let all = Json { actions, changes, holds };
    if as_json {
        json(&all)
    } else {
        show(&all)
    }
    Ok(holds.into())
}

fn show(all: &Json) {
    let mut rows = table(["action", "can happen, and changes something, among"], &[]);
    for action in &all.actions {
        rows.add_row([action.action, action.example.as_deref().unwrap_or("NOTHING")]);
    }
    say(format_args!("{rows}\n"));
    let headings = ["changed", "name", "fails", "first", "counterexample"];
    let mut rows = table(headings, &[2]);
    for changed in &all.changes {
        let (fault, none) = (changed.kind == "fault", "NONE IS SMALL".to_owned());
        let first = changed
            .first
            .clone()
            .unwrap_or_else(|| if fault { "NOT FOUND" } else { "NOT NEEDED" }.to_owned());
        rows.add_row([
            changed.kind.to_owned(),
            changed.name.clone(),
            changed.fails.to_string(),
            first,
            changed.counterexample.clone().unwrap_or(none),
        ]);
    }
    say(rows);
    let noticed = all.changes.iter().filter(|changed| changed.is_noticed());
    let faults = |changed: &&Changed| changed.kind == "fault";
    let (found, needed): (Vec<_>, Vec<_>) = noticed.partition(faults);
    let faults = all.changes.iter().filter(faults).count();
    let parts = all.changes.len() - faults;
    let (needed, found) = (needed.len(), found.len());
    say(format_args!(
        "\n{needed} of {parts} axioms, conjuncts and guards are needed; {found} of {faults} faults \
         are found."
    ));
}

/// The fault of this name.
pub(super) fn find_fault(name: &str) -> Result<Without, ProveError> {
    let fault = FAULTS.iter().find(|fault| fault.name == name);
    let known = || FAULTS.iter().map(|fault| fault.name);
    fault.map(|fault| Without::Fault(fault.name)).ok_or_else(|| match mutant(name) {
        Some(_) => ProveError::Mutant(name.to_owned()),
        None => ProveError::NoFault(unknown("fault", name, known())),
    })
}

/// The axioms, conjuncts and guards of this name. A guard's name may be prefixed by its action's.
pub(super) fn find_parts(name: &str) -> Result<Vec<Without>, ProveError> {
    let parts = changes().into_iter().filter(|part| !matches!(part, Without::Fault(_)));
    let (found, others): (Vec<_>, Vec<_>) = parts.partition(|part| match part {
        Without::Guard(_, own) if *own == name => true,
        part => kind_and_name(*part).1 == name,
    });
    if found.is_empty() {
        let known: Vec<String> = others.iter().map(|part| kind_and_name(*part).1).collect();
        let known = known.iter().map(String::as_str);
        return Err(ProveError::NoPart(unknown("axiom, conjunct or guard", name, known)));
    }
    Ok(found)
}

/// The meaning of a part, or the description of a fault, in a sentence.
fn words(without: Without) -> &'static str {
    let whole = paxos();
    let of = |all: &[Named], name| all.iter().find(|part| part.name == name).map(|part| part.words);
    let words = match without {
        Without::Axiom(name) => of(&whole.axioms, name),
        Without::Conjunct(name) => of(&whole.invariant, name),
        Without::Guard(action, name) => whole.action(action).and_then(|action| {
            let guards: Vec<Named> = action.guards.iter().map(|g| g.named.clone()).collect();
            of(&guards, name)
        }),
        Without::Fault(name) => FAULTS.iter().find(|fault| fault.name == name).map(|f| f.words),
    };
    words.unwrap_or_default()
}

#[derive(Serialize)]
struct JsonStories {
    changes: Vec<JsonChange>,
}

#[derive(Serialize)]
struct JsonChange {
    kind: &'static str,
    name: String,
    words: &'static str,
    fails: Vec<JsonExplanation>,
}

#[derive(Serialize)]
struct JsonExplanation {
    obligation: String,
    explanation: Option<String>,
}

/// Explains the failure of each obligation that fails after these changes.
pub(super) fn stories(changes: &[Without], as_json: bool) -> Result<Verdict, ProveError> {
    let mut all = Vec::new();
    for without in changes {
        let specification = without.specification();
        let fails = specification.unprovable()?;
        let fails = parallel::map(&fails, |obligation| {
            let countermodel = obligation.countermodel(&SMALL);
            let explanation =
                countermodel.as_ref().map(|c| Explanation::new(&specification, obligation, c));
            let explanation = explanation.map(|explanation| explanation.to_string());
            JsonExplanation { obligation: obligation.to_string(), explanation }
        });
        let (kind, name) = kind_and_name(*without);
        all.push(JsonChange { kind, name, words: words(*without), fails });
    }
    let holds = all.iter().all(|change| change.fails.is_empty());
    if as_json {
        json(&JsonStories { changes: all });
        return Ok(holds.into());
    }
    for (place, change) in all.iter().enumerate() {
        if place > 0 {
            say("");
        }
        show_stories(change);
    }
    Ok(holds.into())
}

fn show_stories(change: &JsonChange) {
    let JsonChange { kind, name, words, fails } = change;
    let how = if *kind == "fault" { "with" } else { "without" };
    say(format_args!("{how} the {kind} '{name}': {words}"));
    say(match fails.len() {
        0 => "everything can be proved all the same".to_owned(),
        1 => "1 obligation cannot be proved".to_owned(),
        many => format!("{many} obligations cannot be proved"),
    });
    for JsonExplanation { obligation, explanation } in fails {
        let none = "  no small structure shows that it is wrong";
        say(format_args!("\n{obligation}\n{}", explanation.as_deref().unwrap_or(none)));
    }
}
