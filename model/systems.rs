//! The systems that are checked, each exhausted in seconds, and what each leaves out.

use super::system::{Bounds, ClientBounds, Crashes, Effort, LeaderBounds, System};
use crate::paxos::{Audience, LeaderId, Quorums, Start, Timer};

/// A leader that campaigns at once, with commands of its own and no timers.
const fn campaigner(asks: &'static [u8], commands: u64) -> LeaderBounds {
    LeaderBounds { start: Start::Campaign, asks, commands, timers: &[] }
}

/// A leader that waits for heartbeats, campaigns when none come, and sends them as primary.
const fn elector(asks: &'static [u8], commands: u64) -> LeaderBounds {
    let timers = &[Timer::Election, Timer::Heartbeat];
    LeaderBounds { start: Start::Follow, asks, commands, timers }
}

/// Bounds that most systems share.
const BASE: Bounds = Bounds {
    leaders: &[],
    acceptors: 3,
    quorums: &Quorums::Majority,
    instances: 1,
    window: u64::MAX,
    rounds: 1,
    audience: Audience::AllLeaders,
    nacks: true,
    clients: &[],
    crashes: Crashes::NONE,
};

const RETRYING: ClientBounds = ClientBounds { first: LeaderId(0), commands: 1, retries: true };

/// All systems.
pub static SYSTEMS: [System; 28] = [
    System {
        name: "dueling",
        about: "two leaders campaign at once and fight over one instance",
        bounds: Bounds { leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1)], ..BASE },
        also: &["a command is chosen", "two primaries at once"],
        states: 12_249,
        effort: Effort::Seconds,
        stock: Some(96_479),
    },
    System {
        name: "gap",
        about: "a new primary finds a vote above an instance that nobody has voted in",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 2), campaigner(&[1], 0)],
            acceptors: 1,
            instances: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        states: 2_981,
        effort: Effort::Seconds,
        stock: Some(18_465),
    },
    System {
        name: "acceptor-crash",
        about: "the acceptor that both quorums share crashes and recovers",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1)],
            audience: Audience::Proposer,
            crashes: Crashes { who: &["A2"], total: 2 },
            ..BASE
        },
        also: &["a command is chosen", "a recovered acceptor votes"],
        states: 34_915,
        effort: Effort::Seconds,
        stock: Some(117_256),
    },
    System {
        name: "leader-crash",
        about: "a leader crashes, recovers and campaigns again, and never reuses a ballot",
        bounds: Bounds {
            leaders: &[campaigner(&[1], 0)],
            acceptors: 1,
            rounds: 2,
            clients: &[ClientBounds { first: LeaderId(0), commands: 2, retries: false }],
            crashes: Crashes { who: &["L1"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "a request is answered"],
        states: 2_247,
        effort: Effort::Seconds,
        stock: Some(92_986),
    },
    System {
        name: "retry",
        about: "a client that gets no answer asks the other leader",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 0), campaigner(&[2, 3], 0)],
            instances: 2,
            audience: Audience::Proposer,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered"],
        states: 27_968,
        effort: Effort::Seconds,
        stock: Some(231_932),
    },
    System {
        name: "election",
        about: "two leaders elect a primary by heartbeats; the lower one steps down",
        bounds: Bounds {
            leaders: &[elector(&[1, 2], 1), elector(&[2, 3], 0)],
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        states: 7_661,
        effort: Effort::Seconds,
        stock: Some(48_596),
    },
    System {
        name: "takeover",
        about: "two leaders take over from one another, and the higher id does not always win",
        bounds: Bounds {
            leaders: &[elector(&[1], 1), elector(&[1], 0)],
            acceptors: 1,
            rounds: 2,
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        states: 23_171,
        effort: Effort::Seconds,
        stock: Some(76_611),
    },
    System {
        name: "progress",
        about: "a refused leader tries again under a higher ballot, so that a decision stays possible",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 1) },
                campaigner(&[1], 0),
            ],
            acceptors: 1,
            rounds: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "every command can still be chosen"],
        states: 1_111,
        effort: Effort::Seconds,
        stock: Some(5_188),
    },
    System {
        name: "comeback",
        about: "a refused leader comes back under a higher ballot and finds the other's votes",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 1) },
                campaigner(&[1], 1),
            ],
            acceptors: 1,
            instances: 2,
            rounds: 2,
            audience: Audience::Proposer,
            ..BASE
        },
        also: &["a command is chosen", "a stable leader's commands are chosen"],
        states: 21_283,
        effort: Effort::Seconds,
        stock: Some(148_110),
    },
    System {
        name: "three-ballots",
        about: "a third leader finds two different votes and has to take the one of the higher ballot",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2], 1), campaigner(&[2, 3], 1), campaigner(&[1, 3], 0)],
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        states: 31_881,
        effort: Effort::Seconds,
        stock: Some(203_031),
    },
    System {
        name: "passive",
        about: "two leaders ask all acceptors, and all leaders learn from every vote",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 1_521_952,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "heartbeats",
        about: "the same, with elections by heartbeats and with refusals",
        bounds: Bounds { leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)], ..BASE },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        states: 85_774_989,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "three-leaders",
        about: "three leaders ask all acceptors",
        bounds: Bounds {
            leaders: &[
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 0),
            ],
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 53_711_617_696,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "acceptor-crashes-once",
        about: "any acceptor crashes, within a step too",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "a recovered acceptor votes"],
        states: 278_625_055,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "acceptor-crashes",
        about: "two crashes of any acceptors, within a step too",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 2 },
            ..BASE
        },
        also: &["a command is chosen", "a recovered acceptor votes"],
        states: 2_398_143_319,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "leader-crashes",
        about: "a leader crashes, within a step too, and campaigns again beside another",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            rounds: 2,
            nacks: false,
            crashes: Crashes { who: &["L1"], total: 1 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 1_762_536_312,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "five-acceptors",
        about: "two leaders ask five acceptors",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3, 4, 5], 1), campaigner(&[1, 2, 3, 4, 5], 1)],
            acceptors: 5,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 134_401_774_080,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "five-acceptors-heartbeats",
        about: "two leaders ask five acceptors, with elections by heartbeats and with refusals",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3, 4, 5], 1), elector(&[1, 2, 3, 4, 5], 1)],
            acceptors: 5,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        states: 17_296_754_201_089,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "three-leaders-refused",
        about: "three leaders ask all acceptors, which refuse aloud",
        bounds: Bounds {
            leaders: &[
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 1),
                campaigner(&[1, 2, 3], 0),
            ],
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 37_662_249_165_152,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "heartbeats-and-crashes",
        about: "elections and refusals, and two crashes of any acceptors, within a step too",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            crashes: Crashes { who: &["A1", "A2", "A3"], total: 2 },
            ..BASE
        },
        also: &["a command is chosen", "a primary steps down", "a recovered acceptor votes"],
        states: 15_482_814_546,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "flexible",
        about: "four acceptors: three must promise, but two votes choose",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3, 4], 1), campaigner(&[1, 2, 3, 4], 1)],
            acceptors: 4,
            quorums: &Quorums::Sizes { phase1: 3, phase2: 2 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 731_211_169,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "read-one-write-all",
        about: "one promise suffices to propose, and all must vote",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 1), campaigner(&[1, 2, 3], 1)],
            quorums: &Quorums::Sizes { phase1: 1, phase2: 3 },
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once"],
        states: 215_812_201,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "retries",
        about: "a client that gets no answer asks the other leader; everybody asks all acceptors",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 0), campaigner(&[1, 2, 3], 0)],
            instances: 2,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered"],
        states: 1_655_509_184,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "answers",
        about: "one leader comes back after every refusal, and every request is answered",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { timers: &[Timer::Election], ..campaigner(&[1], 0) },
                campaigner(&[1], 1),
            ],
            acceptors: 1,
            instances: 2,
            rounds: 2,
            clients: &[RETRYING],
            ..BASE
        },
        also: &["a command is chosen", "a request is answered", "every request is answered"],
        states: 3_995_694,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "window",
        about: "two instances, of which one may be open at a time",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 2), campaigner(&[1, 2, 3], 1)],
            instances: 2,
            window: 1,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        states: 2_963_684_448,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "two-commands",
        about: "two leaders with two commands each, and a gap between them",
        bounds: Bounds {
            leaders: &[campaigner(&[1, 2, 3], 2), campaigner(&[1, 2, 3], 2)],
            instances: 2,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "a gap is filled by a no-op"],
        states: 588_123_242_528,
        effort: Effort::Minutes,
        stock: None,
    },
    System {
        name: "catch-up",
        about: "a leader that hears of no vote learns from the primary what was chosen",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 2), elector(&[1, 2, 3], 0)],
            instances: 2,
            audience: Audience::Proposer,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen"],
        states: 161_275_504_961,
        effort: Effort::Seconds,
        stock: None,
    },
    System {
        name: "two-rounds",
        about: "two leaders, two rounds each, with elections by heartbeats",
        bounds: Bounds {
            leaders: &[elector(&[1, 2, 3], 1), elector(&[1, 2, 3], 1)],
            rounds: 2,
            nacks: false,
            ..BASE
        },
        also: &["a command is chosen", "two primaries at once", "a primary steps down"],
        states: 18_903_366_091_841,
        effort: Effort::Minutes,
        stock: None,
    },
];

