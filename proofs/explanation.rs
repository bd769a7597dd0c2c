//! Explanations of countermodels, in words and formulas.

use std::fmt;

use super::countermodel::Countermodel;
use super::logic::{Element, Relation, Sort, Structure, Valuation, Var};
use super::obligation::{Moment, Obligation};
use super::spec::vocabulary::{BALLOT, BELOW, MEMBER1, MEMBER2, NODE, name};
use super::spec::{Action, Named, Specification};

/// The explanation of a countermodel: a state, the action in it, and the property that is violated
/// then.
#[derive(Debug)]
pub struct Explanation<'s> {
    specification: &'s Specification,
    obligation: &'s Obligation,
    countermodel: &'s Countermodel,
}

impl<'s> Explanation<'s> {
    /// The explanation of this countermodel to an obligation of this specification.
    pub fn new(
        specification: &'s Specification,
        obligation: &'s Obligation,
        countermodel: &'s Countermodel,
    ) -> Self {
        Explanation { specification, obligation, countermodel }
    }

    fn action(&self) -> Option<&Action> {
        match self.obligation.moment {
            Moment::After(action) => self.specification.action(action),
            Moment::Start | Moment::Always => None,
        }
    }

    fn formula(&self) -> Option<&Named> {
        let Specification { invariant, safety, .. } = self.specification;
        invariant.iter().chain(safety).find(|named| named.name == self.obligation.holds)
    }

    /// The name of an element. Ballots are numbered by their order.
    fn name(&self, sort: Sort, element: Element) -> String {
        let structure = &self.countermodel.structure;
        let place = match sort {
            BALLOT => structure
                .elements(BALLOT)
                .filter(|other| structure.has(&BELOW, &[*other, element]))
                .count(),
            _ => usize::from(element),
        };
        name(sort, place)
    }

    fn values(&self, values: &[(Var, Element)]) -> String {
        let value = |(var, element): &(Var, Element)| {
            format!("{} = {}", var.name, self.name(var.sort, *element))
        };
        values.iter().map(value).collect::<Vec<_>>().join(", ")
    }

    fn tuples(&self, relation: &Relation, structure: &Structure) -> Vec<String> {
        let tuple = |tuple: &[Element]| {
            let names = relation.sorts.iter().zip(tuple).map(|(sort, e)| self.name(*sort, *e));
            format!("{}({})", relation.name, names.collect::<Vec<_>>().join(", "))
        };
        structure.tuples(relation).map(tuple).collect()
    }

    /// The tuples of these relations, or "nothing".
    fn facts(&self, relations: &[&'static Relation], structure: &Structure) -> String {
        let each = relations.iter().flat_map(|relation| self.tuples(relation, structure));
        let facts: Vec<String> = each.collect();
        if facts.is_empty() { "nothing".to_owned() } else { facts.join(", ") }
    }

    /// The elements of each sort: ballots in their order, and quorums with their members.
    fn things(&self) -> String {
        let structure = &self.countermodel.structure;
        let mut things = Vec::new();
        for sort in structure.sizes().keys() {
            let mut names: Vec<_> = structure
                .elements(*sort)
                .map(|e| (self.name(*sort, e), self.members(*sort, e)))
                .collect();
            names.sort();
            let names = names.into_iter().map(|(name, members)| name + &members);
            things.push(names.collect::<Vec<_>>().join(if *sort == BALLOT { " < " } else { ", " }));
        }
        things.join("; ")
    }

    fn members(&self, quorum: Sort, element: Element) -> String {
        let of = [&MEMBER1, &MEMBER2].into_iter().find(|member| member.sorts == [NODE, quorum]);
        let Some(member) = of else { return String::new() };
        let structure = &self.countermodel.structure;
        let nodes = structure.elements(NODE).filter(|n| structure.has(member, &[*n, element]));
        let nodes: Vec<String> = nodes.map(|n| self.name(NODE, n)).collect();
        format!(" = {{{}}}", nodes.join(", "))
    }

    /// The tuples that the action has added and dropped.
    fn news(&self, after: &Structure) -> String {
        let before = &self.countermodel.structure;
        let mut news = Vec::new();
        for relation in &self.specification.state {
            let (old, new) = (self.tuples(relation, before), self.tuples(relation, after));
            news.extend(new.iter().filter(|t| !old.contains(t)).map(|t| format!("+ {t}")));
            news.extend(old.iter().filter(|t| !new.contains(t)).map(|t| format!("- {t}")));
        }
        if news.is_empty() { "nothing changes".to_owned() } else { news.join(", ") }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Countermodel { structure, values } = self.countermodel;
        writeln!(f, "  there are   {}", self.things())?;
        writeln!(f, "  said so far {}", self.facts(&self.specification.state, structure))?;
        let mut after = structure.clone();
        if let Some(action) = self.action() {
            let parameter = |(var, _): &&(Var, Element)| action.parameters.contains(var);
            let parameters: Valuation = values.iter().filter(parameter).copied().collect();
            writeln!(f, "  then        {} ({})", action.words, action.name)?;
            if !parameters.is_empty() {
                writeln!(f, "  where       {}", self.values(&parameters))?;
            }
            if !action.claims.is_empty() {
                writeln!(f, "  who claims  {}", self.facts(&action.claims, structure))?;
            }
            after = action.perform(structure, values);
            writeln!(f, "  afterwards  {}", self.news(&after))?;
        }
        let Some(named) = self.formula() else { return Ok(()) };
        let refutation = after.refutation(&named.formula, values).unwrap_or_default();
        let bound = refutation.get(values.len()..).unwrap_or_default();
        writeln!(f, "  and yet     {}", named.words)?;
        write!(f, "  wrong for   {}, in  {}", self.values(bound), named.formula)
    }
}
