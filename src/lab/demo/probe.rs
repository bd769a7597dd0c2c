//! A member that can be observed from outside, under either runtime.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;
use hdrhistogram::Histogram;
use stateright::actor::{Actor, Command, Id, Out};

use crate::paxos::leader::Stance;
use crate::paxos::{Message, Node, State, Storage, Timer};
use crate::runtime::host::HostedActor;

/// The longest latency that is told apart from longer ones, in microseconds: an hour.
const LONGEST_LATENCY: u64 = 3_600_000_000;

/// The observable state of a running member.
#[derive(Debug, Default)]
pub struct View {
    /// The number of instances that a leader knows to be decided.
    decided: AtomicU64,
    /// True while a leader is primary.
    primary: AtomicBool,
    /// The observations of a client.
    client: Option<Mutex<ClientView>>,
    /// True once the member is to do nothing more.
    retired: AtomicBool,
    /// The last state, if the member leaves it when it retires.
    last: Mutex<Option<State>>,
}

/// The observable state of a client.
#[derive(Debug)]
pub struct ClientView {
    /// The time at which each unanswered request was sent first, by sequence.
    sent: HashMap<u64, Instant>,
    /// The time from the first sending of a request to its reply, in microseconds.
    pub latency: Histogram<u64>,
    /// The number of requests answered as done.
    pub answered: u64,
    /// The time of the last answer.
    pub last_answer: Option<Instant>,
    /// The number of all requests.
    commands: u64,
    /// The channel that is told once all requests are answered.
    finished: Sender<()>,
}

impl View {
    /// A view of a client that has this many commands.
    pub fn of_client(
        commands: u64,
        finished: Sender<()>,
    ) -> Result<Self, hdrhistogram::CreationError> {
        let client = ClientView {
            sent: HashMap::new(),
            latency: Histogram::new_with_bounds(1, LONGEST_LATENCY, 3)?,
            answered: 0,
            last_answer: None,
            commands,
            finished,
        };
        Ok(View { client: Some(Mutex::new(client)), ..View::default() })
    }

    /// The number of instances that the leader knows to be decided.
    pub fn decided(&self) -> u64 {
        self.decided.load(Ordering::Relaxed)
    }

    /// True if the leader is primary.
    pub fn is_primary(&self) -> bool {
        self.primary.load(Ordering::Relaxed)
    }

    /// The observations of the client; `None` for other members.
    pub fn client(&self) -> Option<MutexGuard<'_, ClientView>> {
        Some(self.client.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the member do nothing more from its next step on.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// True if the member has left its last state.
    pub fn has_retired(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes the state in which the member retired; `None` as long as it has not.
    pub fn take_last(&self) -> Option<State> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn see(&self, state: &State) {
        if let State::Leader(leader) = state {
            let decided = leader.learner().first_unchosen().0;
            self.decided.store(decided, Ordering::Relaxed);
            let primary = matches!(leader.stance(), Stance::Primary(_));
            self.primary.store(primary, Ordering::Relaxed);
        }
    }
}

impl ClientView {
    fn see_sent(&mut self, message: &Message) {
        if let Message::Request(command) = message {
            self.sent.entry(command.id.sequence).or_insert_with(Instant::now);
        }
    }

    fn see_received(&mut self, message: &Message) {
        let Message::Reply { id, .. } = message else { return };
        let Some(sent) = self.sent.remove(&id.sequence) else { return };
        let now = Instant::now();
        self.latency.saturating_record(now.duration_since(sent).as_micros() as u64);
        self.last_answer = Some(now);
        self.answered += 1;
        if self.answered == self.commands {
            // The channel has room for this one message. An error means that no receiver is left.
            let _ = self.finished.try_send(());
        }
    }
}

/// A node under observation.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    node: Node,
    view: Arc<View>,
    /// True if it leaves a copy of its whole state when it retires. Under synod's runtime no copy is needed,
    /// since a stopped host hands out the state itself.
    leaves_word: bool,
}

impl Probe {
    /// Puts a node under observation.
    pub(super) fn new(node: Node, view: Arc<View>, leaves_word: bool) -> Self {
        Probe { node, view, leaves_word }
    }

    fn watch(
        &self,
        state: &mut Cow<State>,
        out: &mut Out<Self>,
        step: impl FnOnce(&mut Cow<State>, &mut Out<Node>),
    ) {
        if self.view.retired.load(Ordering::Relaxed) {
            if self.leaves_word {
                let mut last = self.view.last.lock().unwrap_or_else(PoisonError::into_inner);
                last.get_or_insert_with(|| State::clone(state));
            }
            return;
        }
        let mut own = Out::new();
        step(state, &mut own);
        self.look(state, &own);
        out.append(&mut own);
    }

    fn look(&self, state: &State, out: &Out<Node>) {
        self.view.see(state);
        if let Some(mut client) = self.view.client() {
            for command in out.iter() {
                if let Command::Send(_, message) = command {
                    client.see_sent(message);
                }
            }
        }
    }
}

impl Actor for Probe {
    type Msg = Message;
    type Timer = Timer;
    type State = State;
    type Storage = Storage;
    type Random = ();

    fn on_start(&self, id: Id, storage: &Option<Storage>, out: &mut Out<Self>) -> State {
        let mut own = Out::new();
        let state = self.node.on_start(id, storage, &mut own);
        self.look(&state, &own);
        out.append(&mut own);
        state
    }

    fn on_msg(
        &self,
        _: Id,
        state: &mut Cow<State>,
        src: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        if self.node.admits(src, &message) {
            self.on_admitted(state, src, message, out);
        }
    }

    fn on_timeout(&self, id: Id, state: &mut Cow<State>, timer: &Timer, out: &mut Out<Self>) {
        self.watch(state, out, |state, out| self.node.on_timeout(id, state, timer, out));
    }

    fn name(&self) -> String {
        self.node.name()
    }
}

impl HostedActor for Probe {
    fn admits(&self, src: Id, message: &Message) -> bool {
        self.node.admits(src, message)
    }

    fn on_admitted(&self, state: &mut Cow<State>, src: Id, message: Message, out: &mut Out<Self>) {
        if let Some(mut client) = self.view.client() {
            client.see_received(&message);
        }
        self.watch(state, out, |state, out| self.node.on_admitted(state, src, message, out));
    }
}
