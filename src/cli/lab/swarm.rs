//! `synod check swarm` and `synod check merge`: random walks through systems that are too large to
//! exhaust, split into parts for many machines under any scheduler.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{env, fs};

use clap::Parser;
use serde::{Deserialize, Serialize};

use super::check::find_among;
use super::new_file::NewFile;
use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::model::engine::faults::DiskModel;
use crate::model::engine::swarm::Walks;
use crate::model::properties::Kind;
use crate::model::system::System;
use crate::model::systems::{LARGE, systems};
use crate::model::walk::{Swarm, walk};
use crate::paxos::Paxos;

/// Walk through a large system at random, and look for violations.
///
/// This exhausts nothing: it can find a fault, but cannot show that there is none.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod check swarm everything --walks 10000
  synod check swarm everything --walks 10000 --shard 3/8 --output part-3.json
  synod check merge part-*.json

In a Slurm array, or an indexed job of Kubernetes, --shard need not be given: the part is taken
from SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_COUNT, or from
JOB_COMPLETION_INDEX and JOB_COMPLETIONS, which the job's template must set.")]
pub(super) struct Args {
    /// The system: everything, everything-flexible, or one that `synod check --list` prints.
    system: String,
    /// The number of walks, in all parts together.
    #[arg(long, default_value_t = 1000)]
    walks: u64,
    /// The most steps of each walk.
    #[arg(long, default_value_t = 500)]
    steps: usize,
    /// The seed of all walks.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take only part i of n; i counts from 0.
    #[arg(long, value_name = "i/n", value_parser = parse_part)]
    shard: Option<(u64, u64)>,
    /// Write the results to this file, for `synod check merge`.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Join the results of the parts of a swarm.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  synod check merge part-*.json")]
pub(super) struct MergeArgs {
    /// The files that the parts have written.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn parse_part(text: &str) -> Result<(u64, u64), String> {
    let (part, parts) = text.split_once('/').ok_or("say i/n, as in 3/8")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("'{text}': {error}"));
    check_part((number(part)?, number(parts)?))
}

fn check_part((part, parts): (u64, u64)) -> Result<(u64, u64), String> {
    if part < parts {
        return Ok((part, parts));
    }
    Err(format!("there is no part {part} of {parts}: parts are counted from 0"))
}

/// The part that a scheduler has assigned to this process, if any.
fn part_from(variable: impl Fn(&str) -> Option<String>) -> Result<Option<(u64, u64)>, String> {
    let number = |name: &str| -> Result<Option<u64>, String> {
        let Some(text) = variable(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("{name} is '{text}', which is no number"))
    };
    let slurm = (number("SLURM_ARRAY_TASK_ID")?, number("SLURM_ARRAY_TASK_COUNT")?);
    let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
    let kubernetes = (number("JOB_COMPLETION_INDEX")?, number("JOB_COMPLETIONS")?);
    let part = match (slurm, kubernetes) {
        ((Some(id), Some(count)), _) => (id.saturating_sub(first), count),
        (_, (Some(index), Some(count))) => (index, count),
        (_, (Some(_), None)) => {
            return Err("JOB_COMPLETION_INDEX is set, but JOB_COMPLETIONS is not: set it to the \
                        number of parts in the job's template, or give --shard i/n"
                .to_owned());
        }
        _ => return Ok(None),
    };
    check_part(part).map(Some)
}

/// The results of one part, or of several joined.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    system: String,
    bounds: String,
    seed: u64,
    /// The number of walks in all parts together.
    all_walks: u64,
    /// The parts included, by number, and the number of all parts.
    parts: BTreeSet<u64>,
    of_parts: u64,
    walks: u64,
    steps: u64,
    ended: u64,
    /// Always false: random walks exhaust nothing.
    exhausted: bool,
    /// Fingerprints of the distinct local configurations of actors.
    situations: BTreeSet<u64>,
    properties: BTreeMap<String, SeenProperty>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SeenProperty {
    kind: String,
    /// The first walk in which something was found, and its trace in words.
    found: Option<(u64, String)>,
}

impl SeenProperty {
    /// True if something was found against a property that must always hold.
    fn is_violated(&self) -> bool {
        [Kind::Always, Kind::AlwaysWithHistory].iter().any(|kind| kind.name() == self.kind)
            && self.found.is_some()
    }
}

impl Seen {
    fn new(system: &System, args: &Args, (part, parts): (u64, u64), swarm: &Swarm) -> Self {
        let property =
            |(property, found): &(&crate::model::properties::Property, Option<(u64, _)>)| {
                let found: Option<&(u64, crate::model::trace::Trace)> = found.as_ref();
                let found = found.map(|(walk, trace)| (*walk, trace.to_string()));
                (
                    property.name.to_owned(),
                    SeenProperty { kind: property.kind.name().to_owned(), found },
                )
            };
        let swarmed = &swarm.swarmed;
        Seen {
            system: system.name.to_owned(),
            bounds: system.bounds.to_string(),
            seed: args.seed,
            all_walks: args.walks,
            parts: [part].into(),
            of_parts: parts,
            walks: swarmed.walks,
            steps: swarmed.steps,
            ended: swarmed.ended,
            exhausted: false,
            situations: swarmed.situations.clone(),
            properties: swarm.found.iter().map(property).collect(),
        }
    }

