//! Actors that the engine has to refuse, and odd numbers of them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::model::engine::explicit::{Until, explore};
use crate::model::engine::faults::{DiskModel, Faults};
use crate::model::engine::liveness::fairness;
use crate::model::engine::observe::{Judged, Monitor, Observer};
use crate::model::engine::symbolic::Symbolic;
use crate::model::engine::universe::{Universe, UniverseError};
use stateright::actor::{Actor, Id, Out, model_timeout};

/// An actor that counts how often it was asked, which no actor may.
#[derive(Clone)]
struct Fickle(std::rc::Rc<std::cell::Cell<usize>>);

impl Actor for Fickle {
    type Msg = ();
    type Timer = ();
    type State = usize;
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) -> usize {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// An actor that panics when its timer fires.
#[derive(Clone)]
struct Panics;

impl Actor for Panics {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, out: &mut Out<Self>) {
        out.set_timer((), model_timeout());
    }

    fn on_timeout(&self, _: Id, _: &mut Cow<()>, (): &(), _: &mut Out<Self>) {
        panic!("on purpose");
    }
}

#[test]
fn actors_that_cannot_be_checked_are_refused_by_name() {
    let fickle = Universe::new(vec![Fickle(std::rc::Rc::default())], Faults::NONE);
    assert!(matches!(fickle.err(), Some(UniverseError::NotDeterministic { .. })));
    let mut universe = Universe::new(vec![Panics], Faults::NONE).unwrap();
    let error = Symbolic::new(&mut universe).reach().unwrap_err();
    assert!(
        matches!(&error, UniverseError::Panicked { input, .. } if input == "timer ()"),
        "{error}"
    );
}

/// An actor that sends itself the same message again and again, and saves while it does.
#[derive(Clone)]
struct Stubborn;

impl Actor for Stubborn {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = usize;
    type Random = ();

    fn on_start(&self, id: Id, _: &Option<usize>, out: &mut Out<Self>) {
        out.save(1);
        out.send(id, ());
    }

    fn on_msg(&self, id: Id, _: &mut Cow<()>, _: Id, (): (), out: &mut Out<Self>) {
        out.send(id, ());
    }
}

/// Is met while the actor is down.
struct Down;

impl Observer<Stubborn> for Down {
    type Fact = ();

    fn core(&self, _: usize, state: Option<&()>, _: Option<&usize>) -> Vec<()> {
        if state.is_none() { vec![()] } else { vec![] }
    }

    fn message(&self, _: usize, (): &()) -> Vec<()> {
        Vec::new()
    }

    fn judge(&self, facts: &BTreeSet<()>) -> Judged {
        if facts.is_empty() { Judged::Clear } else { Judged::Found(()) }
    }
}

/// That a message must be heard does not mean that the hearer must crash on it.
#[test]
fn nobody_has_to_crash() {
    let faults = Faults { crashes: vec![1], total: 1, machine: DiskModel::Sound };
    let mut universe = Universe::new(vec![Stubborn], faults).unwrap();
    let fairness = fairness(&mut universe, &mut Monitor::new(Down), |_| {}).unwrap();
    assert!(fairness.lasso.is_some(), "{fairness:?}");
}

/// An actor that does nothing at all.
#[derive(Clone)]
struct Idle;

impl Actor for Idle {
    type Msg = ();
    type Timer = ();
    type State = ();
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) {}
}

struct Anything;

impl Observer<Idle> for Anything {
    type Fact = ();

    fn core(&self, _: usize, _: Option<&()>, _: Option<&()>) -> Vec<()> {
        vec![]
    }

    fn message(&self, _: usize, (): &()) -> Vec<()> {
        Vec::new()
    }

    fn judge(&self, _: &BTreeSet<()>) -> Judged {
        Judged::Found(())
    }
}

#[test]
fn more_actors_than_a_byte_numbers_are_refused() {
    let too_many = Universe::new(vec![Idle; 129], Faults::NONE);
    assert!(matches!(too_many.err(), Some(UniverseError::TooMany { what: "actors", .. })));
    let mut universe = Universe::new(vec![Idle; 128], Faults::NONE).unwrap();
    let mut symbolic = Symbolic::new(&mut universe);
    let reach = symbolic.reach().unwrap();
    assert_eq!(symbolic.count(reach), 1u8.into());
}

/// Words widen with the number of actors, until two machine words are not enough.
#[test]
fn many_actors_fit_or_are_refused() {
    for (actors, fits) in [(0, true), (1, true), (31, true), (32, true), (63, true), (64, false)] {
        let mut universe = Universe::new(vec![Idle; actors], Faults::NONE).unwrap();
        let mut watches = [Monitor::new(Anything)];
        let explored = explore(&mut universe, &mut watches, Until::Exhausted, |_| {});
        match explored {
            Ok(explored) => assert!(fits && explored.states == 1, "{actors}"),
            Err(error) => {
                assert!(!fits && matches!(error, UniverseError::TooWide { .. }), "{error}")
            }
        }
    }
}
