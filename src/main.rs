//! The `synod` command: see [`synod::cli`].

fn main() -> std::process::ExitCode {
    synod::cli::main()
}