/// The system of this name.
pub fn system(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.name == name)
}

/// Every timer that a leader has.
const RESTLESS: LeaderBounds = LeaderBounds {
    start: Start::Follow,
    asks: &[1, 2, 3],
    commands: 1,
    timers: &[Timer::Election, Timer::Heartbeat, Timer::Resend],
};

/// Systems that are too large to be exhausted, and are only walked through at random. Nobody knows
/// how many states they have.
pub static LARGE: [System; 2] = [
    System {
        name: "everything",
        about: "three leaders, clients that retry, resending, small windows, crashes of everybody",
        bounds: Bounds {
            leaders: &[RESTLESS, RESTLESS, RESTLESS],
            instances: 5,
            window: 2,
            rounds: 4,
            clients: &[
                ClientBounds { first: LeaderId(0), commands: 2, retries: true },
                ClientBounds { first: LeaderId(2), commands: 1, retries: true },
            ],
            crashes: Crashes { who: &["L1", "L2", "L3", "A1", "A2", "A3"], total: 4 },
            ..BASE
        },
        also: &["a command is chosen", "a primary steps down", "a recovered acceptor votes"],
        states: 0,
        effort: Effort::Never,
        stock: None,
    },
    System {
        name: "everything-flexible",
        about: "the same with four acceptors, of which two choose",
        bounds: Bounds {
            leaders: &[
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
                LeaderBounds { asks: &[1, 2, 3, 4], ..RESTLESS },
            ],
            acceptors: 4,
            quorums: &Quorums::Sizes { phase1: 3, phase2: 2 },
            instances: 4,
            window: 2,
            rounds: 4,
            clients: &[ClientBounds { first: LeaderId(0), commands: 2, retries: true }],
            crashes: Crashes { who: &["L1", "L2", "L3", "A1", "A2", "A3", "A4"], total: 4 },
            ..BASE
        },
        also: &["a command is chosen", "a primary steps down", "a recovered acceptor votes"],
        states: 0,
        effort: Effort::Never,
        stock: None,
    },
];