    /// Joins two results. They must be parts of the same walks, and have no part in common.
    fn and(mut self, other: Seen) -> Result<Seen, String> {
        let walks = |seen: &Seen| {
            (seen.system.clone(), seen.bounds.clone(), seen.seed, seen.all_walks, seen.of_parts)
        };
        if walks(&self) != walks(&other) {
            return Err("they are not parts of the same walks".to_owned());
        }
        if let Some(part) = self.parts.intersection(&other.parts).next() {
            return Err(format!("part {part} comes twice"));
        }
        self.parts.extend(other.parts);
        self.walks += other.walks;
        self.steps += other.steps;
        self.ended += other.ended;
        self.situations.extend(other.situations);
        for (name, theirs) in other.properties {
            let ours = self.properties.entry(name).or_insert_with(|| theirs.clone());
            let first = [ours.found.take(), theirs.found].into_iter().flatten().min();
            ours.found = first;
        }
        Ok(self)
    }

    fn show(&self) {
        say(format_args!("{}: {}\n", self.system, self.bounds));
        let headings = ["property", "", "found in walk"];
        let mut rows = table(headings, &[2]);
        for (name, property) in &self.properties {
            let walk = property.found.as_ref().map_or("-".to_owned(), |(walk, _)| walk.to_string());
            rows.add_row([name.clone(), property.kind.clone(), walk]);
        }
        say(&rows);
        say(format_args!(
            "\n{} walks of {}, {} steps, {} situations of actors; {} of {} parts. NOT exhausted.",
            grouped(self.walks),
            grouped(self.all_walks),
            grouped(self.steps),
            grouped(self.situations.len()),
            self.parts.len(),
            self.of_parts,
        ));
        for (name, property) in self.properties.iter().filter(|(_, seen)| seen.is_violated()) {
            let shown = property.found.as_ref().map_or("", |(_, trace)| trace);
            say(format_args!("\n'{name}' is violated:\n{shown}"));
        }
    }

    fn end(&self, as_json: bool) -> Verdict {
        if as_json {
            json(self);
        } else {
            self.show();
        }
        (!self.properties.values().any(SeenProperty::is_violated)).into()
    }
}

/// Runs one part of the walks.
pub(super) fn run(args: &Args) -> Verdict {
    let system = match find_among(LARGE.iter().chain(systems()), &args.system) {
        Ok(system) => system,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let part =
        match args.shard.map_or_else(|| part_from(|name| env::var(name).ok()), |p| Ok(Some(p))) {
            Ok(part) => part.unwrap_or((0, 1)),
            Err(error) => return fail(error, Verdict::BadUse),
        };
    let output = match args.output.as_deref().map(NewFile::at).transpose() {
        Ok(output) => output,
        Err(error) => return fail(error, Verdict::BadUse),
    };
    let walks = Walks { seed: args.seed, walks: args.walks, steps: args.steps, part };
    let bar = Bars::new(!args.json).add(system.name, None);
    let swarm = walk(system, &Paxos, DiskModel::Sound, walks, &|steps| bar.set_position(steps));
    bar.finish_and_clear();
    let seen = match swarm {
        Ok(swarm) => Seen::new(system, args, part, &swarm),
        Err(error) => return fail(error, Verdict::NotDone),
    };
    let verdict = seen.end(args.json);
    match output.map(|file| write(&file, &seen)) {
        Some(Err(error)) => fail(error, Verdict::NotWritten),
        Some(Ok(())) | None => verdict,
    }
}

fn write(file: &NewFile, seen: &Seen) -> Result<(), String> {
    file.write(&serde_json::to_string(seen).map_err(|error| error.to_string())?)
}

fn read(path: &PathBuf) -> Result<Seen, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

/// Joins the files of the parts.
pub(super) fn merge(args: &MergeArgs) -> Verdict {
    let mut joined: Option<Seen> = None;
    for path in &args.files {
        let both = read(path).and_then(|seen| match joined.take() {
            None => Ok(seen),
            Some(before) => before.and(seen).map_err(|why| format!("{}: {why}", path.display())),
        });
        match both {
            Ok(both) => joined = Some(both),
            Err(error) => return fail(error, Verdict::BadUse),
        }
    }
    joined.map_or(Verdict::BadUse, |seen| seen.end(args.json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(set: &[(&str, &str)]) -> Result<Option<(u64, u64)>, String> {
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        part_from(value)
    }

    #[test]
    fn schedulers_say_which_part_it_is() {
        assert_eq!(from(&[]), Ok(None));
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MIN", "5"),
        ];
        assert_eq!(from(&slurm), Ok(Some((2, 4))));
        let kubernetes = [("JOB_COMPLETION_INDEX", "3"), ("JOB_COMPLETIONS", "8")];
        assert_eq!(from(&kubernetes), Ok(Some((3, 8))));
        assert!(from(&kubernetes[..1]).unwrap_err().contains("JOB_COMPLETIONS is not"));
        assert!(from(&[("JOB_COMPLETION_INDEX", "x")]).unwrap_err().contains("no number"));
    }

    #[test]
    fn parts_are_counted_from_zero() {
        assert_eq!(parse_part("3/8"), Ok((3, 8)));
        for bad in ["8/8", "1", "a/2", "1/0", "-1/2"] {
            assert!(parse_part(bad).is_err(), "{bad}");
        }
    }
}
