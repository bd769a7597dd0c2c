//! `synod keys`: the keys of the key-value store of a running cluster.

use std::ffi::OsString;

use clap::Parser;
use serde::Serialize;
use serde_bytes::ByteBuf;

use super::{Asker, Common};
use crate::cli::Verdict;
use crate::cli::bytes::{self, JsonBytes, word};
use crate::cli::output::{fail, is_lost, json, say};
use crate::machine::kv::{Bytes, KvCommand, KvReply};
use crate::paxos::{Answer, Done, Outcome};

/// List keys, in the order of their bytes. Exit code 1 if there is none.
///
/// They are read in pages of up to 32 KB. Each goes through the log like a write, so it sees every write
/// that was answered before; what is written between two pages is seen by the later ones.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod keys --config local/cluster.toml
  synod keys user/ --limit 100 --config local/cluster.toml --json")]
pub(in crate::cli) struct Args {
    /// List only the keys that begin with these bytes.
    #[arg(default_value = "")]
    prefix: OsString,
    /// The most keys to list; all, if this is left out.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// The keys as one line of JSON.
#[derive(Serialize)]
struct Json {
    keys: Vec<JsonBytes>,
    /// True if there are more keys than were asked for.
    more: bool,
}

/// Lists the keys, page by page.
pub(in crate::cli) fn run(Args { prefix, limit, common }: Args) -> Verdict {
    let mut asker = match Asker::new(&common) {
        Ok(asker) => asker,
        Err(verdict) => return verdict,
    };
    let (prefix, mut after, mut left) = (bytes::of(prefix), None, limit.unwrap_or(u64::MAX));
    let (mut count, mut shown) = (0, Json { keys: Vec::new(), more: false });
    loop {
        let (keys, more) = match page(&mut asker, &prefix, after.take(), left) {
            Ok(page) => page,
            Err(verdict) => return verdict,
        };
        after = keys.last().and_then(|key| key.strip_prefix(&*prefix)).map(Bytes::from);
        left = left.saturating_sub(keys.len() as u64);
        count += keys.len();
        match common.json {
            true => shown.keys.extend(keys.iter().map(|key| JsonBytes::from(&***key))),
            false => keys.iter().for_each(|key| say(word(key))),
        }
        if !more || left == 0 || after.is_none() || is_lost() {
            shown.more = more;
            break;
        }
    }
    if common.json {
        json(&shown);
    }
    (count > 0).into()
}

/// One page of keys, and true if there are more.
fn page(
    asker: &mut Asker<'_>,
    prefix: &[u8],
    after: Option<Bytes>,
    limit: u64,
) -> Result<(Vec<ByteBuf>, bool), Verdict> {
    let command = KvCommand::List { prefix: prefix.to_vec(), after, limit };
    let payload = command.encode().map_err(|error| fail(error, Verdict::BadUse))?;
    let outcome = asker.ask(&payload, None).map_err(|error| fail(error, Verdict::NotDone))?;
    let told = match &outcome {
        Outcome::Done(Done { answer, .. }) => {
            if let Answer::Reply(bytes) = answer
                && let Some(KvReply::Keys { keys, more }) = KvReply::decode(bytes)
            {
                return Ok((keys, more));
            }
            super::answer::of_command(&command, answer)
        }
        undone => asker.undone(undone),
    };
    Err(fail(told.words, told.verdict))
}
