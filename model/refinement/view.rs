//! A state of the specification, read off facts.

use std::collections::BTreeSet;

use super::super::facts::{Fact, Facts};
use crate::paxos::{
    AcceptorId, AcceptorSet, Ballot, Decree, Instance, LeaderId, MAX_ACCEPTORS, Members, Vote,
};
use crate::proof::logic::{Element, Relation, Sort, Structure, Valuation, Var};
use crate::proof::spec::vocabulary::*;

/// A structure, with the meaning of its elements.
#[derive(Debug)]
pub(super) struct View {
    pub(super) structure: Structure,
    /// All ballots up to the highest that occurs; those in between may be used later.
    ballots: Vec<Ballot>,
    instances: Vec<Instance>,
    /// The decrees in order; the no-op is the first.
    decrees: Vec<Decree>,
}

/// The instances that a page of a promise covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) acceptor: AcceptorId,
    pub(super) ballot: Ballot,
    from: Instance,
    next: Option<Instance>,
}

/// A page of a promise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'f> {
    pub(super) span: Span,
    votes: &'f [Vote],
}

impl Span {
    fn covers(&self, instance: Instance) -> bool {
        self.from <= instance && self.next.is_none_or(|next| instance < next)
    }
}

impl<'f> Page<'f> {
    /// The page in a fact, if it is one.
    pub(super) fn of(fact: &'f Fact) -> Option<Self> {
        let Fact::Page(acceptor, ballot, from, next, votes) = fact else { return None };
        let span = Span { acceptor: *acceptor, ballot: *ballot, from: *from, next: *next };
        Some(Page { span, votes })
    }
}

impl View {
    /// The state that `facts` describe. The structure has elements for what `others` mention too.
    pub(super) fn of(members: &Members, facts: &Facts, others: &Facts) -> Self {
        let (ballots, instances, decrees) = things(members, facts.iter().chain(others));
        let acceptors = members.acceptors().len();
        let (phase1, phase2) = (
            quorums(acceptors, |set| members.phase1(set)),
            quorums(acceptors, |set| members.phase2(set)),
        );
        let structure = Structure::new([
            (NODE, acceptors as Element),
            (QUORUM1, phase1.len() as Element),
            (QUORUM2, phase2.len() as Element),
            (BALLOT, ballots.len() as Element),
            (INSTANCE, instances.len() as Element),
            (VALUE, decrees.len() as Element),
        ]);
        let mut view = View { structure, ballots, instances, decrees };
        view.relate_quorums(&MEMBER1, &phase1);
        view.relate_quorums(&MEMBER2, &phase2);
        view.relate_ballots();
        facts.iter().for_each(|fact| view.relate(fact));
        view
    }

    fn relate_quorums(&mut self, member: &'static Relation, quorums: &[AcceptorSet]) {
        for (quorum, set) in (0..).zip(quorums) {
            for acceptor in set.iter() {
                self.structure.insert(member, vec![acceptor.0, quorum]);
            }
        }
    }

    fn relate_ballots(&mut self) {
        for high in self.structure.elements(BALLOT) {
            for low in 0..high {
                self.structure.insert(&BELOW, vec![low, high]);
            }
        }
    }

    /// Adds a fact to the structure.
    pub(super) fn relate(&mut self, fact: &Fact) {
        match fact {
            Fact::Submitted(command) => {
                let value = self.value(&Decree::Command(command.clone()));
                self.structure.insert(&SUBMITTED, vec![value]);
            }
            Fact::Proposed(vote) => {
                let proposed = self.vote(vote).to_vec();
                self.structure.insert(&PROPOSED, proposed);
            }
            Fact::SaidVoted(acceptor, vote) => {
                let [ballot, instance, value] = self.vote(vote);
                self.structure.insert(&VOTED, vec![acceptor.0, ballot, instance, value]);
            }
            Fact::Learned(_, instance, decree) => {
                let learned = vec![self.instance(*instance), self.value(decree)];
                self.structure.insert(&LEARNED, learned);
            }
            Fact::Pledged(acceptor, ballot) => self.relate_promise(*acceptor, *ballot),
            Fact::Page(..) => {
                if let Some(page) = Page::of(fact) {
                    self.relate_page(&page);
                }
            }
            _ => {}
        }
    }

    fn relate_promise(&mut self, acceptor: AcceptorId, ballot: Ballot) {
        let (node, to) = (acceptor.0, self.ballot(ballot));
        self.structure.insert(&PROMISED, vec![node, to]);
        for low in 0..to {
            self.structure.insert(&LEFT, vec![node, low]);
        }
    }

    fn relate_page(&mut self, page: &Page<'_>) {
        self.relate_promise(page.span.acceptor, page.span.ballot);
        let (node, to) = (page.span.acceptor.0, self.ballot(page.span.ballot));
        for claim in self.reports(page) {
            self.structure.insert(&REPORTED, [&[node, to], &claim[..]].concat());
        }
        for claim in self.abstentions(page) {
            self.structure.insert(&ABSTAINED, [&[node, to], &claim[..]].concat());
        }
    }

    /// The instances that a span covers.
    fn told_of(&self, span: Span) -> Vec<Element> {
        let instances = (0..).zip(&self.instances);
        instances.filter(|(_, instance)| span.covers(**instance)).map(|(i, _)| i).collect()
    }

    /// The votes that a page reports: instance, ballot, value.
    fn reports(&self, page: &Page<'_>) -> Vec<[Element; 3]> {
        let report = |vote| {
            let [ballot, instance, value] = self.vote(vote);
            [instance, ballot, value]
        };
        page.votes.iter().map(report).collect()
    }

