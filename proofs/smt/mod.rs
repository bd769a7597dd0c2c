//! Obligations as SMT-LIB 2, for solvers that know nothing of this project.
//!
//! A query asserts the hypotheses of an obligation and the negation of its goal. A solver answers
//! `unsat` if the obligation is proved, and `sat` if it has a countermodel. The expected answer
//! stands in a comment, which no solver reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::logic::{Formula, Relation, Sort, Var};
use super::obligation::Obligation;
use super::sensitivity::Row;
use super::spec::Specification;

mod print;

use print::{Term, list, with, word};

/// The answer of a solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// No structure satisfies the assertions.
    Unsat,
    /// Some structure satisfies them.
    Sat,
}

/// A query to a solver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// A name for its file: lower-case letters, digits and dashes.
    pub name: String,
    /// A description of the query, in one line.
    pub about: String,
    /// The expected answer.
    pub expected: Answer,
    /// The query in SMT-LIB 2.
    pub text: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Unsat => "unsat",
            Answer::Sat => "sat",
        })
    }
}

/// The query for the obligation's proof: `unsat` if it holds.
#[cfg(test)]
pub fn smt2(obligation: &Obligation) -> String {
    text(obligation, &obligation.to_string(), Answer::Unsat)
}

/// The query for a realistic countermodel, with the axioms of `also`: `sat` if the obligation
/// should fail.
#[cfg(test)]
pub fn smt2_countermodel(obligation: &Obligation) -> String {
    text(obligation, &obligation.to_string(), Answer::Sat)
}

impl Query {
    fn new(about: String, expected: Answer, obligation: &Obligation) -> Self {
        let text = text(obligation, &about, expected);
        Query { name: slug(&about), about, expected, text }
    }

    /// The query that shows the first obligation that fails after a change to be false; none if all
    /// hold.
    pub fn of_row(row: &Row) -> Option<Self> {
        let first = row.fails.first()?;
        let query = Query::new(format!("{}, {first}", row.without), Answer::Sat, first);
        Some(Query { name: slug(&row.without.to_string()), ..query })
    }
}

impl Specification {
    /// The queries for all obligations, and for each action to be possible.
    pub fn queries(&self) -> Vec<Query> {
        let obligations = self.obligations();
        let shown = obligations.iter().map(|o| Query::new(o.to_string(), Answer::Unsat, o));
        let possible = self.actions.iter().map(|action| {
            let about = format!("{} can happen", action.name);
            Query::new(about, Answer::Sat, &self.idle(action))
        });
        shown.chain(possible).collect()
    }
}

/// A file name made of the text's letters and digits.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// A comment line. Characters other than printable ASCII become `?`, so that it stays one line.
fn comment(text: &str) -> String {
    let line = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    format!("; {}\n", line.collect::<String>())
}

fn text(obligation: &Obligation, about: &str, expected: Answer) -> String {
    let also = match expected {
        Answer::Unsat => &[][..],
        Answer::Sat => &obligation.also,
    };
    let negated = !obligation.goal.clone();
    let formulas = obligation.hypotheses.iter().map(|(_, formula)| formula);
    let all: Vec<&Formula> = formulas.chain(also).chain([&negated]).collect();
    let symbols = Symbols::new(&all);
    let mut text = comment(about) + &comment(&format!("expected: {expected}"));
    text += &format!("(set-logic UF)\n\n{}", symbols.declarations());
    let mut assert = |of: String, formula: &Formula| {
        let term = list([word("assert"), symbols.term(formula)]);
        text += &format!("\n{}{term}\n", comment(&of));
    };
    for (name, formula) in &obligation.hypotheses {
        assert(format!("known: {name}"), formula);
    }
    also.iter().for_each(|formula| assert("also true, though no proof uses it".into(), formula));
    assert(format!("the goal is false: {}", obligation.holds), &negated);
    text + "\n(check-sat)\n"
}

/// The SMT-LIB names of sorts, relations and variables, all distinct.
#[derive(Default)]
struct Symbols<'f> {
    sorts: BTreeMap<Sort, String>,
    relations: BTreeMap<&'f Relation, String>,
    vars: BTreeMap<Var, String>,
    constants: BTreeSet<Var>,
    taken: BTreeSet<String>,
}

/// The reserved words of SMT-LIB and its solvers.
const RESERVED: [&str; 62] = [
    "",
    "BINARY",
    "DECIMAL",
    "HEXADECIMAL",
    "NUMERAL",
    "STRING",
    "_",
    "as",
    "exists",
    "forall",
    "lambda",
    "let",
    "match",
    "par",
    "and",
    "assert",
    "assert-soft",
    "check-sat",
    "check-sat-assuming",
    "declare-const",
    "declare-datatype",
    "declare-datatypes",
    "declare-fun",
    "declare-sort",
    "define-const",
    "define-fun",
    "define-fun-rec",
    "define-funs-rec",
    "define-sort",
    "distinct",
    "echo",
    "eval",
    "exit",
    "false",
    "get-assertions",
    "get-assignment",
    "get-info",
    "get-model",
    "get-option",
    "get-proof",
    "get-unsat-assumptions",
    "get-unsat-core",
    "get-value",
    "if",
    "iff",
    "implies",
    "include",
    "ite",
    "maximize",
    "minimize",
    "not",
    "or",
    "pop",
    "push",
    "reset",
    "reset-assertions",
    "set-info",
    "set-logic",
    "set-option",
    "true",
    "xor",
    "Bool",
];

