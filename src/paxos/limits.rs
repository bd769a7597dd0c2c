//! Limits of sizes and counts: everything has a bound.

/// The most bytes in a datagram: the maximum of UDP over IPv4.
pub const MAX_DATAGRAM: usize = 65_507;

/// The most bytes of a command's payload.
pub const MAX_COMMAND: usize = 32 * 1024;

/// The most bytes of a state machine's reply.
pub const MAX_REPLY: usize = 32 * 1024;

/// The most bytes of memory that a leader takes for each command that it remembers, besides the reply itself:
/// the session, the answer, and its place in the order.
pub const REMEMBERED: usize = 640;

/// The bytes after which a page of promises or of chosen decrees is closed.
pub const PAGE: usize = 16 * 1024;

/// The most bytes that a message takes besides the decrees and payloads it carries.
const OVERHEAD: usize = 256;

/// A page closes with the decree that fills it, so it overshoots by one decree at most.
const _: () = assert!(PAGE + MAX_COMMAND + OVERHEAD <= MAX_DATAGRAM);
const _: () = assert!(MAX_REPLY + OVERHEAD <= MAX_DATAGRAM);

/// Bounds of a running node. A request beyond one is refused with a clear error; no buffer grows instead.
///
/// Models use small bounds, so that a system has finitely many states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest round that a leader may use.
    pub rounds: u32,
    /// The most instances of the history.
    pub instances: u64,
    /// The most instances that a primary has open: proposed and not yet known to be chosen.
    pub window: u64,
    /// The most commands that wait for a place in the window.
    pub waiting: usize,
    /// The most requests of one client that are unanswered at a time.
    pub client_window: u64,
    /// The number of instances for which a client is remembered after its last command, and an answer after
    /// its command was applied. It also bounds the number of clients, and of answers of all clients together.
    /// It decides what is applied, so it must be the same at every leader, and never change.
    pub lease: u64,
    /// The most bytes of replies that are remembered, of all clients together, for requests that are
    /// repeated; the oldest replies are dropped first. At least 32 KiB, the longest reply, so that a client
    /// that waits for a reply gets it. It decides what clients are told, so it must be the same at every
    /// leader, and never change.
    pub reply_bytes: u64,
    /// The bytes after which a page is closed.
    pub page: usize,
    /// The most pages of votes that a candidate asks an acceptor for at a time.
    pub pages: u32,
    /// The bytes of decrees after which no more are resent at a time, to each acceptor.
    pub resend: usize,
    /// The most spans of missed instances that an acceptor asks for at a heartbeat. Each span is answered
    /// with one page.
    pub missed: usize,
    /// The number of times in a row that a primary may find its oldest proposal stalled, or a candidate may
    /// find no news of any acceptor, before it steps down because it does not reach a quorum.
    pub patience: u32,
    /// The most doublings of the longest election timeout: one for each campaign in a row that has failed.
    pub backoff: u32,
}

impl Limits {
    /// The most bytes of memory for the sessions of all clients: [`lease`](Self::lease) times 640,
    /// plus [`reply_bytes`](Self::reply_bytes).
    pub fn session_bytes(&self) -> u64 {
        self.lease.saturating_mul(REMEMBERED as u64).saturating_add(self.reply_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rounds: u32::MAX,
            instances: u64::MAX,
            window: 4096,
            waiting: 8192,
            client_window: 4096,
            lease: 1 << 18,
            reply_bytes: 32 << 20,
            page: PAGE,
            pages: 64,
            resend: 256 * 1024,
            missed: 4,
            patience: 10,
            backoff: 6,
        }
    }
}
