//! The properties: what must hold, what must be reachable, and what must stay reachable.
//!
//! Each property searches the facts, and describes its finding in words: a violation, an example,
//! or a goal, by its [`Kind`].

use std::fmt;

use super::engine::bridge::numbered::MOST_PROPERTIES;
use super::engine::observe::{Judged, Scope};
use super::facts::{Fact, Facts, Topic};
use super::findings::*;
use super::order::{no_order_explains, what_came_first};
use crate::paxos::Members;

/// The meaning of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A violation: it must not be found in any reachable state, or in any step from one.
    Always,
    /// A violation, given what is remembered of the run: it must not be found in any reachable
    /// state. It takes a search of its own, since what is remembered becomes part of the state.
    AlwaysWithHistory,
    /// An example: it must be found in some reachable state, or else the system shows too little.
    Sometimes,
    /// A goal: from every reachable state, a state in which it is found must be reachable.
    AlwaysReachable,
    /// A goal: every fair run must reach a state in which it is found. Deliveries, timers and
    /// recoveries that stay possible must happen; crashes need not.
    Eventually,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Always => "always",
            Kind::AlwaysWithHistory => "throughout",
            Kind::Sometimes => "sometimes",
            Kind::AlwaysReachable => "stays possible",
            Kind::Eventually => "eventually",
        }
    }
}

/// A named property.
#[derive(Debug)]
pub struct Property {
    /// Its name, the same in reports, mutants and proofs.
    pub name: &'static str,
    /// The meaning of a finding.
    pub kind: Kind,
    /// The topics of the facts that it needs.
    pub topics: &'static [Topic],
    /// The predicate that describes a finding in words.
    pub finds: Find,
    /// True if it judges proposals one by one, so that it may be evaluated on diagrams for each
    /// place alone.
    pub one_by_one: bool,
    /// The facts to remember of a step, given the facts before it and after it.
    pub remember: fn(&Members, before: &Facts, after: &Facts) -> Vec<Fact>,
}