impl<'f> Symbols<'f> {
    fn new(formulas: &[&'f Formula]) -> Self {
        let mut symbols = Symbols::default();
        let relations: BTreeSet<_> = formulas.iter().flat_map(|f| f.relations()).collect();
        symbols.constants = formulas.iter().flat_map(|f| f.constants()).collect();
        let mut vars = symbols.constants.clone();
        formulas.iter().for_each(|formula| collect_bound(formula, &mut vars));
        let sorts = vars.iter().map(|var| var.sort);
        let sorts = sorts.chain(relations.iter().flat_map(|relation| relation.sorts).copied());
        for sort in sorts.collect::<BTreeSet<_>>() {
            let name = symbols.give(sort.0.to_owned());
            symbols.sorts.insert(sort, name);
        }
        for relation in relations {
            let name = symbols.give(relation.name.to_owned());
            symbols.relations.insert(relation, name);
        }
        for var in vars {
            let name = symbols.give(var.to_string());
            symbols.vars.insert(var, name);
        }
        symbols
    }

    /// A new name like this one, distinct from all others.
    fn give(&mut self, like: String) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let mut base: String = like.chars().map(plain).collect();
        if !base.starts_with(|c: char| c.is_ascii_alphabetic()) {
            base.insert_str(0, "s_");
        }
        let mut name = base.clone();
        let mut number = 1;
        while RESERVED.contains(&name.as_str()) || !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{base}_{number}");
        }
        name
    }

    fn sort(&self, sort: Sort) -> Term {
        word(self.sorts.get(&sort).map_or(sort.0, String::as_str))
    }

    fn var(&self, var: Var) -> Term {
        word(self.vars.get(&var).map_or(var.name, String::as_str))
    }

    fn declarations(&self) -> String {
        let sorts = self.sorts.values().map(|name| format!("(declare-sort {name} 0)\n"));
        let relations = self.relations.iter().map(|(relation, name)| {
            let sorts = list(relation.sorts.iter().map(|sort| self.sort(*sort)));
            format!("(declare-fun {name} {sorts} Bool)\n")
        });
        let constants = self
            .constants
            .iter()
            .map(|var| format!("(declare-const {} {})\n", self.var(*var), self.sort(var.sort)));
        sorts.chain(relations).chain(constants).collect()
    }

    fn term(&self, formula: &Formula) -> Term {
        match formula {
            Formula::Holds(relation, args) => {
                let name = word(self.relations.get(relation).map_or(relation.name, String::as_str));
                if args.is_empty() {
                    return name;
                }
                list([name].into_iter().chain(args.iter().map(|var| self.var(*var))))
            }
            Formula::Equal(one, two) => list([word("="), self.var(*one), self.var(*two)]),
            Formula::Not(inner) => list([word("not"), self.term(inner)]),
            Formula::And(all) => self.join("and", "true", all),
            Formula::Or(all) => self.join("or", "false", all),
            Formula::Implies(one, two) => with(word("=>"), self.term(one), self.term(two)),
            Formula::Forall(vars, body) => self.quantified("forall", vars, body),
            Formula::Exists(vars, body) => self.quantified("exists", vars, body),
        }
    }

    fn join(&self, by: &str, none: &str, all: &[Formula]) -> Term {
        match all {
            [] => word(none),
            [only] => self.term(only),
            _ => list([word(by)].into_iter().chain(all.iter().map(|formula| self.term(formula)))),
        }
    }

    fn quantified(&self, by: &str, vars: &[Var], body: &Formula) -> Term {
        if vars.is_empty() {
            return self.term(body);
        }
        let var = |var: &Var| list([self.var(*var), self.sort(var.sort)]);
        with(word(by), list(vars.iter().map(var)), self.term(body))
    }
}

/// Collects the variables bound by quantifiers.
fn collect_bound(formula: &Formula, vars: &mut BTreeSet<Var>) {
    match formula {
        Formula::Holds(..) | Formula::Equal(..) => {}
        Formula::Not(f) => collect_bound(f, vars),
        Formula::And(all) | Formula::Or(all) => all.iter().for_each(|f| collect_bound(f, vars)),
        Formula::Implies(one, two) => {
            collect_bound(one, vars);
            collect_bound(two, vars);
        }
        Formula::Forall(bound, f) | Formula::Exists(bound, f) => {
            vars.extend(bound);
            collect_bound(f, vars);
        }
    }
}
