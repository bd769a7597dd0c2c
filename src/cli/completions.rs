//! `synod completions`: scripts for completion by the shell.

use clap::Parser;
use clap_complete::{Shell, generate};

use super::output::say_bytes;
use super::{Verdict, command};

/// Print a script with which a shell completes commands and options.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod completions bash > ~/.local/share/bash-completion/completions/synod
  synod completions zsh > ~/.zfunc/_synod       with ~/.zfunc in fpath
  synod completions fish > ~/.config/fish/completions/synod.fish")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> Verdict {
    let mut script = Vec::new();
    generate(args.shell, &mut command(), "synod", &mut script);
    say_bytes(&script);
    Verdict::Holds
}
