//! Chaos: a cluster of processes under load, while members are killed, stopped and cut off, and a verdict on
//! all that its clients were told.
//!
//! | file | contents |
//! | --- | --- |
//! | [`plan`] | the schedule of faults, by a seed |
//! | [`mistake`] | operators' mistakes with a member that is down |
//! | `file` | the cluster's configuration file |
//! | [`workload`] | the commands that clients ask for; [`store`] is the workload of `synod chaos` |
//! | `load` | the clients |
//! | [`verdict`] | the verdict |
//! | [`linear`](crate::lab::linear) | the judge of linearizability |

mod file;
mod load;
pub mod mistake;
pub mod plan;
pub mod store;
pub mod verdict;
pub mod workload;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::Serialize;

use crate::cluster::driver::ClientError;
use crate::cluster::member::RoleKind;
use crate::cluster::status_client::{StatusClient, StatusError};
use crate::lab::member::Program;
use crate::lab::processes::{ExperimentError, ProcessError, Processes, free_ports, system};
use crate::lab::scratch::Scratch;
use crate::paxos::LeaderId;
use crate::runtime::identity::ClusterId;
use crate::runtime::journal::disk::inspect;
use crate::runtime::journal::folder::Directory;
use file::File;
use load::Load;
use mistake::{Mistake, copy, empty, replace};
use plan::{Roster, Round};
use verdict::{History, judge};
use workload::Workload;

/// The parameters of a chaos experiment.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// The number of rounds. At least one member is killed in each.
    pub rounds: u64,
    /// The seed of the schedule. The arrival of datagrams is up to the system, so no two runs are quite the
    /// same.
    pub seed: u64,
    /// The number of leaders.
    pub leaders: u16,
    /// The number of acceptors.
    pub acceptors: u16,
    /// The number of concurrent clients.
    pub clients: u64,
    /// The folder that holds the members' files meanwhile.
    pub data: PathBuf,
}

/// The result of a chaos experiment.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The number of rounds.
    pub rounds: u64,
    /// The number of kills.
    pub kills: u64,
    /// The number of times that a member was stopped and continued.
    pub pauses: u64,
    /// The number of rounds with link loss.
    pub cuts: u64,
    /// The number of operators' mistakes, all of which were refused if the report holds.
    pub mistakes: u64,
    /// The number of commands acknowledged.
    pub acknowledged: u64,
    /// The number of commands with an unknown outcome.
    pub unknown: u64,
    /// The number of acknowledged commands that in the end some leader does not have in the instance that the
    /// client was told.
    pub lost: u64,
    /// The number of commands that some leader has applied more than once.
    pub applied_twice: u64,
    /// True if one machine could have told its clients what they were told, as far as the log and the
    /// workload's own judge say.
    pub linearizable: bool,
    /// True if all leaders have the same history in the end.
    pub histories_equal: bool,
    /// The times from a kill of the primary to the next answer of another leader, in rounds without pause and
    /// link loss.
    pub failover_ms: Failover,
    /// The seed of the schedule.
    pub seed: u64,
    /// The problems found, if any.
    pub problem: Option<String>,
    /// The folder of the members' files. It is kept if there is a problem.
    pub folder: PathBuf,
}

/// The failover times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Failover {
    /// The median; `None` if none was measured.
    pub median: Option<f64>,
    /// The longest; `None` if none was measured.
    pub max: Option<f64>,
    /// The number of measurements.
    pub count: usize,
}

/// The time without an answer after which the cluster counts as stuck.
const PATIENCE: Duration = Duration::from_secs(20);
/// The least number of entries that an older copy lacks. The last entries before a kill may have been told to
/// no other member, so a copy without only those has lost nothing.
const OLDER: u64 = 5;
/// The number of commands acknowledged between two rounds, at least.
const BETWEEN: usize = 20;

