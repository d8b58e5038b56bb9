//! A child under strace, which is attached to one of its threads: the module lists its system calls, kills it at one of
//! them or makes one fail. It does not depend on databases: over a socket the child reports that it is ready and which
//! thread to trace, and sends its other lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::child::child_of;
use crate::processes::{heard, say};

/// Every kind of call that reaches a file. The question mark makes strace ignore calls that the machine does not have.
/// Close is excluded: an injected error would leave the file open, which no kernel does.
const KINDS: &str = "?open,?openat,?mkdir,?mkdirat,?rename,?renameat,?renameat2,?unlink,?unlinkat,?truncate,?ftruncate,\
    ?pwrite64,?write,?writev,?pread64,?fsync,?fdatasync,?getdents64,?flock,?stat,?fstat,?statx,?newfstatat,\
    ?linkat,?fallocate";

/// Upper bound of every wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// strace must be an ancestor of the child, because many systems permit no other process to attach. The command is
/// therefore a shell that becomes strace.
const SHELL: &str = r#"set -f; strace=$1; shift; "$@" & read thread; exec strace $strace -p "$thread""#;

/// The fault that replaces a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Kill,
    Eio,
    Enospc,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Kill, Self::Eio, Self::Enospc];

    fn injection(self) -> &'static str {
        match self {
            Self::Kill => "signal=KILL",
            Self::Eio => "error=EIO",
            Self::Enospc => "error=ENOSPC",
        }
    }

    /// Returns the message of the operating system for this fault.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Kill => None,
            Self::Eio => Some("Input/output error"),
            Self::Enospc => Some("No space left on device"),
        }
    }
}

/// A call of the thread: its index among the calls of its kind since strace was attached, and strace's line for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: String,
    pub(crate) nth: usize,
    pub(crate) line: String,
}

/// Result of a child's run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) said: Vec<String>,
    /// Lines of its standard error, without the lines of strace.
    pub(crate) complaints: Vec<String>,
    pub(crate) calls: Vec<Call>,
    /// Number of faults that occurred.
    pub(crate) met: usize,
    pub(crate) killed: bool,
}

/// The child's end of the socket.
#[derive(Debug)]
pub(crate) struct Parent(UnixStream);

impl Parent {
    pub(crate) fn call(socket: &str) -> Self {
        Self(UnixStream::connect(socket).unwrap())
    }

    pub(crate) fn say(&mut self, line: &str) {
        say(&mut self.0, line);
    }

    /// Waits until strace is attached to the thread with this name, or to the current thread if there is no name.
    pub(crate) fn be_attached_to(&mut self, name: Option<&str>) {
        let thread = match name {
            None => std::fs::read_link("/proc/thread-self").unwrap().file_name().unwrap().to_str().unwrap().to_owned(),
            Some(name) => thread_named(name),
        };
        self.say(&format!("attach {thread}"));
        BufReader::new(&self.0).read_line(&mut String::new()).unwrap();
    }
}

fn thread_named(name: &str) -> String {
    // The kernel keeps the first 15 bytes.
    let name = &name[..name.len().min(15)];
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        for thread in std::fs::read_dir("/proc/self/task").unwrap() {
            let thread = thread.unwrap();
            if std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|found| found.trim() == name) {
                return thread.file_name().into_string().unwrap();
            }
        }
        // A thread sets its own name, possibly later than this check.
        std::thread::yield_now();
    }
    panic!("no thread {name}");
}

/// Returns the reason if nothing can be traced on this machine.
pub(crate) fn missing() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Err(error) => Some(format!("strace cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr)))
        }
        Ok(_) => None,
    }
}

