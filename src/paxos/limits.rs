//! A bound on everything: how large and how many things may be.

/// The most bytes in a datagram: what UDP over IPv4 can carry.
pub const MAX_DATAGRAM: usize = 65_507;

/// The most bytes of a command's payload.
pub const MAX_COMMAND: usize = 32 * 1024;

/// The most bytes of a state machine's reply.
pub const MAX_REPLY: usize = 32 * 1024;

/// The most bytes that a leader takes for each command that it remembers, beside the bytes of the reply:
/// the session, the answer, and its place in the order.
pub const REMEMBERED: usize = 640;

/// The bytes after which a page of promises or of chosen decrees is closed.
pub const PAGE: usize = 16 * 1024;

/// The most bytes that a message takes beside the decrees and payloads it carries.
const OVERHEAD: usize = 256;

/// A page is closed by the decree that fills it, so that it overshoots by one decree at most.
const _: () = assert!(PAGE + MAX_COMMAND + OVERHEAD <= MAX_DATAGRAM);
const _: () = assert!(MAX_REPLY + OVERHEAD <= MAX_DATAGRAM);

/// Bounds of a running node. Every one is met with a clear error, never by growing.
///
/// The model checker makes them small, so that a system has finitely many states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest round that a leader may use.
    pub rounds: u32,
    /// How many instances the history may have.
    pub instances: u64,
    /// How many instances a primary may have open: proposed and not yet known to be chosen.
    pub window: u64,
    /// How many commands may wait for a place in the window.
    pub waiting: usize,
    /// How many requests of one client may be unanswered at a time.
    pub client_window: u64,
    /// The instances for which a client is remembered after its last command, and each answer after its
    /// command was applied. So many clients, and so many answers of all clients together, are
    /// remembered at most. Every leader must have the same, for ever, as it decides what is applied.
    pub lease: u64,
    /// The most bytes of replies that are remembered, of all clients together, for those that ask
    /// again; the oldest are let go first. At least [`MAX_REPLY`], so that whoever waits for a reply
    /// gets it. Every leader must have the same, for ever, as it decides what clients are told.
    pub reply_bytes: u64,
    /// Bytes after which a page is closed.
    pub page: usize,
    /// The most pages of votes that a candidate asks of an acceptor at a time.
    pub pages: u32,
    /// After how many bytes of decrees no more are sent again at a time, to each acceptor.
    pub resend: usize,
    /// The most spans of instances that an acceptor asks to vote in, at a heartbeat: those in which it
    /// has missed what was chosen. Each brings one page.
    pub missed: usize,
    /// How often in a row a primary's oldest proposal may be found stalled, or a candidate find that no
    /// acceptor has told it anything, before it doubts that it reaches a quorum, and steps down.
    pub patience: u32,
    /// How often the longest time that a leader waits for a heartbeat is doubled at most: once for each
    /// campaign in a row that has failed.
    pub backoff: u32,
}

impl Limits {
    /// The most bytes that a leader takes to remember its clients: [`lease`](Self::lease) times
    /// [`REMEMBERED`], and [`reply_bytes`](Self::reply_bytes).
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
