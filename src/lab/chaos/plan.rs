//! The schedule of faults, round by round, by a seed.

use fastrand::Rng;

use super::mistake::Mistake;

/// The members of the cluster.
#[derive(Clone, Debug)]
pub struct Roster {
    /// The names of the leaders.
    pub leaders: Vec<String>,
    /// The names of the acceptors.
    pub acceptors: Vec<String>,
}

/// The faults of one round. At its end, killed members are started again, and all else is undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The members killed with SIGKILL: less than half of the acceptors, and not all leaders.
    pub kills: Vec<String>,
    /// True if the primary is killed in place of the first leader among them.
    pub primary: bool,
    /// The member that is stopped, and continued at the end.
    pub pause: Option<String>,
    /// Link loss: receiver, sender, and percentage of lost datagrams.
    pub losses: Vec<(String, String, u8)>,
    /// An operator's mistake with one of the killed members, before all is put right and it is started again.
    pub mistake: Option<(Mistake, String)>,
    /// The least duration of the round, in milliseconds.
    pub millis: u64,
}

impl Round {
    /// Draws the next round.
    pub fn next(random: &mut Rng, roster: &Roster) -> Self {
        let Roster { leaders, acceptors } = roster;
        let (minority, all_but_one) = ((acceptors.len() - 1) / 2, leaders.len() - 1);
        let mut round = Round { millis: random.u64(50..250), ..Round::default() };
        while round.kills.is_empty() {
            round.kills = some_of(random, leaders, all_but_one);
            round.primary = !round.kills.is_empty() && random.bool();
            round.kills.extend(some_of(random, acceptors, minority));
        }
        if random.u8(..4) == 0 {
            let up = |name: &&String| !round.kills.contains(name);
            let alive: Vec<&String> = leaders.iter().chain(acceptors).filter(up).collect();
            round.pause = random.choice(alive).cloned();
        }
        if random.u8(..3) == 0 {
            round.losses = losses(random, roster);
        }
        if random.u8(..3) == 0 {
            round.mistake = mistake(random, &round.kills, acceptors);
        }
        round
    }

    /// True if there are neither stopped members nor link loss.
    pub fn only_kills(&self) -> bool {
        self.pause.is_none() && self.losses.is_empty()
    }
}

/// Draws up to `most` of these names.
fn some_of(random: &mut Rng, names: &[String], most: usize) -> Vec<String> {
    let count = random.usize(..=most);
    random.choose_multiple(names.iter().cloned(), count)
}

/// Draws a mistake with one of the killed members.
fn mistake(random: &mut Rng, kills: &[String], acceptors: &[String]) -> Option<(Mistake, String)> {
    let mistake = random.choice(Mistake::ALL)?;
    // The journal of a leader hardly ever grows, so a copy of it is hardly ever older.
    let fits = |name: &&String| mistake != Mistake::OlderCopy || acceptors.contains(name);
    let victims: Vec<&String> = kills.iter().filter(fits).collect();
    random.choice(victims).map(|victim| (mistake, victim.clone()))
}

fn losses(random: &mut Rng, Roster { leaders, acceptors }: &Roster) -> Vec<(String, String, u8)> {
    let all: Vec<&String> = leaders.iter().chain(acceptors).collect();
    let pairs = || all.iter().flat_map(|one| all.iter().map(move |two| (*one, *two)));
    let pairs = || pairs().filter(|(one, two)| one != two);
    let lose =
        |(hearer, speaker): (&String, &String), percent| (hearer.clone(), speaker.clone(), percent);
    let Some(alone) = random.choice(&all) else { return Vec::new() };
    match random.u8(..4) {
        // A bad network everywhere.
        0 => pairs().map(|pair| lose(pair, 25)).collect(),
        // A member that is cut off from all others.
        1 => pairs().filter(|(a, b)| a == alone || b == alone).map(|p| lose(p, 100)).collect(),
        // A member that is heard, and does not hear.
        2 => pairs().filter(|(hearer, _)| hearer == alone).map(|p| lose(p, 100)).collect(),
        // A leader that reaches the other leaders, but no acceptor.
        _ => {
            let Some(leader) = random.choice(leaders) else { return Vec::new() };
            acceptors.iter().map(|acceptor| lose((acceptor, leader), 100)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let names = |letter: &str, count| (1..=count).map(|n| format!("{letter}{n}")).collect();
        Roster { leaders: names("l", 3), acceptors: names("a", 5) }
    }

    fn rounds(seed: u64) -> Vec<Round> {
        let mut random = Rng::with_seed(seed);
        (0..500).map(|_| Round::next(&mut random, &roster())).collect()
    }

    #[test]
    fn a_seed_makes_one_schedule() {
        assert_eq!(rounds(1), rounds(1));
        assert_ne!(rounds(1), rounds(2));
    }

    #[test]
    fn a_quorum_and_a_leader_are_never_killed_and_everything_happens() {
        let rounds = rounds(3);
        let killed = |round: &Round, all: &[String]| {
            round.kills.iter().filter(|name| all.contains(name)).count()
        };
        for round in &rounds {
            let (leaders, acceptors) =
                (killed(round, &roster().leaders), killed(round, &roster().acceptors));
            assert!(leaders <= 2 && acceptors <= 2 && leaders + acceptors > 0, "{round:?}");
            assert!(!round.primary || leaders > 0);
            assert!(round.pause.as_ref().is_none_or(|name| !round.kills.contains(name)));
        }
        for (leaders, acceptors) in [(0, 1), (0, 2), (1, 0), (2, 0), (1, 1), (2, 2)] {
            let same = |round: &&Round| {
                killed(round, &roster().leaders) == leaders
                    && killed(round, &roster().acceptors) == acceptors
            };
            assert!(rounds.iter().any(|r| same(&r)), "{leaders} leaders, {acceptors} acceptors");
        }
        let percents: Vec<u8> = rounds.iter().flat_map(|r| &r.losses).map(|l| l.2).collect();
        assert!(percents.contains(&25) && percents.contains(&100));
        for mistake in Mistake::ALL {
            let same = rounds.iter().filter_map(|round| Some((round, round.mistake.as_ref()?)));
            let same: Vec<_> = same.filter(|(_, (made, _))| *made == mistake).collect();
            assert!(!same.is_empty(), "{mistake:?}");
            for (round, (_, victim)) in same {
                assert!(round.primary || round.kills.contains(victim));
                assert!(mistake != Mistake::OlderCopy || victim.starts_with('a'));
            }
        }
        assert!(rounds.iter().any(|r| r.pause.is_some()) && rounds.iter().any(Round::only_kills));
    }
}
