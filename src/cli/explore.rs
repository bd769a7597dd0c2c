//! `synod explore`: Stateright's Explorer, in a browser.

use std::net::{SocketAddr, TcpListener};

use clap::Parser;
use stateright::Model;
use stateright::actor::Id;

use super::Verdict;
use super::check::{find_mutant, find_system};
use super::output::{fail, say, warn};
use crate::model::check::CheckError;
use crate::model::mutants::Mutant;
use crate::model::properties::property;
use crate::model::stock::hunt;
use crate::model::system::System;
use crate::paxos::{Paxos, Rulebook};

/// Walk through a system's states in a browser.
///
/// With a mutant, the address printed leads straight to the state that breaks its property.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod explore dueling
  synod explore dueling --mutant stale-accept --address 127.0.0.1:8080")]
pub(super) struct Args {
    /// The system; `synod check --list` prints the names.
    system: String,
    /// Put this fault into it.
    #[arg(long)]
    mutant: Option<String>,
    /// Where to serve the pages.
    #[arg(long, default_value = "127.0.0.1:3000")]
    address: SocketAddr,
}

/// Serves the Explorer until the process is ended.
pub(super) fn run(args: &Args) -> Verdict {
    let system = match find_system(&args.system) {
        Ok(system) => system,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let mutant = match args.mutant.as_deref().map(find_mutant).transpose() {
        Ok(mutant) => mutant,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    // Stateright panics if it cannot have the address, so it is tried out before.
    let address = match TcpListener::bind(args.address).and_then(|socket| socket.local_addr()) {
        Ok(address) => address,
        Err(error) => {
            let error = format!("cannot serve at {}: {error}; try another --address", args.address);
            return fail(error, Verdict::BadUse);
        }
    };
    let served = match mutant {
        None => serve(system, &Paxos, address, ""),
        Some(mutant) => serve_mutant(system, mutant, address),
    };
    served.map_or_else(|error| fail(error, Verdict::Fails), |()| Verdict::Holds)
}

fn serve_mutant(
    system: &'static System,
    mutant: &'static Mutant,
    address: SocketAddr,
) -> Result<(), CheckError> {
    let missing = CheckError::Misnamed { mutant: mutant.name, missing: mutant.property };
    let property = property(mutant.property).ok_or(missing)?;
    let hunt = hunt(system, &mutant, property, &|_| {})?;
    let path = match &hunt.run {
        Some(run) => format!("/{}", run.encode(&hunt.model)),
        None => {
            let (mutant, property) = (mutant.name, property.name);
            warn(format_args!("'{property}' holds in {} in spite of {mutant}", system.name));
            String::new()
        }
    };
    if let Some(trace) = hunt.trace() {
        say(trace);
    }
    serve(system, &mutant, address, &path)
}

fn serve<R: Rulebook>(
    system: &'static System,
    rulebook: &R,
    address: SocketAddr,
    path: &str,
) -> Result<(), CheckError> {
    let model = system.model(rulebook)?;
    let name = |id: usize| format!("Id({id}) is {}", system.bounds.name(Id::from(id)));
    let names: Vec<String> = (0..model.actors.len()).map(name).collect();
    warn(names.join(", "));
    say(format_args!("http://{address}/#/steps{path}"));
    warn("press 'Run to completion' there to have every property decided; end with Ctrl-C");
    model.checker().serve(address);
    Ok(())
}
