//! Terms of SMT-LIB 2, on as few lines as are readable.

use std::fmt;

/// As wide as a line may be.
const WIDTH: usize = 100;

/// A word, or a list in brackets.
pub(super) enum Term {
    Word(String),
    /// What stands on the first line in any case, and what may stand below.
    List(Vec<Term>, Vec<Term>),
}

/// A word.
pub(super) fn word(word: &str) -> Term {
    Term::Word(word.to_owned())
}

/// A list; its first item says what it is.
pub(super) fn list(items: impl IntoIterator<Item = Term>) -> Term {
    let mut items = items.into_iter();
    Term::List(items.next().into_iter().collect(), items.collect())
}

/// A word and what belongs beside it: a quantifier's variables, or a premise; and what is said then.
pub(super) fn with(word: Term, beside: Term, then: Term) -> Term {
    Term::List(vec![word, beside], vec![then])
}

impl Term {
    /// How long it is on one line.
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
