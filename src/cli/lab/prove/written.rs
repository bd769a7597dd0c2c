//! `synod prove --spec` and `--examples`: the specification in mathematical notation, and a state
//! in which each action is possible.

use std::fmt::Display;

use crate::cli::output::say;
use crate::cli::verdict::Verdict;
use crate::proof::explanation::Explanation;
use crate::proof::sensitivity::SMALL;
use crate::proof::spec::{Action, Effect, Named, paxos};

/// The greatest width of a line of words.
const WIDTH: usize = 80;

/// Prints the whole specification.
pub(super) fn specification() {
    let specification = paxos();
    say("A state is what was said so far, as relations. At first none of them holds of anything.");
    specification.state.iter().for_each(|relation| say(format_args!("    {relation}")));
    say("\nThese never change.");
    specification.fixed.iter().for_each(|relation| say(format_args!("    {relation}")));
    say("\nWHAT IS ASSUMED");
    specification.axioms.iter().for_each(part);
    say("\nWHAT IS ALSO TRUE, though no proof uses it");
    specification.also.iter().for_each(part);
    say("\nWHAT MAY HAPPEN, at any time, in any order");
    specification.actions.iter().for_each(action);
    say("\nWHAT ALWAYS HOLDS");
    specification.invariant.iter().for_each(part);
    say("\nWHAT FOLLOWS");
    specification.safety.iter().for_each(part);
}

/// Prints each action with a smallest state in which it is possible.
pub(super) fn examples() -> Verdict {
    let specification = paxos();
    let mut all = true;
    for action in &specification.actions {
        say(format_args!("{} can happen:", action.name));
        let idle = specification.example(action);
        match idle.countermodel(&SMALL) {
            Some(countermodel) => {
                say(Explanation::new(&specification, &idle, &countermodel));
            }
            None => {
                all = false;
                say("  NOT IN ANY SMALL STATE\n");
            }
        }
    }
    all.into()
}

fn part(part: &Named) {
    say(format_args!("\n  {}", part.name));
    meaning(part, 4);
}

/// Prints the meaning in words and the formula.
fn meaning(Named { words, formula, .. }: &Named, indent: usize) {
    wrapped(words, indent);
    line(formula, indent);
}

fn line(text: impl Display, indent: usize) {
    say(format_args!("{:indent$}{text}", ""));
}

fn wrapped(words: &str, indent: usize) {
    let mut now = String::new();
    for word in words.split_whitespace() {
        if !now.is_empty() && indent + now.len() + 1 + word.len() > WIDTH {
            line(&now, indent);
            now.clear();
        }
        if !now.is_empty() {
            now.push(' ');
        }
        now += word;
    }
    line(now, indent);
}

fn action(action: &Action) {
    let parameters = action.parameters.iter().map(|var| format!("{var}: {}", var.sort));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    say(format_args!("\n  {}({parameters})", action.name));
    wrapped(action.words, 4);
    for claim in &action.claims {
        line(format_args!("with any {claim}"), 4);
    }
    for guard in &action.guards {
        line(format_args!("if {}", guard.named.name), 4);
        meaning(&guard.named, 7);
        for (file, code) in guard.upheld {
            line(format_args!("{file}: {code}"), 7);
        }
    }
    for change in &action.changes {
        let vars: Vec<String> = change.vars.iter().map(ToString::to_string).collect();
        let (name, vars, of) = (change.relation.name, vars.join(", "), &change.of);
        let not = match change.effect {
            Effect::Adds => "",
            Effect::Drops => "no more ",
        };
        line(format_args!("then {not}{name}({vars}) where {of}"), 4);
    }
}