impl Report {
    /// True if nothing is wrong.
    pub fn holds(&self) -> bool {
        self.problem.is_none()
            && self.lost == 0
            && self.applied_twice == 0
            && self.linearizable
            && self.histories_equal
    }
}

/// Twenty rounds for three leaders, three acceptors and three clients.
impl Default for Chaos {
    fn default() -> Self {
        let (leaders, acceptors, clients) = (3, 3, 3);
        Chaos { rounds: 20, seed: 1, leaders, acceptors, clients, data: std::env::temp_dir() }
    }
}

impl Chaos {
    /// Puts a cluster through it, whose members are started by this program. `progress` is told how many
    /// rounds are over.
    pub fn run(
        &self,
        program: Program,
        workload: &impl Workload,
        progress: impl Fn(u64),
    ) -> Result<Report, ExperimentError> {
        let scratch = Scratch::new(&self.data, "chaos").map_err(system("make a folder"))?;
        let (roster, file) = cluster(self)?;
        let mut cluster = Processes::new(program, scratch.path(), &file.to_string())?;
        cluster.start_all()?;
        let status_client = StatusClient::new(cluster.config()).map_err(ClientError::from)?;
        let load = Load::start(cluster.config(), self.clients, workload, self.seed)?;
        let mut experiment =
            Experiment { cluster, file, status_client, load, tally: Tally::default() };
        let mut random = Rng::with_seed(self.seed);
        let mut problem = None;
        for number in 0..self.rounds {
            problem = experiment.round(&Round::next(&mut random, &roster))?;
            progress(number + 1);
            if let Some(problem) = &mut problem {
                *problem = format!("in round {}: {problem}", number + 1);
                break;
            }
        }
        let folder = scratch.path().to_owned();
        let report = experiment.conclude(workload, (self.seed, problem, folder))?;
        if !report.holds() {
            scratch.keep();
        }
        Ok(report)
    }
}

/// The names of the members, with each role in a process of its own, and the configuration file.
fn cluster(chaos: &Chaos) -> Result<(Roster, File), ProcessError> {
    let name = |letter: &str, count: u16| (1..=count).map(|n| format!("{letter}{n}")).collect();
    let roster =
        Roster { leaders: name("l", chaos.leaders), acceptors: name("a", chaos.acceptors) };
    let ports = free_ports(roster.leaders.len() + roster.acceptors.len())?;
    let id = ClusterId::draw().map_err(system("draw an id"))?;
    let file = File::new(id, &roster, ports);
    Ok((roster, file))
}

/// The counters and measurements so far.
#[derive(Default)]
struct Tally {
    rounds: u64,
    kills: u64,
    pauses: u64,
    cuts: u64,
    mistakes: u64,
    failovers: Vec<Duration>,
}

struct Experiment {
    cluster: Processes,
    file: File,
    status_client: StatusClient,
    load: Load,
    tally: Tally,
}

impl Experiment {
    /// Runs one round: does to the members what is planned, and undoes it. Returns the problem found, if any.
    fn round(&mut self, round: &Round) -> Result<Option<String>, ExperimentError> {
        if !self.answers(BETWEEN, |_| true) {
            return Ok(Some(format!("no {BETWEEN} answers within {PATIENCE:?}")));
        }
        let primary = self.status_client.primary(Duration::from_secs(1))?;
        let mut kills = round.kills.clone();
        if let (true, Some((name, _)), Some(first)) = (round.primary, &primary, kills.first_mut())
            && !round.kills.contains(name)
        {
            first.clone_from(name);
        }
        for (hearer, speaker, percent) in &round.losses {
            self.cluster.lose(hearer, speaker, *percent)?;
        }
        round.pause.iter().try_for_each(|name| self.cluster.pause(name))?;
        // No member may have ended by itself.
        if let Some(problem) = self.cluster.first_end()? {
            return Ok(Some(problem));
        }
        kills.iter().try_for_each(|name| self.cluster.kill(name))?;
        let killed = Instant::now();
        let stuck = self.await_the_next(round, &kills, primary, killed);
        round.pause.iter().try_for_each(|name| self.cluster.resume(name))?;
        for (hearer, speaker, _) in &round.losses {
            self.cluster.lose(hearer, speaker, 0)?;
        }
        let mistaken = match &round.mistake {
            Some((mistake, victim)) if kills.contains(victim) => self.mistake(*mistake, victim)?,
            _ => None,
        };
        kills.iter().try_for_each(|name| self.cluster.start(name))?;
        self.tally.rounds += 1;
        self.tally.kills += kills.len() as u64;
        self.tally.pauses += u64::from(round.pause.is_some());
        self.tally.cuts += u64::from(!round.losses.is_empty());
        Ok(stuck.or(mistaken))
    }

