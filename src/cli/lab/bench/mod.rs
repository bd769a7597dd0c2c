//! `synod bench`: measurements, with their conditions.

mod durable;
mod engine;

use clap::{Parser, Subcommand};

use crate::cli::verdict::Verdict;

/// Measure the checking engine, or a cluster on disk.
#[derive(Debug, Parser)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Engine(engine::Args),
    Durable(durable::Args),
}

/// Runs the measurement.
pub(in crate::cli) fn run(args: &Args) -> Verdict {
    match &args.what {
        What::Engine(args) => engine::run(args),
        What::Durable(args) => durable::run(args),
    }
}
