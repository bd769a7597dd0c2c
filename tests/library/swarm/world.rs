//! A cluster in virtual time: the real actors, with a network and crashes by a seed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::paxos::{
    Acceptor, AcceptorId, AcceptorSet, Answer, AnyStateMachine, Checks, Client, Decree, Executor,
    Leader, LeaderId, Limits, Members, Message, Node, Quorums, Refusal, Role, Rulebook, Saving,
    Setup, Start, State, Storage, Timer, Timing, leader,
};
use crate::tests::touchy::Touchy;
use stateright::actor::{Actor, Command as Effect, Id, Out};

/// When the storm is over, in virtual microseconds.
const CALM: u64 = 3_000_000;

/// When everything must be settled.
const END: u64 = CALM + 20_000_000;

/// How many commands each of the clients wants done.
const COMMANDS: u64 = 25;

/// What a storm is like.
#[derive(Clone)]
pub(crate) struct Storm {
    pub(crate) acceptors: u8,
    pub(crate) quorums: Quorums,
    /// How many acceptors may be down at a time; as to leaders, all but one may.
    pub(crate) down: usize,
    /// How many datagrams in a hundred are lost.
    pub(crate) loss: u32,
    /// The commands at which the leaders' machines panic.
    pub(crate) panics: fn(&[u8]) -> bool,
    /// Those that must have no effect, of which their clients are told that.
    pub(crate) in_vain: fn(&[u8]) -> bool,
    /// The instances for which clients and answers are remembered. If it is short, a client may be
    /// forgotten, and then what it asks for is given up.
    pub(crate) lease: u64,
}

/// The lease under which nobody is forgotten.
const LONG: u64 = 1 << 18;

/// The longest replies of two commands.
const REPLY_BYTES: u64 = 400;

/// How often clients met with what is not remembered any more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Answers whose replies were not kept.
    pub(crate) not_kept: u64,
    /// Requests given up, as their answers were forgotten.
    pub(crate) forgotten: u64,
    /// Requests given up, as their clients were forgotten.
    pub(crate) expired: u64,
}

impl Default for Storm {
    fn default() -> Self {
        let (quorums, none) = (Quorums::Majority, |_: &[u8]| false);
        let (acceptors, down, loss) = (3, 1, 20);
        Storm { acceptors, quorums, down, loss, panics: none, in_vain: none, lease: LONG }
    }
}

const LEADERS: usize = 3;
const CLIENTS: u64 = 2;

enum Event {
    Deliver(Id, Id, Message),
    Fire(usize, Timer),
    Crash,
    Recover(usize),
}

/// One member: its node, its state while it is up, its disk, and when its timers are due.
struct Machine<R> {
    node: Node<R>,
    state: Option<State>,
    disk: Option<Storage>,
    due: BTreeMap<Timer, u64>,
    /// How many of a leader's decided instances were looked at.
    seen: usize,
    checks: Checks,
}

pub(crate) struct World<R> {
    storm: Storm,
    random: fastrand::Rng,
    now: u64,
    /// What will happen, by time and then by when it was planned.
    events: BTreeMap<(u64, u64), Event>,
    planned: u64,
    actors: Vec<Machine<R>>,
    /// What any leader has ever taken to be decided.
    decided: BTreeMap<usize, Decree>,
    /// A reply that says something else than it should.
    wrong: Option<Message>,
    /// What came of that, by the number of instances.
    executed: BTreeMap<usize, Executor>,
    met: Met,
}

