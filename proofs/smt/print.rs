//! S-expressions of SMT-LIB 2, broken into lines.

use std::fmt;

/// The greatest width of a line, in characters.
const WIDTH: usize = 100;

/// An S-expression: a word or a list.
pub(super) enum Term {
    Word(String),
    /// The items that stay on the first line, and those that may follow on lines of their own.
    List(Vec<Term>, Vec<Term>),
}

/// A word.
pub(super) fn word(word: &str) -> Term {
    Term::Word(word.to_owned())
}

/// A list; its first item stays on the first line.
pub(super) fn list(items: impl IntoIterator<Item = Term>) -> Term {
    let mut items = items.into_iter();
    Term::List(items.next().into_iter().collect(), items.collect())
}

/// A list of a word, an item beside it (a quantifier's variables or a premise), and a body below
/// them.
pub(super) fn with(word: Term, beside: Term, then: Term) -> Term {
    Term::List(vec![word, beside], vec![then])
}

impl Term {
    /// The length in characters when written on one line.
    fn len(&self) -> usize {
        match self {
            Term::Word(word) => word.len(),
            Term::List(head, rest) => {
                let items = head.iter().chain(rest);
                let lengths: usize = items.clone().map(Term::len).sum();
                lengths + items.count().saturating_sub(1) + 2
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let Term::List(head, rest) = self else {
            let Term::Word(word) = self else { return Ok(()) };
            return f.write_str(word);
        };
        let fits = indent + self.len() <= WIDTH;
        f.write_str("(")?;
        for (place, item) in head.iter().enumerate() {
            f.write_str(if place > 0 { " " } else { "" })?;
            item.write(f, indent + 4)?;
        }
        for item in rest {
            if fits {
                f.write_str(" ")?;
            } else {
                write!(f, "\n{:1$}", "", indent + 2)?;
            }
            item.write(f, indent + 2)?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
