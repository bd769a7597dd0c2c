//! The whole method of this project for a state machine of your own: an account that is never overdrawn.
//!
//!     cargo run --release --example own_machine -- check   visits every state of a small cluster
//!     cargo run --release --example own_machine -- chaos   kills, stops and cuts off real processes under load
//!     cargo run --release --example own_machine -- run     three members and a client, over UDP
//!
//! `check` and `chaos` find a fault if one is named behind them: `overdraws` or `clock`.

use std::error::Error;
use std::io;
use std::net::UdpSocket;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use synod::check::{Applied, Check};
use synod::lab::{Chaos, Exchange, Program, Told, Workload, run_member};
use synod::{
    Answer, AnyStateMachine, Client, ClusterConfig, Member, Outcome, RestoreError, StateMachine,
};

/// An account. A command is an amount in text, such as `20` or `-5`; it is answered with the balance.
#[derive(Clone, Default)]
struct Account {
    balance: i64,
}

/// The mistake that the account makes, to see that it is found; none usually.
static FAULT: OnceLock<String> = OnceLock::new();

fn is_at_fault(how: &str) -> bool {
    FAULT.get().is_some_and(|fault| fault == how)
}

impl StateMachine for Account {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(command);
        let after = text.parse().ok().and_then(|amount| self.balance.checked_add(amount));
        match after {
            Some(after) if after >= 0 || is_at_fault("overdraws") => self.balance = after,
            _ => return b"refused".to_vec(),
        }
        let time = is_at_fault("clock").then(SystemTime::now);
        time.map_or(self.balance.to_string(), |time| format!("{time:?}")).into_bytes()
    }

    fn snapshot(&self) -> Vec<u8> {
        self.balance.to_string().into_bytes()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, RestoreError> {
        let text = String::from_utf8_lossy(snapshot);
        let balance = text.parse().map_err(|_| RestoreError::new("no balance"))?;
        Ok(Account { balance })
    }
}

/// The checks: in every state that leaders, acceptors and two clients can reach, with loss, repetition,
/// reordering and a crash, each leader's account must be as it should be.
fn check() -> Result<bool, Box<dyn Error>> {
    let adds_up = |step: &Applied<'_, Account>| match step.answer {
        Answer::Reply(reply) if reply[..] == *b"refused" => {
            step.before.balance == step.after.balance
        }
        Answer::Reply(reply) => reply[..] == *step.after.balance.to_string().as_bytes(),
        _ => false,
    };
    let report = Check::of(Account::default())
        .client(["20"])
        .client(["-15"])
        .crashes(1)
        .always("the account is never overdrawn", |account| account.balance >= 0)
        .each_command("an answer is the balance, or the command is refused", adds_up)
        .run()?;
    println!("{report}");
    Ok(report.holds())
}

/// Clients that pay in and draw.
#[derive(Clone)]
struct Payments;

impl Workload for Payments {
    fn machine(&self) -> AnyStateMachine {
        AnyStateMachine::new(Account::default())
    }

    fn command(&mut self, _: u64, _: u64, random: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
        (random(100) as i64 - 50).to_string().into_bytes()
    }

    // That answers are those of the log needs no judge of ours; that they are good ones does.
    fn judge(&self, exchanges: &[Exchange]) -> Option<String> {
        let overdrawn = exchanges.iter().find(|exchange| match &exchange.told {
            Told::Done(done) => {
                matches!(&done.answer, Answer::Reply(reply) if reply.starts_with(b"-"))
            }
            _ => false,
        })?;
        Some(format!("'{}' left the account overdrawn", overdrawn.command.escape_ascii()))
    }
}

/// Chaos: this program starts itself as each member.
fn chaos(fault: &str) -> Result<bool, Box<dyn Error>> {
    let members = Program::this(&["member", fault])?;
    let chaos = Chaos { rounds: 5, ..Chaos::default() };
    let report = chaos.run(members, &Payments, |round| println!("round {round}"))?;
    println!("{report:#?}");
    Ok(report.holds())
}

/// Three members in this process, and a client.
fn run() -> Result<bool, Box<dyn Error>> {
    let free: Vec<_> = (0..6).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let ports = free.iter().map(|socket| Ok(socket.local_addr()?.port()));
    let mut ports = ports.collect::<io::Result<Vec<u16>>>()?.into_iter();
    drop(free);

    let file = ClusterConfig::sample_at("bank", 3, || ports.next().unwrap_or_default())?;
    let config: ClusterConfig = file.parse()?;
    let base = std::env::temp_dir().join(format!("synod-bank-{}", std::process::id()));
    let mut members = Vec::new();
    for member in &config.members {
        Member::create(&config, &base, &member.name)?; // the first time ever
        let machine = AnyStateMachine::new(Account::default());
        members.push(Member::start(&config, &base, &member.name, &machine)?);
    }

    let mut client = Client::new(&config)?;
    for amount in ["20", "-15", "-15"] {
        let outcome = client.propose(amount.as_bytes(), Duration::from_secs(10))?;
        let Outcome::Done(done) = outcome else { return Err("not done in time".into()) };
        println!("{amount}: {}", done.answer);
    }
    drop(members);
    std::fs::remove_dir_all(base)?;
    Ok(true)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let fault = FAULT.get_or_init(|| arguments.next().unwrap_or_default());
    let holds = match what.as_str() {
        "check" => check()?,
        "chaos" => chaos(fault)?,
        "run" => run()?,
        "member" => return Ok(run_member(&AnyStateMachine::new(Account::default()), arguments)),
        _ => return Err("say check, chaos or run".into()),
    };
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