impl<R: Rulebook> World<R> {
    pub(crate) fn new(rulebook: R, storm: Storm, seed: u64) -> Self {
        let acceptors = usize::from(storm.acceptors);
        let ids = |range: std::ops::Range<usize>| range.map(Id::from).collect();
        let members =
            Members::new(ids(0..LEADERS), ids(LEADERS..LEADERS + acceptors), storm.quorums.clone());
        let limits = Limits {
            window: 4,
            waiting: 8,
            client_window: 6,
            page: 120,
            resend: 240,
            lease: storm.lease,
            reply_bytes: REPLY_BYTES,
            ..Limits::default()
        };
        let setup = Arc::new(Setup::new(members.unwrap(), limits));
        let leader = |me| {
            let (asks, setup) = (AcceptorSet::all(acceptors), Arc::clone(&setup));
            Role::Leader(Leader {
                me,
                start: Start::Campaign,
                asks,
                backlog: Vec::new(),
                machine: AnyStateMachine::new(Touchy::new(storm.panics)),
                setup,
            })
        };
        let acceptor = |me| Role::Acceptor(Acceptor { me, setup: Arc::clone(&setup) });
        let client = |me: u64| {
            let (first, setup) = (LeaderId(me as u16 % 3), Arc::clone(&setup));
            Role::Client(Client::new(me.into(), first, COMMANDS, 6, setup))
        };
        let leaders = (0..LEADERS as u16).map(LeaderId).map(leader);
        let roles = leaders
            .chain((0..storm.acceptors).map(AcceptorId).map(acceptor))
            .chain((0..CLIENTS).map(client));
        let actor = |role| Machine {
            node: Node::with_rulebook(role, Saving::Changes, Timing::default(), rulebook.clone()),
            state: None,
            disk: None,
            due: BTreeMap::new(),
            seen: 0,
            checks: Checks::default(),
        };
        let actors = roles.map(actor).collect();
        let random = fastrand::Rng::with_seed(seed);
        let (events, decided, executed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (now, planned, met, wrong) = (0, 0, Met::default(), None);
        World { storm, random, now, events, planned, actors, decided, wrong, executed, met }
    }

    /// Through the storm and into the calm. Says what clients have met with, or what went wrong.
    pub(crate) fn run(mut self) -> Result<Met, String> {
        (0..self.actors.len()).for_each(|number| self.start(number));
        for _ in 0..12 {
            let at = self.random.u64(..CALM);
            self.plan(at, Event::Crash);
        }
        while let Some(((at, _), event)) = self.events.pop_first() {
            if at > END || (at > CALM && self.is_settled()) {
                break;
            }
            self.now = at;
            let number = self.happen(event);
            if let Some(number) = number {
                self.look_at(number)?;
            }
        }
        self.settle().map(|()| self.met)
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    /// Which actor took a step because of it.
    fn happen(&mut self, event: Event) -> Option<usize> {
        match event {
            Event::Deliver(from, to, message) => {
                let number = usize::from(to);
                let before = self.given_up(number);
                let heard = message.clone();
                let stepped = self
                    .step(number, |node, state, out| node.on_msg(to, state, from, message, out));
                let given_up = self.given_up(number) > before;
                match heard {
                    Message::Reply { done, .. } if matches!(done.answer, Answer::NotKept(_)) => {
                        self.met.not_kept += 1;
                    }
                    Message::Refused { reason, .. } if given_up => match reason {
                        Refusal::Forgotten => self.met.forgotten += 1,
                        _ => self.met.expired += 1,
                    },
                    _ => {}
                }
                stepped
            }
            Event::Fire(number, timer) => {
                if self.actors[number].due.get(&timer) != Some(&self.now) {
                    return None;
                }
                self.actors[number].due.remove(&timer);
                let id = Id::from(number);
                self.step(number, |node, state, out| node.on_timeout(id, state, &timer, out))
            }
            Event::Crash => {
                self.crash_somebody();
                None
            }
            Event::Recover(number) => {
                self.start(number);
                Some(number)
            }
        }
    }

    fn crash_somebody(&mut self) {
        let acceptors = LEADERS..LEADERS + usize::from(self.storm.acceptors);
        let number = self.random.usize(..acceptors.end);
        let (peers, down) = if acceptors.contains(&number) {
            (acceptors, self.storm.down)
        } else {
            (0..LEADERS, if self.storm.down > 0 { LEADERS - 1 } else { 0 })
        };
        let already = peers.filter(|peer| self.actors[*peer].state.is_none()).count();
        if already < down && self.actors[number].state.is_some() {
            let actor = &mut self.actors[number];
            (actor.state, actor.seen) = (None, 0);
            actor.due.clear();
            let back = self.now + self.random.u64(..1_000_000);
            self.plan(back.min(CALM), Event::Recover(number));
        }
    }

    fn start(&mut self, number: usize) {
        let (actor, mut out) = (&mut self.actors[number], Out::new());
        actor.state = Some(actor.node.on_start(Id::from(number), &actor.disk, &mut out));
        self.perform(number, out);
    }

    fn step(
        &mut self,
        number: usize,
        handle: impl FnOnce(&Node<R>, &mut Cow<State>, &mut Out<Node<R>>),
    ) -> Option<usize> {
        let (actor, mut out) = (&mut self.actors[number], Out::new());
        let mut state = Cow::Owned(actor.state.take()?);
        handle(&actor.node, &mut state, &mut out);
        actor.state = Some(state.into_owned());
        self.perform(number, out);
        Some(number)
    }

    fn perform(&mut self, number: usize, out: Out<Node<R>>) {
        for effect in out {
            match effect {
                Effect::Save(records) => {
                    self.actors[number].disk.get_or_insert_default().0.extend(records.0);
                }
                Effect::Send(to, message) => {
                    self.look_at_reply(&message);
                    self.send(Id::from(number), to, message);
                }
                Effect::SetTimer(timer, range) => {
                    let micros = |duration: Duration| duration.as_micros() as u64;
                    let at = self.now + self.random.u64(micros(range.start)..=micros(range.end));
                    self.actors[number].due.insert(timer, at);
                    self.plan(at, Event::Fire(number, timer));
                }
                Effect::CancelTimer(timer) => drop(self.actors[number].due.remove(&timer)),
                Effect::ChooseRandom(..) => unreachable!("the protocol is deterministic"),
            }
        }
    }

    /// In a storm datagrams are lost, repeated, and take up to a quarter of a second.
    fn send(&mut self, from: Id, to: Id, message: Message) {
        let storm = self.now < CALM;
        if storm && self.random.u32(..100) < self.storm.loss {
            return;
        }
        for _ in 0..if storm && self.random.u8(..10) == 0 { 2 } else { 1 } {
            let slow = storm && self.random.u8(..10) == 0;
            let delay = self.random.u64(50..if slow { 250_000 } else { 2_000 });
            self.plan(self.now + delay, Event::Deliver(from, to, message.clone()));
        }
    }

    /// Nobody takes an instance to be decided otherwise than anybody ever did, nothing is applied
    /// twice, and whatever was decided, the same came of it everywhere, within the limits.
    fn look_at(&mut self, number: usize) -> Result<(), String> {
        let actor = &mut self.actors[number];
        if let Some(state) = actor.state.as_ref().filter(|_| R::IS_SOUND) {
            actor.checks.check(state).map_err(|broken| format!("{broken}: {state:?}"))?;
        }
        let Some(State::Leader(state)) = &actor.state else { return Ok(()) };
        let prefix = state.learner().prefix();
        for (instance, decree) in prefix.iter().enumerate().skip(actor.seen) {
            let known = self.decided.entry(instance).or_insert_with(|| decree.clone());
            if known != decree {
                return Err(format!("{instance} was decided as {known} and as {decree}"));
            }
        }
        if actor.seen < prefix.len() {
            actor.seen = prefix.len();
            let mut ids = BTreeSet::new();
            if let Some(twice) = state.commands().find(|command| !ids.insert(command.id)) {
                return Err(format!("{twice} was applied twice"));
            }
            let history = state.executor();
            let known = self.executed.entry(prefix.len()).or_insert_with(|| history.clone());
            if known != history {
                let (one, two) = (known.sessions(), history.sessions());
                return Err(format!("{one:?} is remembered by one, {two:?} by another"));
            }
            let sessions = history.sessions();
            let answers = sessions.answers().len() as u64;
            if answers > self.storm.lease || sessions.reply_bytes() > REPLY_BYTES {
                return Err(format!("{sessions:?} is too much to be remembered"));
            }
        }
        Ok(())
    }

    /// Whoever asked in vain is told so, and nobody else.
    fn look_at_reply(&mut self, message: &Message) {
        let Message::Reply { id, done } = message else { return };
        let payload = id.sequence.to_string();
        if (done.answer == Answer::Panicked) != (self.storm.in_vain)(payload.as_bytes()) {
            self.wrong.get_or_insert_with(|| message.clone());
        }
    }

    /// Each leader's machine is in the state to which the commands lead that were not in vain.
    fn look_at_machine(&self, state: &leader::State) -> Result<(), String> {
        let counts = |payload: &&Arc<[u8]>| !(self.storm.in_vain)(payload);
        let payloads = state.commands().map(|command| &command.payload).filter(counts);
        let expected: Vec<u8> = payloads.flat_map(|payload| payload.iter().copied()).collect();
        let found = state.executor().machine().snapshot();
        let words = || format!("a machine is at {found:?}, and not at {expected:?}");
        (found == expected).then_some(()).ok_or_else(words)
    }

    /// How many requests a client has given up.
    fn given_up(&self, number: usize) -> u64 {
        match self.actors.get(number).and_then(|actor| actor.state.as_ref()) {
            Some(State::Client(state)) => state.refused(),
            _ => 0,
        }
    }

    /// How many requests were answered, and how many of them were given up.
    fn answered(&self) -> (u64, u64) {
        let clients = self.actors.iter().filter_map(|actor| match &actor.state {
            Some(State::Client(state)) => Some((state.answered(), state.refused())),
            _ => None,
        });
        clients.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn histories(&self) -> Vec<&[Decree]> {
        let leaders = self.actors.iter().filter_map(|actor| actor.state.as_ref()?.as_leader());
        leaders.map(|state| state.learner().prefix()).collect()
    }

    fn is_settled(&self) -> bool {
        let histories = self.histories();
        let commands = histories.first().into_iter().copied().flatten();
        let distinct: BTreeSet<_> = commands.filter_map(Decree::command).map(|c| c.id).collect();
        let (answered, given_up) = self.answered();
        answered == CLIENTS * COMMANDS
            && distinct.len() as u64 >= CLIENTS * COMMANDS - given_up
            && (given_up == 0 || self.storm.lease < LONG)
            && histories.len() == LEADERS
            && histories.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn settle(&self) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(format!("a wrong answer: {wrong}"));
        }
        let leaders = self.actors.iter().filter_map(|actor| actor.state.as_ref()?.as_leader());
        leaders.into_iter().try_for_each(|state| self.look_at_machine(state))?;
        let ((answered, _), wanted) = (self.answered(), CLIENTS * COMMANDS);
        if answered != wanted {
            return Err(format!("{} of {wanted} commands were not answered", wanted - answered));
        }
        if self.is_settled() {
            return Ok(());
        }
        let lengths: Vec<usize> = self.histories().iter().map(|h| h.len()).collect();
        let (_, given_up) = self.answered();
        Err(format!(
            "the histories of {lengths:?} decrees differ, or lack a command; {given_up} given up"
        ))
    }
}
