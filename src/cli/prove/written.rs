//! The specification, as people write mathematics.

use super::super::output::say;
use crate::proof::spec::{Action, Effect, Named, paxos};

/// Prints all of it.
pub(super) fn specification() {
    let specification = paxos();
    say(
        "A state is what was said so far, as relations; at first, none of these holds of anything:",
    );
    specification.state.iter().for_each(|relation| say(format_args!("  {relation}")));
    say("\nThese never change:");
    specification.fixed.iter().for_each(|relation| say(format_args!("  {relation}")));
    say("\nWhat is assumed");
    specification.axioms.iter().for_each(part);
    say("\nWhat is also true of ballots, though no proof uses it");
    specification.also.iter().for_each(part);
    say("\nWhat may happen, at any time, in any order");
    specification.actions.iter().for_each(action);
    say("\nWhat always holds, shown by induction");
    specification.invariant.iter().for_each(part);
    say("\nWhat follows");
    specification.safety.iter().for_each(part);
}

fn part(part: &Named) {
    let Named { name, words, formula } = part;
    say(format_args!("\n  {name}: {words}\n      {formula}"));
}

fn action(action: &Action) {
    let parameters: Vec<String> =
        action.parameters.iter().map(|var| format!("{var}: {}", var.sort)).collect();
    say(format_args!("\n  {}({}): {}", action.name, parameters.join(", "), action.words));
    for claim in &action.claims {
        say(format_args!("    with any   {claim}"));
    }
    for guard in &action.guards {
        let Named { name, words, formula } = &guard.named;
        say(format_args!("    if         {name}: {words}\n                 {formula}"));
        for (file, line) in guard.upheld {
            say(format_args!("                 {file}: {line}"));
        }
    }
    for change in &action.changes {
        let vars: Vec<String> = change.vars.iter().map(ToString::to_string).collect();
        let does = match change.effect {
            Effect::Adds => "from now on",
            Effect::Drops => "no more    ",
        };
        let name = change.relation.name;
        say(format_args!("    {does}{name}({}) where {}", vars.join(", "), change.of));
    }
}