    /// The abstentions that a page reports: an instance, and a ballot above its last vote there and
    /// below the ballot promised.
    fn abstentions(&self, page: &Page<'_>) -> Vec<[Element; 2]> {
        let mut all = Vec::new();
        for instance in self.told_of(page.span) {
            let votes = page.votes.iter().filter(|vote| self.instance(vote.instance) == instance);
            let first = votes.map(|vote| self.ballot(vote.ballot) + 1).max().unwrap_or(0);
            all.extend((first..self.ballot(page.span.ballot)).map(|ballot| [instance, ballot]));
        }
        all
    }

    /// Sets the claims of the step to the contents of a page.
    pub(super) fn claim(&mut self, page: &Page<'_>) {
        let (reports, abstentions) = (self.reports(page), self.abstentions(page));
        let told_of = self.told_of(page.span).into_iter().map(|instance| vec![instance]);
        self.structure.set(&TELLS, told_of.collect());
        self.structure.set(&REPORT, reports.iter().map(|claim| claim.to_vec()).collect());
        self.structure.set(&ABSTAIN, abstentions.iter().map(|claim| claim.to_vec()).collect());
    }

    /// A vote's ballot, instance and value.
    pub(super) fn vote(&self, vote: &Vote) -> [Element; 3] {
        [self.ballot(vote.ballot), self.instance(vote.instance), self.value(&vote.decree)]
    }

    pub(super) fn ballot(&self, ballot: Ballot) -> Element {
        place(&self.ballots, &ballot)
    }

    pub(super) fn instance(&self, instance: Instance) -> Element {
        place(&self.instances, &instance)
    }

    pub(super) fn value(&self, decree: &Decree) -> Element {
        place(&self.decrees, decree)
    }

    /// The value of the specification's constant.
    pub(super) fn constants(&self) -> Valuation {
        vec![(NOOP, self.value(&Decree::Noop))]
    }

    /// The values of variables, in words.
    pub(super) fn in_words(&self, values: &[(Var, Element)]) -> String {
        let value = |(var, element): &(Var, Element)| {
            format!("{} = {}", var.name, self.name(var.sort, *element))
        };
        values.iter().map(value).collect::<Vec<_>>().join(", ")
    }

    fn name(&self, sort: Sort, element: Element) -> String {
        let place = usize::from(element);
        let name = match sort {
            NODE => Some(AcceptorId(element).to_string()),
            BALLOT => self.ballots.get(place).map(ToString::to_string),
            INSTANCE => self.instances.get(place).map(ToString::to_string),
            VALUE => self.decrees.get(place).map(ToString::to_string),
            QUORUM1 => Some(self.quorum(&MEMBER1, element)),
            QUORUM2 => Some(self.quorum(&MEMBER2, element)),
            _ => None,
        };
        name.unwrap_or_default()
    }

    fn quorum(&self, member: &Relation, quorum: Element) -> String {
        let nodes = self.structure.elements(NODE);
        let nodes = nodes.filter(|node| self.structure.has(member, &[*node, quorum]));
        nodes.map(AcceptorId).collect::<AcceptorSet>().to_string()
    }
}

/// The number of an element. Every element asked for was collected before.
fn place<T: Ord>(all: &[T], one: &T) -> Element {
    all.binary_search(one).unwrap_or(all.len()) as Element
}

/// All ballots, instances and decrees that occur in facts.
fn things<'f>(
    members: &Members,
    facts: impl Iterator<Item = &'f Fact>,
) -> (Vec<Ballot>, Vec<Instance>, Vec<Decree>) {
    let (mut ballots, mut instances) = (BTreeSet::new(), BTreeSet::new());
    let mut decrees = BTreeSet::from([Decree::Noop]);
    for fact in facts {
        let votes = match fact {
            Fact::Proposed(vote) | Fact::SaidVoted(_, vote) => std::slice::from_ref(vote),
            Fact::Pledged(_, ballot) => {
                ballots.insert(*ballot);
                continue;
            }
            Fact::Page(_, ballot, _, _, votes) => {
                ballots.insert(*ballot);
                votes
            }
            Fact::Submitted(command) => {
                decrees.insert(Decree::Command(command.clone()));
                continue;
            }
            Fact::Learned(_, instance, decree) => {
                instances.insert(*instance);
                decrees.insert(decree.clone());
                continue;
            }
            _ => continue,
        };
        for vote in votes {
            ballots.insert(vote.ballot);
            instances.insert(vote.instance);
            decrees.insert(vote.decree.clone());
        }
    }
    let round = ballots.last().map_or(0, |ballot: &Ballot| ballot.round);
    let leaders = (0..members.leaders().len() as u16).map(LeaderId);
    let of_round = |round| leaders.clone().map(move |leader| Ballot { round, leader });
    ballots.extend((1..=round).flat_map(of_round));
    let all = (ballots.into_iter().collect(), instances.into_iter().collect());
    (all.0, all.1, decrees.into_iter().collect())
}

/// The minimal quorums. The axioms and guards that hold for these hold for all larger ones.
fn quorums(acceptors: usize, is_quorum: impl Fn(AcceptorSet) -> bool) -> Vec<AcceptorSet> {
    let acceptors = acceptors.min(MAX_ACCEPTORS) as u8;
    let set = |bits: u64| -> AcceptorSet {
        (0..acceptors).filter(|place| bits & (1 << place) != 0).map(AcceptorId).collect()
    };
    let fewer = |bits: u64| (0..acceptors).map(move |place| bits & !(1 << place));
    let smallest = |bits: &u64| {
        is_quorum(set(*bits)) && fewer(*bits).all(|less| less == *bits || !is_quorum(set(less)))
    };
    (0..1u64 << acceptors).filter(smallest).map(set).collect()
}
