//! Chaos: a cluster of real processes under load, while members are killed, stopped and cut off, and
//! a verdict over all that its clients were told.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`plan`] | what is done to the members, by a seed |
//! | [`mistake`] | what an operator does wrong with a member that is down |
//! | `file` | the cluster's file |
//! | `load` | the clients |
//! | [`verdict`] | what is made of it |
//! | [`linear`] | whether one store could have told its clients so |

mod file;
mod load;
pub mod mistake;
pub mod plan;
pub mod verdict;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::Serialize;

use crate::cluster::client::ClientError;
use crate::cluster::member::RoleKind;
use crate::cluster::status_client::{StatusClient, StatusError};
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

/// What a cluster is put through.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// How many rounds; in each, somebody is killed.
    pub rounds: u64,
    /// By which seed. The same seed makes the same schedule; when datagrams come is up to the
    /// system, so no two runs are quite the same.
    pub seed: u64,
    /// How many leaders.
    pub leaders: u16,
    /// How many acceptors.
    pub acceptors: u16,
    /// How many clients ask at the same time.
    pub clients: u64,
    /// How many keys they use.
    pub keys: u64,
    /// In which folder the members' files are kept meanwhile.
    pub data: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many rounds there were.
    pub rounds: u64,
    /// How often somebody was killed.
    pub kills: u64,
    /// How often somebody was stopped and continued.
    pub pauses: u64,
    /// In how many rounds the network was bad or cut.
    pub cuts: u64,
    /// How many mistakes an operator made, each of which was refused.
    pub mistakes: u64,
    /// How many commands were acknowledged.
    pub acknowledged: u64,
    /// How many commands nobody knows of whether they were done.
    pub unknown: u64,
    /// Acknowledged, and not in some leader's history in the end, where its client was told.
    pub lost: u64,
    /// Applied more than once by some leader.
    pub applied_twice: u64,
    /// Whether one store could have told its clients what they were told.
    pub linearizable: bool,
    /// Whether all leaders have the same history in the end.
    pub histories_equal: bool,
    /// From the end of the primary to the next answer of another, where nothing else was done to
    /// the network.
    pub failover_ms: Failover,
    /// By which seed.
    pub seed: u64,
    /// What is wrong, if anything is.
    pub problem: Option<String>,
    /// Where the members' files were kept. They are left there if there is a problem.
    pub folder: PathBuf,
}

/// How long it took until another primary answered, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Failover {
    /// Half of the times were shorter; none if none was measured.
    pub median: Option<f64>,
    /// The longest; none if none was measured.
    pub max: Option<f64>,
    /// How many times were measured.
    pub count: usize,
}

/// How long an answer may fail to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many entries are missing in an older copy, at least: what was written last before a kill may not
/// have been told to anybody, so that nothing is lost with it.
const OLDER: u64 = 5;
/// How many commands are acknowledged between two rounds, at least.
const BETWEEN: usize = 20;

impl Report {
    /// Whether all is well.
    pub fn holds(&self) -> bool {
        self.problem.is_none()
            && self.lost == 0
            && self.applied_twice == 0
            && self.linearizable
            && self.histories_equal
    }
}

/// Puts a cluster through it. `progress` is told how many rounds are over.
pub fn run(chaos: &Chaos, progress: impl Fn(u64)) -> Result<Report, ExperimentError> {
    let program = std::env::current_exe().map_err(ExperimentError::Program)?;
    run_with(program, chaos, progress)
}

/// The same, with members started by this program.
pub fn run_with(
    program: PathBuf,
    chaos: &Chaos,
    progress: impl Fn(u64),
) -> Result<Report, ExperimentError> {
    let scratch = Scratch::new(&chaos.data, "chaos").map_err(system("make a folder"))?;
    let (roster, file) = cluster(chaos)?;
    let mut cluster = Processes::new(program, scratch.path(), &file.to_string())?;
    cluster.start_all()?;
    let status_client = StatusClient::new(cluster.config()).map_err(ClientError::from)?;
    let load = Load::start(cluster.config(), chaos.clients, chaos.keys, chaos.seed)?;
    let mut experiment = Experiment { cluster, file, status_client, load, tally: Tally::default() };
    let mut random = Rng::with_seed(chaos.seed);
    let mut problem = None;
    for number in 0..chaos.rounds {
        problem = experiment.round(&Round::next(&mut random, &roster))?;
        progress(number + 1);
        if let Some(problem) = &mut problem {
            *problem = format!("in round {}: {problem}", number + 1);
            break;
        }
    }
    let report = experiment.conclude(chaos, problem, scratch.path().to_owned())?;
    if !report.holds() {
        scratch.keep();
    }
    Ok(report)
}

/// Who takes part, each role in a process of its own, and the file that says so.
fn cluster(chaos: &Chaos) -> Result<(Roster, File), ProcessError> {
    let name = |letter: &str, count: u16| (1..=count).map(|n| format!("{letter}{n}")).collect();
    let roster =
        Roster { leaders: name("l", chaos.leaders), acceptors: name("a", chaos.acceptors) };
    let ports = free_ports(roster.leaders.len() + roster.acceptors.len())?;
    let id = ClusterId::draw().map_err(system("draw an id"))?;
    let file = File::new(id, &roster, ports);
    Ok((roster, file))
}

/// What was done and measured so far.
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
    /// Does to the members what is planned, and undoes it. What is wrong is returned.
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
        // Whoever has ended by itself cannot be killed any more, and must not have.
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

    /// Makes a mistake with a member that is down, which must be refused, and undoes it.
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

    /// How many entries there are in a member's journal, as far as they can be read now.
    fn entries(&self, name: &str) -> u64 {
        let role = if name.starts_with('l') { RoleKind::Leader } else { RoleKind::Acceptor };
        let folder = Directory::look(&self.cluster.data(name).join(role.name()));
        inspect(&folder).map_or(0, |inspected| inspected.recovered.entries)
    }

    /// Lets the round last, and measures how long it takes until another primary answers, if the
    /// primary was killed and nothing else is wrong.
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
                // What was asked before may have been chosen before.
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

    /// Waits for so many of those acknowledgements.
    fn answers(&self, count: usize, mut wanted: impl FnMut(&load::Acknowledged) -> bool) -> bool {
        // What came earlier says nothing about now.
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

    /// Lets the load end, waits until all leaders know all, and judges.
    fn conclude(
        self,
        chaos: &Chaos,
        problem: Option<String>,
        folder: PathBuf,
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
        let verdict = judge(asked.as_deref().unwrap_or_default(), &histories);
        let problems = [
            problem,
            ended,
            unread,
            (silent > 0).then(|| format!("{silent} do not answer in the end")),
            asked.is_none().then(|| "a client has panicked".to_owned()),
            (!level).then(|| "the leaders do not come to know equally much".to_owned()),
            verdict.doubt.clone(),
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
            linearizable: verdict.doubt.is_none(),
            histories_equal: verdict.histories_equal && !histories.is_empty(),
            failover_ms: Failover::of(failovers),
            seed: chaos.seed,
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
