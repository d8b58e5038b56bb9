//! Entry point of the program; the library of this package has all code.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    timestrata_cli::main()
}
