//! The monitor of a leader: logs elections, peers that fall silent and come back, lost quorums, and catching
//! up. In calm times it logs nothing.
//!
//! It sends nothing, and relies on the messages of the protocol. A primary's heartbeats come directly and
//! through each acceptor, and acceptors answer all questions of a leader. So an acceptor counts as silent if
//! it has had reason to speak several times, for a while, and has not. Without a reason to speak it owes no
//! answer, for any length of time.

use std::time::{Duration, Instant};

use super::super::names::Names;
use super::super::notice::Rate;
use super::super::party::Party;
use crate::paxos::leader::State;
use crate::paxos::{AcceptorId, Ballot, Instance, LeaderId, Message, Stance};
use crate::runtime::identity::ClusterIdentity;

/// The least time for which a peer must have owed an answer to count as silent.
const SILENCE: Duration = Duration::from_secs(2);
/// The least number of reasons to speak that a silent peer must have had.
const REASONS: u32 = 10;
/// The number of missing instances above which a leader counts as catching up.
const BEHIND: u64 = 1000;

/// The monitor of one role.
#[derive(Debug)]
pub(super) struct Monitor {
    /// The name of the role, such as "n2/leader".
    me: String,
    names: Names,
    acceptors: Vec<Peer>,
    /// The number of acceptors that both quorums need.
    needed: usize,
    quorum_lost: bool,
    /// `None` before the first look.
    stance: Option<Seen>,
    /// The last time that the primary was heard, directly or through an acceptor.
    primary_heard: Option<Instant>,
    /// The first instance that the primary does not know to be chosen.
    primary_knows: Instance,
    catching_up: bool,
    rate: Rate,
    /// The number of events left out since the last one logged.
    left_out: u64,
}

#[derive(Debug)]
struct Peer {
    name: String,
    /// The first time since it was last heard that it had reason to speak, if any.
    owes_since: Option<Instant>,
    /// The number of times since it was last heard that it had reason to speak.
    reasons: u32,
    silent: bool,
}

/// The part of a leader's state whose changes are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Follower(Option<LeaderId>),
    Candidate(Ballot),
    Primary(Ballot),
}

impl Seen {
    fn of(state: &State) -> Self {
        match state.stance() {
            Stance::Follower(primary) => Seen::Follower(*primary),
            Stance::Candidate(_) => Seen::Candidate(state.stance_name().1.unwrap_or_default()),
            Stance::Primary(_) => Seen::Primary(state.stance_name().1.unwrap_or_default()),
        }
    }
}

impl Monitor {
    /// Starts to monitor the role of `me`.
    pub(super) fn new(me: Party, cluster: &ClusterIdentity) -> Self {
        let roles = cluster.roles().filter(|(party, ..)| matches!(party, Party::Acceptor(_)));
        let peer = |(_, name, _)| Peer { name, owes_since: None, reasons: 0, silent: false };
        Monitor {
            me: cluster.role_name(me),
            names: Names::of(cluster),
            acceptors: roles.map(peer).collect(),
            needed: cluster.quorums.0.max(cluster.quorums.1),
            quorum_lost: false,
            stance: None,
            primary_heard: None,
            primary_knows: Instance(0),
            catching_up: false,
            rate: Rate::of_events(),
            left_out: 0,
        }
    }

    /// Takes note of a message received.
    pub(super) fn hear(&mut self, from: Party, message: &Message, now: Instant) {
        if let Party::Acceptor(AcceptorId(place)) = from
            && let Some(peer) = self.acceptors.get_mut(usize::from(place))
        {
            (peer.owes_since, peer.reasons) = (None, 0);
        }
        if let Message::Heartbeat { chosen, .. } = message {
            (self.primary_heard, self.primary_knows) = (Some(now), *chosen);
            // Acceptors pass heartbeats on.
            if matches!(from, Party::Leader(_)) {
                self.acceptors.iter_mut().for_each(|peer| peer.has_reason(now));
            }
        }
    }

    /// Takes note of a message sent.
    pub(super) fn send(&mut self, to: Party, message: &Message, now: Instant) {
        if let Party::Acceptor(AcceptorId(place)) = to
            && let Message::Prepare { .. } | Message::Accept { .. } = message
            && let Some(peer) = self.acceptors.get_mut(usize::from(place))
        {
            peer.has_reason(now);
        }
    }

    /// Logs the changes since the last look.
    pub(super) fn look(&mut self, state: &State, now: Instant) {
        self.look_at_stance(state, now);
        self.look_at_acceptors(now);
        self.look_at_history(state, now);
    }

    fn look_at_stance(&mut self, state: &State, now: Instant) {
        let seen = Seen::of(state);
        let before = self.stance.replace(seen);
        if before == Some(seen) || before.is_none() && seen == Seen::Follower(None) {
            return;
        }
        let ballot = |ballot: Ballot| self.names.ballot_in_words(ballot);
        let before = match before {
            Some(Seen::Primary(_)) => "not primary any more: ",
            _ => "",
        };
        let words = match seen {
            Seen::Primary(own) => format!("primary from now on, under {}", ballot(own)),
            Seen::Candidate(own) => {
                let silence = self.primary_heard.map(|heard| now.saturating_duration_since(heard));
                let why = silence.map_or("no primary has been heard".to_owned(), |silence| {
                    format!("no primary has been heard for {:.1} s", silence.as_secs_f64())
                });
                format!("{before}candidate from now on, under {}: {why}", ballot(own))
            }
            Seen::Follower(None) => format!("{before}follower from now on: no primary is known"),
            Seen::Follower(Some(leader)) => format!(
                "{before}follower from now on: {} is primary, under {}",
                self.names.leader(leader),
                ballot(state.seen())
            ),
        };
        self.tell(now, &words, false);
    }

