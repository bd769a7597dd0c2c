//! The progress of a promise: the pages of votes that an acceptor has told a candidate.

use std::collections::BTreeMap;

use super::command::Instance;
use super::invariants::{Invariants, holds};
use super::learner::Learner;

/// A question to an acceptor: for up to `pages` pages of its votes, from instance `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The first instance asked about.
    pub from: Instance,
    /// The most pages in the answer.
    pub pages: u32,
}

/// The votes that one acceptor has told of, and the last question that it was asked.
///
/// Pages are asked for ahead: the first page of an answer says where the last one ends, and the next question
/// starts there. So two answers are under way at a time, whatever the round trip. Answers grow as long as
/// none is lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Telling {
    /// The instances told of, as spans: first instance to the one after the last; `None` for a span without
    /// an end. Invariant: disjoint, and not adjacent.
    spans: BTreeMap<Instance, Option<Instance>>,
    /// The start of the last question. Everything below was asked for.
    asked: Instance,
    /// The most pages that the last question asked for.
    pages: u32,
    /// True if there was news since the last look for lost answers.
    news: bool,
    /// The number of looks in a row without news.
    waited: u32,
    /// The number of looks in a row that may pass without news: one more than ever passed before some news
    /// came. So answers under way are not taken for lost, however long the round trip.
    patience: u32,
}

impl Telling {
    /// An acceptor that has told nothing yet, and was asked for one page from here on.
    pub fn new(asked: Instance) -> Self {
        let spans = BTreeMap::new();
        Telling { spans, asked, pages: 1, news: false, waited: 0, patience: 0 }
    }

    /// Checks the invariants of this state.
    pub(super) fn invariants(&self) -> Invariants {
        let spans = || self.spans.iter();
        let apart = spans().zip(spans().skip(1)).all(|((_, end), (next, _))| *end < Some(*next));
        // Nothing comes after a span without an end.
        let last = spans().rev().skip(1).all(|(_, end)| end.is_some());
        holds(apart && last, "spans that were told of overlap, or are adjacent")?;
        let long = spans().all(|(start, end)| end.is_none_or(|end| *start < end));
        holds(long, "nothing is in a span that was told of")
    }

    /// Records that the acceptor has told of `from` up to `next`, or of all from `from` on. Returns false if
    /// that is no news.
    pub fn tell(&mut self, from: Instance, next: Option<Instance>) -> bool {
        if self.is_told(from, next) || next.is_some_and(|next| next <= from) {
            return false;
        }
        let (mut start, mut end) = (from, next);
        let joins = |other: Option<Instance>, to: Instance| other.is_none_or(|end| end >= to);
        if let Some((before, until)) = self.spans.range(..=from).next_back()
            && joins(*until, from)
        {
            start = *before;
            end = later(end, *until);
        }
        while let Some((at, until)) = self.spans.range(start..).next().map(|(a, u)| (*a, *u))
            && end.is_none_or(|end| at <= end)
        {
            self.spans.remove(&at);
            end = later(end, until);
        }
        self.spans.insert(start, end);
        (self.news, self.patience) = (true, self.patience.max(self.waited + 1));
        true
    }

    fn is_told(&self, from: Instance, next: Option<Instance>) -> bool {
        let Some((_, until)) = self.spans.range(..=from).next_back() else { return false };
        match (until, next) {
            (None, _) => true,
            (Some(until), Some(next)) => next <= *until,
            (Some(_), None) => false,
        }
    }

    /// The first instance from `from` on that was not told of and is not known to be chosen, if any.
    pub fn missing(&self, from: Instance, learner: &Learner) -> Option<Instance> {
        let mut at = from;
        loop {
            let unknown = learner.next_unchosen(at);
            match self.spans.range(..=unknown).next_back() {
                Some((_, None)) => return None,
                Some((_, Some(until))) if *until > unknown => at = *until,
                _ => return Some(unknown),
            }
        }
    }

    /// The next question, given the end of the pages under way. `None` if it was asked already, or if nothing
    /// is left to ask.
    pub fn next_question(
        &mut self,
        end: Option<Instance>,
        learner: &Learner,
        most: u32,
    ) -> Option<Question> {
        let from = self.missing(end.filter(|end| *end > self.asked)?, learner)?;
        (self.asked, self.pages) = (from, self.pages.saturating_mul(2).clamp(1, most.max(1)));
        Some(Question { from, pages: self.pages })
    }

    /// The questions to repeat: none while there is news. Pages missing between others are asked for one by
    /// one. A repeated page begins and ends as before, since votes below a promise do not change.
    pub fn lost(&mut self, first: Instance, learner: &Learner) -> Vec<Question> {
        self.waited = if std::mem::take(&mut self.news) { 0 } else { self.waited + 1 };
        let is_patient = self.waited <= self.patience;
        if is_patient {
            return Vec::new();
        }
        self.pages = (self.pages / 2).max(1);
        let (mut questions, mut at) = (Vec::new(), first);
        while let Some(from) = self.missing(at, learner) {
            let hole = self.spans.range(from..).next().map(|(start, _)| *start);
            let pages = if hole.is_some() { 1 } else { self.pages };
            questions.push(Question { from, pages });
            match hole {
                Some(start) if questions.len() < self.pages as usize => at = start,
                _ => break,
            }
        }
        questions
    }

