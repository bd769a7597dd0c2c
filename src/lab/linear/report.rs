//! The display of violations.

use std::fmt::{self, Display, Formatter};

use super::{Closest, Operation, Violation};
use crate::machine::kv::{Bytes, KvCommand, KvReply};

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Violation { key, misfit, closest } = self;
        writeln!(f, "not linearizable: of the operations upon \"{}\",", key.escape_ascii())?;
        writeln!(f, "  {misfit}")?;
        match closest {
            None => write!(f, "is answered as no such command ever is"),
            Some(closest) => write!(f, "fits nowhere; {closest}"),
        }
    }
}

impl Display for Closest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Closest { ordered, all, last, value, open } = self;
        let value = slot(value.as_ref());
        write!(f, "{ordered} of {all} operations can be ordered, and then there is {value}")?;
        for (title, operations) in [("the last of them:", last), ("open at that time:", open)] {
            if !operations.is_empty() {
                write!(f, "\n{title}")?;
            }
            operations.iter().try_for_each(|operation| write!(f, "\n  {operation}"))?;
        }
        Ok(())
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "client {} from {} ns ", self.client, self.start)?;
        match &self.outcome {
            Some((end, _)) => write!(f, "to {end} ns: ")?,
            None => write!(f, "on: ")?,
        }
        match &self.command {
            KvCommand::Get { .. } => write!(f, "get")?,
            KvCommand::Put { value, .. } => write!(f, "put {}", slot(Some(value)))?,
            KvCommand::Delete { .. } => write!(f, "delete")?,
            KvCommand::CompareAndSet { expected, value, .. } => {
                write!(f, "put {} if there is {}", slot(Some(value)), slot(expected.as_ref()))?;
            }
            KvCommand::List { .. } => write!(f, "list")?,
        }
        match self.outcome.as_ref().map(|(_, reply)| reply) {
            None => write!(f, " -> unknown"),
            Some(KvReply::Value(value)) => write!(f, " -> {}", slot(value.as_ref())),
            Some(KvReply::Replaced(value)) => write!(f, " -> replaced {}", slot(value.as_ref())),
            Some(KvReply::Differs(value)) => write!(f, " -> there is {}", slot(value.as_ref())),
            Some(KvReply::Keys { keys, .. }) => write!(f, " -> {} keys", keys.len()),
            Some(KvReply::NoCommand) => write!(f, " -> no command"),
        }
    }
}

fn slot(value: Option<&Bytes>) -> String {
    value.map_or("nothing".into(), |value| format!("\"{}\"", value.escape_ascii()))
}
