//! Child processes: this test binary again, running a single test.

use std::process::Command;

/// Returns this test binary as a command that runs one test, named by module and function. That test reads `value` by
/// [`value_from_parent`].
pub(crate) fn child(test: &str, value: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    add_arguments(&mut command, test, value);
    command
}

/// Appends the same command line to the arguments of `starter`, a program that runs the command that follows them.
pub(crate) fn child_of(mut starter: Command, test: &str, value: &str) -> Command {
    starter.arg(std::env::current_exe().unwrap());
    add_arguments(&mut starter, test, value);
    starter
}

fn add_arguments(command: &mut Command, test: &str, value: &str) {
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, value);
}

const CHILD: &str = "TIMESTRATA_TEST_CHILD";

/// Returns the value from the parent process, or `None` if this process is not a child.
pub(crate) fn value_from_parent() -> Option<String> {
    std::env::var(CHILD).ok()
}