    /// True if there was news since [`lost`](Self::lost) was last asked.
    pub fn has_news(&self) -> bool {
        self.news
    }
}

/// The later of two ends; `None` is the latest.
fn later(one: Option<Instance>, other: Option<Instance>) -> Option<Instance> {
    Some(one?.max(other?))
}

#[cfg(test)]
mod tests {
    use super::super::command::Decree;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const END: u64 = 24;

    /// The set of instances in these spans; all beyond `END` count as `END`.
    fn all_of(spans: &[(u64, Option<u64>)]) -> BTreeSet<u64> {
        spans.iter().flat_map(|(from, next)| *from..next.unwrap_or(END + 1)).collect()
    }

    fn spans() -> impl Strategy<Value = Vec<(u64, Option<u64>)>> {
        let span = (0..END, prop_oneof![8 => (0..=END).prop_map(Some), 1 => Just(None)]);
        proptest::collection::vec(span, 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// The missing instances agree with a plain set.
        #[test]
        fn what_was_told_is_a_set_of_instances(
            told in spans(),
            chosen in proptest::collection::btree_set(0..END, 0..10),
            from in 0..END,
        ) {
            let (mut telling, mut known) = (Telling::new(Instance(0)), BTreeSet::new());
            for (start, next) in told {
                let more = all_of(&[(start, next)]);
                let news = telling.tell(Instance(start), next.map(Instance));
                prop_assert_eq!(news, !more.is_subset(&known));
                known.extend(more);
                prop_assert_eq!(telling.invariants(), Ok(()));
            }
            let mut learner = Learner::default();
            chosen.iter().for_each(|i| learner.learn(Instance(*i), Decree::Noop));
            let expected = (from..=END).find(|i| !known.contains(i) && !chosen.contains(i));
            prop_assert_eq!(telling.missing(Instance(from), &learner), expected.map(Instance));
        }
    }

    #[test]
    fn broken_spans_are_found() {
        for (spans, words) in [
            (&[(0, Some(2)), (2, Some(3))][..], "adjacent"),
            (&[(0, Some(3)), (2, Some(4))], "overlap"),
            (&[(0, None), (2, Some(4))], "overlap"),
            (&[(2, Some(2))], "nothing is in"),
        ] {
            let mut telling = Telling::new(Instance(0));
            let span = |(from, next): &(u64, Option<u64>)| (Instance(*from), next.map(Instance));
            telling.spans = spans.iter().map(span).collect();
            assert!(telling.invariants().unwrap_err().contains(words), "{spans:?}");
        }
    }

    fn question(from: u64, pages: u32) -> Question {
        Question { from: Instance(from), pages }
    }

    #[test]
    fn answers_are_asked_for_ahead_grow_and_are_asked_for_once() {
        let learner = Learner::default();
        let mut telling = Telling::new(Instance(0));
        telling.tell(Instance(0), Some(Instance(10)));
        let next = |telling: &mut Telling, end: u64| {
            telling.next_question(Some(Instance(end)), &learner, 4)
        };
        assert_eq!(next(&mut telling, 10), Some(question(10, 2)));
        assert_eq!(next(&mut telling, 10), None, "a page that comes twice");
        assert!(telling.tell(Instance(10), Some(Instance(20))), "the first of two");
        assert_eq!(next(&mut telling, 30), Some(question(30, 4)), "before the second has come");
        assert_eq!(next(&mut telling, 30), None);
        assert!(telling.tell(Instance(30), Some(Instance(40))));
        assert_eq!(next(&mut telling, 70), Some(question(70, 4)), "no more than that");
        assert_eq!(telling.next_question(None, &learner, 4), None, "these are the last");
    }

    #[test]
    fn what_is_lost_is_asked_for_again_and_less_at_a_time() {
        let learner = Learner::default();
        let mut telling = Telling::new(Instance(0));
        assert_eq!(telling.lost(Instance(0), &learner), [question(0, 1)]);
        telling.pages = 8;
        telling.tell(Instance(10), Some(Instance(20)));
        telling.tell(Instance(30), Some(Instance(40)));
        assert_eq!(telling.lost(Instance(0), &learner), [], "others are still coming");
        (0..2).for_each(|_| assert_eq!(telling.lost(Instance(0), &learner), [], "that took two"));
        let lost = [question(0, 1), question(20, 1), question(40, 4)];
        assert_eq!(telling.lost(Instance(0), &learner), lost);
        assert_eq!(telling.lost(Instance(0), &learner), lost[..2], "two at a time now");
        telling.tell(Instance(40), None);
        assert!(telling.has_news());
        telling.tell(Instance(0), Some(Instance(10)));
        telling.tell(Instance(20), Some(Instance(30)));
        assert_eq!(telling.missing(Instance(0), &learner), None);
        assert_eq!(telling.lost(Instance(0), &learner), []);
    }

    #[test]
    fn what_is_known_is_not_asked_for() {
        let mut learner = Learner::default();
        (1..50).for_each(|i| learner.learn(Instance(i), Decree::Noop));
        let mut telling = Telling::new(Instance(0));
        telling.tell(Instance(0), Some(Instance(10)));
        let asked = telling.next_question(Some(Instance(10)), &learner, 4);
        assert_eq!(asked, Some(question(50, 2)));
    }
}
