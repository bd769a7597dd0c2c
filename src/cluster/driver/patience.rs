//! The time that a leader is waited for: longer where answers take longer, so that what is only slow is not
//! asked again and again, which would make it slower still.

use std::time::Duration;

/// The most by which slow answers make the wait longer.
const MOST: u32 = 20;

/// The shortest time between two retries.
const SHORTEST: Duration = Duration::from_millis(1);

/// The time that one leader is waited for.
#[derive(Debug)]
pub(super) struct Patience {
    least: Duration,
    /// The time that answers take: a mean in which each new one counts an eighth (as in RFC 6298).
    answer: Duration,
}

impl Patience {
    /// So long at least, and until answers have come.
    pub(super) fn new(least: Duration) -> Self {
        Patience { least, answer: Duration::ZERO }
    }

    /// A request was answered after this time.
    pub(super) fn note(&mut self, answer: Duration) {
        self.answer = self.answer * 7 / 8 + answer / 8;
    }

    /// The time until the next retry after something was sent. It is sent again at the second one, and at
    /// each from then on; so that is half of the wait for a leader at first, and the whole later.
    pub(super) fn until_retry(&self, is_sent_again: bool) -> Duration {
        let wait = (self.answer * 2).clamp(self.least, self.least * MOST);
        (if is_sent_again { wait } else { wait / 2 }).max(SHORTEST)
    }

    /// The time until the next retry where a leader cannot be reached, so that it need not be waited for.
    pub(super) fn in_vain(&self) -> Duration {
        (self.least / 20).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_waited_for_twice_as_long_as_answers_take_within_bounds() {
        let millis = Duration::from_millis;
        let mut patience = Patience::new(millis(40));
        let noted = |patience: &mut Patience, answer| {
            (0..100).for_each(|_| patience.note(millis(answer)));
            patience.until_retry(false).as_millis()
        };
        assert_eq!(noted(&mut patience, 1), 20, "never less than the least");
        assert!((99..=100).contains(&noted(&mut patience, 100)));
        patience.note(millis(3));
        assert!(patience.until_retry(false) > millis(80), "one answer changes little");
        assert_eq!(noted(&mut patience, 9_000), 400, "never more than the most");
        assert_eq!((patience.until_retry(true), patience.in_vain()), (millis(800), millis(2)));
        assert_eq!(Patience::new(Duration::ZERO).until_retry(false), SHORTEST);
    }
}
