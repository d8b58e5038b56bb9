//! Runs a model over every interleaving within the preemption bound, and counts the executions.
//!
//! No bound of the duration or of the number of executions is set: at such a bound, loom stops and reports success.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// Result of the exploration of a model.
#[derive(Debug, Clone, Copy)]
pub struct Exploration {
    /// Name of the model.
    pub model: &'static str,
    /// Number of interleavings that ran. The assertions of the model are checked in each of them.
    pub executions: u64,
    /// Number of times that an execution reached the interleaving of interest. An execution may count several times.
    pub witnessed: u64,
    /// Duration of the exploration.
    pub duration: Duration,
}

/// Counter of the times that executions reached the interleaving of interest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<AtomicU64>);

impl Witness {
    /// Counts one time.
    pub(crate) fn seen(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Explores a model: with at most two preemptions, or three if `LOOM_LONG` is set.
///
/// # Panics
/// If the model fails, runs less than `least` times, or never counts its witness: such a model proves nothing.
pub(crate) fn explore(model: &'static str, least: u64, body: impl Fn(&Witness) + Send + Sync + 'static) -> Exploration {
    let witness = Witness::default();
    let executions = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(if std::env::var_os("LOOM_LONG").is_some() { 3 } else { 2 });
    builder.max_branches = 10_000;
    let (count, seen) = (Arc::clone(&executions), witness.clone());
    name_failures();
    EXPLORED.set(Some((model, Arc::clone(&executions))));
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        body(&seen);
    });
    EXPLORED.set(None);
    let explored = Exploration {
        model,
        executions: executions.load(Ordering::Relaxed),
        witnessed: witness.0.load(Ordering::Relaxed),
        duration: started.elapsed(),
    };
    println!(
        "model {model}: {} executions, {} witnessed, {:.1} s",
        explored.executions,
        explored.witnessed,
        explored.duration.as_secs_f64()
    );
    assert!(explored.executions >= least, "model {model} ran {} times, at least {least} expected", explored.executions);
    assert!(explored.witnessed > 0, "model {model} never reached the interleaving it is about");
    explored
}

thread_local! {
    /// Model that this thread explores, and the number of its executions that have begun.
    static EXPLORED: RefCell<Option<(&'static str, Arc<AtomicU64>)>> = const { RefCell::new(None) };
}

/// Installs a panic hook, once, that prints the model and the number of the failed execution.
///
/// The fault runner reads this line.
///
/// A hook is used instead of a drop guard: after a deadlock, loom drops the objects of the threads outside of loom,
/// which aborts the process.
fn name_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            usual(panic);
            EXPLORED.with_borrow(|explored| {
                if let Some((model, executions)) = explored {
                    eprintln!("model {model} failed at execution {} .", executions.load(Ordering::Relaxed));
                }
            });
        }));
    });
}
