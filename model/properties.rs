//! What must hold, what must be reachable, and what must stay reachable.
//!
//! Each property looks for a finding in the facts, and says in words what it found: a violation,
//! an example, or a goal, by its [`Kind`].

use super::facts::{Facts, Topic};
use super::findings::*;
use crate::paxos::Members;

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A violation: in no reachable state may it be found.
    Always,
    /// An example: in some reachable state it must be found, or the system shows too little.
    Sometimes,
    /// A goal: from every reachable state, one where it is found must be reachable.
    StaysPossible,
    /// A goal: every fair run must reach a state where it is found. Deliveries, timers and
    /// recoveries that stay possible must happen; crashes need not.
    Eventually,
}

impl Kind {
    /// The kind in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Always => "always",
            Kind::Sometimes => "sometimes",
            Kind::StaysPossible => "stays possible",
            Kind::Eventually => "eventually",
        }
    }
}

/// A named property.
#[derive(Debug)]
pub struct Property {
    /// Its name, the same in reports, mutants and proofs.
    pub name: &'static str,
    /// What a finding means.
    pub kind: Kind,
    /// Whether it looks at one actor at a time, with what that one has sent.
    pub one_at_a_time: bool,
    /// What it looks at.
    pub topics: &'static [Topic],
    /// What it finds in them, in words.
    pub find: fn(&Members, &Facts) -> Option<String>,
}

/// All properties there are. Every system is held to all that are of kind [`Kind::Always`].
pub static PROPERTIES: [Property; 21] = [
    Property {
        name: "one value per instance",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Cast],
        find: two_values_chosen,
    },
    Property {
        name: "only what is chosen is learned",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Learned],
        find: learned_but_not_chosen,
    },
    Property {
        name: "only what was submitted is chosen",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Submitted],
        find: chosen_but_not_submitted,
    },
    Property {
        name: "one value per ballot",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Proposed],
        find: two_values_in_a_ballot,
    },
    Property {
        name: "memory never goes back",
        kind: Kind::Always,
        one_at_a_time: true,
        topics: &[Topic::Voted, Topic::Promised],
        find: said_but_not_remembered,
    },
    Property {
        name: "nothing is applied twice",
        kind: Kind::Always,
        one_at_a_time: true,
        topics: &[Topic::Applied, Topic::Learned],
        find: applied_twice,
    },
    Property {
        name: "every chosen command is applied",
        kind: Kind::Always,
        one_at_a_time: true,
        topics: &[Topic::Applied, Topic::Learned],
        find: chosen_but_not_applied,
    },
    Property {
        name: "what is answered is chosen",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Answered],
        find: answered_but_not_chosen,
    },
    Property {
        name: "one answer per request",
        kind: Kind::Always,
        one_at_a_time: false,
        topics: &[Topic::Answered],
        find: two_answers,
    },
    Property {
        name: "no gap is left",
        kind: Kind::Always,
        one_at_a_time: true,
        topics: &[Topic::Neglected],
        find: neglected_instance,
    },
    Property {
        name: "no request is forgotten",
        kind: Kind::Always,
        one_at_a_time: true,
        topics: &[Topic::Forgotten],
        find: forgotten_request,
    },
    Property {
        name: "a command is chosen",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Cast],
        find: command_chosen,
    },
    Property {
        name: "two primaries at once",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Primary],
        find: two_primaries,
    },
    Property {
        name: "a gap is filled by a no-op",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Cast],
        find: noop_below_a_command,
    },
    Property {
        name: "a recovered acceptor votes",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Recovered],
        find: vote_since_recovery,
    },
    Property {
        name: "a command is chosen at two instances",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Cast],
        find: chosen_at_two_instances,
    },
    Property {
        name: "a request is answered",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Answered],
        find: request_answered,
    },
    Property {
        name: "a primary steps down",
        kind: Kind::Sometimes,
        one_at_a_time: false,
        topics: &[Topic::Proposed, Topic::Primary],
        find: stepped_down,
    },
    Property {
        name: "every command can still be chosen",
        kind: Kind::StaysPossible,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Submitted],
        find: all_submitted_are_chosen,
    },
    Property {
        name: "a stable leader's commands are chosen",
        kind: Kind::Eventually,
        one_at_a_time: false,
        topics: &[Topic::Cast, Topic::Insisted],
        find: all_insisted_are_chosen,
    },
    Property {
        name: "every request is answered",
        kind: Kind::Eventually,
        one_at_a_time: false,
        topics: &[Topic::Requested, Topic::Answered],
        find: all_requests_are_answered,
    },
];

/// The property of this name.
pub fn property(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}
