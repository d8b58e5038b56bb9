//! A child under strace, one of its threads attached to: its system calls are listed, killed at or failed. It knows
//! nothing of databases: the child says when it is ready and which thread is meant, by a socket, and what it says is its
//! own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::processes::{heard, say};

/// Every kind of call that reaches a file; the mark lets strace pass over those that a machine does not have. Closing is
/// left out: an error put in its place would leave the file open, which no kernel does.
const KINDS: &str = "?open,?openat,?mkdir,?mkdirat,?rename,?renameat,?renameat2,?unlink,?unlinkat,?truncate,?ftruncate,\
    ?pwrite64,?write,?writev,?pread64,?fsync,?fdatasync,?getdents64,?flock,?stat,?fstat,?statx,?newfstatat,\
    ?fallocate";

/// Longer than this nothing may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// strace must be the child's ancestor: many systems let nobody else attach. Hence a shell that becomes strace.
const SHELL: &str = r#"set -f; strace=$1; shift; "$@" & read thread; exec strace $strace -p "$thread""#;

/// What befalls a call instead of being carried out.
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

    /// What the operating system says of it.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Kill => None,
            Self::Eio => Some("Input/output error"),
            Self::Enospc => Some("No space left on device"),
        }
    }
}

/// A call of the thread: the how-manieth of its kind since strace was attached, with strace's line on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: String,
    pub(crate) nth: usize,
    pub(crate) line: String,
}

/// How a child fared.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) said: Vec<String>,
    /// What it wrote to its standard error, strace's own words aside.
    pub(crate) complaints: Vec<String>,
    pub(crate) calls: Vec<Call>,
    /// Faults that were met.
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

    /// Waits until strace is attached to the thread whose name begins so, or without a name to this one.
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
        // A thread names itself, and may not have come to it yet.
        std::thread::yield_now();
    }
    panic!("no thread {name}");
}

/// Why nothing can be traced here, if so.
pub(crate) fn missing() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Err(error) => Some(format!("strace cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr)))
        }
        Ok(_) => None,
    }
}

/// Runs a test of this binary as a child that calls the socket, with these faults at the thread that it names.
pub(crate) fn run(test: &str, orders: &str, socket: &Path, faults: &[(Call, Fault)]) -> Run {
    let trace = socket.with_extension("trace");
    drop(std::fs::remove_file(socket));
    let listener = UnixListener::bind(socket).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, "sh", &arguments(&trace, faults)]);
    let mut strace = super::child_of(shell, test, orders)
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
    // Both child and strace hold this one: when it ends, both are gone.
    listen(&complaints, deadline, &mut run.complaints, orders);
    run.complaints.retain(|line| !line.starts_with("strace: "));
    strace.wait().unwrap();
    read_trace(&trace, &mut run);
    run
}

/// A child that never calls must not keep its parent waiting for ever.
fn accepted(listener: UnixListener) -> UnixStream {
    let (accepted, child) = channel();
    std::thread::spawn(move || accepted.send(listener.accept().unwrap().0));
    child.recv_timeout(PATIENCE).expect("the child calls")
}

fn arguments(trace: &Path, faults: &[(Call, Fault)]) -> String {
    let inject =
        |call: &Call, fault: Fault, when: &str| format!(" -e inject={}:{}:when={when}", call.kind, fault.injection());
    let injections: String = match faults {
        // strace keeps one injection a kind: two of them are the first and last of a series of two.
        [(first, fault), (second, other)] if first.kind == second.kind => {
            assert!(fault == other && first.nth < second.nth, "strace cannot inject this pair");
            let step = second.nth - first.nth;
            inject(first, *fault, &format!("{}..{}+{step}", first.nth, second.nth))
        }
        _ => faults.iter().map(|(call, fault)| inject(call, *fault, &call.nth.to_string())).collect(),
    };
    format!("-y -s 0 -o {} -e trace={KINDS}{injections}", trace.display())
}

/// Waits for the child to name its thread and for strace to be attached to it.
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