    /// Makes a mistake with a member that is down, and undoes it. Returns a problem if the mistake is not
    /// refused.
    fn mistake(
        &mut self,
        mistake: Mistake,
        victim: &str,
    ) -> Result<Option<String>, ExperimentError> {
        let (data, aside) = (self.cluster.data(victim), self.cluster.folder().join("aside"));
        let copied = || system(format!("copy the files of {victim}"));
        if mistake == Mistake::OlderCopy {
            copy(&data, &self.cluster.folder().join("older")).map_err(copied())?;
            let age = self.entries(victim);
            self.cluster.start(victim)?;
            let deadline = Instant::now() + PATIENCE;
            while self.entries(victim) < age + OLDER {
                if Instant::now() >= deadline {
                    return Ok(Some(format!("{victim} does not vote any more")));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            self.cluster.kill(victim)?;
        }
        copy(&data, &aside).map_err(copied())?;
        let older = self.cluster.folder().join("older");
        let mistaken = match mistake {
            Mistake::OlderCopy => replace(&older, &data).and_then(|()| fs::remove_dir_all(&older)),
            Mistake::Emptied | Mistake::MadeAnew => empty(&data),
            Mistake::Exchanged => {
                let alike = |name: &&str| *name != victim && name.get(..1) == victim.get(..1);
                let names = self.file.members.iter().map(|(name, ..)| name.as_str());
                let other = names.into_iter().find(alike).unwrap_or_default();
                replace(&self.cluster.data(other), &data)
            }
            _ => Ok(()),
        };
        mistaken.map_err(copied())?;
        let file = mistake.file(&self.file, victim).map_err(system("draw an id"))?;
        let name = file.as_ref().map_or("cluster.toml", |_| "mistaken.toml");
        if let Some(file) = &file {
            let written = fs::write(self.cluster.folder().join(name), file.to_string());
            written.map_err(system("write a file"))?;
        }
        let said = self.cluster.log(victim).len();
        self.cluster.start_by(victim, name, mistake == Mistake::MadeAnew)?;
        let refused = self.cluster.ends(victim, PATIENCE)?;
        let words = self.cluster.log(victim).split_off(said);
        self.cluster.kill(victim)?;
        replace(&aside, &data).and_then(|()| fs::remove_dir_all(&aside)).map_err(copied())?;
        self.tally.mistakes += 1;
        let named = refused && words.contains(mistake.refusal());
        Ok((!named).then(|| format!("{victim} has accepted a mistake, {mistake:?}: {words}")))
    }

    /// The number of entries in a member's journal, as far as they can be read now.
    fn entries(&self, name: &str) -> u64 {
        let role = if name.starts_with('l') { RoleKind::Leader } else { RoleKind::Acceptor };
        let folder = Directory::look(&self.cluster.data(name).join(role.name()));
        inspect(&folder).map_or(0, |inspected| inspected.recovered.entries)
    }

    /// Lets the round last. If the primary was killed and nothing else is wrong, measures the time until
    /// another leader answers.
    fn await_the_next(
        &mut self,
        round: &Round,
        kills: &[String],
        primary: Option<(String, LeaderId)>,
        killed: Instant,
    ) -> Option<String> {
        let measured = primary.filter(|(name, _)| round.only_kills() && kills.contains(name));
        if let Some((name, leader)) = measured {
            let since = move |at: Instant| at.saturating_duration_since(killed);
            let mut first = None;
            let answered = self.answers(1, |ack| {
                // Commands asked for before the kill may have been chosen before it.
                let news = ack.by != leader && ack.asked > killed;
                first = first.or(news.then_some(since(ack.at)));
                news
            });
            if !answered {
                return Some(format!("{name} was killed, and no other has answered"));
            }
            self.tally.failovers.extend(first);
        }
        let left = Duration::from_millis(round.millis).saturating_sub(killed.elapsed());
        std::thread::sleep(left);
        None
    }

    /// Waits for `count` such acknowledgements; false if they do not come in time.
    fn answers(&self, count: usize, mut wanted: impl FnMut(&load::Acknowledged) -> bool) -> bool {
        // Drops the acknowledgements of earlier rounds.
        if count > 1 {
            while self.load.acknowledged.try_recv().is_ok() {}
        }
        let deadline = Instant::now() + PATIENCE;
        let mut left = count;
        while left > 0 {
            match self.load.acknowledged.recv_deadline(deadline) {
                Ok(ack) => left -= usize::from(wanted(&ack)),
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends the load, waits until all leaders know all, and judges.
    fn conclude(
        self,
        workload: &impl Workload,
        (seed, problem, folder): (u64, Option<String>, PathBuf),
    ) -> Result<Report, ExperimentError> {
        let Experiment { mut cluster, status_client, load, tally, .. } = self;
        let asked = load.finish()?;
        let level = status_client.wait_until_level(PATIENCE)?;
        let leaders = status_client.members().iter().filter(|asked| asked.part == RoleKind::Leader);
        let histories: Result<Vec<History>, StatusError> =
            leaders.map(|leader| status_client.history(leader, PATIENCE)).collect();
        let silent =
            status_client.status(PATIENCE / 4)?.iter().filter(|status| status.is_none()).count();
        let ended = cluster.first_end()?;
        drop(cluster);
        let unread = histories.as_ref().err().map(ToString::to_string);
        let histories = histories.unwrap_or_default();
        let verdict = judge(workload, asked.as_deref().unwrap_or_default(), &histories);
        let problems = [
            problem,
            ended,
            unread,
            (silent > 0).then(|| format!("{silent} do not answer in the end")),
            asked.is_none().then(|| "a client has panicked".to_owned()),
            (!level).then(|| "the leaders do not come to know equally much".to_owned()),
            verdict.doubt.clone(),
            (verdict.out_of_order > 0)
                .then(|| format!("{} were applied out of order", verdict.out_of_order)),
            (verdict.done_after_all > 0)
                .then(|| format!("{} were said not to be done, and are", verdict.done_after_all)),
            (verdict.wrong_answers > 0)
                .then(|| format!("{} answers are wrong", verdict.wrong_answers)),
        ];
        let problems: Vec<String> = problems.into_iter().flatten().collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        let Tally { rounds, kills, pauses, cuts, mistakes, failovers } = tally;
        Ok(Report {
            rounds,
            kills,
            pauses,
            cuts,
            mistakes,
            acknowledged: verdict.acknowledged,
            unknown: verdict.unknown,
            lost: verdict.lost,
            applied_twice: verdict.applied_twice,
            linearizable: verdict.doubt.is_none() && verdict.out_of_order == 0,
            histories_equal: verdict.histories_equal && !histories.is_empty(),
            failover_ms: Failover::of(failovers),
            seed,
            problem,
            folder,
        })
    }
}

impl Failover {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let millis = |time: Option<&Duration>| time.map(|time| time.as_secs_f64() * 1e3);
        let median = millis(times.get(times.len() / 2));
        Failover { median, max: millis(times.last()), count: times.len() }
    }
}
