//! That what runs is what was proved: the states and steps of the real actors, read as states and
//! steps of the specification in [`crate::proof::spec`].
//!
//! The specification's state is what was said: proposals, promises, votes; and what leaders know.
//! All of it is read off messages that were ever sent and off the leaders' own states (`view`), so
//! an acceptor's memory counts by what it makes the acceptor say. Then
//!
//! - each part of the invariant must be true in every reachable state (`states`);
//! - whatever is new after a step must be explained by an action of the specification whose guards
//!   are met (`steps`). A step says several things at once at times: a leader that learns something
//!   may propose in several instances, and an acceptor that was killed before it could tell of a vote
//!   tells of it in its next promise. Each is an action of its own, and votes come before promises.
//!   A step after which nothing is new is a stutter.
//!
//! Steps cannot be told from one another on diagrams. But all guards except two look at what only
//! grows and what a single actor says, so that they hold at each step if and only if they hold of
//! what was done in each state: "votes are for proposals", "what is learned was chosen",
//! "proposals are explained" and so on. That nothing else was proposed before is "one value a
//! ballot". What is left is that an acceptor that has promised does not vote below that, which is
//! between the acceptor and itself; it is judged for each of its situations alone, whatever it
//! hears.

mod states;
mod steps;
mod view;

use super::facts::Topic;
use super::facts::Topic::{Learned, Page, Pledged, Proposed, Submitted, Told};
use super::properties::Find::{InEachActor, InStates, InSteps};
use super::properties::{Find, Kind, Property};

const fn always(name: &'static str, topics: &'static [Topic], find: Find) -> Property {
    Property::that(name, Kind::Always, topics, find)
}

/// In every state, the invariant holds, and what follows from it; and what was proposed is
/// explained.
pub static STATES: [Property; 12] = [
    always("one value a ballot", &[Proposed], InStates(states::violated::<0>)),
    always("nothing is made up", &[Proposed, Submitted], InStates(states::violated::<1>)),
    always("votes are for proposals", &[Proposed, Told], InStates(states::violated::<2>)),
    always("promises bind", &[Page], InEachActor(states::violated::<3>)),
    always("abstentions are final", &[Page], InEachActor(states::violated::<4>)),
    always("abstentions are true", &[Page, Told], InEachActor(states::violated::<5>)),
    always("reports are true", &[Page, Told], InEachActor(states::violated::<6>)),
    always("lower ballots are over", &[Proposed, Pledged, Told], InStates(states::violated::<7>)),
    always("what is learned was chosen", &[Told, Learned], InStates(states::violated::<8>)),
    always("agreement", &[Learned], InStates(states::violated::<9>)),
    always("validity", &[Submitted, Learned], InStates(states::violated::<10>)),
    always(
        "proposals are explained",
        &[Submitted, Proposed, Page],
        InStates(steps::unexplained_proposal),
    )
    .one_by_one(),
];

/// Every step is an action of the specification, or several in a row, or a stutter.
pub static STEPS: [Property; 4] = [
    always("leaders propose as specified", &[Submitted, Proposed, Page], InSteps(steps::proposals)),
    always("acceptors vote as specified", &[Proposed, Pledged, Told], InSteps(steps::votes)),
    always("acceptors promise as specified", &[Page, Told], InSteps(steps::promises)),
    always("leaders learn as specified", &[Told, Learned], InSteps(steps::learned)),
];

/// What of that each acceptor sees to alone.
pub static ALONE: Property =
    always("acceptors keep their promises", &[Pledged, Told], InSteps(steps::votes_below_promise));

/// The property of the specification of this name.
pub fn property(name: &str) -> Option<&'static Property> {
    STATES.iter().chain(&STEPS).chain([&ALONE]).find(|property| property.name == name)
}
