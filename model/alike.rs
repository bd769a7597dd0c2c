//! Symmetry reduction over acceptors: states that differ only in the acceptors' names are visited
//! once.
//!
//! Leaders are not symmetric: their names break ties between ballots.

use super::backend::Backend;
use super::engine::symmetry::Symmetry;
use super::error::CheckError;
use super::system::{Bounds, Crashes, System};
use crate::paxos::{AcceptorId, Message, Node, Quorums, Rulebook, State, Storage};

/// The symmetry of a system's acceptors.
#[derive(Clone, Copy, Debug)]
pub struct Alike {
    leaders: usize,
    acceptors: usize,
    clients: usize,
}

impl Alike {
    /// The symmetry of a system's acceptors; none if the system distinguishes them. All leaders
    /// must ask all acceptors, all acceptors or none may crash, and quorums must be given by size.
    /// Leaders must not crash, since a leader sends to acceptors one after another, in the order of
    /// their names, and may crash between two.
    pub fn acceptors(bounds: &Bounds) -> Option<Self> {
        let acceptors = usize::from(bounds.acceptors);
        let Crashes { who, .. } = bounds.crashes;
        let may_crash = (1..=acceptors).filter(|a| who.contains(&format!("A{a}").as_str())).count();
        let leaders_crash = who.iter().any(|name| name.starts_with('L'));
        let everybody = |asks: &[u8]| (1..=bounds.acceptors).all(|a| asks.contains(&a));
        let alike = bounds.leaders.iter().all(|leader| everybody(leader.asks))
            && !leaders_crash
            && (may_crash == 0 || may_crash == acceptors)
            && !matches!(bounds.quorums, Quorums::Sets { .. });
        let (leaders, clients) = (bounds.leaders.len(), bounds.clients.len());
        alike.then_some(Alike { leaders, acceptors, clients })
    }
}

/// All permutations of so many elements, the identity first.
fn orders(things: usize) -> Vec<Vec<usize>> {
    if things == 0 {
        return vec![Vec::new()];
    }
    let with_last = |order: Vec<usize>| {
        (0..things).map(move |place| {
            let mut order = order.clone();
            order.insert(place, things - 1);
            order
        })
    };
    let mut all: Vec<Vec<usize>> = orders(things - 1).into_iter().flat_map(with_last).collect();
    all.sort();
    all
}

impl<R: Rulebook> Symmetry<Node<R>> for Alike {
    fn group(&self) -> Vec<Vec<usize>> {
        let Alike { leaders, acceptors, clients } = *self;
        let places = |order: Vec<usize>| {
            let acceptors_go = order.into_iter().map(|place| leaders + place);
            let others = leaders + acceptors..leaders + acceptors + clients;
            (0..leaders).chain(acceptors_go).chain(others).collect()
        };
        orders(acceptors).into_iter().map(places).collect()
    }

    fn state(&self, state: &State, places: &[usize]) -> State {
        state.with_acceptors_renamed(&|AcceptorId(acceptor)| {
            let place = places.get(self.leaders + usize::from(acceptor));
            AcceptorId(place.map_or(acceptor, |place| (place - self.leaders) as u8))
        })
    }

    fn storage(&self, storage: &Storage, _: &[usize]) -> Storage {
        storage.clone()
    }

    fn message(&self, message: &Message, _: &[usize]) -> Message {
        message.clone()
    }
}

/// The symmetry of a system's acceptors if the back end uses it. An error if it does and the system
/// has none.
pub(super) fn alike(
    system: &'static System,
    backend: Backend,
) -> Result<Option<Alike>, CheckError> {
    if backend != Backend::Alike {
        return Ok(None);
    }
    let alike = Alike::acceptors(&system.bounds).ok_or(CheckError::NotAlike(system.name))?;
    Ok(Some(alike))
}
