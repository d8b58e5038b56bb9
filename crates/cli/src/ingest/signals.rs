//! Signals that end an ingest: Ctrl-C and SIGTERM.
//!
//! A thread waits for them. At the first signal it closes the database: the close answers the write that is waiting,
//! whatever it waits for, so that the loader knows which rows are durable, and stops. If the loader does not stop,
//! because it waits for input, or if a second signal comes, this thread prints the message and ends the process.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;
use timestrata::Db;
use tokio::sync::oneshot;

use super::durable_rows::SharedDurableRows;
use crate::database;

/// Time that the loader has to stop after the database was closed. Then this thread ends the process.
const STOP_TIME: Duration = Duration::from_secs(1);

/// Signal that ends an ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        [Self::Interrupt, Self::Terminate].into_iter().find(|signal| signal.number() == number)
    }

    /// Returns the reason for a message.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated by a signal",
        }
    }
}

/// State shared with the thread that waits for signals.
#[derive(Debug, Default)]
struct SignalState {
    /// Number of the signal that came; 0 before.
    signal_number: AtomicU8,
    /// `true` once the main thread or the watcher has taken over the end of the program.
    is_ending: AtomicBool,
}

/// Watcher of signals. It holds a handle of the database until [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct SignalWatch {
    state: Arc<SignalState>,
    /// `None` if no thread could be started.
    thread: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl SignalWatch {
    /// Starts to wait for signals. Without it (no thread, no descriptor), a signal ends the process without a message.
    pub(crate) fn start(db: Db, rows: SharedDurableRows, progress: ProgressBar) -> Self {
        let state = Arc::new(SignalState::default());
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let watcher = Watcher { state: Arc::clone(&state), rows, progress };
        let thread = std::thread::Builder::new().name("timestrata-signals".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let waited = runtime.and_then(|runtime| {
                runtime.block_on(async {
                    let signals = Signals::new()?;
                    // The receiver waits for this message.
                    let _ = ready.send(());
                    watcher.run(signals, db, stopped).await;
                    Ok(())
                })
            });
            if let Err(error) = waited {
                database::note(&format!("Ctrl-C will end this ingest without a message: {error}"));
            }
        });
        // An error means that the thread has ended; its note says why.
        let _ = is_ready.recv();
        Self { state, thread: thread.ok().map(|thread| (stop, thread)) }
    }

    /// Returns the signal that came, if any.
    pub(crate) fn signal(&self) -> Option<Signal> {
        Signal::of_number(self.state.signal_number.load(Ordering::Acquire))
    }

    /// Stops to wait for signals, drops the handle of the database, and returns the signal that came.
    pub(crate) fn finish(mut self) -> Option<Signal> {
        if self.state.is_ending.swap(true, Ordering::AcqRel) {
            // The watcher ends the process.
            loop {
                std::thread::park();
            }
        }
        if let Some((stop, thread)) = self.thread.take() {
            // An error means that the thread has ended.
            let _ = stop.send(());
            drop(thread.join());
        }
        self.signal()
    }
}

/// The part of the watch that runs on a thread of its own.
struct Watcher {
    state: Arc<SignalState>,
    rows: SharedDurableRows,
    progress: ProgressBar,
}

impl Watcher {
    async fn run(self, mut signals: Signals, db: Db, mut stop: oneshot::Receiver<()>) {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            _ = &mut stop => return,
        };
        self.state.signal_number.store(signal.number(), Ordering::Release);
        tokio::select! {
            // A close syncs what was written. After an error, the answers to the writes say what is durable.
            closed = db.close() => {
                if closed.is_ok() {
                    self.rows.lock().synced();
                }
            }
            _ = signals.next() => return self.end(signal),
        }
        tokio::select! {
            () = tokio::time::sleep(STOP_TIME) => {}
            _ = signals.next() => {}
            _ = stop => return,
        }
        self.end(signal);
    }

    /// Prints what is durable and ends the process, unless the main thread does so.
    fn end(&self, signal: Signal) {
        if self.state.is_ending.swap(true, Ordering::AcqRel) {
            return;
        }
        self.progress.finish_and_clear();
        let message = self.rows.lock().stopped(signal.reason(), None);
        // A closed stderr is not an error.
        let _ = writeln!(std::io::stderr(), "timestrata: {message}");
        std::process::exit(128 + i32::from(signal.number()));
    }
}

/// Streams of the signals.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Streams of the signals: other systems have only Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "Unix can fail")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
