//! `synod explore`: Stateright's Explorer, in a browser.

use std::net::{SocketAddr, TcpListener};

use clap::Parser;
use num_bigint::BigUint;
use stateright::Model;

use super::check::{Choice, find_mutant, find_system};
use crate::cli::output::{Bars, fail, say, warn};
use crate::cli::verdict::Verdict;
use crate::model::engine::bridge::Bridge;
use crate::model::engine::faults::DiskModel;
use crate::model::error::CheckError;
use crate::model::hunt::{Sought, explorable, search};
use crate::model::lens::Lens;
use crate::model::mutants::Mutant;
use crate::model::properties::property;
use crate::model::scope::grouped;
use crate::model::system::System;
use crate::paxos::{Node, Paxos, Rulebook};

/// The number of states that Stateright's checker visits in about a minute.
const MANY: u128 = 5_000_000;

/// Walk through a system's states in a browser.
///
/// They are the engine's states, so a crash may fall within a step. With a mutant, the address
/// printed leads straight to the state that violates its property.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod explore dueling
  synod explore dueling --mutant stale-accept --address 127.0.0.1:8080
  synod explore acceptor-crashes --mutant send-before-save")]
pub(in crate::cli) struct Args {
    /// The system; `synod check --list` prints the names.
    system: String,
    /// Put this fault into the protocol.
    #[arg(long)]
    mutant: Option<String>,
    /// The address to serve the pages at.
    #[arg(long, default_value = "127.0.0.1:3000")]
    address: SocketAddr,
}

/// Serves the Explorer until the process is ended.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    let system = match find_system(&args.system) {
        Ok(system) => system,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let mutant = match args.mutant.as_deref().map(find_mutant).transpose() {
        Ok(mutant) => mutant,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    // Stateright panics if it cannot bind the address, so it is tried before.
    let address = match TcpListener::bind(args.address).and_then(|socket| socket.local_addr()) {
        Ok(address) => address,
        Err(error) => {
            let error = format!("cannot serve at {}: {error}; try another --address", args.address);
            return fail(error, Verdict::BadUse);
        }
    };
    let served = match mutant {
        None => explorable(system, &Paxos, DiskModel::Sound)
            .map(|model| serve(system, model, "", address)),
        Some(mutant) => serve_mutant(system, mutant, address),
    };
    served.map_or_else(|error| fail(error, Verdict::NotDone), |()| Verdict::Holds)
}

fn serve_mutant(
    system: &'static System,
    mutant: &'static Mutant,
    address: SocketAddr,
) -> Result<(), CheckError> {
    let property = property(mutant.property).ok_or(mutant.misnamed(mutant.property))?;
    let bars = Bars::new(true);
    let bar = bars.add(mutant.name, None);
    let progress = |states: &BigUint| bar.set_position(states.try_into().unwrap_or(u64::MAX));
    let backend = Choice::Auto.backend(system);
    let sought = search(system, &mutant, mutant.machine, property, backend, &progress);
    bar.finish_and_clear();
    let Sought { bridge, run, trace, .. } = sought?;
    match &trace {
        Some(trace) => say(trace),
        None => {
            let (mutant, property) = (mutant.name, property.name);
            warn(format_args!("'{property}' holds in {} in spite of {mutant}", system.name));
        }
    }
    let path = run.map(|run| bridge.path(&run)).transpose()?;
    let path = path.map_or_else(String::new, |path| format!("/{}", path.encode(&bridge)));
    serve(system, bridge, &path, address);
    Ok(())
}

fn serve<R: Rulebook>(
    system: &'static System,
    model: Bridge<Node<R>, Lens>,
    path: &str,
    address: SocketAddr,
) {
    say(format_args!("http://{address}/#/steps{path}"));
    warn("press 'Run to completion' there to have every property decided; end with Ctrl-C");
    if system.states > MANY {
        warn(format_args!(
            "'Run to completion' would not end: Stateright visits {} states one by one",
            grouped(system.states.to_string())
        ));
    }
    model.checker().serve(address);
}
