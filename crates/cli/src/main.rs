//! The program itself; all of it is in the library beside it, which a fuzzer can reach.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    timestrata_cli::main()
}