    fn look_at_acceptors(&mut self, now: Instant) {
        let mut changed = Vec::new();
        for peer in &mut self.acceptors {
            let since = peer.owes_since.unwrap_or(now);
            let silence = now.saturating_duration_since(since);
            let silent = peer.reasons >= REASONS && silence >= SILENCE;
            // A peer without reason to speak stays as it was.
            if silent != peer.silent && (silent || peer.reasons == 0) {
                peer.silent = silent;
                changed.push(match silent {
                    true => {
                        let seconds = silence.as_secs_f64();
                        format!("{} is silent: no answer for {seconds:.1} s", peer.name)
                    }
                    false => format!("{} answers again", peer.name),
                });
            }
        }
        if changed.is_empty() {
            return;
        }
        changed.iter().for_each(|words| self.tell(now, words, true));
        let (all, needed) = (self.acceptors.len(), self.needed);
        let up = self.acceptors.iter().filter(|peer| !peer.silent).count();
        let lost = up < needed;
        if lost != self.quorum_lost {
            self.quorum_lost = lost;
            let what = if lost { "the quorum is lost" } else { "there is a quorum again" };
            self.tell(
                now,
                &format!("{what}: {up} of {all} acceptors answer, {needed} needed"),
                true,
            );
        }
    }

    fn look_at_history(&mut self, state: &State, now: Instant) {
        let first = state.learner().first_unchosen();
        let lag = self.primary_knows.0.saturating_sub(first.0);
        if !self.catching_up && lag > BEHIND {
            self.catching_up = true;
            self.tell(now, &format!("catches up: {lag} instances behind the primary"), false);
        } else if self.catching_up && lag <= BEHIND / 10 {
            self.catching_up = false;
            self.tell(now, &format!("has caught up, at instance {first}"), false);
        }
    }

    fn tell(&mut self, now: Instant, words: &str, warns: bool) {
        if !self.rate.allows(now) {
            self.left_out += 1;
            return;
        }
        let left_out = match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            left_out => format!(" ({left_out} more events before this one)"),
        };
        let me = &self.me;
        match warns {
            true => tracing::warn!("{me}: {words}{left_out}"),
            false => tracing::info!("{me}: {words}{left_out}"),
        }
    }
}

impl Peer {
    fn has_reason(&mut self, now: Instant) {
        self.owes_since.get_or_insert(now);
        self.reasons = self.reasons.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::identity::{ClusterId, MemberRoles};

    fn monitor() -> Monitor {
        let member =
            |name: &str| MemberRoles { name: name.to_owned(), leader: true, acceptor: true };
        let cluster = ClusterIdentity {
            id: ClusterId(1),
            name: "test".to_owned(),
            machine: "kv".to_owned(),
            lease: 1,
            reply_bytes: 1,
            quorums: (2, 2),
            members: ["n1", "n2", "n3"].map(member).to_vec(),
        };
        Monitor::new(Party::Leader(LeaderId(1)), &cluster)
    }

    fn acceptor(place: u8) -> Party {
        Party::Acceptor(AcceptorId(place))
    }

    const ASKED: Message = Message::Prepare { ballot: Ballot::NONE, from: Instance(0), pages: 1 };

    #[test]
    fn an_acceptor_is_silent_only_if_it_had_reason_to_speak_for_a_while() {
        let start = Instant::now();
        let silent = |effects: u32, seconds: u64| {
            let mut monitor = monitor();
            (0..effects).for_each(|_| monitor.send(acceptor(2), &ASKED, start));
            monitor.look_at_acceptors(start + Duration::from_secs(seconds));
            monitor.acceptors.iter().filter(|peer| peer.silent).count()
        };
        assert_eq!((silent(9, 60), silent(10, 1), silent(10, 2)), (0, 0, 1));
    }

    /// After a calm there are many reasons at once, while the answers are still on their way.
    #[test]
    fn a_burst_after_a_calm_is_no_silence() {
        let start = Instant::now();
        let mut monitor = monitor();
        (0..3).for_each(|place| monitor.hear(acceptor(place), &ASKED, start));
        let burst = start + Duration::from_secs(60);
        for place in 0..3 {
            (0..100).for_each(|_| monitor.send(acceptor(place), &ASKED, burst));
        }
        monitor.look_at_acceptors(burst + Duration::from_millis(1));
        assert!(!monitor.quorum_lost && monitor.acceptors.iter().all(|peer| !peer.silent));
        monitor.look_at_acceptors(burst + SILENCE);
        assert!(monitor.quorum_lost && monitor.acceptors.iter().all(|peer| peer.silent));
    }

    #[test]
    fn a_quorum_is_lost_and_comes_back_with_one_answer() {
        let start = Instant::now();
        let mut monitor = monitor();
        let heartbeat = Message::Heartbeat { ballot: Ballot::NONE, chosen: Instance(0) };
        (0..REASONS).for_each(|_| monitor.hear(Party::Leader(LeaderId(0)), &heartbeat, start));
        let later = start + SILENCE;
        monitor.hear(acceptor(0), &heartbeat, later);
        monitor.look_at_acceptors(later);
        assert!(monitor.quorum_lost, "two of three are silent");
        monitor.hear(acceptor(2), &heartbeat, later);
        monitor.look_at_acceptors(later);
        assert!(!monitor.quorum_lost);
    }

    /// The number of lines in ten seconds is bounded, for any number of events.
    #[test]
    fn a_storm_is_logged_within_bounds() {
        let start = Instant::now();
        let mut monitor = monitor();
        (0..1000).for_each(|_| monitor.tell(start, "something happens", false));
        assert_eq!(monitor.left_out, 980);
        monitor.tell(start + Duration::from_secs(10), "something happens", false);
        assert_eq!(monitor.left_out, 0);
    }
}
