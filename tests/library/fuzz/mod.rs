//! Random and mutated bytes through every decoder: none panics, and none allocates more than some
//! factor of what it is given.
//!
//! `SYNOD_FUZZ=100000000 cargo test --release --lib fuzz` runs so many, on all processors.

mod mutate;
mod samples;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::machine::kv::{KvCommand, KvReply};
use crate::paxos::{Message, Record};
use mutate::{LIES, Mutator};
use samples::samples;
use targets::{Read, Target, targets, the_old_way};

/// A decoder may allocate so many bytes, all told, for each byte that it is given: a no-op has one
/// byte in a page and some eighty in memory, and a list that grows has had four times its room by then.
const FACTOR: u64 = 384;
/// The room of a first element, and of the words of an error.
const FIRST: u64 = 1024;

/// What came of many inputs.
#[derive(Default)]
struct Tally {
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Not even the decoder within was reached.
    outside: AtomicU64,
    /// The most bytes allocated for each byte given, beyond what is allowed whatever is given.
    worst: AtomicU64,
}

/// Gives these bytes to a decoder. An error says what it should not have done.
fn judge(target: &Target, bytes: &[u8], tally: &Tally) -> Result<Read, String> {
    let mut read = None;
    let info = allocation_counter::measure(|| {
        read = catch_unwind(AssertUnwindSafe(|| (target.read)(bytes))).ok();
    });
    let shown = || {
        let start = &bytes[..bytes.len().min(200)];
        format!("{} of {} bytes, which begin with {start:02x?}", target.name, bytes.len())
    };
    let read = read.ok_or_else(|| format!("a panic: {}", shown()))?;
    let (length, free) = (bytes.len() as u64, target.fixed + FIRST);
    let allocated = info.bytes_total.saturating_sub(free);
    if allocated > FACTOR * length {
        return Err(format!("{} bytes allocated: {}", info.bytes_total, shown()));
    }
    tally.worst.fetch_max(allocated.div_ceil(length.max(1)), Ordering::Relaxed);
    let count = match read {
        Read::Accepted => &tally.accepted,
        Read::Refused => &tally.refused,
        Read::Outside => &tally.outside,
    };
    count.fetch_add(1, Ordering::Relaxed);
    Ok(read)
}

/// Gives so many inputs, by a seed. `told` hears of it now and then.
fn fuzz(targets: &[Target], tallies: &[Tally], seed: u64, count: u64, told: impl Fn(u64)) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mutators: Vec<Mutator> = targets.iter().map(|it| Mutator::new(&it.bodies)).collect();
    let all: u32 = targets.iter().map(|target| target.weight).sum();
    for done in 1..=count {
        let mut at = random.u32(..all);
        let is_it = |target: &Target| {
            let found = at < target.weight;
            at = at.saturating_sub(target.weight);
            found
        };
        let which = targets.iter().position(is_it).unwrap();
        let body = mutators[which].next(&mut random);
        let bytes = (targets[which].wrap)(&body);
        if let Err(what) = judge(&targets[which], &bytes, &tallies[which]) {
            panic!("seed {seed}, input {done}: {what}");
        }
        if done % (1 << 20) == 0 {
            told(1 << 20);
        }
    }
}

/// How many inputs: two hundred thousand, or what SYNOD_FUZZ says.
fn wanted() -> Option<u64> {
    std::env::var("SYNOD_FUZZ").ok().map(|wanted| wanted.parse().unwrap())
}

#[test]
fn no_bytes_make_a_decoder_panic_or_allocate_more_than_they_hold() {
    let targets = targets(&samples(1));
    let tallies: Vec<Tally> = targets.iter().map(|_| Tally::default()).collect();
    let count = wanted().unwrap_or(200_000);
    let threads = std::thread::available_parallelism().unwrap().get() as u64;
    let (start, done) = (Instant::now(), AtomicU64::new(0));
    let told = |more| {
        let done = done.fetch_add(more, Ordering::Relaxed) + more;
        if wanted().is_some() && done.is_multiple_of(8 << 20) {
            let seconds = start.elapsed().as_secs();
            eprintln!("{done} of {count} after {seconds} s");
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..threads {
            let share = count / threads + u64::from(seed < count % threads);
            let (targets, tallies) = (&targets, &tallies);
            scope.spawn(move || fuzz(targets, tallies, seed, share, told));
        }
    });
    for (target, tally) in targets.iter().zip(&tallies) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (accepted, refused) = (count(&tally.accepted), count(&tally.refused));
        let (outside, worst) = (count(&tally.outside), count(&tally.worst));
        let name = target.name;
        println!(
            "{name}: {accepted} accepted, {refused} refused, {outside} not reached; {worst} x"
        );
        // Checksums are right, so that it is the decoder within that is tried.
        assert!(accepted > 0 && refused > 0, "{name}");
        assert!(outside <= (accepted + refused) / 20, "{name}: {outside} came to no decoder");
    }
}

#[test]
fn what_is_valid_is_accepted() {
    for target in targets(&samples(2)) {
        for body in &target.bodies {
            let read = judge(&target, &(target.wrap)(body), &Tally::default());
            assert_eq!(read, Ok(Read::Accepted), "{}", target.name);
        }
    }
}

/// The decoders of before, which believed a length: both that they end, and that they allocate, is
/// seen.
#[test]
fn a_decoder_that_believes_a_length_is_caught() {
    let samples = samples(3);
    let old = [
        the_old_way::<KvCommand>("command", &samples.commands),
        the_old_way::<KvReply>("reply", &samples.replies),
        the_old_way::<Message>("message", &samples.messages),
        the_old_way::<Vec<Record>>("records", &samples.records),
    ];
    for target in &old {
        let caught = |lies: &[u64]| {
            let small = target.bodies.iter().filter(|body| body.len() < 300);
            let tries = small.flat_map(|body| mutate::every_claim(body, lies));
            let mut errors = tries.filter_map(|it| judge(target, &it, &Tally::default()).err());
            errors.next().unwrap_or_default()
        };
        let allocates = caught(&[1 << 20, 1 << 24]);
        assert!(allocates.contains("bytes allocated"), "{}: {allocates}", target.name);
    }
    let ends = |target: &Target| {
        let get = [&[0, 0xfd][..], &LIES[LIES.len() - 1].to_le_bytes()].concat();
        judge(target, &get, &Tally::default()).unwrap_err()
    };
    assert!(ends(&old[0]).contains("a panic: command of 10 bytes"), "ten bytes ended a leader");
}
