//! `synod bench`: measurements, with their conditions.

mod durable;
mod engine;

use clap::{Parser, Subcommand};

use super::Verdict;

/// Measure.
#[derive(Debug, Parser)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Engine(engine::Args),
    Durable(durable::Args),
}

/// Measures.
pub(super) fn run(args: &Args) -> Verdict {
    match &args.what {
        What::Engine(args) => engine::run(args),
        What::Durable(args) => durable::run(args),
    }
}
