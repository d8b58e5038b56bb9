//! Child processes with a limit of time, and their reports.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::task::Figure;

/// Characters of an error's text that are kept.
const ERROR_CHARACTERS: usize = 200;

/// Runs a command whose last line of output is a report. What it writes to stderr goes to a file.
pub(crate) fn run(mut command: Command, stderr: &Path, timeout: Duration) -> Result<Vec<Figure>, String> {
    let log = File::create(stderr).map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let mut stdout = child.stdout.take().ok_or("the child has no output")?;
    let (sender, receiver) = mpsc::channel();
    // The output ends when the child does, or when it is ended; then this thread does, too.
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.read_to_end(&mut text);
        // The receiver is gone after a timeout.
        let _ = sender.send(read.map(|_| String::from_utf8_lossy(&text).into_owned()));
    });
    let output = receiver.recv_timeout(timeout);
    if output.is_err() {
        // This fails only if the child has exited in the meantime, which is what is wanted.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let text =
        output.map_err(|_| format!("timeout after {} s", timeout.as_secs_f64()))?.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(last_line(stderr).unwrap_or_else(|| status.to_string()));
    }
    let report = text.lines().next_back().unwrap_or_default();
    serde_json::from_str(report).map_err(|error| format!("no report: {error}"))
}

/// Returns the last line of a file that says something, shortened. Of a panic of Rust, the line with the message.
fn last_line(path: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message_of_panic = lines().skip_while(|line| !line.contains("panicked at")).nth(1);
    let line = message_of_panic.or(lines().next_back())?;
    Some(line.chars().take(ERROR_CHARACTERS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Measure;

    fn shell(script: &str, timeout: Duration) -> Result<Vec<Figure>, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, &dir.path().join("stderr"), timeout)
    }

    #[test]
    fn the_last_line_is_the_report() {
        let script = r#"echo noise; echo '[{"measure": "scan", "outcome": {"value": 2}}]'"#;
        assert_eq!(shell(script, Duration::from_mins(1)), Ok(vec![Figure::value(Measure::Scan, 2.0)]));
    }

    #[test]
    fn a_child_that_does_not_end_is_ended() {
        let answer = shell("exec sleep 1000", Duration::from_millis(50));
        assert_eq!(answer, Err("timeout after 0.05 s".to_owned()));
    }

    #[test]
    fn a_child_that_fails_says_why() {
        let failed = |script| shell(script, Duration::from_mins(1)).unwrap_err();
        assert_eq!(failed("echo first >&2; echo second >&2; exit 3"), "second");
        let panic =
            "echo \"thread 'main' panicked at a.rs:1\" >&2; echo reason >&2; echo note: backtrace >&2; exit 101";
        assert_eq!(failed(panic), "reason");
        assert!(failed("exit 3").contains('3'));
        assert!(failed("kill -9 $$").contains("signal"));
        assert!(failed("echo no json").starts_with("no report"));
    }
}
