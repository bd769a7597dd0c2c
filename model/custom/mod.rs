//! A check of a user's own state machine: in a small cluster of the real actors, every state is visited.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `judges` | what is asked of any state machine, and of this one |
//! | [`report`] | the report |

mod judges;
pub mod report;

use std::time::Instant;

use thiserror::Error;

use self::judges::{COMMANDS_DECIDE, Judges};
use self::report::CheckReport;
use super::backend::Backend;
use super::check::check_explicit;
use super::engine::universe::UniverseError;
use super::error::CheckError;
use super::properties::Property;
use super::report::Report;
use super::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use super::systems::base::{BASE, CLIENT, RETRYING, campaigner};
use crate::paxos::{Answer, AnyStateMachine, Audience, LeaderId, StateMachine};

/// The reason why a check could not be run.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct CheckFailed(#[from] CheckError);

/// A command as a state machine took it.
#[derive(Debug)]
pub struct Applied<'a, M> {
    /// The machine before it.
    pub before: &'a M,
    /// The command.
    pub command: &'a [u8],
    /// The answer that its client is told.
    pub answer: &'a Answer,
    /// The machine after it.
    pub after: &'a M,
}

/// A check of a state machine in a small cluster, exhaustively: whatever is lost, repeated or overtaken,
/// whoever leads, and whenever somebody crashes, within these bounds.
///
/// The actors are those that run: two leaders that both campaign at once, acceptors, and the clients,
/// which ask again when they hear nothing. Each leader has a copy of the machine. They are held to the
/// properties of the protocol, to what the cluster asks of any state machine (see [`run`](Check::run)), and
/// to the properties given.
///
/// The number of states grows steeply with each bound: begin with two clients of one command each.
///
/// ```
/// use synod::check::Check;
/// use synod::KvStore;
///
/// let get = synod::KvCommand::Get { key: b"k".to_vec() }.encode()?;
/// let report = Check::of(KvStore::default())
///     .client([get])
///     .always("it has no key yet", |store| *store == KvStore::default())
///     .run()?;
/// assert!(report.holds(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Check<M> {
    machine: M,
    clients: Vec<Vec<Vec<u8>>>,
    quorums: Overlap,
    retries: bool,
    crashes: u8,
    judges: Judges<M>,
}

/// The acceptors, and those that each of the two leaders asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    /// One acceptor.
    One,
    /// Three, of which both leaders ask the second.
    OneOfThree,
}

impl<M: StateMachine> Check<M> {
    /// A check of this machine, as it is before the first command.
    pub fn of(machine: M) -> Self {
        Check {
            machine,
            clients: Vec::new(),
            quorums: Overlap::One,
            retries: true,
            crashes: 0,
            judges: Judges::default(),
        }
    }

    /// Adds a client that asks for these commands, each once the one before is answered.
    pub fn client<C: Into<Vec<u8>>>(mut self, commands: impl IntoIterator<Item = C>) -> Self {
        self.clients.push(commands.into_iter().map(Into::into).collect());
        self
    }

    /// Three acceptors in place of one. It matters to the protocol, which is checked with more anyway, and
    /// hardly to a state machine; and it takes minutes and more, unless clients do not retry.
    pub fn three_acceptors(mut self) -> Self {
        self.quorums = Overlap::OneOfThree;
        self
    }

    /// Clients that ask once, and not again if they hear nothing.
    pub fn without_retries(mut self) -> Self {
        self.retries = false;
        self
    }

    /// Lets the first leader and the acceptor that both leaders ask crash and recover, so often in all.
    pub fn crashes(mut self, total: u8) -> Self {
        self.crashes = total;
        self
    }

    /// Demands that the machine is such at all times.
    pub fn always(
        mut self,
        name: &str,
        holds: impl Fn(&M) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.judges.always(name, holds);
        self
    }

    /// Demands that each command is taken so.
    pub fn each_command(
        mut self,
        name: &str,
        holds: impl Fn(&Applied<'_, M>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.judges.each_command(name, holds);
        self
    }

    /// Visits every state.
    ///
    /// Beside the properties given, any state machine must: depend on the commands alone, and not on time,
    /// chance or what its copies share; put all that it depends on into its snapshot; and not panic.
    pub fn run(mut self) -> Result<CheckReport, CheckFailed> {
        let commands: Vec<Vec<u8>> = self.clients.concat();
        let judges = std::mem::take(&mut self.judges);
        let properties = judges.properties(&self.machine, &commands);
        let system = self.system();
        let held: Vec<&'static Property> = system.properties().chain(properties).collect();
        let start = Instant::now();
        match check_explicit(system, &held, Backend::Explicit, &|_| {}) {
            Ok(report) => Ok(CheckReport::of(&Report { elapsed: start.elapsed(), ..report })),
            // Of the actors, only the machine is not the project's.
            Err(error @ CheckError::Universe(UniverseError::NotDeterministic { .. })) => {
                Ok(CheckReport::of_one(COMMANDS_DECIDE, error.to_string()))
            }
            Err(CheckError::Replay(_) | CheckError::NotShown(_)) => {
                let why = "a run that broke a property does not break it when it is run again";
                Ok(CheckReport::of_one(COMMANDS_DECIDE, why.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<M: StateMachine> Check<M> {
    /// The system. It lives as long as the program, as those that are part of this one do.
    fn system(self) -> &'static System {
        let (acceptors, leaders, shared) = match self.quorums {
            Overlap::One => (1, &ONE_ACCEPTOR, &["L1", "A1"]),
            Overlap::OneOfThree => (3, &THREE_ACCEPTORS, &["L1", "A2"]),
        };
        let client = |(number, commands): (u16, Vec<Vec<u8>>)| ClientBounds {
            // The first one asks the first leader first, the next the other.
            first: LeaderId(number % 2),
            commands: commands.len() as u64,
            payloads: leak_all(commands.into_iter().map(|command| &*Vec::leak(command))),
            ..if self.retries { RETRYING } else { CLIENT }
        };
        let bounds = Bounds {
            leaders,
            acceptors,
            machine: Some(leak(AnyStateMachine::new(self.machine))),
            instances: self.clients.iter().map(Vec::len).sum::<usize>() as u64,
            rounds: 1 + u32::from(self.crashes),
            audience: Audience::Proposer,
            nacks: false,
            clients: leak_all((0..).zip(self.clients).map(client)),
            crashes: Crashes { who: shared, total: self.crashes },
            ..BASE
        };
        leak(System {
            name: "own machine",
            about: "two leaders replicate a user's own state machine",
            bounds,
            also: &["a request is answered", "two leaders have equal logs"],
            left_out: &[],
            // Nobody has counted them before.
            states: 0,
            effort: Effort::Never,
            stock: None,
        })
    }
}

/// Both leaders campaign at once, and ask the one acceptor.
static ONE_ACCEPTOR: [LeaderBounds; 2] = [campaigner(&[1], 0), campaigner(&[1], 0)];

/// Both leaders campaign at once, and need the second acceptor.
static THREE_ACCEPTORS: [LeaderBounds; 2] = [campaigner(&[1, 2], 0), campaigner(&[2, 3], 0)];

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn leak_all<T>(values: impl Iterator<Item = T>) -> &'static [T] {
    Vec::leak(values.collect())
}
