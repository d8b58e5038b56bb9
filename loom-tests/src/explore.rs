//! Runs a model over every interleaving within the preemption bound, and counts.
//! No bound of time or number is ever set: loom would stop early and report success.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// What a model's run came to.
#[derive(Debug, Clone, Copy)]
pub struct Explored {
    /// The model's name.
    pub model: &'static str,
    /// Interleavings that ran, each with every assertion of the model.
    pub executions: u64,
    /// Interleavings in which the interesting thing happened.
    pub witnessed: u64,
    /// How long it took.
    pub took: Duration,
}

/// Counts the executions in which the interleaving that a model is about was reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<AtomicU64>);

impl Witness {
    pub(crate) fn seen(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Explores a model. It must run at least `least` times and witness its interleaving at least once; else it shows
/// nothing.
pub(crate) fn explore(model: &'static str, least: u64, body: impl Fn(&Witness) + Send + Sync + 'static) -> Explored {
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
    let explored = Explored {
        model,
        executions: executions.load(Ordering::Relaxed),
        witnessed: witness.0.load(Ordering::Relaxed),
        took: started.elapsed(),
    };
    println!(
        "model {model}: {} executions, {} witnessed, {:.1} s",
        explored.executions,
        explored.witnessed,
        explored.took.as_secs_f64()
    );
    assert!(explored.executions >= least, "model {model} ran {} times, at least {least} expected", explored.executions);
    assert!(explored.witnessed > 0, "model {model} never reached the interleaving it is about");
    explored
}

thread_local! {
    /// The model that this thread explores, and how many of its executions have begun.
    static EXPLORED: RefCell<Option<(&'static str, Arc<AtomicU64>)>> = const { RefCell::new(None) };
}

/// Has a panic say which execution of which model it ends: the runner of mutants asks.
///
/// A hook, and no drop: after a deadlock what the threads held is dropped outside of loom, which aborts.
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
