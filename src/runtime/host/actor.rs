//! The interface of the actors that a host can run.

use std::borrow::Cow;

use stateright::actor::{Actor, Id, Out};

use crate::paxos::{Message, Node, State, Storage, Timer};
use crate::runtime::handshake::Admission;
use crate::runtime::me::Me;

/// An actor that a host can run.
pub trait HostedActor:
    Actor<Msg = Message, Timer = Timer, State = State, Storage = Storage> + Send + 'static
{
    /// True if `src` may send this message to this actor.
    fn admits(&self, src: Id, message: &Message) -> bool;

    /// Handles a message that it [admits](HostedActor::admits).
    fn on_admitted(&self, state: &mut Cow<State>, src: Id, message: Message, out: &mut Out<Self>);
}

impl HostedActor for Node {
    fn admits(&self, src: Id, message: &Message) -> bool {
        Node::admits(self, src, message)
    }

    fn on_admitted(&self, state: &mut Cow<State>, src: Id, message: Message, out: &mut Out<Self>) {
        Node::on_admitted(self, state, src, message, out);
    }
}

/// An actor that is ready to start.
#[derive(Debug)]
pub struct Ready<A, J> {
    /// The role that the actor plays.
    pub me: Me,
    /// The admission of the role; `None` if it may take part at once.
    pub admission: Option<Admission>,
    /// The actor.
    pub actor: A,
    /// All that the actor saved in earlier lives; `None` if it never did.
    pub storage: Option<Storage>,
    /// The journal that it saves to.
    pub journal: J,
}
