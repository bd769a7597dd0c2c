//! Refinement: the states and steps of the real actors, read as states and steps of the
//! specification in [`crate::proof::spec`].
//!
//! The specification's state consists of everything ever sent and everything ever learned. It is
//! read off messages and off the leaders' own states (`view`); an acceptor's memory counts by what
//! it makes the acceptor send. Then
//!
//! - each part of the invariant must be true in every reachable state (`states`), and so must the
//!   axioms about quorums and ballots;
//! - everything new after a step must be explained by an action of the specification whose guards
//!   are met (`steps`). A step may perform several actions: a leader that learns something may
//!   propose in several instances, and an acceptor that was killed before it could send a vote
//!   reports it in its next promise. Each is an action of its own, and votes come before promises.
//!   A step that adds nothing is a stutter. So is a crash after which a leader knows less, since
//!   what was learned stays learned.
//!
//! Three parts of the invariant hold by the way in which promises are read: that they bind, that
//! abstentions are final, and that reported votes count as sent. They are evaluated all the same.
//!
//! # On diagrams
//!
//! Diagrams do not distinguish steps. But most guards look only at what other actors have sent, which
//! the step itself does not change, and which only grows. So such a guard holds in all steps if, in
//! all states, it holds for everything done so far:
//!
//! | guard | holds in all steps if in all states |
//! | --- | --- |
//! | one proposal | one value a ballot |
//! | nobody has voted; it was asked for; a quorum has promised; it was voted for; nobody has voted since; it is known to be chosen | proposals are explained |
//! | it was proposed | votes are for proposals |
//! | a quorum has voted | what is learned was chosen |
//! | reported votes were cast | reports are true |
//! | no vote is left out | abstentions are true: a claim that is false when it is made stays false |
//! | no higher ballot was promised | (acceptors keep their promises) |
//!
//! The last one compares an acceptor with itself, and is judged for each of its steps alone.

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

/// The properties of states: the invariant, the safety properties, and an explanation for every
/// proposal.
pub static STATES: [Property; 14] = [
    always("one value a ballot", &[Proposed], InStates(states::violated::<0>)),
    always("nothing is made up", &[Proposed, Submitted], InStates(states::violated::<1>)),
    always("votes are for proposals", &[Proposed, Told], InStates(states::violated::<2>)),
    always("promises bind", &[Page], InEachActor(states::violated::<3>)),
    always("abstentions are final", &[Page], InEachActor(states::violated::<4>)),
    always("abstentions are true", &[Page, Told], InEachActor(states::violated::<5>)),
    always("reports are true", &[Page, Told], InEachActor(states::violated::<6>)),
    always("lower ballots are over", &[Proposed, Pledged, Told], InStates(states::violated::<7>)),
    always("what is learned was chosen", &[Told, Learned], InStates(states::violated::<8>)),
    always("one value is chosen", &[Told], InStates(states::violated::<9>)),
    always("agreement", &[Learned], InStates(states::violated::<10>)),
    always("validity", &[Submitted, Learned], InStates(states::violated::<11>)),
    always("what is assumed is true", &[Proposed], InStates(states::assumed_wrongly)),
    always(
        "proposals are explained",
        &[Submitted, Proposed, Page, Learned],
        InStates(steps::unexplained_proposal),
    )
    .one_by_one(),
];

/// The properties of steps: every step is an action of the specification, several in a row, or a
/// stutter.
pub static STEPS: [Property; 4] = [
    always(
        "leaders propose as specified",
        &[Submitted, Proposed, Page, Learned],
        InSteps(steps::proposals),
    ),
    always("acceptors vote as specified", &[Proposed, Pledged, Told], InSteps(steps::votes)),
    always("acceptors promise as specified", &[Page, Told], InSteps(steps::promises)),
    always("leaders learn as specified", &[Told, Learned], InSteps(steps::learned)),
];

/// The property of an acceptor's steps that can be judged for each acceptor alone.
pub static ALONE: Property =
    always("acceptors keep their promises", &[Pledged, Told], InSteps(steps::votes_below_promise));

/// The property of the specification with this name.
#[cfg(test)]
pub fn property(name: &str) -> Option<&'static Property> {
    STATES.iter().chain(&STEPS).chain([&ALONE]).find(|property| property.name == name)
}
