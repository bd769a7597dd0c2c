//! The observer that holds states and steps to one property, however they are stored.

use stateright::actor::Id;

use super::engine::observe::{Judged, Monitor, Observer, Remember, Scope};
use super::engine::universe::Universe;
use super::facts::{Fact, Facts, Observed, Place, Topic, said};
use super::properties::{Kind, Property, StepSeen};
use crate::paxos::{Members, Message, Node, Role, Rulebook, State, Storage};

/// An observer for one property.
#[derive(Debug)]
pub struct Lens {
    /// The property.
    pub property: &'static Property,
    members: Members,
    roles: Vec<Role>,
    /// For each actor, true if it campaigns again and again.
    insists: Vec<bool>,
    /// The only place that it looks at, if not everywhere.
    place: Option<Place>,
}

impl Lens {
    /// An observer for a property of these nodes.
    pub fn new<R: Rulebook>(
        property: &'static Property,
        members: &Members,
        nodes: &[Node<R>],
    ) -> Self {
        let roles = nodes.iter().map(|node| node.role().clone()).collect();
        let insists = nodes.iter().map(|node| node.timing().election.is_some()).collect();
        Lens { property, members: members.clone(), roles, insists, place: None }
    }

    /// The observer restricted to the proposals and promises that concern this place.
    pub fn at(self, place: Place) -> Self {
        Lens { place: Some(place), ..self }
    }

    /// Judges a state or an actor. A finding is in words.
    pub fn judge(&self, facts: &Facts) -> Judged<String> {
        self.property.judge(&self.members, facts)
    }

    /// Judges a step. A finding is in words.
    pub fn judge_step(&self, step: &StepSeen<'_>) -> Judged<String> {
        self.property.judge_step(&self.members, step)
    }
}

impl<R: Rulebook> Observer<Node<R>> for Lens {
    type Fact = Fact;

    fn core(&self, actor: usize, state: Option<&State>, storage: Option<&Storage>) -> Vec<Fact> {
        let mut facts = Facts::new();
        if let Some(role) = self.roles.get(actor) {
            Observed { role, state, storage }.observe(self.property.topics, &mut facts);
            if let Role::Leader(leader) = role
                && self.property.topics.contains(&Topic::Insisted)
                && self.insists.get(actor) == Some(&true)
            {
                facts.extend(leader.backlog.iter().cloned().map(Fact::Insisted));
            }
        }
        facts.into_iter().collect()
    }

    fn message(&self, from: usize, message: &Message) -> Vec<Fact> {
        let facts = said(&self.members, Id::from(from), message, self.property.topics);
        let Some(place) = self.place else { return facts };
        facts.into_iter().filter_map(|fact| fact.at(place)).collect()
    }

    fn looks_at(&self) -> Scope {
        self.property.looks_at()
    }

    fn judge(&self, facts: &Facts) -> Judged {
        Lens::judge(self, facts).bare()
    }

    fn judge_step(&self, all: &Facts, before: &Facts, after: &Facts) -> Judged {
        Lens::judge_step(self, &StepSeen { all, before, after }).bare()
    }
}

impl<R: Rulebook> Remember<Node<R>> for Lens {
    fn remembers(&self) -> bool {
        self.property.kind == Kind::AlwaysWithHistory
    }

    fn remember(&self, before: &Facts, after: &Facts) -> Vec<Fact> {
        (self.property.remember)(&self.members, before, after)
    }
}

/// A monitor of one property of these actors.
pub(super) fn watch<R: Rulebook>(
    property: &'static Property,
    members: &Members,
    universe: &Universe<Node<R>>,
) -> Monitor<Node<R>, Lens> {
    Monitor::new(Lens::new(property, members, universe.actors()))
}
