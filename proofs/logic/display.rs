//! Formulas in mathematical notation.

use std::fmt;

use super::formula::{Formula, Relation, Sort, Var};

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.index > 0 { write!(f, "{}", self.index) } else { Ok(()) }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorts: Vec<&str> = self.sorts.iter().map(|sort| sort.0).collect();
        write!(f, "{}({})", self.name, sorts.join(", "))
    }
}

/// The precedence of a formula's outermost operator. A higher one binds more tightly, so brackets
/// are written only where they are needed.
fn strength(formula: &Formula) -> u8 {
    match formula {
        Formula::Holds(Relation { infix: Some(_), .. }, _) | Formula::Equal(..) => 4,
        Formula::Holds(..) | Formula::Not(_) => 5,
        Formula::And(all) if !all.is_empty() => 3,
        Formula::Or(all) if !all.is_empty() => 2,
        Formula::And(_) | Formula::Or(_) => 5,
        Formula::Implies(..) => 1,
        Formula::Forall(..) | Formula::Exists(..) => 0,
    }
}

/// Writes the formula, in brackets if its precedence is below `least`.
fn part(f: &mut fmt::Formatter<'_>, formula: &Formula, least: u8) -> fmt::Result {
    if strength(formula) >= least { write!(f, "{formula}") } else { write!(f, "({formula})") }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, all: &[T], between: &str) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        write!(f, "{}{one}", if place > 0 { between } else { "" })?;
    }
    Ok(())
}

fn join(f: &mut fmt::Formatter<'_>, all: &[Formula], by: &str, least: u8) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        f.write_str(if place > 0 { by } else { "" })?;
        part(f, one, least)?;
    }
    Ok(())
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Formula::Holds(Relation { infix: Some(infix), .. }, args) => {
                list(f, args, &format!(" {infix} "))
            }
            Formula::Holds(Relation { name, .. }, args) => {
                write!(f, "{name}(")?;
                list(f, args, ", ")?;
                f.write_str(")")
            }
            Formula::Equal(one, two) => write!(f, "{one} = {two}"),
            Formula::Not(inner) => match &**inner {
                Formula::Equal(one, two) => write!(f, "{one} ≠ {two}"),
                other => {
                    f.write_str("¬")?;
                    part(f, other, 5)
                }
            },
            Formula::And(all) if all.is_empty() => f.write_str("true"),
            Formula::Or(all) if all.is_empty() => f.write_str("false"),
            Formula::And(all) => join(f, all, " ∧ ", 4),
            Formula::Or(all) => join(f, all, " ∨ ", 3),
            Formula::Implies(one, two) => {
                part(f, one, 2)?;
                f.write_str(" → ")?;
                part(f, two, if matches!(**two, Formula::Implies(..)) { 2 } else { 0 })
            }
            Formula::Forall(vars, body) => {
                f.write_str("∀ ")?;
                list(f, vars, ", ")?;
                write!(f, ". {body}")
            }
            Formula::Exists(vars, body) => {
                f.write_str("∃ ")?;
                list(f, vars, ", ")?;
                write!(f, ". {body}")
            }
        }
    }
}