/// Runs a test of this binary, named by module and function, as a child that connects to the socket, with these faults
/// in the thread that the child names.
pub(crate) fn run(test: &str, orders: &str, socket: &Path, faults: &[(Call, Fault)]) -> Run {
    let trace = socket.with_extension("trace");
    drop(std::fs::remove_file(socket));
    let listener = UnixListener::bind(socket).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, "sh", &arguments(&trace, faults)]);
    let mut strace = child_of(shell, test, orders)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let complaints = heard(strace.stderr.take().unwrap());
    let mut child = accepted(listener);
    let lines = heard(child.try_clone().unwrap());
    let mut run = Run { said: Vec::new(), complaints: Vec::new(), calls: Vec::new(), met: 0, killed: false };
    attach(&mut strace, &mut child, &lines, &complaints, &mut run);
    let deadline = Instant::now() + PATIENCE;
    listen(&lines, deadline, &mut run.said, orders);
    // Both the child and strace hold this pipe: when it ends, both have ended.
    listen(&complaints, deadline, &mut run.complaints, orders);
    run.complaints.retain(|line| !line.starts_with("strace: "));
    strace.wait().unwrap();
    read_trace(&trace, &mut run);
    run
}

/// Accepts the child's connection, with a time limit: a child that never connects must not block its parent for ever.
fn accepted(listener: UnixListener) -> UnixStream {
    let (accepted, child) = channel();
    std::thread::spawn(move || accepted.send(listener.accept().unwrap().0));
    child.recv_timeout(PATIENCE).expect("the child calls")
}

fn arguments(trace: &Path, faults: &[(Call, Fault)]) -> String {
    let inject =
        |call: &Call, fault: Fault, when: &str| format!(" -e inject={}:{}:when={when}", call.kind, fault.injection());
    let injections: String = match faults {
        // strace supports one injection per kind: two faults are the first and last call of a series of two.
        [(first, fault), (second, other)] if first.kind == second.kind => {
            assert!(fault == other && first.nth < second.nth, "strace cannot inject this pair");
            let step = second.nth - first.nth;
            inject(first, *fault, &format!("{}..{}+{step}", first.nth, second.nth))
        }
        _ => faults.iter().map(|(call, fault)| inject(call, *fault, &call.nth.to_string())).collect(),
    };
    format!("-y -s 0 -o {} -e trace={KINDS}{injections}", trace.display())
}

/// Waits until the child has named its thread and strace is attached to it.
fn attach(
    strace: &mut Child,
    child: &mut UnixStream,
    lines: &Receiver<String>,
    complaints: &Receiver<String>,
    run: &mut Run,
) {
    let thread = loop {
        let line = lines.recv_timeout(PATIENCE).expect("the child names the thread to be attached to");
        match line.strip_prefix("attach ") {
            Some(thread) => break thread.to_owned(),
            None => run.said.push(line),
        }
    };
    writeln!(strace.stdin.take().unwrap(), "{thread}").unwrap();
    loop {
        let line = complaints.recv_timeout(PATIENCE).expect("strace says that it is attached");
        if line.contains("attached") {
            break;
        }
        run.complaints.push(line);
    }
    say(child, "go");
}

fn listen(lines: &Receiver<String>, deadline: Instant, to: &mut Vec<String>, orders: &str) {
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => to.push(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                let child = to.iter().find_map(|line| line.strip_prefix("process "));
                drop(child.map(|child| Command::new("kill").args(["-9", child]).status()));
                panic!("{orders}: it hangs, having said {to:#?}");
            }
        }
    }
}

fn read_trace(trace: &PathBuf, run: &mut Run) {
    let text = std::fs::read_to_string(trace).unwrap();
    for line in text.lines() {
        run.met += usize::from(line.contains("(INJECTED)"));
        run.killed |= line.contains("killed by SIGKILL");
        let Some((kind, _)) = line.split_once('(') else { continue };
        if kind.is_empty() || !kind.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
            continue;
        }
        let nth = 1 + run.calls.iter().filter(|call| call.kind == kind).count();
        run.calls.push(Call { kind: kind.to_owned(), nth, line: line.to_owned() });
    }
    run.met += usize::from(run.killed);
}