/// The predicate of a property, by what it judges.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::enum_variant_names, reason = "each reads as where it is found")]
pub enum Find {
    /// Judges states.
    InStates(fn(&Members, &Facts) -> Judged<String>),
    /// Judges one actor at a time, with the messages that it has sent.
    InEachActor(fn(&Members, &Facts) -> Judged<String>),
    /// Judges one actor at a time, by more than a function.
    InEachActorBy(&'static Judge),
    /// Judges steps.
    InSteps(fn(&Members, &StepSeen<'_>) -> Judged<String>),
}

/// Judges the facts about one actor. A finding is in words.
type JudgeFacts = dyn Fn(&Facts) -> Judged<String> + Send + Sync;

/// A judge of one actor at a time.
pub struct Judge(pub Box<JudgeFacts>);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// The facts about a step.
#[derive(Clone, Copy, Debug)]
pub struct StepSeen<'f> {
    /// All facts before it.
    pub all: &'f Facts,
    /// The facts about the acting actor before it.
    pub before: &'f Facts,
    /// The facts about the acting actor after it.
    pub after: &'f Facts,
}

impl<'f> StepSeen<'f> {
    /// The facts that the step adds.
    pub fn news(&self) -> impl Iterator<Item = &'f Fact> + use<'f> {
        self.after.difference(self.before)
    }
}

impl Property {
    const fn new(
        name: &'static str,
        kind: Kind,
        topics: &'static [Topic],
        find: fn(&Members, &Facts) -> Judged<String>,
    ) -> Self {
        Property::that(name, kind, topics, Find::InStates(find))
    }

    /// A property of kind `Always` that judges one actor at a time.
    const fn of_each(
        name: &'static str,
        topics: &'static [Topic],
        find: fn(&Members, &Facts) -> Judged<String>,
    ) -> Self {
        Property::that(name, Kind::Always, topics, Find::InEachActor(find))
    }

    /// A property of this kind with this predicate, which remembers nothing.
    pub(super) const fn that(
        name: &'static str,
        kind: Kind,
        topics: &'static [Topic],
        finds: Find,
    ) -> Self {
        let remember = |_: &Members, _: &Facts, _: &Facts| Vec::new();
        Property { name, kind, topics, finds, one_by_one: false, remember }
    }

    /// The property, marked as judging proposals one by one.
    pub(super) const fn one_by_one(self) -> Self {
        Property { one_by_one: true, ..self }
    }

    /// Judges a state or an actor. A finding is in words.
    pub fn judge(&self, members: &Members, facts: &Facts) -> Judged<String> {
        match self.finds {
            Find::InStates(find) | Find::InEachActor(find) => find(members, facts),
            Find::InEachActorBy(judge) => judge.0(facts),
            Find::InSteps(_) => Judged::Nothing,
        }
    }

    /// Judges a step. A finding is in words.
    pub fn judge_step(&self, members: &Members, step: &StepSeen<'_>) -> Judged<String> {
        match self.finds {
            Find::InStates(_) | Find::InEachActor(_) | Find::InEachActorBy(_) => Judged::Nothing,
            Find::InSteps(find) => find(members, step),
        }
    }

    /// The scope that the predicate judges.
    pub fn looks_at(&self) -> Scope {
        match self.finds {
            Find::InStates(_) => Scope::States,
            Find::InEachActor(_) | Find::InEachActorBy(_) => Scope::EachActor,
            Find::InSteps(_) => Scope::Steps,
        }
    }

    /// The property with this memory. Only predicates of states may use what is remembered.
    const fn remembering(self, remember: fn(&Members, &Facts, &Facts) -> Vec<Fact>) -> Self {
        assert!(matches!((self.kind, self.finds), (Kind::AlwaysWithHistory, Find::InStates(_))));
        Property { remember, ..self }
    }
}

/// All properties. Every system is held to all of kind [`Kind::Always`].
pub static PROPERTIES: [Property; 35] = [
    Property::new("one value per instance", Kind::Always, &[Topic::Cast], two_values_chosen),
    Property::new(
        "only what is chosen is learned",
        Kind::Always,
        &[Topic::Cast, Topic::Learned],
        learned_but_not_chosen,
    ),
    Property::new(
        "only what was submitted is chosen",
        Kind::Always,
        &[Topic::Cast, Topic::Submitted],
        chosen_but_not_submitted,
    ),
    Property::new(
        "one value per ballot",
        Kind::Always,
        &[Topic::Cast, Topic::Proposed],
        two_values_in_a_ballot,
    ),
    Property::of_each(
        "memory never goes back",
        &[Topic::Voted, Topic::Promised],
        said_but_not_remembered,
    ),
    Property::of_each("nothing is applied twice", &[Topic::Applied, Topic::Learned], applied_twice),
    Property::of_each(
        "every chosen command is applied",
        &[Topic::Applied, Topic::Learned, Topic::Late],
        chosen_but_not_applied,
    ),
    Property::new(
        "done is chosen and applied",
        Kind::Always,
        &[Topic::Cast, Topic::Learned, Topic::Applied, Topic::Answered, Topic::Settled],
        done_but_not_applied,
    ),
    Property::new(
        "rejected is never done",
        Kind::Always,
        &[Topic::Learned, Topic::Applied, Topic::Settled],
        rejected_but_done,
    ),
    Property::new(
        "unknown only if sent and not answered",
        Kind::Always,
        &[Topic::Requested, Topic::Settled],
        unknown_but_never_sent,
    ),
    Property::new(
        "only what has ended is acknowledged",
        Kind::Always,
        &[Topic::Submitted, Topic::Requested, Topic::Settled],
        unended_but_acknowledged,
    ),
    Property::new("one answer per request", Kind::Always, &[Topic::Answered], two_answers),
    Property::new(
        "equal logs, equal histories",
        Kind::Always,
        &[Topic::Executed],
        histories_differ,
    ),
    Property::of_each(
        "no gap is left",
        &[Topic::Neglected, Topic::Primary, Topic::Proposed],
        neglected_instance,
    ),
    Property::of_each(
        "no request is forgotten",
        &[Topic::Forgotten, Topic::Primary, Topic::Proposed],
        forgotten_request,
    ),
    Property::new(
        "what was chosen stays chosen",
        Kind::AlwaysWithHistory,
        &[Topic::Cast],
        chosen_otherwise_before,
    )
    .remembering(what_is_chosen),
    Property::new(
        "clients see one order",
        Kind::AlwaysWithHistory,
        &[Topic::Submitted, Topic::Requested, Topic::Answered],
        no_order_explains,
    )
    .remembering(what_came_first),
    Property::new("a command is chosen", Kind::Sometimes, &[Topic::Cast], command_chosen),
    Property::new("two primaries at once", Kind::Sometimes, &[Topic::Primary], two_primaries),
    Property::new(
        "a gap is filled by a no-op",
        Kind::Sometimes,
        &[Topic::Cast],
        noop_below_a_command,
    ),
    Property::new(
        "a recovered acceptor votes",
        Kind::Sometimes,
        &[Topic::Cast, Topic::Recovered],
        vote_since_recovery,
    ),
    Property::new(
        "a command is chosen at two instances",
        Kind::Sometimes,
        &[Topic::Cast],
        chosen_at_two_instances,
    ),
    Property::new("a request is answered", Kind::Sometimes, &[Topic::Answered], request_answered),
    Property::new("an acceptor makes up for a vote", Kind::Sometimes, &[Topic::Cast], made_up_for),
    Property::new("a session has expired", Kind::Sometimes, &[Topic::Late], too_late),
    Property::new("a reply is not kept", Kind::Sometimes, &[Topic::Answered], reply_not_kept),
    Property::new("a request is rejected", Kind::Sometimes, &[Topic::Settled], request_rejected),
    Property::new("an outcome is unknown", Kind::Sometimes, &[Topic::Settled], outcome_unknown),
    Property::new(
        "a client that came late is served",
        Kind::Sometimes,
        &[Topic::Answered],
        late_client_served,
    ),
    Property::new("an answer is forgotten", Kind::Sometimes, &[Topic::Refused], answer_forgotten),
    Property::new("two leaders have equal logs", Kind::Sometimes, &[Topic::Executed], equal_logs),
    Property::new(
        "a primary steps down",
        Kind::Sometimes,
        &[Topic::Proposed, Topic::Primary],
        stepped_down,
    ),
    Property::new(
        "every command can still be chosen",
        Kind::AlwaysReachable,
        &[Topic::Cast, Topic::Submitted],
        all_submitted_are_chosen,
    ),
    Property::new(
        "a stable leader's commands are chosen",
        Kind::Eventually,
        &[Topic::Cast, Topic::Insisted],
        all_insisted_are_chosen,
    ),
    Property::new(
        "every request is answered",
        Kind::Eventually,
        &[Topic::Requested, Topic::Answered],
        all_requests_are_answered,
    ),
];

/// The most properties that Stateright takes.
const _: () = assert!(PROPERTIES.len() <= MOST_PROPERTIES);

/// The property of this name.
pub fn property(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}
